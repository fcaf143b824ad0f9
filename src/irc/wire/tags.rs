//! The tags of a message: keys and raw values, unescaped only on demand.

use memchr::memchr;

/// The tags of a message, borrowed from its line; values are kept as escaped on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a> {
    raw: &'a [u8],
}

impl<'a> Tags<'a> {
    /// Takes the text between `@` and the first space.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// Returns the tags as they stand on the wire, without the `@`.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Returns the raw value of `key`, empty if it has none. Of a repeated key the last counts (`IRCv3` message-tags).
    pub fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        // Most lines have one tag, `time`; a scan is cheaper than any table.
        self.iter()
            .filter(|&(found, _)| found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// Returns keys and raw values in order; empty pieces between semicolons are skipped.
    pub fn iter(&self) -> TagIter<'a> {
        TagIter { rest: self.raw }
    }
}

impl<'a> IntoIterator for &Tags<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = TagIter<'a>;

    fn into_iter(self) -> TagIter<'a> {
        self.iter()
    }
}

/// The iterator of [`Tags::iter`].
#[derive(Clone, Debug)]
pub struct TagIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for TagIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = memchr(b';', self.rest).unwrap_or(self.rest.len());
            let tag = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !tag.is_empty() {
                return Some(match memchr(b'=', tag) {
                    Some(at) => (&tag[..at], &tag[at + 1..]),
                    None => (tag, &[]),
                });
            }
        }
        None
    }
}

/// Appends the plain form of a raw tag value to `out`.
///
/// An unknown escape stands for its second byte, a lone backslash at the end for nothing (`IRCv3` message-tags, "Escaping values").
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b':') => out.push(b';'),
            Some(b's') => out.push(b' '),
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(&other) => out.push(other),
            None => {}
        }
    }
}

/// Appends the escaped form of a tag value to `out`. NUL can't be sent and is left out.
pub fn escape(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        match byte {
            b';' => out.extend_from_slice(b"\\:"),
            b' ' => out.extend_from_slice(b"\\s"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0 => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[track_caller]
    fn check(raw: &str, want: &[(&str, &str)]) {
        let tags = Tags::new(raw.as_bytes());
        let got: Vec<_> = tags.iter().collect();
        let want: Vec<_> = want
            .iter()
            .map(|(key, value)| (key.as_bytes(), value.as_bytes()))
            .collect();
        assert_eq!(got, want, "{raw}");
    }

    #[test]
    fn tags_are_split_at_semicolons_and_the_first_equals_sign() {
        check("", &[]);
        check("a", &[("a", "")]);
        check("a=", &[("a", "")]);
        check(";a=b;;+x/y=z=1;", &[("a", "b"), ("+x/y", "z=1")]);
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let tags = Tags::new(b"a=1;b=2;a=3");
        assert_eq!(tags.get(b"a"), Some(&b"3"[..]));
        assert_eq!(tags.get(b"c"), None);
    }

    #[test]
    fn unknown_and_unfinished_escapes_are_read_as_the_specification_says() {
        let mut out = Vec::new();
        unescape(br"a\bc\:\s\\\r\n\", &mut out);
        assert_eq!(out, b"abc; \\\r\n");
    }

    proptest! {
        #[test]
        fn escaping_and_unescaping_give_the_value_back(value in vec(1_u8.., 0..60)) {
            let (mut raw, mut plain) = (Vec::new(), Vec::new());
            escape(&value, &mut raw);
            prop_assert_eq!(raw.iter().find(|byte| b"; \r\n\0".contains(byte)), None);
            unescape(&raw, &mut plain);
            prop_assert_eq!(plain, value);
        }

        #[test]
        fn any_bytes_are_tags(raw in vec(any::<u8>(), 0..60)) {
            let tags = Tags::new(&raw);
            for (key, _) in &tags {
                proptest::prop_assert!(tags.get(key).is_some());
            }
            unescape(&raw, &mut Vec::new());
        }
    }
}
