//! A server's own counters, read again and again on one thread.

pub mod page;
pub mod server;

use std::io;
use std::thread;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::counters::page::PageOptions;
use crate::drive::counters::server::Server;
use crate::drive::counters::server::ServerOptions;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::interrupt::Interrupt;
use crate::traffic::capture::counters::Row;
use crate::traffic::capture::counters::Series;
use crate::traffic::capture::counters::http::Fault;
use crate::traffic::capture::counters::metrics::Unfit;
use crate::units::offset::Offset;

/// How long a server may take to answer. Longer is no load that a reading every few seconds is worth.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a lost server is left alone before the next try: it may be starting, and one client more must not matter to it.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How often a person's wish to end is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// What is asked.
#[derive(Clone, Debug)]
pub enum Source {
    /// An IRC server, by `STATS m` and LUSERS.
    Server(ServerOptions),
    /// A page of metrics.
    Page(PageOptions),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct CountersOptions {
    /// Whom to ask.
    pub source: Source,
    /// Time between two readings.
    pub every: Duration,
    /// For how long; until interrupted if `None`.
    pub lasts: Option<Duration>,
}

/// Why there is no reading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountersError {
    /// No connection, no login, or it ended.
    #[error(transparent)]
    Connection(#[from] ProbeError),
    /// The server does not make us an operator.
    #[error("the server does not take `{name}` for an operator")]
    NoOperator {
        /// The operator's name.
        name: String,
    },
    /// STATS is for operators.
    #[error("the server tells its counters to operators alone (481)")]
    NotOperator {
        /// Whether we are one.
        has_operator: bool,
    },
    /// There is no STATS.
    #[error("the server does not know `STATS m` (421 or 403)")]
    NoStats,
    /// No answer.
    #[error("no answer in {} s", ANSWER_TIMEOUT.as_secs())]
    Silent,
    /// The page is none.
    #[error("can't read the page: {0}")]
    Page(Fault),
    /// The page does not tell which counters count commands.
    #[error("the page has {} that counts commands", match .0 { Unfit::None(_) => "no metric", Unfit::Several(_) => "more than one metric" })]
    Metrics(Unfit),
    /// What was read can't be written.
    #[error("can't write what was read")]
    Output(#[source] io::Error),
}

impl CountersError {
    /// Returns what to do about it, where that is not plain.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoOperator { .. } => {
                Some("is it so named in the server's configuration, may it come from here, and does the variable of --oper-password-env hold its password?".to_owned())
            }
            Self::NotOperator { has_operator: false } => {
                Some("become one: --oper-name NAME --oper-password-env VAR".to_owned())
            }
            Self::NotOperator { has_operator: true } => {
                Some("this operator may not ask: on InspIRCd its class needs privs=\"servers/auspex\"".to_owned())
            }
            Self::NoStats => Some("does it have a page of metrics? http://HOST:PORT/metrics".to_owned()),
            Self::Metrics(Unfit::None(names)) if names.is_empty() => None,
            Self::Metrics(Unfit::None(names) | Unfit::Several(names)) => {
                Some(format!("name one by --metric: {}", names.join(", ")))
            }
            Self::Connection(ProbeError::Unreachable { .. }) => {
                Some("is the server up, and is this its plain port?".to_owned())
            }
            _ => None,
        }
    }

    /// Returns whether the server may answer again later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Connection(error) => server::may_pass(error),
            Self::Silent | Self::Page(Fault::Cut | Fault::Status(500..)) => true,
            _ => false,
        }
    }
}

/// What is to be told as it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<'a> {
    /// A reading.
    Rows {
        /// When, in microseconds since 1970.
        at_us: u64,
        /// Its rows.
        rows: &'a [Row],
    },
    /// The server was restarted since the reading before.
    Restarted,
    /// The server asks for patience; this reading is left out.
    Skipped,
    /// The connection is lost, or the server does not answer; it is tried again.
    Lost(String),
    /// The server answers again.
    Found,
}

/// What it came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The readings.
    pub series: Series,
    /// How many there were.
    pub reading_count: u64,
    /// How many the server left out.
    pub skipped_count: u64,
    /// How often the server was lost.
    pub lost_count: u64,
    /// How many PINGs of the server were answered between the first reading and the last.
    pub pong_count: u64,
}

