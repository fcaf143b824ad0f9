//! The figures of a host that is to generate load.

use std::time::Duration;

/// How late a sleeping thread woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hiccups {
    /// Sleeps.
    pub count: u64,
    /// 99th percentile of what was slept too long.
    pub p99: Duration,
    /// The most.
    pub max: Duration,
}

/// What could be read of a host; `None` where the kernel does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFigures {
    /// Descriptors of this process: what it has, and how far it may raise that.
    pub descriptors: Option<(u64, u64)>,
    /// Files open on the whole machine, and the most.
    pub files: Option<(u64, u64)>,
    /// First and last port given out to connections.
    pub ports: Option<(u64, u64)>,
    /// `tcp_tw_reuse`: 0 off, 1 on, 2 on loopback alone.
    pub tw_reuse: Option<u64>,
    /// Longest accept queue.
    pub somaxconn: Option<u64>,
    /// Longest queue of half-open connections.
    pub syn_backlog: Option<u64>,
    /// Cores that this process may run on, by its affinity.
    pub cores: Option<u64>,
    /// Cores' worth of time that its control group may take; `None` for all.
    pub quota: Option<f64>,
    /// Load of the last minute.
    pub load: Option<f64>,
    /// Share of the machine's time in use, over the sample; 0..=1.
    pub busy: Option<f64>,
    /// Share that the hypervisor kept for others, over the sample; 0..=1.
    pub stolen: Option<f64>,
    /// Memory that could be had, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// What the control group has in use and may have, in bytes; `None` without a limit.
    pub memory_group_bytes: Option<(u64, u64)>,
    /// What the kernel reads the time from.
    pub clock_source: Option<String>,
    /// Resolution of the monotonic clock.
    pub clock_resolution: Option<Duration>,
    /// How TCP paces itself.
    pub congestion_control: Option<String>,
    /// Connections tracked by the firewall, and the most; `None` where none are.
    pub conntrack: Option<(u64, u64)>,
    /// How late sleeps end.
    pub hiccups: Option<Hiccups>,
}
