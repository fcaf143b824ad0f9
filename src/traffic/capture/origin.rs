//! What the path of a log tells: its day and its channel.

use jiff::civil::Date;

/// Returns the day that a path names: in the file's name (`20160601`, `2016-06-01`), else in its folders
/// (`2020/05/30.log`, `2020/05/30/#wood.log`).
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
            // The file's own name may be the day of the month, or the channel.
            let parts: Vec<&str> = path
                .rsplit(['/', '\\'])
                .take(4)
                .map(|part| part.split('.').next().unwrap_or_default())
                .collect();
            let end = |skipped| apart(parts.iter().skip(skipped).take(3).rev().copied());
            end(0).or_else(|| end(1))
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

/// What a log's path tells in a bouncer's tree: a folder per user, below it networks and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeOrigin<'a> {
    /// The user whose log it is: the first folder.
    pub logger: &'a str,
    /// The network: the folder between user and channel, where there is one.
    pub network: Option<&'a str>,
    /// The channel, or the other side of a private query.
    pub channel: &'a str,
}

impl TreeOrigin<'_> {
    /// Returns whether the log is of a private query: what people say there is not read.
    pub fn is_query(&self) -> bool {
        !is_channel(self.channel)
    }
}

/// Folders of ZNC between a user and the networks.
const ZNC_FOLDERS: [&str; 3] = ["moddata", "log", "networks"];

/// Returns what a path below the tree's root tells; `None` for what lies in no user's folder.
pub fn in_tree(path: &str) -> Option<TreeOrigin<'_>> {
    let (logger, rest) = path.split_once(['/', '\\'])?;
    let channel = channel(rest)?;
    let network = rest
        .split(['/', '\\'])
        .find(|part| !ZNC_FOLDERS.contains(part))
        // The last part is the file.
        .filter(|&part| part != file_name(rest) && part != channel && !is_channel(part))
        .filter(|part| part.bytes().any(|byte| !byte.is_ascii_digit()));
    Some(TreeOrigin {
        logger,
        network,
        channel,
    })
}

/// Returns whether a name is a channel's; some loggers write `#` as `%23`.
fn is_channel(name: &str) -> bool {
    name.starts_with(['#', '&', '!', '+']) || name.starts_with("%23")
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
        check("x/2020/05/30/#wood.txt", Some("2020-05-30"), Some("#wood"));
        check("net/#wood/today.log", None, Some("today"));
        check("wood.raw", None, Some("wood"));
    }

    #[track_caller]
    fn check_tree(path: &str, want: Option<(&str, Option<&str>, &str, bool)>) {
        let found = in_tree(path).map(|origin| {
            let is_query = origin.is_query();
            (origin.logger, origin.network, origin.channel, is_query)
        });
        assert_eq!(found, want, "{path}");
    }

    #[test]
    fn a_tree_tells_who_logged_what_where() {
        check_tree(
            "alder/moddata/log/net/#wood/2024-02-29.log",
            Some(("alder", Some("net"), "#wood", false)),
        );
        check_tree(
            "alder/net/#wood_20240229.log",
            Some(("alder", Some("net"), "#wood", false)),
        );
        check_tree(
            "alder/#wood/2024-02-29.log",
            Some(("alder", None, "#wood", false)),
        );
        check_tree(
            "alder/net/birch/2024-02-29.log",
            Some(("alder", Some("net"), "birch", true)),
        );
        check_tree("readme.txt", None);
    }

    #[test]
    fn other_numbers_are_no_day() {
        check("wood-20169901.log", None, Some("wood-20169901"));
        check("12345678.log", None, None);
    }
}
