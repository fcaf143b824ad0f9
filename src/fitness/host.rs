//! What is to be thought of each figure of a host that is to generate load.

use std::time::Duration;

use crate::fitness::figures::HostFigures;
use crate::fitness::finding::Finding;
use crate::fitness::finding::Level;
use crate::fitness::need::Need;

/// Descriptors below which hardly any run fits, and below which larger ones don't.
const DESCRIPTORS: (u64, u64) = (1_024, 16_384);
/// Ports below which runs off loopback with a single address are small.
const PORTS_MIN: u64 = 16_000;
/// Accept queues shorter than this overflow in a reconnect stampede of a few thousand.
const BACKLOG_MIN: u64 = 1_024;
/// Share of the cores in use beside us, over the sample: a warning, and too much.
const BUSY: (f64, f64) = (0.5, 0.9);
/// Share of time that the hypervisor kept for others: a warning, and too much.
const STOLEN: (f64, f64) = (0.01, 0.1);
/// Memory below which no run fits, and below which larger ones don't, in bytes.
const MEMORY_BYTES: (u64, u64) = (64 << 20, 512 << 20);
/// Connections to be tracked below which a run is in danger.
const CONNTRACK_MIN: u64 = 10_000;
/// Overshoot of a sleep of a millisecond: p99 that makes sends late (the least lateness that a run forgives is 20 ms), and that shows.
const OVERSHOOT_P99: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(2));
/// Longest overshoot that is nothing to tell.
const OVERSHOOT_MAX: Duration = Duration::from_millis(20);
/// Resolutions of the clock: too coarse to measure by, and coarser than the microseconds that are reported.
const RESOLUTION: (Duration, Duration) = (Duration::from_millis(1), Duration::from_micros(1));
/// Clock sources that are read without a system call.
const FAST_CLOCKS: &[&str] = &[
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
];

/// Returns what is to be thought of a host, held against what a scenario needs if there is one.
pub fn judge(figures: &HostFigures, need: Option<&Need>) -> Vec<Finding> {
    vec![
        descriptors(figures, need),
        ports(figures, need),
        tw_reuse(figures),
        backlog(figures, need),
        cpu(figures),
        memory(figures, need),
        clock(figures),
        congestion(figures),
        conntrack(figures, need),
        hiccups(figures),
    ]
}

fn finding(
    topic: &'static str,
    level: Level,
    figure: String,
    means: impl Into<String>,
    advice: impl Into<String>,
) -> Finding {
    let advice = if level == Level::Ok {
        String::new()
    } else {
        advice.into()
    };
    Finding {
        topic,
        level,
        figure,
        means: means.into(),
        advice,
    }
}

fn unknown(topic: &'static str) -> Finding {
    finding(
        topic,
        Level::Unknown,
        "–".to_owned(),
        "the kernel does not say",
        "",
    )
}

/// Returns the level of what there is against what would be bad and what would be a warning.
fn short_of<T: PartialOrd>(value: &T, (bad, warn): (&T, &T)) -> Level {
    if value < bad {
        Level::Bad
    } else if value < warn {
        Level::Warn
    } else {
        Level::Ok
    }
}

fn over<T: PartialOrd>(value: &T, (bad, warn): (&T, &T)) -> Level {
    if value > bad {
        Level::Bad
    } else if value > warn {
        Level::Warn
    } else {
        Level::Ok
    }
}

fn descriptors(figures: &HostFigures, need: Option<&Need>) -> Finding {
    const TOPIC: &str = "descriptors";
    let Some((soft, hard)) = figures.descriptors else {
        return unknown(TOPIC);
    };
    let machine = figures.files.map_or_else(String::new, |(open, most)| {
        format!("; machine {open} of {most}")
    });
    let figure = format!("{hard} (now {soft}){machine}");
    let left = figures
        .files
        .map_or(u64::MAX, |(open, most)| most.saturating_sub(open));
    let room = hard.min(left);
    let (level, means) = match need {
        Some(need) => (
            short_of(&room, (&need.elsewhere.descriptors, &need.embedded.descriptors)),
            format!(
                "{} users need {}, and {} with the embedded network in the same process",
                need.users, need.elsewhere.descriptors, need.embedded.descriptors
            ),
        ),
        None => (
            short_of(&room, (&DESCRIPTORS.0, &DESCRIPTORS.1)),
            "one for each user, two with the embedded network; a run raises its limit to the hard one by itself"
                .to_owned(),
        ),
    };
    let advice = if left < hard {
        "raise fs.file-max"
    } else {
        "raise the hard limit: LimitNOFILE= of a unit, nofile in limits.conf, or `ulimit -Hn`"
    };
    finding(TOPIC, level, figure, means, advice)
}

