//! What a line tells about a connection: whether it talks IRC, and which side says so. No port is asked.

use crate::traffic::capture::is_nick;
use crate::traffic::capture::message;
use crate::traffic::capture::message::Verb;
use crate::traffic::capture::message::parameter;

/// Commands of links between servers: what passes there is no client's connection.
const LINK_COMMANDS: [&[u8]; 9] = [
    b"SERVER",
    b"CAPAB",
    b"PROTOCTL",
    b"UID",
    b"EUID",
    b"SID",
    b"SJOIN",
    b"FJOIN",
    b"SVINFO",
];

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// IRC, sent by a client.
    Client,
    /// IRC, sent by a server.
    Server,
    /// IRC, sent by either.
    Either,
    /// It may be IRC, and other protocols have it too.
    Weak,
    /// No client's IRC.
    Foreign,
    /// IRC between servers.
    Link,
}

/// Judges a line without its end.
pub(super) fn judge(line: &[u8]) -> Evidence {
    let Some(message) = message::parse(line) else {
        return if line.is_empty() {
            Evidence::Weak
        } else {
            Evidence::Foreign
        };
    };
    if LINK_COMMANDS.contains(&message.command) {
        return Evidence::Link;
    }
    let verb = Verb::of(&message);
    let (first, count) = (parameter(&message, 0), message.params.len());
    if message.source.is_some() {
        return match verb {
            Verb::Numeric(_) if count > 0 => Evidence::Server,
            Verb::Numeric(_) => Evidence::Foreign,
            Verb::Other | Verb::Housekeeping => Evidence::Weak,
            _ => Evidence::Server,
        };
    }
    let is_client = match verb {
        Verb::Cap if count > 1 && !matches!(first, b"LS" | b"LIST" | b"REQ" | b"END") => {
            return Evidence::Server;
        }
        Verb::Cap => matches!(first, b"LS" | b"LIST" | b"REQ" | b"END"),
        Verb::Nick => (1..=2).contains(&count) && is_nick(first),
        Verb::Notice if matches!(first, b"AUTH" | b"*") => return Evidence::Server,
        Verb::Privmsg | Verb::Notice => count > 1,
        Verb::Join | Verb::Part | Verb::Mode | Verb::Topic | Verb::Tagmsg => {
            message::is_channel(first)
        }
        Verb::Numeric(_) => return Evidence::Foreign,
        Verb::Housekeeping => match message.command.to_ascii_uppercase().as_slice() {
            b"PING" | b"PONG" if count > 0 => return Evidence::Either,
            b"AUTHENTICATE" => return Evidence::Either,
            b"ERROR" if count == 1 && line.get(5..7) == Some(b" :") => return Evidence::Server,
            b"USER" => count >= 4,
            _ => false,
        },
        Verb::Quit | Verb::Kick | Verb::Batch => false,
        Verb::Other => {
            let is_known = [&b"AWAY"[..], b"STARTTLS", b"USERHOST", b"ISON", b"HELP"]
                .iter()
                .any(|known| message.command.eq_ignore_ascii_case(known));
            return if is_known {
                Evidence::Weak
            } else {
                Evidence::Foreign
            };
        }
    };
    if is_client {
        Evidence::Client
    } else {
        Evidence::Weak
    }
}

/// Returns whether these bytes begin a record of TLS: its type, and the major version 3.
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 0x03, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(want: Evidence, lines: &[&str]) {
        for line in lines {
            assert_eq!(judge(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn sides_are_told_by_their_lines() {
        check(
            Evidence::Client,
            &[
                "CAP LS 302",
                "NICK alder",
                "user a 0 * :A",
                "JOIN #w",
                "PRIVMSG birch :hi",
                "@a=b NOTICE #w :hi",
            ],
        );
        check(
            Evidence::Server,
            &[
                ":s.x 001 alder :hi",
                ":a!b@c PRIVMSG #w :hi",
                ":s.x CAP * LS :sasl",
                "CAP * LS :sasl",
                "NOTICE AUTH :*** Looking up",
                "ERROR :Closing link",
                "@time=x :a JOIN #w",
            ],
        );
        check(
            Evidence::Either,
            &["PING :x", "PONG s.x :y", "AUTHENTICATE +"],
        );
    }

    #[test]
    fn other_protocols_are_not_taken_for_irc() {
        check(
            Evidence::Foreign,
            &[
                "GET / HTTP/1.1",
                "Host: s.x",
                "EHLO s.x",
                "MAIL FROM:<a@b>",
                "220 s.x ESMTP",
                "+OK ready",
                "SSH-2.0-OpenSSH",
                "6667, 4242",
                ":x 42",
            ],
        );
        check(
            Evidence::Weak,
            &[
                "USER anonymous",
                "PASS guest",
                "QUIT",
                "LIST",
                "STARTTLS",
                "",
            ],
        );
        check(
            Evidence::Link,
            &["SERVER hub.x 1 :hub", ":42X UID alder 1", "CAPAB :QS EX"],
        );
        assert!(is_tls(b"\x16\x03\x01"));
        assert!(!is_tls(b"NICK"));
    }
}
