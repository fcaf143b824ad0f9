//! What a server's counters add to a profile, and why some of it can't be told.

use thiserror::Error;

use crate::traffic::profile::Profile;
use crate::traffic::profile::commands::Commands;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::counters::Counters;
use crate::traffic::profile::fit::counters::Totals;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::trace::event::Event;
use crate::traffic::trace::event::EventKind;

/// Uses from which on a figure is told: of a hundred, a share is known to 5 points and a ratio to a tenth (standard errors).
const COUNT_MIN: u64 = 100;
/// Hours of connections from which on their PINGs are told: a client that pings once an hour would show ten.
const CONNECTION_HOURS_MIN: f64 = 10.0;
/// The part of a server's JOINs that a trace of the whole server must show: some are refused, and one line may join several
/// channels, which shows more than was counted.
const JOIN_SHARE_MIN: f64 = 0.9;

/// How much of the server the trace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Some of its channels, as logs of channels do.
    SomeChannels,
    /// All its channels and nobody else's: as a tap before a server without links does.
    WholeServer,
}

/// Why a figure stays a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// The counters hold too few JOINs to say anything per JOIN.
    FewJoins {
        /// How many they hold.
        count: u64,
    },
    /// The counters tell of no users.
    NoUsers,
    /// Too few hours of connections were watched.
    FewHours {
        /// Whole hours that were.
        hours: u64,
    },
    /// Too few messages were counted for a private share.
    FewMessages {
        /// How many they hold.
        count: u64,
    },
}

impl Unmeasured {
    /// Returns the sentence that a person reads.
    pub fn text(&self) -> String {
        match self {
            Self::FewJoins { count } => format!(
                "{count} JOINs counted, {COUNT_MIN} are needed: what clients send per JOIN stays assumed"
            ),
            Self::NoUsers => {
                "no users counted: what a connection sends in an hour stays assumed".to_owned()
            }
            Self::FewHours { hours } => format!(
                "{hours} hours of connections counted, {CONNECTION_HOURS_MIN} are needed: what they send in an hour stays assumed"
            ),
            Self::FewMessages { count } => format!(
                "{count} messages counted while the trace ran, {COUNT_MIN} are needed: the private share stays assumed"
            ),
        }
    }
}

/// Why counters and trace can't be of one server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CountedError {
    /// The trace has hardly any event while the server was watched.
    #[error("expected counters and a trace of one time, found that they share none")]
    Apart,
    /// The trace says more than the server was sent.
    #[error(
        "expected a trace of the whole server and nobody else's, found {told} messages in its channels where {counted} were counted"
    )]
    MoreThanCounted {
        /// Messages and notices in the trace's channels.
        told: u64,
        /// PRIVMSGs and NOTICEs counted.
        counted: u64,
    },
    /// The trace shows fewer JOINs than the server was sent.
    #[error(
        "expected a trace of the whole server, found {told} JOINs where {counted} were counted"
    )]
    NotWhole {
        /// JOINs in the trace.
        told: u64,
        /// JOINs counted.
        counted: u64,
    },
}

impl CountedError {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Apart => "record and count at the same time",
            Self::MoreThanCounted { .. } | Self::NotWhole { .. } => {
                "leave --whole-server out: the private share then stays assumed"
            }
        }
    }
}

impl Profile {
    /// Puts into the profile what the counters of a server tell, and returns what they can't.
    ///
    /// The private share is what was counted and no channel shows; only a trace of the whole server shows every channel.
    ///
    /// # Errors
    ///
    /// When the trace is said to be of the whole server, and the counters say that it is not.
    pub fn count(
        &mut self,
        counters: &Counters,
        events: &[Event],
        coverage: Coverage,
    ) -> Result<Vec<Unmeasured>, CountedError> {
        let (commands, mut unmeasured) = commands(counters.whole());
        if coverage == Coverage::WholeServer {
            match private_share(counters, events)? {
                Ok(share) => self.population.private_share = share,
                Err(few) => unmeasured.push(few),
            }
        }
        self.commands = commands;
        Ok(unmeasured)
    }
}