fn ports(figures: &HostFigures, need: Option<&Need>) -> Finding {
    const TOPIC: &str = "ports";
    let Some((first, last)) = figures.ports else {
        return unknown(TOPIC);
    };
    let count = (last + 1).saturating_sub(first);
    let figure = format!("{count} an address ({first}–{last})");
    let advice = "widen net.ipv4.ip_local_port_range; at a loopback target spread the sources ([target] spread_sources = true)";
    match need {
        Some(need) => {
            let needed = [need.elsewhere.ports, need.embedded.ports];
            let level = match needed.map(|ports| ports.is_some_and(|ports| ports > count)) {
                [true, true] => Level::Bad,
                [false, false] => Level::Ok,
                _ => Level::Warn,
            };
            let means = if needed.contains(&None) {
                format!(
                    "{} users need as many ports from one address; on loopback the scenario gives each an address of its own",
                    need.users
                )
            } else {
                format!("{} users need as many ports from one address", need.users)
            };
            finding(TOPIC, level, figure, means, advice)
        }
        None => finding(
            TOPIC,
            short_of(&count, (&0, &PORTS_MIN)),
            figure,
            "so many users from one address to one target; loopback targets can be loaded from 127.0.0.0/8",
            advice,
        ),
    }
}

fn tw_reuse(figures: &HostFigures) -> Finding {
    const TOPIC: &str = "tcp_tw_reuse";
    match figures.tw_reuse {
        None => unknown(TOPIC),
        Some(0) => finding(
            TOPIC,
            Level::Warn,
            "0".to_owned(),
            "a port whose connection we closed is not used again for a minute: reconnect storms may run out of ports",
            "set net.ipv4.tcp_tw_reuse to 1, or to 2 for loopback alone",
        ),
        Some(value) => finding(
            TOPIC,
            Level::Ok,
            value.to_string(),
            if value == 2 {
                "closed ports are used again at once on loopback; elsewhere after a minute"
            } else {
                "closed ports are used again after a second"
            },
            "",
        ),
    }
}

fn backlog(figures: &HostFigures, need: Option<&Need>) -> Finding {
    const TOPIC: &str = "backlog";
    let Some(somaxconn) = figures.somaxconn else {
        return unknown(TOPIC);
    };
    let syn = figures.syn_backlog;
    let syn_text = syn.map_or_else(|| "–".to_owned(), |syn| syn.to_string());
    let figure = format!("somaxconn {somaxconn}, syn {syn_text}");
    let room = somaxconn.min(syn.unwrap_or(u64::MAX));
    let (level, means) = match need {
        Some(need) => (
            short_of(&room, (&0, &need.connects_per_s_max)),
            format!(
                "up to {} users connect in one second; who does not fit the queue of a server on this host tries again after a second",
                need.connects_per_s_max
            ),
        ),
        None => (
            short_of(&room, (&0, &BACKLOG_MIN)),
            "connections that wait for a server on this host, such as the embedded network"
                .to_owned(),
        ),
    };
    finding(
        TOPIC,
        level,
        figure,
        means,
        "raise net.core.somaxconn and net.ipv4.tcp_max_syn_backlog",
    )
}

fn cpu(figures: &HostFigures) -> Finding {
    const TOPIC: &str = "cpu";
    let (Some(cores), Some(busy)) = (figures.cores, figures.busy) else {
        return unknown(TOPIC);
    };
    let stolen = figures.stolen.unwrap_or(0.0);
    let quota = figures
        .quota
        .map_or_else(String::new, |quota| format!(", quota {quota:.1}"));
    let load = figures
        .load
        .map_or_else(String::new, |load| format!(", load {load:.2}"));
    let figure = format!(
        "{cores} cores{quota}, {:.0} % in use{load}, {:.1} % stolen",
        busy * 100.0,
        stolen * 100.0
    );
    let quota_level = match figures.quota {
        Some(quota) => short_of(&quota, (&0.5, &1.0)),
        None => Level::Ok,
    };
    let level = over(&busy, (&BUSY.1, &BUSY.0))
        .max(over(&stolen, (&STOLEN.1, &STOLEN.0)))
        .max(quota_level);
    let means = if stolen > STOLEN.0 {
        "the hypervisor gives this machine's time to others: sends will be late without our knowing why"
    } else if quota_level != Level::Ok {
        "a quota stops all threads at once when it is used up: sends come in bursts"
    } else if busy > BUSY.0 {
        "other work takes the time that sends need"
    } else {
        "time for the generator's threads, one a core"
    };
    finding(
        TOPIC,
        level,
        figure,
        means,
        "stop what else runs here, or take another machine; without a quota if one is set",
    )
}

