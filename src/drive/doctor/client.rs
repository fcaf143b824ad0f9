//! A client of an examination: a visit that remembers what it was told, and in which words it was refused.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::doctor::probe;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::doctor::probe::Probed;
use crate::drive::doctor::visit::Visit;
use crate::drive::doctor::visit::Visitor;
use crate::drive::transport::endpoint::Endpoint;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::units::offset::Offset;

/// How long a turn waits: two connections are read by turns, and each is timed to about as much.
const PATIENCE: Duration = Duration::from_millis(5);
/// Longest words of a refusal that are kept, in characters.
const WORDS_MAX: usize = 200;
/// How long the target may take to close a connection that said goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Most capabilities that are kept: servers have some dozens.
const CAPABILITIES_MAX: usize = 256;

/// What a target said to one client.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The greeting.
    pub(super) probed: Probed,
    /// The client's nick (target of 001).
    pub(super) nick: String,
    /// What the server says that it runs (002).
    pub(super) software: String,
    /// The capabilities with their values.
    pub(super) capabilities: BTreeMap<String, String>,
    /// When 001 came.
    pub(super) welcomed: Option<Offset>,
    /// The words of the last refusal.
    words: Option<String>,
}

/// Why nobody was let in.
#[derive(Debug)]
pub(super) struct Denied {
    /// How the connection ended.
    pub(super) error: ProbeError,
    /// In which words.
    pub(super) words: String,
}

impl Denied {
    /// Returns the words of a refusal; a target that is silent has refused nobody.
    pub(super) fn refusal(self) -> Option<String> {
        match self.error {
            ProbeError::Silent { .. } => None,
            _ => Some(self.words),
        }
    }
}

/// A client that is logged in.
#[derive(Debug)]
pub(super) struct Client {
    visit: Visit,
    pub(super) heard: Heard,
    clock: Clock,
}

impl Client {
    /// Connects and logs in.
    pub(super) fn log_in(
        endpoint: &Endpoint,
        source: Option<IpAddr>,
        password: Option<Vec<u8>>,
        letter: char,
        clock: Clock,
        patience: Duration,
    ) -> Result<Self, Denied> {
        let began = clock.now();
        let visitor = Visitor {
            nick: "stormy",
            letter: Some(letter),
            realname: "splitstorm doctor",
        };
        let visit = Visit::begin(endpoint, source, password, visitor).map_err(|error| Denied {
            words: chain(&error),
            error,
        })?;
        let mut client = Self {
            visit,
            heard: Heard::default(),
            clock,
        };
        while !client.visit.is_online() {
            let heard = &mut client.heard;
            let turn = client.visit.turn(|message| heard.note(message, clock));
            turn.map_err(|error| client.denied(error))?;
            if clock.now().since(began) > patience {
                let address = endpoint.address;
                return Err(Denied {
                    error: ProbeError::Silent { address },
                    words: format!("not welcomed in {} s", patience.as_secs()),
                });
            }
        }
        let network = client.visit.isupport.network.as_deref();
        client.heard.probed.network = network.map(text);
        // A connection that is gone is found out by the next read.
        let _ = client.visit.set_patience(PATIENCE);
        client.heard.welcomed.get_or_insert_with(|| clock.now());
        Ok(client)
    }

    /// Returns the visit, for what TLS was agreed on.
    pub(super) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// Adds a line to those that the next turn writes.
    pub(super) fn say(&mut self, line: &str) {
        self.visit.out.extend_from_slice(line.as_bytes());
        self.visit.out.extend_from_slice(b"\r\n");
    }

    /// Writes, reads for a moment, and shows what came.
    ///
    /// # Errors
    ///
    /// Returns the words in which the connection was closed.
    pub(super) fn turn(&mut self, mut on_line: impl FnMut(&Message<'_>)) -> Result<(), String> {
        let clock = self.clock;
        let heard = &mut self.heard;
        let turn = self.visit.turn(|message| {
            heard.note(message, clock);
            on_line(message);
        });
        turn.map_err(|error| self.denied(error).words)
    }

    /// Says goodbye and waits for the target to close the connection, so that it no longer counts there.
    pub(super) fn leave(mut self) {
        self.say("QUIT :examined");
        let began = self.clock.now();
        while self.clock.now().since(began) < GOODBYE {
            if self.turn(|_| {}).is_err() {
                return;
            }
        }
    }

    fn denied(&self, error: ProbeError) -> Denied {
        Denied {
            words: self.heard.words.clone().unwrap_or_else(|| chain(&error)),
            error,
        }
    }
}

impl Heard {
    fn note(&mut self, message: &Message<'_>, clock: Clock) {
        probe::note(&mut self.probed, message);
        let last = || text(message.params.last().unwrap_or_default());
        if message.is(b"ERROR") {
            self.words = Some(shortened(&last()));
        } else if message.is(b"CAP") {
            let kind = message.params.get(1).unwrap_or_default();
            if kind.eq_ignore_ascii_case(b"LS") || kind.eq_ignore_ascii_case(b"NEW") {
                self.note_capabilities(&last());
            }
        }
        match message.numeric() {
            Some(numeric::RPL_WELCOME) => {
                self.nick = text(message.params.get(0).unwrap_or_default());
                self.welcomed.get_or_insert_with(|| clock.now());
            }
            Some(numeric::RPL_YOURHOST) => self.software = last(),
            Some(number @ (numeric::ERR_PASSWDMISMATCH | numeric::ERR_YOUREBANNEDCREEP)) => {
                self.words = Some(shortened(&format!("{number} {}", last())));
            }
            _ => {}
        }
    }

    fn note_capabilities(&mut self, list: &str) {
        for capability in list.split_whitespace() {
            let (name, value) = capability.split_once('=').unwrap_or((capability, ""));
            if self.capabilities.len() < CAPABILITIES_MAX {
                self.capabilities.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Returns bytes as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns words of a target, no longer than a line.
pub(super) fn shortened(words: &str) -> String {
    words.chars().take(WORDS_MAX).collect()
}

fn chain(error: &ProbeError) -> String {
    match error {
        ProbeError::Closed { .. } => "closed without a word".to_owned(),
        ProbeError::Unreachable { reason, .. } => reason.to_string(),
        ProbeError::Refused { refusal, .. } => refusal.name().to_owned(),
        _ => error.to_string(),
    }
}
