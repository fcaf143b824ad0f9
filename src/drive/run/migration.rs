//! Accounts moved between the servers of a target: in the embedded network by its model of them, elsewhere by the scenario's commands.

use std::sync::Arc;
use std::time::Duration;

use crate::drive::listen::Listening;
use crate::drive::run::bouncer::moving::Movers;
use crate::drive::run::bouncer::moving::Moving;
use crate::drive::run::command::Command;
use crate::drive::run::shards::Shards;
use crate::drive::shard::message::ToShard;
use crate::measure::interval::Interval;
use crate::measure::migration::Migrations;
use crate::measure::migration::Way;
use crate::measure::progress::Progress;
use crate::migration::cost::Load;
use crate::migration::operator::Operator;
use crate::migration::queue::Step;
use crate::plan::Plan;
use crate::plan::action::Upheaval;
use crate::scenario::migration::Moves;
use crate::scenario::migration::OLD_SERVER;
use crate::scenario::phase::Begins;
use crate::scenario::phase::PhaseKind;
use crate::units::id::AccountId;
use crate::units::id::PhaseId;
use crate::units::offset::Offset;

/// What stands for an account in a command that moves it.
const PLACE: &str = "{user}";
/// How often the operator's own queue is asked how far it has come.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether a command has moved its account: many take milliseconds.
const COMMAND_LOOK: Duration = Duration::from_millis(5);
/// Failed questions whose words are told.
const FAULTS_MAX: usize = 20;

/// What moves one account.
enum Move {
    Command(Command),
    Operator(Moving),
}

impl Move {
    /// Returns how it ended, once it has.
    fn look(&mut self) -> Option<Result<(), String>> {
        match self {
            Self::Command(command) => command.look().map(|end| end.map(|_| ())),
            Self::Operator(moving) => moving.look(),
        }
    }

    /// Waits for it no longer. Returns that as a sentence.
    fn leave(self) -> String {
        match self {
            Self::Command(command) => command.kill(),
            Self::Operator(moving) => moving.leave(),
        }
    }
}

/// The migrations of a run.
pub(crate) struct Mover<'a> {
    plan: &'a Arc<Plan>,
    /// The embedded network.
    network: Option<&'a Listening>,
    operator: Operator,
    /// What moves accounts from one bouncer to another, where the run does.
    movers: Option<&'a Movers>,
    /// Accounts that are being moved.
    moving: Vec<(AccountId, Move)>,
    /// Commands that begin a queue of the operator's own.
    beginning: Vec<Command>,
    asking: Option<Command>,
    next_ask: Offset,
    /// What went wrong with a command, a sentence each.
    pub(crate) faults: Vec<String>,
}

impl<'a> Mover<'a> {
    pub(crate) fn new(
        plan: &'a Arc<Plan>,
        network: Option<&'a Listening>,
        movers: Option<&'a Movers>,
    ) -> Self {
        Self {
            plan,
            network,
            movers,
            operator: Operator::new(Arc::clone(plan), network.is_some()),
            moving: Vec::new(),
            beginning: Vec::new(),
            asking: None,
            next_ask: Offset::NEVER,
            faults: Vec::new(),
        }
    }

    /// Does what a phase wants of the queue; returns whether it could.
    pub(crate) fn handle(&mut self, phase: PhaseId, upheaval: Upheaval, now: Offset) -> bool {
        if upheaval == Upheaval::Migrate
            && let Some(network) = self.network
        {
            network.ask(|network, _| network.keep_homes(OLD_SERVER));
        }
        let could = self.operator.handle(phase, upheaval, now);
        if let (Some(network), Some(is_shut)) = (self.network, self.operator.shuts(phase, upheaval))
        {
            network.ask(move |network, now| network.shut_first_home(now, is_shut));
        }
        if could {
            self.stop_asking();
        }
        if could && upheaval != Upheaval::Cease && self.network.is_none() {
            self.begin_outside(phase, now);
        }
        could
    }

    /// Has the operator begin a queue of its own, if it has one; it is asked once that has begun.
    fn begin_outside(&mut self, phase: PhaseId, now: Offset) {
        match &self.plan.scenario.phase(phase).commands.begin {
            Some(command) => match Command::start(command) {
                Ok(command) => self.beginning.push(command),
                Err(fault) => self.faults.push(fault),
            },
            None => self.next_ask = now,
        }
    }