fn memory(figures: &HostFigures, need: Option<&Need>) -> Finding {
    const TOPIC: &str = "memory";
    let Some(available) = figures.memory_available_bytes else {
        return unknown(TOPIC);
    };
    let group = figures.memory_group_bytes;
    let left = group.map_or(u64::MAX, |(used, most)| most.saturating_sub(used));
    let group = group.map_or_else(String::new, |(used, most)| {
        format!("; group {} of {}", bytes(used), bytes(most))
    });
    let figure = format!("{} available{group}", bytes(available));
    let room = available.min(left);
    let (level, means) = match need {
        Some(need) => {
            let needed = need.memory_bytes();
            (
                short_of(&room, (&needed, &needed.saturating_mul(2))),
                format!(
                    "{} users take about {}, estimated",
                    need.users,
                    bytes(needed)
                ),
            )
        }
        None => (
            short_of(&room, (&MEMORY_BYTES.0, &MEMORY_BYTES.1)),
            "a thousand users take about 90 MB, a hundred thousand 2.4 GB, estimated".to_owned(),
        ),
    };
    finding(
        TOPIC,
        level,
        figure,
        means,
        "free some, raise memory.max of the control group, or ask for fewer users",
    )
}

fn clock(figures: &HostFigures) -> Finding {
    const TOPIC: &str = "clock";
    let Some(resolution) = figures.clock_resolution else {
        return unknown(TOPIC);
    };
    let source = figures.clock_source.as_deref();
    let figure = format!(
        "{}, resolution {} ns",
        source.unwrap_or("source unknown"),
        resolution.as_nanos()
    );
    let is_slow = source.is_some_and(|source| !FAST_CLOCKS.contains(&source));
    let level = over(&resolution, (&RESOLUTION.0, &RESOLUTION.1)).max(if is_slow {
        Level::Warn
    } else {
        Level::Ok
    });
    let means = if is_slow {
        "each reading of this clock costs a system call; a run reads it for every line"
    } else {
        "moments are read from the monotonic clock: whether the time of day is right does not matter"
    };
    finding(
        TOPIC,
        level,
        figure,
        means,
        "boot with clocksource=tsc where the machine has a steady one",
    )
}

fn congestion(figures: &HostFigures) -> Finding {
    const TOPIC: &str = "congestion";
    match &figures.congestion_control {
        None => unknown(TOPIC),
        Some(name) => finding(
            TOPIC,
            Level::Ok,
            name.clone(),
            "decides much of a stampede off loopback; compare runs with the same",
            "",
        ),
    }
}

fn conntrack(figures: &HostFigures, need: Option<&Need>) -> Finding {
    const TOPIC: &str = "conntrack";
    let Some((count, most)) = figures.conntrack else {
        return finding(
            TOPIC,
            Level::Ok,
            "none".to_owned(),
            "no firewall tracks connections here",
            "",
        );
    };
    let left = most.saturating_sub(count);
    let (level, means) = match need {
        Some(need) => (
            short_of(&left, (&need.users, &need.users.saturating_mul(2))),
            format!(
                "{} connections, and as many again that have just closed, are tracked",
                need.users
            ),
        ),
        None => (
            short_of(&left, (&0, &CONNTRACK_MIN)),
            "when the table is full, packets of new connections vanish".to_owned(),
        ),
    };
    finding(
        TOPIC,
        level,
        format!("{count} of {most}"),
        means,
        "raise net.netfilter.nf_conntrack_max, or leave the target's port untracked",
    )
}

