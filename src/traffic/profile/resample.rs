//! The talk of one channel put together of a capture's blocks, in time order: pure, driven by draws and by who is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::Xoshiro256PlusPlus;

use crate::traffic::profile::Profile;
use crate::traffic::profile::blocks::Block;
use crate::traffic::profile::blocks::Mover;
use crate::traffic::profile::blocks::TalkRow;
use crate::traffic::profile::number;
use crate::traffic::profile::room::Room;
use crate::traffic::profile::rotation::Rotation;
use crate::traffic::profile::stream::TalkSlot;
use crate::traffic::profile::talk::EPISODE_GAP_SECS;
use crate::units::offset::Offset;

/// How what moves blocks lies in time.
pub type Rotations = BTreeMap<Mover, Rotation>;

/// The talk of one channel, put together of a capture's blocks.
///
/// Each block is said once in each cycle of whoever moves it. Of its speakers those who are away have one stand-in each, who
/// is there and has no words of their own in the block.
#[derive(Clone, Debug)]
pub struct BlockStream {
    rng: Xoshiro256PlusPlus,
    rotations: Arc<Rotations>,
    /// The members by the user of the profile who they are, in order.
    members: Vec<(u32, u32)>,
    /// The blocks in order of their beginning.
    coming: Vec<Coming>,
    next_coming: usize,
    /// The blocks that are being said, by the moment of their next row and their place among those that come.
    running: BTreeMap<(i64, usize), Running>,
    ends_nanos: i64,
}

/// A block that is going to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Coming {
    begins_nanos: i64,
    /// The place of the block among the profile's.
    block: usize,
    cycle: usize,
    mover: Mover,
}

/// A block that is being said.
#[derive(Clone, Debug)]
struct Running {
    /// Its place among those that come.
    place: usize,
    next_row: usize,
    /// Who of the room's members speaks for which user.
    stand_ins: Vec<(u32, u32)>,
}

impl BlockStream {
    /// Returns the talk of a channel of the profile until `ends`, nothing if the profile keeps no rows.
    ///
    /// `members` are the profile's users that the room has, each with its place in it.
    pub fn new(
        profile: &Profile,
        channel: u32,
        rotations: Arc<Rotations>,
        members: impl IntoIterator<Item = (u32, u32)>,
        rng: Xoshiro256PlusPlus,
        ends: Offset,
    ) -> Self {
        let ends_nanos = ends.as_nanos();
        let mut members: Vec<(u32, u32)> = members.into_iter().collect();
        members.sort_unstable();
        let mut coming = Vec::new();
        let blocks = profile.blocks().unwrap_or_default();
        for (number, block) in blocks.iter().enumerate() {
            let (Some(first), Some(last)) = (block.rows.first(), block.rows.last()) else {
                continue;
            };
            if block.channel != channel {
                continue;
            }
            let mover = profile.mover(block);
            let moved = mover.and_then(|mover| Some((mover, rotations.get(&mover)?)));
            let Some((mover, rotation)) = moved else {
                continue;
            };
            for cycle in 0..rotation.shifts_secs.len() {
                let begins_nanos = moment(rotation, cycle, first, first);
                let is_heard = moment(rotation, cycle, first, last) >= 0;
                if is_heard && begins_nanos < ends_nanos {
                    coming.push(Coming {
                        begins_nanos,
                        block: number,
                        cycle,
                        mover,
                    });
                }
            }
        }
        coming.sort_unstable();
        Self {
            rng,
            rotations,
            members,
            coming,
            next_coming: 0,
            running: BTreeMap::new(),
            ends_nanos,
        }
    }

    /// Returns the next message.
    pub fn next(&mut self, profile: &Profile, room: &mut Room) -> TalkSlot {
        let blocks = profile.blocks().unwrap_or_default();
        loop {
            self.begin_due(blocks);
            let Some(((nanos, place), mut running)) = self.running.pop_first() else {
                return TalkSlot::NEVER;
            };
            if nanos >= self.ends_nanos {
                return TalkSlot::NEVER;
            }
            let coming = self.coming.get(place);
            let Some(block) = coming.and_then(|coming| blocks.get(coming.block)) else {
                continue;
            };
            let row = running.next_row;
            let Some(&said) = block.rows.get(row) else {
                continue;
            };
            let before = row.checked_sub(1).and_then(|before| block.rows.get(before));
            let silence_secs = before.map_or(f64::INFINITY, |before| said.at_secs - before.at_secs);
            running.next_row += 1;
            if nanos < 0 {
                // It was said before the beginning.
                self.go_on(block, running);
                continue;
            }
            while room.advance(nanos).is_some() {}
            let member = self.speaker(block, &said, &mut running, room);
            self.go_on(block, running);
            return TalkSlot {
                at: Offset::from_nanos(nanos),
                kind: said.kind,
                starts_episode: silence_secs > f64::from(EPISODE_GAP_SECS),
                member,
                length_draw: 0,
                bytes: Some(said.bytes),
            };
        }
    }

