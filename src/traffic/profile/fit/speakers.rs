//! Fit of who speaks: by who spoke before, by how readily each does, by how long they have been there.

use std::collections::BTreeMap;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::number;
use crate::traffic::profile::recency;
use crate::traffic::profile::recency::BUCKETS;
use crate::traffic::profile::recency::LastSpeakers;
use crate::traffic::profile::recency::PLACES;
use crate::traffic::profile::recency::Recency;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::NEWCOMER_SECS;
use crate::traffic::profile::talk::TalkKind;

/// Messages by which a row of the table leans on the row of all places before: some rows are seen seldom.
const LEAN_MESSAGES: f64 = 20.0;

/// Choices among those present that are looked at one by one; more would take memory and tell nothing new.
const CHOICES_MAX: usize = 20_000;

/// Iterations of the weights; more change them by less than their noise.
const ITERATIONS: u32 = 20;

/// Choices of a newcomer's age below which nothing is learnt about it.
const AGE_CHOICES_MIN: f64 = 30.0;

/// Choices of a speaker from which on their days are compared.
const DAYS_CHOICES_MIN: f64 = 30.0;

/// Largest spread of a speaker's days that is believed.
const SIGMA_MAX: f64 = 1.2;

/// A choice among those present, none of whom was one of the last speakers.
struct Choice {
    chosen: u32,
    chosen_age: usize,
    day: u32,
    /// Those who could have spoken, each with the class of the time since they came.
    present: Vec<(u32, u8)>,
}

/// Who speaks in the channels of one talk, and in each.
#[derive(Debug)]
pub(crate) struct Speakers {
    pub(crate) recency: Recency,
    pub(crate) newcomers: [f64; 4],
    pub(crate) day: DayFactor,
    /// The weights by channel, in the order given.
    pub(crate) weights: Vec<BTreeMap<u32, f64>>,
}

/// Returns who speaks in these channels.
pub(crate) fn fit(heard: &[&Heard], lanes: &Lanes) -> Speakers {
    let mut counts = [[[0.0; PLACES + 1]; PLACES + 1]; BUCKETS];
    let choices: Vec<Vec<Choice>> = heard
        .iter()
        .map(|heard| follow(heard, lanes, &mut counts))
        .collect();
    let (weights, newcomers) = weights(&choices);
    Speakers {
        recency: Recency {
            odds: odds(&counts),
        },
        day: days(&choices, &weights, &newcomers),
        newcomers: newcomers.map(|factor| number::rounded(factor, DIGITS)),
        weights,
    }
}

/// Follows a channel: counts the places from which its speakers came, and returns the choices of others.
fn follow(
    heard: &Heard,
    lanes: &Lanes,
    counts: &mut [[[f64; PLACES + 1]; PLACES + 1]; BUCKETS],
) -> Vec<Choice> {
    let message_count: usize = heard
        .episodes
        .iter()
        .map(|episode| episode.kinds.len())
        .sum();
    // Which choices are looked at: every one, or every so many, so that memory is bounded.
    let stride = message_count.div_ceil(CHOICES_MAX).max(1);
    let mut turns = heard.turns.iter().peekable();
    let mut present: BTreeMap<u32, f64> = BTreeMap::new();
    let mut last = LastSpeakers::NONE;
    let mut place_before = PLACES;
    let mut last_secs = f64::NEG_INFINITY;
    let mut choices = Vec::new();
    let mut other_count = 0_usize;
    for episode in &heard.episodes {
        let messages = episode
            .at_secs
            .iter()
            .zip(&episode.kinds)
            .zip(&episode.events);
        for (position, ((&secs, &kind), event)) in messages.enumerate() {
            while let Some(turn) = turns.next_if(|turn| turn.secs <= secs) {
                if turn.is_coming {
                    present.insert(
                        turn.user,
                        if turn.is_seen {
                            turn.secs
                        } else {
                            f64::NEG_INFINITY
                        },
                    );
                } else {
                    present.remove(&turn.user);
                }
            }
            let Some(speaker) = lanes.speakers.get(*event).copied().flatten() else {
                continue;
            };
            let place = last.place(speaker);
            let is_opener = position == 0 && episode.triggered_after.is_some();
            if kind != TalkKind::Notice && !is_opener {
                let rows = counts.get_mut(recency::bucket(secs - last_secs));
                let row = rows.and_then(|rows| rows.get_mut(place_before));
                if let Some(count) = row.and_then(|row| row.get_mut(place)) {
                    *count += 1.0;
                }
                if place == PLACES && present.contains_key(&speaker) {
                    other_count += 1;
                    if other_count.is_multiple_of(stride) {
                        choices.push(choice(speaker, secs, &present, &last));
                    }
                }
            }
            place_before = place;
            last.spoke(speaker);
            last_secs = secs;
        }
    }
    choices
}