fn hiccups(figures: &HostFigures) -> Finding {
    const TOPIC: &str = "hiccups";
    let Some(hiccups) = figures.hiccups else {
        return unknown(TOPIC);
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let level = over(&hiccups.p99, (&OVERSHOOT_P99.0, &OVERSHOOT_P99.1))
        .max(over(&hiccups.max, (&Duration::MAX, &OVERSHOOT_MAX)));
    finding(
        TOPIC,
        level,
        format!(
            "p99 {:.2} ms, most {:.2} ms in {} sleeps of 1 ms",
            ms(hiccups.p99),
            ms(hiccups.max),
            hiccups.count
        ),
        "how much later than asked a thread of ours is woken: sends can't be more punctual than this",
        "stop what else runs here; look at steal, power saving and quotas",
    )
}

/// Returns a number of bytes for people.
#[expect(
    clippy::cast_precision_loss,
    reason = "a figure of two digits for people"
)]
pub fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(size, _)| count >= *size);
    match unit {
        Some((size, name)) => format!("{:.1} {name}", count as f64 / size as f64),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::figures::Hiccups;
    use crate::fitness::need::Load;

    fn healthy() -> HostFigures {
        HostFigures {
            descriptors: Some((1_024, 524_288)),
            files: Some((2_000, 9_000_000)),
            ports: Some((32_768, 60_999)),
            tw_reuse: Some(2),
            somaxconn: Some(4_096),
            syn_backlog: Some(4_096),
            cores: Some(8),
            quota: None,
            load: Some(0.2),
            busy: Some(0.03),
            stolen: Some(0.0),
            memory_available_bytes: Some(8 << 30),
            memory_group_bytes: None,
            clock_source: Some("tsc".to_owned()),
            clock_resolution: Some(Duration::from_nanos(1)),
            congestion_control: Some("cubic".to_owned()),
            conntrack: None,
            hiccups: Some(Hiccups {
                count: 1_900,
                p99: Duration::from_micros(90),
                max: Duration::from_micros(800),
            }),
        }
    }

    fn need(users: u64) -> Need {
        Need {
            scenario: "oak".to_owned(),
            users,
            connects_per_s_max: users / 10,
            elsewhere: Load {
                descriptors: users + 500,
                ports: Some(users),
            },
            embedded: Load {
                descriptors: 2 * users + 500,
                ports: None,
            },
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut HostFigures), users: Option<u64>, want: &[(&str, Level)]) {
        let mut figures = healthy();
        change(&mut figures);
        let found: Vec<(&str, Level)> = judge(&figures, users.map(need).as_ref())
            .into_iter()
            .filter(|finding| finding.level != Level::Ok)
            .map(|finding| (finding.topic, finding.level))
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_healthy_host_has_nothing_against_it() {
        check(|_| {}, None, &[]);
        check(|_| {}, Some(10_000), &[]);
    }

    #[test]
    fn each_figure_is_held_against_what_a_scenario_needs() {
        let all = 40_000;
        check(
            |_| {},
            Some(all),
            // Room on loopback, where the scenario spreads; a few more queue up than there is room for is fine.
            &[("ports", Level::Warn)],
        );
        check(
            |figures| {
                figures.descriptors = Some((1_024, 20_000));
                figures.conntrack = Some((100, 16_000));
            },
            Some(10_000),
            &[("descriptors", Level::Warn), ("conntrack", Level::Warn)],
        );
        check(
            |figures| {
                figures.descriptors = Some((1_024, 10_499));
                figures.somaxconn = Some(128);
                figures.memory_group_bytes = Some((90 << 20, 100 << 20));
                figures.conntrack = Some((100, 9_000));
            },
            Some(10_000),
            &[
                ("descriptors", Level::Bad),
                ("backlog", Level::Warn),
                ("memory", Level::Bad),
                ("conntrack", Level::Bad),
            ],
        );
    }

    #[test]
    fn what_disturbs_the_clockwork_is_told() {
        check(
            |figures| {
                figures.busy = Some(0.95);
                figures.clock_source = Some("hpet".to_owned());
                figures.tw_reuse = Some(0);
                figures.hiccups = Some(Hiccups {
                    count: 60,
                    p99: Duration::from_millis(30),
                    max: Duration::from_millis(40),
                });
            },
            None,
            &[
                ("tcp_tw_reuse", Level::Warn),
                ("cpu", Level::Bad),
                ("clock", Level::Warn),
                ("hiccups", Level::Bad),
            ],
        );
        check(
            |figures| {
                figures.stolen = Some(0.05);
                figures.quota = Some(0.4);
            },
            None,
            &[("cpu", Level::Bad)],
        );
    }

    #[test]
    fn what_the_kernel_does_not_say_is_unknown() {
        let findings = judge(&HostFigures::default(), None);
        let unknown = |finding: &&Finding| finding.level == Level::Unknown;
        // A firewall that is not there is as it should be.
        assert_eq!(findings.iter().filter(unknown).count(), findings.len() - 1);
    }
}
