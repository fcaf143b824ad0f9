//! What two snapshots differ in, and what of it a scenario will reach.

use std::collections::BTreeSet;

use crate::fitness::need::Need;
use crate::fitness::snapshot::CGROUP;
use crate::fitness::snapshot::HOST;
use crate::fitness::snapshot::LIMITS;
use crate::fitness::snapshot::NOW;
use crate::fitness::snapshot::SYSCTL;
use crate::fitness::snapshot::Snapshot;
use crate::fitness::snapshot::Value;

/// How much a difference matters, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The new host has less than the scenario needs, whatever the old one has.
    BelowNeed,
    /// The new host has less than the old one.
    Smaller,
    /// It differs.
    Other,
}

impl Rank {
    /// Returns the name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BelowNeed => "below_need",
            Self::Smaller => "smaller",
            Self::Other => "other",
        }
    }
}

/// A value that differs, or that is too small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How much it matters.
    pub rank: Rank,
    /// Its section.
    pub section: String,
    /// Its key.
    pub key: String,
    /// What the old host has.
    pub old: Option<Value>,
    /// What the new one has.
    pub new: Option<Value>,
    /// What the scenario needs there, in words; empty where nothing is known of it.
    pub need: String,
}

/// Settings of the kernel of which more is more room. Of the others, such as times, less is only something else.
const ROOMY: &[&str] = &[
    "fs.file-max",
    "fs.nr_open",
    "net.core.netdev_max_backlog",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.netfilter.nf_conntrack_max",
];

/// Returns all that differs, and every limit of the new host that is below what the scenario needs; what matters most is first.
pub fn compare(old: &Snapshot, new: &Snapshot, need: Option<&Need>) -> Vec<Difference> {
    let places = |snapshot: &Snapshot| -> BTreeSet<(String, String)> {
        let sections = snapshot.sections.iter();
        let places = sections.flat_map(|(section, values)| {
            let keys = values.keys();
            keys.map(move |key| (section.clone(), key.clone()))
        });
        places.filter(|(section, _)| section != NOW).collect()
    };
    let all: BTreeSet<_> = places(old).union(&places(new)).cloned().collect();
    let mut differences: Vec<Difference> = all
        .into_iter()
        .filter_map(|(section, key)| {
            let (was, is) = (old.value(&section, &key), new.value(&section, &key));
            let needed = need.and_then(|need| needed(&section, &key, need, old));
            let is_below = needed.as_ref().is_some_and(|needed| {
                let capacity = is.and_then(|value| capacity(&key, value));
                capacity.is_some_and(|capacity| capacity < needed.least)
            });
            if was == is && !is_below {
                return None;
            }
            let rank = if is_below {
                Rank::BelowNeed
            } else if is_roomy(&section, &key) && is_smaller(&key, was, is) {
                Rank::Smaller
            } else {
                Rank::Other
            };
            Some(Difference {
                rank,
                old: was.cloned(),
                new: is.cloned(),
                need: needed.map_or_else(String::new, |needed| needed.words),
                section,
                key,
            })
        })
        .collect();
    differences.sort_by_key(|difference| difference.rank);
    differences
}

/// Returns whether a limit of the new host is below what the scenario needs.
pub fn is_any_below(differences: &[Difference]) -> bool {
    let mut ranks = differences.iter().map(|difference| difference.rank);
    ranks.any(|rank| rank == Rank::BelowNeed)
}

struct Needed {
    least: u64,
    words: String,
}

/// Returns what a scenario needs of a value, where that is known.
fn needed(section: &str, key: &str, need: &Need, old: &Snapshot) -> Option<Needed> {
    let (users, connects) = (need.users, need.connects_per_s_max);
    let (least, words) = match (section, key) {
        (LIMITS, "max_open_files.soft") | (SYSCTL, "fs.file-max" | "fs.nr_open") => (
            need.target_descriptors(),
            format!(
                "{} descriptors for {users} users",
                need.target_descriptors()
            ),
        ),
        (SYSCTL, "net.core.somaxconn" | "net.ipv4.tcp_max_syn_backlog") => {
            (connects, format!("{connects} connects come in one second"))
        }
        (SYSCTL, "net.ipv4.ip_local_port_range") => (
            users,
            format!("a bouncer dials out once for each of {users} users"),
        ),
        (SYSCTL, "net.netfilter.nf_conntrack_max") => {
            (users, format!("{users} connections are tracked"))
        }
        (CGROUP, "memory.max" | "memory.high") | (HOST, "memory_bytes") => {
            // What a server takes for a user only the server knows: the old host's has shown what it takes.
            let peak = old.limit(NOW, "rss_peak_bytes")?;
            (peak, format!("the old process has taken {peak} bytes"))
        }
        _ => return None,
    };
    Some(Needed { least, words })
}

fn is_roomy(section: &str, key: &str) -> bool {
    match section {
        LIMITS | CGROUP => true,
        HOST => matches!(key, "memory_bytes" | "cores"),
        SYSCTL => ROOMY.contains(&key),
        _ => false,
    }
}

