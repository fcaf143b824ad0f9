//! A channel as its talk sees it: who is there at a moment, and who of them speaks next.

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::curve;
use crate::traffic::profile::distribution::normals;
use crate::traffic::profile::distribution::uniform;
use crate::traffic::profile::number;
use crate::traffic::profile::talk::DayFactor;
use crate::traffic::profile::talk::NEWCOMER_SECS;
use crate::traffic::profile::talk::Speaker;
use crate::traffic::profile::talk::Talk;
use crate::traffic::profile::talk::TalkKind;
use crate::units::offset::Offset;

/// Draws by weight before whoever comes next is taken: those who were drawn may not be meant.
const DRAWS_MAX: u32 = 48;

/// Members who are weighed at a time.
const BATCH: usize = 16;

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// A coming or going of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// When, from the start of the talk.
    pub at: Offset,
    /// Whether the member comes.
    pub is_coming: bool,
    /// The place of the member among the room's.
    pub member: u32,
    /// Whether others see it: somebody who was there all along has not come.
    pub is_seen: bool,
}

/// A channel with its members.
#[derive(Clone, Debug)]
pub struct Room {
    members: Vec<Member>,
    /// The logarithm of each member's factor of the day, in its standard deviations.
    scores: Vec<f64>,
    /// How each member speaks.
    speakers: Vec<Speaker>,
    /// Sums of the weights of those present.
    weights: Tree,
    turns: Vec<Turn>,
    next_turn: usize,
    /// Those who send notices.
    noticing: Vec<u32>,
    /// Those who came not long ago.
    newcomers: Vec<u32>,
    day: i64,
    /// Standard deviation of the logarithm of the day's factors.
    sigma: f64,
    present_count: u32,
}

/// A member of a channel: what is looked at with every message.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// How many times as readily as others they speak on.
    insistence: f64,
    /// Share of actions among their messages that are no notices.
    action_share: f64,
    /// The weight of all days.
    usual_weight: f64,
    /// The weight of the day; of an earlier one for those who are not there.
    weight: f64,
    came_nanos: i64,
    is_present: bool,
}

impl Member {
    /// Takes the weight of a day on which they have this score.
    fn weigh(&mut self, sigma: f64, score: f64) {
        let log = sigma * score - sigma * sigma / 2.0;
        self.weight = self.usual_weight * curve::exp(log);
    }
}

impl Room {
    /// Returns the room of these members, of whom nobody has come yet; `turns` are in order.
    pub fn new(speakers: impl IntoIterator<Item = Speaker>, turns: Vec<Turn>) -> Self {
        let speakers: Vec<Speaker> = speakers.into_iter().collect();
        let members: Vec<Member> = speakers
            .iter()
            .map(|speaker| Member {
                insistence: speaker.insistence,
                action_share: speaker.action_share,
                usual_weight: speaker.weight,
                weight: speaker.weight,
                came_nanos: i64::MIN,
                is_present: false,
            })
            .collect();
        let noticing = (0..)
            .zip(&speakers)
            .filter(|(_, speaker)| speaker.notice_weight() > 0.0)
            .map(|(index, _)| index)
            .collect();
        Self {
            weights: Tree::new(members.len()),
            scores: vec![0.0; members.len()],
            noticing,
            members,
            speakers,
            turns,
            next_turn: 0,
            newcomers: Vec::new(),
            day: i64::MIN,
            sigma: 0.0,
            present_count: 0,
        }
    }

    /// Returns how many are there.
    pub fn present_count(&self) -> u32 {
        self.present_count
    }

    /// Returns whether a member is there.
    pub fn is_present(&self, member: u32) -> bool {
        self.member(member).is_some_and(|member| member.is_present)
    }

    /// Returns how a member speaks.
    pub(crate) fn speaker(&self, member: u32) -> Option<&Speaker> {
        self.speakers.get(member as usize)
    }

    /// Returns how many times as readily as others a member speaks on: not at all if they are not there.
    pub(crate) fn insistence(&self, member: u32) -> f64 {
        let member = self.member(member).filter(|member| member.is_present);
        member.map_or(0.0, |member| member.insistence)
    }

