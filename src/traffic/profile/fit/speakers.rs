//! Fit of who speaks: by who spoke before, by how readily each does, by how long they have been there.

use std::collections::BTreeMap;

use crate::traffic::profile::DAY_SECS;
use crate::traffic::profile::fit::DIGITS;
use crate::traffic::profile::fit::heard::Heard;
use crate::traffic::profile::fit::timelines::Lanes;
use crate::traffic::profile::number;
use crate::traffic::profile::recency::BUCKETS;
use crate::traffic::profile::recency::COMPANIES;
use crate::traffic::profile::recency::LastSpeakers;
use crate::traffic::profile::recency::OddsTable;
use crate::traffic::profile::recency::PLACES;
use crate::traffic::profile::recency::PlaceOdds;
use crate::traffic::profile::recency::Recency;
use crate::traffic::profile::recency::Situation;
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

/// Messages by which somebody's insistence leans on that of others.
const LEAN_INSISTENCE: f64 = 10.0;

/// Iterations of the odds and the insistence.
const PLACE_ITERATIONS: u32 = 12;

/// No counts at all.
const NOTHING: OddsTable = [[[[0.0; PLACES + 1]; PLACES + 1]; COMPANIES]; BUCKETS];

/// A choice among those present, none of whom was one of the last speakers.
struct Choice {
    chosen: u32,
    chosen_age: usize,
    day: u32,
    /// Those who could have spoken, each with the class of the time since they came.
    present: Vec<(u32, u8)>,
}

/// From which place a speaker came, and who had the others.
struct PlaceChoice {
    situation: Situation,
    place: usize,
    /// Those of the last speakers who were there.
    last: [Option<u32>; PLACES],
}

/// Who speaks in the channels of one talk, and in each.
#[derive(Debug)]
pub(crate) struct Speakers {
    pub(crate) recency: Recency,
    pub(crate) newcomers: [f64; 4],
    pub(crate) day: DayFactor,
    /// The weights by channel, in the order given.
    pub(crate) weights: Vec<BTreeMap<u32, f64>>,
    /// How many times as readily each speaks on, by channel.
    pub(crate) insistence: Vec<BTreeMap<u32, f64>>,
}

/// Returns who speaks in these channels.
pub(crate) fn fit(heard: &[&Heard], lanes: &Lanes) -> Speakers {
    let mut choices = Vec::with_capacity(heard.len());
    let mut places = Vec::with_capacity(heard.len());
    for heard in heard {
        let (own_choices, own_places) = follow(heard, lanes);
        choices.push(own_choices);
        places.push(own_places);
    }
    let (odds, insistence) = places_of(&places);
    let (weights, newcomers) = weights(&choices);
    Speakers {
        recency: Recency { odds },
        day: days(&choices, &weights, &newcomers),
        newcomers: newcomers.map(|factor| number::rounded(factor, DIGITS)),
        weights,
        insistence,
    }
}

/// Follows a channel: returns the choices of others than the last speakers, and the places from which speakers came.
fn follow(heard: &Heard, lanes: &Lanes) -> (Vec<Choice>, Vec<PlaceChoice>) {
    // Which choices are looked at: every one, or every so many, so that memory is bounded.
    let stride = heard.message_count().div_ceil(CHOICES_MAX).max(1);
    let mut turns = heard.turns.iter().peekable();
    let mut present: BTreeMap<u32, f64> = BTreeMap::new();
    let mut last = LastSpeakers::NONE;
    let (mut place_before, mut company) = (PLACES, 0);
    let mut last_secs = f64::NEG_INFINITY;
    let (mut choices, mut places) = (Vec::new(), Vec::new());
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
                    let came = if turn.is_seen {
                        turn.secs
                    } else {
                        f64::NEG_INFINITY
                    };
                    present.insert(turn.user, came);
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
                places.push(PlaceChoice {
                    situation: Situation {
                        gap_secs: secs - last_secs,
                        company: if position == 0 { 0 } else { company },
                        place_before,
                    },
                    place,
                    // Whoever speaks was there, whatever was seen of it.
                    last: std::array::from_fn(|index| {
                        last.at(index)
                            .filter(|user| *user == speaker || present.contains_key(user))
                    }),
                });
                if place == PLACES && present.contains_key(&speaker) {
                    other_count += 1;
                    if other_count.is_multiple_of(stride) {
                        choices.push(choice(speaker, secs, &present, &last));
                    }
                }
            }
            if position == 0 {
                company = 0;
            }
            if place >= company {
                company = (company + 1).min(PLACES);
            }
            place_before = place;
            last.spoke(speaker);
            last_secs = secs;
        }
    }
    (choices, places)
}

