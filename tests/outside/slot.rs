//! The right to run something: no more than two runs go on at once.

use std::sync::Condvar;
use std::sync::Mutex;

/// Runs that go on at once: two cores hold no more without making each other late.
const PARALLEL_MAX: u32 = 2;

static RUNNING: Mutex<u32> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to run something beside at most one other.
pub(crate) struct Slot;

impl Slot {
    /// Waits for it.
    pub(crate) fn take() -> Self {
        let mut running = RUNNING.lock().unwrap();
        while *running >= PARALLEL_MAX {
            running = ENDED.wait(running).unwrap();
        }
        *running += 1;
        Self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap() -= 1;
        ENDED.notify_one();
    }
}
