//! The figures of this host, read for the doctor.

use std::time::Duration;

use procfs::CpuTime;
use procfs::Current;
use procfs::CurrentSI;
use procfs::KernelStats;
use procfs::LoadAverage;
use procfs::Meminfo;
use procfs::process::Process;
use rustix::time::ClockId;

use crate::drive::host::cgroup::Cgroup;
use crate::drive::host::counters;
use crate::drive::host::hiccup;
use crate::drive::host::kernel;
use crate::drive::host::limits;
use crate::fitness::cgroup;
use crate::fitness::figures::HostFigures;

/// How long the host is watched: some two thousand sleeps of the sentinel.
pub const SAMPLE: Duration = Duration::from_secs(2);

/// Reads the figures of this host; takes as long as `sample`.
pub fn gather(sample: Duration) -> HostFigures {
    let before = cpu_time();
    let hiccups = hiccup::hiccups(sample);
    let used = before
        .zip(cpu_time())
        .and_then(|(before, after)| used(&before, &after));
    let group = Process::myself()
        .ok()
        .and_then(|process| Cgroup::of(&process));
    let limit = |name: &str| group.as_ref()?.lowest(name);
    let memory_max = limit("memory.max").and_then(|text| cgroup::limit(&text));
    let current = group
        .as_ref()
        .and_then(|group| group.text("memory.current"));
    HostFigures {
        descriptors: limits::descriptors(),
        files: files(),
        ports: limits::ports(),
        tw_reuse: kernel::number("net.ipv4.tcp_tw_reuse"),
        somaxconn: kernel::number("net.core.somaxconn"),
        syn_backlog: kernel::number("net.ipv4.tcp_max_syn_backlog"),
        cores: rustix::thread::sched_getaffinity(None)
            .ok()
            .map(|cores| u64::from(cores.count())),
        quota: limit("cpu.max").and_then(|text| cgroup::cores(&text)),
        load: LoadAverage::current().ok().map(|load| f64::from(load.one)),
        busy: used.map(|used| used.busy),
        stolen: used.map(|used| used.stolen),
        memory_available_bytes: Meminfo::current()
            .ok()
            .and_then(|memory| memory.mem_available),
        memory_group_bytes: current
            .and_then(|text| cgroup::limit(&text))
            .zip(memory_max),
        clock_source: kernel::clock_source(),
        clock_resolution: clock_resolution(),
        congestion_control: counters::congestion_control(),
        conntrack: kernel::number("net.netfilter.nf_conntrack_count")
            .zip(kernel::number("net.netfilter.nf_conntrack_max")),
        hiccups,
    }
}

/// Returns the files open on the whole machine, and the most.
fn files() -> Option<(u64, u64)> {
    let text = kernel::sysctl("fs.file-nr")?;
    let mut numbers = text.split_whitespace().map(str::parse);
    // Between them stands a number that has been zero since Linux 2.6.
    Some((numbers.next()?.ok()?, numbers.nth(1)?.ok()?))
}

fn clock_resolution() -> Option<Duration> {
    let resolution = rustix::time::clock_getres(ClockId::Monotonic);
    let seconds = u64::try_from(resolution.tv_sec).ok()?;
    Some(Duration::new(
        seconds,
        u32::try_from(resolution.tv_nsec).ok()?,
    ))
}

fn cpu_time() -> Option<CpuTime> {
    KernelStats::current().ok().map(|stats| stats.total)
}

/// Shares of the machine's time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Used {
    busy: f64,
    stolen: f64,
}

/// Returns what was used between two readings; `None` if no time passed.
#[expect(clippy::cast_precision_loss, reason = "a share of a few hundred ticks")]
fn used(before: &CpuTime, after: &CpuTime) -> Option<Used> {
    let idle = |time: &CpuTime| time.idle.saturating_add(time.iowait.unwrap_or(0));
    let stolen = |time: &CpuTime| time.steal.unwrap_or(0);
    let all = |time: &CpuTime| {
        let irq = time
            .irq
            .unwrap_or(0)
            .saturating_add(time.softirq.unwrap_or(0));
        let ours = time
            .user
            .saturating_add(time.nice)
            .saturating_add(time.system);
        ours.saturating_add(irq)
            .saturating_add(idle(time))
            .saturating_add(stolen(time))
    };
    let passed = |of: &dyn Fn(&CpuTime) -> u64| of(after).saturating_sub(of(before)) as f64;
    let total = passed(&all);
    (total > 0.0).then(|| Used {
        busy: 1.0 - (passed(&idle) + passed(&stolen)) / total,
        stolen: passed(&stolen) / total,
    })
}

#[cfg(test)]
mod tests {
    use procfs::FromBufReadSI as _;
    use procfs::FromRead as _;

    use super::*;

    fn times(row: &str) -> CpuTime {
        let text = format!("{row}\nctxt 1\nbtime 1\nprocesses 1\n");
        let system = procfs::ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 100,
            page_size: 4_096,
            is_little_endian: true,
        };
        KernelStats::from_buf_read(text.as_bytes(), &system)
            .unwrap()
            .total
    }

    #[test]
    fn shares_are_of_the_time_between_two_readings() {
        let before = times("cpu  100 0 50 1000 10 0 0 5 0 0");
        let after = times("cpu  140 0 60 1100 10 0 0 55 0 0");
        let used = used(&before, &after).unwrap();
        assert!((used.busy - 0.25).abs() < 1e-9, "{used:?}");
        assert!((used.stolen - 0.25).abs() < 1e-9, "{used:?}");
        assert_eq!(super::used(&before, &before), None);
    }

    #[test]
    fn this_host_tells_the_least_that_is_needed() {
        let figures = gather(Duration::from_millis(20));
        assert!(figures.descriptors.is_some() && figures.hiccups.is_some());
        let load = LoadAverage::from_read("0.50 0.40 0.30 1/9 9".as_bytes()).unwrap();
        assert!((load.one - 0.5).abs() < 1e-6);
    }
}