/// Returns the odds of places, and how many times as readily each speaks on, under which the places are likeliest.
fn places_of(places: &[Vec<PlaceChoice>]) -> (OddsTable, Vec<BTreeMap<u32, f64>>) {
    let mut insistence: Vec<BTreeMap<u32, f64>> = places.iter().map(|_| BTreeMap::new()).collect();
    let mut odds = NOTHING.map(|companies| companies.map(|rows| rows.map(|row| row.map(|_| 1.0))));
    for _ in 0..PLACE_ITERATIONS {
        let mut counts = NOTHING;
        let mut chances = NOTHING;
        for (places, insistence) in places.iter().zip(&mut insistence) {
            let mut by_user: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
            for choice in places {
                let row = choice.situation.row(&odds).copied().unwrap_or_default();
                let factors: PlaceOdds =
                    std::array::from_fn(|place| match choice.last.get(place) {
                        Some(Some(user)) => insistence.get(user).copied().unwrap_or(1.0),
                        Some(None) => 0.0,
                        None => 1.0,
                    });
                let sum: f64 = row
                    .iter()
                    .zip(factors)
                    .map(|(odds, factor)| odds * factor)
                    .sum();
                let sum = sum.max(1e-12);
                add_at(
                    &mut counts,
                    choice,
                    &std::array::from_fn(|place| f64::from(u8::from(place == choice.place))),
                );
                add_at(&mut chances, choice, &factors.map(|factor| factor / sum));
                for (place, user) in choice.last.iter().enumerate() {
                    if let Some(user) = user {
                        let own = by_user.entry(*user).or_default();
                        own.0 += f64::from(u8::from(place == choice.place));
                        own.1 += row.get(place).copied().unwrap_or(0.0) / sum;
                    }
                }
            }
            for (user, (said, expected)) in by_user {
                let factor = (said + LEAN_INSISTENCE) / (expected + LEAN_INSISTENCE);
                insistence.insert(user, factor);
            }
        }
        odds = ratios(&counts, &chances);
    }
    for factors in &mut insistence {
        for factor in factors.values_mut() {
            *factor = number::rounded(*factor, DIGITS);
        }
    }
    (odds, insistence)
}

fn add_at(counts: &mut OddsTable, choice: &PlaceChoice, amounts: &PlaceOdds) {
    if let Some(row) = choice.situation.row_mut(counts) {
        add(row, amounts);
    }
}

/// Returns counts over chances as probabilities: those of a row lean on those of its company, these on those of its bucket, and
/// these on all.
fn ratios(counts: &OddsTable, chances: &OddsTable) -> OddsTable {
    let sum = |rows: &mut dyn Iterator<Item = &PlaceOdds>| {
        rows.fold([0.0; PLACES + 1], |mut sums, row| {
            add(&mut sums, row);
            sums
        })
    };
    let all = |of: &OddsTable| sum(&mut of.iter().flatten().flatten()).map(|count| count + 0.5);
    // Half a message everywhere, so that nothing is impossible.
    let all = over(&all(counts), &all(chances), &[0.0; PLACES + 1], 0.0);
    let mut odds = *counts;
    for ((odds, counts), chances) in odds.iter_mut().zip(counts).zip(chances) {
        let of = |of: &[[PlaceOdds; PLACES + 1]; COMPANIES]| sum(&mut of.iter().flatten());
        let of_bucket = over(&of(counts), &of(chances), &all, LEAN_MESSAGES);
        for ((odds, counts), chances) in odds.iter_mut().zip(counts).zip(chances) {
            let of = |of: &[PlaceOdds; PLACES + 1]| sum(&mut of.iter());
            let of_company = over(&of(counts), &of(chances), &of_bucket, LEAN_MESSAGES);
            for ((odds, counts), chances) in odds.iter_mut().zip(counts).zip(chances) {
                let own = over(counts, chances, &of_company, LEAN_MESSAGES);
                *odds = own.map(|share| number::rounded(share, DIGITS));
            }
        }
    }
    odds
}

/// Returns counts over chances, each leaning on what is usual by so many messages, scaled to a sum of one.
fn over(counts: &PlaceOdds, chances: &PlaceOdds, usual: &PlaceOdds, lean: f64) -> PlaceOdds {
    let ratios: PlaceOdds = std::array::from_fn(|index| {
        let at = |values: &PlaceOdds| values.get(index).copied().unwrap_or(0.0);
        (at(counts) + lean * at(usual)) / (at(chances) + lean).max(1e-9)
    });
    let sum = ratios.iter().sum::<f64>().max(1e-12);
    ratios.map(|ratio| ratio / sum)
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

fn add(sums: &mut PlaceOdds, row: &PlaceOdds) {
    for (sum, count) in sums.iter_mut().zip(row) {
        *sum += count;
    }
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
    fn odds_and_insistence_are_found_again_from_places() {
        // Alder (0) and birch (1) have the first two places, alder is three times as ready to speak on.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut last = [Some(0), Some(1)];
        let places: Vec<PlaceChoice> = (0..40_000)
            .map(|_| {
                let factor = |user: Option<u32>| if user == Some(0) { 3.0 } else { 1.0 };
                let weights = [0.3 * factor(last[0]), 0.5 * factor(last[1]), 0.2];
                let mut left = uniform(rng.next_u64()) * weights.iter().sum::<f64>();
                let place = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                let place = place.unwrap_or(2);
                let choice = PlaceChoice {
                    situation: Situation {
                        gap_secs: 30.0,
                        company: 2,
                        place_before: 0,
                    },
                    place: if place == 2 { PLACES } else { place },
                    last: std::array::from_fn(|index| last.get(index).copied().flatten()),
                };
                if place == 1 {
                    last.swap(0, 1);
                }
                choice
            })
            .collect();
        let (odds, insistence) = places_of(&[places]);
        let ratio = insistence[0][&0] / insistence[0][&1];
        assert!((ratio / 3.0 - 1.0).abs() < 0.1, "{insistence:?}");
        let row = odds[1][2][0];
        assert!((row[0] / row[1] / 0.6 - 1.0).abs() < 0.1, "{row:?}");
        for row in odds.iter().flatten().flatten() {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-4, "{row:?}");
        }
    }
}