/// Reads the counters until the time is over or somebody interrupts, and tells what they say.
///
/// # Errors
///
/// Returns why there was not even a first reading, why no other can come, or why what was read could not be told.
pub fn watch(
    options: &CountersOptions,
    clock: Clock,
    interrupt: &Interrupt,
    told: &mut dyn FnMut(Told<'_>) -> io::Result<()>,
) -> Result<Tally, CountersError> {
    let mut watcher = Watcher {
        options,
        clock,
        server: None,
        created: Vec::new(),
        tally: Tally::default(),
        pongs: Pongs::default(),
        is_lost: false,
        told,
    };
    watcher.read()?;
    let begins = clock.now();
    let ends = options.lasts.map_or(Offset::NEVER, |lasts| begins + lasts);
    let mut next = begins + options.every;
    let mut tried = clock.now();
    loop {
        let mut due = next.min(ends);
        while clock.now() < due && !interrupt.is_asked() {
            watcher.idle(due)?;
            if watcher.is_lost {
                due = due.min(tried + RETRY_AFTER);
            }
        }
        if interrupt.is_asked() && watcher.is_lost {
            break;
        }
        let is_last = clock.now() >= ends || interrupt.is_asked();
        watcher.try_read()?;
        if is_last {
            break;
        }
        // A reading that took longer than the time between two leaves out those that it overtook.
        tried = clock.now();
        while next <= tried {
            next += options.every;
        }
    }
    if let Some(server) = watcher.server.take() {
        server.leave();
    }
    Ok(watcher.tally)
}

/// PONGs of our own, which the server counts among the others.
#[derive(Default)]
struct Pongs {
    /// Of connections that are lost.
    lost: u64,
    /// Before the present reading.
    asked: u64,
    /// Before the first reading.
    first: Option<u64>,
}

struct Watcher<'a> {
    options: &'a CountersOptions,
    clock: Clock,
    server: Option<Server>,
    created: Vec<u8>,
    tally: Tally,
    pongs: Pongs,
    is_lost: bool,
    told: &'a mut dyn FnMut(Told<'_>) -> io::Result<()>,
}

impl Watcher<'_> {
    /// Reads once; what may pass is told instead of returned.
    fn try_read(&mut self) -> Result<(), CountersError> {
        match self.read() {
            Err(error) if error.may_pass() => self.lose(&error),
            other => other,
        }
    }

    fn read(&mut self) -> Result<(), CountersError> {
        let reading = match &self.options.source {
            Source::Page(options) => Some(page::poll(options, self.clock)?),
            Source::Server(options) => {
                let mut server = match self.server.take() {
                    Some(server) => server,
                    None => Server::enter(options, self.clock)?,
                };
                if !self.created.is_empty() && server.created != self.created {
                    self.tally.series.handle_restart();
                }
                self.created.clone_from(&server.created);
                // Nothing waits to be written here: what is answered while the counters come, the server counts after them.
                self.pongs.asked = self.pongs.lost + server.pong_count();
                let polled = server.poll();
                self.server = Some(server);
                polled?
            }
        };
        if std::mem::take(&mut self.is_lost) {
            self.tell(Told::Found)?;
        }
        let Some(reading) = reading else {
            self.tally.skipped_count += 1;
            return self.tell(Told::Skipped);
        };
        let now = self.clock.now();
        let at_us = self
            .clock
            .epoch_unix_micros()
            .saturating_add_signed(now.as_micros());
        self.tally.reading_count += 1;
        let first = *self.pongs.first.get_or_insert(self.pongs.asked);
        self.tally.pong_count = self.pongs.asked - first;
        let step = self.tally.series.enter(now, reading);
        if step.has_restarted {
            self.tell(Told::Restarted)?;
        }
        self.tell(Told::Rows {
            at_us,
            rows: &step.rows,
        })
    }

    /// Waits a moment, at most until `due`, in which the server's own questions are answered.
    fn idle(&mut self, due: Offset) -> Result<(), CountersError> {
        let Some(server) = &mut self.server else {
            thread::sleep(LOOK.min(due.since(self.clock.now())));
            return Ok(());
        };
        match server.idle() {
            Ok(()) => Ok(()),
            Err(error) => self.lose(&error),
        }
    }

    fn lose(&mut self, error: &CountersError) -> Result<(), CountersError> {
        if let Some(server) = self.server.take() {
            self.pongs.lost += server.pong_count();
        }
        if std::mem::replace(&mut self.is_lost, true) {
            return Ok(());
        }
        self.tally.lost_count += 1;
        self.tell(Told::Lost(error.to_string()))
    }

    fn tell(&mut self, what: Told<'_>) -> Result<(), CountersError> {
        (self.told)(what).map_err(CountersError::Output)
    }
}
