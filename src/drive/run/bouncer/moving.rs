//! Accounts moved from one host of a bouncer to the other: an operator's two short visits, on a thread of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::drive::clock::Clock;
use crate::drive::doctor::visit::Visit;
use crate::drive::doctor::visit::Visitor;
use crate::drive::host::random::random;
use crate::drive::run::bouncer::PASSWORD_BYTES;
use crate::drive::run::bouncer::hosts::Host;
use crate::drive::run::bouncer::hosts::Start;
use crate::drive::run::bouncer::system;
use crate::drive::run::error::RunError;
use crate::drive::transport::endpoint::Endpoint;
use crate::irc::session::console::Console;
use crate::measure::migration::Way;
use crate::provision;
use crate::provision::ProvisionError;
use crate::provision::Secret;
use crate::provision::moving::Move;
use crate::provision::moving::Operator;
use crate::roster::Roster;
use crate::roster::name::User;
use crate::scenario::Scenario;
use crate::scenario::bouncer::Bouncer as Wanted;
use crate::scenario::bouncer::BouncerKind;
use crate::scenario::phase::PhaseKind;
use crate::units::hex;
use crate::units::offset::Offset;

/// How long one bouncer may take over its part of a move.
const TALK_TIMEOUT: Duration = Duration::from_secs(30);
/// Who moves accounts.
const OPERATOR: &str = "storm-operator";

/// What moves accounts between the two hosts of a bouncer.
pub(crate) struct Movers {
    old: Endpoint,
    new: Endpoint,
    /// What the operator logs in with.
    password: Vec<u8>,
    /// By user.
    moves: HashMap<Vec<u8>, Arc<Move>>,
}

/// An account that is being moved.
pub(crate) struct Moving {
    user: String,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// Returns whether a run moves accounts from one bouncer that it starts to another, and checks that it can.
pub(super) fn is_of(scenario: &Scenario, wanted: &Wanted) -> Result<bool, RunError> {
    let mut migrations = scenario.migrations().peekable();
    if migrations.peek().is_none() {
        return Ok(false);
    }
    if let Some(phase) = scenario.phases.iter().find(|phase| {
        matches!(&phase.kind, PhaseKind::RollBack { roll_back } if roll_back.move_command.is_some())
    }) {
        return Err(RunError::MovesElsewhere(phase.name.clone()));
    }
    let has_accounts = wanted.network.has_accounts;
    let moves_itself = wanted.kind == BouncerKind::Znc && wanted.home.is_none() && !has_accounts;
    for (phase, migration) in migrations {
        if migration.redirect.drops {
            return Err(RunError::CantDrop(phase.name.clone()));
        }
        if !moves_itself || migration.moves.is_some() {
            return Err(RunError::MovesElsewhere(phase.name.clone()));
        }
    }
    Ok(true)
}

/// Returns somebody who may move accounts, and is nobody of the roster.
pub(super) fn operator(roster: &Roster) -> Result<Operator, RunError> {
    let drawn: [u8; PASSWORD_BYTES] = random().map_err(system("drawing a password"))?;
    let is_taken = |name: &str| {
        let mut rows = roster.rows().iter();
        rows.any(|row| row.user.as_str().eq_ignore_ascii_case(name))
    };
    let mut name = OPERATOR.to_owned();
    while is_taken(&name) {
        name.push('-');
    }
    let name = User::parse(&name).ok();
    let secret = Secret::new(hex::text(&drawn).into_bytes());
    let operator = name.zip(secret);
    operator
        .map(|(name, secret)| Operator { name, secret })
        .ok_or_else(|| RunError::NoRoster("all names of operators are taken".to_owned()))
}

impl Movers {
    /// Returns what moves the accounts of a roster from the first host to the last; `None` where nobody does.
    pub(super) fn new(
        start: &Start<'_>,
        roster: &Roster,
        hosts: &[Host],
    ) -> Result<Option<Self>, RunError> {
        let ([old, .., new], Some(operator)) = (hosts, &start.operator) else {
            return Ok(None);
        };
        let mut moves = HashMap::new();
        for account in roster.accounts() {
            let missing = || ProvisionError::NoSecret(account.secret_env.clone());
            let site = start.site(new.endpoint.address);
            let secret = start.secrets.get(account.secret_env).ok_or_else(missing);
            let family = start.family.provision;
            let made = secret
                .and_then(|secret| provision::moving::of(family, &account, &site, secret))
                .map_err(|error| RunError::NoRoster(error.to_string()))?;
            let Some(made) = made else { return Ok(None) };
            let user = account.user.as_str().as_bytes().to_vec();
            moves.insert(user, Arc::new(made));
        }
        let name = operator.name.as_str().as_bytes();
        Ok(Some(Self {
            old: old.endpoint.clone(),
            new: new.endpoint.clone(),
            password: [name, b":", operator.secret.bytes()].concat(),
            moves,
        }))
    }

