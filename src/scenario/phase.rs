//! Phases: the parts of a scenario and when each begins.

use std::time::Duration;

use crate::scenario::migration::Migration;
use crate::scenario::migration::Moves;
use crate::scenario::migration::RollBack;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;
use crate::units::rate::Rate;

/// How long who reads back at the very end of a phase has for it.
const READING: Duration = Duration::from_secs(10);

/// One part of a scenario.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Its name: the key in the file.
    pub name: String,
    /// What happens in it.
    pub kind: PhaseKind,
    /// When it begins.
    pub begins: Begins,
    /// What is run on this machine when it begins and when it ends.
    pub commands: Commands,
}

/// Commands of the operator's that a phase names; they are run where the person allows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Run when the phase begins: cuts a link, restarts a server.
    pub begin: Option<String>,
    /// Run when the phase ends: makes the link again.
    pub end: Option<String>,
}

/// What a phase does.
#[derive(Clone, Debug, PartialEq)]
pub enum PhaseKind {
    /// The population comes online.
    Ramp {
        /// How fast.
        pace: Pace,
    },
    /// Traffic as the profile has it.
    Steady {
        /// How long.
        duration: Duration,
    },
    /// Everybody stays and nobody says anything.
    Quiet {
        /// How long.
        duration: Duration,
    },
    /// A server's link breaks and heals.
    Netsplit {
        /// The server behind the link.
        far: ServerId,
        /// Share of the users that sit on it; 0..=1.
        fraction: f64,
        /// Time from break to heal.
        heal_after: Duration,
        /// What breaks.
        by: SplitBy,
        /// How those whose connections broke come back; links heal in one tick.
        heal: Heal,
    },
    /// A share of the users loses its connections at once and returns.
    MassDisconnect {
        /// Share of the users hit; 0..=1.
        fraction: f64,
        /// How their connections end.
        how: Cut,
        /// How they come back.
        returns: Returns,
    },
    /// The target goes down and comes up again; everybody notices and returns by their own back-off.
    Restart {
        /// Time that the phase gives it: how long the embedded target is down, and within which another one is expected to go down.
        lasts: Duration,
        /// What goes down.
        of: RestartOf,
    },
    /// Accounts are moved to another server, one after the other.
    Migrate {
        /// How.
        migration: Box<Migration>,
    },
    /// Accounts that were moved are moved back.
    RollBack {
        /// How.
        roll_back: RollBack,
    },
    /// A share of the users changes nick.
    NickStorm {
        /// Share of the users; 0..=1.
        fraction: f64,
        /// Span over which they do so, evenly.
        over: Duration,
    },
    /// A share of the users joins one channel of its own.
    JoinStorm {
        /// Share of the users; 0..=1.
        fraction: f64,
        /// Span over which they come, evenly.
        over: Duration,
        /// How long they stay after it; then they part as they came.
        stay: Duration,
    },
    /// A share of a bouncer's clients read all that is kept for them, and read it again later.
    ReadBack {
        /// Share of the clients; 0..=1.
        fraction: f64,
        /// How they read.
        by: ReadBy,
        /// Span over which they do so each time, evenly.
        over: Duration,
        /// When they read again, from the phase's beginning.
        again: Vec<Duration>,
    },
    /// Everybody leaves with a QUIT, at an even rate.
    Quit {
        /// Departures per second.
        rate: Rate,
    },
}

/// How fast a population comes online.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// Evenly.
    Rate(Rate),
    /// Along straight lines between these points, the last of which is everybody.
    Curve(Vec<CurvePoint>),
}

/// By when what share has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Time from the ramp's beginning.
    pub at: Duration,
    /// Share of the users; 0..=1.
    pub share: f64,
}

impl Pace {
    /// Returns when number `n` (from zero) of `count` users is due after the ramp's beginning.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a population that fits 32 bits"
    )]
    pub fn due(&self, n: u64, count: u64) -> Duration {
        match self {
            Self::Rate(rate) => rate.due(n),
            Self::Curve(points) => {
                let wanted = n as f64 / count.max(1) as f64;
                let mut from = CurvePoint {
                    at: Duration::ZERO,
                    share: 0.0,
                };
                for &to in points {
                    if wanted < to.share {
                        let part = (wanted - from.share) / (to.share - from.share);
                        return from.at
                            + to.at.saturating_sub(from.at).mul_f64(part.clamp(0.0, 1.0));
                    }
                    from = to;
                }
                from.at
            }
        }
    }

    /// Returns how long it takes for all of `count` users.
    pub fn lasts(&self, count: u64) -> Duration {
        match self {
            Self::Rate(rate) => rate.due(count),
            Self::Curve(points) => points.last().map_or(Duration::ZERO, |point| point.at),
        }
    }
}

