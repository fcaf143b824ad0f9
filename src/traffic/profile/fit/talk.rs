//! Fit of a channel's talk from its episodes.

use std::collections::BTreeMap;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::HOUR_SECS;
use crate::traffic::profile::distribution::SIZE_STEPS;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::distribution::normal;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::calendars;
use crate::traffic::profile::fit::calendars::DELAY_HOURS;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::gaps;
use crate::traffic::profile::fit::outages::Outages;
use crate::traffic::profile::fit::quantiles;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::gaps::Gaps;
use crate::traffic::profile::lengths::LENGTH_LEVELS;
use crate::traffic::profile::lengths::LengthTable;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::talk::KindShares;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;

/// Messages of a user from which on their lengths are a table of its own.
const TALKATIVE_MIN: usize = 30;

/// Episodes that are made to see when their messages come: the delays are then known to 1 %.
const DELAY_EPISODES: u32 = 4_000;

/// Seed of these episodes: the same trace gives the same profile.
const DELAY_SEED: u64 = 0x5eed_0f71_de1a_0002;

/// Returns how the channels talk.
pub(crate) fn fit(
    window: &Window,
    outages: &Outages,
    episodes: &[Episode],
    lanes: &Lanes,
    channel_count: u32,
) -> Talk {
    let (sizes, gaps) = (sizes(episodes), gaps::fit(episodes));
    let duration = |episode: &Episode| Some(episode.at_secs.last()? - episode.at_secs.first()?);
    let longest_secs = episodes.iter().filter_map(duration).fold(0.0, f64::max);
    let (first_kind, next_kind) = kinds(episodes);
    Talk {
        calendar: calendars::fit(
            window,
            outages,
            episodes,
            channel_count,
            &delays(&sizes, &gaps),
        ),
        sizes,
        gaps,
        first_kind: Parameter::Fitted(first_kind),
        next_kind: next_kind.map(Parameter::Fitted),
        lengths: lengths(episodes, lanes),
        longest_episode_secs: Parameter::Fitted(number::to_millis(longest_secs)),
    }
}

/// Returns the shares of messages by hours since the start of their episode, as a stream would make them.
fn delays(sizes: &SizeTable, gaps: &Gaps) -> [f64; DELAY_HOURS] {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(DELAY_SEED);
    let mut counts = [0.0; DELAY_HOURS];
    let mut total = 0.0;
    for level in 0..DELAY_EPISODES {
        let level = (f64::from(level) + 0.5) / f64::from(DELAY_EPISODES);
        let size = number::whole(sizes.quantile(level) + 0.5);
        let (pace, mut score) = (normal(rng.next_u64()), normal(rng.next_u64()));
        let mut secs = uniform(rng.next_u64()) * f64::from(HOUR_SECS);
        for _ in 0..size {
            let hour = number::index_below(secs / f64::from(HOUR_SECS), DELAY_HOURS);
            if let Some(count) = counts.get_mut(hour) {
                *count += 1.0;
            }
            total += 1.0;
            secs += gaps.next_secs(size, pace, &mut score, rng.next_u64());
        }
    }
    counts.map(|count| count / total)
}

/// Returns the quantiles of the episodes' sizes.
fn sizes(episodes: &[Episode]) -> SizeTable {
    let sizes = episodes
        .iter()
        .map(|episode| number::real(episode.at_secs.len()));
    let sizes = quantiles::sorted(sizes.collect());
    let knots: [f64; SIZE_STEPS + 1] = std::array::from_fn(|index| {
        number::rounded(
            quantiles::at(&sizes, SizeTable::level(index)).max(1.0),
            DIGITS,
        )
    });
    SizeTable::new(knots)
}

