//! What one connection read of a split or a restart, reduced to its shape: texts and order without names.

use std::collections::BTreeMap;

/// Share of neighbours that must stand in a direction for a row to be called rising or falling: a recording has a straggler or two,
/// whose connect was repeated.
const ORDERED_SHARE_MIN: f64 = 0.98;

/// Changes of the channel between JOINs from which on channels are told of mixed, not one after the other.
const MIXED_FROM: usize = 8;

/// A line without names.
struct Item {
    text: String,
    /// Where its user stands in the order in which users came.
    rank: i64,
    nick: String,
    /// The channel of a JOIN, or of a MODE of a server.
    channel: Option<String>,
    /// Whom a MODE names; nobody for any other line.
    targets: Vec<String>,
    is_mode: bool,
}

/// Reduces what a client of a server read. What came before the first NICK or the first QUIT of a split is left out, but for ERROR.
pub(crate) fn reduce(lines: &[String]) -> Vec<String> {
    let own = lines
        .iter()
        .find_map(|line| strip_tags(line).1.strip_prefix(':')?.split(' ').next())
        .unwrap_or_default()
        .to_owned();
    let other = if own.starts_with("irc1.") {
        own.replacen("irc1.", "irc2.", 1)
    } else {
        own.replacen("irc2.", "irc1.", 1)
    };
    let split = format!(" QUIT :{own} {other}");
    let start = lines
        .iter()
        .position(|line| {
            line.ends_with(&split) || line.contains(" NICK :") || line.contains(" netsplit ")
        })
        .unwrap_or(lines.len());
    let items: Vec<Item> = lines
        .iter()
        .enumerate()
        .filter(|&(at, line)| at >= start || strip_tags(line).1.starts_with("ERROR"))
        .filter_map(|(_, line)| item(line, &own, &other))
        .collect();
    let mut shape = Vec::new();
    let mut rest = &items[..];
    while let Some(first) = rest.first() {
        let is_of_channels = first.channel.is_some();
        let count = rest
            .iter()
            .take_while(|item| {
                if is_of_channels {
                    item.channel.is_some()
                } else {
                    item.channel.is_none() && item.text == first.text
                }
            })
            .count();
        let (run, after) = rest.split_at(count);
        if is_of_channels {
            shape.extend(channels(run));
        } else {
            shape.push(counted(run));
        }
        rest = after;
    }
    if shape.is_empty() {
        shape.push("nothing".to_owned());
    }
    shape
}

/// Says whether a shape is as stated: line by line the same, but for the order where `any` is stated.
pub(crate) fn is_as(got: &[String], stated: &[String]) -> bool {
    got.len() == stated.len()
        && got.iter().zip(stated).all(|(got, stated)| {
            got == stated
                || stated.strip_suffix(" any").is_some_and(|stated| {
                    got.rsplit_once(' ')
                        .is_some_and(|(got, _)| got == stated.trim_end())
                })
        })
}

fn strip_tags(line: &str) -> (&str, &str) {
    if line.starts_with('@') {
        line.split_once(' ').unwrap_or((line, ""))
    } else {
        ("", line)
    }
}

fn item(line: &str, own: &str, other: &str) -> Option<Item> {
    let (tags, line) = strip_tags(line);
    let batch = if tags.contains("batch=") {
        "@batch "
    } else {
        ""
    };
    let named = |text: &str| text.replace(own, "<own>").replace(other, "<other>");
    let item = |text: String| Item {
        text: format!("{batch}{text}"),
        rank: 0,
        nick: String::new(),
        channel: None,
        targets: Vec::new(),
        is_mode: false,
    };
    if let Some(text) = line.strip_prefix("ERROR ") {
        let text = match (text.split_once('('), text.split_once(')')) {
            (Some((before, inside)), Some((_, after))) if inside.contains('@') => {
                format!("{before}(<user>@<host>){after}")
            }
            _ => text.to_owned(),
        };
        return Some(item(format!("ERROR {text}")));
    }
    let (source, rest) = line.strip_prefix(':')?.split_once(' ')?;
    let words: Vec<&str> = rest.split(' ').collect();
    let is_server = source == own || source == other;
    match (words[0], is_server) {
        ("QUIT", false) => Some(Item {
            rank: rank(source),
            ..item(format!(":user {}", named(rest)))
        }),
        ("NICK", false) => Some(Item {
            rank: rank(source),
            ..item(":user NICK :<nick>".to_owned())
        }),
        ("JOIN", false) => {
            let form = if words.len() > 2 {
                format!("{} {} :<real name>", words[1], words[2])
            } else {
                words[1].to_owned()
            };
            Some(Item {
                rank: rank(source),
                nick: source.split('!').next()?.to_owned(),
                channel: Some(words[1].trim_start_matches(':').to_owned()),
                ..item(format!(":user JOIN {form}"))
            })
        }
        ("MODE", true) => {
            let targets = words.iter().skip(3);
            let stars = targets
                .clone()
                .map(|word| if word.starts_with(':') { " :*" } else { " *" });
            let text = format!(":{} MODE {} {}", named(source), words[1], words[2]);
            Some(Item {
                channel: Some(words[1].to_owned()),
                targets: targets
                    .map(|word| word.trim_start_matches(':').to_owned())
                    .collect(),
                is_mode: true,
                ..item(text + &stars.collect::<String>())
            })
        }
        ("NOTICE", true) => {
            let text: String = words[2..].join(" ");
            let digits = |letter: char| letter.is_ascii_digit() || letter == '.';
            let figures: Vec<&str> = text
                .split(' ')
                .map(|word| {
                    if word.contains(|letter: char| letter.is_ascii_digit())
                        && word.chars().all(digits)
                    {
                        "#"
                    } else {
                        word
                    }
                })
                .collect();
            Some(item(format!(":<own> NOTICE <nick> {}", figures.join(" "))))
        }
        ("BATCH", true) => {
            let sign = words[1].get(..1).unwrap_or_default();
            let about = named(&words[2..].join(" "));
            let about = if about.is_empty() {
                about
            } else {
                format!(" {about}")
            };
            Some(item(format!(":<own> BATCH {sign}<reference>{about}")))
        }
        _ => None,
    }
}

