//! Migrations: accounts that a queue moves from the first server to another, and back.

use std::time::Duration;

use crate::place::Misread;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::scenario::value::duration_text;
use crate::scenario::value::quoted;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;

/// The server that accounts come from.
pub const OLD_SERVER: ServerId = ServerId(0);

/// Accounts moved at a time where the file does not say.
const WORKERS_DEFAULT: u32 = 1;
/// How many times longer than planned a migration may take where the file does not say.
const WITHIN_DEFAULT: u32 = 4;
/// What a move costs where the file does not say.
const BASE_DEFAULT: Duration = Duration::from_millis(100);
/// Time for which resolvers keep an answer where the file does not say.
const TTL_DEFAULT: Duration = Duration::from_secs(30);

/// How accounts are moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// The server to which they go; they come from the first.
    pub to: ServerId,
    /// Accounts moved at a time: each worker takes the next one when it is done with the last.
    pub workers: u32,
    /// Which go first.
    pub order: Order,
    /// Share of the accounts, drawn at random, that go before all others; 0..=1.
    pub canary: f64,
    /// How long the queue waits when they have gone.
    pub canary_wait: Duration,
    /// When clients are sent to the new server.
    pub redirect: Redirect,
    /// How long it takes by the operator's plan.
    pub planned: Duration,
    /// How long it may take: its queue stops then.
    pub within: Duration,
    /// What a move costs in the embedded network.
    pub cost: MoveCost,
    /// What moves accounts of any other target.
    pub moves: Option<Moves>,
    /// How long all users together may be away from their accounts meanwhile.
    pub downtime_budget: Option<Duration>,
}

/// How accounts are moved back.
#[derive(Clone, Debug, PartialEq)]
pub struct RollBack {
    /// The migration that is undone.
    pub of: PhaseId,
    /// How long it may take.
    pub within: Duration,
    /// How long resolvers keep the old answer, as clients are sent back at once.
    pub ttl: Duration,
    /// Moves one account back, with `{user}` in its place.
    pub move_command: Option<String>,
}

/// Which accounts go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they signed up.
    Signup,
    /// As drawn.
    Random,
    /// Those with the fewest channels.
    Lightest,
}

impl Order {
    const ALL: [Self; 3] = [Self::Signup, Self::Random, Self::Lightest];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Random => "random",
            Self::Lightest => "lightest",
        }
    }
}

/// When whoever dials is sent elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Time from the phase's beginning.
    pub at: Duration,
    /// How long resolvers keep the old answer: each client's is as old as any when the new one is given.
    pub ttl: Duration,
    /// Whether the old server lets go of everybody then, and lets nobody in any more.
    pub drops: bool,
}

/// What moves the accounts of a target that is not ours.
#[derive(Clone, Debug, PartialEq)]
pub enum Moves {
    /// A command for each account, with `{user}` in its place; it ends when the account has moved.
    Command(String),
    /// A queue of the operator's own; the command prints how many accounts are on the new server.
    Progress(String),
}

/// What a move costs in the embedded network: a time, and more of it the more its servers have to do beside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MoveCost {
    /// On an idle network.
    pub base: Duration,
    /// For each user logged in at the new server.
    pub per_user: Duration,
    /// For each who was turned away in the last second.
    pub per_knock: Duration,
    /// For each channel of the account.
    pub per_channel: Duration,
    /// How much moves scatter around that: the standard deviation of its logarithm.
    pub spread: f64,
}

impl Migration {
    /// Reads the keys of a migration to `to`.
    pub(crate) fn read(table: &mut Table<'_>, to: ServerId) -> Result<Self, Misread> {
        let (planned, place) = table.required_placed("planned", value::duration)?;
        if planned.is_zero() {
            return Err(
                Misread::new("a migration that takes no time moves nobody", place)
                    .with_help("`planned` is how long the operator's plan gives it"),
            );
        }
        let mut redirect = table.table("redirect")?;
        let migration = Self {
            to,
            workers: table.with_default("workers", WORKERS_DEFAULT, value::count)?,
            order: table.with_default("order", Order::Signup, order)?,
            canary: table.with_default("canary", 0.0, value::share)?,
            canary_wait: table.with_default("canary_wait", Duration::ZERO, value::duration)?,
            redirect: Redirect {
                at: redirect.with_default("at", Duration::ZERO, value::duration)?,
                ttl: redirect.with_default("ttl", TTL_DEFAULT, value::duration)?,
                drops: redirect.with_default("drops", false, value::boolean)?,
            },
            planned,
            within: table.with_default("within", planned * WITHIN_DEFAULT, value::duration)?,
            cost: MoveCost::read(table.table("cost")?)?,
            moves: moves(table)?,
            downtime_budget: table.optional("downtime_budget", value::duration)?,
        };
        redirect.finish()?;
        Ok(migration)
    }