    /// Returns the share of actions among a member's messages that are no notices.
    pub(crate) fn action_share(&self, member: u32) -> f64 {
        self.member(member)
            .map_or(0.0, |member| member.action_share)
    }

    /// Lets the next turn happen that is due at `nanos`, and returns it.
    pub(crate) fn advance(&mut self, nanos: i64) -> Option<Turn> {
        let turn = *self
            .turns
            .get(self.next_turn)
            .filter(|turn| turn.at.as_nanos() <= nanos)?;
        self.next_turn += 1;
        let member = self.members.get_mut(turn.member as usize)?;
        if member.is_present != turn.is_coming {
            let (count, weight) = if turn.is_coming {
                let score = self.scores.get(turn.member as usize).copied();
                member.weigh(self.sigma, score.unwrap_or(0.0));
                (self.present_count + 1, member.weight)
            } else {
                (self.present_count.saturating_sub(1), -member.weight)
            };
            self.present_count = count;
            self.weights.add(turn.member as usize, weight);
        }
        member.is_present = turn.is_coming;
        if turn.is_coming {
            member.came_nanos = if turn.is_seen {
                turn.at.as_nanos()
            } else {
                i64::MIN
            };
            if turn.is_seen && !self.newcomers.contains(&turn.member) {
                self.newcomers.push(turn.member);
            }
        }
        Some(turn)
    }

    /// Returns when the next turn is.
    pub(crate) fn next_turn_nanos(&self) -> i64 {
        self.turns
            .get(self.next_turn)
            .map_or(i64::MAX, |turn| turn.at.as_nanos())
    }

    /// Brings the weights up to date after turns and at a new day.
    pub(crate) fn weigh(&mut self, nanos: i64, factor: DayFactor, rng: &mut Xoshiro256PlusPlus) {
        let day = nanos.div_euclid(DAY_NANOS);
        if day == self.day {
            return;
        }
        let elapsed = if self.day == i64::MIN {
            f64::INFINITY
        } else {
            secs_to_days(day - self.day)
        };
        self.day = day;
        self.sigma = factor.sigma;
        let kept = libm::pow(factor.correlation, elapsed);
        let new = libm::sqrt(1.0 - kept * kept);
        let scores = self.scores.chunks_mut(BATCH);
        for (members, scores) in self.members.chunks_mut(BATCH).zip(scores) {
            let mut draws = [0; BATCH];
            for (draw, member) in draws.iter_mut().zip(&*members) {
                // Those who have no weight take no draw, and no score gives them any.
                if member.usual_weight > 0.0 {
                    *draw = rng.next_u64();
                }
            }
            for (score, normal) in scores.iter_mut().zip(normals(draws)) {
                *score = kept * *score + new * normal;
            }
            for (member, score) in members.iter_mut().zip(scores) {
                // Whoever is not there is weighed when they come.
                if member.is_present {
                    member.weigh(factor.sigma, *score);
                }
            }
        }
        let now = |member: &Member| {
            if member.is_present {
                member.weight
            } else {
                0.0
            }
        };
        self.weights.fill(self.members.iter().map(now));
    }

