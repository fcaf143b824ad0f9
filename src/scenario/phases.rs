//! Reading the phases of a scenario file.

use std::time::Duration;

use crate::place::Misread;
use crate::place::Place;
use crate::scenario::FarServer;
use crate::scenario::migration::Migration;
use crate::scenario::migration::RollBack;
use crate::scenario::phase::Begins;
use crate::scenario::phase::Commands;
use crate::scenario::phase::CurvePoint;
use crate::scenario::phase::Cut;
use crate::scenario::phase::Heal;
use crate::scenario::phase::Pace;
use crate::scenario::phase::Phase;
use crate::scenario::phase::PhaseKind;
use crate::scenario::phase::ReadBy;
use crate::scenario::phase::RestartOf;
use crate::scenario::phase::Returns;
use crate::scenario::phase::SplitBy;
use crate::scenario::reader::Table;
use crate::scenario::value;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;

/// Most phases of a scenario; their identifiers are 16 bits, and nobody reads more.
const PHASE_COUNT_MAX: usize = 1_000;
/// Share of the users that a mass event hits where the file does not say.
const FRACTION_DEFAULT: f64 = 0.3;
/// Span of a storm where the file does not say.
const STORM_DEFAULT: Duration = Duration::from_secs(10);
/// When a backlog is read again where the file does not say.
const AGAIN_DEFAULT: [Duration; 3] = [
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
];

/// The new server of a migration where the file does not name it.
const NEW_SERVER: &str = "new";

/// The phases of a file, and the servers that they name.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) phases: Vec<Phase>,
    pub(crate) servers: Vec<FarServer>,
}

/// Reads `[phase.*]` in the order of the file.
pub(crate) fn read(mut sections: Table<'_>) -> Result<Parts, Misread> {
    let names = sections.keys();
    if names.is_empty() {
        return Err(Misread::new("the scenario has no phase", sections.place().clone())
            .with_help("add at least [phase.ramp] with kind = \"ramp\" and [phase.steady] with kind = \"steady\""));
    }
    if names.len() > PHASE_COUNT_MAX {
        return Err(Misread::new(
            format!("at most {PHASE_COUNT_MAX} phases, found {}", names.len()),
            sections.place().clone(),
        ));
    }
    let mut parts = Parts::default();
    for name in &names {
        let mut table = sections.table(name)?;
        let place = table.place().clone();
        let (kind, commands) = parts.kind(&mut table, name)?;
        let begins = begins(&mut table, &kind, &parts.phases, &place)?;
        table.finish()?;
        parts.check_links(name, &kind, &place)?;
        parts.check_undoing(name, &kind, begins, &place)?;
        parts.phases.push(Phase {
            name: name.clone(),
            kind,
            begins,
            commands,
        });
    }
    parts.add_roll_backs();
    Ok(parts)
}

impl Parts {
    fn kind(
        &mut self,
        table: &mut Table<'_>,
        name: &str,
    ) -> Result<(PhaseKind, Commands), Misread> {
        let (kind, place) = table.required_placed("kind", value::text)?;
        let mut commands = Commands::default();
        let kind = match kind.as_str() {
            "ramp" => PhaseKind::Ramp { pace: pace(table)? },
            "steady" => PhaseKind::Steady {
                duration: table.required("duration", value::duration)?,
            },
            "quiet" => PhaseKind::Quiet {
                duration: table.required("duration", value::duration)?,
            },
            "netsplit" => {
                commands.begin = table.optional("split_command", value::text)?;
                commands.end = table.optional("heal_command", value::text)?;
                self.netsplit(table, name)?
            }
            "mass_disconnect" => PhaseKind::MassDisconnect {
                fraction: table.with_default("fraction", FRACTION_DEFAULT, value::share)?,
                how: table.with_default("how", Cut::Fin, value::cut)?,
                returns: returns(table)?,
            },
            "restart" => {
                commands.begin = table.optional("command", value::text)?;
                PhaseKind::Restart {
                    lasts: table.required("lasts", value::duration)?,
                    of: table.with_default("of", RestartOf::Target, value::restart_of)?,
                }
            }
            "migrate" => self.migrate(table, &mut commands)?,
            "roll_back" => {
                commands.begin = table.optional("command", value::text)?;
                self.roll_back(table)?
            }
            "nick_storm" => PhaseKind::NickStorm {
                fraction: table.with_default("fraction", FRACTION_DEFAULT, value::share)?,
                over: table.with_default("over", STORM_DEFAULT, value::duration)?,
            },
            "join_storm" => PhaseKind::JoinStorm {
                fraction: table.with_default("fraction", FRACTION_DEFAULT, value::share)?,
                over: table.with_default("over", STORM_DEFAULT, value::duration)?,
                stay: table.with_default("stay", STORM_DEFAULT, value::duration)?,
            },
            "read_back" => PhaseKind::ReadBack {
                fraction: table.with_default("fraction", 1.0, value::share)?,
                by: table.with_default("by", ReadBy::Attach, value::read_by)?,
                over: table.with_default("over", STORM_DEFAULT, value::duration)?,
                again: again(table)?,
            },
            "quit" => PhaseKind::Quit {
                rate: table.required("rate", value::rate)?,
            },
            other => {
                let names: Vec<String> = PhaseKind::NAMES
                    .iter()
                    .map(|name| format!("\"{name}\""))
                    .collect();
                return Err(Misread::new(
                    format!("expected a kind of phase, found `{other}`"),
                    place,
                )
                .with_help(format!("one of {}", names.join(", "))));
            }
        };
        Ok((kind, commands))
    }

