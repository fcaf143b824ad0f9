//! Whether the target that a run ended with is the one that it began with.

use std::collections::BTreeSet;

use crate::gate::verdict::Reason;
use crate::gate::verdict::ReasonKind;

/// Most tokens of 005 that a reason names.
const TOKENS_TOLD_MAX: usize = 5;

/// What a target is known by, as far as it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The server's version (004).
    pub version: String,
    /// The tokens of 005, in any order.
    pub tokens: Vec<String>,
    /// When the server was made or started (003), in its own words.
    pub created: String,
}

/// The process behind one of a target's addresses, where it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address.
    pub address: String,
    /// The process that listened there before the run.
    pub before: Option<u32>,
    /// The one that listens after it.
    pub after: Option<u32>,
}

/// What the scenario lets happen to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Nothing: it has to live through the run.
    Nothing,
    /// A restart, or a command that may be one: another process is fine, another server is not.
    Restart,
}

/// Compares what a target was with what it is. Returns the reason against a pass, if there is one.
pub fn compare(
    before: &Identity,
    after: &Identity,
    listeners: &[Listener],
    announced: Announced,
) -> Option<Reason> {
    let mut changes = Vec::new();
    if announced == Announced::Nothing {
        for listener in listeners {
            // A process that can't be seen proves nothing.
            if let (Some(was), Some(is)) = (listener.before, listener.after)
                && was != is
            {
                changes.push(format!(
                    "the process that listens on {} was {was} and is {is}: it was restarted or died during the run",
                    listener.address
                ));
            }
        }
        if before.created != after.created {
            changes.push(format!(
                "the server began anew: it said `{}` and says `{}`",
                before.created, after.created
            ));
        }
    }
    if before.version != after.version {
        changes.push(format!(
            "the server's version was `{}` and is `{}`",
            before.version, after.version
        ));
    }
    let tokens = |of: &Identity| -> BTreeSet<String> { of.tokens.iter().cloned().collect() };
    let (old, new) = (tokens(before), tokens(after));
    if old != new {
        let gone = told(old.difference(&new));
        let added = told(new.difference(&old));
        changes.push(format!("its 005 lost {gone} and gained {added}"));
    }
    (!changes.is_empty()).then(|| Reason {
        kind: ReasonKind::Unmet,
        code: "target_changed".to_owned(),
        text: format!("the target changed unannounced: {}", changes.join("; ")),
    })
}

/// Returns the reason against a pass of a target that nobody can log in to after the run; `why` is the error's own sentence.
pub fn gone(why: &str) -> Reason {
    Reason {
        kind: ReasonKind::Unmet,
        code: "target_gone".to_owned(),
        text: format!("the target is gone after the run: {why}"),
    }
}

fn told<'a>(tokens: impl Iterator<Item = &'a String>) -> String {
    let mut words: Vec<String> = tokens.map(|token| format!("`{token}`")).collect();
    let rest = words.len().saturating_sub(TOKENS_TOLD_MAX);
    words.truncate(TOKENS_TOLD_MAX);
    match (words.is_empty(), rest) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => words.join(" "),
        (false, rest) => format!("{} and {rest} more", words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(version: &str, tokens: &str, created: &str) -> Identity {
        Identity {
            version: version.to_owned(),
            tokens: tokens.split_whitespace().map(str::to_owned).collect(),
            created: created.to_owned(),
        }
    }

    /// Compares `oak-1`, `MODES=4 WHOX`, `made at dawn`, process 12, with what is given.
    #[track_caller]
    fn check(announced: Announced, after: &Identity, pid: Option<u32>, want: Option<&str>) {
        let before = identity("oak-1", "MODES=4 WHOX", "made at dawn");
        let listeners = [Listener {
            address: "127.0.0.1:6667".to_owned(),
            before: Some(12),
            after: pid,
        }];
        let got = compare(&before, after, &listeners, announced);
        assert_eq!(got.as_ref().map(|reason| reason.text.as_str()), want);
        if let Some(reason) = got {
            assert_eq!(reason.kind, ReasonKind::Unmet);
            assert_eq!(reason.code, "target_changed");
        }
    }

    #[test]
    fn the_same_target_is_no_reason_in_whatever_order_it_says_so() {
        let same = identity("oak-1", "WHOX MODES=4", "made at dawn");
        check(Announced::Nothing, &same, Some(12), None);
        check(Announced::Nothing, &same, None, None);
    }

    #[test]
    fn another_process_is_a_reason_unless_a_restart_was_announced() {
        let same = identity("oak-1", "MODES=4 WHOX", "made at dawn");
        let text = "the target changed unannounced: the process that listens on 127.0.0.1:6667 was 12 and is 34: it was restarted or died during the run";
        check(Announced::Nothing, &same, Some(34), Some(text));
        check(Announced::Restart, &same, Some(34), None);
    }

    #[test]
    fn another_start_is_a_reason_unless_a_restart_was_announced() {
        let anew = identity("oak-1", "MODES=4 WHOX", "made at dusk");
        let text = "the target changed unannounced: the server began anew: it said `made at dawn` and says `made at dusk`";
        check(Announced::Nothing, &anew, None, Some(text));
        check(Announced::Restart, &anew, Some(34), None);
    }

    #[test]
    fn another_version_and_other_tokens_are_always_reasons() {
        let other = identity("oak-2", "MODES=6 WHOX", "made at dusk");
        let text = "the target changed unannounced: the server's version was `oak-1` and is `oak-2`; its 005 lost `MODES=4` and gained `MODES=6`";
        check(Announced::Restart, &other, Some(34), Some(text));
    }

    #[test]
    fn no_reason_names_more_tokens_than_a_person_reads() {
        let many = identity("oak-1", "MODES=4 WHOX A B C D E F G", "made at dawn");
        let text = "the target changed unannounced: its 005 lost nothing and gained `A` `B` `C` `D` `E` and 2 more";
        check(Announced::Nothing, &many, Some(12), Some(text));
    }
}
