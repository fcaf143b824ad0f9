//! One line of IRC as a message: tags, source, command, parameters, all borrowed from the line.

use memchr::memchr;
use memchr::memchr2;
use thiserror::Error;

use crate::irc::wire::framer::LINE_BYTES_MAX;
use crate::irc::wire::tags::Tags;

/// Most parameters of a message; the last of them takes the rest of the line.
///
/// RFC 2812 (2.3.1) allows 15, but `InspIRCd` ends a netsplit with MODEs of 20 nicks and so 22 parameters.
pub const PARAMS_MAX: usize = 32;

// The bounds of the parameters are kept as u16.
const _: () = assert!(LINE_BYTES_MAX <= u16::MAX as usize);

/// A message, borrowed from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The tags; empty if the line has none.
    pub tags: Tags<'a>,
    /// Who sent it, if the line says so.
    pub source: Option<Source<'a>>,
    /// The command or the three digits of a numeric, as written (never empty).
    pub command: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Message<'a> {
    /// Parses one line without its line ending.
    ///
    /// Repeated spaces count as one and spaces at the end of the line are skipped, as servers in use send both.
    ///
    /// # Errors
    ///
    /// When the line holds no command, or is longer than [`LINE_BYTES_MAX`].
    pub fn parse(line: &'a [u8]) -> Result<Self, WireError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(WireError::TooLong { bytes: line.len() });
        }
        let mut at = skip_spaces(line, 0);
        let mut tags = Tags::default();
        if line.get(at) == Some(&b'@') {
            let end = word_end(line, at);
            tags = Tags::new(&line[at + 1..end]);
            at = skip_spaces(line, end);
        }
        let mut source = None;
        if line.get(at) == Some(&b':') {
            let end = word_end(line, at);
            source = Some(Source::parse(&line[at + 1..end]));
            at = skip_spaces(line, end);
        }
        let end = word_end(line, at);
        if at == end {
            return Err(WireError::NoCommand);
        }
        Ok(Self {
            tags,
            source,
            command: &line[at..end],
            params: Params::parse(line, end),
        })
    }

    /// Returns the number of a numeric, or `None` if the command is a word.
    pub fn numeric(&self) -> Option<u16> {
        let &[a, b, c] = self.command else {
            return None;
        };
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        Some(digit(a)? * 100 + digit(b)? * 10 + digit(c)?)
    }

    /// Says whether the command is `word`, in any case.
    pub fn is(&self, word: &[u8]) -> bool {
        self.command.eq_ignore_ascii_case(word)
    }
}

/// The parameters of a message: at most [`PARAMS_MAX`], the trailing one without its colon.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    line: &'a [u8],
    bounds: [(u16, u16); PARAMS_MAX],
    count: u8,
}

impl<'a> Params<'a> {
    /// Returns the parameter at `index`, counted from zero.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.len() {
            return None;
        }
        let (start, end) = self.bounds[index];
        Some(&self.line[usize::from(start)..usize::from(end)])
    }

    /// Returns how many parameters there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the last parameter.
    pub fn last(&self) -> Option<&'a [u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Returns the parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    fn parse(line: &'a [u8], from: usize) -> Self {
        let mut params = Self {
            line,
            bounds: [(0, 0); PARAMS_MAX],
            count: 0,
        };
        let mut at = skip_spaces(line, from);
        while at < line.len() {
            let is_last_place = params.len() == PARAMS_MAX - 1;
            let is_trailing = line[at] == b':';
            if is_trailing || is_last_place {
                params.add(at + usize::from(is_trailing), line.len());
                break;
            }
            let end = word_end(line, at);
            params.add(at, end);
            at = skip_spaces(line, end);
        }
        params
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "places in a line of at most LINE_BYTES_MAX, which fits in a u16"
    )]
    fn add(&mut self, start: usize, end: usize) {
        self.bounds[self.len()] = (start as u16, end as u16);
        self.count += 1;
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params<'_> {}

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(String::from_utf8_lossy))
            .finish()
    }
}

/// Who sent a message: `nick!user@host`, parts of it, or the name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The nick, or the server's name.
    pub nick: &'a [u8],
    /// The user name.
    pub user: Option<&'a [u8]>,
    /// The host.
    pub host: Option<&'a [u8]>,
}