    /// Reads a migration. All of a scenario go to the same server: an account is here or there.
    fn migrate(
        &mut self,
        table: &mut Table<'_>,
        commands: &mut Commands,
    ) -> Result<PhaseKind, Misread> {
        let named = table.optional_placed("to", value::text)?;
        let migrations = self
            .phases
            .iter()
            .filter_map(|phase| phase.kind.migration());
        let known = migrations.map(|migration| migration.to).next();
        let to = match (known, named) {
            (Some(to), Some((name, place))) if self.server_name(to) != name => {
                return Err(Misread::new(
                    format!(
                        "accounts move to `{}` already, found `{name}`",
                        self.server_name(to)
                    ),
                    place,
                )
                .with_help("a scenario has one new server: leave `to` out, or name the same"));
            }
            (Some(to), _) => to,
            (None, named) => {
                self.servers.push(FarServer {
                    name: named.map_or_else(|| NEW_SERVER.to_owned(), |(name, _)| name),
                    fraction: 0.0,
                });
                ServerId(u16::try_from(self.servers.len()).unwrap_or(u16::MAX))
            }
        };
        commands.begin = table.optional("command", value::text)?;
        Ok(PhaseKind::Migrate {
            migration: Box::new(Migration::read(table, to)?),
        })
    }

    fn server_name(&self, server: ServerId) -> &str {
        let far = server.index().checked_sub(1);
        let far = far.and_then(|index| self.servers.get(index));
        far.map_or("", |far| &far.name)
    }

    fn roll_back(&self, table: &mut Table<'_>) -> Result<PhaseKind, Misread> {
        let (of, place) = table.required_placed("of", value::text)?;
        let index = self.phases.iter().position(|phase| phase.name == of);
        let found = index.and_then(|index| {
            let id = PhaseId(u16::try_from(index).ok()?);
            Some((id, self.phases[index].kind.migration()?))
        });
        let Some((id, migration)) = found else {
            return Err(Misread::new(format!("`{of}` is no migration"), place)
                .with_help("name the phase of kind \"migrate\" that is undone"));
        };
        Ok(PhaseKind::RollBack {
            roll_back: RollBack::read(table, id, migration)?,
        })
    }

    /// Gives each migration a roll-back on demand, where the file has none: a person may always ask for one.
    fn add_roll_backs(&mut self) {
        let ids = (0u16..).map(PhaseId);
        let migrations = ids.zip(&self.phases).filter_map(|(id, phase)| {
            let is_undone = self
                .phases
                .iter()
                .any(|other| other.begins == Begins::OnDemand && other.kind.undoes() == Some(id));
            let migration = phase.kind.migration().filter(|_| !is_undone)?;
            let mut name = format!("{}-roll-back", phase.name);
            while self.phases.iter().any(|other| other.name == name) {
                name.push('-');
            }
            Some(Phase {
                name,
                kind: PhaseKind::RollBack {
                    roll_back: RollBack::of(id, migration),
                },
                begins: Begins::OnDemand,
                commands: Commands::default(),
            })
        });
        let added: Vec<Phase> = migrations.collect();
        self.phases.extend(added);
    }

