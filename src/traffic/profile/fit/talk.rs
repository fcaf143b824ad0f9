//! Fit of how channels talk, from what was heard in them.

use std::collections::BTreeMap;

use crate::traffic::profile::distribution::GAP_STEPS;
use crate::traffic::profile::distribution::GapTable;
use crate::traffic::profile::distribution::SIZE_STEPS;
use crate::traffic::profile::distribution::SizeTable;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::episodes::Episode;
use crate::traffic::profile::fit::gaps;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::quantiles;
use crate::traffic::profile::fit::speakers;
use crate::traffic::profile::fit::starts;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::fit::window::Window;
use crate::traffic::profile::lengths::LENGTH_LEVELS;
use crate::traffic::profile::lengths::LengthTable;
use crate::traffic::profile::lengths::Lengths;
use crate::traffic::profile::number;
use crate::traffic::profile::parameter::Parameter;
use crate::traffic::profile::talk::ChannelRow;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::NoticeShares;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::TRIGGER_SECS;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::traffic::profile::talk::Triggers;

/// Messages of a user from which on their lengths are a table of its own.
const TALKATIVE_MIN: usize = 30;

/// Messages of a channel from which on it has a talk of its own; the others share one.
const OWN_TALK_MIN: usize = 1_000;

/// Comings by which a user leans on what is usual.
const LEAN_COMINGS: f64 = 10.0;

/// Shortest delay of first words: the logarithm of a delay must exist.
const DELAY_SECS_MIN: f64 = 0.001;

/// Returns the talks of a trace and the channels, by their number.
pub(crate) fn fit(window: &Window, heard: &[Heard], lanes: &Lanes) -> (Vec<Talk>, Vec<ChannelRow>) {
    let has_own = |heard: &Heard| heard.message_count() >= OWN_TALK_MIN;
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut small = Vec::new();
    for (channel, heard) in heard.iter().enumerate() {
        if has_own(heard) {
            groups.push(vec![channel]);
        } else {
            small.push(channel);
        }
    }
    // Too little to tell anything by itself goes with the others of its size, or with the quietest that tells something.
    let count_of = |channel: &usize| heard.get(*channel).map_or(0, Heard::message_count);
    match groups.last_mut() {
        Some(last) if small.iter().map(count_of).sum::<usize>() < OWN_TALK_MIN => {
            last.extend(small);
        }
        _ if small.is_empty() => {}
        _ => groups.push(small),
    }
    let mut talks = Vec::new();
    let mut rows = vec![ChannelRow::default(); heard.len()];
    for (number, group) in (0..).zip(groups) {
        let members: Vec<&Heard> = group
            .iter()
            .filter_map(|&channel| heard.get(channel))
            .collect();
        let (talk, speakers) = fit_one(window, &members, lanes);
        talks.push(talk);
        // A talk that several share is the mean of those; one that only leads a crowd of quiet ones is its own.
        let leads = members.first().is_some_and(|first| has_own(first));
        let counts = members
            .iter()
            .map(|heard| number::real(heard.message_count()));
        let usual = if leads {
            counts.clone().next().unwrap_or(1.0)
        } else {
            counts.clone().sum::<f64>() / number::real(members.len())
        };
        for ((channel, count), speakers) in group.into_iter().zip(counts).zip(speakers) {
            if let Some(row) = rows.get_mut(channel) {
                *row = ChannelRow {
                    talk: number,
                    heat: number::rounded(count / usual.max(1e-9), DIGITS),
                    rate: number::rounded(count / f64::from(window.cycle_secs()), DIGITS),
                    speakers,
                };
            }
        }
    }
    (talks, rows)
}