    /// Returns its keys and values as a scenario file has them.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let mut keys = Vec::new();
        let mut put = |key: &str, value: String| keys.push((key.to_owned(), value));
        put("workers", self.workers.to_string());
        put("order", quoted(self.order.name()));
        put("canary", format!("{:?}", self.canary));
        put("canary_wait", span(self.canary_wait));
        put("planned", span(self.planned));
        put("within", span(self.within));
        if let Some(budget) = self.downtime_budget {
            put("downtime_budget", span(budget));
        }
        put("redirect.at", span(self.redirect.at));
        put("redirect.ttl", span(self.redirect.ttl));
        put("redirect.drops", self.redirect.drops.to_string());
        let cost = &self.cost;
        put("cost.base", span(cost.base));
        put("cost.per_user", span(cost.per_user));
        put("cost.per_knock", span(cost.per_knock));
        put("cost.per_channel", span(cost.per_channel));
        put("cost.spread", format!("{:?}", cost.spread));
        match &self.moves {
            Some(Moves::Command(command)) => put("move_command", quoted(command)),
            Some(Moves::Progress(command)) => put("progress_command", quoted(command)),
            None => {}
        }
        keys
    }
}

impl RollBack {
    /// Reads the keys of a roll-back of a phase that is `migration`.
    pub(crate) fn read(
        table: &mut Table<'_>,
        of: PhaseId,
        migration: &Migration,
    ) -> Result<Self, Misread> {
        Ok(Self {
            within: table.with_default("within", migration.within, value::duration)?,
            ttl: table.with_default("ttl", migration.redirect.ttl, value::duration)?,
            move_command: table.optional("move_command", value::text)?,
            ..Self::of(of, migration)
        })
    }

    /// Returns the roll-back of a migration of which the file has none.
    pub(crate) fn of(of: PhaseId, migration: &Migration) -> Self {
        Self {
            of,
            within: migration.within,
            ttl: migration.redirect.ttl,
            move_command: None,
        }
    }

    /// Returns its keys and values as a scenario file has them, its phase apart.
    pub(crate) fn keys(&self) -> Vec<(String, String)> {
        let mut keys = vec![
            ("within".to_owned(), span(self.within)),
            ("ttl".to_owned(), span(self.ttl)),
        ];
        let command = self.move_command.as_ref();
        keys.extend(command.map(|command| ("move_command".to_owned(), quoted(command))));
        keys
    }
}

impl MoveCost {
    fn read(mut table: Table<'_>) -> Result<Self, Misread> {
        let cost = Self {
            base: table.with_default("base", BASE_DEFAULT, value::duration)?,
            per_user: table.with_default("per_user", Duration::ZERO, value::duration)?,
            per_knock: table.with_default("per_knock", Duration::ZERO, value::duration)?,
            per_channel: table.with_default("per_channel", Duration::ZERO, value::duration)?,
            spread: table.with_default("spread", 0.0, value::spread)?,
        };
        table.finish()?;
        Ok(cost)
    }
}

fn moves(table: &mut Table<'_>) -> Result<Option<Moves>, Misread> {
    let command = table.optional_placed("move_command", value::text)?;
    let progress = table.optional("progress_command", value::text)?;
    match (command, progress) {
        (Some((_, place)), Some(_)) => Err(Misread::new(
            "a migration has either `move_command` or `progress_command`, found both",
            place,
        )
        .with_help(
            "move_command moves one account; progress_command asks the operator's own queue",
        )),
        (Some((command, _)), None) => Ok(Some(Moves::Command(command))),
        (None, command) => Ok(command.map(Moves::Progress)),
    }
}

