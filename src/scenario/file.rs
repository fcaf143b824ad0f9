//! The scenario file: TOML text to a [`Scenario`].

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeTable;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::AbortCondition;
use crate::scenario::ClientBehaviour;
use crate::scenario::Condition;
use crate::scenario::Population;
use crate::scenario::Reconnect;
use crate::scenario::Scenario;
use crate::scenario::TargetNeeds;
use crate::scenario::Tolerance;
use crate::scenario::accounts;
use crate::scenario::bouncer;
use crate::scenario::bouncer::Bouncer;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::clients;
use crate::scenario::clients::Share;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::ReadBy;
use crate::scenario::phases;
use crate::scenario::reader::Document;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::units::id::PhaseId;

/// How far the shares of a mix may miss 1: thirds have no end.
const MIX_TOLERANCE: f64 = 0.005;

/// Reads a scenario. `path` names it in errors, `overrides` are the `--set KEY=VALUE` by full key.
///
/// # Errors
///
/// Returns the first key or value that is not as it should be, with its place and what to write instead.
pub fn read(
    path: &str,
    text: &str,
    overrides: &BTreeMap<String, String>,
) -> Result<Scenario, Misread> {
    let document = Document::new(path, text, overrides);
    let parsed = DeTable::parse(text).map_err(|error| document.syntax(&error))?;
    let mut root = document.root(parsed.get_ref());
    let (profile, profile_place) = root.required_placed("profile", value::text)?;
    let starts = root.optional("starts", value::week_second)?;
    let heat = root.with_default("heat", 1.0, value::positive)?;
    let settle = root.with_default("settle", Duration::from_secs(10), value::settle)?;
    let bouncer = bouncer::bouncer(root.table("bouncer")?)?;
    let population = population(root.table("population")?, bouncer.is_some())?;
    let client = client(root.table("client")?)?;
    let reconnect = reconnect(root.table("reconnect")?)?;
    let target = target(root.table("target")?)?;
    let accounts = accounts::accounts(root.table("accounts")?)?;
    let services = accounts::services(root.table("services")?)?;
    let warm_up = root.with_default("warm_up", Duration::ZERO, value::duration)?;
    let max_length = root.optional("max_length", value::duration)?;
    let phase_table = root.table("phase")?;
    let phases_place = phase_table.place().clone();
    let parts = phases::read(phase_table)?;
    check_reading_back(&parts.phases, bouncer.as_ref(), &phases_place)?;
    let slos = conditions(root.tables("slo")?)?;
    let aborts = aborts(root.tables("abort")?, &parts.phases)?;
    let tolerances = tolerances(root.table("tolerate")?)?;
    root.finish()?;
    document.finish()?;
    Ok(Scenario {
        name: stem(path),
        profile,
        profile_place,
        starts,
        heat,
        population,
        client,
        reconnect,
        target,
        bouncer,
        accounts,
        services,
        settle,
        warm_up,
        max_length,
        servers: parts.servers,
        phases: parts.phases,
        slos,
        aborts,
        tolerances,
    })
}

/// Checks that clients who read back find something: most bouncers forget what was read.
fn check_reading_back(
    phases: &[Phase],
    bouncer: Option<&Bouncer>,
    place: &Place,
) -> Result<(), Misread> {
    for phase in phases {
        let PhaseKind::ReadBack { by, .. } = phase.kind else {
            continue;
        };
        let (can, help) = match by {
            ReadBy::Attach => (
                bouncer.is_some_and(|bouncer| bouncer.keeps_read),
                "write keeps_read = true in [bouncer], with kind = \"znc\"",
            ),
            ReadBy::Pages => (
                bouncer.is_some_and(|bouncer| bouncer.kind == BouncerKind::Soju),
                "a soju is asked for pages: kind = \"soju\" in [bouncer]",
            ),
        };
        if !can {
            let what = format!("`{}` reads back what no bouncer tells", phase.name);
            return Err(Misread::new(what, place.clone()).with_help(help));
        }
    }
    Ok(())
}

fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".toml").unwrap_or(name).to_owned()
}

/// Reads the population. Behind a bouncer the channels are those of its users.
fn population(mut table: Table<'_>, is_behind_bouncer: bool) -> Result<Population, Misread> {
    let users = table.required("users", value::count)?;
    let channels = if is_behind_bouncer {
        1
    } else {
        table.required("channels", value::count)?
    };
    let members_per_channel = table.with_default("members_per_channel", 6.0, value::positive)?;
    let private_share = table.with_default("private_share", 0.05, value::share)?;
    table.finish()?;
    Ok(Population {
        users,
        channels,
        members_per_channel,
        private_share,
    })
}

