//! How registrations end: at once, on the server's own tick, or after a wait that has nothing to do with load.

use std::time::Duration;

use crate::measure::distribution::Distribution;
use crate::measure::interval::Interval;
use crate::measure::operation::Operation;
use crate::units::offset::Offset;

/// Parts of a second that are told apart: 50 ms each, more than a tick's own jitter.
const PARTS: usize = 20;
/// Length of one, in milliseconds.
const PART_MS: i64 = 50;
/// A tick, in microseconds. `InspIRCd` 3.15 looks at each client a second after it came.
const TICK_US: u64 = 1_000_000;
/// How far from a whole tick a registration on it may take, in microseconds.
const TICK_SLACK_US: u64 = 100_000;
/// Share of the registrations that a tick explains, if there is one.
const TICK_SHARE: f64 = 0.8;
/// Fewest registrations that tell a tick from chance.
const COUNT_MIN: u64 = 20;
/// How differently long they took, at least, if they began at any part of a second and ended at one: p90 − p10, in microseconds. Those
/// that began together end together without a tick.
const SPREAD_MIN_US: u64 = 400_000;
/// Median of registrations that are slow whatever the load, in microseconds.
const SLOW_US: u64 = 2_000_000;
/// Median of what the same target answers at once, in microseconds.
const PROMPT_US: u64 = 250_000;

/// Registrations by the part of a second in which they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcomes([u64; PARTS]);

/// What registrations waited for, if not for a target under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WelcomeWait {
    /// For the server's tick of a second.
    Tick,
    /// For a look-up of the client's name, by the server's own word; its median.
    LookUp(Duration),
    /// For something of the server's own: it answers others at once meanwhile; the median of registrations.
    Unknown(Duration),
}

impl Welcomes {
    /// Notes a registration that ended at `now`.
    pub fn note(&mut self, now: Offset) {
        let part = (now.as_nanos() / 1_000_000 / PART_MS).rem_euclid(20);
        if let Some(count) = usize::try_from(part)
            .ok()
            .and_then(|part| self.0.get_mut(part))
        {
            *count += 1;
        }
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Returns the most that ended in two parts beside each other.
    fn most_together(&self) -> u64 {
        let next = self.0.iter().cycle().skip(1);
        let pairs = self.0.iter().zip(next).map(|(one, next)| one + next);
        pairs.max().unwrap_or(0)
    }
}

/// Returns what the registrations of an interval, or of a run, waited for, if it was not load.
pub fn wait_of(observed: &Interval) -> Option<WelcomeWait> {
    let registered = &observed.times(Operation::ConnectRegistered).service;
    if registered.count() < COUNT_MIN {
        return None;
    }
    let looked_up = &observed.times(Operation::ConnectLookup).service;
    let median = |of: &Distribution| of.at_quantile(0.5).unwrap_or(0);
    if looked_up.count() >= COUNT_MIN && median(looked_up) >= SLOW_US / 2 {
        return Some(WelcomeWait::LookUp(Duration::from_micros(median(
            looked_up,
        ))));
    }
    if is_on_tick(registered, &observed.welcomes) {
        return Some(WelcomeWait::Tick);
    }
    let others = [Operation::Ping, Operation::Join, Operation::Message];
    let mut others = others
        .map(|other| &observed.times(other).service)
        .into_iter();
    let is_prompt = others.any(|other| other.count() >= COUNT_MIN && median(other) <= PROMPT_US);
    (median(registered) >= SLOW_US && is_prompt)
        .then(|| WelcomeWait::Unknown(Duration::from_micros(median(registered))))
}

fn is_on_tick(registered: &Distribution, welcomes: &Welcomes) -> bool {
    let is_most = |count: u64| {
        #[expect(clippy::cast_precision_loss, reason = "a share of registrations")]
        let share = count as f64 / registered.count() as f64;
        share >= TICK_SHARE
    };
    let at = |quantile| registered.at_quantile(quantile).unwrap_or(0);
    let is_spread = at(0.9).saturating_sub(at(0.1)) >= SPREAD_MIN_US;
    let whole = registered.as_histogram().map_or(0, |histogram| {
        let values = histogram.iter_recorded();
        let whole = values.filter(|value| {
            let micros = value.value_iterated_to();
            let over = micros % TICK_US;
            micros >= TICK_US - TICK_SLACK_US && over.min(TICK_US - over) <= TICK_SLACK_US
        });
        whole.map(|value| value.count_at_value()).sum()
    });
    is_most(whole) || (is_spread && is_most(welcomes.most_together()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is found of registrations that began every `every_ms` and took `took_ms(number)`.
    fn found(every_ms: i64, took_ms: impl Fn(i64) -> i64) -> Option<WelcomeWait> {
        let mut observed = Interval::new();
        for number in 0..40 {
            let (began, took) = (every_ms * number, took_ms(number));
            observed.welcomes.note(Offset::from_millis(began + took));
            let took = Duration::from_millis(took.unsigned_abs());
            let times = observed.times_mut(Operation::ConnectRegistered);
            times.service.record(took);
            let ping = observed.times_mut(Operation::Ping);
            ping.service.record(Duration::from_millis(3));
        }
        wait_of(&observed)
    }

    #[test]
    fn a_tick_is_told_from_load() {
        // Each ends a second after it began.
        assert_eq!(found(70, |n| 1_010 + n % 3), Some(WelcomeWait::Tick));
        // All end at the same part of a second, whenever they began.
        assert_eq!(
            found(170, |n| 1_000 - (170 * n) % 1_000),
            Some(WelcomeWait::Tick)
        );
        // At once; together in a stampede; queued behind each other.
        assert_eq!(found(70, |_| 5), None);
        assert_eq!(found(0, |n| 300 + n % 30), None);
        assert_eq!(found(0, |n| 40 * n), None);
    }

    #[test]
    fn a_slow_welcome_of_a_prompt_target_is_no_load() {
        let Some(WelcomeWait::Unknown(median)) = found(70, |n| 2_500 + 37 * n) else {
            panic!("no wait");
        };
        assert!(median.abs_diff(Duration::from_millis(3_203)) < Duration::from_millis(5));
    }

    #[test]
    fn a_look_up_is_named_by_the_servers_word() {
        let mut observed = Interval::new();
        for _ in 0..COUNT_MIN {
            for step in [Operation::ConnectLookup, Operation::ConnectRegistered] {
                let times = observed.times_mut(step);
                times.service.record(Duration::from_secs(4));
            }
        }
        let Some(WelcomeWait::LookUp(median)) = wait_of(&observed) else {
            panic!("no look-up");
        };
        assert!(median.abs_diff(Duration::from_secs(4)) < Duration::from_millis(5));
    }

    #[test]
    fn too_few_tell_nothing() {
        assert_eq!(wait_of(&Interval::new()), None);
    }
}