    /// Begins the blocks that begin before the next row of any other.
    fn begin_due(&mut self, blocks: &[Block]) {
        while let Some(&coming) = self.coming.get(self.next_coming) {
            let next = self.running.first_key_value();
            if next.is_some_and(|(&(nanos, _), _)| nanos < coming.begins_nanos) {
                return;
            }
            let running = Running {
                place: self.next_coming,
                next_row: 0,
                stand_ins: Vec::new(),
            };
            self.next_coming += 1;
            if let Some(block) = blocks.get(coming.block) {
                self.go_on(block, running);
            }
        }
    }

    /// Puts a block back in line by its next row, if it has one.
    fn go_on(&mut self, block: &Block, running: Running) {
        let Some(&Coming { cycle, mover, .. }) = self.coming.get(running.place) else {
            return;
        };
        let (Some(first), Some(next), Some(rotation)) = (
            block.rows.first(),
            block.rows.get(running.next_row),
            self.rotations.get(&mover),
        ) else {
            return;
        };
        let nanos = moment(rotation, cycle, first, next);
        self.running.insert((nanos, running.place), running);
    }

    /// Returns who says a row: whoever said it in the capture if they are there, else their stand-in.
    fn speaker(
        &mut self,
        block: &Block,
        said: &TalkRow,
        running: &mut Running,
        room: &Room,
    ) -> Option<u32> {
        let own = self.member(said.user);
        if own.is_some_and(|own| room.is_present(own)) {
            return own;
        }
        let known = running
            .stand_ins
            .iter()
            .position(|&(user, _)| user == said.user);
        if let Some(&(_, stand_in)) = known.and_then(|at| running.stand_ins.get(at))
            && room.is_present(stand_in)
        {
            return Some(stand_in);
        }
        if let Some(at) = known {
            running.stand_ins.swap_remove(at);
        }
        let mut taken: Vec<u32> = block
            .rows
            .iter()
            .filter_map(|row| self.member(row.user))
            .collect();
        taken.extend(running.stand_ins.iter().map(|&(_, stand_in)| stand_in));
        taken.sort_unstable();
        let is_free = |member: u32| taken.binary_search(&member).is_err();
        let stand_in = room.draw_stand_in(said.kind, &mut self.rng, is_free)?;
        running.stand_ins.push((said.user, stand_in));
        Some(stand_in)
    }

    /// Returns the member who a user of the profile is.
    fn member(&self, user: u32) -> Option<u32> {
        let at = self.members.partition_point(|&(of, _)| of < user);
        let &(of, member) = self.members.get(at)?;
        (of == user).then_some(member)
    }
}

impl Profile {
    /// Returns how the quarters of a day of a step lie in time that a channel's blocks are where nobody comes or goes: each by itself.
    pub(crate) fn slot_rotations(
        &self,
        rng: &mut Xoshiro256PlusPlus,
        week_secs: f64,
        until_secs: f64,
    ) -> Rotations {
        let slots = (0..self.slot_count()).map(Mover::Slot);
        slots
            .map(|slot| (slot, self.rotation(0, rng, week_secs, until_secs)))
            .collect()
    }
}

/// Returns how cohorts lie in time, as those who move blocks.
pub(crate) fn cohort_rotations(cohorts: &BTreeMap<u32, Rotation>) -> Rotations {
    let cohorts = cohorts.iter();
    cohorts
        .map(|(&cohort, rotation)| (Mover::Cohort(cohort), rotation.clone()))
        .collect()
}

