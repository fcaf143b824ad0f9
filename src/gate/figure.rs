//! Figures for people: durations, counts and shares at a glance.

/// Returns a duration in microseconds at three digits, in the unit that suits it: `850 µs`, `1.20 ms`, `12.3 s`, `4.5 min`.
#[expect(
    clippy::cast_precision_loss,
    reason = "three digits are shown of at most fifty-three bits"
)]
pub fn duration(micros: u64) -> String {
    let value = micros as f64;
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..999_500 => format!("{} ms", three_digits(value / 1e3)),
        999_500..120_000_000 => format!("{} s", three_digits(value / 1e6)),
        120_000_000..7_200_000_000 => format!("{:.1} min", value / 6e7),
        _ => format!("{:.1} h", value / 3.6e9),
    }
}

/// Returns a number below a thousand at three digits: `1.20`, `12.3`, `123`.
pub fn three_digits(value: f64) -> String {
    // The bounds are those at which rounding would add a digit.
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Returns a count with its thousands apart: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a share (0..=1) in percent. A share short of all is never shown as `100 %`, one above nothing never as `0 %`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if (100.0..100.05).contains(&percent) {
        "100 %".to_owned()
    } else if percent > 99.0 && percent < 100.0 {
        let hundredths = libm::floor(percent * 100.0) / 100.0;
        format!("{hundredths:.2} %")
    } else if percent >= 10.0 {
        format!("{percent:.1} %")
    } else if percent >= 0.095 {
        format!("{percent:.2} %")
    } else if percent >= 0.009_5 {
        format!("{percent:.3} %")
    } else if percent >= 0.000_1 {
        format!("{percent:.4} %")
    } else {
        "under 0.0001 %".to_owned()
    }
}

/// Returns `part` as a share of `whole`, or `None` of nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio for people and limits; 2^53 deliveries outlast a run"
)]
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(figure: impl Fn(T) -> String, rows: impl IntoIterator<Item = (T, &'static str)>) {
        for (value, want) in rows {
            assert_eq!(figure(value), want);
        }
    }

    #[test]
    fn durations_choose_their_unit() {
        check(
            duration,
            [
                (0, "0 µs"),
                (999, "999 µs"),
                (1_204, "1.20 ms"),
                (9_996, "10.0 ms"),
                (99_960, "100 ms"),
                (312_000, "312 ms"),
                (999_400, "999 ms"),
                (999_700, "1.00 s"),
                (61_000_000, "61.0 s"),
                (270_000_000, "4.5 min"),
                (3_600_000_000, "60.0 min"),
                (7_200_000_000, "2.0 h"),
            ],
        );
    }

    #[test]
    fn counts_part_their_thousands() {
        check(
            count,
            [
                (0, "0"),
                (999, "999"),
                (1_000, "1,000"),
                (1_234_567, "1,234,567"),
            ],
        );
    }

    #[test]
    fn shares_never_claim_all_or_nothing_wrongly() {
        check(
            share,
            [
                (0.0, "0 %"),
                (1.0, "100 %"),
                (0.999_999, "99.99 %"),
                (0.123_4, "12.3 %"),
                (0.01, "1.00 %"),
                (0.000_14, "0.014 %"),
                (0.000_025, "0.0025 %"),
                (0.000_000_1, "under 0.0001 %"),
                (1.02, "102.0 %"),
            ],
        );
    }
}
