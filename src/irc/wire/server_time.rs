//! The `time` tag: UTC with milliseconds, such as `2026-01-31T23:59:59.123Z`.

/// Bytes of a time as servers send it.
pub const TIME_BYTES: usize = "2026-01-31T23:59:59.123Z".len();

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads a `time` tag as microseconds since 1970 UTC, or returns `None` if it is none.
///
/// Fractions of any length are taken, digits below a microsecond dropped. A leap second counts as the next second.
pub fn parse(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"Z")?;
    let (whole, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[..0]),
    };
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = whole
    else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(seconds * MICROS_PER_SECOND + micros_of(fraction)?)
}

/// Returns `unix_micros` as servers send it. Years past 9999 are written as 9999.
pub fn format(unix_micros: i64) -> [u8; TIME_BYTES] {
    let millis = unix_micros.div_euclid(1000);
    let seconds = millis.div_euclid(1000);
    let (days, second) = (
        seconds.div_euclid(SECONDS_PER_DAY),
        seconds.rem_euclid(SECONDS_PER_DAY),
    );
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year.clamp(0, 9999));
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], second / 3600);
    put(&mut text[14..16], second / 60 % 60);
    put(&mut text[17..19], second % 60);
    put(&mut text[20..23], millis.rem_euclid(1000));
    text
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, &byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn micros_of(fraction: &[u8]) -> Option<i64> {
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    (0..6).try_fold(0, |micros, place| {
        let digit = fraction
            .get(place)
            .map_or(0, |&byte| i64::from(byte - b'0'));
        Some(micros * 10 + digit)
    })
}

fn put(field: &mut [u8], value: i64) {
    let mut rest = value;
    for byte in field.iter_mut().rev() {
        *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
}

/// Days since 1970-01-01 of a date, by counting 400-year eras from 1 March of year 0 (H. Hinnant, "chrono-compatible
/// low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`], from the same source: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<i64>) {
        assert_eq!(parse(text.as_bytes()), want, "{text}");
    }

    #[test]
    fn times_of_real_servers_are_read() {
        check("1970-01-01T00:00:00.000Z", Some(0));
        check("1969-12-31T23:59:59.999Z", Some(-1_000));
        // date -u -d 2026-11-24T22:05:49 +%s
        check("2026-11-24T22:05:49.926Z", Some(1_795_557_949_926_000));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000_000));
        check("2000-02-29T00:00:00.1234567Z", Some(951_782_400_123_456));
        check("2016-12-31T23:59:60.000Z", Some(1_483_228_800_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "1700000000",
            "2026-11-24T22:05:49.926",
            "2026-13-24T22:05:49Z",
            "2026-00-24T22:05:49Z",
            "2026-11-24T24:05:49Z",
            "2026-11-24 22:05:49Z",
            "2026-11-24T22:05:49.x1Z",
            "+026-11-24T22:05:49Z",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn every_millisecond_is_written_and_read_back(millis in -60_000_000_000_000_i64..250_000_000_000_000) {
            let text = format(millis * 1000);
            prop_assert_eq!(parse(&text), Some(millis * 1000));
        }

        #[test]
        fn any_bytes_are_taken(text in vec(any::<u8>(), 0..40), micros in any::<i64>()) {
            parse(&text);
            format(micros);
        }
    }
}