fn order(value: &str) -> Result<Order, value::Expected> {
    let found = Order::ALL.into_iter().find(|order| order.name() == value);
    found.ok_or(value::Expected {
        what: "\"signup\", \"random\" or \"lightest\"",
        help: "signup: as they signed up; random: as drawn; lightest: the fewest channels first",
    })
}

fn span(duration: Duration) -> String {
    quoted(&duration_text(duration))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::scenario::file::read;
    use crate::scenario::phase::Begins;
    use crate::scenario::phase::PhaseKind;

    const HEAD: &str = "profile = \"p\"\n[population]\nusers = 10\nchannels = 5\n[phase.ramp]\nkind = \"ramp\"\nrate = \"5/s\"\n\
        [phase.move]\nkind = \"migrate\"\nplanned = \"1min\"\n";

    #[track_caller]
    fn check_error(tail: &str, want: &str) {
        let misread = read("a.toml", &format!("{HEAD}{tail}"), &BTreeMap::new()).unwrap_err();
        assert_eq!(
            format!("{misread} @ {} ? {}", misread.place, misread.help),
            want
        );
    }

    #[test]
    fn every_migration_can_be_rolled_back() {
        let scenario = read("a.toml", HEAD, &BTreeMap::new()).unwrap();
        let names: Vec<(&str, Begins)> = scenario
            .phases
            .iter()
            .skip(2)
            .map(|phase| (phase.name.as_str(), phase.begins))
            .collect();
        assert_eq!(names, [("move-roll-back", Begins::OnDemand)]);
        assert!(matches!(
            &scenario.phases[2].kind,
            PhaseKind::RollBack { roll_back } if roll_back.of.0 == 1 && roll_back.within.as_secs() == 240
        ));
        assert_eq!(scenario.servers.len(), 1);
        let again = read("a.toml", &scenario.to_toml(), &BTreeMap::new()).unwrap();
        assert_eq!(again.to_toml(), scenario.to_toml());
    }

    #[test]
    fn what_makes_no_sense_of_a_migration_is_refused_where_it_stands() {
        check_error(
            "order = \"alphabet\"\n",
            "expected \"signup\", \"random\" or \"lightest\" for `order`, found `alphabet` @ a.toml:11:9 ? signup: as they signed up; random: as drawn; lightest: the fewest channels first",
        );
        check_error(
            "move_command = \"a\"\nprogress_command = \"b\"\n",
            "a migration has either `move_command` or `progress_command`, found both @ a.toml:11:16 ? move_command moves one account; progress_command asks the operator's own queue",
        );
        check_error(
            "[phase.back]\nkind = \"roll_back\"\nof = \"ramp\"\n",
            "`ramp` is no migration @ a.toml:13:6 ? name the phase of kind \"migrate\" that is undone",
        );
        check_error(
            "[phase.back]\nkind = \"roll_back\"\nof = \"move\"\non_demand = true\n[phase.then]\nkind = \"quiet\"\nduration = \"1s\"\nafter = \"back\"\n",
            "`back` is played on demand alone @ a.toml:18:9 ? a phase follows or overlaps one that has its time",
        );
        check_error(
            "[phase.back]\nkind = \"roll_back\"\nof = \"move\"\nduring = \"ramp\"\n",
            "`back` does not begin after `move` has @ a.toml:11:8 ? write during = \"move\" and `at`, or on_demand = true",
        );
        check_error(
            "[phase.split]\nkind = \"netsplit\"\nheal_after = \"1s\"\n",
            "links can't break while accounts move between servers @ a.toml:11:8 ? write by = \"clients\" in `split`",
        );
        check_error(
            "[phase.more]\nkind = \"migrate\"\nto = \"elsewhere\"\nplanned = \"1min\"\n",
            "accounts move to `new` already, found `elsewhere` @ a.toml:13:6 ? a scenario has one new server: leave `to` out, or name the same",
        );
        check_error(
            "[[abort]]\ncheck = \"forecast.move < 1h\"\nthen = \"move\"\n",
            "`move` is no roll-back that is played on demand @ a.toml:13:8 ? name a phase of kind \"roll_back\" with on_demand = true, such as `move-roll-back`",
        );
        check_error(
            "[[abort]]\ncheck = \"forecast.move < 1h\"\nthen = \"move-roll-back\"\nhard = true\n",
            "a hard abort waits for nothing, and rolls nothing back @ a.toml:13:8 ? leave out `hard` or `then`",
        );
    }
}
