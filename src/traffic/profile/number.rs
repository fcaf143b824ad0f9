//! Conversions between counts and reals that saturate instead of wrapping.

/// Returns `count` as a real; exact below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a capture stay below 2^53"
)]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

/// Returns `nanos` as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 ns are 104 days; beyond that single nanoseconds do not matter"
)]
pub(crate) fn secs_of_nanos(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// Returns `secs` as nanoseconds, saturating; NaN becomes zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the saturating cast is what is wanted"
)]
pub(crate) fn nanos_of_secs(secs: f64) -> i64 {
    // What `libm::round` does, whose own cutting off the cast repeats: a little less than a half is added.
    let nanos = secs * 1e9;
    (nanos + libm::copysign(0.5 - f64::EPSILON / 4.0, nanos)) as i64
}

/// Returns the whole part of a real that is not negative; negative reals and NaN become zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the saturating cast is what is wanted"
)]
pub(crate) fn whole(real: f64) -> u32 {
    real as u32
}

/// Returns a small count as a place.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is counted so is below 2^32"
)]
pub(crate) fn place(count: u64) -> usize {
    count as usize
}

/// Returns the whole part of `real` as an index below `len`, which is not zero.
pub(crate) fn index_below(real: f64, len: usize) -> usize {
    (whole(real) as usize).min(len.saturating_sub(1))
}

/// Returns `real` rounded to `digits` significant digits, so that it is short in a file and reads back equal.
pub(crate) fn rounded(real: f64, digits: i32) -> f64 {
    if real == 0.0 || !real.is_finite() {
        return real;
    }
    let magnitude = libm::floor(libm::log10(real.abs()));
    let places = f64::from(digits - 1) - magnitude;
    // A division by a power of ten rounds correctly, a multiplication by a fraction does not.
    if places >= 0.0 {
        let scale = libm::pow(10.0, places);
        libm::round(real * scale) / scale
    } else {
        let scale = libm::pow(10.0, -places);
        libm::round(real / scale) * scale
    }
}

/// Returns `secs` rounded to milliseconds.
pub(crate) fn to_millis(secs: f64) -> f64 {
    libm::round(secs * 1e3) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_saturate() {
        assert_eq!(whole(-1.0), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(1e300), u32::MAX);
        assert_eq!(nanos_of_secs(1e300), i64::MAX);
        assert_eq!(index_below(7.9, 5), 4);
    }

    #[test]
    fn rounded_numbers_are_short() {
        assert_eq!(rounded(0.123_456_789, 4).to_string(), "0.1235");
        assert_eq!(rounded(123_456.7, 3).to_string(), "123000");
        assert_eq!(rounded(0.0, 3).to_string(), "0");
        assert_eq!(to_millis(1.234_567).to_string(), "1.235");
    }
}