/// Returns the shares of kinds at the beginning of episodes, and after each kind.
fn kinds(episodes: &[Episode]) -> (KindShares, [KindShares; 3]) {
    let mut first = [0_usize; 3];
    let mut next = [[0_usize; 3]; 3];
    let mut all = [0_usize; 3];
    let count = |counts: &mut [usize; 3], kind: TalkKind| {
        if let Some(count) = counts.get_mut(kind.index()) {
            *count += 1;
        }
    };
    for episode in episodes {
        for kind in &episode.kinds {
            count(&mut all, *kind);
        }
        if let Some(kind) = episode.kinds.first() {
            count(&mut first, *kind);
        }
        for pair in episode.kinds.windows(2) {
            if let &[one, other] = pair
                && let Some(counts) = next.get_mut(one.index())
            {
                count(counts, other);
            }
        }
    }
    // After a kind that is never followed by anything, kinds come as they do overall.
    let after = next.map(|counts| if counts == [0; 3] { all } else { counts });
    (shares(first), after.map(shares))
}

/// Returns the shares of counts, at least one of which is not zero.
fn shares(counts: [usize; 3]) -> KindShares {
    let total = number::real(counts.iter().sum()).max(1.0);
    KindShares {
        shares: counts.map(|count| number::rounded(number::real(count) / total, DIGITS)),
    }
}

/// Returns the lengths of messages by kind, and of those who talk much.
fn lengths(episodes: &[Episode], lanes: &Lanes) -> Lengths {
    let mut by_kind: [Vec<f64>; 3] = Default::default();
    let mut by_user: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for episode in episodes {
        let said = episode
            .kinds
            .iter()
            .zip(&episode.bytes)
            .zip(&episode.events);
        for ((&kind, &bytes), &event) in said {
            if let Some(sample) = by_kind.get_mut(kind.index()) {
                sample.push(f64::from(bytes));
            }
            let speaker = lanes.speakers.get(event).copied().flatten();
            if let Some(user) = speaker.filter(|_| kind == TalkKind::Message) {
                by_user.entry(user).or_default().push(f64::from(bytes));
            }
        }
    }
    let all: Vec<f64> = by_kind.iter().flatten().copied().collect();
    Lengths {
        by_kind: by_kind.map(|sample| {
            length_table(if sample.is_empty() {
                all.clone()
            } else {
                sample
            })
        }),
        by_user: by_user
            .into_iter()
            .filter(|(_, sample)| sample.len() >= TALKATIVE_MIN)
            .map(|(user, sample)| (user, length_table(sample)))
            .collect(),
    }
}

/// Returns the quantiles of lengths.
fn length_table(sample: Vec<f64>) -> LengthTable {
    let sample = quantiles::sorted(sample);
    LengthTable {
        knots: LENGTH_LEVELS.map(|level| number::rounded(quantiles::at(&sample, level), DIGITS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(kinds: &[TalkKind]) -> Episode {
        Episode {
            at_secs: kinds.iter().map(|_| 0.0).collect(),
            kinds: kinds.to_vec(),
            events: (0..kinds.len()).collect(),
            bytes: kinds.iter().map(|_| 20).collect(),
        }
    }

    #[test]
    fn kinds_follow_kinds_as_they_did() {
        use TalkKind::Action;
        use TalkKind::Message;
        use TalkKind::Notice;
        let (first, next) = kinds(&[
            episode(&[Message, Message, Action]),
            episode(&[Notice, Notice]),
            episode(&[Message, Message]),
            episode(&[Message, Message]),
        ]);
        let shown = |shares: KindShares| shares.shares.map(|share| share.to_string());
        assert_eq!(shown(first), ["0.75", "0", "0.25"]);
        assert_eq!(shown(next[0]), ["0.75", "0.25", "0"]);
        assert_eq!(shown(next[1]), ["0.666667", "0.111111", "0.222222"]);
        assert_eq!(shown(next[2]), ["0", "0", "1"]);
    }

    #[test]
    fn thirty_messages_make_a_table_of_ones_own() {
        let lanes = Lanes {
            speakers: (0..59).map(|event| Some(u32::from(event >= 30))).collect(),
            ..Lanes::default()
        };
        let lengths = lengths(&[episode(&[TalkKind::Message; 59])], &lanes);
        assert_eq!(lengths.by_user.keys().copied().collect::<Vec<_>>(), [0]);
        assert_eq!(lengths.draw(TalkKind::Notice, None, 5), 20);
    }
}
