//! A process of this machine that is looked at once a second: a target that stands here.

use std::io;
use std::time::Duration;

use procfs::process::LimitValue;
use procfs::process::ProcState;
use procfs::process::Process;
use procfs::process::Stat;

use crate::drive::host::cgroup::Cgroup;
use crate::fitness::cgroup;
use crate::measure::process::ProcessSample;
use crate::units::offset::Offset;

/// A process that is watched. It stays the same one if its identifier is given to another.
#[derive(Debug)]
pub struct Watched {
    /// Its identifier.
    pub pid: u32,
    /// Its name.
    pub name: String,
    process: Process,
    group: Option<Cgroup>,
}

impl Watched {
    /// Begins to watch a process.
    ///
    /// # Errors
    ///
    /// Returns that there is none, or that it has ended.
    pub fn open(pid: u32) -> io::Result<Self> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let id = i32::try_from(pid).map_err(|_| gone())?;
        let process = Process::new(id).map_err(|_| gone())?;
        let stat = living(&process).ok_or_else(gone)?;
        Ok(Self {
            pid,
            name: stat.comm,
            group: Cgroup::of(&process),
            process,
        })
    }

    /// Looks at the process; `None` if it has ended.
    pub fn sample(&self, at: Offset) -> Option<ProcessSample> {
        let stat = living(&self.process)?;
        let limit = self.process.limits().ok();
        let limit = limit.and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => None,
        });
        let memory_max = self
            .group
            .as_ref()
            .and_then(|group| group.lowest("memory.max"));
        Some(ProcessSample {
            at,
            cpu: cpu(&stat, procfs::ticks_per_second()),
            rss_bytes: stat.rss.saturating_mul(procfs::page_size()),
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
            descriptors: self.process.fd_count().ok().map(|count| count as u64),
            descriptors_limit: limit,
            memory_limit_bytes: memory_max.and_then(|text| cgroup::limit(&text)),
            oom_kills: self.oom_kills(),
        })
    }

    /// Returns how many processes of its control group the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> Option<u64> {
        let events = self.group.as_ref()?.text("memory.events")?;
        cgroup::counter(&events, "oom_kill")
    }
}

/// Returns what a process is about, unless it has ended: nobody may have asked for its exit code yet.
fn living(process: &Process) -> Option<Stat> {
    let stat = process.stat().ok()?;
    let state = stat.state().ok()?;
    (!matches!(state, ProcState::Zombie | ProcState::Dead)).then_some(stat)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of a process's life are far below 2^53"
)]
fn cpu(stat: &Stat, ticks_per_s: u64) -> Duration {
    let ticks = stat.utime.saturating_add(stat.stime);
    Duration::try_from_secs_f64(ticks as f64 / ticks_per_s as f64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use procfs::FromRead as _;
    use rustix::process::Pid;
    use rustix::process::WaitId;
    use rustix::process::WaitIdOptions;
    use rustix::process::waitid;

    use super::*;

    #[test]
    fn time_is_of_user_and_system() {
        let text = "7 (oak d) S 1 7 7 0 -1 4194304 94 0 0 0 150 50 0 0 20 0 3 0 9 5738496 225 \
            18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
        let stat = Stat::from_read(text.as_bytes()).unwrap();
        assert_eq!(cpu(&stat, 100), Duration::from_secs(2));
    }

    #[test]
    fn a_process_is_seen_until_it_ends_even_before_it_is_reaped() {
        let ours = Watched::open(std::process::id()).unwrap();
        let sample = ours.sample(Offset::ZERO).unwrap();
        assert!(sample.rss_bytes > 0 && sample.threads > 0 && sample.descriptors.is_some());
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let watched = Watched::open(child.id()).unwrap();
        assert!(watched.sample(Offset::ZERO).is_some());
        child.kill().unwrap();
        // Waits for the end and leaves it to be waited for.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&child)), ended).unwrap();
        assert_eq!(watched.sample(Offset::ZERO), None);
        assert!(Watched::open(child.id()).is_err());
        child.wait().unwrap();
        assert_eq!(watched.sample(Offset::ZERO), None);
    }
}
