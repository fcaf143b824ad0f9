//! A source file as the checks see it: its code without comments and literals, its modules, its paths.

use std::ops::Range;

/// A source file of the library.
pub(crate) struct Source {
    /// Its path below `src/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// Its text with comments and literals blanked, line by line as long as before.
    pub(crate) code: String,
    /// Where modules are written out in it, innermost last.
    modules: Vec<Range<usize>>,
}

/// A path to a part of the library, as found in a source file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// Its segments after `crate`, `super` resolved.
    pub(crate) segments: Vec<String>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let modules = written_out_modules(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            modules,
        }
    }

    /// Returns the module that the file is: `irc/wire/mod.rs` is `irc`, `wire`.
    pub(crate) fn module(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if stem == "lib" || stem == "main" {
            return Vec::new();
        }
        stem.split('/').map(str::to_owned).collect()
    }

    /// Returns the line of a place in the code, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Returns whether a place lies in a module that is written out in the file, as unit tests are.
    pub(crate) fn is_in_module(&self, at: usize) -> bool {
        self.modules.iter().any(|range| range.contains(&at))
    }

    /// Returns where `word` stands in the code as a word of its own.
    pub(crate) fn words(&self, word: &str) -> Vec<usize> {
        let starts = self.code.match_indices(word).map(|(at, _)| at);
        let is_free = |at: &usize| {
            !self.code[..*at].ends_with(is_word_char)
                && !self.code[at + word.len()..].starts_with(is_word_char)
        };
        starts.filter(is_free).collect()
    }

    /// Returns every path into the library that the code names.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let mut mentions = Vec::new();
        for (root, base) in [
            ("crate", Some(Vec::new())),
            ("splitstorm", Some(Vec::new())),
            ("super", None),
        ] {
            for at in self.words(root) {
                let segments = segments(&self.code[at + root.len()..]);
                if segments.is_empty() {
                    continue;
                }
                let mut whole = match &base {
                    Some(base) => base.clone(),
                    // In a module written out here, `super` is the file itself.
                    None if self.is_in_module(at) => self.module(),
                    None => {
                        let mut module = self.module();
                        module.pop();
                        module
                    }
                };
                whole.extend(segments);
                mentions.push(Mention {
                    line: self.line_of(at),
                    segments: whole,
                });
            }
        }
        mentions
    }
}

/// Returns the segments that follow in `::a::b`.
fn segments(rest: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = rest;
    while let Some(after) = rest.strip_prefix("::") {
        let end = after
            .find(|char: char| !is_word_char(char))
            .unwrap_or(after.len());
        if end == 0 {
            break;
        }
        segments.push(after[..end].to_owned());
        rest = &after[end..];
    }
    segments
}

fn is_word_char(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Returns `text` with comments, strings and characters replaced by spaces.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let is_in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let length = if rest.starts_with(b"//") {
            line_length(rest)
        } else if rest.starts_with(b"/*") {
            block_length(rest)
        } else if !is_in_word && raw_string_length(rest).is_some() {
            raw_string_length(rest).unwrap_or(1)
        } else if rest[0] == b'"' {
            string_length(rest)
        } else if rest[0] == b'\'' {
            char_length(text, at)
        } else {
            0
        };
        if length == 0 {
            out.push(rest[0]);
            at += 1;
        } else {
            let end = (at + length).min(bytes.len());
            out.extend(
                bytes[at..end]
                    .iter()
                    .map(|&byte| if byte == b'\n' { byte } else { b' ' }),
            );
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(rest.len())
}

fn block_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let after = rest.strip_prefix(b"b").unwrap_or(rest);
    let after = after.strip_prefix(b"r")?;
    let hashes = after.iter().take_while(|&&byte| byte == b'#').count();
    let body = after[hashes..].strip_prefix(b"\"")?;
    let mut closing = vec![b'"'];
    closing.resize(hashes + 1, b'#');
    let end = body
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(rest.len() - body.len() + end + closing.len())
}

/// Returns the length of a character literal at `at`; 0 for a lifetime.
fn char_length(text: &str, at: usize) -> usize {
    let rest = &text[at + 1..];
    let mut chars = rest.char_indices();
    match chars.next() {
        Some((_, '\\')) => {
            // The escaped character itself may be a quote.
            let after = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            rest[after..]
                .find('\'')
                .map_or(0, |quote| 1 + after + quote + 1)
        }
        Some(_) => match chars.next() {
            Some((end, '\'')) => 1 + end + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// Returns where `mod name { .. }` stand in the code.
fn written_out_modules(code: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (at, _) in code.match_indices("mod ") {
        let rest = &code[at + "mod ".len()..];
        let name = rest
            .find(|char: char| !is_word_char(char))
            .unwrap_or(rest.len());
        if code[..at].ends_with(is_word_char) || !rest[name..].trim_start().starts_with('{') {
            continue;
        }
        let mut depth = 0;
        for (offset, char) in code[at..].char_indices() {
            match char {
                '{' => depth += 1,
                '}' if depth == 1 => {
                    ranges.push(at..at + offset);
                    break;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_code(text: &str, want: &str) {
        assert_eq!(Source::new("a.rs", text).code, want);
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check_code("a // tokio\nb", "a         \nb");
        check_code("a /* x /* y */ z */ b", "a                   b");
        check_code("f(\"a\\\"b\", 1)", "f(      , 1)");
        check_code("f(r#\"a\"b\"#, br\"c\")", "f(        ,      )");
        check_code(
            "x: &'a str = '\\'' as u8 + '\"'",
            "x: &'a str =      as u8 +    ",
        );
    }

    #[track_caller]
    fn check_mentions(path: &str, text: &str, want: &[(usize, &str)]) {
        let mentions = Source::new(path, text).mentions();
        let found: Vec<(usize, String)> = mentions
            .iter()
            .map(|mention| (mention.line, mention.segments.join("::")))
            .collect();
        let want: Vec<(usize, String)> = want
            .iter()
            .map(|&(line, path)| (line, path.to_owned()))
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn paths_into_the_library_are_found_wherever_they_stand() {
        check_mentions(
            "plan/names.rs",
            "use crate::irc::wire::x;\nfn f() { crate::units::id::g(); }\npub(crate) struct S;",
            &[(1, "irc::wire::x"), (2, "units::id::g")],
        );
        check_mentions(
            "irc/wire/mod.rs",
            "use super::network::Network;\nmod tests {\n    use super::Message;\n}\n",
            &[(1, "irc::network::Network"), (3, "irc::wire::Message")],
        );
        check_mentions("main.rs", "splitstorm::cli::main()", &[(1, "cli::main")]);
    }
}
