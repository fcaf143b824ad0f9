//! Splits of the network under test, and which pairs of users they part.

use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// One break of the link to a far server, with the moments that bound it. `NEVER` for what has not happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The phase that breaks it.
    pub phase: PhaseId,
    /// The server behind the link.
    pub far: ServerId,
    /// The break was ordered.
    pub ordered: Offset,
    /// The break was confirmed.
    pub done: Offset,
    /// The heal was ordered.
    pub heal_ordered: Offset,
    /// The heal was confirmed.
    pub healed: Offset,
}

impl Split {
    /// Returns the split as it was known at `moment`: what came later had not happened.
    fn as_of(self, moment: Offset) -> Self {
        let known = |at: Offset| if at > moment { Offset::NEVER } else { at };
        Self {
            done: known(self.done),
            heal_ordered: known(self.heal_ordered),
            healed: known(self.healed),
            ..self
        }
    }
}

/// How the splits bear on one message between two users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// It surely passed while they were linked.
    Linked,
    /// It can't be told.
    Unproved,
    /// It was surely processed while they were apart.
    Apart,
}

#[derive(Debug, Default)]
pub(crate) struct Partition {
    splits: Vec<Split>,
}

impl Partition {
    pub(crate) fn update(&mut self, split: Split) {
        match self
            .splits
            .iter_mut()
            .find(|known| known.far == split.far && known.ordered == split.ordered)
        {
            Some(known) => *known = split,
            None => self.splits.push(split),
        }
    }

    /// Returns whether a link is down, as far as is known.
    pub(crate) fn is_split(&self) -> bool {
        self.splits
            .iter()
            .any(|split| split.heal_ordered == Offset::NEVER)
    }

    /// Returns how the splits bear on something attempted at `attempt` and proved processed by `processed` between users of two
    /// servers, as it was known at `moment`.
    pub(crate) fn between(
        &self,
        a: ServerId,
        b: ServerId,
        attempt: Offset,
        processed: Offset,
        moment: Offset,
    ) -> Between {
        self.between_beside(None, a, b, attempt, processed, moment)
    }

    /// Returns what [`Self::between`] does for all splits but that of a phase: the others bear on what it does.
    pub(crate) fn between_beside(
        &self,
        phase: Option<PhaseId>,
        a: ServerId,
        b: ServerId,
        attempt: Offset,
        processed: Offset,
        moment: Offset,
    ) -> Between {
        if a == b {
            return Between::Linked;
        }
        let mut between = Between::Linked;
        for split in self
            .splits
            .iter()
            .filter(|split| Some(split.phase) != phase)
            .filter(|split| (split.far == a || split.far == b) && split.ordered <= moment)
            .map(|split| split.as_of(moment))
        {
            if processed < split.ordered || attempt > split.healed {
                continue;
            }
            if attempt > split.done
                && (processed < split.heal_ordered || split.heal_ordered == Offset::NEVER)
            {
                return Between::Apart;
            }
            between = Between::Unproved;
        }
        between
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Offset {
        Offset::from_secs(secs)
    }

    #[track_caller]
    fn check(attempt: Offset, processed: Offset, want: Between) {
        let mut partition = Partition::default();
        partition.update(Split {
            phase: PhaseId(0),
            far: ServerId(1),
            ordered: at(10),
            done: at(11),
            heal_ordered: at(20),
            healed: at(21),
        });
        assert_eq!(
            partition.between(ServerId(0), ServerId(1), attempt, processed, Offset::NEVER),
            want
        );
        assert_eq!(
            partition.between(ServerId(1), ServerId(0), attempt, processed, Offset::NEVER),
            want
        );
        assert_eq!(
            partition.between(ServerId(1), ServerId(1), attempt, processed, Offset::NEVER),
            Between::Linked
        );
    }

    #[test]
    fn only_what_is_surely_outside_a_split_is_linked() {
        check(at(1), at(9), Between::Linked);
        check(at(22), Offset::NEVER, Between::Linked);
        check(at(1), at(10), Between::Unproved);
        check(at(10), at(12), Between::Unproved);
        check(at(19), at(20), Between::Unproved);
        check(at(1), Offset::NEVER, Between::Unproved);
    }

    #[test]
    fn only_what_is_surely_inside_a_split_is_apart() {
        check(at(12), at(19), Between::Apart);
        check(at(12), Offset::NEVER, Between::Unproved);
    }
}
