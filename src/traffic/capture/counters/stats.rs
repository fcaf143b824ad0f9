//! A server's answers to LUSERS and `STATS m`.

use crate::irc::wire::message::Message;
use crate::irc::wire::numeric;
use crate::traffic::capture::counters::Reading;

/// Why a server does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only to operators (481).
    NotOperator,
    /// It does not know STATS (421, or 403 where an old server takes its letter for a channel or a server).
    Unknown,
    /// Not so often (263).
    TryAgain,
}

/// How far an answer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// More is to come, or the line was none of it.
    Open,
    /// This was the last of it.
    Whole(Reading),
    /// There will be no more of it.
    Refused(Refusal),
}

/// Reads one answer after the other. LUSERS has no line that ends it, so it is asked for first: the end of `STATS m` ends both.
#[derive(Clone, Debug, Default)]
pub struct StatsReader {
    reading: Reading,
}

impl StatsReader {
    /// Begins anew: what came of an answer is of no use without the rest.
    pub fn clear(&mut self) {
        self.reading = Reading::default();
    }

    /// Reads a line of the server.
    pub fn handle(&mut self, message: &Message<'_>) -> Answer {
        let Some(number) = message.numeric() else {
            return Answer::Open;
        };
        let word = |index| message.params.get(index).unwrap_or_default();
        match number {
            numeric::RPL_STATSCOMMANDS => match count_of(word(2)) {
                Some(count) => self.reading.add(word(1), count),
                None => self.reading.unread += 1,
            },
            numeric::RPL_ENDOFSTATS => return Answer::Whole(std::mem::take(&mut self.reading)),
            numeric::ERR_NOPRIVILEGES => return self.refused(Refusal::NotOperator),
            numeric::RPL_TRYAGAIN => return self.refused(Refusal::TryAgain),
            // Without LUSERS there is still STATS.
            numeric::ERR_UNKNOWNCOMMAND if word(1).eq_ignore_ascii_case(b"LUSERS") => {}
            numeric::ERR_UNKNOWNCOMMAND | numeric::ERR_NOSUCHCHANNEL => {
                return self.refused(Refusal::Unknown);
            }
            _ => self.handle_lusers(number, message),
        }
        Answer::Open
    }

    fn refused(&mut self, refusal: Refusal) -> Answer {
        self.clear();
        Answer::Refused(refusal)
    }

    fn handle_lusers(&mut self, number: u16, message: &Message<'_>) {
        let text = message.params.last().unwrap_or_default();
        let mut numbers = numbers(text);
        let word = message.params.get(1).and_then(count_of);
        let (name, count) = match number {
            // There are <visible> users and <invisible> invisible on <servers> servers; some tell no invisible ones.
            numeric::RPL_LUSERCLIENT => {
                let visible = numbers.next();
                let invisible = numbers
                    .next()
                    .filter(|_| memchr::memmem::find(text, b" invisible ").is_some());
                (
                    "users",
                    visible.map(|visible| visible.saturating_add(invisible.unwrap_or(0))),
                )
            }
            numeric::RPL_LUSEROP => ("operators", word),
            numeric::RPL_LUSERUNKNOWN => ("unregistered", word),
            numeric::RPL_LUSERCHANNELS => ("channels", word),
            numeric::RPL_LUSERME | numeric::RPL_LOCALUSERS => ("users_local", numbers.next()),
            numeric::RPL_GLOBALUSERS => ("users", numbers.next()),
            _ => return,
        };
        if let Some(count) = count {
            self.reading.gauges.insert(name, count);
        }
    }
}

fn count_of(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Returns the numbers in a text, in order.
fn numbers(text: &[u8]) -> impl Iterator<Item = u64> + '_ {
    text.split(|byte| !byte.is_ascii_digit())
        .filter_map(count_of)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::proptest;

    use super::*;

    fn answer(lines: &[&str]) -> Answer {
        let mut reader = StatsReader::default();
        let mut last = Answer::Open;
        for line in lines {
            assert_eq!(last, Answer::Open);
            last = reader.handle(&Message::parse(line.as_bytes()).unwrap());
        }
        last
    }

    #[track_caller]
    fn check(lines: &[&str], commands: &[(&str, u64)], gauges: &[(&str, u64)]) {
        let Answer::Whole(reading) = answer(lines) else {
            panic!("not whole");
        };
        let got: Vec<(&str, u64)> = reading
            .commands
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        assert_eq!(got, commands);
        let got: Vec<(&str, u64)> = reading.gauges.into_iter().collect();
        assert_eq!(got, gauges);
        assert_eq!(reading.unread, 0);
    }

    #[test]
    fn counts_are_read_in_every_dialect() {
        // ngIRCd: count, bytes, remote count.
        check(
            &[
                ":irc.test 251 ash :There are 3 users and 0 services on 1 servers",
                ":irc.test 254 ash 2 :channels formed",
                ":irc.test 255 ash :I have 3 users, 0 services and 0 servers",
                ":irc.test 265 ash 3 9 :Current local users: 3, Max: 9",
                ":irc.test 266 ash 3 9 :Current global users: 3, Max: 9",
                ":irc.test 250 ash :Highest connection count: 9 (12 connections received)",
                ":irc.test 212 ash NICK 4 80 0",
                ":irc.test 212 ash USER 3 1285 1",
                ":irc.test 219 ash m :End of STATS report",
            ],
            &[("NICK", 4), ("USER", 3)],
            &[("channels", 2), ("users", 3), ("users_local", 3)],
        );
        // InspIRCd: the count alone, after a colon.
        check(
            &[
                ":irc.test 251 ash :There are 1 users and 2 invisible on 1 servers",
                ":irc.test 252 ash 1 :operator(s) online",
                ":irc.test 253 ash 5 :unknown connections",
                ":irc.test 212 ash WHO :7",
                ":irc.test 219 ash m :End of /STATS report",
            ],
            &[("WHO", 7)],
            &[("operators", 1), ("unregistered", 5), ("users", 3)],
        );
    }

    #[test]
    fn refusals_are_told_apart_and_lusers_can_be_missing() {
        for (line, want) in [
            (
                ":irc.test 481 ash :Permission Denied",
                Answer::Refused(Refusal::NotOperator),
            ),
            (
                ":irc.test 421 ash STATS :Unknown command",
                Answer::Refused(Refusal::Unknown),
            ),
            (
                ":irc.test 403 ash m :No such channel",
                Answer::Refused(Refusal::Unknown),
            ),
            (
                ":irc.test 263 ash STATS :Please wait",
                Answer::Refused(Refusal::TryAgain),
            ),
            (":irc.test 421 ash LUSERS :Unknown command", Answer::Open),
            (":ash!a@b PRIVMSG #a :212 x JOIN 5", Answer::Open),
        ] {
            assert_eq!(answer(&[line]), want, "{line}");
        }
    }

    #[test]
    fn a_count_that_is_none_is_counted_as_unread() {
        let Answer::Whole(reading) = answer(&[
            ":irc.test 212 ash JOIN many",
            ":irc.test 212 ash",
            ":irc.test 219 ash m :End",
        ]) else {
            panic!("not whole");
        };
        assert_eq!((reading.commands.len(), reading.unread), (0, 2));
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(lines in vec((200_u16..500, vec(any::<u8>(), 0..60)), 0..20)) {
            let mut reader = StatsReader::default();
            for (number, rest) in lines {
                let mut line = format!(":s {number} ash ").into_bytes();
                line.extend(rest);
                if let Ok(message) = Message::parse(&line) {
                    reader.handle(&message);
                }
            }
        }
    }
}