fn choice(chosen: u32, secs: f64, present: &BTreeMap<u32, f64>, last: &LastSpeakers) -> Choice {
    let age = |came: f64| NEWCOMER_SECS.partition_point(|&bound| bound <= secs - came);
    Choice {
        chosen,
        chosen_age: present
            .get(&chosen)
            .map_or(NEWCOMER_SECS.len(), |&came| age(came)),
        day: number::whole(secs / f64::from(DAY_SECS)),
        present: present
            .iter()
            .filter(|&(&user, _)| last.place(user) == PLACES)
            .map(|(&user, &came)| (user, u8::try_from(age(came)).unwrap_or(u8::MAX)))
            .collect(),
    }
}

/// Returns counts as probabilities; a row leans on that of its bucket, which leans on all.
fn odds(
    counts: &[[[f64; PLACES + 1]; PLACES + 1]; BUCKETS],
) -> [[[f64; PLACES + 1]; PLACES + 1]; BUCKETS] {
    let mut all = [1.0; PLACES + 1];
    for row in counts.iter().flatten() {
        add(&mut all, row);
    }
    let all = shares(&all, &[0.0; PLACES + 1], 0.0);
    std::array::from_fn(|bucket| {
        let rows = counts.get(bucket).copied().unwrap_or_default();
        let mut of_bucket = [0.0; PLACES + 1];
        for row in &rows {
            add(&mut of_bucket, row);
        }
        let usual = shares(&of_bucket, &all, LEAN_MESSAGES);
        rows.map(|row| {
            shares(&row, &usual, LEAN_MESSAGES).map(|share| number::rounded(share, DIGITS))
        })
    })
}

fn add(sums: &mut [f64; PLACES + 1], row: &[f64; PLACES + 1]) {
    for (sum, count) in sums.iter_mut().zip(row) {
        *sum += count;
    }
}

fn shares(counts: &[f64; PLACES + 1], usual: &[f64; PLACES + 1], lean: f64) -> [f64; PLACES + 1] {
    let total = counts.iter().sum::<f64>() + lean;
    std::array::from_fn(|index| {
        let at = |values: &[f64; PLACES + 1]| values.get(index).copied().unwrap_or(0.0);
        (at(counts) + lean * at(usual)) / total.max(1e-9)
    })
}

/// Returns the weights by channel, and the factors of newcomers, under which the choices are likeliest.
///
/// Minorisation and maximisation for choices from sets (Hunter 2004): each weight is the user's choices over what they would
/// have been for a weight of one.
fn weights(choices: &[Vec<Choice>]) -> (Vec<BTreeMap<u32, f64>>, [f64; 4]) {
    let mut newcomers = [1.0; 4];
    let mut weights: Vec<BTreeMap<u32, f64>> = choices
        .iter()
        .map(|choices| choices.iter().map(|choice| (choice.chosen, 1.0)).collect())
        .collect();
    for _ in 0..ITERATIONS {
        let mut age_counts = [0.0; 4];
        let mut age_chances = [0.0; 4];
        for (choices, weights) in choices.iter().zip(&mut weights) {
            let mut counts: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
            for choice in choices {
                let sum: f64 = choice
                    .chances(weights, &newcomers)
                    .map(|(_, _, chance)| chance)
                    .sum();
                for (user, age, chance) in choice.chances(weights, &newcomers) {
                    let weight = weights.get(&user).copied().unwrap_or(0.0);
                    counts.entry(user).or_default().1 +=
                        chance / weight.max(1e-300) / sum.max(1e-300);
                    if let (Some(sum_of_age), Some(factor)) =
                        (age_chances.get_mut(age), newcomers.get(age))
                    {
                        *sum_of_age += chance / factor / sum.max(1e-300);
                    }
                }
                counts.entry(choice.chosen).or_default().0 += 1.0;
                if let Some(count) = age_counts.get_mut(choice.chosen_age) {
                    *count += 1.0;
                }
            }
            for (user, (count, chances)) in counts {
                if let Some(weight) = weights.get_mut(&user).filter(|_| chances > 0.0) {
                    *weight = count / chances;
                }
            }
        }
        let factor_of = |index: usize| {
            let at = |values: &[f64; 4]| values.get(index).copied().unwrap_or(0.0);
            if at(&age_counts) >= AGE_CHOICES_MIN && at(&age_chances) > 0.0 {
                at(&age_counts) / at(&age_chances)
            } else {
                1.0
            }
        };
        let [a, b, c, old] = std::array::from_fn(factor_of);
        newcomers = [a / old, b / old, c / old, 1.0];
    }
    for weights in &mut weights {
        let sum: f64 = weights.values().sum();
        for weight in weights.values_mut() {
            *weight = number::rounded(*weight / sum.max(1e-300), DIGITS);
        }
    }
    (weights, newcomers)
}

