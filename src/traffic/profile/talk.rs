//! How one channel talks: episodes on a calendar, their sizes and gaps, kinds and lengths of messages.

use crate::traffic::profile::calendar::Calendar;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::recency::Recency;

/// Silence that ends an episode, in seconds.
pub const EPISODE_GAP_SECS: u32 = 600;

/// Bounds of the time since somebody came by which their weight differs, in seconds.
pub const NEWCOMER_SECS: [f64; 3] = [60.0, 600.0, 3_600.0];

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

/// How often a message is a NOTICE, which bots send in runs; 0 to 1 each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoticeShares {
    /// Of those that open an episode.
    pub first: f64,
    /// Of those that follow a PRIVMSG.
    pub after_talk: f64,
    /// Of those that follow a NOTICE.
    pub after_notice: f64,
}

/// Time constants by which a start of talk makes others likelier, in seconds.
pub const EXCITATION_SECS: [f64; 3] = [900.0, 3_600.0, 14_400.0];

/// What moves from day to day: a lognormal factor of mean one whose logarithm is an autoregression of order one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayFactor {
    /// Standard deviation of the logarithm; zero for none.
    pub sigma: f64,
    /// Correlation of neighbouring days, 0 to 1.
    pub correlation: f64,
}

/// Longest time between a JOIN and the first words that count as caused by it, in seconds.
pub const TRIGGER_SECS: f64 = 1_800.0;

/// How those who come begin to talk when nobody does.
#[derive(Clone, Debug, PartialEq)]
pub struct Triggers {
    /// Probability that somebody without a share of their own does, 0 to 1.
    pub usual: Parameter<f64>,
    /// Seconds from the JOIN to the first words.
    pub delays: GapTable,
    /// Messages of the episodes that begin so.
    pub sizes: SizeTable,
}

/// How one channel talks, or several that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Talk {
    /// Episode starts by hour of silence, and their mean sizes.
    pub calendar: Calendar,
    /// Starts that each start brings about, if the channel is silent, by the times of [`EXCITATION_SECS`].
    pub excitation: Parameter<[f64; 3]>,
    /// Busy days and quiet days.
    pub day: Parameter<DayFactor>,
    /// Episodes that begin with the first words of somebody who has just come.
    pub triggers: Triggers,
    /// Messages of an episode; each hour of the calendar scales them to its own mean.
    pub sizes: SizeTable,
    /// Gaps between messages of an episode.
    pub gaps: Gaps,
    /// How often a message is a notice.
    pub notices: Parameter<NoticeShares>,
    /// Who speaks next, by who spoke before.
    pub recency: Recency,
    /// How much likelier somebody is to speak the shorter they have been there, by the times of [`NEWCOMER_SECS`].
    pub newcomers: Parameter<[f64; 4]>,
    /// Talkative days and quiet days of each speaker.
    pub speaker_day: Parameter<DayFactor>,
    /// Lengths of messages.
    pub lengths: Lengths,
    /// Longest episode seen, in seconds: how long a stream runs silently before its start.
    pub longest_episode_secs: Parameter<f64>,
}

impl Talk {
    /// Returns the length in bytes, 1 to 510, of a message of `kind` by the profile's user `profile_user` at `draw`.
    pub fn length(&self, kind: TalkKind, profile_user: Option<u32>, draw: u64) -> u16 {
        self.lengths.of(profile_user).draw(kind, draw)
    }

    /// Returns the names of the parameters, as `profile.toml` has them, and whether each was fitted.
    pub(crate) fn standing(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("talk.excitation", self.excitation.is_fitted()),
            ("talk.day", self.day.is_fitted()),
            ("talk.pace_share", self.gaps.pace_share.is_fitted()),
            ("talk.drift_share", self.gaps.drift_share.is_fitted()),
            ("talk.gap_correlation", self.gaps.correlation.is_fitted()),
            ("talk.notices", self.notices.is_fitted()),
            ("talk.newcomers", self.newcomers.is_fitted()),
            ("talk.speaker_day", self.speaker_day.is_fitted()),
            ("talk.trigger_share", self.triggers.usual.is_fitted()),
            (
                "talk.longest_episode_secs",
                self.longest_episode_secs.is_fitted(),
            ),
        ]
    }
}

