//! Stamps that open the lines of logs, and days told in words.

use jiff::civil::Date;

use crate::traffic::capture::Moment;

/// What a line with a time in brackets begins with, for messages.
pub(crate) const EXPECTED: &str = "a line that begins with [HH:MM:SS]";

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;

/// Names of months; logs of other languages are not read.
const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Splits off `[HH:MM:SS]`; seconds may be missing and the hour may have one digit.
pub(crate) fn bracketed(line: &[u8]) -> Option<(Moment, &[u8])> {
    let (secs, rest) = time_of_day(line.strip_prefix(b"[")?)?;
    let rest = rest.strip_prefix(b"]")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some((Moment::TimeOfDay { secs }, rest))
}

/// Splits off `HH:MM` or `HH:MM:SS` and a space.
pub(crate) fn bare(line: &[u8]) -> Option<(Moment, &[u8])> {
    let (secs, rest) = time_of_day(line)?;
    Some((Moment::TimeOfDay { secs }, rest.strip_prefix(b" ")?))
}

/// Splits off `2024-02-29T12:30:01` or the like with a space, decimals or a `Z`; what follows is not touched.
pub(crate) fn iso(line: &[u8]) -> Option<(Moment, &[u8])> {
    let (year, rest) = digits(line, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2)?;
    let [b'T' | b' ', rest @ ..] = rest else {
        return None;
    };
    let day = date(year, month, day)?;
    let (secs, rest) = time_of_day(rest)?;
    let (decimals, rest) = match rest.strip_prefix(b".") {
        Some(rest) => micros(rest),
        None => (0, rest),
    };
    let us = i64::from(secs) * MICROS + decimals;
    let Some(rest) = rest.strip_prefix(b"Z") else {
        return Some((Moment::Civil { day, us }, rest));
    };
    let since = Date::constant(1970, 1, 1).until(day).ok()?.get_days();
    let us = i64::from(since) * 86_400 * MICROS + us;
    Some((Moment::Unix { us }, rest))
}

/// Splits off `Feb 29 12:30:01` and a space: month, day of the month, seconds since midnight.
pub(crate) fn month_day(line: &[u8]) -> Option<(i8, i8, u32, &[u8])> {
    let month = month(line.get(..3)?)?;
    let rest = line.get(3..)?.strip_prefix(b" ")?;
    let (day, rest) = one_or_two_digits(rest.strip_prefix(b" ").unwrap_or(rest))?;
    let (secs, rest) = time_of_day(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b" ")?;
    Some((month, i8::try_from(day).ok()?, secs, rest))
}

/// Reads `Thu Feb 29 12:30:01 2024` and `Thu Feb 29 2024`.
pub(crate) fn day_in_words(text: &[u8]) -> Option<Date> {
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let (_, name, day) = (words.next()?, words.next()?, words.next()?);
    let last = words.by_ref().take(2).find(|word| !word.contains(&b':'))?;
    let (year, rest) = digits(last, 4)?;
    let (day, after) = one_or_two_digits(day)?;
    (rest.is_empty() && after.is_empty()).then_some(())?;
    Date::new(
        i16::try_from(year).ok()?,
        month(name)?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

/// Returns the number of a month by its name's first letters.
fn month(name: &[u8]) -> Option<i8> {
    let letters = name.get(..3)?;
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| month.eq_ignore_ascii_case(letters))
        .map(|(number, _)| number)
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(i16::try_from(year).ok()?, month, day).ok()
}

/// Returns seconds since midnight and what follows; seconds may be missing.
fn time_of_day(text: &[u8]) -> Option<(u32, &[u8])> {
    let (hours, rest) = one_or_two_digits(text)?;
    let (minutes, rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let (seconds, rest) = match rest.strip_prefix(b":") {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    // A leap second is shown as 60.
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    Some((hours * 3_600 + minutes * 60 + seconds, rest))
}

fn one_or_two_digits(text: &[u8]) -> Option<(u32, &[u8])> {
    digits(text, 2).or_else(|| digits(text, 1))
}

/// Returns the number that the first `count` bytes make, and what follows.
fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for digit in number {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u32::from(digit - b'0');
    }
    Some((value, rest))
}

/// Returns microseconds from the decimals of a second, and what follows them.
fn micros(text: &[u8]) -> (i64, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (decimals, rest) = text.split_at(count);
    let value = decimals
        .iter()
        .chain(std::iter::repeat(&b'0'))
        .take(6)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    (value, rest)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[track_caller]
    fn check(line: &str, want: Option<(u32, &str)>) {
        let found = bracketed(line.as_bytes());
        let want = want.map(|(secs, rest)| (Moment::TimeOfDay { secs }, rest.as_bytes()));
        assert_eq!(found, want, "{line}");
    }

    #[test]
    fn a_time_in_brackets_is_split_off() {
        check("[00:00:00] x", Some((0, "x")));
        check("[23:59:60] x y", Some((86_400, "x y")));
        check("[12:30] x", Some((45_000, "x")));
        check("[12:30:01]", Some((45_001, "")));
        check("[1:00] x", Some((3_600, "x")));
        for line in [
            "",
            "[",
            "[24:00:00] x",
            "[10:60] x",
            "10:00:00 x",
            "[10:00:00 x",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn a_bare_time_needs_a_space() {
        let at = |secs, rest| Some((Moment::TimeOfDay { secs }, rest));
        assert_eq!(bare(b"12:30 x"), at(45_000, &b"x"[..]));
        assert_eq!(bare(b"12:30:01 x"), at(45_001, &b"x"[..]));
        assert_eq!(bare(b"12:30x"), None);
    }

    #[test]
    fn a_full_stamp_tells_its_day() {
        let civil = |us, rest| {
            let day = day(1970, 1, 2);
            Some((Moment::Civil { day, us }, rest))
        };
        assert_eq!(iso(b"1970-01-02T00:00:01  x"), civil(MICROS, &b"  x"[..]));
        assert_eq!(
            iso(b"1970-01-02 00:00:01.25\tx"),
            civil(1_250_000, &b"\tx"[..])
        );
        let unix = Moment::Unix {
            us: 86_401 * MICROS,
        };
        assert_eq!(iso(b"1970-01-02T00:00:01Z x"), Some((unix, &b" x"[..])));
        assert_eq!(iso(b"1970-13-02T00:00:01 x"), None);
    }

    #[test]
    fn days_are_told_in_words() {
        for text in [
            "Thu Feb 29 12:30:01 2024",
            "Thu Feb 29 2024",
            "thu feb 29 2024",
        ] {
            assert_eq!(
                day_in_words(text.as_bytes()),
                Some(day(2024, 2, 29)),
                "{text}"
            );
        }
        assert_eq!(day_in_words(b"Tue Jun  1 2016"), Some(day(2016, 6, 1)));
        assert_eq!(day_in_words(b"yesterday"), None);
        assert_eq!(month_day(b"Feb 29 00:00:09 x"), Some((2, 29, 9, &b"x"[..])));
        assert_eq!(month_day(b"Feb 29 x"), None);
    }
}
