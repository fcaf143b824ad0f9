//! A sentinel that sleeps again and again and tells how late it was woken.

use std::time::Duration;

use crate::drive::clock::Clock;
use crate::fitness::figures::Hiccups;
use crate::measure::distribution::Distribution;

/// What is slept each time: as long as the gaps between the sends of a busy shard.
const SLEEP: Duration = Duration::from_millis(1);

/// Sleeps for `lasts` in all and tells how much too long each sleep was; `None` if there was none.
pub fn hiccups(lasts: Duration) -> Option<Hiccups> {
    let clock = Clock::start();
    let begun = clock.now();
    let mut overshoots = Distribution::new();
    let mut count = 0;
    loop {
        let before = clock.now();
        if before.since(begun) >= lasts {
            break;
        }
        std::thread::sleep(SLEEP);
        overshoots.record(clock.now().since(before).saturating_sub(SLEEP));
        count += 1;
    }
    Some(Hiccups {
        count,
        p99: Duration::from_micros(overshoots.at_quantile(0.99)?),
        max: Duration::from_micros(overshoots.max()?),
    })
}
