//! What a profile knows of its capture's weeks: how much they differ, the last of them, and how well an alarm told changes.

use crate::traffic::trace::event::EventKind;

/// Weeks that a later week is held against.
pub const REFERENCE_WEEKS: usize = 8;

/// Kinds of events.
pub const KIND_COUNT: usize = EventKind::ALL.len();

/// Steps between the quantiles of gaps: a distance of distributions is known to 1 %, far less than weeks differ.
pub const GAP_STEPS: usize = 128;

/// A statistic of a week of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// Logarithm of messages per hour that was watched.
    TalkRate,
    /// Logarithm of joins, parts and quits per hour that was watched.
    ChurnRate,
    /// Logarithm of messages per join, part or quit.
    TalkPerChurn,
    /// Root of the Jensen–Shannon divergence of the mix of kinds from that of the weeks before.
    Mix,
    /// Logarithm of variance over mean of messages a minute.
    FanoMinute,
    /// Logarithm of variance over mean of messages in ten minutes.
    FanoTenMinutes,
    /// Logarithm of the median gap between messages of a channel, in seconds.
    MedianGap,
    /// Logarithm of how many people spoke.
    Speakers,
    /// Mean logarithm of a message's bytes.
    Length,
    /// Distance of the gaps' distribution from that of the weeks before (Kolmogorov and Smirnov).
    Gaps,
    /// Logarithm of variance over mean of messages a minute, within hours.
    FanoWithinHours,
}

impl Statistic {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// Every statistic, in the order in which tables list them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::TalkRate,
        Self::ChurnRate,
        Self::TalkPerChurn,
        Self::Mix,
        Self::FanoMinute,
        Self::FanoTenMinutes,
        Self::MedianGap,
        Self::Speakers,
        Self::Length,
        Self::Gaps,
        Self::FanoWithinHours,
    ];

    /// Returns the word for the statistic in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TalkRate => "talk_rate",
            Self::ChurnRate => "churn_rate",
            Self::TalkPerChurn => "talk_per_churn",
            Self::Mix => "mix",
            Self::FanoMinute => "fano_60s",
            Self::FanoTenMinutes => "fano_600s",
            Self::MedianGap => "median_gap",
            Self::Speakers => "speakers",
            Self::Length => "length",
            Self::Gaps => "gaps",
            Self::FanoWithinHours => "fano_within_hours",
        }
    }

    /// Returns the statistic that `word` names, or `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Returns the place of the statistic in [`Statistic::ALL`].
    pub fn place(self) -> usize {
        self as usize
    }

    /// Returns whether the statistic is a distance from the weeks before, which has no value of its own.
    pub fn is_distance(self) -> bool {
        matches!(self, Self::Mix | Self::Gaps)
    }
}

/// A value of each statistic, where there is one.
pub type Values = [Option<f64>; Statistic::COUNT];

/// How much a statistic of a week differs from the weeks before when nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Null {
    /// The usual difference.
    pub centre: f64,
    /// How far differences lie from it, as a standard deviation; above zero.
    pub scale: f64,
    /// Weeks from which it is known.
    pub week_count: u32,
}

/// The weeks that later weeks are held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// What each week measured, at most [`REFERENCE_WEEKS`]; distances have no value.
    pub weeks: Vec<Values>,
    /// Events by kind, in the order of [`EventKind::ALL`].
    pub mix: [f64; KIND_COUNT],
    /// Quantiles of gaps between messages of a channel in seconds, evenly spaced in level; empty without any.
    pub gaps_secs: Vec<f64>,
}

/// What an alarm was tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trial {
    /// The capture's own weeks: whatever alarms is false.
    Unchanged,
    /// 30 % of the messages are joins, parts, quits and nick changes instead.
    MixShifted,
    /// Twice the traffic.
    Doubled,
    /// Half the traffic.
    Halved,
    /// The same counts in each hour, spread evenly.
    Smoothed,
    /// Twice the joins, parts and quits.
    ChurnDoubled,
}

impl Trial {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// Every trial, that of false alarms first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Unchanged,
        Self::MixShifted,
        Self::Doubled,
        Self::Halved,
        Self::Smoothed,
        Self::ChurnDoubled,
    ];

    /// Returns the word for the trial in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::MixShifted => "mix_shifted",
            Self::Doubled => "doubled",
            Self::Halved => "halved",
            Self::Smoothed => "smoothed",
            Self::ChurnDoubled => "churn_doubled",
        }
    }

    /// Returns the trial that `word` names, or `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Returns the place of the trial in [`Trial::ALL`].
    pub fn place(self) -> usize {
        self as usize
    }
}

/// How often an alarm went off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Pairs of neighbouring weeks that were tried.
    pub pair_count: u32,
    /// Pairs at which it went off.
    pub alarm_count: u32,
}

impl Tried {
    /// Returns the share of pairs at which it went off, 0 to 1, or `None` if none was tried.
    pub fn rate(self) -> Option<f64> {
        (self.pair_count > 0).then(|| f64::from(self.alarm_count) / f64::from(self.pair_count))
    }
}

/// What a profile knows of its capture's weeks.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// When the last of the weeks ends, in microseconds since 1970 UTC.
    pub end_us: i64,
    /// The tick of the capture's clock in microseconds.
    pub tick_us: u32,
    /// The null of each statistic, in the order of [`Statistic::ALL`]; `None` where weeks are too few or too quiet.
    pub nulls: [Option<Null>; Statistic::COUNT],
    /// The last weeks of the capture.
    pub reference: Reference,
    /// How the alarm did on the capture, in the order of [`Trial::ALL`].
    pub tried: [Tried; Trial::COUNT],
}

impl Weekly {
    /// Returns how often the alarm went off in a trial.
    pub fn tried(&self, trial: Trial) -> Tried {
        self.tried.get(trial.place()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::traffic::profile::number;

    /// Returns what is known of an invented capture of weeks that hardly differ.
    pub(crate) fn weekly() -> Weekly {
        let null = |statistic: Statistic| {
            (statistic != Statistic::Length).then_some(Null {
                centre: 0.01,
                scale: 0.1,
                week_count: 20,
            })
        };
        let value = |statistic: Statistic| (!statistic.is_distance()).then_some(2.5);
        let mut mix = [0.0; KIND_COUNT];
        mix[0] = 4_000.0;
        mix[3] = 500.0;
        let tried = |alarm_count| Tried {
            pair_count: 10,
            alarm_count,
        };
        Weekly {
            end_us: 1_706_400_000_000_000,
            tick_us: 1_000_000,
            nulls: Statistic::ALL.map(null),
            reference: Reference {
                weeks: vec![Statistic::ALL.map(value); REFERENCE_WEEKS],
                mix,
                gaps_secs: (0..=GAP_STEPS)
                    .map(|step| 0.5 * number::real(step))
                    .collect(),
            },
            tried: [0, 4, 10, 10, 9, 3].map(tried),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_statistic_and_its_trial() {
        for (place, statistic) in Statistic::ALL.into_iter().enumerate() {
            assert_eq!(Statistic::from_word(statistic.as_str()), Some(statistic));
            assert_eq!(statistic.place(), place);
        }
        for (place, trial) in Trial::ALL.into_iter().enumerate() {
            assert_eq!(Trial::from_word(trial.as_str()), Some(trial));
            assert_eq!(trial.place(), place);
        }
    }
}
