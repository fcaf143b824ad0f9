//! Counters of an IRC server, asked for by one client.

use crate::drive::clock::Clock;
use crate::drive::counters::ANSWER_TIMEOUT;
use crate::drive::counters::CountersError;
use crate::drive::doctor::probe::ProbeError;
use crate::drive::doctor::visit::Visit;
use crate::drive::doctor::visit::Visitor;
use crate::drive::transport::endpoint::Endpoint;
use crate::irc::session::refusal::Refusal as Ended;
use crate::irc::wire::compose::Line;
use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::traffic::capture::counters::Reading;
use crate::traffic::capture::counters::stats::Answer;
use crate::traffic::capture::counters::stats::Refusal;
use crate::traffic::capture::counters::stats::StatsReader;

/// Outside the names of any run, and of the login before one.
const VISITOR: Visitor = Visitor {
    nick: "gauger",
    letter: None,
    realname: "splitstorm counters",
};

/// Who becomes an operator to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name in the server's configuration.
    pub name: String,
    /// Its password.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How to get at a server's counters.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its password.
    pub password: Option<Vec<u8>>,
    /// As whom to ask.
    pub operator: Option<Operator>,
}

/// A client that is logged in and asks.
pub(crate) struct Server {
    visit: Visit,
    clock: Clock,
    reader: StatsReader,
    /// What 003 says: servers tell there when they were started.
    pub(crate) created: Vec<u8>,
    has_operator: bool,
}

impl Server {
    /// Logs in, as an operator if asked to.
    pub(crate) fn enter(options: &ServerOptions, clock: Clock) -> Result<Self, CountersError> {
        let mut visit = Visit::begin(&options.endpoint, None, options.password.clone(), VISITOR)?;
        let mut created = Vec::new();
        while !visit.is_online() {
            visit.turn(|message| {
                if message.numeric() == Some(numeric::RPL_CREATED) {
                    created = message.params.last().unwrap_or_default().to_vec();
                }
            })?;
        }
        let mut server = Self {
            visit,
            clock,
            reader: StatsReader::default(),
            created,
            has_operator: options.operator.is_some(),
        };
        if let Some(operator) = &options.operator {
            server.become_operator(operator)?;
        }
        Ok(server)
    }

    fn become_operator(&mut self, operator: &Operator) -> Result<(), CountersError> {
        Line::with_command(&mut self.visit.out, b"OPER")
            .param(operator.name.as_bytes())
            .last(&operator.password);
        let answer = self.await_answer(|message| match message.numeric() {
            Some(numeric::RPL_YOUREOPER) => Some(true),
            Some(
                numeric::ERR_PASSWDMISMATCH
                | numeric::ERR_NOOPERHOST
                | numeric::ERR_NEEDMOREPARAMS
                | numeric::ERR_NOPRIVILEGES
                | numeric::ERR_UNKNOWNCOMMAND,
            ) => Some(false),
            _ => None,
        })?;
        if answer {
            Ok(())
        } else {
            Err(CountersError::NoOperator {
                name: operator.name.clone(),
            })
        }
    }

    /// Asks once. `None` if the server asks for patience.
    pub(crate) fn poll(&mut self) -> Result<Option<Reading>, CountersError> {
        self.reader.clear();
        Line::with_command(&mut self.visit.out, b"LUSERS").end();
        Line::with_command(&mut self.visit.out, b"STATS")
            .param(b"m")
            .end();
        let mut reader = std::mem::take(&mut self.reader);
        let answer = self.await_answer(|message| match reader.handle(message) {
            Answer::Open => None,
            Answer::Whole(reading) => Some(Ok(reading)),
            Answer::Refused(refusal) => Some(Err(refusal)),
        })?;
        match answer {
            Ok(reading) => Ok(Some(reading)),
            Err(Refusal::TryAgain) => Ok(None),
            Err(Refusal::NotOperator) => Err(CountersError::NotOperator {
                has_operator: self.has_operator,
            }),
            Err(Refusal::Unknown) => Err(CountersError::NoStats),
        }
    }

    /// Answers what the server asks while nothing is asked of it, for a moment.
    pub(crate) fn idle(&mut self) -> Result<(), CountersError> {
        Ok(self.visit.turn(|_| {})?)
    }

    /// Returns how many PINGs of the server it answered: the one thing it sends that it was not told to.
    pub(crate) fn pong_count(&self) -> u64 {
        let mut sent = self.visit.lines_sent.iter();
        sent.find(|(command, _)| *command == "PONG")
            .map_or(0, |(_, count)| count)
    }

    /// Says goodbye.
    pub(crate) fn leave(self) {
        self.visit.leave(b"counted");
    }

    fn await_answer<T>(
        &mut self,
        mut read: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<T, CountersError> {
        let asked = self.clock.now();
        let mut answer = None;
        loop {
            self.visit.turn(|message| {
                if answer.is_none() {
                    answer = read(message);
                }
            })?;
            if let Some(answer) = answer.take() {
                return Ok(answer);
            }
            if self.clock.now().since(asked) > ANSWER_TIMEOUT {
                return Err(CountersError::Silent);
            }
        }
    }
}

/// Returns whether a lost or refused connection is worth another try.
pub(crate) fn may_pass(error: &ProbeError) -> bool {
    !matches!(
        error,
        ProbeError::Refused {
            refusal: Ended::Auth | Ended::Ban,
            ..
        }
    )
}
