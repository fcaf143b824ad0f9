//! A snapshot of this host and of a process on it. It only reads; nothing is run, no value of a configuration is kept.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::io;

use procfs::Current;
use procfs::Meminfo;
use procfs::ProcError;
use procfs::net::TcpNetEntry;
use procfs::process::FDTarget;
use procfs::process::Limit;
use procfs::process::LimitValue;
use procfs::process::Limits;
use procfs::process::Process;

use crate::drive::clock::Clock;
use crate::drive::host::cgroup::Cgroup;
use crate::drive::host::counters;
use crate::drive::host::kernel;
use crate::drive::host::program;
use crate::fitness::cgroup;
use crate::fitness::config;
use crate::fitness::config::Secrets;
use crate::fitness::snapshot::CGROUP;
use crate::fitness::snapshot::CONFIG;
use crate::fitness::snapshot::HOST;
use crate::fitness::snapshot::LIBRARIES;
use crate::fitness::snapshot::LIMITS;
use crate::fitness::snapshot::NOW;
use crate::fitness::snapshot::PROGRAM;
use crate::fitness::snapshot::SYSCTL;
use crate::fitness::snapshot::Snapshot;
use crate::fitness::snapshot::Value;

/// Settings of the kernel that a chat server's life depends on.
const SYSCTLS: &[&str] = &[
    "fs.file-max",
    "fs.nr_open",
    "kernel.pid_max",
    "kernel.threads-max",
    "net.core.netdev_max_backlog",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "vm.overcommit_memory",
    "vm.swappiness",
];

/// Limits and settings of a control group.
const CGROUP_LIMITS: &[&str] = &["cpu.max", "memory.max", "memory.high", "pids.max"];
/// What a control group has in use.
const CGROUP_USES: &[&str] = &["memory.current", "pids.current"];

/// Bytes of a kibibyte, in which the kernel tells memory.
const KIB: u64 = 1_024;

/// Takes a snapshot of this host, and of a process where one is named.
///
/// # Errors
///
/// Returns that there is no such process. What of it can't be read is left out.
pub fn take(pid: Option<u32>) -> io::Result<Snapshot> {
    let mut snapshot = Snapshot {
        taken_unix_ms: Clock::start().epoch_unix_micros() / 1_000,
        ..Snapshot::default()
    };
    host(&mut snapshot);
    if let Some(pid) = pid {
        let id = i32::try_from(pid).map_err(io::Error::other)?;
        let process = Process::new(id).map_err(|error| match error {
            ProcError::NotFound(_) => io::Error::from(io::ErrorKind::NotFound),
            ProcError::PermissionDenied(_) => io::Error::from(io::ErrorKind::PermissionDenied),
            other => io::Error::other(other),
        })?;
        if let Ok(found) = process.limits() {
            limits(&mut snapshot, &found);
        }
        if let Some(group) = Cgroup::of(&process) {
            control_group(&mut snapshot, &group);
        }
        uses(&mut snapshot, &process);
        sockets(&mut snapshot, &process);
        code(&mut snapshot, pid, &process);
    }
    Ok(snapshot)
}

/// Enters the keys of a configuration file, with hashes of their values.
pub fn put_config(snapshot: &mut Snapshot, file: &str, text: &str, secrets: Secrets) {
    for (key, hash) in config::keys(text, secrets) {
        snapshot.put(CONFIG, format!("{file}: {key}"), Value::Text(hash));
    }
}

fn host(snapshot: &mut Snapshot) {
    let (kernel, cores) = counters::machine();
    snapshot.put(HOST, "kernel", Value::Text(kernel));
    snapshot.put(HOST, "cores", Value::Number(cores as u64));
    snapshot.put(
        HOST,
        "architecture",
        Value::Text(std::env::consts::ARCH.to_owned()),
    );
    if let Ok(memory) = Meminfo::current() {
        snapshot.put(HOST, "memory_bytes", Value::Number(memory.mem_total));
        snapshot.put(HOST, "swap_bytes", Value::Number(memory.swap_total));
        if let Some(available) = memory.mem_available {
            snapshot.put(NOW, "memory_available_bytes", Value::Number(available));
        }
    }
    if let Some(source) = kernel::clock_source() {
        snapshot.put(HOST, "clock_source", Value::Text(source));
    }
    for name in SYSCTLS {
        if let Some(text) = kernel::sysctl(name).filter(|text| !text.trim().is_empty()) {
            snapshot.put(SYSCTL, *name, Value::parse(&text));
        }
    }
    for (key, name) in [
        ("conntrack", "net.netfilter.nf_conntrack_count"),
        ("files", "fs.file-nr"),
    ] {
        if let Some(text) = kernel::sysctl(name) {
            snapshot.put(NOW, key, Value::parse(&text));
        }
    }
}