    /// Checks that a roll-back begins when its migration has.
    fn check_undoing(
        &self,
        name: &str,
        kind: &PhaseKind,
        begins: Begins,
        place: &Place,
    ) -> Result<(), Misread> {
        let Some(undone) = kind.undoes() else {
            return Ok(());
        };
        let mut begins = begins;
        loop {
            match begins {
                Begins::OnDemand => return Ok(()),
                Begins::After(id, _) | Begins::During(id, _) if id == undone => return Ok(()),
                Begins::After(id, _) | Begins::During(id, _) => {
                    begins = self.phases[id.index()].begins;
                }
                Begins::AtStart => {
                    let undone = &self.phases[undone.index()].name;
                    return Err(Misread::new(
                        format!("`{name}` does not begin after `{undone}` has"),
                        place.clone(),
                    )
                    .with_help(format!(
                        "write during = \"{undone}\" and `at`, or on_demand = true"
                    )));
                }
            }
        }
    }

    /// Checks that no link breaks in a scenario whose accounts move: who sits behind it would be told by the hour.
    fn check_links(&self, name: &str, kind: &PhaseKind, place: &Place) -> Result<(), Misread> {
        let others = || self.phases.iter().map(|phase| &phase.kind);
        let is_moving = |kind: &PhaseKind| kind.migration().is_some();
        let is_clash = (kind.far_link().is_some() && others().any(is_moving))
            || (is_moving(kind) && others().any(|kind| kind.far_link().is_some()));
        if !is_clash {
            return Ok(());
        }
        let parted = self
            .phases
            .iter()
            .find(|phase| phase.kind.far_link().is_some());
        let parted = parted.map_or(name, |phase| &phase.name);
        Err(Misread::new(
            "links can't break while accounts move between servers",
            place.clone(),
        )
        .with_help(format!("write by = \"clients\" in `{parted}`")))
    }

    /// Reads a netsplit. Phases that name one server part the same users from the rest again.
    fn netsplit(&mut self, table: &mut Table<'_>, phase: &str) -> Result<PhaseKind, Misread> {
        let fraction = table.optional_placed("fraction", value::share)?;
        let server = table.optional("server", value::text)?;
        let server = server.unwrap_or_else(|| phase.to_owned());
        let known = self.servers.iter().position(|known| known.name == server);
        let index = known.unwrap_or(self.servers.len());
        let fraction = match (self.servers.get(index), fraction) {
            (Some(known), Some((other, place)))
                if (known.fraction - other).abs() > f64::EPSILON =>
            {
                return Err(Misread::new(
                    format!(
                        "`{server}` has {:?} of the users already, found {other:?}",
                        known.fraction
                    ),
                    place,
                )
                .with_help(
                    "users stay on their server: give a share once, or name another server",
                ));
            }
            (Some(known), _) => known.fraction,
            (None, given) => {
                let fraction = given.map_or(FRACTION_DEFAULT, |(fraction, _)| fraction);
                self.servers.push(FarServer {
                    name: server,
                    fraction,
                });
                fraction
            }
        };
        Ok(PhaseKind::Netsplit {
            far: ServerId(u16::try_from(index + 1).unwrap_or(u16::MAX)),
            fraction,
            heal_after: table.required("heal_after", value::duration)?,
            by: table.with_default("by", SplitBy::Links, value::split_by)?,
            heal: table.with_default("heal", Heal::Tick, value::heal)?,
        })
    }
}

