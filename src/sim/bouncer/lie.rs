//! Lies: how the model breaks a bouncer's word, when it does, and a record of each line that it lied about.

use std::time::Duration;

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::plan::streams::below;
use crate::sim::bouncer::buffer::Talk;
use crate::units::id::SeatId;
use crate::units::offset::Offset;

/// Most lies recorded one by one; beyond it they are only counted.
const RECORDED_MAX: usize = 65_536;
/// Seconds by which a stamp is put back: more than the slack of one second that is left to a stamp, by any clock before a text.
const SHIFT_SECS: std::ops::Range<u32> = 2..10;

/// For how long a line is hidden.
const HIDDEN_FOR: Duration = Duration::from_mins(5);

/// A way in which a bouncer breaks its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// A line is not played back. One in so many lines played back.
    DropReplayed,
    /// A line is not played back for five minutes, and then it is: a gap of a cache. One in so many lines played back, each once.
    HideReplayed,
    /// A channel or query is played back twice. One in so many playbacks.
    ReplayTwice,
    /// Two neighbours of a playback change places. One in so many playbacks with two lines that differ.
    SwapReplayed,
    /// A line that is played back bears a time from 2 s to 9 s before its own. One in so many lines played back.
    ShiftStamp,
    /// What was kept of a channel is forgotten before it is played back. One in so many playbacks of channels.
    ForgetChannel,
    /// What is said within half a second before and after a client attaches is neither kept nor relayed. One in so many attaches.
    DeafAtAttach,
    /// A line of one user goes to a client of another too, who is not in that channel. One in so many lines from upstream, or the
    /// first after it for which such a client is there.
    Leak,
    /// A line is relayed to no client. One in so many lines relayed.
    DropLive,
    /// A line is relayed twice. One in so many lines relayed.
    DoubleLive,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 10] = [
        Self::DropReplayed,
        Self::HideReplayed,
        Self::ReplayTwice,
        Self::SwapReplayed,
        Self::ShiftStamp,
        Self::ForgetChannel,
        Self::DeafAtAttach,
        Self::Leak,
        Self::DropLive,
        Self::DoubleLive,
    ];
}

/// Which lie is told, and how often: in every `one_in` of what it is about once, at a place that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lying {
    /// The lie.
    pub lie: Lie,
    /// From 1 up; 0 counts as 1.
    pub one_in: u32,
}

/// One line that was lied about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Offset,
    /// How.
    pub lie: Lie,
    /// To whose clients; of a leak, from whose.
    pub seat: SeatId,
    /// The text of the line, as it was said.
    pub text: Vec<u8>,
}

/// Decides when to lie.
#[derive(Debug)]
pub(super) struct Liar {
    lying: Option<Lying>,
    rng: Xoshiro256PlusPlus,
    /// How many of the block of `one_in` have passed.
    passed: u32,
    /// The place of the block's lie.
    place: u32,
    told: Vec<Told>,
    count: u64,
    hidden: Vec<Hidden>,
}

/// A line that is hidden, or was.
#[derive(Debug)]
struct Hidden {
    seat: SeatId,
    line: Talk,
    until: Offset,
}

impl Liar {
    pub(super) fn new(lying: Option<Lying>, rng: Xoshiro256PlusPlus) -> Self {
        let mut liar = Self {
            lying,
            rng,
            passed: 0,
            place: 0,
            told: Vec::new(),
            count: 0,
            hidden: Vec::new(),
        };
        liar.begin_block();
        liar
    }

    pub(super) fn told(&self) -> &[Told] {
        &self.told
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns whether the next of what `lie` is about is lied about.
    pub(super) fn strikes(&mut self, lie: Lie) -> bool {
        let Some(lying) = self.lying.filter(|lying| lying.lie == lie) else {
            return false;
        };
        let strikes = self.passed == self.place;
        self.passed += 1;
        if self.passed >= lying.one_in {
            self.begin_block();
        }
        strikes
    }

    /// Returns a number below `bound`.
    pub(super) fn draw(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).unwrap_or(u32::MAX);
        below(self.rng.next_u64(), bound) as usize
    }

    pub(super) fn note(&mut self, at: Offset, lie: Lie, seat: SeatId, text: &[u8]) {
        self.count += 1;
        if self.told.len() < RECORDED_MAX {
            self.told.push(Told {
                at,
                lie,
                seat,
                text: text.to_vec(),
            });
        }
    }

    /// Changes what is about to be played back. What the user said itself is not lied about: nobody is owed it.
    pub(super) fn distort(
        &mut self,
        now: Offset,
        seat: SeatId,
        is_channel: bool,
        mut lines: Vec<Talk>,
    ) -> Vec<Talk> {
        if lines.iter().all(|line| line.is_own) {
            return lines;
        }
        if is_channel && self.strikes(Lie::ForgetChannel) {
            for line in lines.iter().filter(|line| !line.is_own) {
                self.note(now, Lie::ForgetChannel, seat, &line.text);
            }
            lines.clear();
        }
        lines.retain(|line| {
            let is_dropped = !line.is_own && self.strikes(Lie::DropReplayed);
            if is_dropped {
                self.note(now, Lie::DropReplayed, seat, &line.text);
            }
            !is_dropped
        });
        lines.retain(|line| line.is_own || !self.hides(now, seat, line));
        for line in lines.iter_mut().filter(|line| !line.is_own) {
            if self.strikes(Lie::ShiftStamp) {
                let more = self.draw(SHIFT_SECS.len());
                let secs = i64::from(SHIFT_SECS.start) + i64::try_from(more).unwrap_or(0);
                line.unix_micros -= secs * 1_000_000;
                self.note(now, Lie::ShiftStamp, seat, &line.text);
            }
        }
        let places: Vec<usize> = (1..lines.len())
            .filter(|&place| may_swap(&lines[place - 1], &lines[place]))
            .collect();
        if !places.is_empty() && self.strikes(Lie::SwapReplayed) {
            let place = places[self.draw(places.len())];
            lines.swap(place - 1, place);
            self.note(now, Lie::SwapReplayed, seat, &lines[place].text);
        }
        lines
    }

    /// Returns whether a line is hidden now.
    fn hides(&mut self, now: Offset, seat: SeatId, line: &Talk) -> bool {
        let known = self.hidden.iter();
        let mut known = known.filter(|hidden| hidden.seat == seat && hidden.line == *line);
        if let Some(hidden) = known.next() {
            return now < hidden.until;
        }
        let hides = self.strikes(Lie::HideReplayed);
        if hides {
            self.note(now, Lie::HideReplayed, seat, &line.text);
            self.hidden.push(Hidden {
                seat,
                line: line.clone(),
                until: now + HIDDEN_FOR,
            });
        }
        hides
    }

    fn begin_block(&mut self) {
        let one_in = self.lying.map_or(1, |lying| lying.one_in.max(1));
        self.passed = 0;
        self.place = below(self.rng.next_u64(), one_in);
    }
}

fn may_swap(one: &Talk, other: &Talk) -> bool {
    let is_other = one.text != other.text || one.source != other.source;
    is_other && !one.is_own && !other.is_own
}