/// Returns where a user stands among those of the scene: observers, then those near, then those far, by number.
fn rank(mask: &str) -> i64 {
    let user = mask
        .split_once('!')
        .and_then(|(_, rest)| rest.split_once('@'))
        .map_or(mask, |(user, _)| user.trim_start_matches('~'));
    let number: i64 = user
        .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
        .parse()
        .unwrap_or(0);
    match user.get(..1) {
        Some("o") => number - 1000,
        Some("b") => number + 1000,
        _ => number,
    }
}

/// One line for a run of equal ones.
fn counted(run: &[Item]) -> String {
    let text = &run[0].text;
    match run.len() {
        1 => text.clone(),
        count => format!(
            "{text} x{count} {}",
            order(run.iter().map(|item| item.rank))
        ),
    }
}

fn order(ranks: impl Iterator<Item = i64>) -> &'static str {
    let ranks: Vec<i64> = ranks.collect();
    let steps: Vec<i64> = ranks
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|&step| step != 0)
        .collect();
    let rising = steps.iter().filter(|&&step| step > 0).count() as f64;
    let share = rising / steps.len().max(1) as f64;
    if share >= ORDERED_SHARE_MIN {
        "rising"
    } else if share <= 1.0 - ORDERED_SHARE_MIN {
        "falling"
    } else {
        "mixed"
    }
}

/// Tells of a run of JOINs and MODEs, channel by channel, or of channels that mix.
fn channels(run: &[Item]) -> Vec<String> {
    let blocks: Vec<&[Item]> = run.chunk_by(|a, b| a.channel == b.channel).collect();
    if blocks.len() < MIXED_FROM {
        return blocks.into_iter().flat_map(one_channel).collect();
    }
    let mut by_text: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for item in run {
        by_text.entry(&item.text).or_default().push(item.rank);
    }
    by_text
        .into_iter()
        .map(|(text, ranks)| {
            let count = ranks.len();
            format!(
                "mixed with others: {text} x{count} {}",
                order(ranks.into_iter())
            )
        })
        .collect()
}

fn one_channel(block: &[Item]) -> Vec<String> {
    let mut shape = Vec::new();
    let lead = block
        .iter()
        .take_while(|item| item.is_mode && item.targets.is_empty())
        .count();
    let (lead, block) = block.split_at(lead);
    shape.extend(lead.iter().map(|item| item.text.clone()));
    let follows_its_join = |at: usize, item: &Item| {
        at > 0 && item.targets.len() == 1 && item.targets[0] == block[at - 1].nick
    };
    let modes: Vec<(usize, &Item)> = block
        .iter()
        .enumerate()
        .filter(|(_, item)| item.is_mode)
        .collect();
    let is_paired = !modes.is_empty() && modes.iter().all(|&(at, item)| follows_its_join(at, item));
    if is_paired {
        let joins: Vec<&Item> = block.iter().filter(|item| !item.is_mode).collect();
        let text = &joins[0].text;
        let order = order(joins.iter().map(|item| item.rank));
        shape.push(format!("{text} x{} {order}", joins.len()));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, item) in modes {
            *counts.entry(&item.text).or_default() += 1;
        }
        let told = counts.into_iter();
        shape.extend(
            told.map(|(text, count)| format!("at once after a JOIN of them: {text} x{count}")),
        );
    } else {
        let runs = block.chunk_by(|a, b| a.text == b.text);
        shape.extend(runs.map(counted));
    }
    shape
}