/// What a restart takes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartOf {
    /// The target.
    #[default]
    Target,
    /// The networks behind a bouncer: it stays, with its clients.
    Network,
}

impl RestartOf {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Target, Self::Network];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Network => "network",
        }
    }
}

/// How clients read all that a bouncer keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadBy {
    /// They leave and attach again: it plays everything back to whoever comes.
    #[default]
    Attach,
    /// They ask for page after page (CHATHISTORY).
    Pages,
}

impl ReadBy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Attach, Self::Pages];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Pages => "pages",
        }
    }
}

/// How a connection that a mass event hits ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Our side is closed: the target reads an end.
    Fin,
    /// The connection is reset.
    Rst,
    /// Without a word: the target has to find out by itself, as where a cable was pulled.
    Silent,
}

impl Cut {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Fin, Self::Rst, Self::Silent];

    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Silent => "silent",
        }
    }
}

/// How those whom a mass event hit come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Returns {
    /// Evenly over a span.
    Even {
        /// Time from the event to the first return.
        after: Duration,
        /// The span.
        over: Duration,
    },
    /// All in one moment.
    AtOnce {
        /// Time from the event.
        after: Duration,
    },
    /// Each as its program does by itself when it finds its connection gone.
    Backoff {
        /// How long the phase goes on.
        within: Duration,
    },
    /// As those came back whom the mass events of the profile's capture had hit.
    Outage {
        /// Time from the event to the beginning of the curve.
        after: Duration,
        /// How long the phase goes on; who came back later in the capture comes back later here, or not at all.
        within: Duration,
        /// How many times faster than in the capture.
        speed: f64,
    },
}

impl Returns {
    /// Returns the name in scenario files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Even { .. } => "even",
            Self::AtOnce { .. } => "at_once",
            Self::Backoff { .. } => "backoff",
            Self::Outage { .. } => "outage",
        }
    }

    /// Returns the time from the event until its phase ends.
    fn lasts(&self) -> Duration {
        match *self {
            Self::Even { after, over } => after + over,
            Self::AtOnce { after } => after,
            Self::Backoff { within } => within,
            Self::Outage { after, within, .. } => after + within,
        }
    }

    /// Returns the time from the event until its victims are free to return.
    pub fn begin_after(&self) -> Duration {
        match *self {
            Self::Even { after, .. } | Self::AtOnce { after } | Self::Outage { after, .. } => after,
            Self::Backoff { .. } => Duration::ZERO,
        }
    }
}

/// How the far side's clients come back where a split breaks connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heal {
    /// All in one moment, as a relink brings them.
    Tick,
    /// As those came back whom the mass events of the profile's capture had hit.
    Paced,
}

impl Heal {
    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Paced => "paced",
        }
    }
}

impl PhaseKind {
    /// The kinds as scenario files call them.
    pub const NAMES: [&'static str; 12] = [
        "ramp",
        "steady",
        "quiet",
        "netsplit",
        "mass_disconnect",
        "restart",
        "migrate",
        "roll_back",
        "nick_storm",
        "join_storm",
        "read_back",
        "quit",
    ];