fn limits(snapshot: &mut Snapshot, limits: &Limits) {
    let value = |value: LimitValue| match value {
        LimitValue::Unlimited => Value::Unlimited,
        LimitValue::Value(value) => Value::Number(value),
    };
    let named: [(&str, Limit); 10] = [
        ("max_address_space", limits.max_address_space),
        ("max_core_file_size", limits.max_core_file_size),
        ("max_cpu_time", limits.max_cpu_time),
        ("max_data_size", limits.max_data_size),
        ("max_file_size", limits.max_file_size),
        ("max_locked_memory", limits.max_locked_memory),
        ("max_open_files", limits.max_open_files),
        ("max_pending_signals", limits.max_pending_signals),
        ("max_processes", limits.max_processes),
        ("max_stack_size", limits.max_stack_size),
    ];
    for (name, limit) in named {
        snapshot.put(LIMITS, format!("{name}.soft"), value(limit.soft_limit));
        snapshot.put(LIMITS, format!("{name}.hard"), value(limit.hard_limit));
    }
}

fn control_group(snapshot: &mut Snapshot, group: &Cgroup) {
    for name in CGROUP_LIMITS {
        if let Some(text) = group.lowest(name) {
            snapshot.put(CGROUP, *name, Value::parse(&text));
        }
    }
    for name in CGROUP_USES {
        if let Some(text) = group.text(name) {
            snapshot.put(NOW, *name, Value::parse(&text));
        }
    }
    let killed = group
        .text("memory.events")
        .and_then(|text| cgroup::counter(&text, "oom_kill"));
    if let Some(killed) = killed {
        snapshot.put(NOW, "memory.events.oom_kill", Value::Number(killed));
    }
}

fn uses(snapshot: &mut Snapshot, process: &Process) {
    if let Ok(count) = process.fd_count() {
        snapshot.put(NOW, "descriptors", Value::Number(count as u64));
    }
    if let Ok(status) = process.status() {
        for (key, kib) in [
            ("rss_bytes", status.vmrss),
            ("rss_peak_bytes", status.vmhwm),
            ("virtual_peak_bytes", status.vmpeak),
        ] {
            if let Some(kib) = kib {
                snapshot.put(NOW, key, Value::Number(kib.saturating_mul(KIB)));
            }
        }
        snapshot.put(NOW, "threads", Value::Number(status.threads));
    }
}

/// Counts the TCP sockets of a process by state; without a look at its descriptors it can't be told whose a socket is.
fn sockets(snapshot: &mut Snapshot, process: &Process) {
    let Ok(descriptors) = process.fd() else {
        return;
    };
    let own: HashSet<u64> = descriptors
        .flatten()
        .filter_map(|descriptor| match descriptor.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let tables = [process.tcp(), process.tcp6()];
    let entries: Vec<TcpNetEntry> = tables.into_iter().flatten().flatten().collect();
    for (state, count) in by_state(&entries, &own) {
        snapshot.put(NOW, format!("tcp.{state}"), Value::Number(count));
    }
}

fn by_state(entries: &[TcpNetEntry], own: &HashSet<u64>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| own.contains(&entry.inode)) {
        let state = format!("{:?}", entry.state).to_ascii_lowercase();
        *counts.entry(state).or_insert(0) += 1;
    }
    counts
}

