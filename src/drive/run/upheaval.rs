//! What phases do to the whole target: links broken and healed, restarts, and the commands that do it.

use crate::drive::clock::Clock;
use crate::drive::listen::Listening;
use crate::drive::run::bouncer::Bouncer;
use crate::drive::run::command::Command;
use crate::drive::run::shards::Shards;
use crate::drive::shard::message::ToShard;
use crate::irc::network::served::Served;
use crate::measure::ledger::partition::Split;
use crate::plan::action::Upheaval;
use crate::scenario::Scenario;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// The upheavals of a run.
pub(crate) struct Upheavals<'a> {
    scenario: &'a Scenario,
    /// The embedded network; commands do what is done to any other target.
    network: Option<&'a Listening>,
    /// The bouncer under test, whose networks are ours.
    bouncer: Option<&'a Bouncer>,
    /// Whether the bouncer was taken down and is to come back.
    is_down: bool,
    /// When the bouncer was taken down last, until its judge is told.
    taken_down: Option<Offset>,
    splits: Vec<Split>,
    /// What each command does for which phase.
    running: Vec<((PhaseId, Upheaval), Command)>,
    /// What went wrong with a command, a sentence each.
    pub(crate) faults: Vec<String>,
}

impl<'a> Upheavals<'a> {
    pub(crate) fn new(
        scenario: &'a Scenario,
        network: Option<&'a Listening>,
        bouncer: Option<&'a Bouncer>,
    ) -> Self {
        Self {
            scenario,
            network,
            bouncer,
            is_down: false,
            taken_down: None,
            splits: Vec::new(),
            running: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Does to the target what a phase wants.
    pub(crate) fn handle(&mut self, wanted: (PhaseId, Upheaval), clock: &Clock, shards: &Shards) {
        let (phase, upheaval) = wanted;
        let is_on = match upheaval {
            Upheaval::Split => self.order_split(phase, clock.now(), shards),
            Upheaval::Heal => self.order_heal(phase, clock.now(), shards),
            Upheaval::Stop | Upheaval::Start => true,
            // Accounts are moved elsewhere.
            Upheaval::Migrate | Upheaval::Redirect | Upheaval::RollBack | Upheaval::Cease => false,
        };
        if !is_on {
            return;
        }
        if let Some(bouncer) = self.bouncer {
            return self.carry_out_behind(bouncer, wanted, clock, shards);
        }
        let commands = &self.scenario.phase(phase).commands;
        let command = match upheaval {
            Upheaval::Split | Upheaval::Stop => &commands.begin,
            _ => &commands.end,
        };
        match (self.network, command) {
            // A network that is gone fails the run by what no longer arrives.
            (Some(network), _) => {
                carry_out(
                    network,
                    upheaval,
                    self.scenario.phase(phase).kind.far_link(),
                );
                // It is up when it has been brought up.
                if upheaval != Upheaval::Stop {
                    self.done(wanted, clock.now(), shards);
                }
            }
            (None, Some(command)) => match Command::start(command) {
                Ok(command) => self.running.push((wanted, command)),
                Err(fault) => self.faults.push(fault),
            },
            // Somebody else restarts it, and tells nobody when it is up: times are from when it was to go down.
            (None, None) if upheaval == Upheaval::Stop => {
                let at = clock.now();
                shards.tell_all(&ToShard::Up { phase, at });
            }
            (None, None) => {}
        }
    }

    /// Does to the bouncer, or to the networks behind it, what a phase wants.
    fn carry_out_behind(
        &mut self,
        bouncer: &Bouncer,
        wanted: (PhaseId, Upheaval),
        clock: &Clock,
        shards: &Shards,
    ) {
        let (phase, upheaval) = wanted;
        let kind = &self.scenario.phase(phase).kind;
        if kind.is_of_network() {
            for network in &bouncer.networks {
                carry_out(network, upheaval, kind.far_link());
            }
        } else if upheaval == Upheaval::Stop {
            // Before what follows from it: the ends of its clients' sessions.
            let before = clock.now();
            self.is_down = bouncer.take_down();
            if self.is_down {
                self.taken_down = Some(before);
            } else {
                let what = "the bouncer was not started by the run, and can't be restarted by it";
                self.faults.push(what.to_owned());
            }
        } else {
            self.is_down = false;
            self.faults.extend(bouncer.bring_up().err());
        }
        if upheaval != Upheaval::Stop {
            self.done(wanted, clock.now(), shards);
        }
    }

    /// Takes the moment at which the bouncer was taken down, once.
    pub(crate) fn take_down(&mut self) -> Option<Offset> {
        self.taken_down.take()
    }

    /// Returns whether the bouncer was taken down and is to come back.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down
    }

    /// Tells that a link is to break; returns whether it is one that can be.
    fn order_split(&mut self, phase: PhaseId, now: Offset, shards: &Shards) -> bool {
        let Some(far) = self.scenario.phase(phase).kind.far_link() else {
            return false;
        };
        // A link that is down can't be broken again.
        let is_down = |split: &Split| split.far == far && split.healed == Offset::NEVER;
        if self.splits.iter().any(is_down) {
            return false;
        }
        let split = Split {
            phase,
            far,
            ordered: now,
            done: Offset::NEVER,
            heal_ordered: Offset::NEVER,
            healed: Offset::NEVER,
        };
        self.splits.push(split);
        shards.tell_all(&ToShard::SplitOrdered(split));
        true
    }

    /// Tells that a link is to be made again; returns whether the phase had broken one.
    fn order_heal(&mut self, phase: PhaseId, now: Offset, shards: &Shards) -> bool {
        let Some(split) = self.split_of(phase) else {
            return false;
        };
        split.heal_ordered = now;
        let ordered = ToShard::SplitOrdered(*split);
        shards.tell_all(&ordered);
        true
    }

    /// Looks which commands have ended.
    pub(crate) fn look(&mut self, now: Offset, shards: &Shards) {
        let mut going_on = Vec::new();
        for (wanted, mut command) in std::mem::take(&mut self.running) {
            match command.look() {
                None => going_on.push((wanted, command)),
                Some(Ok(_)) => self.done(wanted, now, shards),
                Some(Err(fault)) => self.faults.push(fault),
            }
        }
        self.running = going_on;
    }

    /// Ends what still runs: nobody waits for it any more.
    pub(crate) fn finish(&mut self) {
        let killed = self.running.drain(..).map(|(_, command)| command.kill());
        self.faults.extend(killed);
    }

    fn split_of(&mut self, phase: PhaseId) -> Option<&mut Split> {
        self.splits
            .iter_mut()
            .rev()
            .find(|split| split.phase == phase)
    }

    /// Tells that what a phase wanted is done.
    fn done(&mut self, (phase, upheaval): (PhaseId, Upheaval), now: Offset, shards: &Shards) {
        let told = match (upheaval, self.split_of(phase)) {
            (Upheaval::Split, Some(split)) => {
                split.done = now;
                ToShard::Split(*split, SplitStage::Down)
            }
            (Upheaval::Heal, Some(split)) => {
                split.healed = now;
                ToShard::Split(*split, SplitStage::Healed)
            }
            (Upheaval::Split | Upheaval::Heal, None) => return,
            // A command that restarts has the target up when it ends.
            _ => ToShard::Up { phase, at: now },
        };
        shards.tell_all(&told);
    }
}

/// Has a network of ours carry an upheaval out.
fn carry_out<S: Served + 'static>(
    network: &Listening<S>,
    upheaval: Upheaval,
    far: Option<ServerId>,
) {
    match (upheaval, far) {
        (Upheaval::Split, Some(far)) => {
            network.ask(move |served, now| served.network_mut().split(now, far));
        }
        (Upheaval::Heal, Some(far)) => {
            network.ask(move |served, now| served.network_mut().heal(now, far));
        }
        (Upheaval::Stop, _) => network.take_down(),
        (Upheaval::Start, _) => network.bring_up(),
        _ => {}
    }
}