fn pace(table: &mut Table<'_>) -> Result<Pace, Misread> {
    let Some((points, place)) = table.texts_placed("curve")? else {
        return Ok(Pace::Rate(table.required("rate", value::rate)?));
    };
    if let Some((_, place)) = table.optional_placed("rate", value::rate)? {
        return Err(Misread::new(
            "a ramp has either `rate` or `curve`, found both",
            place,
        ));
    }
    let mut curve: Vec<CurvePoint> = Vec::with_capacity(points.len());
    for text in &points {
        let point = item(text, &place, value::curve_point)?;
        let is_onward = curve
            .last()
            .is_none_or(|last| last.at <= point.at && last.share <= point.share);
        if !is_onward {
            return Err(
                Misread::new(format!("`{text}` lies before the point above it"), place)
                    .with_help("points follow each other in time, and nobody leaves in a ramp"),
            );
        }
        curve.push(point);
    }
    if curve.last().is_none_or(|last| last.share < 1.0) {
        return Err(Misread::new("the curve does not bring everybody", place)
            .with_help("end it with 100%, such as [\"30s 10%\", \"2min 100%\"]"));
    }
    Ok(Pace::Curve(curve))
}

/// Reads how the victims of a mass event come back.
fn returns(table: &mut Table<'_>) -> Result<Returns, Misread> {
    let way = table.optional_placed("returns", value::text)?;
    let after = table.with_default("reconnect_after", Duration::from_secs(1), value::duration)?;
    let over = table.with_default("reconnect_over", STORM_DEFAULT, value::duration)?;
    let Some((way, place)) = way else {
        return Ok(Returns::Even { after, over });
    };
    match way.as_str() {
        "even" => Ok(Returns::Even { after, over }),
        "at_once" => Ok(Returns::AtOnce { after }),
        "backoff" => Ok(Returns::Backoff { within: over }),
        "outage" => Ok(Returns::Outage {
            after,
            within: over,
            speed: table.with_default("speed", 1.0, value::positive)?,
        }),
        other => Err(Misread::new(
            format!("expected a way of returning, found `{other}`"),
            place,
        )
        .with_help(
            "even: over `reconnect_over`; at_once: in one moment; backoff: each program by itself; \
             outage: as after the mass events of the profile's capture",
        )),
    }
}

/// Reads an item of a list of texts.
fn item<T>(
    text: &str,
    place: &Place,
    read: impl FnOnce(&str) -> Result<T, value::Expected>,
) -> Result<T, Misread> {
    read(text).map_err(|expected| {
        let what = format!("expected {}, found `{text}`", expected.what);
        Misread::new(what, place.clone()).with_help(expected.help)
    })
}

/// Reads when a backlog is read again.
fn again(table: &mut Table<'_>) -> Result<Vec<Duration>, Misread> {
    let Some((texts, place)) = table.texts_placed("again")? else {
        return Ok(AGAIN_DEFAULT.to_vec());
    };
    let mut again = Vec::with_capacity(texts.len());
    for text in &texts {
        let after = item(text, &place, value::duration)?;
        if after <= again.last().copied().unwrap_or_default() {
            let what = format!("`{text}` is no later than the reading before it");
            return Err(Misread::new(what, place).with_help(
                "times count from the phase's beginning, such as [\"1min\", \"10min\"]",
            ));
        }
        again.push(after);
    }
    Ok(again)
}