fn client(mut table: Table<'_>) -> Result<ClientBehaviour, Misread> {
    let mode_on_join = table.optional("mode_on_join", value::boolean)?;
    let who_on_join = table.optional("who_on_join", value::boolean)?;
    let capabilities = table.texts("capabilities")?;
    let ping_every = table.optional("ping_every", value::duration)?;
    let mix = mix(table.table("mix")?)?;
    table.finish()?;
    Ok(ClientBehaviour {
        mode_on_join,
        who_on_join,
        capabilities,
        ping_every,
        mix,
    })
}

/// Reads which programs the users have. Every program is asked for by name, so that `--set` reaches it and a wrong name meets
/// the right ones.
fn mix(mut table: Table<'_>) -> Result<Vec<Share>, Misread> {
    let mut shares = Vec::new();
    let mut place = table.place().clone();
    for name in clients::names() {
        let Some((share, at)) = table.optional_placed(name, value::share)? else {
            continue;
        };
        place = at;
        if let Some(client) = clients::find(name)
            && share > 0.0
        {
            let client = client?;
            shares.push(Share { client, share });
        }
    }
    table.finish()?;
    let sum: f64 = shares.iter().map(|share| share.share).sum();
    if !shares.is_empty() && (sum - 1.0).abs() > MIX_TOLERANCE {
        return Err(
            Misread::new(format!("the shares of the mix add up to {sum:.3}"), place)
                .with_help("every user has one client: write shares that add up to 1"),
        );
    }
    Ok(shares)
}

fn reconnect(mut table: Table<'_>) -> Result<Reconnect, Misread> {
    let first = table.optional("first", value::duration)?;
    let longest = table.optional("longest", value::duration)?;
    let connect_timeout =
        table.with_default("connect_timeout", Duration::from_secs(15), value::duration)?;
    let register_timeout =
        table.with_default("register_timeout", Duration::from_secs(30), value::duration)?;
    table.finish()?;
    Ok(Reconnect {
        first,
        longest,
        connect_timeout,
        register_timeout,
    })
}

fn target(mut table: Table<'_>) -> Result<TargetNeeds, Misread> {
    let password_env = table.optional("password_env", value::text)?;
    let spread_sources = table.with_default("spread_sources", true, value::boolean)?;
    // Neither irssi nor WeeChat keeps sessions between connections.
    let resumes_tls = table.with_default("tls_resumption", false, value::boolean)?;
    table.finish()?;
    Ok(TargetNeeds {
        password_env,
        spread_sources,
        resumes_tls,
    })
}

fn conditions(tables: Vec<Table<'_>>) -> Result<Vec<Condition>, Misread> {
    tables
        .into_iter()
        .map(|mut table| {
            let (check, place) = table.required_placed("check", value::text)?;
            let min_samples = table.with_default("min_samples", 1, value::samples)?;
            table.finish()?;
            Ok(Condition {
                check,
                min_samples,
                place,
            })
        })
        .collect()
}

fn aborts(tables: Vec<Table<'_>>, phases: &[Phase]) -> Result<Vec<AbortCondition>, Misread> {
    tables
        .into_iter()
        .map(|mut table| {
            let (check, place) = table.required_placed("check", value::text)?;
            let min_samples = table.with_default("min_samples", 1, value::samples)?;
            let lasts = table.with_default("for", Duration::ZERO, value::duration)?;
            let delay = table.with_default("delay", Duration::ZERO, value::duration)?;
            let is_hard = table.with_default("hard", false, value::boolean)?;
            let then = match table.optional_placed("then", value::text)? {
                Some((_, place)) if is_hard => {
                    return Err(Misread::new(
                        "a hard abort waits for nothing, and rolls nothing back",
                        place,
                    )
                    .with_help("leave out `hard` or `then`"));
                }
                Some((name, place)) => Some(roll_back(&name, place, phases)?),
                None => None,
            };
            table.finish()?;
            Ok(AbortCondition {
                condition: Condition {
                    check,
                    min_samples,
                    place,
                },
                lasts,
                delay,
                is_hard,
                then,
            })
        })
        .collect()
}

/// Finds the roll-back of that name, which is played on demand.
fn roll_back(name: &str, place: Place, phases: &[Phase]) -> Result<PhaseId, Misread> {
    let is_on_demand = |phase: &Phase| phase.begins == Begins::OnDemand;
    let mut ids = (0u16..).map(PhaseId).zip(phases);
    if let Some((id, _)) = ids.find(|(_, phase)| phase.name == name && is_on_demand(phase)) {
        return Ok(id);
    }
    let known = phases.iter().find(|phase| is_on_demand(phase));
    let help = match known {
        Some(known) => format!(
            "name a phase of kind \"roll_back\" with on_demand = true, such as `{}`",
            known.name
        ),
        None => "the scenario has no migration that could be rolled back".to_owned(),
    };
    Err(Misread::new(
        format!("`{name}` is no roll-back that is played on demand"),
        place,
    )
    .with_help(help))
}

