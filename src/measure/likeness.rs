//! How like its profile a run's talk was: figures of what was really said, each beside the range of the profile's own.

/// Fewest messages that tell anything.
pub const MESSAGES_MIN: u64 = 100;

/// By how much of its range a figure may lie outside, and how much more for each draw that is wanting: few know their range badly. Of
/// a normal distribution one of some thousand is so far out, of 19 draws and of five.
const OUTSIDE: (f64, f64) = (0.25, 4.0);

/// Least range of a figure, as a share of its value: less is no difference to any server.
const RANGE_SHARE_MIN: f64 = 0.05;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct LikenessFigure {
    /// Its key in results.
    pub key: &'static str,
    /// Its name for people, with its unit.
    pub name: &'static str,
    /// Of what was said.
    pub sent: f64,
    /// The lowest of the profile's own draws.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// Whether the first lies within those two, or not far outside.
    pub is_like: bool,
}

impl LikenessFigure {
    /// Returns a figure beside those of the profile's draws; `None` without any.
    pub fn new(key: &'static str, name: &'static str, sent: f64, drawn: &[f64]) -> Option<Self> {
        let low = drawn.iter().copied().min_by(f64::total_cmp)?;
        let high = drawn.iter().copied().max_by(f64::total_cmp)?;
        let range = (high - low).max(RANGE_SHARE_MIN * high.abs());
        let (always, by_draws) = OUTSIDE;
        let margin = (always + by_draws / draws(drawn.len())) * range;
        Some(Self {
            key,
            name,
            sent,
            low,
            high,
            is_like: (low - margin..=high + margin).contains(&sent),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful of draws")]
fn draws(count: usize) -> f64 {
    count as f64
}

/// What a run said, beside what its profile would have said in the same time, undisturbed and at its own heat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likeness {
    /// Messages compared.
    pub message_count: u64,
    /// Draws of the profile that they were compared with.
    pub draw_count: usize,
    /// Seconds of the run that were compared.
    pub secs: f64,
    /// The figures.
    pub figures: Vec<LikenessFigure>,
}

impl Likeness {
    /// Returns whether every figure is as the profile's; `None` if too little was said to tell.
    pub fn is_like(&self) -> Option<bool> {
        let is_enough = self.message_count >= MESSAGES_MIN && !self.figures.is_empty();
        is_enough.then(|| self.figures.iter().all(|figure| figure.is_like))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: f64, drawn: &[f64], want: bool) {
        let figure = LikenessFigure::new("rate", "messages", sent, drawn).unwrap();
        assert_eq!(figure.is_like, want, "{figure:?}");
    }

    #[test]
    fn a_figure_is_like_its_profiles_within_a_range_and_a_margin() {
        check(12.0, &[8.0, 10.0, 12.0], true);
        let many = [[8.0, 10.0, 12.0, 9.0]; 4].concat();
        check(13.9, &many, true);
        check(14.1, &many, false);
        check(5.9, &many, false);
        // Fewer draws know less.
        check(14.1, &many[..4], true);
        check(10.2, &[10.0; 16], true);
        check(11.0, &[10.0; 16], false);
        assert_eq!(LikenessFigure::new("rate", "messages", 1.0, &[]), None);
    }

    #[test]
    fn few_messages_tell_nothing() {
        let mut likeness = Likeness {
            message_count: MESSAGES_MIN - 1,
            draw_count: 2,
            secs: 60.0,
            figures: LikenessFigure::new("rate", "messages", 9.0, &[8.0, 12.0])
                .into_iter()
                .collect(),
        };
        assert_eq!(likeness.is_like(), None);
        likeness.message_count += 1;
        assert_eq!(likeness.is_like(), Some(true));
        likeness.figures[0].is_like = false;
        assert_eq!(likeness.is_like(), Some(false));
    }
}