    /// Returns somebody who is there and meant, by weight, newcomers more or less readily.
    pub(crate) fn draw(
        &mut self,
        nanos: i64,
        talk: &Talk,
        rng: &mut Xoshiro256PlusPlus,
        is_meant: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let factors = talk.newcomers.value();
        let factor = |member: &Member| {
            let age_secs = number::secs_of_nanos(nanos.saturating_sub(member.came_nanos));
            let bucket = NEWCOMER_SECS.partition_point(|&bound| bound <= age_secs);
            factors.get(bucket).copied().unwrap_or(1.0) / factors.last().copied().unwrap_or(1.0)
        };
        let members = &self.members;
        let is_new = |nanos: i64, member: &Member| {
            let [.., longest] = NEWCOMER_SECS;
            member.is_present
                && number::secs_of_nanos(nanos.saturating_sub(member.came_nanos)) < longest
        };
        self.newcomers.retain(|&index| {
            members
                .get(index as usize)
                .is_some_and(|member| is_new(nanos, member))
        });
        let extra = |index: &u32| {
            let member = members.get(*index as usize)?;
            Some((*index, member.weight * (factor(member) - 1.0).max(0.0)))
        };
        let extra_sum: f64 = self
            .newcomers
            .iter()
            .filter_map(extra)
            .map(|(_, weight)| weight)
            .sum();
        let sum = self.weights.total();
        for _ in 0..DRAWS_MAX {
            let level = uniform(rng.next_u64()) * (sum + extra_sum);
            let index = if level < sum {
                let at = self.weights.draw(level)?;
                let member = members.get(at).filter(|member| member.is_present);
                // A newcomer may be less ready to speak than others.
                let is_ready = member.is_some_and(|member| {
                    if self.newcomers.is_empty() {
                        return true;
                    }
                    let factor = factor(member);
                    factor >= 1.0 || uniform(rng.next_u64()) < factor
                });
                is_ready.then(|| u32::try_from(at).unwrap_or(u32::MAX))
            } else {
                let mut left = level - sum;
                let mut extras = self.newcomers.iter().filter_map(extra);
                extras
                    .find(|(_, weight)| {
                        left -= weight;
                        left < 0.0
                    })
                    .map(|(index, _)| index)
            };
            if let Some(index) = index.filter(|&index| is_meant(index)) {
                return Some(index);
            }
        }
        self.draw_slowly(rng, is_meant)
    }

    /// Returns somebody who is there and meant, by weight, looking at everybody; of those who are not meant if nobody else is.
    fn draw_slowly(
        &self,
        rng: &mut Xoshiro256PlusPlus,
        is_meant: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let present = |wants: bool| {
            (0..)
                .zip(&self.members)
                .filter(move |(_, member)| member.is_present && member.usual_weight > 0.0)
                .filter(|&(index, _)| is_meant(index) == wants)
                .map(|(index, member)| (index, member.usual_weight))
                .collect::<Vec<(u32, f64)>>()
        };
        let meant = present(true);
        let choice = if meant.is_empty() {
            present(false)
        } else {
            meant
        };
        by_weight(&choice, uniform(rng.next_u64()))
    }

    /// Returns who sends a notice: somebody who is there and does.
    pub(crate) fn draw_noticing(&self, draw: u64) -> Option<u32> {
        let present: Vec<(u32, f64)> = self
            .noticing
            .iter()
            .filter_map(|&index| {
                let speaker = self.speaker(index).filter(|_| self.is_present(index))?;
                Some((index, speaker.notice_weight()))
            })
            .collect();
        by_weight(&present, uniform(draw))
    }

    /// Returns somebody who is there and meant, by their share of the channel's messages of a kind; by that of all where nobody
    /// who is there says such.
    pub(crate) fn draw_stand_in(
        &self,
        kind: TalkKind,
        rng: &mut Xoshiro256PlusPlus,
        is_meant: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let present = |share: &dyn Fn(&Speaker) -> f64| {
            (0..)
                .zip(&self.speakers)
                .filter(|&(index, _)| self.is_present(index) && is_meant(index))
                .map(|(index, speaker)| (index, share(speaker)))
                .filter(|&(_, share)| share > 0.0)
                .collect::<Vec<(u32, f64)>>()
        };
        let mut choices = present(&|speaker| speaker.share_of(kind));
        if choices.is_empty() {
            choices = present(&|speaker| speaker.share);
        }
        by_weight(&choices, uniform(rng.next_u64()))
    }

    fn member(&self, member: u32) -> Option<&Member> {
        self.members.get(member as usize)
    }
}

fn secs_to_days(days: i64) -> f64 {
    number::secs_of_nanos(days.saturating_mul(1_000_000_000))
}

/// Returns a choice at `level`, 0 to 1, by weight.
fn by_weight(choices: &[(u32, f64)], level: f64) -> Option<u32> {
    let mut left = level * choices.iter().map(|(_, weight)| weight).sum::<f64>();
    let chosen = choices.iter().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    chosen.or(choices.last()).map(|&(index, _)| index)
}

