//! What a control group lets its processes have, from the texts of its files (version 2 of the kernel's interface, and version 1).

/// Cores' worth of time that version 1 means by no quota.
const NO_QUOTA: &str = "-1";
/// Bytes from which on a limit of version 1 stands for none: it writes the largest number of pages there is.
const UNLIMITED_BYTES_MIN: u64 = 1 << 60;

/// Returns the cores that `cpu.max` allows: `max 100000` for all, `150000 100000` for one and a half. `None` for no limit.
pub fn cores(cpu_max: &str) -> Option<f64> {
    let mut words = cpu_max.split_whitespace();
    let (quota, period) = (words.next()?, words.next()?);
    if quota == NO_QUOTA {
        return None;
    }
    let quota: f64 = quota.parse().ok()?;
    let period: f64 = period.parse().ok()?;
    (period > 0.0).then(|| quota / period)
}

/// Returns a limit in bytes or counts; `None` for no limit or for words.
pub fn limit(text: &str) -> Option<u64> {
    let number: u64 = text.trim().parse().ok()?;
    (number < UNLIMITED_BYTES_MIN).then_some(number)
}

/// Returns a counter of a file of lines such as `oom_kill 3`.
pub fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_cores_and_no_quota_is_none() {
        for (text, want) in [
            ("max 100000", None),
            ("150000 100000\n", Some(1.5)),
            ("-1 100000", None),
            ("5 0", None),
            ("", None),
        ] {
            assert_eq!(cores(text), want, "{text}");
        }
    }

    #[test]
    fn limits_of_either_version_are_numbers_or_none() {
        assert_eq!(limit("1048576\n"), Some(1_048_576));
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712\n"), None);
    }

    #[test]
    fn a_counter_is_found_by_its_whole_name() {
        let events = "low 0\noom 4\noom_kill 3\noom_group_kill 1\n";
        assert_eq!(counter(events, "oom_kill"), Some(3));
        assert_eq!(counter(events, "oom_k"), None);
        assert_eq!(counter("oom_kill x", "oom_kill"), None);
    }
}
