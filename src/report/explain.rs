//! The exemplars of a class of breach, readable: enough to find the very message in the target's own log.

use std::io;
use std::io::Write;

use crate::gate::figure;
use crate::measure::ledger::counts::Breach;
use crate::report::layout::WIDTH_MAX;
use crate::report::layout::printable;
use crate::report::layout::wrapped;
use crate::report::result::Exemplar;
use crate::report::result::RunResult;

/// Width of the labels at the left.
const LABEL_WIDTH: usize = 12;

/// The first index of what is said around attaches, beside the plan: no stream of a plan comes so far.
const AROUND_FROM: u32 = 1 << 31;

/// Returns the class of that name.
pub fn class(name: &str) -> Option<Breach> {
    Breach::ALL.into_iter().find(|breach| breach.name() == name)
}

/// Returns the names of all classes.
pub fn classes() -> impl Iterator<Item = &'static str> {
    Breach::ALL.into_iter().map(Breach::name)
}

/// Writes the exemplars of `class`, or that there are none.
///
/// # Errors
///
/// Returns the writer's error.
pub fn write(result: &RunResult, class: Breach, out: &mut impl Write) -> io::Result<()> {
    let name = class.name();
    let count = result.ledger.breaches.get(name).copied().unwrap_or(0);
    let kept = result.exemplars.get(name).map_or(&[][..], Vec::as_slice);
    if kept.is_empty() {
        return if count == 0 {
            writeln!(out, "{name}: none in this run")
        } else {
            writeln!(
                out,
                "{name}: {} in this run, but no exemplar was kept",
                figure::count(count)
            )
        };
    }
    writeln!(
        out,
        "{name}: {} in this run, {} kept. Moments count from the run's start, {}.",
        figure::count(count),
        figure::count(kept.len() as u64),
        result.started
    )?;
    let is_of_bouncer = class == Breach::LostInDrop || Breach::BOUNCER.contains(&class);
    for (number, exemplar) in (1..).zip(kept) {
        if is_of_bouncer || result.bouncer.is_some() {
            write_line(number, class, exemplar, out)?;
        } else {
            write_one(number, class, exemplar, out)?;
        }
    }
    Ok(())
}

/// Writes an exemplar of a run against a bouncer: of a line, the network's end and the clients' are known, and of some lines no more than
/// that the network wrote them.
fn write_line(
    number: u64,
    class: Breach,
    exemplar: &Exemplar,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "\n{number}. {}", title_of_line(class, exemplar))?;
    line(out, "receiver", &exemplar.receiver)?;
    let (intended, attempt) = (exemplar.intended_us, exemplar.attempt_us);
    let is_said = intended.is_some() || attempt.is_some();
    if is_said {
        line(out, "intended", &moment(intended, &[]))?;
        let since = [(intended, "it was intended")];
        line(out, "attempt", &moment(attempt, &since))?;
    }
    let since = [(attempt, "the attempt"), (intended, "it was intended")];
    let written = exemplar.accepted_us;
    if written.is_some() {
        let label = if is_said { "accepted" } else { "written" };
        line(out, label, &moment(written, &since))?;
    }
    let read = exemplar.first_seen_us;
    if read.is_some() || !has_arrived(class) {
        line(out, "read", &moment(read, &since))?;
    }
    line(out, "why", &exemplar.why)?;
    for (label, text) in [("sent", &exemplar.text), ("received", &exemplar.wire)] {
        if let Some(text) = text {
            line(out, label, &format!("`{}`", printable(text)))?;
        }
    }
    Ok(())
}

fn title_of_line(class: Breach, exemplar: &Exemplar) -> String {
    if exemplar.channel.is_none() && exemplar.index.is_none() {
        return match class {
            Breach::Corrupted => "line that nobody is known to have said".to_owned(),
            Breach::PresenceMissed => printable(&format!("change of {}", exemplar.sender)),
            _ => printable(&format!("line of {}", exemplar.sender)),
        };
    }
    let is_around = exemplar.index.is_some_and(|index| index >= AROUND_FROM);
    let said = Exemplar {
        index: exemplar.index.filter(|_| !is_around),
        ..exemplar.clone()
    };
    let mut title = title(class == Breach::PresenceMissed, &said);
    if is_around {
        title.push_str(", said around an attach");
    }
    title
}