impl<'a> Source<'a> {
    /// Takes a source apart; every sequence of bytes is one.
    pub fn parse(text: &'a [u8]) -> Self {
        let Some(mark) = memchr2(b'!', b'@', text) else {
            return Self {
                nick: text,
                user: None,
                host: None,
            };
        };
        let (nick, rest) = (&text[..mark], &text[mark + 1..]);
        if text[mark] == b'@' {
            return Self {
                nick,
                user: None,
                host: Some(rest),
            };
        }
        match memchr(b'@', rest) {
            Some(at) => Self {
                nick,
                user: Some(&rest[..at]),
                host: Some(&rest[at + 1..]),
            },
            None => Self {
                nick,
                user: Some(rest),
                host: None,
            },
        }
    }

    /// Says whether this looks like a server: a dotted name without user and host. (No nick holds a dot.)
    pub fn is_server(&self) -> bool {
        self.user.is_none() && self.host.is_none() && memchr(b'.', self.nick).is_some()
    }
}

/// Why a line is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// There is no command, and so nothing to act on.
    #[error("a line without a command")]
    NoCommand,
    /// The line is longer than a line can be.
    #[error("a line of {bytes} bytes, expected at most {LINE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

fn skip_spaces(line: &[u8], from: usize) -> usize {
    let mut at = from;
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

fn word_end(line: &[u8], from: usize) -> usize {
    memchr(b' ', &line[from..]).map_or(line.len(), |len| from + len)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::Just;
    use proptest::prelude::Strategy;
    use proptest::prelude::any;
    use proptest::prop_oneof;
    use proptest::proptest;

    use super::*;

    /// The twin: obviously correct, with strings (each byte is one char) and `split`.
    fn naive(line: &[u8]) -> Option<(String, Option<String>, String, Vec<String>)> {
        let text: String = line.iter().copied().map(char::from).collect();
        let mut rest = text.trim_start_matches(' ').to_owned();
        let mut take = |mark: char| -> Option<String> {
            let body = rest.strip_prefix(mark)?.to_owned();
            let (word, after) = body.split_once(' ').unwrap_or((&body, ""));
            let word = word.to_owned();
            rest = after.trim_start_matches(' ').to_owned();
            Some(word)
        };
        let tags = take('@').unwrap_or_default();
        let source = take(':');
        let (command, rest) = rest.split_once(' ').unwrap_or((&rest, ""));
        if command.is_empty() {
            return None;
        }
        let mut params = Vec::new();
        let mut rest = rest.trim_start_matches(' ').to_owned();
        while !rest.is_empty() {
            if let Some(trailing) = rest.strip_prefix(':') {
                params.push(trailing.to_owned());
                break;
            }
            if params.len() == PARAMS_MAX - 1 {
                params.push(rest);
                break;
            }
            let (word, after) = rest.split_once(' ').unwrap_or((&rest, ""));
            params.push(word.to_owned());
            rest = after.trim_start_matches(' ').to_owned();
        }
        Some((tags, source, command.to_owned(), params))
    }

    fn latin(bytes: &[u8]) -> String {
        bytes.iter().copied().map(char::from).collect()
    }

    fn source_text(source: &Source<'_>) -> String {
        let mut text = latin(source.nick);
        if let Some(user) = source.user {
            text = text + "!" + &latin(user);
        }
        if let Some(host) = source.host {
            text = text + "@" + &latin(host);
        }
        text
    }

    #[track_caller]
    fn same_as_naive(line: &[u8]) {
        let fast = Message::parse(line).ok().map(|message| {
            (
                latin(message.tags.as_bytes()),
                message.source.as_ref().map(source_text),
                latin(message.command),
                message.params.iter().map(latin).collect::<Vec<_>>(),
            )
        });
        assert_eq!(fast, naive(line), "{}", latin(line));
    }

    #[track_caller]
    fn check(line: &str, source: Option<&str>, command: &str, params: &[&str]) {
        let message = Message::parse(line.as_bytes()).unwrap();
        assert_eq!(message.source.as_ref().map(source_text).as_deref(), source);
        assert_eq!(latin(message.command), command);
        assert_eq!(message.params.iter().map(latin).collect::<Vec<_>>(), params);
        same_as_naive(line.as_bytes());
    }

    #[test]
    fn odd_lines_of_real_servers_are_read() {
        let alder = Some("alder!~alder@127.0.0.1");
        check("PING x", None, "PING", &["x"]);
        check("PING :x", None, "PING", &["x"]);
        check(":alder!~alder@127.0.0.1 JOIN :#c", alder, "JOIN", &["#c"]);
        check(":alder!~alder@127.0.0.1 JOIN #c", alder, "JOIN", &["#c"]);
        check(
            ":irc1.test 353 cedar * #c :@alder birch ",
            Some("irc1.test"),
            "353",
            &["cedar", "*", "#c", "@alder birch "],
        );
        // ngircd's bare mode line, and a trailing space as several servers leave it.
        check(
            ":irc1.test MODE #c + ",
            Some("irc1.test"),
            "MODE",
            &["#c", "+"],
        );
        check(":alder!~alder@127.0.0.1 QUIT :", alder, "QUIT", &[""]);
        check("  ERROR   :a  b", None, "ERROR", &["a  b"]);
        check(
            "@a=b :x PRIVMSG  #c  ::)",
            Some("x"),
            "PRIVMSG",
            &["#c", ":)"],
        );
        check(":x@host NICK y", Some("x@host"), "NICK", &["y"]);
        check("PRIVMSG #c :", None, "PRIVMSG", &["#c", ""]);
    }

    #[test]
    fn parameters_past_the_fifteenth_are_told_apart_and_past_the_last_place_kept_together() {
        let nicks: Vec<String> = (0..40).map(|n| format!("b{n:03}")).collect();
        let line = |count: usize| format!("MODE #c +oooo {} :b999", nicks[..count].join(" "));
        let twenty = line(19);
        let params = Message::parse(twenty.as_bytes()).unwrap().params;
        assert_eq!(params.len(), 22);
        assert_eq!(params.get(20), Some(&b"b018"[..]));
        assert_eq!(params.last(), Some(&b"b999"[..]));
        same_as_naive(twenty.as_bytes());

        let forty = line(40);
        let params = Message::parse(forty.as_bytes()).unwrap().params;
        assert_eq!(params.len(), PARAMS_MAX);
        assert!(params.last().unwrap().starts_with(b"b029 b030"));
        same_as_naive(forty.as_bytes());
    }

    #[test]
    fn lines_without_a_command_are_refused() {
        for line in ["", "   ", "@a=b", ":source", "@a :b ", ": "] {
            assert_eq!(
                Message::parse(line.as_bytes()),
                Err(WireError::NoCommand),
                "{line:?}"
            );
        }
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        assert!(matches!(
            Message::parse(&long),
            Err(WireError::TooLong { .. })
        ));
    }

    #[test]
    fn only_three_digits_are_a_numeric() {
        let numeric = |line: &'static str| Message::parse(line.as_bytes()).unwrap().numeric();
        assert_eq!(numeric(":s 001 x"), Some(1));
        assert_eq!(numeric(":s 433 x"), Some(433));
        assert_eq!(numeric("PING"), None);
        assert_eq!(numeric("01"), None);
        assert_eq!(numeric("0011"), None);
        assert_eq!(numeric("4a3"), None);
    }

    #[test]
    fn a_server_is_told_from_a_nick_by_its_dot() {
        assert!(Source::parse(b"irc1.test").is_server());
        assert!(!Source::parse(b"alder").is_server());
        assert!(!Source::parse(b"alder!a@b.test").is_server());
    }

    proptest! {
        #[test]
        fn any_bytes_parse_as_the_naive_twin_does(line in vec(any::<u8>(), 0..300)) {
            same_as_naive(&line);
        }

        #[test]
        fn lines_of_meaningful_bytes_parse_as_the_naive_twin_does(
            line in vec(prop_oneof![Just(b' '), Just(b':'), Just(b'@'), Just(b'!'), Just(b';'), any::<u8>()], 0..80)
                .prop_map(|bytes| bytes)
        ) {
            same_as_naive(&line);
        }
    }
}