fn begins(
    table: &mut Table<'_>,
    kind: &PhaseKind,
    earlier: &[Phase],
    place: &Place,
) -> Result<Begins, Misread> {
    let after = table.optional_placed("after", value::text)?;
    let during = table.optional_placed("during", value::text)?;
    let at = table.optional_placed("at", value::duration)?;
    let is_on_demand =
        kind.undoes().is_some() && table.with_default("on_demand", false, value::boolean)?;
    if is_on_demand {
        let given = [after, during];
        let given = given.into_iter().flatten().map(|(_, place)| place);
        return match given.chain(at.map(|(_, place)| place)).next() {
            None => Ok(Begins::OnDemand),
            Some(place) => Err(Misread::new(
                "a phase that is played on demand has no time of its own",
                place,
            )
            .with_help("leave out `on_demand`, or `after`, `during` and `at`")),
        };
    }
    let at = at.map_or(Duration::ZERO, |(at, _)| at);
    let is_timed = |phase: &Phase| phase.begins != Begins::OnDemand;
    let find = |name: &str, place: &Place| {
        let found = earlier
            .iter()
            .position(|phase| phase.name == name)
            .and_then(|index| u16::try_from(index).ok());
        if found.is_some_and(|index| !is_timed(&earlier[usize::from(index)])) {
            return Err(
                Misread::new(format!("`{name}` is played on demand alone"), place.clone())
                    .with_help("a phase follows or overlaps one that has its time"),
            );
        }
        found.map(PhaseId).ok_or_else(|| {
            Misread::new(
                format!("no phase `{name}` stands above this one"),
                place.clone(),
            )
            .with_help("a phase follows or overlaps one that the file names before it")
        })
    };
    match (after, during) {
        (Some(_), Some((_, place))) => Err(Misread::new(
            "a phase has either `after` or `during`, found both",
            place,
        )),
        (Some((name, place)), None) => Ok(Begins::After(find(&name, &place)?, at)),
        (None, Some((name, place))) => Ok(Begins::During(find(&name, &place)?, at)),
        (None, None) => match earlier
            .iter()
            .rposition(is_timed)
            .and_then(|last| u16::try_from(last).ok())
        {
            Some(last) => Ok(Begins::After(PhaseId(last), at)),
            None if at > Duration::ZERO => Err(Misread::new(
                "the first phase begins with the run",
                place.clone(),
            )
            .with_help("remove `at`")),
            None => Ok(Begins::AtStart),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::scenario::file::read;

    const HEAD: &str =
        "profile = \"p\"\n[population]\nusers = 10\nchannels = 5\n[phase.ramp]\nkind = \"ramp\"\n";

    #[track_caller]
    fn check_error(phases: &str, want: &str) {
        let misread = read("a.toml", &format!("{HEAD}{phases}"), &BTreeMap::new()).unwrap_err();
        assert_eq!(
            format!("{misread} @ {} ? {}", misread.place, misread.help),
            want
        );
    }

    #[test]
    fn splits_of_one_server_part_the_same_users() {
        let text = format!(
            "{HEAD}rate = \"5/s\"\n[phase.a]\nkind = \"netsplit\"\nheal_after = \"1s\"\nserver = \"west\"\nfraction = 0.4\n\
             [phase.b]\nkind = \"netsplit\"\nheal_after = \"1s\"\n[phase.c]\nkind = \"netsplit\"\nheal_after = \"1s\"\nserver = \"west\"\n"
        );
        let scenario = read("a.toml", &text, &BTreeMap::new()).unwrap();
        let servers: Vec<(&str, f64)> = scenario
            .servers
            .iter()
            .map(|server| (server.name.as_str(), server.fraction))
            .collect();
        assert_eq!(servers, [("west", 0.4), ("b", 0.3)]);
        let far: Vec<Option<u16>> = scenario
            .phases
            .iter()
            .map(|phase| phase.kind.far_link().map(|far| far.0))
            .collect();
        assert_eq!(far, [None, Some(1), Some(2), Some(1)]);
    }

    #[test]
    fn users_do_not_move_between_splits() {
        check_error(
            "rate = \"5/s\"\n[phase.a]\nkind = \"netsplit\"\nheal_after = \"1s\"\nserver = \"west\"\n\
             [phase.b]\nkind = \"netsplit\"\nheal_after = \"1s\"\nserver = \"west\"\nfraction = 0.5\n",
            "`west` has 0.3 of the users already, found 0.5 @ a.toml:16:12 ? users stay on their server: give a share once, or name another server",
        );
    }

    #[test]
    fn curves_go_onward_and_bring_everybody() {
        check_error(
            "curve = [\"1s 50%\", \"3s 90%\"]\n",
            "the curve does not bring everybody @ a.toml:7:9 ? end it with 100%, such as [\"30s 10%\", \"2min 100%\"]",
        );
        check_error(
            "curve = [\"3s 50%\", \"1s 100%\"]\n",
            "`1s 100%` lies before the point above it @ a.toml:7:9 ? points follow each other in time, and nobody leaves in a ramp",
        );
        check_error(
            "curve = [\"soon\"]\n",
            "expected a time and the share that has come by then, found `soon` @ a.toml:7:9 ? write such as [\"30s 10%\", \"2min 100%\"]",
        );
        check_error(
            "curve = [\"1s 100%\"]\nrate = \"5/s\"\n",
            "a ramp has either `rate` or `curve`, found both @ a.toml:8:8 ? ",
        );
    }
}
