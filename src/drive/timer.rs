//! A timerfd as a tokio event: microseconds where tokio's own wheel has milliseconds.
//!
//! The descriptor is never read: each setting of the time makes the kernel forget earlier expirations, and epoll reports the
//! next one as a new edge.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::time::Itimerspec;
use rustix::time::TimerfdClockId;
use rustix::time::TimerfdFlags;
use rustix::time::TimerfdTimerFlags;
use rustix::time::Timespec;
use tokio::net::unix::pipe;

pub(crate) struct Timer {
    events: pipe::Receiver,
}

impl Timer {
    /// Returns a timer that is not set. Must be called within a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let descriptor = rustix::time::timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        Ok(Self {
            events: pipe::Receiver::from_file_unchecked(File::from(descriptor))?,
        })
    }

    /// Sets the timer to expire after `wait`.
    pub(crate) fn set(&self, wait: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let wait = wait.max(Duration::from_nanos(1));
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        let it_value = Timespec {
            tv_sec: seconds,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let never = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        rustix::time::timerfd_settime(
            &self.events,
            TimerfdTimerFlags::empty(),
            &Itimerspec {
                it_interval: never,
                it_value,
            },
        )?;
        Ok(())
    }

    /// Waits until the timer expires.
    pub(crate) async fn expired(&self) {
        // An error means that the runtime is going down; the caller's loop ends with it.
        let _ = self.events.readable().await;
        let _ = self
            .events
            .try_io(|| -> io::Result<()> { Err(io::ErrorKind::WouldBlock.into()) });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::runtime::Builder;
    use tokio::runtime::LocalOptions;

    use super::*;

    #[test]
    fn a_timer_expires_as_often_as_it_is_set_and_not_before() {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build_local(LocalOptions::default())
            .unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            for millis in [1, 3, 2] {
                let start = Instant::now();
                timer.set(Duration::from_millis(millis)).unwrap();
                timer.expired().await;
                assert!(start.elapsed() >= Duration::from_millis(millis));
            }
        });
    }
}
