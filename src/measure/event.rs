//! Mass events of a run and how long their victims took to be whole again.

use std::time::Duration;

use crate::measure::distribution::Distribution;
use crate::measure::loss::Loss;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// How long an event's window stays open after its cause is gone, unless its last victim takes longer.
const WINDOW_AFTER: Duration = Duration::from_secs(10);

/// What one shard, or the whole run, knows of a mass event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The phase that made it.
    pub phase: PhaseId,
    /// When it struck.
    pub struck: Offset,
    /// When its cause was gone: the link healed, or the first user was free to return.
    pub cause_gone: Offset,
    /// Whether its victims are hit one after the other, each with a cause of its own: their times count from when each was hit.
    pub is_gradual: bool,
    /// Users hit.
    pub affected: u64,
    /// Those that were whole again: registered and back in every channel, or seen back by everybody across the link.
    pub recovered: u64,
    /// When the last of them was.
    pub last_recovered: Offset,
    /// Time of each from `cause_gone`, or from when it was hit.
    pub times: Distribution,
    /// Responses of channel messages between users whom it did not touch, while its window was open.
    pub bystanders: Distribution,
    /// Deliveries of messages attempted in its window.
    pub loss: Loss,
    /// When message latency was back in the band that it had before.
    pub calm: Option<Offset>,
}

impl Event {
    /// Returns an event that has hit nobody yet.
    pub fn new(phase: PhaseId, struck: Offset, cause_gone: Offset) -> Self {
        Self {
            phase,
            struck,
            cause_gone,
            is_gradual: false,
            affected: 0,
            recovered: 0,
            last_recovered: Offset::ALWAYS,
            times: Distribution::new(),
            bystanders: Distribution::new(),
            loss: Loss::default(),
            calm: None,
        }
    }

    /// Notes that one of those hit, at `hit`, was whole again at `now`.
    pub fn handle_recovered(&mut self, hit: Offset, now: Offset) {
        self.recovered += 1;
        self.last_recovered = self.last_recovered.max(now);
        let since = if self.is_gradual {
            hit
        } else {
            self.cause_gone
        };
        self.times.record(now.since(since));
    }

    /// Returns whether everybody hit is whole again.
    pub fn is_over(&self) -> bool {
        self.recovered >= self.affected
    }

    /// Returns the recover time: from the cause's end until the last one was whole again, or the longest of those whom it hit one
    /// after the other; `None` while it is not over or hit nobody.
    pub fn recover(&self) -> Option<Duration> {
        if !self.is_over() || self.affected == 0 {
            return None;
        }
        if self.is_gradual {
            return self.times.max().map(Duration::from_micros);
        }
        Some(self.last_recovered.since(self.cause_gone))
    }

    /// Returns the time from the cause's end until a share (0..=1) of those hit was whole again; `None` while it is not.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of users; 2^53 outlast a run"
    )]
    pub fn whole_by(&self, share: f64) -> Option<Duration> {
        if self.affected == 0 || self.recovered == 0 {
            return None;
        }
        if share >= 1.0 {
            return self.recover();
        }
        let of_recovered = share * self.affected as f64 / self.recovered as f64;
        let micros = (of_recovered <= 1.0).then(|| self.times.at_quantile(of_recovered))?;
        micros.map(Duration::from_micros)
    }

    /// Returns when its window ends: some time after its cause is gone, or when its last victim was whole again.
    pub fn window_ends(&self) -> Offset {
        (self.cause_gone + WINDOW_AFTER).max(self.last_recovered)
    }

    /// Puts off what is to happen later than `after`: the run was held.
    pub fn delay(&mut self, after: Offset, by: Duration) {
        for at in [&mut self.struck, &mut self.cause_gone] {
            if *at > after && *at != Offset::NEVER {
                *at += by;
            }
        }
    }

    /// Returns whether its window is open at `now`.
    pub fn is_open(&self, now: Offset) -> bool {
        self.struck <= now && now < self.cause_gone + WINDOW_AFTER
    }

    /// Returns the time from the cause's end until message latency was back in its band.
    pub fn calm_after(&self) -> Option<Duration> {
        self.calm.map(|calm| calm.since(self.cause_gone))
    }

    /// Adds another shard's part of the same event.
    pub fn merge(&mut self, other: &Self) {
        self.struck = self.struck.min(other.struck);
        self.is_gradual |= other.is_gradual;
        self.cause_gone = self.cause_gone.min(other.cause_gone);
        self.affected += other.affected;
        self.recovered += other.recovered;
        self.last_recovered = self.last_recovered.max(other.last_recovered);
        self.times.merge(&other.times);
        self.bystanders.merge(&other.bystanders);
    }
}