/// Weights in a tree of sums (Fenwick 1994): drawn from and changed in steps of a logarithm.
#[derive(Clone, Debug)]
struct Tree {
    /// Sums, the first at index 1.
    sums: Vec<f64>,
    top: usize,
}

impl Tree {
    fn new(len: usize) -> Self {
        Self {
            sums: vec![0.0; len + 1],
            top: (len + 1).next_power_of_two() / 2,
        }
    }

    /// Sets all weights.
    fn fill(&mut self, weights: impl Iterator<Item = f64>) {
        for (sum, weight) in self.sums.iter_mut().skip(1).zip(weights) {
            *sum = weight;
        }
        for index in 1..self.sums.len() {
            let parent = index + (index & index.wrapping_neg());
            let own = self.sums.get(index).copied().unwrap_or(0.0);
            if let Some(sum) = self.sums.get_mut(parent) {
                *sum += own;
            }
        }
    }

    /// Adds to the weight at a place.
    fn add(&mut self, place: usize, weight: f64) {
        let mut index = place + 1;
        while let Some(sum) = self.sums.get_mut(index) {
            *sum += weight;
            index += index & index.wrapping_neg();
        }
    }

    fn total(&self) -> f64 {
        let mut index = self.sums.len().saturating_sub(1);
        let mut total = 0.0;
        while index > 0 {
            total += self.sums.get(index).copied().unwrap_or(0.0);
            index &= index - 1;
        }
        total
    }

    /// Returns the place at `level`, 0 to the sum, by weight; `None` if there is no place.
    fn draw(&self, level: f64) -> Option<usize> {
        if self.sums.len() < 2 {
            return None;
        }
        let mut left = level;
        let (mut index, mut step) = (0, self.top);
        while step > 0 {
            let sum = self.sums.get(index + step).copied();
            let sum = sum.unwrap_or(f64::INFINITY);
            // Chosen by value: no processor foresees which way a draw goes.
            let (passed, steps) = if sum <= left { (sum, step) } else { (0.0, 0) };
            left -= passed;
            index += steps;
            step /= 2;
        }
        Some(index.min(self.sums.len().saturating_sub(2)))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_tree_draws_by_weight() {
        let weights = [1.0, 0.0, 3.0, 0.5, 5.5];
        let mut tree = Tree::new(weights.len());
        tree.fill(weights.into_iter());
        assert!((tree.total() - 10.0).abs() < 1e-12);
        let found = [0.5, 0.999, 1.001, 3.99, 4.01, 4.49, 4.51, 9.99].map(|level| tree.draw(level));
        assert_eq!(found, [0, 0, 2, 2, 3, 3, 4, 4].map(Some));
        tree.add(1, 1.0);
        assert_eq!(tree.draw(1.5), Some(1));
        assert_eq!(Tree::new(0).draw(0.5), None);
    }

    #[test]
    fn only_those_who_are_there_are_drawn() {
        let speaker = |user: u32| Speaker {
            user,
            weight: 1.0,
            insistence: 1.0,
            share: 0.1,
            notice_share: 0.0,
            action_share: 0.0,
            trigger_share: 0.0,
        };
        let turn = |secs: i64, member: u32, is_coming: bool| Turn {
            at: Offset::from_secs(secs),
            is_coming,
            member,
            is_seen: true,
        };
        let turns = vec![turn(0, 0, true), turn(0, 1, true), turn(5, 0, false)];
        let mut room = Room::new((0..3).map(speaker), turns);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let talk = crate::traffic::profile::talk::examples::talk();
        while room.advance(1_000_000_000).is_some() {}
        let quiet = DayFactor {
            sigma: 0.0,
            correlation: 0.0,
        };
        room.weigh(1, quiet, &mut rng);
        let draws: Vec<Option<u32>> = (0..50)
            .map(|_| room.draw(1, &talk, &mut rng, |_| true))
            .collect();
        assert!(draws.contains(&Some(0)) && draws.contains(&Some(1)) && !draws.contains(&Some(2)));
        while room.advance(9_000_000_000).is_some() {}
        assert_eq!(
            room.draw(1, &talk, &mut rng, |member| member != 1),
            Some(1),
            "nobody else is there"
        );
        assert_eq!(room.present_count(), 1);
    }
}