/// Returns how these channels talk, and who speaks in each.
fn fit_one(window: &Window, heard: &[&Heard], lanes: &Lanes) -> (Talk, Vec<Vec<Speaker>>) {
    // Those that share a talk with a louder channel do not change how that talks.
    let lead = heard
        .first()
        .filter(|first| first.message_count() >= OWN_TALK_MIN);
    let telling: Vec<&Heard> = lead.map_or_else(|| heard.to_vec(), |first| vec![*first]);
    let episodes: Vec<&Episode> = telling.iter().flat_map(|heard| &heard.episodes).collect();
    let own: Vec<&Episode> = episodes
        .iter()
        .copied()
        .filter(|episode| episode.triggered_after.is_none())
        .collect();
    let triggered: Vec<&Episode> = episodes
        .iter()
        .copied()
        .filter(|episode| episode.triggered_after.is_some())
        .collect();
    let (calendar, excitation) = starts::fit(window, &telling);
    let known = speakers::fit(heard, lanes);
    let triggers: Vec<(f64, BTreeMap<u32, f64>)> = heard
        .iter()
        .map(|heard| trigger_shares(heard, lanes))
        .collect();
    let usual = triggers.first().map_or(0.0, |(usual, _)| *usual);
    let longest_secs = episodes
        .iter()
        .map(|episode| episode.ends() - episode.starts())
        .fold(0.0, f64::max);
    let talk = Talk {
        calendar,
        excitation: Parameter::Fitted(excitation),
        day: Parameter::Fitted(DayFactor {
            sigma: 0.0,
            correlation: 0.0,
        }),
        triggers: Triggers {
            usual: Parameter::Fitted(number::rounded(usual, DIGITS)),
            delays: delays(&triggered),
            sizes: sizes(if triggered.is_empty() {
                &own
            } else {
                &triggered
            }),
        },
        sizes: sizes(if own.is_empty() { &triggered } else { &own }),
        gaps: gaps::fit(&episodes),
        notices: Parameter::Fitted(notices(&episodes)),
        recency: known.recency,
        newcomers: Parameter::Fitted(known.newcomers),
        speaker_day: Parameter::Fitted(known.day),
        lengths: lengths(&episodes, lanes),
        longest_episode_secs: Parameter::Fitted(number::to_millis(longest_secs)),
    };
    let speakers = heard
        .iter()
        .zip(known.weights.iter().zip(&known.insistence))
        .zip(&triggers)
        .map(|((heard, (weights, insistence)), (usual, triggers))| {
            speakers_of(heard, lanes, weights, insistence, *usual, triggers)
        })
        .collect();
    (talk, speakers)
}

/// Returns the probability that somebody begins to talk who comes to the silent channel, and that of each.
fn trigger_shares(heard: &Heard, lanes: &Lanes) -> (f64, BTreeMap<u32, f64>) {
    let mut comings: BTreeMap<u32, f64> = BTreeMap::new();
    let mut silences = heard.silences.iter().peekable();
    for turn in heard
        .turns
        .iter()
        .filter(|turn| turn.is_coming && turn.is_seen)
    {
        while silences
            .next_if(|silence| silence.to_secs < turn.secs)
            .is_some()
        {}
        if silences
            .peek()
            .is_some_and(|silence| silence.from_secs <= turn.secs)
        {
            *comings.entry(turn.user).or_default() += 1.0;
        }
    }
    let mut begun: BTreeMap<u32, f64> = BTreeMap::new();
    for episode in heard
        .episodes
        .iter()
        .filter(|episode| episode.triggered_after.is_some())
    {
        let speaker = episode
            .events
            .first()
            .and_then(|&event| lanes.speakers.get(event).copied().flatten());
        if let Some(user) = speaker {
            *begun.entry(user).or_default() += 1.0;
        }
    }
    let usual = begun.values().sum::<f64>() / comings.values().sum::<f64>().max(1.0);
    let shares = comings
        .into_iter()
        .map(|(user, count)| {
            let begun = begun.get(&user).copied().unwrap_or(0.0);
            let share = (begun + LEAN_COMINGS * usual) / (count + LEAN_COMINGS);
            (user, number::rounded(share.min(1.0), DIGITS))
        })
        .collect();
    (usual, shares)
}

/// Returns the delays between coming and the first words.
fn delays(triggered: &[&Episode]) -> GapTable {
    let delays = triggered
        .iter()
        .filter_map(|episode| episode.triggered_after);
    let delays = quantiles::sorted(delays.collect());
    let secs: [f64; GAP_STEPS + 1] = std::array::from_fn(|index| {
        let level = number::real(index) / number::real(GAP_STEPS);
        number::rounded(
            quantiles::at(&delays, level).clamp(DELAY_SECS_MIN, TRIGGER_SECS),
            DIGITS,
        )
    });
    GapTable::new(secs)
}

