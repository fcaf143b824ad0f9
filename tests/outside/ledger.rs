//! What a run counted.

use crate::playing::Played;

/// The counters that are zero for a server that keeps its word.
pub(crate) const INTEGRITY: [&str; 9] = [
    "lost",
    "duplicated",
    "reordered",
    "misdelivered",
    "misattributed",
    "corrupted",
    "truncated",
    "presence_missed",
    "echo_lost",
];

/// Returns a number of the result by its path, such as `ledger.lost`.
#[track_caller]
pub(crate) fn number(played: &Played, path: &str) -> u64 {
    let mut value = &played.result;
    for key in path.split('.') {
        value = &value[key];
    }
    value
        .as_u64()
        .unwrap_or_else(|| panic!("the result has no number `{path}`: {}", played.stderr))
}

/// Checks that every integrity counter is zero, apart from those named.
#[track_caller]
pub(crate) fn check_whole(played: &Played, but: &[&str]) {
    for counter in INTEGRITY {
        if !but.contains(&counter) {
            let count = number(played, &format!("ledger.{counter}"));
            assert_eq!(count, 0, "{counter}: {:#}", played.result["exemplars"]);
        }
    }
}