fn tolerances(mut table: Table<'_>) -> Result<Vec<Tolerance>, Misread> {
    let mut tolerances = Vec::new();
    for counter in table.keys() {
        if let Some((share, place)) = table.optional_placed(&counter, value::share)? {
            tolerances.push(Tolerance {
                counter,
                share,
                place,
            });
        }
    }
    table.finish()?;
    Ok(tolerances)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "profile = \"support-channel\"\n[population]\nusers = 10\nchannels = 5\n[phase.ramp]\nkind = \"ramp\"\nrate = \"5/s\"\n[phase.steady]\nkind = \"steady\"\nduration = \"15s\"\n";

    #[track_caller]
    fn check_error(text: &str, sets: &[(&str, &str)], want: &str) {
        let overrides = sets
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let misread = read("a.toml", text, &overrides).unwrap_err();
        assert_eq!(
            format!("{misread} @ {} ? {}", misread.place, misread.help),
            want
        );
    }

    #[test]
    fn phases_follow_in_the_order_of_the_file() {
        let scenario = read("scenarios/small.toml", SMALL, &BTreeMap::new()).unwrap();
        assert_eq!(scenario.name, "small");
        assert_eq!(scenario.phases[0].begins, Begins::AtStart);
        assert_eq!(
            scenario.phases[1].begins,
            Begins::After(PhaseId(0), Duration::ZERO)
        );
    }

    #[test]
    fn a_set_value_wins_over_the_file() {
        let overrides = BTreeMap::from([
            ("population.users".to_owned(), "500".to_owned()),
            ("phase.steady.duration".to_owned(), "60s".to_owned()),
        ]);
        let scenario = read("a.toml", SMALL, &overrides).unwrap();
        assert_eq!(scenario.population.users, 500);
        assert_eq!(
            scenario.phases[1].kind,
            PhaseKind::Steady {
                duration: Duration::from_mins(1)
            }
        );
    }

    #[test]
    fn errors_say_what_was_expected_where_and_what_to_do() {
        check_error(
            &SMALL.replace("5/s", "12x"),
            &[],
            "expected a rate for `rate`, found `12x` @ a.toml:7:8 ? write events per second, such as \"12/s\" (or /min, /h)",
        );
        check_error(
            &SMALL.replace("channels", "chanels"),
            &[],
            "[population] has no `channels` @ a.toml:2:2 ? add `channels = …`: write digits alone, such as `1000`",
        );
        check_error(
            &format!("{SMALL}duratoin = \"3s\"\n"),
            &[],
            "`duratoin` is no key of [phase.steady] @ a.toml:11:1 ? did you mean `duration`?",
        );
        check_error(
            SMALL,
            &[("population.user", "5")],
            "`population.user` is no key of this scenario @ --set population.user ? did you mean `population.users`?",
        );
        check_error(
            &SMALL.replace("users = 10", "users = -1"),
            &[],
            "expected a whole number above zero for `users`, found `-1` @ a.toml:3:9 ? write digits alone, such as `1000`",
        );
        check_error(
            "profile = ",
            &[],
            "expected TOML: string values must be quoted, expected literal string @ a.toml:1:11 ? ",
        );
    }

    #[test]
    fn a_mix_gives_every_user_one_client() {
        let mixed = format!("{SMALL}[client]\nmix = {{ irssi = 0.5, bot = 0.5 }}\n");
        let scenario = read("a.toml", &mixed, &BTreeMap::new()).unwrap();
        let names: Vec<String> = scenario
            .clients()
            .into_iter()
            .map(|share| share.client.name)
            .collect();
        assert_eq!(names, ["irssi", "bot"]);
        check_error(
            &mixed,
            &[("client.mix.bot", "0.4")],
            "the shares of the mix add up to 0.900 @ --set client.mix.bot ? every user has one client: write shares that add up to 1",
        );
        check_error(
            &mixed.replace("irssi", "irsi"),
            &[],
            "`irsi` is no key of [client.mix] @ a.toml:12:9 ? did you mean `irssi`?",
        );
    }

    #[test]
    fn a_phase_can_only_refer_to_one_above_it() {
        check_error(
            &SMALL.replace("kind = \"ramp\"", "kind = \"ramp\"\nafter = \"steady\""),
            &[],
            "no phase `steady` stands above this one @ a.toml:7:9 ? a phase follows or overlaps one that the file names before it",
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_or_is_refused_without_panic(text in ".{0,200}") {
            let _ = read("a.toml", &text, &BTreeMap::new());
        }
    }
}