/// Returns when a row is said of a block that begins with `first`.
///
/// It is the moment to the nanosecond at which its speaker's stay lies: by no sum of gaps. A block that passes the end of its
/// cycle goes on.
fn moment(rotation: &Rotation, cycle: usize, first: &TalkRow, row: &TalkRow) -> i64 {
    let begins = rotation.moment(cycle, first.at_secs);
    let secs = rotation.moment(cycle, row.at_secs);
    number::nanos_of_secs(if secs < begins {
        secs + rotation.cycle_secs
    } else {
        secs
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::traffic::profile::WEEK_SECS;
    use crate::traffic::profile::blocks::examples::block;
    use crate::traffic::profile::examples;
    use crate::traffic::profile::room::Turn;
    use crate::traffic::profile::talk::Speaker;
    use crate::traffic::profile::timeline::StayRow;
    use crate::traffic::trace::cause::LeaveCause;
    use crate::units::id::Seed;

    /// Monday, 1 January 2024, 01:00 UTC, where the example's cycle starts.
    const START_US: i64 = 1_704_070_800_000_000;

    const CYCLE_SECS: f64 = 100_000.0;

    /// Lets cohorts 0 and 1 say blocks in a room of users 0 to 3 who come (+) and go (-) at these seconds; shows who says what when.
    ///
    /// The cohorts' cycles lie so, each by phase and shift.
    #[track_caller]
    fn check(
        blocks: Vec<Block>,
        turns: &[(i64, &str)],
        cycles_secs: [(f64, f64); 2],
        want: &[&str],
    ) {
        let mut profile = examples::profile();
        profile.blocks = Some(blocks);
        let rotation = |(phase_secs, shift_secs): (f64, f64)| Rotation {
            cycle_secs: CYCLE_SECS,
            phase_secs,
            shifts_secs: vec![shift_secs],
        };
        let [one, other] = cycles_secs.map(rotation);
        let rotations = Rotations::from([(Mover::Cohort(0), one), (Mover::Cohort(1), other)]);
        let speakers = (0..4).map(|user| Speaker {
            user,
            share: 0.2,
            ..Speaker::default()
        });
        let turns = turns.iter().map(|&(secs, turn)| Turn {
            at: Offset::from_secs(secs),
            is_coming: turn.starts_with('+'),
            member: turn[1..].parse().unwrap(),
            is_seen: true,
        });
        let mut room = Room::new(speakers, turns.collect());
        let members = (0..4).map(|user| (user, user));
        let rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let ends = Offset::from_secs(50_000);
        let mut stream = BlockStream::new(&profile, 0, Arc::new(rotations), members, rng, ends);
        let mut found = Vec::new();
        loop {
            let slot = stream.next(&profile, &mut room);
            if slot.at == Offset::NEVER {
                break;
            }
            let who = slot
                .member
                .map_or("nobody".to_owned(), |member| member.to_string());
            let bytes = slot.bytes.unwrap();
            found.push(format!(
                "{} {who} for {}",
                slot.at.as_secs_f64(),
                bytes - 20
            ));
        }
        assert_eq!(found, want);
    }

    #[test]
    fn whoever_is_away_has_one_stand_in_for_the_block() {
        let talk = || block(&[(100.0, 0), (110.0, 1), (120.0, 0), (130.0, 1), (140.0, 0)]);
        // Of those who are there 2 alone has no words of their own in the block.
        let want = [
            "100 0 for 0",
            "110 2 for 1",
            "120 0 for 0",
            "130 2 for 1",
            "140 0 for 0",
        ];
        check(
            vec![talk()],
            &[(0, "+0"), (0, "+2")],
            [(0.0, 0.0); 2],
            &want,
        );
        // Nobody is left to speak for 1.
        let want = [
            "100 0 for 0",
            "110 nobody for 1",
            "120 0 for 0",
            "130 nobody for 1",
            "140 0 for 0",
        ];
        check(vec![talk()], &[(0, "+0")], [(0.0, 0.0); 2], &want);
        // The stand-in goes, and another stands in; then 1 is back, and speaks for themself.
        let turns = [(0, "+0"), (0, "+2"), (125, "-2"), (125, "+3")];
        let want = [
            "100 0 for 0",
            "110 2 for 1",
            "120 0 for 0",
            "130 3 for 1",
            "140 0 for 0",
        ];
        check(vec![talk()], &turns, [(0.0, 0.0); 2], &want);
        let turns = [(0, "+0"), (0, "+2"), (125, "+1")];
        let want = [
            "100 0 for 0",
            "110 2 for 1",
            "120 0 for 0",
            "130 1 for 1",
            "140 0 for 0",
        ];
        check(vec![talk()], &turns, [(0.0, 0.0); 2], &want);
    }

    #[test]
    fn two_who_are_away_have_two_stand_ins() {
        let talk = block(&[(100.0, 0), (110.0, 1), (120.0, 0)]);
        let want = ["100 nobody for 0", "110 nobody for 1", "120 nobody for 0"];
        check(vec![talk.clone()], &[], [(0.0, 0.0); 2], &want);
        let turns = [(0, "+3")];
        let want = ["100 3 for 0", "110 nobody for 1", "120 3 for 0"];
        check(vec![talk], &turns, [(0.0, 0.0); 2], &want);
    }

    #[test]
    fn blocks_move_with_their_first_speakers_and_pass_through_each_other() {
        let blocks = vec![
            block(&[(100.0, 0), (160.0, 1)]),
            block(&[(20_000.0, 1), (20_030.0, 0)]),
        ];
        // User 0 is of cohort 0, the others of cohort 1.
        let all = [(0, "+0"), (0, "+1"), (0, "+2"), (0, "+3")];
        let want = [
            "20100 0 for 0",
            "20120 1 for 1",
            "20150 0 for 0",
            "20160 1 for 1",
        ];
        check(blocks, &all, [(0.0, 20_000.0), (0.0, 120.0)], &want);
    }

    #[test]
    fn blocks_go_on_past_their_cycles_end_and_stop_with_the_talk() {
        // Cycle and shift put the second of the blocks just before the beginning, the third to the end of the talk.
        let blocks = vec![
            block(&[(99_950.0, 1), (99_990.0, 1)]),
            block(&[(9_990.0, 0), (10_020.0, 0)]),
            block(&[(59_990.0, 0), (60_001.0, 0)]),
        ];
        let cycles_secs = [(10_000.0, 0.0), (70_000.0, 25.0)];
        let all = [(0, "+0"), (0, "+1")];
        let want = [
            "20 0 for 0",
            "29975 1 for 1",
            "30015 1 for 1",
            "49990 0 for 0",
        ];
        check(blocks, &all, cycles_secs, &want);
    }

    /// Returns the example with users 0 and 1 talking now and then, a block a day, each message as long as its number.
    fn talkative() -> Profile {
        let mut profile = examples::profile();
        let days = 0..28;
        let blocks = days.map(|day| {
            let at_secs = f64::from(day) * 86_400.0 + 40_000.0;
            let mut block = block(&[(at_secs, 1 - day % 2), (at_secs + 20.5, day % 2)]);
            for (number, row) in (0..).zip(&mut block.rows) {
                row.bytes = 100 + 2 * day + number;
            }
            block
        });
        profile.blocks = Some(blocks.collect());
        profile
    }

    /// Returns the messages of a sample as (whole seconds from its start, bytes).
    fn said(profile: &Profile, seed: u64, weeks: u32) -> Vec<(i64, u32)> {
        let sample = profile.resample(Seed(seed), START_US, weeks * WEEK_SECS);
        let events = sample.unwrap().events().into_iter();
        events
            .filter(|event| event.kind.is_talk())
            .map(|event| ((event.at_us - START_US) / 1_000_000, event.bytes))
            .collect()
    }

    #[test]
    fn the_same_seed_says_the_same_and_every_row_keeps_its_second_of_the_week() {
        let profile = talkative();
        let found = said(&profile, 3, 40);
        assert_eq!(found, said(&profile, 3, 40));
        assert_ne!(found, said(&profile, 4, 40));
        let rows = profile
            .blocks()
            .unwrap()
            .iter()
            .flat_map(|block| &block.rows);
        let by_bytes: BTreeMap<u32, i64> = rows
            .map(|row| {
                (
                    row.bytes,
                    number::nanos_of_secs(row.at_secs) / 1_000_000_000,
                )
            })
            .collect();
        let week = i64::from(WEEK_SECS);
        for (secs, bytes) in &found {
            assert_eq!((secs - by_bytes[bytes]).rem_euclid(week), 0, "{bytes}");
        }
        // Ten cycles of 56 rows; wraps cut some, and user 1 is away in most of them: user 0 stands in unless they speak too.
        assert!((180..=560).contains(&found.len()), "{}", found.len());
    }

    #[test]
    fn a_capture_of_messages_alone_moves_by_quarters_of_a_day() {
        let mut profile = talkative();
        for user in &mut profile.users {
            user.stays = vec![StayRow {
                channel: 0,
                start_secs: 0.0,
                end_secs: f64::from(4 * WEEK_SECS),
                cause: LeaveCause::Unknown,
                has_join: false,
                has_leave: false,
            }];
        }
        let found = said(&profile, 5, 40);
        // Everybody is there all the time, and each of the seven slots says each of its blocks once in a cycle.
        assert!(found.len().abs_diff(560) <= 2 * 7 * 4, "{}", found.len());
        // Slots move apart: the day before is not always that of the capture.
        let day = |bytes: u32| (bytes - 100) / 2;
        let neighbours = || {
            found
                .windows(2)
                .filter(|two| day(two[0].1) != day(two[1].1))
        };
        let kept = neighbours()
            .filter(|two| (day(two[0].1) + 1) % 28 == day(two[1].1))
            .count();
        assert!(kept * 2 < neighbours().count() && kept > 0, "{kept}");
    }
}
