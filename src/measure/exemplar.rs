//! Evidence: a few breaches of each kind in full, enough to find the very message in the target's own log.

use crate::measure::ledger::MessageKey;
use crate::measure::ledger::counts::Breach;
use crate::units::id::UserId;
use crate::units::offset::Offset;

/// First breaches of a kind that are kept.
pub const FIRST_COUNT_MAX: usize = 20;
/// Breaches of a kind kept beyond the first ones, drawn evenly from all of them.
pub const SAMPLE_COUNT_MAX: usize = 20;

/// One breach in full. Moments are `NEVER` where unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Which message; the index is `u32::MAX` where it can't be told.
    pub key: MessageKey,
    /// Who was to send it. For presence: whose change it is.
    pub sender: UserId,
    /// The one user it went to; `None` for the channel.
    pub to: Option<UserId>,
    /// At whom the breach was seen.
    pub receiver: UserId,
    /// Planned length of the text.
    pub bytes: u16,
    /// When it was meant to be sent.
    pub intended: Offset,
    /// When the pacer handed it to its connection.
    pub attempt: Offset,
    /// When the kernel took its last byte.
    pub accepted: Offset,
    /// When it was first seen: by anybody for what is missing, by this receiver for what arrived.
    pub first_seen: Offset,
    /// Why it counts as it does.
    pub why: String,
    /// The text as it was sent; empty where it was not, or can't be told.
    pub text: Vec<u8>,
    /// The text as it arrived; empty where nothing did.
    pub wire: Vec<u8>,
}

/// The evidence of one run or a part of it.
#[derive(Clone, Debug, Default)]
pub struct Exemplars {
    kinds: Vec<Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Earliest first.
    first: Vec<(Offset, Exemplar)>,
    /// Those with the smallest lots, which makes the choice the same however the run was sharded.
    sample: Vec<(u64, Exemplar)>,
}

impl Exemplars {
    /// Offers a breach found at `at`; `exemplar` is only called if it is kept.
    pub fn offer(&mut self, breach: Breach, at: Offset, exemplar: impl FnOnce() -> Exemplar) {
        let kept = self.kept(breach);
        let ordinal = kept.first.len() as u64;
        let goes_first = kept.first.len() < FIRST_COUNT_MAX
            || kept.first.last().is_some_and(|(latest, _)| at < *latest);
        if !goes_first && kept.sample.len() >= SAMPLE_COUNT_MAX && ordinal > 0 {
            // Building it only to throw it away would cost a run that fails everywhere.
            let exemplar = exemplar();
            let lot = lot(&exemplar);
            if kept
                .sample
                .last()
                .is_some_and(|(largest, _)| lot < *largest)
            {
                kept.sample.push((lot, exemplar));
            }
        } else {
            let exemplar = exemplar();
            kept.sample.push((lot(&exemplar), exemplar.clone()));
            if goes_first {
                kept.first.push((at, exemplar));
            }
        }
        kept.trim();
    }

    /// Adds another part's evidence.
    pub fn merge(&mut self, other: &Self) {
        for (&breach, theirs) in Breach::ALL.iter().zip(&other.kinds) {
            let kept = self.kept(breach);
            kept.first.extend(theirs.first.iter().cloned());
            kept.sample.extend(theirs.sample.iter().cloned());
            kept.trim();
        }
    }

    /// Returns the evidence of one kind: the first ones in order, then the sample without those.
    pub fn of(&self, breach: Breach) -> Vec<&Exemplar> {
        let Some(kept) = self.kinds.get(breach as usize) else {
            return Vec::new();
        };
        let first: Vec<&Exemplar> = kept.first.iter().map(|(_, exemplar)| exemplar).collect();
        let rest = kept
            .sample
            .iter()
            .map(|(_, exemplar)| exemplar)
            .filter(|exemplar| !first.contains(exemplar));
        first.iter().copied().chain(rest).collect()
    }

    fn kept(&mut self, breach: Breach) -> &mut Kept {
        if self.kinds.is_empty() {
            self.kinds.resize(Breach::ALL.len(), Kept::default());
        }
        &mut self.kinds[breach as usize]
    }
}

impl Kept {
    fn trim(&mut self) {
        self.first.sort_by_key(|a| (a.0, a.1.key, a.1.receiver));
        self.first.truncate(FIRST_COUNT_MAX);
        self.sample
            .sort_by_key(|(lot, exemplar)| (*lot, exemplar.key, exemplar.receiver));
        self.sample.truncate(SAMPLE_COUNT_MAX);
    }
}

/// Returns an even draw that depends on nothing but which delivery it is.
fn lot(exemplar: &Exemplar) -> u64 {
    let id = u64::from(exemplar.key.channel.0) << 40
        ^ u64::from(exemplar.key.index) << 20
        ^ u64::from(exemplar.receiver.0);
    // Finalizer of SplitMix64: neighbours spread over the whole range.
    let mixed = (id ^ id >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::id::ChannelId;

    fn exemplar(index: u32) -> Exemplar {
        Exemplar {
            key: MessageKey {
                channel: ChannelId(1),
                index,
            },
            sender: UserId(0),
            to: None,
            receiver: UserId(2),
            bytes: 10,
            intended: Offset::ZERO,
            attempt: Offset::ZERO,
            accepted: Offset::ZERO,
            first_seen: Offset::NEVER,
            why: String::new(),
            text: Vec::new(),
            wire: Vec::new(),
        }
    }

    #[test]
    fn the_first_and_an_even_sample_are_kept_however_the_run_was_cut() {
        let (mut whole, mut odd, mut even) = (
            Exemplars::default(),
            Exemplars::default(),
            Exemplars::default(),
        );
        for index in 0..1_000u32 {
            let at = Offset::from_secs(i64::from(index));
            whole.offer(Breach::Lost, at, || exemplar(index));
            if index % 2 == 1 { &mut odd } else { &mut even }
                .offer(Breach::Lost, at, || exemplar(index));
        }
        even.merge(&odd);
        assert_eq!(whole.of(Breach::Lost), even.of(Breach::Lost));
        let kept: Vec<u32> = whole
            .of(Breach::Lost)
            .iter()
            .map(|exemplar| exemplar.key.index)
            .collect();
        assert_eq!(kept[..FIRST_COUNT_MAX], (0..20).collect::<Vec<u32>>());
        assert!(
            kept[FIRST_COUNT_MAX..].iter().any(|&index| index > 500),
            "{kept:?}"
        );
    }
}
