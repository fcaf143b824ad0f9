//! A quick way through lines of JSON as they nearly all are: one flat object, texts without escapes, whole numbers. Whatever else a
//! line has, it is left to the parser that knows all of JSON.

use std::borrow::Cow;

use crate::traffic::capture::format::json::Line;
use crate::traffic::capture::format::json::Text;
use crate::traffic::capture::format::json::Time;
use crate::traffic::capture::format::json::of_number;
use crate::traffic::capture::format::json::of_text;

/// Digits of a number: any so long fits 64 bits.
const DIGITS_MAX: usize = 18;

/// Objects around a time: `{"$date":{"$numberLong":"…"}}`.
const TIME_DEPTH_MAX: u32 = 2;

/// Returns what a line says, or `None` if the quick way doesn't tell.
pub(super) fn line(bytes: &[u8]) -> Option<Line<'_>> {
    let mut rest = Rest(std::str::from_utf8(bytes).ok()?);
    let [mut kind, mut nick, mut text, mut channel, mut peer] = [None; 5];
    let mut time = None;
    rest.take(b'{')?;
    loop {
        let key = rest.text()?;
        rest.take(b':')?;
        let place = match key {
            "type" | "event" | "command" => &mut kind,
            "nick" | "user" | "from" => &mut nick,
            "text" | "message" | "reason" => &mut text,
            "channel" | "target" => &mut channel,
            "peer" | "newnick" | "new_nick" | "kicked" | "to" => &mut peer,
            "time" | "timestamp" | "ts" => {
                let told = rest.time(TIME_DEPTH_MAX)?;
                if time.replace(told).is_some() {
                    return None;
                }
                if rest.is_over()? {
                    break;
                }
                continue;
            }
            _ => {
                rest.skip()?;
                if rest.is_over()? {
                    break;
                }
                continue;
            }
        };
        // Two names of one thing are an error, which the other parser words.
        if place.replace(rest.text()?).is_some() {
            return None;
        }
        if rest.is_over()? {
            break;
        }
    }
    rest.0.is_empty().then_some(())?;
    Some(Line {
        kind: Text(Cow::Borrowed(kind?)),
        nick: Text(Cow::Borrowed(nick?)),
        time: time?,
        text: Text(Cow::Borrowed(text.unwrap_or_default())),
        channel: Text(Cow::Borrowed(channel.unwrap_or_default())),
        peer: Text(Cow::Borrowed(peer.unwrap_or_default())),
    })
}

