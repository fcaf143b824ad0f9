//! The target's process, watched beside a run: what it took, and why it came to its end, as far as can be told.

use std::fmt;
use std::time::Duration;

use crate::measure::reason::Crash;
use crate::units::offset::Offset;

/// A process this close to its limit of descriptors, in parts of the limit, could open none when it was needed.
const NEAR_LIMIT_PART: u64 = 100;
/// A process this close to its group's memory, in parts of the limit, was next to be killed.
const NEAR_MEMORY_PART: u64 = 50;

/// A process at one moment; `None` where the kernel does not show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessSample {
    /// When.
    pub at: Offset,
    /// CPU time since it began.
    pub cpu: Duration,
    /// Memory in use, in bytes.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Descriptors in use.
    pub descriptors: Option<u64>,
    /// Descriptors that it may have.
    pub descriptors_limit: Option<u64>,
    /// Memory that its control group may have, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Processes of its control group that the kernel has killed for want of memory.
    pub oom_kills: Option<u64>,
}

/// What a process took in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUse {
    /// Cores' worth of time; `None` in the first.
    pub cores: Option<f64>,
    /// What it had at the interval's end.
    pub sample: ProcessSample,
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// When it was found to be gone.
    pub at: Offset,
    /// Why.
    pub crash: Crash,
    /// The figures behind that, for people.
    pub detail: String,
    /// Whether the scenario restarts the target, so that an end is no news.
    pub is_announced: bool,
}

impl Death {
    /// Judges an end by the last sample before it and by the count of kills after it.
    pub fn judge(last: Option<&ProcessSample>, oom_kills_after: Option<u64>, at: Offset) -> Self {
        let (crash, detail) = last.map_or_else(
            || (Crash::Unknown, "it was never seen alive".to_owned()),
            |last| cause(last, oom_kills_after),
        );
        Self {
            at,
            crash,
            detail,
            is_announced: false,
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.crash.name(), self.detail)
    }
}

fn cause(last: &ProcessSample, oom_kills_after: Option<u64>) -> (Crash, String) {
    // The kernel's own word comes first.
    if let (Some(before), Some(after)) = (last.oom_kills, oom_kills_after)
        && after > before
    {
        let detail = format!(
            "the kernel killed for want of memory; it had {} bytes",
            last.rss_bytes
        );
        return (Crash::Oom, detail);
    }
    if let (Some(used), Some(limit)) = (last.descriptors, last.descriptors_limit)
        && used >= limit - (limit / NEAR_LIMIT_PART).max(1).min(limit)
    {
        return (Crash::Limit, format!("descriptors {used} of {limit}"));
    }
    if let Some(limit) = last.memory_limit_bytes
        && last.rss_bytes >= limit - limit / NEAR_MEMORY_PART
    {
        let detail = format!("memory {} of {limit} bytes", last.rss_bytes);
        return (Crash::Oom, detail);
    }
    let descriptors = last.descriptors.zip(last.descriptors_limit);
    let descriptors = descriptors.map_or_else(String::new, |(used, limit)| {
        format!(", descriptors {used} of {limit}")
    });
    let detail = format!(
        "no limit was near; last seen with {} bytes{descriptors}, {} threads",
        last.rss_bytes, last.threads
    );
    (Crash::Unknown, detail)
}

/// A process over a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchedProcess {
    /// Its identifier.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Most memory that was seen, in bytes.
    pub peak_rss_bytes: u64,
    /// Most descriptors that were seen.
    pub peak_descriptors: Option<u64>,
    /// Descriptors that it may have.
    pub descriptors_limit: Option<u64>,
    /// CPU time while it was watched.
    pub cpu: Duration,
    /// Its end, if it came.
    pub death: Option<Death>,
    last: Option<ProcessSample>,
}

impl WatchedProcess {
    /// Returns a process that has not been looked at.
    pub fn new(pid: u32, name: String) -> Self {
        Self {
            pid,
            name,
            ..Self::default()
        }
    }

    /// Enters a sample and returns what was taken since the one before.
    pub fn enter(&mut self, sample: ProcessSample) -> ProcessUse {
        let cores = self.last.and_then(|last| {
            let cpu = sample.cpu.saturating_sub(last.cpu);
            self.cpu += cpu;
            let passed = sample.at.since(last.at).as_secs_f64();
            (passed > 0.0).then(|| cpu.as_secs_f64() / passed)
        });
        self.peak_rss_bytes = self.peak_rss_bytes.max(sample.rss_bytes);
        self.peak_descriptors = self.peak_descriptors.max(sample.descriptors);
        self.descriptors_limit = sample.descriptors_limit.or(self.descriptors_limit);
        self.last = Some(sample);
        ProcessUse { cores, sample }
    }

    /// Notes that it is gone.
    pub fn end(&mut self, at: Offset, oom_kills_after: Option<u64>, is_announced: bool) {
        if self.death.is_none() {
            let death = Death::judge(self.last.as_ref(), oom_kills_after, at);
            self.death = Some(Death {
                is_announced,
                ..death
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(descriptors: u64, limit: u64) -> ProcessSample {
        ProcessSample {
            at: Offset::from_secs(1),
            cpu: Duration::from_secs(1),
            rss_bytes: 900,
            threads: 2,
            descriptors: Some(descriptors),
            descriptors_limit: Some(limit),
            memory_limit_bytes: None,
            oom_kills: Some(3),
        }
    }

    #[track_caller]
    fn check(last: Option<ProcessSample>, oom_kills_after: Option<u64>, want: &str) {
        let death = Death::judge(last.as_ref(), oom_kills_after, Offset::from_secs(9));
        assert_eq!(death.to_string(), want);
    }

    #[test]
    fn an_end_is_told_by_what_was_near() {
        let unknown = "unknown: no limit was near; last seen with 900 bytes";
        check(
            Some(sample(255, 256)),
            Some(3),
            "limit: descriptors 255 of 256",
        );
        check(
            Some(sample(254, 256)),
            Some(3),
            "limit: descriptors 254 of 256",
        );
        check(
            Some(sample(253, 256)),
            Some(3),
            &format!("{unknown}, descriptors 253 of 256, 2 threads"),
        );
        check(
            Some(sample(9_900, 10_000)),
            None,
            "limit: descriptors 9900 of 10000",
        );
        // A kill that was counted outweighs what else was near.
        check(
            Some(sample(256, 256)),
            Some(4),
            "oom: the kernel killed for want of memory; it had 900 bytes",
        );
        let tight = ProcessSample {
            memory_limit_bytes: Some(910),
            ..sample(5, 256)
        };
        check(Some(tight), None, "oom: memory 900 of 910 bytes");
        check(None, None, "unknown: it was never seen alive");
    }

    #[test]
    fn peaks_and_time_are_of_the_whole_run() {
        let mut process = WatchedProcess::new(7, "oakd".to_owned());
        assert_eq!(process.enter(sample(10, 256)).cores, None);
        let next = ProcessSample {
            at: Offset::from_secs(3),
            cpu: Duration::from_secs(2),
            rss_bytes: 100,
            ..sample(5, 256)
        };
        assert_eq!(process.enter(next).cores, Some(0.5));
        assert_eq!(process.peak_descriptors, Some(10));
        assert_eq!(process.peak_rss_bytes, 900);
        assert_eq!(process.cpu, Duration::from_secs(1));
        process.end(Offset::from_secs(4), None, true);
        process.end(Offset::from_secs(5), None, false);
        let death = process.death.unwrap();
        assert!(death.is_announced && death.at == Offset::from_secs(4));
    }
}