fn write_one(
    number: u64,
    class: Breach,
    exemplar: &Exemplar,
    out: &mut impl Write,
) -> io::Result<()> {
    let is_presence = class == Breach::PresenceMissed;
    writeln!(out, "\n{number}. {}", title(is_presence, exemplar))?;
    line(out, "receiver", &exemplar.receiver)?;
    let intended = exemplar.intended_us;
    line(
        out,
        if is_presence { "asked" } else { "intended" },
        &moment(intended, &[]),
    )?;
    if !is_presence {
        line(
            out,
            "attempt",
            &moment(exemplar.attempt_us, &[(intended, "it was intended")]),
        )?;
        line(
            out,
            "accepted",
            &moment(
                exemplar.accepted_us,
                &[
                    (exemplar.attempt_us, "the attempt"),
                    (intended, "it was intended"),
                ],
            ),
        )?;
    }
    let whose = if has_arrived(class) {
        "seen"
    } else {
        "seen by any"
    };
    line(
        out,
        whose,
        &moment(
            exemplar.first_seen_us,
            &[
                (exemplar.attempt_us, "the attempt"),
                (intended, "it was intended"),
            ],
        ),
    )?;
    line(out, "why", &exemplar.why)?;
    let quoted = |text: &Option<String>, otherwise: &str| {
        let shown = text.as_deref().map(|text| format!("`{}`", printable(text)));
        shown.unwrap_or_else(|| otherwise.to_owned())
    };
    if !is_presence {
        line(out, "sent", &quoted(&exemplar.text, "can't be told"))?;
    }
    line(out, "received", &quoted(&exemplar.wire, "nothing"))
}

fn title(is_presence: bool, exemplar: &Exemplar) -> String {
    let channel = exemplar.channel.as_deref().unwrap_or("unknown channel");
    let sender = &exemplar.sender;
    let title = if is_presence {
        format!("change of {sender} in {channel}")
    } else {
        let bytes = exemplar.bytes;
        let to = exemplar.to.as_ref().map_or_else(
            || channel.to_owned(),
            |peer| format!("{peer} (private, planned with {channel})"),
        );
        match exemplar.index {
            Some(index) => format!("message {index} of {sender} to {to}, {bytes} bytes"),
            None => format!("message of {sender} to {to}, {bytes} bytes"),
        }
    };
    printable(&title)
}

/// Returns whether a class is of deliveries that arrived, however wrongly.
fn has_arrived(class: Breach) -> bool {
    match class {
        Breach::Lost
        | Breach::PresenceMissed
        | Breach::Uncertain
        | Breach::EchoLost
        | Breach::BacklogMissing
        | Breach::LostInDrop => false,
        Breach::Duplicated
        | Breach::Reordered
        | Breach::Misdelivered
        | Breach::Misattributed
        | Breach::Corrupted
        | Breach::Truncated
        | Breach::Late
        | Breach::BacklogHidden
        | Breach::BacklogDuplicated
        | Breach::BacklogMisordered
        | Breach::BacklogWrongTime
        | Breach::Leaked => true,
    }
}

/// Returns a moment from the run's start, and how long after the others that are known.
fn moment(at: Option<i64>, others: &[(Option<i64>, &str)]) -> String {
    let Some(at) = at else {
        return "never".to_owned();
    };
    let sign = if at < 0 { "−" } else { "" };
    let micros = at.unsigned_abs();
    let mut text = format!("{sign}{}.{:06} s", micros / 1_000_000, micros % 1_000_000);
    for (index, (other, what)) in others.iter().enumerate() {
        let Some(other) = other else { continue };
        let (apart, side) = if at >= *other {
            (at.abs_diff(*other), "after")
        } else {
            (at.abs_diff(*other), "before")
        };
        text.push_str(if index == 0 { "  " } else { ", " });
        text.push_str(&figure::duration(apart));
        for part in [" ", side, " ", what] {
            text.push_str(part);
        }
    }
    text
}

fn line(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    let indent = 3 + LABEL_WIDTH;
    if text.contains("  ") || text.starts_with('`') {
        // What arrived is shown as it is, spaces included.
        return writeln!(out, "   {label:LABEL_WIDTH$}{}", printable(text));
    }
    for (index, part) in wrapped(&printable(text), WIDTH_MAX - indent)
        .iter()
        .enumerate()
    {
        let label = if index == 0 { label } else { "" };
        writeln!(out, "   {label:LABEL_WIDTH$}{part}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::catalogue::bounced;
    use crate::report::catalogue::failed;
    use crate::report::catalogue::passed;

    fn explained(result: &RunResult, class: Breach) -> String {
        let mut out = Vec::new();
        write(result, class, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_lost_message_is_told_with_its_moments() {
        insta::assert_snapshot!(explained(&failed(), Breach::Lost));
    }

    #[test]
    fn what_arrived_is_shown_without_steering_the_terminal() {
        insta::assert_snapshot!(explained(&failed(), Breach::Corrupted));
    }

    #[test]
    fn a_presence_change_is_told_as_one() {
        insta::assert_snapshot!(explained(&failed(), Breach::PresenceMissed));
    }

    #[test]
    fn lines_of_a_bouncer_are_told_with_what_is_known_of_them() {
        let classes = [Breach::BacklogMissing, Breach::Leaked, Breach::LostInDrop];
        let told = classes.map(|class| explained(&bounced(), class));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn none_is_said_plainly() {
        assert_eq!(
            explained(&passed(), Breach::Lost),
            "lost: none in this run\n"
        );
        assert_eq!(
            explained(&failed(), Breach::Uncertain),
            "uncertain: 400 in this run, but no exemplar was kept\n"
        );
    }

    #[test]
    fn classes_are_known_by_name() {
        for name in classes() {
            assert_eq!(class(name).map(Breach::name), Some(name));
        }
        assert_eq!(class("losst"), None);
    }
}
