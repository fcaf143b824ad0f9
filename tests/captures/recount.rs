//! A second count of raw logs, line by line and without the importer: what explains each known difference.

use std::collections::BTreeMap;
use std::collections::HashMap;

/// The files of a capture, path to content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Signs that a log of mIRC writes in front of a nick.
const SIGNS: &[u8] = b"~&@%+";
/// Minutes within which what is known takes two tellings of one nick for one.
const SAME_MINUTES: i64 = 1;

/// Why an import counts a kind otherwise than is known.
pub(crate) struct Explained {
    pub(crate) kind: &'static str,
    /// What is known, counted again in the way in which it was counted; `None` where only the difference can be counted.
    pub(crate) known: Option<u64>,
    /// How many more the import counts.
    pub(crate) more: i64,
}

impl Explained {
    /// Returns the difference between two ways to count the same lines.
    fn between(kind: &'static str, known: u64, ours: u64) -> Self {
        Self {
            kind,
            known: Some(known),
            more: i64::try_from(ours).unwrap() - i64::try_from(known).unwrap(),
        }
    }
}

/// What a line tells of somebody, in a minute.
struct Told {
    minute: i64,
    nick: Vec<u8>,
}

/// Quits told by pages of mIRC: what is known takes `@alder` who quits one channel and `alder` who quits another for two.
pub(crate) fn signs(files: &Files) -> Vec<Explained> {
    let quits = told(files, b"* Quits: ", None);
    let known = distinct(&quits, <[u8]>::to_vec);
    let ours = distinct(&quits, |nick| {
        let first = nick.iter().position(|byte| !SIGNS.contains(byte));
        nick[first.unwrap_or(0)..].to_vec()
    });
    vec![Explained::between("quit", known, ours)]
}

/// Beside [`signs`], a script of the logger says `* Logging for … started`, which what is known takes for an action.
pub(crate) fn signs_and_starts(files: &Files) -> Vec<Explained> {
    let mut explained = signs(files);
    let starts = told(files, b"* Logging for #", None).len();
    explained.push(Explained {
        kind: "action",
        known: None,
        more: -i64::try_from(starts).unwrap(),
    });
    explained
}

/// What is known passes over changes of the topic, and takes `alder[` and `alder{` for two nicks.
pub(crate) fn topics_and_brackets(files: &Files) -> Vec<Explained> {
    let nicks = told(files, b"*** ", Some(b" is now known as "));
    let folded = |nick: &[u8]| {
        let folded = nick.iter().map(|byte| match byte {
            b'[' => b'{',
            b']' => b'}',
            b'\\' => b'|',
            b'~' => b'^',
            other => other.to_ascii_lowercase(),
        });
        folded.collect()
    };
    let topics = told(files, b"*** ", Some(b" changes topic to:")).len() as u64;
    vec![
        Explained::between("topic", 0, topics),
        Explained::between(
            "nick",
            distinct(&nicks, <[u8]>::to_vec),
            distinct(&nicks, folded),
        ),
    ]
}

/// What is known passes over changes of the topic.
pub(crate) fn topics(files: &Files) -> Vec<Explained> {
    let is_topic = |line: &&[u8]| {
        let after = line.strip_prefix(b"=== ").map(after_word);
        after.is_some_and(|after| after.starts_with(b" changed the topic of "))
    };
    let lines = files
        .values()
        .flat_map(|content| content.split(|&byte| byte == b'\n'));
    vec![Explained::between(
        "topic",
        0,
        lines.filter(is_topic).count() as u64,
    )]
}

/// Returns how many tellings there are, those within a minute of the last one of the same name left out.
fn distinct(told: &[Told], name: impl Fn(&[u8]) -> Vec<u8>) -> u64 {
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    let mut count = 0;
    for told in told {
        let before = last.insert(name(&told.nick), told.minute);
        let is_same = before.is_some_and(|before| told.minute - before <= SAME_MINUTES);
        count += u64::from(!is_same);
    }
    count
}

/// Returns what lines tell that have `[HH:MM] `, then `before`, a nick, and then `after` if that is asked for; in order of time.
fn told(files: &Files, before: &[u8], after: Option<&[u8]>) -> Vec<Told> {
    let mut all = Vec::new();
    for (path, content) in files {
        let midnight = day_of(path) * 24 * 60;
        for line in content.split(|&byte| byte == b'\n') {
            // A page has a link to the line in front of it.
            let line = match memchr_of(line, b"</a> [") {
                Some(at) if line.starts_with(b" <li") => &line[at + 5..],
                _ => line,
            };
            let Some(minute) = minute_of(line) else {
                continue;
            };
            let Some(rest) = line.get(8..).and_then(|rest| rest.strip_prefix(before)) else {
                continue;
            };
            let behind = after_word(rest);
            if after.is_none_or(|after| behind.starts_with(after)) {
                let nick = rest[..rest.len() - behind.len()].to_vec();
                all.push(Told {
                    minute: midnight + minute,
                    nick,
                });
            }
        }
    }
    all.sort_by_key(|told| told.minute);
    all
}

/// Returns the minute of the day of a line that begins with `[HH:MM] `.
fn minute_of(line: &[u8]) -> Option<i64> {
    let clock = std::str::from_utf8(line.strip_prefix(b"[")?.get(..5)?).ok()?;
    let (hours, minutes) = clock.split_once(':')?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
}

/// Returns the days since 1970 of a file whose name ends in its date, with or without dashes.
fn day_of(path: &str) -> i64 {
    let name = path.rsplit('/').next().unwrap();
    let digits: String = name.chars().filter(char::is_ascii_digit).take(8).collect();
    let date: jiff::civil::Date = digits.parse().unwrap();
    (date - jiff::civil::date(1970, 1, 1)).get_days().into()
}

/// Returns what follows the first word.
fn after_word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(u8::is_ascii_whitespace);
    &text[end.unwrap_or(text.len())..]
}

fn memchr_of(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