/// Returns what a server's counters tell of its clients, and what they can't.
pub(crate) fn commands(totals: &Totals) -> (Commands, Vec<Unmeasured>) {
    let mut unmeasured = Vec::new();
    let mut commands = Commands::default();
    let joins = totals.gained("JOIN");
    if joins < COUNT_MIN {
        unmeasured.push(Unmeasured::FewJoins { count: joins });
    } else {
        let per_join = |count: u64| ratio(count, number_of(joins));
        commands.said_per_join = per_join(totals.said());
        commands.mode_per_join = per_join(totals.gained("MODE"));
        commands.who_per_join = per_join(totals.gained("WHO"));
        commands.names_per_join = per_join(totals.gained("NAMES"));
    }
    match totals.connection_hours() {
        None => unmeasured.push(Unmeasured::NoUsers),
        Some(hours) if hours < CONNECTION_HOURS_MIN => {
            let hours = u64::from(number::whole(hours));
            unmeasured.push(Unmeasured::FewHours { hours });
        }
        Some(hours) => {
            commands.pings_per_connection_hour = ratio(totals.gained("PING"), hours);
            if joins >= COUNT_MIN {
                commands.joins_per_connection_hour = ratio(joins, hours);
            }
        }
    }
    (commands, unmeasured)
}

/// Returns the share of what was said that no channel shows.
fn private_share(
    counters: &Counters,
    events: &[Event],
) -> Result<Result<Parameter<f64>, Unmeasured>, CountedError> {
    let first_us = events.first().map_or(i64::MAX, |event| event.at_us);
    let last_us = events.last().map_or(i64::MIN, |event| event.at_us);
    // What was counted before the recording began, or after it ended, is left out: no event can explain it.
    let steps = counters.steps_within(first_us, last_us);
    if steps.is_empty() {
        return Err(CountedError::Apart);
    }
    let (mut counted, mut in_channels, mut joins, mut told_joins) = (0_u64, 0, 0_u64, 0);
    let mut left = events.iter().peekable();
    for step in steps {
        counted = counted.saturating_add(step.said);
        joins = joins.saturating_add(step.joins);
        // Events and steps are both in order of time.
        while let Some(event) = left.next_if(|event| !step.is_before(event.at_us)) {
            if step.has(event.at_us) {
                let is_talk = event.kind.is_talk() && !event.channel.is_empty();
                in_channels += u64::from(is_talk);
                told_joins += u64::from(event.kind == EventKind::Join);
            }
        }
    }
    if number_of(told_joins) < number_of(joins) * JOIN_SHARE_MIN {
        return Err(CountedError::NotWhole {
            told: told_joins,
            counted: joins,
        });
    }
    if in_channels > counted {
        return Err(CountedError::MoreThanCounted {
            told: in_channels,
            counted,
        });
    }
    if counted < COUNT_MIN {
        return Ok(Err(Unmeasured::FewMessages { count: counted }));
    }
    Ok(Ok(ratio(counted - in_channels, number_of(counted))))
}