/// Enters the program and its libraries.
fn code(snapshot: &mut Snapshot, pid: u32, process: &Process) {
    let exe = process.exe().ok();
    let name = exe
        .as_ref()
        .and_then(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name.or_else(|| process.status().ok().map(|status| status.name)) else {
        return;
    };
    let name = name.trim_end_matches(" (deleted)").to_owned();
    let program = program::digest(format!("/proc/{pid}/exe").as_ref(), &name);
    snapshot.put(PROGRAM, "name", Value::Text(name));
    if let Ok(program) = program {
        snapshot.put(PROGRAM, "sha256", Value::Text(program.sha256));
        if let Some(version) = program.version {
            snapshot.put(PROGRAM, "version", Value::Text(version));
        }
    }
    let Some(maps) = kernel::text(format!("/proc/{pid}/maps")) else {
        return;
    };
    let mut tls = BTreeMap::new();
    for (library, path) in program::libraries(&maps) {
        let tls_name = program::tls_name(&library);
        let file = program::digest(&program::seen_by(pid, &path), tls_name.unwrap_or(&library))
            .or_else(|_| program::digest(path.as_ref(), tls_name.unwrap_or(&library)));
        let is_replaced = path.ends_with(" (deleted)");
        let text = match &file {
            Ok(file) if !is_replaced => file.sha256.clone(),
            _ if is_replaced => "replaced on disk since the process began".to_owned(),
            _ => "can't be read".to_owned(),
        };
        snapshot.put(LIBRARIES, library.as_str(), Value::Text(text));
        if let Some(name) = tls_name {
            let version = file.ok().and_then(|file| file.version);
            let known = tls.entry(name).or_insert(None);
            *known = known.take().or(version);
        }
    }
    let texts: Vec<String> = tls
        .into_iter()
        .map(|(name, version)| match version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        })
        .collect();
    let tls = if texts.is_empty() {
        "no known library".to_owned()
    } else {
        texts.join(", ")
    };
    snapshot.put(PROGRAM, "tls", Value::Text(tls));
}

#[cfg(test)]
mod tests {
    use procfs::ExplicitSystemInfo;
    use procfs::FromBufRead as _;
    use procfs::FromBufReadSI as _;
    use procfs::net::TcpNetEntries;

    use super::*;

    const LIMITS_TEXT: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max file size             unlimited            unlimited            bytes
Max data size             unlimited            unlimited            bytes
Max stack size            8388608              unlimited            bytes
Max core file size        0                    unlimited            bytes
Max resident set          unlimited            unlimited            bytes
Max processes             127                  255                  processes
Max open files            256                  4096                 files
Max locked memory         65536                65536                bytes
Max address space         unlimited            unlimited            bytes
Max file locks            unlimited            unlimited            locks
Max pending signals       61                   61                   signals
Max msgqueue size         819200               819200               bytes
Max nice priority         0                    0
Max realtime priority     0                    0
Max realtime timeout      unlimited            unlimited            us
";

    const TCP_TEXT: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   1: 0100007F:1A0B 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   2: 0100007F:1A0B 0100007F:9001 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   3: 0100007F:1A0B 0100007F:9002 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0 100 0 0 10 0
";

    #[test]
    fn limits_are_told_soft_and_hard() {
        let mut snapshot = Snapshot::default();
        let found = Limits::from_buf_read(LIMITS_TEXT.as_bytes()).unwrap();
        limits(&mut snapshot, &found);
        for (key, want) in [
            ("max_open_files.soft", Value::Number(256)),
            ("max_open_files.hard", Value::Number(4_096)),
            ("max_stack_size.hard", Value::Unlimited),
        ] {
            assert_eq!(snapshot.value(LIMITS, key), Some(&want), "{key}");
        }
    }

    #[test]
    fn sockets_of_the_process_alone_are_counted() {
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 100,
            page_size: 4_096,
            is_little_endian: true,
        };
        let entries = TcpNetEntries::from_buf_read(TCP_TEXT.as_bytes(), &system).unwrap();
        let counts = by_state(&entries.0, &HashSet::from([101, 102, 103]));
        let want = [("established".to_owned(), 2), ("listen".to_owned(), 1)];
        assert_eq!(counts, BTreeMap::from(want));
    }

    #[test]
    fn this_process_is_told_of_and_no_process_is_an_error() {
        let snapshot = take(Some(std::process::id())).unwrap();
        assert!(snapshot.limit(LIMITS, "max_open_files.soft").is_some());
        assert!(snapshot.limit(NOW, "threads").is_some());
        assert!(snapshot.value(PROGRAM, "sha256").is_some());
        let error = take(Some(u32::from(u16::MAX) << 12)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
