//! What is known of the lines that pass through one server: whether some passed at once while others waited.

use crate::units::id::UserId;
use crate::units::offset::Offset;

/// Length of the slots by which lines that passed at once are remembered, in milliseconds.
const SLOT_MS: i64 = 25;
/// How many there are: half a minute.
const SLOT_COUNT: i64 = 1_200;

/// What is known of others' lines through one server.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// The slots in which a line was sent that passed at once, each at its number modulo their count.
    slots: Vec<i64>,
    /// The rested user whose answer is outstanding, and when it was asked.
    pub(crate) witness: Option<(UserId, Offset)>,
    /// When somebody rested was last asked.
    pub(crate) asked: Offset,
    /// When the last of them was asked who answered at once.
    pub(crate) prompt: Offset,
    /// Until when somebody waited whom nobody holds back: the server was slow.
    pub(crate) slow_until: Offset,
}

impl Beside {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![i64::MIN; usize::try_from(SLOT_COUNT).unwrap_or(0)],
            witness: None,
            asked: Offset::ALWAYS,
            prompt: Offset::ALWAYS,
            slow_until: Offset::ALWAYS,
        }
    }

    fn slot_of(at: Offset) -> i64 {
        at.as_nanos().div_euclid(SLOT_MS * 1_000_000)
    }

    fn place(&self, slot: i64) -> Option<&i64> {
        let place = usize::try_from(slot.rem_euclid(SLOT_COUNT)).ok()?;
        self.slots.get(place)
    }

    /// Notes a line sent at `sent` that passed at once.
    pub(crate) fn note_prompt(&mut self, sent: Offset) {
        let slot = Self::slot_of(sent);
        let place = usize::try_from(slot.rem_euclid(SLOT_COUNT)).unwrap_or(0);
        if let Some(entry) = self.slots.get_mut(place) {
            *entry = slot;
        }
    }

    /// Returns whether a line that was sent while another waited passed at once.
    pub(crate) fn was_prompt(&self, from: Offset, until: Offset) -> bool {
        // Whole slots only; older ones than are remembered have been written over.
        let until = Self::slot_of(until);
        let from = (Self::slot_of(from) + 1).max(until - SLOT_COUNT);
        (from..until).any(|slot| self.place(slot) == Some(&slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_passed_at_once_is_found_between_two_moments_for_half_a_minute() {
        let millis = Offset::from_millis;
        let mut beside = Beside::new();
        beside.note_prompt(millis(10_000));
        assert!(beside.was_prompt(millis(9_000), millis(10_100)));
        assert!(!beside.was_prompt(millis(10_030), millis(12_000)));
        assert!(!beside.was_prompt(millis(8_000), millis(9_990)));
        // Written over by one half a minute later.
        beside.note_prompt(millis(40_000));
        assert!(!beside.was_prompt(millis(9_000), millis(10_100)));
        assert!(beside.was_prompt(millis(9_000), millis(40_100)));
    }
}