/// One who speaks in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speaker {
    /// The index of the user.
    pub user: u32,
    /// How readily, relative to the others of the channel, whenever nobody of the last six speaks.
    pub weight: f64,
    /// How many times as readily as others they speak on while they are one of the last six.
    pub insistence: f64,
    /// Their share of the channel's messages, 0 to 1.
    pub share: f64,
    /// Share of notices among them, 0 to 1.
    pub notice_share: f64,
    /// Share of actions among the others, 0 to 1.
    pub action_share: f64,
    /// Probability that they begin to talk when they come to a silent channel, 0 to 1.
    pub trigger_share: f64,
}

impl Speaker {
    /// Returns their part of the channel's notices, relative to the others.
    pub fn notice_weight(&self) -> f64 {
        self.share * self.notice_share
    }

    /// Returns their share of the channel's messages that is of one kind.
    pub fn share_of(&self, kind: TalkKind) -> f64 {
        let talk = self.share * (1.0 - self.notice_share);
        match kind {
            TalkKind::Message => talk * (1.0 - self.action_share),
            TalkKind::Action => talk * self.action_share,
            TalkKind::Notice => self.notice_weight(),
        }
    }
}

/// One channel of the capture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelRow {
    /// The number of its [`Talk`].
    pub talk: u32,
    /// How much it talks, where several share a talk.
    pub heat: f64,
    /// Its messages per second over a whole week.
    pub rate: f64,
    /// Those who speak in it, by user.
    pub speakers: Vec<Speaker>,
}

impl ChannelRow {
    /// Returns how a user speaks in the channel; `None` for one who never did.
    pub fn speaker(&self, user: u32) -> Option<&Speaker> {
        let at = self
            .speakers
            .binary_search_by_key(&user, |speaker| speaker.user)
            .ok()?;
        self.speakers.get(at)
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
    use crate::traffic::profile::recency::BUCKETS;
    use crate::traffic::profile::recency::COMPANIES;
    use crate::traffic::profile::recency::PLACES;

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
        let tables = [40.0, 25.0, 12.0, 11.0, 10.0].map(|middle: f64| {
            let mut secs = [0.0; GAP_STEPS + 1];
            for (index, gap) in secs.iter_mut().enumerate() {
                *gap = (middle * libm::exp((number::real(index) - 16.0) / 5.0)).min(600.0);
            }
            GapTable::new(secs)
        });
        let lengths = |longest: f64| LengthTable {
            knots: LENGTH_LEVELS.map(|level| libm::round(2.0 + longest * level * level)),
        };
        let [few, ..] = tables.clone();
        let mut odds = [0.0; PLACES + 1];
        odds[..3].copy_from_slice(&[0.3, 0.4, 0.1]);
        odds[PLACES] = 0.2;
        Talk {
            calendar: Calendar::new(cells),
            excitation: Parameter::Fitted([0.1, 0.1, 0.05]),
            day: Parameter::Fitted(DayFactor {
                sigma: 0.4,
                correlation: 0.5,
            }),
            triggers: Triggers {
                usual: Parameter::Fitted(0.05),
                delays: few.clone(),
                sizes: SizeTable::new(knots),
            },
            sizes: SizeTable::new(knots),
            gaps: Gaps {
                tables,
                notices: few,
                pace_share: Parameter::Fitted(0.2),
                drift_share: Parameter::Fitted(0.1),
                correlation: Parameter::Fitted(0.15),
            },
            notices: Parameter::Fitted(NoticeShares {
                first: 0.03,
                after_talk: 0.01,
                after_notice: 0.5,
            }),
            recency: Recency {
                odds: [[[odds; PLACES + 1]; COMPANIES]; BUCKETS],
            },
            newcomers: Parameter::Fitted([4.0, 2.0, 1.5, 1.0]),
            speaker_day: Parameter::Fitted(DayFactor {
                sigma: 0.5,
                correlation: 0.8,
            }),
            lengths: Lengths {
                by_kind: [lengths(300.0), lengths(80.0), lengths(200.0)],
                by_user: BTreeMap::from([(1, lengths(120.0))]),
            },
            longest_episode_secs: Parameter::Fitted(9_000.0),
        }
    }
}
