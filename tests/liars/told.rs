//! Lies as told, held against what the program says of them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use splitstorm::measure::probe::Prober;

use crate::playing::Played;

/// A lie: of which kind, to whom, and the line as it should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) receiver: String,
    pub(crate) line: String,
}

/// What `explain` says of one breach.
#[derive(Debug)]
struct Explained {
    title: String,
    receiver: String,
    /// The text as it was sent; empty for a change of presence.
    sent: String,
}

/// What users say with their QUIT once the run is judged: no lie about that counts.
const GOODBYE: &str = "run complete";

impl Told {
    /// Returns whether it was told while the run was still to be judged.
    pub(crate) fn is_of_the_run(&self) -> bool {
        self.kind != "registered" && !self.line.ends_with(GOODBYE)
    }
}

/// Reads what a liar wrote down.
pub(crate) fn read(log: &Path) -> Vec<Told> {
    let text = std::fs::read_to_string(log).unwrap();
    let entries = text.lines().map(|line| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| entry[name].as_str().unwrap().to_owned();
        Told {
            kind: field("kind"),
            receiver: field("receiver"),
            line: field("line"),
        }
    });
    entries.filter(Told::is_of_the_run).collect()
}

/// Checks that `explain` names breaches of that class, and none but the lies told: the very message by its sender, target,
/// length and index, or the very change, and who did not get it as it should have been.
#[track_caller]
pub(crate) fn check_explained(played: &Played, class: &str, told: &[Told]) {
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .arg("explain")
        .arg(&played.out)
        .arg(class)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let explained = blocks(&text);
    assert!(!explained.is_empty(), "{text}");
    for block in &explained {
        assert!(
            told.iter().any(|told| is_of(block, told)),
            "nobody lied about {block:?} in\n{text}"
        );
    }
}

fn blocks(text: &str) -> Vec<Explained> {
    let mut blocks: Vec<Explained> = Vec::new();
    for line in text.lines() {
        let number = line.split_once(". ").map(|(number, _)| number);
        if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            blocks.push(Explained {
                title: line.split_once(". ").unwrap().1.to_owned(),
                receiver: String::new(),
                sent: String::new(),
            });
        } else if let (Some(name), Some(block)) =
            (line.trim().strip_prefix("receiver "), blocks.last_mut())
        {
            name.trim().clone_into(&mut block.receiver);
        } else if let (Some(text), Some(block)) =
            (line.trim().strip_prefix("sent "), blocks.last_mut())
            && let Some(text) = text.trim().strip_prefix('`')
        {
            text.trim_end_matches('`').clone_into(&mut block.sent);
        }
    }
    blocks
}

/// Returns whether the block names the delivery that was lied about.
fn is_of(block: &Explained, told: &Told) -> bool {
    if block.receiver != told.receiver {
        return false;
    }
    let line = match told.line.split_once(' ') {
        Some((tags, line)) if tags.starts_with('@') => line,
        _ => &told.line,
    };
    let mut words = line.splitn(4, ' ');
    let source = words.next().unwrap_or_default();
    let sender = source
        .trim_start_matches(':')
        .split('!')
        .next()
        .unwrap_or_default();
    let (command, target, rest) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if command != "PRIVMSG" && command != "NOTICE" {
        let channel = target.trim_start_matches(':');
        let is_of_sender = block.title.starts_with(&format!("change of {sender} in "));
        return is_of_sender && (command == "QUIT" || block.title.ends_with(channel));
    }
    let text = rest.trim_start_matches(':');
    let text = text
        .strip_prefix("\x01ACTION ")
        .map_or(text, |text| text.trim_end_matches('\x01'));
    let Some(header) = Prober::read(text.as_bytes()) else {
        return false;
    };
    let prefix = "message ";
    let suffix = format!(" of {sender} to {target}, {} bytes", text.len());
    let index = block
        .title
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(&suffix))
        .and_then(|index| index.parse::<u32>().ok());
    // To the letter what the server's own log says.
    block.sent == text && index.is_some_and(|index| index % header.modulus == header.index)
}
