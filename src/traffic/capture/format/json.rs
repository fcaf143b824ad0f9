//! Lines of JSON, as exported from a database of messages: an object each, with type, nick, time and text.

mod quick;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;

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
    kind: Text<'a>,
    #[serde(alias = "user", alias = "from", borrow)]
    nick: Text<'a>,
    #[serde(alias = "timestamp", alias = "ts")]
    time: Time,
    #[serde(alias = "message", alias = "reason", borrow, default)]
    text: Text<'a>,
    #[serde(alias = "target", borrow, default)]
    channel: Text<'a>,
    #[serde(
        alias = "newnick",
        alias = "new_nick",
        alias = "kicked",
        alias = "to",
        borrow,
        default
    )]
    peer: Text<'a>,
}

/// A text of the line where it has no escapes, so that nothing is copied; missing and null are empty.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfText;
        impl<'de> Visitor<'de> for OfText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(OfText)
    }
}

/// A time in one of the shapes that databases export; `None` if it is none that can be read.
#[derive(Debug)]
struct Time(Option<Moment>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfTime;
        impl<'de> Visitor<'de> for OfTime {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Time, E> {
                Ok(Time(of_number(number)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Time, E> {
                Ok(Time(i64::try_from(number).ok().and_then(of_number)))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
                Ok(Time(of_seconds(seconds)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Ok(Time(of_text(text)))
            }

            /// `{"$date": …}` and `{"$numberLong": …}`.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
                let mut found = Time(None);
                while let Some((_, time)) = map.next_entry::<IgnoredAny, Time>()? {
                    found = time;
                }
                Ok(found)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Time, E> {
                Ok(Time(None))
            }
        }
        deserializer.deserialize_any(OfTime)
    }
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
        let told = match quick::line(line) {
            Some(told) => told,
            None => match serde_json::from_slice(line) {
                Ok(told) => told,
                Err(_) => return Reading::Damaged(EXPECTED),
            },
        };
        let Some(moment) = told.time.0 else {
            return Reading::Damaged(
                "a time: milliseconds since 1970, or such as 2024-02-29T12:30:01Z",
            );
        };
        let Some(kind) = kind_of(told.kind.bytes()) else {
            return Reading::Note;
        };
        if !is_nick(told.nick.bytes()) {
            return Reading::Damaged("a nick");
        }
        let mut event =
            Seen::new(kind, told.nick.bytes(), told.text.bytes()).with_peer(told.peer.bytes());
        event.channel = Some(told.channel.bytes()).filter(|channel| !channel.is_empty());
        seen(moment, event);
        Reading::Events
    }
}

/// Returns the kind of event that a type names, in whatever case.
fn kind_of(word: &[u8]) -> Option<EventKind> {
    let is = |known: &&[u8]| word.eq_ignore_ascii_case(known);
    if MESSAGES.iter().any(is) {
        return Some(EventKind::Message);
    }
    EventKind::ALL
        .into_iter()
        .find(|kind| is(&kind.as_str().as_bytes()))
}

/// Types that mean a message.
const MESSAGES: [&[u8]; 3] = [b"privmsg", b"pubmsg", b"msg"];

/// Returns the moment that a text tells.
fn of_text(text: &str) -> Option<Moment> {
    // MongoDB writes long numbers as text.
    if let Ok(number) = text.parse() {
        return of_number(number);
    }
    let stamp = stamp::iso(text.as_bytes()).filter(|(_, rest)| rest.is_empty());
    stamp.map(|(moment, _)| moment)
}

/// Returns the moment of milliseconds or, if it is that small, seconds since 1970.
fn of_number(number: i64) -> Option<Moment> {
    let micros = if number.abs() < MILLIS_MIN {
        1_000_000
    } else {
        1_000
    };
    let us = number.checked_mul(micros)?;
    Some(Moment::Unix { us })
}

fn of_seconds(seconds: f64) -> Option<Moment> {
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
