//! Lines of IRC built in the caller's buffer, always well formed.

use crate::irc::wire::tags;

/// One line that grows at the end of a buffer: tags, then source, then command, then parameters, then its end.
///
/// Whatever bytes are handed in, exactly one line comes out, and it parses to the same parts: CR, LF and NUL become spaces, and in
/// places that can hold no space, underscores.
#[derive(Debug)]
#[must_use = "a line needs its end: call `last`, `trailing` or `end`"]
pub struct Line<'a> {
    out: &'a mut Vec<u8>,
    has_tags: bool,
}

impl<'a> Line<'a> {
    /// Begins a line at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            has_tags: false,
        }
    }

    /// Begins a line with its command, such as `PRIVMSG`.
    pub fn with_command(out: &'a mut Vec<u8>, command: &[u8]) -> Self {
        Self::new(out).command(command)
    }

    /// Adds a tag; `key` is a plain word, `value` is escaped here. Tags come before all else.
    pub fn tag(self, key: &[u8], value: &[u8]) -> Self {
        self.out.push(if self.has_tags { b';' } else { b'@' });
        push_word(key, self.out);
        if !value.is_empty() {
            self.out.push(b'=');
            tags::escape(value, self.out);
        }
        Self {
            has_tags: true,
            ..self
        }
    }

    /// Adds the source, such as `irc1.test` or `nick!user@host`.
    pub fn source(mut self, source: &[u8]) -> Self {
        self.close_tags();
        self.out.push(b':');
        push_word(source, self.out);
        self.out.push(b' ');
        self
    }

    /// Adds the command.
    pub fn command(mut self, command: &[u8]) -> Self {
        self.close_tags();
        push_word(command, self.out);
        self
    }

    /// Adds the command as three digits.
    pub fn numeric(self, number: u16) -> Self {
        let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
        let digits = [digit(number / 100), digit(number / 10), digit(number)];
        self.command(&digits)
    }

    /// Adds a parameter that is one word. An empty one becomes `*`, a colon at its start an underscore.
    pub fn param(self, word: &[u8]) -> Self {
        self.out.push(b' ');
        match word {
            [] => self.out.push(b'*'),
            [b':', rest @ ..] => {
                self.out.push(b'_');
                push_word(rest, self.out);
            }
            _ => push_word(word, self.out),
        }
        self
    }

    /// Adds a number as a parameter.
    pub fn number(self, number: u64) -> Self {
        self.out.push(b' ');
        push_number(number, self.out);
        self
    }

    /// Adds the last parameter, with a colon only if it needs one, and ends the line.
    pub fn last(self, text: &[u8]) {
        let needs_colon =
            text.is_empty() || text[0] == b':' || text.iter().any(|byte| b" \r\n\0".contains(byte));
        if needs_colon {
            self.trailing(text);
        } else {
            self.param(text).end();
        }
    }

    /// Adds the last parameter after a colon, and ends the line.
    pub fn trailing(self, text: &[u8]) {
        self.out.extend_from_slice(b" :");
        push_clean(text, b' ', self.out);
        self.end();
    }

    /// Adds all that comes behind the tags, as another line has it, and ends the line.
    pub fn rest(mut self, body: &[u8]) {
        self.close_tags();
        push_clean(body, b' ', self.out);
        self.end();
    }

    /// Ends the line.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn close_tags(&mut self) {
        if self.has_tags {
            self.out.push(b' ');
            self.has_tags = false;
        }
    }
}

/// Returns the most bytes of text in a PRIVMSG that reach its receivers uncut.
///
/// The server relays `:source PRIVMSG target :text` and CR LF in at most `line_len` bytes, tags apart; `source_len` is that of the
/// sender's `nick!user@host`.
pub fn text_bytes_max(source_len: usize, target_len: usize, line_len: usize) -> usize {
    const FRAME: usize = ": PRIVMSG  :\r\n".len();
    line_len.saturating_sub(FRAME + source_len + target_len)
}

/// Appends `number` in decimal digits.
pub fn push_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn push_word(word: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    push_clean(word, b'_', out);
    for byte in &mut out[start..] {
        if *byte == b' ' {
            *byte = b'_';
        }
    }
}