/// Returns how much there is room for; a range of ports is as many as are in it.
fn capacity(key: &str, value: &Value) -> Option<u64> {
    match (key, value) {
        ("net.ipv4.ip_local_port_range", Value::Text(text)) => {
            let mut ends = text.split(' ').map(str::parse::<u64>);
            let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
            Some((high + 1).saturating_sub(low))
        }
        (_, value) => value.limit(),
    }
}

fn is_smaller(key: &str, was: Option<&Value>, is: Option<&Value>) -> bool {
    let (Some(was), Some(is)) = (was, is) else {
        return false;
    };
    if let (Some(was), Some(is)) = (capacity(key, was), capacity(key, is)) {
        return is < was;
    }
    // Several numbers, such as least, usual and most: one of them is enough.
    let numbers = |value: &Value| -> Vec<f64> {
        let text = value.text();
        let numbers = text
            .split(' ')
            .map(|word| word.parse().unwrap_or(f64::INFINITY));
        numbers.collect()
    };
    let (was, is) = (numbers(was), numbers(is));
    was.iter().zip(&is).any(|(was, is)| is < was)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::need::Load;

    fn need(users: u64, connects: u64) -> Need {
        let load = Load {
            descriptors: users,
            ports: None,
        };
        Need {
            scenario: "oak".to_owned(),
            users,
            connects_per_s_max: connects,
            elsewhere: load,
            embedded: load,
        }
    }

    fn snapshot(values: &[(&str, &str, &str)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (section, key, value) in values {
            snapshot.put(section, *key, Value::parse(value));
        }
        snapshot
    }

    /// Checks ranks and keys, in their order.
    #[track_caller]
    fn check(
        old: &[(&str, &str, &str)],
        new: &[(&str, &str, &str)],
        need: Option<&Need>,
        want: &[(Rank, &str)],
    ) {
        let found = compare(&snapshot(old), &snapshot(new), need);
        let found: Vec<(Rank, &str)> = found
            .iter()
            .map(|difference| (difference.rank, difference.key.as_str()))
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn what_the_scenario_will_reach_stands_first_then_what_is_less_then_the_rest() {
        check(
            &[
                (HOST, "kernel", "6.1"),
                (LIMITS, "max_open_files.soft", "65536"),
                (LIMITS, "max_processes.soft", "unlimited"),
                (SYSCTL, "net.core.somaxconn", "128"),
                (SYSCTL, "net.ipv4.tcp_fin_timeout", "60"),
                (SYSCTL, "net.ipv4.tcp_rmem", "4096 131072 6291456"),
            ],
            &[
                (HOST, "kernel", "6.8"),
                (LIMITS, "max_open_files.soft", "1024"),
                (LIMITS, "max_processes.soft", "4096"),
                (SYSCTL, "net.core.somaxconn", "128"),
                (SYSCTL, "net.ipv4.tcp_fin_timeout", "30"),
                (SYSCTL, "net.ipv4.tcp_rmem", "4096 65536 6291456"),
            ],
            Some(&need(1_000, 200)),
            &[
                (Rank::BelowNeed, "max_open_files.soft"),
                // The same on both, and too small on both.
                (Rank::BelowNeed, "net.core.somaxconn"),
                (Rank::Smaller, "max_processes.soft"),
                (Rank::Smaller, "net.ipv4.tcp_rmem"),
                (Rank::Other, "kernel"),
                (Rank::Other, "net.ipv4.tcp_fin_timeout"),
            ],
        );
    }

    #[test]
    fn a_limit_that_suffices_is_at_most_smaller_and_nothing_is_needed_without_a_scenario() {
        let (old, new) = (
            [(LIMITS, "max_open_files.soft", "65536")],
            [(LIMITS, "max_open_files.soft", "1032")],
        );
        let want = [(Rank::Smaller, "max_open_files.soft")];
        check(&old, &new, Some(&need(1_000, 1)), &want);
        check(&old, &new, None, &want);
        let want = [(Rank::BelowNeed, "max_open_files.soft")];
        check(&old, &new, Some(&need(1_001, 1)), &want);
    }

    #[test]
    fn memory_is_held_against_what_the_old_process_took_and_what_is_in_use_is_not_compared() {
        check(
            &[
                (NOW, "rss_peak_bytes", "900"),
                (CGROUP, "memory.max", "max"),
            ],
            &[(NOW, "rss_peak_bytes", "5"), (CGROUP, "memory.max", "800")],
            Some(&need(1, 1)),
            &[(Rank::BelowNeed, "memory.max")],
        );
    }

    #[test]
    fn a_range_of_ports_is_as_many_as_are_in_it() {
        let key = "net.ipv4.ip_local_port_range";
        check(
            &[(SYSCTL, key, "1024 65535")],
            &[(SYSCTL, key, "32768\t60999")],
            Some(&need(28_233, 1)),
            &[(Rank::BelowNeed, key)],
        );
        check(
            &[(SYSCTL, key, "32768 60999")],
            &[(SYSCTL, key, "32768 60999")],
            Some(&need(28_232, 1)),
            &[],
        );
    }
}