/// What of a line is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Passes over blanks.
    fn trim(&mut self) {
        if self.0.starts_with([' ', '\t']) {
            self.0 = self.0.trim_start_matches([' ', '\t']);
        }
    }

    /// Takes a sign.
    fn take(&mut self, sign: u8) -> Option<()> {
        self.trim();
        self.0 = self.0.strip_prefix(char::from(sign))?;
        Some(())
    }

    /// Returns whether an object is over after a value, or else takes the comma.
    fn is_over(&mut self) -> Option<bool> {
        self.trim();
        let (sign, rest) = self.0.split_at_checked(1)?;
        self.0 = rest;
        match sign {
            "}" => Some(true),
            "," => Some(false),
            _ => None,
        }
    }

    /// Takes a text without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.0.as_bytes())?;
        let (text, rest) = self.0.split_at_checked(end)?;
        // JSON has no bare control characters.
        if text.bytes().any(|byte| byte < b' ') {
            return None;
        }
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// Takes a whole number that is not negative.
    fn number(&mut self) -> Option<i64> {
        self.trim();
        let bytes = self.0.as_bytes();
        let count = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let is_whole = !matches!(bytes.get(count), None | Some(b'.' | b'e' | b'E'));
        let is_plain = count == 1 || bytes.first() != Some(&b'0');
        if count == 0 || count > DIGITS_MAX || !is_whole || !is_plain {
            return None;
        }
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let digits = digits.bytes().map(|digit| i64::from(digit - b'0'));
        Some(digits.fold(0, |sum, digit| sum * 10 + digit))
    }

    /// Takes a time, in so many objects at most.
    fn time(&mut self, depth: u32) -> Option<Time> {
        self.trim();
        match self.0.as_bytes().first()? {
            b'"' => Some(Time(of_text(self.text()?))),
            b'{' if depth > 0 => {
                self.take(b'{')?;
                self.text()?;
                self.take(b':')?;
                let time = self.time(depth - 1)?;
                self.take(b'}')?;
                Some(time)
            }
            _ => Some(Time(of_number(self.number()?))),
        }
    }

    /// Passes over a value of no interest.
    fn skip(&mut self) -> Option<()> {
        self.trim();
        if self.0.starts_with('"') {
            self.text().map(|_| ())
        } else {
            self.number().map(|_| ())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_oneof;
    use proptest::proptest;

    use super::*;

    /// Checks that both ways agree where the quick one tells anything; returns whether it does.
    #[track_caller]
    fn check(text: &str) -> bool {
        let Some(found) = line(text.as_bytes()) else {
            return false;
        };
        let want: Line<'_> = serde_json::from_slice(text.as_bytes()).unwrap();
        assert_eq!(format!("{found:?}"), format!("{want:?}"), "{text}");
        true
    }

    #[test]
    fn usual_lines_take_the_quick_way() {
        for text in [
            r#"{"type":"message","nick":"alder","text":"hi 🌲","time":{"$date":1709209801002}}"#,
            r#"{ "_id" : 7, "type" : "quit", "nick" : "alder", "reason" : "bye", "time" : 1 }"#,
            r#"{"event":"PRIVMSG","from":"a","channel":"&w","message":"","ts":"2024-02-29T12:30:01.002Z"}"#,
            r#"{"type":"join","nick":"a","time":{"$date":{"$numberLong":"1709209801002"}},"x":"y"}"#,
        ] {
            assert!(check(text), "{text}");
        }
    }

    #[test]
    fn unusual_lines_are_left_to_the_other() {
        for text in [
            r#"{"type":"message","nick":"a","text":"a \"b\"","time":1}"#,
            r#"{"type":"message","nick":"a","user":"b","time":1}"#,
            r#"{"type":"message","nick":"a","time":1.5}"#,
            r#"{"type":"message","nick":"a","time":01}"#,
            r#"{"type":"message","nick":"a","time":-1}"#,
            r#"{"type":"message","nick":"a","time":1,"x":[]}"#,
            r#"{"type":"message","nick":"a","time":1} x"#,
            r#"{"type":"message","nick":"a","text":null,"time":1}"#,
            r#"{"type":"message","nick":"a"}"#,
            "{\"type\":\"message\",\"nick\":\"a\tb\",\"time\":1}",
            "{}",
            "{",
        ] {
            assert!(!check(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            members in proptest::collection::vec(
                (
                    "(type|nick|user|text|channel|to|time|ts|x)",
                    prop_oneof![
                        "\"[a-z #\\\\🌲\"]{0,6}\"",
                        "[0-9.e-]{1,20}",
                        "(null|true|\\[\\]|\\{\"\\$date\": ?[0-9]{1,4}\\})",
                    ],
                ),
                0..6,
            ),
            change in proptest::option::of((any::<proptest::sample::Index>(), any::<char>())),
        ) {
            let members: Vec<String> = [("type", "\"a\""), ("nick", "\"b\""), ("time", "7")]
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .chain(members.iter().map(|(key, value)| format!("\"{key}\": {value}")))
                .collect();
            // With the members that every line needs, and without.
            for first in [0, 3] {
                let members = members.get(first..).unwrap_or_default();
                let mut text: Vec<char> = format!("{{{}}}", members.join(",")).chars().collect();
                check(&text.iter().collect::<String>());
                if let Some((at, to)) = &change {
                    let at = at.index(text.len());
                    text[at] = *to;
                    check(&text.iter().collect::<String>());
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_left(bytes in proptest::collection::vec(any::<u8>(), 0..80).prop_map(|mut bytes| {
            bytes.insert(0, b'{');
            bytes
        })) {
            let _ = line(&bytes);
        }
    }
}
