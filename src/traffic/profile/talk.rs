//! How one channel talks: episodes on a calendar, their sizes and gaps, kinds and lengths of messages.

use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::parameter::Parameter;

/// Silence that ends an episode, in seconds.
pub const EPISODE_GAP_SECS: u32 = 600;

/// What kind of talk a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TalkKind {
    /// A PRIVMSG.
    Message,
    /// A PRIVMSG that carries a CTCP ACTION.
    Action,
    /// A NOTICE.
    Notice,
}

impl TalkKind {
    /// Every kind, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Message, Self::Action, Self::Notice];

    /// Returns the word for the kind in traces and profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Action => "action",
            Self::Notice => "notice",
        }
    }

    /// Returns the position in [`TalkKind::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Message => 0,
            Self::Action => 1,
            Self::Notice => 2,
        }
    }
}

/// Probabilities of the kinds, in the order of [`TalkKind::ALL`]; they sum to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindShares {
    /// The probabilities.
    pub shares: [f64; 3],
}

impl KindShares {
    /// Returns the kind at `draw`.
    pub fn draw(&self, draw: u64) -> TalkKind {
        let level = uniform(draw);
        let [message, action, _] = self.shares;
        if level < message {
            TalkKind::Message
        } else if level < message + action {
            TalkKind::Action
        } else {
            TalkKind::Notice
        }
    }
}

/// How one channel talks.
#[derive(Clone, Debug, PartialEq)]
pub struct Talk {
    /// Episode starts and mean sizes by hour.
    pub calendar: Calendar,
    /// Messages of an episode; each hour of the calendar scales them to its own mean.
    pub sizes: SizeTable,
    /// Gaps between messages of an episode.
    pub gaps: Gaps,
    /// Kind of an episode's first message.
    pub first_kind: Parameter<KindShares>,
    /// Kind of the next message after a message, an action, a notice.
    pub next_kind: [Parameter<KindShares>; 3],
    /// Lengths of messages.
    pub lengths: Lengths,
    /// Longest episode seen, in seconds: how long a stream runs silently before its start.
    pub longest_episode_secs: Parameter<f64>,
}

impl Talk {
    /// Returns the length in bytes, 1 to 510, of a message of `kind` by the profile's user `profile_user` at `draw`.
    pub fn length(&self, kind: TalkKind, profile_user: Option<u32>, draw: u64) -> u16 {
        self.lengths.draw(kind, profile_user, draw)
    }

    /// Returns the messages per second of one channel in an hour of the week, counted from Monday 00:00 UTC.
    ///
    /// A message counts for the hour in which its episode starts.
    pub fn rate_at(&self, week_hour: u32) -> f64 {
        self.calendar.rate_at(week_hour)
    }

    /// Returns the messages per second of one channel over a whole week.
    pub fn mean_rate(&self) -> f64 {
        self.calendar.mean_rate()
    }

    /// Returns the shares of the kind that follows `kind` within an episode.
    pub(crate) fn kind_after(&self, kind: TalkKind) -> KindShares {
        let [message, action, notice] = &self.next_kind;
        let shares = match kind {
            TalkKind::Message => message,
            TalkKind::Action => action,
            TalkKind::Notice => notice,
        };
        shares.value()
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use std::collections::BTreeMap;

    use super::*;
    use crate::traffic::profile::calendar::CELL_COUNT;
    use crate::traffic::profile::calendar::Cell;
    use crate::traffic::profile::distribution::GAP_STEPS;
    use crate::traffic::profile::distribution::GapTable;
    use crate::traffic::profile::distribution::SIZE_STEPS;
    use crate::traffic::profile::lengths::LENGTH_LEVELS;
    use crate::traffic::profile::lengths::LengthTable;
    use crate::traffic::profile::number;

    /// Returns the talk of an invented channel: loud evenings, quiet weekends, a long tail of sizes.
    pub(crate) fn talk() -> Talk {
        let mut cells = [Cell::default(); CELL_COUNT];
        for (index, cell) in cells.iter_mut().enumerate() {
            let hour = number::real(index % 24);
            cell.starts_per_hour = if index < 24 { 0.1 + hour / 24.0 } else { 0.2 };
            cell.mean_size = if index % 24 > 18 { 12.0 } else { 6.0 };
        }
        let mut knots = [1.0; SIZE_STEPS + 1];
        for (index, knot) in knots.iter_mut().enumerate() {
            *knot = libm::round(libm::exp(number::real(index) / 26.0));
        }
        let tables = [40.0, 25.0, 12.0].map(|middle: f64| {
            let mut secs = [0.0; GAP_STEPS + 1];
            for (index, gap) in secs.iter_mut().enumerate() {
                *gap = (middle * libm::exp((number::real(index) - 16.0) / 5.0)).min(600.0);
            }
            GapTable::new(secs)
        });
        let shares = |shares: [f64; 3]| Parameter::Fitted(KindShares { shares });
        let lengths = |longest: f64| LengthTable {
            knots: LENGTH_LEVELS.map(|level| libm::round(2.0 + longest * level * level)),
        };
        Talk {
            calendar: Calendar::new(cells),
            sizes: SizeTable::new(knots),
            gaps: Gaps {
                tables,
                pace_share: Parameter::Fitted(0.2),
                correlation: Parameter::Fitted(0.15),
            },
            first_kind: shares([0.95, 0.02, 0.03]),
            next_kind: [
                shares([0.97, 0.02, 0.01]),
                shares([0.9, 0.09, 0.01]),
                shares([0.5, 0.0, 0.5]),
            ],
            lengths: Lengths {
                by_kind: [lengths(300.0), lengths(80.0), lengths(200.0)],
                by_user: BTreeMap::from([(1, lengths(120.0))]),
            },
            longest_episode_secs: Parameter::Fitted(9_000.0),
        }
    }
}
