//! Lines of the IRC protocol with times: a leading Unix time, or tags that tell one.

use crate::irc::wire::message::Message;
use crate::irc::wire::server_time;
use crate::traffic::capture::LogFormat;
use crate::traffic::capture::Moment;
use crate::traffic::capture::Reading;
use crate::traffic::capture::Seen;
use crate::traffic::capture::first_word;
use crate::traffic::capture::message;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;
use crate::traffic::capture::playback::Playback;

/// The format; it remembers the own nick and what is played back.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    own_nick: Vec<u8>,
    has_echo: bool,
    playback: Playback,
}

impl LogFormat for Raw {
    fn read_line(&mut self, line: &[u8], seen: &mut dyn FnMut(Moment, Seen<'_>)) -> Reading {
        let (stamp, text) = leading_time(line);
        if text.is_empty() || text.starts_with(b"#") {
            // A remark of whoever recorded: no message begins so.
            return if stamp.is_some() || line.starts_with(b"#") {
                Reading::Note
            } else {
                Reading::Damaged("a message")
            };
        }
        let Some(message) = message(text) else {
            return Reading::Damaged("a message: tags, source, command, parameters");
        };
        let Some(us) = stamp.or_else(|| tagged_time(&message)) else {
            return Reading::Damaged("a time: a leading Unix time, or a tag such as @time");
        };
        let mut reading = Reading::Note;
        self.read_message(&message, &mut |event| {
            reading = Reading::Events;
            seen(Moment::Unix { us }, event);
        });
        reading
    }
}

impl Raw {
    fn read_message(&mut self, message: &Message<'_>, seen: &mut dyn FnMut(Seen<'_>)) {
        let verb = Verb::of(message);
        if self.playback.holds(message, verb) {
            return;
        }
        let source = message.source.map_or(&b""[..], |source| source.nick);
        let first = parameter(message, 0);
        match verb {
            // Sent by ourselves: an event unless the server echoes it.
            Verb::Privmsg | Verb::Notice if source.is_empty() => {
                if !self.has_echo && !self.own_nick.is_empty() {
                    message::events(message, verb, &self.own_nick, seen);
                }
            }
            // Without a source these are our own requests; the server's echo tells what became of them.
            Verb::Join
            | Verb::Part
            | Verb::Quit
            | Verb::Nick
            | Verb::Kick
            | Verb::Mode
            | Verb::Topic
                if source.is_empty() => {}
            _ => message::events(message, verb, source, seen),
        }
        match verb {
            Verb::Nick if source == self.own_nick => self.own_nick = first.to_vec(),
            Verb::Numeric(message::WELCOME) => self.own_nick = first.to_vec(),
            Verb::Cap => self.has_echo |= is_echo_on(message),
            _ => {}
        }
    }
}

/// Returns whether the server agrees to echo what we say.
fn is_echo_on(message: &Message<'_>) -> bool {
    let caps = message.params.last().unwrap_or_default();
    parameter(message, 1) == b"ACK"
        && caps
            .split(|&byte| byte == b' ')
            .any(|cap| cap == b"echo-message")
}

/// Splits off a leading Unix time such as `1795557949.926636`; microseconds, or `None` if there is none.
fn leading_time(line: &[u8]) -> (Option<i64>, &[u8]) {
    let (word, rest) = first_word(line);
    let Some(us) = str::from_utf8(word).ok().and_then(unix_us) else {
        return (None, line);
    };
    (Some(us), rest)
}

