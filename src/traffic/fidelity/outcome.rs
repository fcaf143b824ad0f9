//! The outcome of a check for drift: of fresh traffic, of counters, or of both.

use crate::traffic::fidelity::alarm::Drift;
use crate::traffic::fidelity::alarm::Verdict;
use crate::traffic::fidelity::counted::CountedDrift;
use crate::traffic::fidelity::counted::CountedVerdict;

/// What it comes to. The worst of both is that of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing has drifted, as far as can be told.
    NoDrift,
    /// It can't be told.
    CantTell,
    /// Something has.
    Drift,
}

impl Outcome {
    /// Returns that of what was judged; of nothing, nothing can be told.
    pub fn of(traffic: Option<&Drift>, counted: Option<&CountedDrift>) -> Self {
        let traffic = traffic.map(|drift| Self::from(drift.verdict));
        let counted = counted.map(|counted| Self::from(counted.verdict()));
        traffic.max(counted).unwrap_or(Self::CantTell)
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::NoDrift => Self::NoDrift,
            Verdict::Drift => Self::Drift,
            Verdict::CantTell(_) => Self::CantTell,
        }
    }
}

impl From<CountedVerdict> for Outcome {
    fn from(verdict: CountedVerdict) -> Self {
        match verdict {
            CountedVerdict::NoDrift => Self::NoDrift,
            CountedVerdict::Drift => Self::Drift,
            CountedVerdict::NothingKnown | CountedVerdict::FewWeeks | CountedVerdict::Quiet => {
                Self::CantTell
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::fidelity::alarm::examples::drift;
    use crate::traffic::fidelity::counted::examples::counted;

    #[test]
    fn the_worst_of_both_counts() {
        let (calm, moved) = (drift(3, false, [1, 18]), drift(3, true, [1, 18]));
        let (same, other) = (counted(&[Some(0.25); 2]), counted(&[Some(0.9); 2]));
        let short = counted(&[Some(0.25)]);
        for (traffic, counts, want) in [
            (Some(&calm), None, Outcome::NoDrift),
            (None, Some(&same), Outcome::NoDrift),
            (Some(&calm), Some(&same), Outcome::NoDrift),
            (Some(&calm), Some(&other), Outcome::Drift),
            (Some(&moved), Some(&short), Outcome::Drift),
            (Some(&calm), Some(&short), Outcome::CantTell),
            (None, None, Outcome::CantTell),
        ] {
            assert_eq!(Outcome::of(traffic, counts), want);
        }
    }
}