impl Choice {
    /// Returns each who could have spoken with the class of their age and their weight now.
    fn chances(
        &self,
        weights: &BTreeMap<u32, f64>,
        newcomers: &[f64; 4],
    ) -> impl Iterator<Item = (u32, usize, f64)> {
        self.present.iter().filter_map(move |&(user, age)| {
            let age = usize::from(age);
            Some((user, age, weights.get(&user)? * newcomers.get(age)?))
        })
    }
}

/// How often a speaker was chosen on a day, and what was to be expected.
#[derive(Clone, Copy, Debug, Default)]
struct SpeakerDay {
    seen: f64,
    expected: f64,
    variance: f64,
}

/// Returns how the days of a speaker differ, by the variance of their choices beyond chance and how neighbours go together.
fn days(
    choices: &[Vec<Choice>],
    weights: &[BTreeMap<u32, f64>],
    newcomers: &[f64; 4],
) -> DayFactor {
    let (mut excess, mut excess_of) = (0.0, 0.0);
    let (mut common, mut common_of) = (0.0, 0.0);
    for (choices, weights) in choices.iter().zip(weights) {
        let mut by_day: BTreeMap<u32, BTreeMap<u32, SpeakerDay>> = BTreeMap::new();
        for choice in choices {
            let sum: f64 = choice
                .chances(weights, newcomers)
                .map(|(_, _, chance)| chance)
                .sum();
            for (user, _, chance) in choice.chances(weights, newcomers) {
                let chance = chance / sum.max(1e-300);
                let day = by_day
                    .entry(user)
                    .or_default()
                    .entry(choice.day)
                    .or_default();
                day.expected += chance;
                day.variance += chance * (1.0 - chance);
            }
            let own = by_day.entry(choice.chosen).or_default();
            own.entry(choice.day).or_default().seen += 1.0;
        }
        for days in by_day.values() {
            if days.values().map(|day| day.seen).sum::<f64>() < DAYS_CHOICES_MIN {
                continue;
            }
            for (number, day) in days {
                let beyond = day.seen - day.expected;
                excess += beyond * beyond - day.variance;
                excess_of += day.expected * day.expected;
                if let Some(next) = days.get(&(number + 1)) {
                    common += beyond * (next.seen - next.expected);
                    common_of += day.expected * next.expected;
                }
            }
        }
    }
    let log_one_and = |sum: f64, of: f64| libm::log(1.0 + (sum / f64::max(of, 1e-9)).max(0.0));
    let variance = log_one_and(excess, excess_of).min(SIGMA_MAX * SIGMA_MAX);
    let covariance = log_one_and(common, common_of);
    DayFactor {
        sigma: number::rounded(libm::sqrt(variance), DIGITS),
        correlation: number::rounded((covariance / variance.max(1e-9)).clamp(0.0, 0.98), DIGITS),
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::traffic::profile::distribution::uniform;

    #[test]
    fn weights_are_found_again_from_choices() {
        let true_weights = [5.0, 3.0, 1.0, 1.0];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let choices: Vec<Choice> = (0..20_000)
            .map(|_| {
                // Somebody is away at each choice, and somebody has just come, who is three times as ready.
                let away = number::whole(uniform(rng.next_u64()) * 4.0);
                let new = number::whole(uniform(rng.next_u64()) * 4.0);
                let present: Vec<(u32, u8)> = (0..4)
                    .filter(|&user| user != away)
                    .map(|user| (user, if user == new { 0 } else { 3 }))
                    .collect();
                let chance = |&(user, age): &(u32, u8)| {
                    true_weights[user as usize] * if age == 0 { 3.0 } else { 1.0 }
                };
                let mut left = uniform(rng.next_u64()) * present.iter().map(chance).sum::<f64>();
                let &(chosen, age) = present
                    .iter()
                    .find(|entry| {
                        left -= chance(entry);
                        left < 0.0
                    })
                    .unwrap();
                Choice {
                    chosen,
                    chosen_age: usize::from(age),
                    day: 0,
                    present,
                }
            })
            .collect();
        let (weights, newcomers) = weights(&[choices]);
        for (user, weight) in &weights[0] {
            let want = true_weights[*user as usize] / 10.0;
            assert!(
                (weight / want - 1.0).abs() < 0.06,
                "{user}: {weight} for {want}"
            );
        }
        assert!((newcomers[0] / 3.0 - 1.0).abs() < 0.06, "{newcomers:?}");
    }

    #[test]
    fn rows_of_odds_are_probabilities() {
        let mut counts = [[[0.0; PLACES + 1]; PLACES + 1]; BUCKETS];
        counts[1][0] = [50.0, 20.0, 5.0, 0.0, 0.0, 0.0, 25.0];
        let odds = odds(&counts);
        for row in odds.iter().flatten() {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-4, "{row:?}");
        }
        assert!((odds[1][0][0] - 0.5).abs() < 0.01, "{:?}", odds[1][0]);
    }
}