    /// Returns the kind's name in scenario files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ramp { .. } => "ramp",
            Self::Steady { .. } => "steady",
            Self::Quiet { .. } => "quiet",
            Self::Netsplit { .. } => "netsplit",
            Self::MassDisconnect { .. } => "mass_disconnect",
            Self::Restart { .. } => "restart",
            Self::Migrate { .. } => "migrate",
            Self::RollBack { .. } => "roll_back",
            Self::NickStorm { .. } => "nick_storm",
            Self::JoinStorm { .. } => "join_storm",
            Self::ReadBack { .. } => "read_back",
            Self::Quit { .. } => "quit",
        }
    }

    /// Returns how long a phase of this kind goes on in a population of `users`.
    pub fn lasts(&self, users: u32) -> Duration {
        match self {
            Self::Ramp { pace } => pace.lasts(u64::from(users)),
            Self::Quit { rate } => rate.due(u64::from(users)),
            Self::Steady { duration } | Self::Quiet { duration } => *duration,
            Self::Netsplit { heal_after, .. } => *heal_after,
            Self::MassDisconnect { returns, .. } => returns.lasts(),
            Self::Restart { lasts, .. } => *lasts,
            Self::Migrate { migration } => migration.within,
            Self::RollBack { roll_back } => roll_back.within,
            Self::NickStorm { over, .. } => *over,
            Self::JoinStorm { over, stay, .. } => *over * 2 + *stay,
            Self::ReadBack { over, again, .. } => {
                again.last().copied().unwrap_or_default() + *over + READING
            }
        }
    }

    /// Returns the server behind the link that breaks, where one does.
    pub fn far_link(&self) -> Option<ServerId> {
        match self {
            Self::Netsplit {
                far,
                by: SplitBy::Links,
                ..
            } => Some(*far),
            _ => None,
        }
    }

    /// Returns whether, where the target is a bouncer, it is done to the networks behind it, rather than to its clients or itself.
    pub fn is_of_network(&self) -> bool {
        matches!(
            self,
            Self::Netsplit { .. }
                | Self::NickStorm { .. }
                | Self::Restart {
                    of: RestartOf::Network,
                    ..
                }
        )
    }

    /// Returns the migration that it is, if it is one.
    pub fn migration(&self) -> Option<&Migration> {
        match self {
            Self::Migrate { migration } => Some(migration),
            _ => None,
        }
    }

    /// Returns the migration that it undoes, if it does.
    pub fn undoes(&self) -> Option<PhaseId> {
        match self {
            Self::RollBack { roll_back } => Some(roll_back.of),
            _ => None,
        }
    }

    /// Returns the command that moves accounts, or tells how many have moved.
    pub fn moves_command(&self) -> Option<&str> {
        match self {
            Self::Migrate { migration } => migration.moves.as_ref().map(|moves| match moves {
                Moves::Command(command) | Moves::Progress(command) => command.as_str(),
            }),
            Self::RollBack { roll_back } => roll_back.move_command.as_deref(),
            _ => None,
        }
    }

    /// Returns whether those whom it hits are hit one after the other, each with a cause of its own.
    pub fn is_gradual(&self) -> bool {
        matches!(self, Self::Migrate { .. } | Self::RollBack { .. })
    }

    /// Returns when the cause of a mass event that strikes at `struck` is gone: its link healed, its victims free to return, its
    /// server up. `None` for what is no mass event.
    pub fn cause_gone(&self, struck: Offset) -> Option<Offset> {
        match self {
            Self::Netsplit { heal_after, .. } => Some(struck + *heal_after),
            Self::MassDisconnect { returns, .. } => Some(struck + returns.begin_after()),
            Self::Restart { lasts, .. } => Some(struck + *lasts),
            // Or sooner: when its queue is done.
            Self::Migrate { migration } => Some(struck + migration.within),
            Self::RollBack { roll_back } => Some(struck + roll_back.within),
            Self::Ramp { .. }
            | Self::Steady { .. }
            | Self::Quiet { .. }
            | Self::NickStorm { .. }
            | Self::JoinStorm { .. }
            | Self::ReadBack { .. }
            | Self::Quit { .. } => None,
        }
    }

    /// Returns whether somebody has to recover from it.
    pub fn is_mass_event(&self) -> bool {
        self.cause_gone(Offset::ZERO).is_some()
    }
}

/// What a netsplit breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// The link between two servers: one of a network that we run, or one that the phase's commands break. Both sides live on.
    Links,
    /// The connections of the far side's users, as a lone server's operator sees a far server die.
    Clients,
}

impl SplitBy {
    /// Returns the name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Clients => "clients",
        }
    }
}

/// When a phase begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// With the run.
    AtStart,
    /// A delay after another phase has ended.
    After(PhaseId, Duration),
    /// A delay after another phase has begun: the two overlap.
    During(PhaseId, Duration),
    /// When an abort rule or a person asks for it.
    OnDemand,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_brings_each_user_when_its_share_is_due() {
        let point = |secs, share| CurvePoint {
            at: Duration::from_secs(secs),
            share,
        };
        let pace = Pace::Curve(vec![point(10, 0.1), point(10, 0.5), point(30, 1.0)]);
        let due: Vec<f64> = [0, 5, 10, 49, 50, 75, 99]
            .map(|n| pace.due(n, 100).as_secs_f64())
            .to_vec();
        assert_eq!(due, [0.0, 5.0, 10.0, 10.0, 10.0, 20.0, 29.6]);
        assert_eq!(pace.lasts(100), Duration::from_secs(30));
    }
}
