//! The rooms of the house: what each is, and which others it may import.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::source::Source;

/// Whether a room may touch the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names no clock, socket, file, task or thread.
    Pure,
    /// May.
    Shell,
}

/// A row of the table.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) may_import: &'static [&'static str],
}

const fn pure(name: &'static str, may_import: &'static [&'static str]) -> Room {
    Room {
        name,
        kind: Kind::Pure,
        may_import,
    }
}

const fn shell(name: &'static str, may_import: &'static [&'static str]) -> Room {
    Room {
        name,
        kind: Kind::Shell,
        may_import,
    }
}

/// The house. `docs/architecture.md` draws it; this is what holds.
pub(crate) const ROOMS: &[Room] = &[
    pure("units", &[]),
    pure("place", &[]),
    pure("irc::wire", &["units"]),
    pure("irc::session", &["units", "irc::wire"]),
    pure("irc::network", &["units", "irc::wire"]),
    pure("irc::fault", &["units"]),
    pure("traffic::trace", &["units", "place", "irc::wire"]),
    pure(
        "traffic::capture",
        &["units", "place", "irc::wire", "traffic::trace"],
    ),
    pure("traffic::profile", &["units", "place", "traffic::trace"]),
    pure(
        "traffic::fidelity",
        &["units", "traffic::trace", "traffic::profile"],
    ),
    pure("scenario", &["units", "place"]),
    pure("measure", &["units"]),
    // Plans name messages by measure's identity, and fold their own names as IRC does.
    pure(
        "plan",
        &[
            "units",
            "irc::wire",
            "traffic::trace",
            "traffic::profile",
            "traffic::fidelity",
            "roster",
            "scenario",
            "measure",
        ],
    ),
    pure("fitness", &["units"]),
    pure("roster", &["units", "place"]),
    pure("migration", &["units", "scenario", "measure", "plan"]),
    pure(
        "swarm",
        &[
            "units",
            "irc::wire",
            "irc::session",
            "traffic::profile",
            "scenario",
            "plan",
            "measure",
        ],
    ),
    pure(
        "upstream",
        &[
            "units",
            "irc::wire",
            "irc::network",
            "irc::fault",
            "traffic::profile",
            "scenario",
            "plan",
            "measure",
        ],
    ),
    pure(
        "sim",
        &[
            "units",
            "irc::wire",
            "irc::session",
            "irc::network",
            "irc::fault",
            "traffic::profile",
            "scenario",
            "plan",
            "migration",
            "swarm",
            "upstream",
            "measure",
        ],
    ),
    pure("gate", &["units", "place", "scenario", "measure"]),
    pure(
        "report",
        &[
            "units",
            "place",
            "traffic::fidelity",
            "fitness",
            "measure",
            "gate",
            // What it asks of networks.
            "roster",
        ],
    ),
    pure("provision", &["units", "place", "roster"]),
    shell("drive::clock", &["units"]),
    shell("drive::timer", &["units", "drive::clock"]),
    shell("drive::interrupt", &[]),
    shell(
        "drive::transport",
        &["units", "irc::wire", "irc::fault", "drive::clock"],
    ),
    shell(
        "drive::host",
        &[
            "units",
            "fitness",
            "measure",
            "drive::clock",
            "drive::transport",
        ],
    ),
    shell(
        "drive::shard",
        &[
            "units",
            "irc::wire",
            "irc::session",
            "plan",
            "measure",
            "swarm",
            "drive::clock",
            "drive::timer",
            "drive::transport",
            "drive::host",
        ],
    ),
    shell(
        "drive::listen",
        &[
            "units",
            "irc::wire",
            "irc::network",
            "plan",
            "measure",
            "upstream",
            "drive::clock",
            "drive::timer",
            "drive::transport",
            "drive::host",
        ],
    ),
    shell(
        "drive::tap",
        &[
            "units",
            "irc::wire",
            "traffic::trace",
            "traffic::capture",
            // Distributions of its own delay.
            "measure",
            "drive::clock",
            "drive::timer",
            "drive::transport",
        ],
    ),
    shell(
        "drive::doctor",
        &[
            "units",
            "irc::wire",
            "irc::session",
            "fitness",
            "scenario",
            "measure",
            "drive::clock",
            "drive::transport",
            "drive::host",
        ],
    ),
    shell(
        "drive::counters",
        &[
            "units",
            "irc::wire",
            // How a lost login is to be understood.
            "irc::session",
            "traffic::capture",
            "drive::clock",
            "drive::interrupt",
            "drive::transport",
            "drive::doctor",
        ],
    ),
    shell(
        "drive::control",
        &["units", "measure", "report", "drive::clock"],
    ),
    shell(
        "drive::run",
        &[
            "units",
            "place",
            "irc::wire",
            "irc::session",
            "irc::network",
            "traffic::trace",
            "traffic::profile",
            "fitness",
            "roster",
            "provision",
            "scenario",
            "measure",
            "plan",
            "migration",
            "swarm",
            "upstream",
            "gate",
            "report",
            "drive::clock",
            "drive::timer",
            "drive::interrupt",
            "drive::transport",
            "drive::host",
            "drive::shard",
            "drive::listen",
            "drive::doctor",
            "drive::control",
        ],
    ),
    shell(
        "cluster",
        &["units", "scenario", "measure", "plan", "gate", "drive::run"],
    ),
    // The command line opens the files and calls whoever does the work; it is nobody's import.
    shell(
        "cli",
        &[
            "units",
            "place",
            "irc::wire",
            "irc::network",
            "irc::fault",
            "traffic::trace",
            "traffic::capture",
            "traffic::profile",
            "traffic::fidelity",
            "fitness",
            "scenario",
            "measure",
            "plan",
            "sim",
            "gate",
            "report",
            "roster",
            "provision",
            "drive::clock",
            "drive::interrupt",
            // Settings of TLS and hosts, as the tap takes them.
            "drive::transport",
            "drive::host",
            "drive::listen",
            "drive::tap",
            "drive::doctor",
            "drive::counters",
            "drive::control",
            "drive::run",
            "cluster",
        ],
    ),
];

/// Files that only say which rooms there are.
pub(crate) const HALLS: &[&str] = &["lib.rs", "irc/mod.rs", "traffic/mod.rs", "drive/mod.rs"];

/// Returns the row of that room.
pub(crate) fn row(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

/// Returns the room that a path leads into, its segments joined by `::`.
pub(crate) fn room_of(segments: &[String]) -> Option<&'static Room> {
    (1..=segments.len())
        .rev()
        .find_map(|count| row(&segments[..count].join("::")))
}

/// Returns what is wrong with the arrows of these files.
pub(crate) fn check_arrows(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        let path = &source.path;
        let mentions = source.mentions();
        if HALLS.contains(&path.as_str()) {
            faults.extend(mentions.iter().map(|mention| {
                format!(
                    "{path}:{}: a hall imports `{}`",
                    mention.line,
                    mention.segments.join("::")
                )
            }));
            continue;
        }
        let room = if path == "main.rs" {
            row("cli")
        } else {
            room_of(&source.module())
        };
        let Some(room) = room else {
            faults.push(format!("{path}:1: is in no room of the table"));
            continue;
        };
        for mention in mentions {
            let name = mention.segments.join("::");
            let line = mention.line;
            match room_of(&mention.segments) {
                None => faults.push(format!(
                    "{path}:{line}: `{name}` is in no room of the table"
                )),
                Some(other) if other.name == room.name => {}
                Some(other) => {
                    arrows.entry(room.name).or_default().insert(other.name);
                    if !room.may_import.contains(&other.name) {
                        faults.push(format!(
                            "{path}:{line}: `{}` may not import `{}`",
                            room.name, other.name
                        ));
                    }
                }
            }
        }
    }
    faults.extend(cycle(&arrows).map(|cycle| format!("a cycle: {cycle}")));
    faults
}

/// Returns what is wrong with the table itself.
pub(crate) fn check_table() -> Vec<String> {
    let arrows = ROOMS
        .iter()
        .map(|room| (room.name, room.may_import.iter().copied().collect()))
        .collect();
    let mut faults: Vec<String> = cycle(&arrows)
        .map(|cycle| format!("the table allows a cycle: {cycle}"))
        .into_iter()
        .collect();
    for room in ROOMS {
        for name in room.may_import {
            match row(name) {
                None => faults.push(format!(
                    "`{}` may import `{name}`, which has no row",
                    room.name
                )),
                Some(other) if room.kind == Kind::Pure && other.kind == Kind::Shell => {
                    faults.push(format!(
                        "`{}` is pure and may import `{name}`, which is not",
                        room.name
                    ));
                }
                Some(_) => {}
            }
        }
    }
    faults
}

/// Returns a cycle of these arrows, if there is one.
pub(crate) fn cycle(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    // Rooms from which every walk ends are taken away until nothing or a cycle is left.
    let mut left = arrows.clone();
    loop {
        let names: BTreeSet<&str> = left.keys().copied().collect();
        let before = left.len();
        left.retain(|_, to| to.iter().any(|name| names.contains(name)));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            break;
        }
    }
    let mut walk: Vec<&str> = Vec::new();
    let mut at = *left.keys().next()?;
    while !walk.contains(&at) {
        walk.push(at);
        at = *left[at].iter().find(|name| left.contains_key(*name))?;
    }
    let begin = walk.iter().position(|&name| name == at)?;
    walk.drain(..begin);
    walk.push(at);
    Some(walk.join(" → "))
}
