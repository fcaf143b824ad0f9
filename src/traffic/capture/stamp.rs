//! The stamp `[HH:MM:SS]` that opens lines of client and bot logs.

use crate::traffic::capture::Moment;

/// What a stamped line begins with, for messages.
pub(crate) const EXPECTED: &str = "a line that begins with [HH:MM:SS]";

/// Returns the time of day and what follows it; seconds may be missing.
pub(crate) fn split(line: &[u8]) -> Option<(Moment, &[u8])> {
    let rest = line.strip_prefix(b"[")?;
    let (hours, rest) = two_digits(rest)?;
    let rest = rest.strip_prefix(b":")?;
    let (minutes, rest) = two_digits(rest)?;
    let (seconds, rest) = match rest.strip_prefix(b":") {
        Some(rest) => two_digits(rest)?,
        None => (0, rest),
    };
    let rest = rest.strip_prefix(b"]")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    // A leap second is shown as 60.
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let secs = hours * 3_600 + minutes * 60 + seconds;
    Some((Moment::TimeOfDay { secs }, rest))
}

/// Returns the number that two digits make, and what follows.
fn two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: Option<(u32, &str)>) {
        let found = split(line.as_bytes());
        let want = want.map(|(secs, rest)| (Moment::TimeOfDay { secs }, rest.as_bytes()));
        assert_eq!(found, want, "{line}");
    }

    #[test]
    fn a_stamp_tells_the_time_of_day() {
        check("[00:00:00] x", Some((0, "x")));
        check("[23:59:60] x y", Some((86_400, "x y")));
        check("[12:30] x", Some((45_000, "x")));
        check("[12:30:01]", Some((45_001, "")));
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        for line in [
            "",
            "[",
            "[1:00:00] x",
            "[24:00:00] x",
            "[10:60] x",
            "10:00:00 x",
            "[10:00:00 x",
        ] {
            check(line, None);
        }
    }
}
