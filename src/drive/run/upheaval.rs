//! What phases do to the whole target: links broken and healed, restarts, and the commands that do it.

use std::io;
use std::io::Read;
use std::io::Seek;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::drive::listen::Listening;
use crate::drive::shard::message::ToShard;
use crate::drive::shard::message::Upheaval;
use crate::measure::ledger::partition::Split;
use crate::scenario::Scenario;
use crate::swarm::report::SplitStage;
use crate::units::id::PhaseId;
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
    upheaval: Upheaval,
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

    /// Does what a phase asks for at `now`; `tell` reaches every shard.
    pub(crate) fn handle(
        &mut self,
        upheaval: Upheaval,
        now: impl Fn() -> Offset,
        tell: &dyn Fn(&dyn Fn() -> ToShard),
    ) {
        match upheaval {
            Upheaval::Split(phase) => {
                let Some(far) = self.scenario.phase(phase).kind.far_link() else {
                    return;
                };
                // A link that is down can't be broken again.
                let is_down = |split: &Split| split.far == far && split.healed == Offset::NEVER;
                if self.splits.iter().any(is_down) {
                    return;
                }
                let split = Split {
                    phase,
                    far,
                    ordered: now(),
                    done: Offset::NEVER,
                    heal_ordered: Offset::NEVER,
                    healed: Offset::NEVER,
                };
                self.splits.push(split);
                tell(&|| ToShard::SplitOrdered(split));
                // A network that is gone fails the run by what no longer arrives.
                self.act(upheaval, &now, tell, |network| network.split(far));
            }
            Upheaval::Heal(phase) => {
                let Some(split) = self.split_of(phase) else {
                    return;
                };
                split.heal_ordered = now();
                let split = *split;
                tell(&|| ToShard::SplitOrdered(split));
                self.act(upheaval, &now, tell, |network| network.heal(split.far));
            }
            Upheaval::Stop(phase) => {
                self.act(upheaval, &now, tell, Listening::take_down);
                let is_told_by_nobody =
                    self.network.is_none() && self.scenario.phase(phase).commands.begin.is_none();
                if is_told_by_nobody {
                    let at = now();
                    tell(&|| ToShard::Up { phase, at });
                }
            }
            Upheaval::Start(_) => self.act(upheaval, &now, tell, Listening::bring_up),
        }
    }

    /// Lets the embedded network, or the phase's command, carry an upheaval out.
    fn act(
        &mut self,
        upheaval: Upheaval,
        now: &impl Fn() -> Offset,
        tell: &dyn Fn(&dyn Fn() -> ToShard),
        on_network: impl FnOnce(&Listening),
    ) {
        if let Some(network) = self.network {
            on_network(network);
            self.done(upheaval, now(), tell);
            return;
        }
        let commands = |phase| &self.scenario.phase(phase).commands;
        let command = match upheaval {
            Upheaval::Split(phase) | Upheaval::Stop(phase) => commands(phase).begin.as_ref(),
            Upheaval::Heal(phase) | Upheaval::Start(phase) => commands(phase).end.as_ref(),
        };
        let Some(command) = command.cloned() else {
            return;
        };
        match start(&command) {
            Ok((child, words)) => self.running.push(Running {
                upheaval,
                command,
                child,
                words,
            }),
            Err(error) => self
                .faults
                .push(format!("`{command}` can't be run: {error}")),
        }
    }

    /// Looks which commands have ended.
    pub(crate) fn look(&mut self, now: Offset, tell: &dyn Fn(&dyn Fn() -> ToShard)) {
        let mut index = 0;
        while let Some(running) = self.running.get_mut(index) {
            let status = match running.child.try_wait() {
                Ok(None) => {
                    index += 1;
                    continue;
                }
                Ok(Some(status)) => Ok(status),
                Err(error) => Err(error),
            };
            let mut running = self.running.swap_remove(index);
            match status {
                Ok(status) if status.success() => self.done(running.upheaval, now, tell),
                Ok(status) => {
                    let words = last_words(&mut running.words);
                    let command = &running.command;
                    self.faults
                        .push(format!("`{command}` ended with {status}: {words}"));
                }
                Err(error) => self.faults.push(format!(
                    "`{}` can't be waited for: {error}",
                    running.command
                )),
            }
        }
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

    fn done(&mut self, upheaval: Upheaval, now: Offset, tell: &dyn Fn(&dyn Fn() -> ToShard)) {
        let is_embedded = self.network.is_some();
        match upheaval {
            Upheaval::Split(phase) => {
                if let Some(split) = self.split_of(phase) {
                    split.done = now;
                    let split = *split;
                    tell(&|| ToShard::Split(split, SplitStage::Down));
                }
            }
            Upheaval::Heal(phase) => {
                if let Some(split) = self.split_of(phase) {
                    split.healed = now;
                    let split = *split;
                    tell(&|| ToShard::Split(split, SplitStage::Healed));
                }
            }
            // A command that restarts has the target up when it ends; the embedded one is still down.
            Upheaval::Stop(_) if is_embedded => {}
            Upheaval::Stop(phase) | Upheaval::Start(phase) => {
                tell(&|| ToShard::Up { phase, at: now });
            }
        }
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
fn last_words(words: &mut std::fs::File) -> String {
    let read = || -> io::Result<String> {
        let length = words.seek(io::SeekFrom::End(0))?;
        words.seek(io::SeekFrom::Start(length.saturating_sub(WORDS_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        words.take(WORDS_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    let mut read = read;
    match read() {
        Ok(text) if !text.is_empty() => text,
        _ => "it said nothing".to_owned(),
    }
}