fn ratio(count: u64, of: f64) -> Parameter<f64> {
    Parameter::Fitted(number::rounded(number_of(count) / of, DIGITS))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts to within one in 2^53, far below what any figure claims"
)]
fn number_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::fit::counters::COLUMNS;

    /// Returns counters of an hour from `start_us` with 20 connections.
    fn counters(start_us: i64, commands: &[(&str, u64)]) -> Counters {
        let mut text = COLUMNS.join(",");
        for (secs, rate) in [(0, ""), (3_600, "1.0")] {
            let at_us = start_us + secs * 1_000_000;
            for (name, count) in commands {
                let count = if secs == 0 { 0 } else { *count };
                let _ = write!(text, "\n{at_us},{name},{count},{rate}");
            }
            let _ = write!(text, "\n{at_us},users_local,20,");
        }
        text.push('\n');
        Counters::read("x", text.as_bytes()).unwrap()
    }

    fn event(at_us: i64, kind: EventKind, channel: &str) -> Event {
        Event {
            at_us,
            kind,
            network: "wood".into(),
            channel: channel.into(),
            user: "alder".into(),
            peer: "".into(),
            bytes: 9,
            detail: "".into(),
            text: "".into(),
        }
    }

    /// Returns a trace of two hours with 200 messages and 100 JOINs in the counters' hour, and a private message each minute.
    fn trace() -> Vec<Event> {
        let mut events = vec![event(0, EventKind::Message, "#forest")];
        for number in 0..200 {
            let at_us = (1_800 + number * 18) * 1_000_000 + 1;
            events.push(event(at_us, EventKind::Message, "#forest"));
            if number % 2 == 0 {
                events.push(event(at_us, EventKind::Join, "#forest"));
            }
            if number % 4 == 0 {
                events.push(event(at_us, EventKind::Message, ""));
            }
        }
        events.push(event(7_200_000_000, EventKind::Message, "#forest"));
        events
    }

    #[test]
    fn ratios_and_rates_are_those_of_the_counters() {
        let mut profile = examples::profile();
        assert!(!profile.commands().is_measured());
        let counters = counters(
            0,
            &[
                ("JOIN", 400),
                ("MODE", 380),
                ("WHO", 100),
                ("PING", 600),
                ("PRIVMSG", 9_000),
            ],
        );
        let unmeasured = profile
            .count(&counters, &[], Coverage::SomeChannels)
            .unwrap();
        assert_eq!(unmeasured, []);
        assert_eq!(
            profile
                .commands()
                .parameters()
                .map(|(_, parameter)| parameter),
            [22.5, 20.0, 0.95, 0.25, 0.0, 30.0].map(Parameter::Fitted)
        );
        assert_eq!(profile.private_share(), Parameter::Assumed(0.05));
        let files = profile.write();
        assert_eq!(Profile::read("x", &files).unwrap(), profile);
        let page = profile.summary();
        let want = "commands  said_per_join 22.5, joins_per_connection_hour 20, mode_per_join 0.95, who_per_join 0.25, names_per_join 0, pings_per_connection_hour 30\n";
        assert!(page.contains(want), "{page}");
    }

    #[test]
    fn what_is_too_little_stays_assumed_and_says_so() {
        let mut profile = examples::profile();
        let few = counters(0, &[("JOIN", 99), ("PING", 600)]);
        let unmeasured = profile.count(&few, &[], Coverage::SomeChannels).unwrap();
        assert_eq!(unmeasured, [Unmeasured::FewJoins { count: 99 }]);
        let commands = profile.commands();
        assert_eq!(commands.mode_per_join, Parameter::Assumed(1.0));
        assert_eq!(commands.pings_per_connection_hour, Parameter::Fitted(30.0));
        let page = profile.summary();
        assert!(page.contains("mode_per_join 1 (assumed), "), "{page}");
        assert_eq!(Profile::read("x", &profile.write()).unwrap(), profile);
    }

    #[test]
    fn the_private_share_is_what_no_channel_shows() {
        let start_us = 1_800_000_000;
        let mut profile = examples::profile();
        let whole = counters(start_us, &[("JOIN", 100), ("PRIVMSG", 240), ("NOTICE", 10)]);
        profile
            .count(&whole, &trace(), Coverage::WholeServer)
            .unwrap();
        assert_eq!(profile.private_share(), Parameter::Fitted(0.2));
        for (counters, want) in [
            (
                counters(start_us, &[("JOIN", 100), ("PRIVMSG", 199)]),
                CountedError::MoreThanCounted {
                    told: 200,
                    counted: 199,
                },
            ),
            (
                counters(start_us, &[("JOIN", 112), ("PRIVMSG", 300)]),
                CountedError::NotWhole {
                    told: 100,
                    counted: 112,
                },
            ),
            (
                counters(7_200_000_000, &[("JOIN", 100), ("PRIVMSG", 300)]),
                CountedError::Apart,
            ),
        ] {
            let got = profile.count(&counters, &trace(), Coverage::WholeServer);
            assert_eq!(got, Err(want));
        }
    }
}