/// Reads seconds since 1970 with up to six decimals; ten digits before the point tell a time from a numeric.
fn unix_us(word: &str) -> Option<i64> {
    let (secs, decimals) = word.split_once('.').unwrap_or((word, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(9..=11).contains(&secs.len()) || !is_number(secs) || !is_number(decimals) {
        return None;
    }
    let secs: i64 = secs.parse().ok()?;
    let micros: i64 = decimals
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(secs * 1_000_000 + micros)
}

/// Returns the time that tags tell, in microseconds: the server's, else when the recorder or the service received it.
fn tagged_time(message: &Message<'_>) -> Option<i64> {
    if let Some(time) = message.tags.get(b"time") {
        return server_time::parse(time);
    }
    // The recorder's stamps rise from line to line; the service's cross each other.
    let millis = message
        .tags
        .get(b"rm-received-ts")
        .or_else(|| message.tags.get(b"tmi-sent-ts"))?;
    let millis: i64 = str::from_utf8(millis).ok()?.parse().ok()?;
    millis.checked_mul(1_000)
}

/// Returns the message that a line holds; what has its command not in capitals is prose.
fn message(line: &[u8]) -> Option<Message<'_>> {
    message::parse(line).filter(|message| !message.command.iter().any(u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads lines in order and shows the events as `us kind nick channel peer text`.
    fn events(lines: &[&str]) -> Vec<String> {
        let mut raw = Raw::default();
        let mut events = Vec::new();
        for line in lines {
            raw.read_line(line.as_bytes(), &mut |moment, seen| {
                let Moment::Unix { us } = moment else {
                    panic!("{moment:?}");
                };
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                events.push(format!(
                    "{us} {} {} [{}] [{}] [{}]",
                    seen.kind.as_str(),
                    text(seen.nick),
                    text(seen.channel.unwrap_or_default()),
                    text(seen.peer),
                    text(seen.text)
                ));
            });
        }
        events
    }

    #[track_caller]
    fn check(line: &str, want: &[&str]) {
        assert_eq!(events(&[line]), want, "{line}");
    }

    #[track_caller]
    fn check_reading(line: &str, want: Reading) {
        let reading = Raw::default().read_line(line.as_bytes(), &mut |_, _| {});
        assert_eq!(reading, want, "{line}");
    }

    #[test]
    fn times_come_from_the_line_or_its_tags() {
        check(
            "1795557949.5 :a!b@c JOIN #w",
            &["1795557949500000 join a [#w] [] []"],
        );
        check(
            "@time=1970-01-01T00:00:01.002Z :a!b@c JOIN #w",
            &["1002000 join a [#w] [] []"],
        );
        check(
            "@tmi-sent-ts=3;rm-received-ts=5 :a!b@c JOIN #w",
            &["5000 join a [#w] [] []"],
        );
        check("@tmi-sent-ts=3 :a!b@c JOIN #w", &["3000 join a [#w] [] []"]);
        check(
            "1795557949.000001 @time=1970-01-01T00:00:01Z :a!b@c JOIN #w",
            &["1795557949000001 join a [#w] [] []"],
        );
        check_reading(
            ":a!b@c JOIN #w",
            Reading::Damaged("a time: a leading Unix time, or a tag such as @time"),
        );
    }

    #[test]
    fn talk_is_read() {
        let stamp = "1795557949";
        let at = "1795557949000000";
        let rows = [
            (
                ":a!b@c PRIVMSG #w :hi  there",
                "message a [#w] [] [hi  there]",
            ),
            (
                ":a!b@c PRIVMSG #w :\u{1}ACTION waves\u{1}",
                "action a [#w] [] [waves]",
            ),
            (
                ":a!b@c PRIVMSG #w :\u{1}VERSION\u{1}",
                "other a [#w] [] [ctcp]",
            ),
            (":a!b@c NOTICE @#w :ops", "notice a [#w] [] [ops]"),
            (":a!b@c PRIVMSG d :psst", "message a [] [d] [psst]"),
        ];
        for (line, want) in rows {
            check(&format!("{stamp} {line}"), &[&format!("{at} {want}")]);
        }
    }

    #[test]
    fn changes_are_read() {
        let rows = [
            (":a!b@c QUIT :Ping timeout", "quit a [] [] [Ping timeout]"),
            (":a!b@c PART #w :bye", "part a [#w] [] [bye]"),
            (":a!b@c NICK d", "nick a [] [d] []"),
            (":a!b@c KICK #w d :no", "kick a [#w] [d] [no]"),
            (
                ":irc.example MODE #w +ov d e",
                "mode irc.example [#w] [] [+ov d e]",
            ),
            (":a!b@c TOPIC #w :leaves", "topic a [#w] [] [leaves]"),
            (
                ":svc.example CLEARCHAT #w d",
                "other svc.example [#w] [] [clearchat]",
            ),
        ];
        for (line, want) in rows {
            check(
                &format!("1795557949 {line}"),
                &[&format!("1795557949000000 {want}")],
            );
        }
    }

    #[test]
    fn names_tell_who_is_there() {
        check(
            "1795557949 :irc.example 353 me = #w :@a +b!u@h @+c",
            &[
                "1795557949000000 other a [#w] [] [names]",
                "1795557949000000 other b [#w] [] [names]",
                "1795557949000000 other c [#w] [] [names]",
            ],
        );
    }

    #[test]
    fn what_servers_and_bouncers_say_is_no_event() {
        for line in [
            "1795557949 :irc.example NOTICE * :*** Looking up your hostname",
            "1795557949 :irc.example NOTICE me :exempt",
            "1795557949 :irc.example 372 me :- motd",
            "1795557949 :***!znc@znc.in PRIVMSG #w :Buffer Playback...",
            "1795557949 PING :x",
            "1795557949 ERROR :Closing link",
            "1795557949 :me MODE me +i",
            "1795557949 ### a remark",
        ] {
            check_reading(line, Reading::Note);
        }
    }

    #[test]
    fn own_messages_count_unless_the_server_echoes_them() {
        let own = events(&[
            "1795557949 :irc.example 001 me :Welcome",
            "1795557949 PRIVMSG #w :hi",
            "1795557949 JOIN #w",
            "1795557949 :me!u@h NICK you",
            "1795557949 PRIVMSG #w :hi",
            "1795557949 :irc.example CAP you ACK :echo-message",
            "1795557949 PRIVMSG #w :hi",
        ]);
        assert_eq!(
            own,
            [
                "1795557949000000 message me [#w] [] [hi]",
                "1795557949000000 nick me [] [you] []",
                "1795557949000000 message you [#w] [] [hi]",
            ]
        );
    }

    #[test]
    fn playback_is_no_traffic_of_now() {
        let live = events(&[
            "1795557949 :irc.example BATCH +7 chathistory #w",
            "1795557949 @batch=7 :a!b@c PRIVMSG #w :old",
            "1795557949 BATCH +8 netsplit x y",
            "1795557949 @batch=8 :a!b@c QUIT :x.example y.example",
            "1795557949 BATCH -7",
            "1795557949 @batch=7 :a!b@c PRIVMSG #w :new",
        ]);
        assert_eq!(
            live,
            [
                "1795557949000000 quit a [] [] [x.example y.example]",
                "1795557949000000 message a [#w] [] [new]",
            ]
        );
    }

    #[test]
    fn damage_is_named() {
        for line in [
            "1795557949 hello",
            "@time=x",
            "1795557949 :a",
            "1795557949 :a b",
            "",
        ] {
            let reading = Raw::default().read_line(line.as_bytes(), &mut |_, _| {});
            assert!(
                matches!(reading, Reading::Damaged(_)),
                "{line}: {reading:?}"
            );
        }
    }
}
