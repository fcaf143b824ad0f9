//! Lines of JSON, as exported from a database of messages: an object each, with type, nick, time and text.

use std::borrow::Cow;

use serde::Deserialize;

use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::format::stamp;
use crate::traffic::capture::is_nick;
use crate::traffic::trace::event::EventKind;

/// What a line is, for messages.
const EXPECTED: &str = "an object with `type`, `nick` and `time`";

/// The format; it remembers nothing from line to line.
#[derive(Debug)]
pub(crate) struct Json;

/// A line; other keys are passed over.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", alias = "event", alias = "command", borrow)]
    kind: Cow<'a, str>,
    #[serde(alias = "user", alias = "from", borrow)]
    nick: Cow<'a, str>,
    #[serde(alias = "timestamp", alias = "ts")]
    time: Time<'a>,
    #[serde(alias = "message", alias = "reason", borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(alias = "target", borrow, default)]
    channel: Option<Cow<'a, str>>,
    #[serde(
        alias = "newnick",
        alias = "new_nick",
        alias = "kicked",
        alias = "to",
        borrow,
        default
    )]
    peer: Option<Cow<'a, str>>,
}

/// A time in one of the shapes that databases export.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Time<'a> {
    Millis(i64),
    Seconds(f64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Dated {
        #[serde(rename = "$date", borrow)]
        date: Dated<'a>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Dated<'a> {
    Millis(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Long {
        #[serde(rename = "$numberLong", borrow)]
        millis: Cow<'a, str>,
    },
}

/// Whole numbers from here on are milliseconds since 1970 (this one is of 1973), below it seconds (of 5138).
const MILLIS_MIN: i64 = 100_000_000_000;

impl LogFormat for Json {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        // Exports may be one array, an element a line.
        let line = line.trim_ascii();
        if matches!(line, b"[" | b"]") {
            return Reading::Note;
        }
        let line = line.strip_suffix(b",").unwrap_or(line);
        if line.first() != Some(&b'{') {
            return Reading::Damaged(EXPECTED);
        }
        let Ok(told) = serde_json::from_slice::<Line<'_>>(line) else {
            return Reading::Damaged(EXPECTED);
        };
        let Some(moment) = moment(&told.time) else {
            return Reading::Damaged(
                "a time: milliseconds since 1970, or such as 2024-02-29T12:30:01Z",
            );
        };
        let kind = match &*told.kind.to_ascii_lowercase() {
            "message" | "privmsg" | "pubmsg" | "msg" => EventKind::Message,
            "topicchange" => EventKind::Topic,
            word => match EventKind::from_word(word) {
                Some(kind) => kind,
                None => return Reading::Note,
            },
        };
        if !is_nick(told.nick.as_bytes()) {
            return Reading::Damaged("a nick");
        }
        let mut event = Seen::new(kind, told.nick.as_bytes(), bytes(told.text.as_ref()))
            .with_peer(bytes(told.peer.as_ref()));
        event.channel = told.channel.as_ref().map(|channel| channel.as_bytes());
        seen(moment, event);
        Reading::Events
    }
}

/// Returns a text that may be missing or null.
fn bytes<'a>(text: Option<&'a Cow<'_, str>>) -> &'a [u8] {
    text.map_or(b"", |text| text.as_bytes())
}

fn moment(time: &Time<'_>) -> Option<Moment> {
    let millis = match time {
        Time::Millis(number)
        | Time::Dated {
            date: Dated::Millis(number),
        } if number.abs() < MILLIS_MIN => number.checked_mul(1_000)?,
        Time::Millis(millis)
        | Time::Dated {
            date: Dated::Millis(millis),
        } => *millis,
        Time::Seconds(seconds) => return seconds_of(*seconds),
        Time::Dated {
            date: Dated::Long { millis },
        } => millis.parse().ok()?,
        Time::Text(text)
        | Time::Dated {
            date: Dated::Text(text),
        } => {
            let (moment, rest) = stamp::iso(text.as_bytes())?;
            return rest.is_empty().then_some(moment);
        }
    };
    Some(Moment::Unix {
        us: millis.checked_mul(1_000)?,
    })
}

fn seconds_of(seconds: f64) -> Option<Moment> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to microseconds within the range of years"
    )]
    (seconds.abs() < 1e11).then(|| Moment::Unix {
        us: libm::round(seconds * 1e6) as i64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::capture::format::check::Checked;

    #[test]
    fn times_come_in_many_shapes() {
        let mut log = Checked::new(Json);
        for time in [
            "{\"$date\":1709209801002}",
            "{\"$date\":{\"$numberLong\":\"1709209801002\"}}",
            "{\"$date\":\"2024-02-29T12:30:01.002Z\"}",
            "1709209801002",
            "1709209801.002",
            "\"2024-02-29T12:30:01.002Z\"",
        ] {
            log.check(
                &format!("{{\"type\":\"message\",\"nick\":\"alder\",\"text\":\"a \\\"b\\\"\",\"time\":{time}}}"),
                "1709209801002000 message alder> [a \"b\"]",
            );
        }
        log.check(
            "{\"type\":\"join\",\"nick\":\"alder\",\"time\":1709209801}",
            "1709209801000000 join alder> []",
        );
    }

    #[test]
    fn kinds_and_other_keys_are_read_or_passed_over() {
        let mut log = Checked::new(Json);
        log.check(
            "{ \"_id\" : 7, \"type\" : \"quit\", \"nick\" : \"alder\", \"reason\" : \"bye\", \"time\" : 1 },",
            "1000000 quit alder> [bye]",
        );
        log.check(
            "{\"event\":\"PRIVMSG\",\"from\":\"alder\",\"channel\":\"#wood\",\"message\":\"hi\",\"ts\":1}",
            "1000000 message #wood alder> [hi]",
        );
        log.check(
            "{\"type\":\"nick\",\"nick\":\"alder\",\"newnick\":\"birch\",\"time\":1}",
            "1000000 nick alder>birch []",
        );
        log.check(
            "{\"type\":\"part\",\"nick\":\"alder\",\"reason\":null,\"time\":1}",
            "1000000 part alder> []",
        );
        log.check_reading(
            "{\"type\":\"whois\",\"nick\":\"alder\",\"time\":1}",
            Reading::Note,
        );
        log.check_damaged("{\"type\":\"message\"}");
        log.check_damaged("{");
        log.check_damaged("hi");
    }
}