    /// Begins to move an account that way. An error is told as a sentence.
    pub(crate) fn begin(&self, user: &[u8], way: Way) -> Result<Moving, String> {
        let name = String::from_utf8_lossy(user).into_owned();
        let Some(made) = self.moves.get(user).cloned() else {
            return Err(format!("`{name}` is nobody of the roster"));
        };
        let (from, to) = match way {
            Way::Over => (self.old.clone(), self.new.clone()),
            Way::Back => (self.new.clone(), self.old.clone()),
        };
        let password = self.password.clone();
        let thread = std::thread::Builder::new().name("move".to_owned());
        let thread = thread.spawn(move || {
            // Its nick has to be free on the networks before it comes from elsewhere.
            talk(&from, &password, &made, &made.departure)?;
            let arrived = talk(&to, &password, &made, &made.arrival);
            arrived.map_err(|why| restored(&from, &to, &password, &made, &why))
        });
        let thread =
            thread.map_err(|error| format!("no thread could be had to move `{name}`: {error}"))?;
        Ok(Moving {
            user: name,
            thread: Some(thread),
        })
    }
}

impl Moving {
    /// Returns how the move ended, once it has; a failure is told as a sentence.
    pub(crate) fn look(&mut self) -> Option<Result<(), String>> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        let end = thread
            .join()
            .unwrap_or_else(|_| Err("its thread panicked".to_owned()));
        Some(end.map_err(|why| format!("`{}` could not be moved: {why}", self.user)))
    }

    /// Waits for it no longer. Returns that as a sentence.
    pub(crate) fn leave(self) -> String {
        format!("`{}` had not been moved by the end of the run", self.user)
    }
}

/// Puts an account back that could not be made where it was to go, and returns what came of that as a sentence.
fn restored(from: &Endpoint, to: &Endpoint, password: &[u8], made: &Move, why: &str) -> String {
    // Half of it may be there.
    let _ = talk(to, password, made, &made.departure);
    match talk(from, password, made, &made.arrival) {
        Ok(()) => format!("{why}; it is back where it was"),
        Err(again) => format!("{why}; it is nowhere: {again}"),
    }
}

/// Tells a bouncer what to do with an account and to keep that, and waits until it is done.
fn talk(
    endpoint: &Endpoint,
    password: &[u8],
    made: &Move,
    commands: &[Vec<u8>],
) -> Result<(), String> {
    let at = endpoint.address;
    let clock = Clock::start();
    let visitor = Visitor {
        nick: "operator",
        letter: None,
        realname: "splitstorm operator",
    };
    let lost = |error: &dyn std::fmt::Display| format!("the bouncer at {at}: {error}");
    let mut visit = Visit::begin(endpoint, None, Some(password.to_vec()), visitor)
        .map_err(|error| lost(&error))?;
    let mut is_welcome = false;
    let (keeper, keep) = &made.keep;
    for (module, commands) in [
        (made.module, commands),
        (keeper, std::slice::from_ref(keep)),
    ] {
        let mut console = Console::new(module);
        let mut has_told = false;
        let end = loop {
            if is_welcome && !has_told {
                console.tell(commands, &mut visit.out);
                has_told = true;
            }
            if let Some(end) = console.end() {
                break end;
            }
            if clock.now().since(Offset::ZERO) > TALK_TIMEOUT {
                break Err(format!("no answer in {} s", TALK_TIMEOUT.as_secs()));
            }
            visit
                .turn(|message| {
                    console.handle(message);
                    is_welcome |= console.is_welcome();
                })
                .map_err(|error| lost(&error))?;
        };
        end.map_err(|words| lost(&words))?;
    }
    visit.leave(b"moved");
    Ok(())
}
