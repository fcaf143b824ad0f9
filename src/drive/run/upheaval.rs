//! What phases do to the whole target: links broken and healed, restarts, and the commands that do it.

use std::io;
use std::io::Read;
use std::io::Seek;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::drive::clock::Clock;
use crate::drive::listen::Listening;
use crate::drive::run::shards::Shards;
use crate::drive::shard::message::ToShard;
use crate::measure::ledger::partition::Split;
use crate::plan::action::Upheaval;
use crate::scenario::Scenario;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
use crate::units::id::ServerId;
use crate::units::offset::Offset;

/// Most bytes of a failed command's own words that are told.
const WORDS_BYTES_MAX: u64 = 400;

/// The upheavals of a run.
pub(crate) struct Upheavals<'a> {
    scenario: &'a Scenario,
    /// The embedded network; commands do what is done to any other target.
    network: Option<&'a Listening>,
    splits: Vec<Split>,
    running: Vec<Running>,
    /// What went wrong with a command, a sentence each.
    pub(crate) faults: Vec<String>,
}

struct Running {
    /// What the phase wanted.
    wanted: (PhaseId, Upheaval),
    command: String,
    child: Child,
    words: std::fs::File,
}

impl<'a> Upheavals<'a> {
    pub(crate) fn new(scenario: &'a Scenario, network: Option<&'a Listening>) -> Self {
        Self {
            scenario,
            network,
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
        };
        if !is_on {
            return;
        }
        let commands = &self.scenario.phase(phase).commands;
        let command = match upheaval {
            Upheaval::Split | Upheaval::Stop => &commands.begin,
            Upheaval::Heal | Upheaval::Start => &commands.end,
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
            (None, Some(command)) => match start(command) {
                Ok((child, words)) => self.running.push(Running {
                    wanted,
                    command: command.clone(),
                    child,
                    words,
                }),
                Err(error) => self
                    .faults
                    .push(format!("`{command}` can't be run: {error}")),
            },
            // Somebody else restarts it, and tells nobody when it is up: times are from when it was to go down.
            (None, None) if upheaval == Upheaval::Stop => {
                let at = clock.now();
                shards.tell_all(&ToShard::Up { phase, at });
            }
            (None, None) => {}
        }
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
        for mut running in std::mem::take(&mut self.running) {
            let command = &running.command;
            match running.child.try_wait() {
                Ok(None) => going_on.push(running),
                Ok(Some(status)) if status.success() => self.done(running.wanted, now, shards),
                Ok(Some(status)) => {
                    let words = last_words(&mut running.words)
                        .ok()
                        .filter(|words| !words.is_empty())
                        .unwrap_or_else(|| "it said nothing".to_owned());
                    self.faults
                        .push(format!("`{command}` ended with {status}: {words}"));
                }
                Err(error) => self
                    .faults
                    .push(format!("`{command}` can't be waited for: {error}")),
            }
        }
        self.running = going_on;
    }

    /// Ends what still runs: nobody waits for it any more.
    pub(crate) fn finish(&mut self) {
        for mut running in self.running.drain(..) {
            self.faults.push(format!(
                "`{}` had not ended by the end of the run; it was killed",
                running.command
            ));
            // It may have ended this moment.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
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
            (Upheaval::Stop | Upheaval::Start, _) => ToShard::Up { phase, at: now },
        };
        shards.tell_all(&told);
    }
}

/// Has the embedded network carry an upheaval out.
fn carry_out(network: &Listening, upheaval: Upheaval, far: Option<ServerId>) {
    match (upheaval, far) {
        (Upheaval::Split, Some(far)) => network.split(far),
        (Upheaval::Heal, Some(far)) => network.heal(far),
        (Upheaval::Split | Upheaval::Heal, None) => {}
        (Upheaval::Stop, _) => network.take_down(),
        (Upheaval::Start, _) => network.bring_up(),
    }
}

/// Starts a command through the shell, apart from our terminal: Ctrl-C is for us alone.
fn start(command: &str) -> io::Result<(Child, std::fs::File)> {
    let words = tempfile::tempfile()?;
    let child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words.try_clone()?)
        .process_group(0)
        .spawn()?;
    Ok((child, words))
}

/// Returns the end of what a command had to say.
fn last_words(words: &mut std::fs::File) -> io::Result<String> {
    let length = words.seek(io::SeekFrom::End(0))?;
    words.seek(io::SeekFrom::Start(length.saturating_sub(WORDS_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    words.take(WORDS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
