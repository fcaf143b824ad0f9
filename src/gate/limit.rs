//! The right-hand side of a condition: an operator and a limit with its unit.

use std::time::Duration;

/// How what was measured is held against the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Operator {
    /// Splits a condition into what stands before its operator, the operator, and what stands after it; both sides trimmed.
    /// Returns `None` where there is no operator.
    pub fn split(check: &str) -> Option<(&str, Self, &str)> {
        let at = check.find(['<', '>', '='])?;
        let (left, rest) = check.split_at(at);
        let forms = [
            ("<=", Self::AtMost),
            (">=", Self::AtLeast),
            ("==", Self::Equal),
            ("<", Self::Below),
            (">", Self::Above),
        ];
        forms.into_iter().find_map(|(text, operator)| {
            rest.strip_prefix(text)
                .map(|right| (left.trim(), operator, right.trim()))
        })
    }

    /// Returns whether `measured` holds against `limit`.
    pub fn holds<T: PartialOrd>(self, measured: &T, limit: &T) -> bool {
        match self {
            Self::Below => measured < limit,
            Self::AtMost => measured <= limit,
            Self::Above => measured > limit,
            Self::AtLeast => measured >= limit,
            Self::Equal => measured == limit,
        }
    }

    /// Returns whether the operator bounds from above.
    pub fn is_ceiling(self) -> bool {
        matches!(self, Self::Below | Self::AtMost | Self::Equal)
    }
}

/// The limit of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A time.
    Duration(Duration),
    /// A number of things.
    Count(u64),
    /// A share of them; 0..=1.
    Share(f64),
}

impl Limit {
    /// Reads `250ms`, `0` or `1%`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(percent) = text.strip_suffix('%') {
            let share = percent.trim().parse::<f64>().ok()? / 100.0;
            return (0.0..=1.0).contains(&share).then_some(Self::Share(share));
        }
        if let Ok(count) = text.replace('_', "").parse::<u64>() {
            return Some(Self::Count(count));
        }
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = text.split_at(unit_at);
        let unit_secs = match unit.trim() {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            _ => return None,
        };
        let secs = number.parse::<f64>().ok()? * unit_secs;
        Duration::try_from_secs_f64(secs).ok().map(Self::Duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_splits_at_its_operator() {
        for (check, want) in [
            ("a < 1", Some(("a", Operator::Below, "1"))),
            ("a<=1", Some(("a", Operator::AtMost, "1"))),
            ("a >  1", Some(("a", Operator::Above, "1"))),
            ("a >= 1", Some(("a", Operator::AtLeast, "1"))),
            ("a == 1", Some(("a", Operator::Equal, "1"))),
            ("a = 1", None),
            ("a 1", None),
        ] {
            assert_eq!(Operator::split(check), want, "{check}");
        }
    }

    #[test]
    fn limits_need_a_unit_unless_they_count() {
        for (text, want) in [
            ("850us", Some(Limit::Duration(Duration::from_micros(850)))),
            ("250ms", Some(Limit::Duration(Duration::from_millis(250)))),
            ("1.5 s", Some(Limit::Duration(Duration::from_millis(1_500)))),
            ("2min", Some(Limit::Duration(Duration::from_mins(2)))),
            ("0", Some(Limit::Count(0))),
            ("1_000", Some(Limit::Count(1_000))),
            ("1%", Some(Limit::Share(0.01))),
            ("99.5 %", Some(Limit::Share(0.995))),
            ("101%", None),
            ("-1%", None),
            ("NaN%", None),
            ("2h", None),
            ("1e99min", None),
            ("1.5", None),
            ("-1", None),
            ("fast", None),
            ("", None),
        ] {
            assert_eq!(Limit::parse(text), want, "{text}");
        }
    }

    #[test]
    fn operators_compare() {
        for (operator, want) in [
            (Operator::Below, [true, false, false]),
            (Operator::AtMost, [true, true, false]),
            (Operator::Above, [false, false, true]),
            (Operator::AtLeast, [false, true, true]),
            (Operator::Equal, [false, true, false]),
        ] {
            assert_eq!(
                [1, 2, 3].map(|measured| operator.holds(&measured, &2)),
                want
            );
        }
    }
}