    /// Returns the roll-back that a person or an abort rule may ask for now, or why there is none.
    pub(crate) fn roll_back(&self) -> Result<PhaseId, &'static str> {
        let migration = self.operator.migration();
        let migration = migration.ok_or("no account has been moved that could be moved back")?;
        if self.operator.phase() != Some(migration) {
            return Err("the accounts are moved back already");
        }
        let phases = (0u16..).map(PhaseId).zip(&self.plan.scenario.phases);
        let mut undoing = phases.filter(|(_, phase)| {
            phase.begins == Begins::OnDemand && phase.kind.undoes() == Some(migration)
        });
        let (id, phase) = undoing
            .next()
            .ok_or("the scenario has no roll-back for it")?;
        let is_ours =
            self.network.is_some() || self.movers.is_some() || self.progress_command().is_some();
        if is_ours || phase.kind.moves_command().is_some() {
            Ok(id)
        } else {
            Err("the scenario has no `move_command` that moves accounts back")
        }
    }

    /// Returns how migrations go.
    pub(crate) fn log(&self) -> &Migrations {
        self.operator.log()
    }

    /// Returns how migrations went.
    pub(crate) fn into_log(self) -> Migrations {
        self.operator.into_log()
    }

    /// Returns the phase that moves accounts back now, if one does.
    pub(crate) fn going_back(&self) -> Option<PhaseId> {
        let last = self.log().all().last()?;
        (last.way == Way::Back && last.ended.is_none()).then_some(last.phase)
    }

    /// Returns by when a phase that moved accounts has sent everybody to where they went.
    pub(crate) fn redirected_by(&self, phase: PhaseId) -> Offset {
        let moving = self.log().of(phase);
        let begun = moving.map_or(Offset::ALWAYS, |moving| moving.begun);
        match &self.plan.scenario.phase(phase).kind {
            PhaseKind::Migrate { migration } => {
                begun + migration.redirect.at + migration.redirect.ttl
            }
            PhaseKind::RollBack { roll_back } => begun + roll_back.ttl,
            _ => begun,
        }
    }

    /// Moves what is to be moved by now, and looks what has come of it. Returns the phase whose queue is done, once for each.
    pub(crate) fn look(&mut self, now: Offset, shards: &Shards) -> Option<PhaseId> {
        self.look_at_commands(now);
        self.ask(now);
        while let Some(step) = self.operator.poll(now) {
            match step {
                Step::Begin(account, way) => self.begin(account, way, now),
                Step::End(account, way) => self.end(account, way, now),
            }
        }
        let phase = self.operator.take_ended(now)?;
        self.stop_asking();
        shards.tell_all(&ToShard::Up { phase, at: now });
        Some(phase)
    }

    fn begin(&mut self, account: AccountId, way: Way, now: Offset) {
        let name = self.operator.account(account);
        if let Some(network) = self.network {
            let to = self.operator.home(Way::Over);
            let load = network.ask(move |network, now| {
                let load = Load {
                    users: network.users_of(to),
                    knocks: network.knocks(now),
                };
                network.unsettle_account(now, &name);
                load
            });
            // A network that is gone moves nobody: what no longer arrives tells.
            let cost = self.operator.cost(account, load.unwrap_or_default());
            self.operator.handle_begun(account, now + cost);
            return;
        }
        let started = match (self.movers, self.move_command(way)) {
            (Some(movers), _) => movers.begin(&name, way).map(Move::Operator),
            (None, Some(command)) => {
                let command = command.replace(PLACE, &String::from_utf8_lossy(&name));
                Command::start(&command).map(Move::Command)
            }
            (None, None) => Err("the scenario has no `move_command` for it".to_owned()),
        };
        match started {
            Ok(moving) => self.moving.push((account, moving)),
            Err(fault) => self.operator.handle_failed(account, fault, now),
        }
    }

    fn end(&mut self, account: AccountId, way: Way, now: Offset) {
        if let Some(network) = self.network {
            let (name, home) = (self.operator.account(account), self.operator.home(way));
            network.ask(move |network, _| network.settle_account(&name, home));
            self.operator.handle_moved(account, now);
        }
    }

    fn look_at_commands(&mut self, now: Offset) {
        for (account, mut moving) in std::mem::take(&mut self.moving) {
            match moving.look() {
                None => self.moving.push((account, moving)),
                Some(Ok(())) => self.operator.handle_moved(account, now),
                Some(Err(fault)) => self.operator.handle_failed(account, fault, now),
            }
        }
        for mut command in std::mem::take(&mut self.beginning) {
            match command.look() {
                None => self.beginning.push(command),
                Some(Ok(_)) => self.next_ask = now,
                Some(Err(fault)) => self.faults.push(fault),
            }
        }
    }

    /// Asks the operator's own queue how far it has come, one question at a time.
    fn ask(&mut self, now: Offset) {
        if let Some(mut command) = self.asking.take() {
            match command.look() {
                None => self.asking = Some(command),
                Some(answer) => {
                    self.next_ask = now + ASK_EVERY;
                    self.hear(answer);
                }
            }
            return;
        }
        if self.next_ask > now {
            return;
        }
        self.next_ask = Offset::NEVER;
        let started = self.progress_command().map(Command::start);
        match started {
            Some(Ok(command)) => self.asking = Some(command),
            Some(Err(fault)) => self.faults.push(fault),
            None => {}
        }
    }

    /// Takes what the operator's queue says: a number is how many accounts are on the new server, and nothing is no news.
    fn hear(&mut self, answer: Result<String, String>) {
        if answer.as_deref() == Ok("") {
            return;
        }
        let told = answer.and_then(|words| {
            let last = words.lines().last().unwrap_or_default().trim();
            last.parse::<u64>().map_err(|_| {
                format!(
                    "expected a number of accounts moved, but the queue's command said `{last}`"
                )
            })
        });
        match told {
            Ok(moved) => self.operator.handle_told(moved),
            Err(fault) if self.faults.len() < FAULTS_MAX && !self.faults.contains(&fault) => {
                self.faults.push(fault);
            }
            Err(_) => {}
        }
    }

    /// Takes an interval that has closed.
    pub(crate) fn enter(&mut self, ends: Offset, interval: &Interval, progress: &Progress) {
        self.operator.enter(ends, interval, progress);
    }

    /// Takes no account until it is let go on.
    pub(crate) fn hold(&mut self) {
        self.operator.hold();
    }

    /// Goes on after it was held `by` so long.
    pub(crate) fn resume(&mut self, by: Duration) {
        self.operator.resume(by);
    }

    /// Takes no account any more; what is under way goes on.
    pub(crate) fn cease(&mut self) {
        self.operator.cease();
        self.stop_asking();
    }

    /// Returns when there is next something to do.
    pub(crate) fn next_due(&self, now: Offset) -> Offset {
        let due = self.operator.next_due();
        if self.moving.is_empty() {
            due
        } else {
            due.min(now + COMMAND_LOOK)
        }
    }

    /// Ends what still runs: nobody waits for it any more. A move that has not ended by now has failed.
    pub(crate) fn finish(&mut self, now: Offset) {
        self.look_at_commands(now);
        for (account, moving) in std::mem::take(&mut self.moving) {
            self.operator.handle_failed(account, moving.leave(), now);
        }
        let beginning = self.beginning.drain(..).map(Command::kill);
        self.faults.extend(beginning);
        self.stop_asking();
        self.operator.close();
    }

    fn stop_asking(&mut self) {
        self.next_ask = Offset::NEVER;
        if let Some(command) = self.asking.take() {
            // It was asked once too often: nobody waits for its answer.
            command.kill();
        }
    }

    fn progress_command(&self) -> Option<&str> {
        match &self.operator.played()?.moves {
            Some(Moves::Progress(command)) if self.network.is_none() => Some(command),
            _ => None,
        }
    }

    /// Returns the command that moves an account that way.
    fn move_command(&self, way: Way) -> Option<&'a str> {
        let of = match way {
            Way::Over => self.operator.migration()?,
            Way::Back => self.operator.phase()?,
        };
        self.plan.scenario.phase(of).kind.moves_command()
    }
}