fn push_clean(text: &[u8], substitute: u8, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    for byte in &mut out[start..] {
        if matches!(*byte, b'\r' | b'\n' | 0) {
            *byte = substitute;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::any;
    use proptest::prop_assert;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;
    use crate::irc::wire::framer::Framer;
    use crate::irc::wire::message::Message;

    fn line(build: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        build(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_look_as_people_write_them() {
        let join = line(|out| Line::with_command(out, b"JOIN").last(b"#c"));
        assert_eq!(join, "JOIN #c\r\n");
        let quit = line(|out| Line::with_command(out, b"QUIT").end());
        assert_eq!(quit, "QUIT\r\n");
        let names = line(|out| {
            Line::new(out)
                .source(b"irc1.test")
                .numeric(353)
                .param(b"alder")
                .param(b"=")
                .param(b"#c")
                .trailing(b"@alder");
        });
        assert_eq!(names, ":irc1.test 353 alder = #c :@alder\r\n");
        let tagged = line(|out| {
            Line::new(out)
                .tag(b"a", b"x y")
                .tag(b"b", b"")
                .command(b"PING")
                .number(0)
                .last(b"a b");
        });
        assert_eq!(tagged, "@a=x\\sy;b PING 0 :a b\r\n");
        let relayed = line(|out| Line::new(out).tag(b"a", b"b").rest(b":s NOTICE c :d\re"));
        assert_eq!(relayed, "@a=b :s NOTICE c :d e\r\n");
    }

    #[test]
    fn nobody_can_smuggle_a_second_line() {
        let text = line(|out| {
            Line::with_command(out, b"PRIVMSG")
                .param(b"alder\r\nQUIT")
                .last(b"x\nQUIT");
        });
        assert_eq!(text, "PRIVMSG alder__QUIT :x QUIT\r\n");
        let text = line(|out| Line::with_command(out, b"NICK").param(b":a b").last(b":"));
        assert_eq!(text, "NICK _a_b ::\r\n");
        let text = line(|out| Line::with_command(out, b"NICK").param(b"").end());
        assert_eq!(text, "NICK *\r\n");
    }

    #[test]
    fn a_text_at_the_budget_fills_the_relayed_line() {
        let (source, target) = (b"alder!alder@host.test", b"#trees");
        let max = text_bytes_max(source.len(), target.len(), 512);
        let relayed = line(|out| {
            Line::new(out)
                .source(source)
                .command(b"PRIVMSG")
                .param(target)
                .trailing(&vec![b'x'; max]);
        });
        assert_eq!(relayed.len(), 512);
        assert_eq!(text_bytes_max(600, 10, 512), 0);
    }

    #[track_caller]
    fn composes_to_itself(recording: &[u8]) {
        let mut framer = Framer::new();
        let mut line_count = 0;
        framer.push(recording, |line| {
            line_count += 1;
            let message = Message::parse(line.unwrap()).unwrap();
            let mut out = Vec::new();
            let mut built = Line::new(&mut out);
            for (key, value) in &message.tags {
                let mut plain = Vec::new();
                tags::unescape(value, &mut plain);
                built = built.tag(key, &plain);
            }
            if let Some(source) = message.source {
                let user = source.user.map(|user| [b"!", user].concat());
                let host = source.host.map(|host| [b"@", host].concat());
                let parts = [
                    source.nick,
                    &user.unwrap_or_default(),
                    &host.unwrap_or_default(),
                ];
                built = built.source(&parts.concat());
            }
            built = built.command(message.command);
            let (last, words) = message
                .params
                .len()
                .checked_sub(1)
                .map_or((None, 0), |words| (message.params.last(), words));
            for word in message.params.iter().take(words) {
                built = built.param(word);
            }
            match last {
                Some(text) => built.last(text),
                None => built.end(),
            }
            let body = out.strip_suffix(b"\r\n").unwrap();
            assert_eq!(Message::parse(body), Ok(message));
        });
        assert!(line_count > 10, "{line_count} lines");
    }

    #[test]
    fn recordings_of_real_servers_are_composed_again_to_the_same_messages() {
        composes_to_itself(include_bytes!("../../../tests/data/wire/inspircd.txt"));
        composes_to_itself(include_bytes!("../../../tests/data/wire/ircd-hybrid.txt"));
        composes_to_itself(include_bytes!("../../../tests/data/wire/ngircd.txt"));
        composes_to_itself(include_bytes!("../../../tests/data/wire/znc-reattach.txt"));
    }

    proptest! {
        #[test]
        fn what_is_composed_parses_to_the_same_parts(
            tag in option::of(vec(1_u8.., 1..20)),
            source in option::of("[a-z]{1,9}![a-z]{1,9}@[a-z.]{1,20}"),
            words in vec("[!-9;-~][!-~]{0,9}", 0..13),
            text in option::of(vec(any::<u8>(), 0..40)),
        ) {
            let mut out = Vec::new();
            let mut built = Line::new(&mut out);
            if let Some(value) = &tag {
                built = built.tag(b"k", value);
            }
            if let Some(source) = &source {
                built = built.source(source.as_bytes());
            }
            built = built.command(b"CMD");
            for word in &words {
                built = built.param(word.as_bytes());
            }
            match &text {
                Some(text) => built.last(text),
                None => built.end(),
            }
            let body = out.strip_suffix(b"\r\n").unwrap();
            let message = Message::parse(body).unwrap();
            let clean = |text: &[u8]| text.iter().map(|&b| if b"\r\n\0".contains(&b) { b' ' } else { b }).collect::<Vec<_>>();
            let want: Vec<Vec<u8>> = words.iter().map(|w| w.as_bytes().to_vec()).chain(text.as_deref().map(clean)).collect();
            prop_assert_eq!(message.params.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), want);
            prop_assert_eq!(message.source.is_some(), source.is_some());
            if let Some(value) = tag {
                let mut plain = Vec::new();
                tags::unescape(message.tags.get(b"k").unwrap_or_default(), &mut plain);
                prop_assert_eq!(plain, value);
            }
        }

        #[test]
        fn any_bytes_make_exactly_one_line(parts in vec(vec(any::<u8>(), 0..20), 5)) {
            let mut out = Vec::new();
            Line::new(&mut out)
                .tag(&parts[0], &parts[1])
                .source(&parts[2])
                .command(b"CMD")
                .param(&parts[3])
                .last(&parts[4]);
            let mut line_count = 0;
            Framer::new().push(&out, |_| line_count += 1);
            prop_assert_eq!(line_count, 1);
            prop_assert!(!out.contains(&0));
        }

        #[test]
        fn numbers_are_written_as_the_standard_library_writes_them(number in any::<u64>()) {
            let mut out = Vec::new();
            push_number(number, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