/// Returns those who speak in a channel, by user.
fn speakers_of(
    heard: &Heard,
    lanes: &Lanes,
    weights: &BTreeMap<u32, f64>,
    insistence: &BTreeMap<u32, f64>,
    usual: f64,
    triggers: &BTreeMap<u32, f64>,
) -> Vec<Speaker> {
    let mut counts: BTreeMap<u32, [f64; 3]> = BTreeMap::new();
    for episode in &heard.episodes {
        for (kind, &event) in episode.kinds.iter().zip(&episode.events) {
            let speaker = lanes.speakers.get(event).copied().flatten();
            let of_kind =
                speaker.and_then(|user| counts.entry(user).or_default().get_mut(kind.index()));
            if let Some(count) = of_kind {
                *count += 1.0;
            }
        }
    }
    // Whoever was never chosen freely spoke only in answer, or as a bot: hardly ever of their own accord.
    let least = weights.values().copied().fold(f64::INFINITY, f64::min);
    let least = if least.is_finite() { least } else { 1.0 };
    let total = number::real(heard.message_count()).max(1.0);
    let ratio = |part: f64, of: f64| number::rounded(part / of.max(1.0), DIGITS);
    counts
        .into_iter()
        .map(|(user, [messages, actions, notices])| {
            let talk = messages + actions;
            let of_talk = |value: f64| if talk > 0.0 { value } else { 0.0 };
            Speaker {
                user,
                weight: of_talk(weights.get(&user).copied().unwrap_or(least / 2.0)),
                insistence: insistence.get(&user).copied().unwrap_or(1.0),
                share: number::rounded((talk + notices) / total, DIGITS),
                notice_share: ratio(notices, talk + notices),
                action_share: ratio(actions, talk),
                trigger_share: of_talk(triggers.get(&user).copied().unwrap_or(usual)),
            }
        })
        .collect()
}

/// Returns the quantiles of the episodes' sizes.
fn sizes(episodes: &[&Episode]) -> SizeTable {
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

/// Returns how often messages are notices.
fn notices(episodes: &[&Episode]) -> NoticeShares {
    let share = |of: &mut dyn Iterator<Item = TalkKind>| {
        let (mut count, mut notice_count) = (0, 0);
        for kind in of {
            count += 1;
            notice_count += usize::from(kind == TalkKind::Notice);
        }
        number::rounded(
            number::real(notice_count) / number::real(count).max(1.0),
            DIGITS,
        )
    };
    let pairs = |after_notice: bool| {
        let pairs = episodes.iter().flat_map(|episode| episode.kinds.windows(2));
        pairs.filter_map(move |pair| match pair {
            &[one, other] if (one == TalkKind::Notice) == after_notice => Some(other),
            _ => None,
        })
    };
    NoticeShares {
        first: share(
            &mut episodes
                .iter()
                .filter_map(|episode| episode.kinds.first().copied()),
        ),
        after_talk: share(&mut pairs(false)),
        after_notice: share(&mut pairs(true)),
    }
}

/// Returns the lengths of messages by kind, and of those who talk much.
fn lengths(episodes: &[&Episode], lanes: &Lanes) -> Lengths {
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
            triggered_after: None,
        }
    }

    #[test]
    fn notices_follow_notices_as_they_did() {
        use TalkKind::Action;
        use TalkKind::Message;
        use TalkKind::Notice;
        let episodes = [
            episode(&[Message, Message, Action]),
            episode(&[Notice, Notice, Notice, Message]),
            episode(&[Message, Notice]),
            episode(&[Message, Message]),
        ];
        let shares = notices(&episodes.iter().collect::<Vec<_>>());
        let shown =
            [shares.first, shares.after_talk, shares.after_notice].map(|share| share.to_string());
        assert_eq!(shown, ["0.25", "0.25", "0.666667"]);
    }

    #[test]
    fn thirty_messages_make_a_table_of_ones_own() {
        let lanes = Lanes {
            speakers: (0..59).map(|event| Some(u32::from(event >= 30))).collect(),
            ..Lanes::default()
        };
        let lengths = lengths(&[&episode(&[TalkKind::Message; 59])], &lanes);
        assert_eq!(lengths.by_user.keys().copied().collect::<Vec<_>>(), [0]);
        assert_eq!(lengths.of(None).draw(TalkKind::Notice, 5), 20);
    }
}
