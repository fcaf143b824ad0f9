//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. The loss of the terminal, where it ends nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;

/// Exit code of an interrupted run.
pub const EXIT_INTERRUPTED: u8 = 130;

/// What the loss of the terminal (SIGHUP) does to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// It ends it, as the system has it.
    Ends,
    /// Nothing: a run of days outlives the terminal in which it was started.
    IsIgnored,
}

/// Whether somebody asked for the end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over SIGINT and SIGTERM, and SIGHUP if it is to be ignored. Called before any other thread starts, since threads inherit what they do not handle.
    ///
    /// # Errors
    ///
    /// Returns the system's reason if it refuses.
    pub fn watch(hangup: Hangup) -> std::io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        if hangup == Hangup::IsIgnored {
            signals.add(Signal::SIGHUP);
        }
        signals.thread_block()?;
        let interrupt = Self::default();
        let asked = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                while let Ok(signal) = signals.wait() {
                    if signal != Signal::SIGHUP && asked.0.swap(true, Ordering::SeqCst) {
                        std::process::exit(i32::from(EXIT_INTERRUPTED));
                    }
                }
            })?;
        Ok(interrupt)
    }

    /// Returns whether the end was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Asks for the end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
