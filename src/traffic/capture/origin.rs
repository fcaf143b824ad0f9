//! What the path of a log tells: its day and its channel.

use jiff::civil::Date;

/// Returns the day that a path names: in the file's name (`20160601`, `2016-06-01`), else in its folders
/// (`2020/05/30.log`).
pub fn day(path: &str) -> Option<Date> {
    let numbers = numbers(file_name(path));
    numbers
        .iter()
        .find_map(|&(_, _, number)| compact(number))
        .or_else(|| {
            numbers
                .windows(3)
                .find_map(|window| apart(window.iter().map(|&(_, _, number)| number)))
        })
        .or_else(|| {
            let parts: Vec<&str> = path
                .rsplit(['/', '\\'])
                .take(3)
                .map(|part| part.split('.').next().unwrap_or_default())
                .collect();
            apart(parts.into_iter().rev())
        })
}

/// Returns the channel that a path names: what stands before the day in the file's name, else the nearest folder that
/// is no number.
pub fn channel(path: &str) -> Option<&str> {
    let name = file_name(path);
    let numbers = numbers(name);
    let day_starts = numbers
        .iter()
        .find_map(|&(start, _, number)| compact(number).map(|_| start))
        .or_else(|| {
            numbers
                .windows(3)
                .find(|window| apart(window.iter().map(|&(_, _, number)| number)).is_some())
                .and_then(|window| window.first())
                .map(|&(start, _, _)| start)
        });
    let stem = match day_starts {
        Some(start) => name.get(..start)?,
        None => name.split('.').next()?,
    };
    let stem = stem.trim_end_matches(['_', '-', '.', ' ']);
    let is_name = |part: &&str| !part.is_empty() && part.bytes().any(|byte| !byte.is_ascii_digit());
    Some(stem).filter(is_name).or_else(|| {
        path.rsplit(['/', '\\'])
            .skip(1)
            .filter(|part| *part != "." && *part != "..")
            .find(is_name)
    })
}

/// Returns the last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Returns the runs of digits in a text: start, end, run.
fn numbers(text: &str) -> Vec<(usize, usize, &str)> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain(std::iter::once(b'.')).enumerate() {
        match (byte.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                runs.push((first, at, text.get(first..at).unwrap_or_default()));
                start = None;
            }
            _ => {}
        }
    }
    runs
}

/// Reads `20160601`.
fn compact(number: &str) -> Option<Date> {
    if number.len() != 8 {
        return None;
    }
    date(number.get(..4)?, number.get(4..6)?, number.get(6..)?)
}

/// Reads a year, a month and a day that stand apart.
fn apart<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Date> {
    date(parts.next()?, parts.next()?, parts.next()?)
}

/// Returns the day of these numbers; only years that had IRC count, so that other numbers are not taken for one.
fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let year: i16 = year.parse().ok()?;
    if !(1988..=2199).contains(&year) {
        return None;
    }
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want_day: Option<&str>, want_channel: Option<&str>) {
        let found = day(path).map(|day| day.to_string());
        assert_eq!(found.as_deref(), want_day, "{path}");
        assert_eq!(channel(path), want_channel, "{path}");
    }

    #[test]
    fn names_tell_day_and_channel() {
        check(
            "a/2016/06/#wood_20160601.log.txt",
            Some("2016-06-01"),
            Some("#wood"),
        );
        check("wood.20130105.log", Some("2013-01-05"), Some("wood"));
        check(
            "#wood-2.2016-06-01.log",
            Some("2016-06-01"),
            Some("#wood-2"),
        );
        check("x/#wood/2016_6_1.txt", Some("2016-06-01"), Some("#wood"));
    }

    #[test]
    fn folders_tell_what_the_name_does_not() {
        check("logs/wood/2020/05/30.log", Some("2020-05-30"), Some("wood"));
        check("./2020/05/30.log", Some("2020-05-30"), None);
        check("net/#wood/today.log", None, Some("today"));
        check("wood.raw", None, Some("wood"));
    }

    #[test]
    fn other_numbers_are_no_day() {
        check("wood-20169901.log", None, Some("wood-20169901"));
        check("12345678.log", None, None);
    }
}
