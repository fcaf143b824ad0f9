//! CTCP ACTION: what people do rather than say, wrapped in a message.

/// What stands before the text.
pub const BEFORE: &[u8] = b"\x01ACTION ";
/// What stands behind it.
pub const AFTER: &[u8] = b"\x01";

/// Returns the text inside a CTCP ACTION, or the text itself.
pub fn unwrapped(text: &[u8]) -> &[u8] {
    let inner = text.strip_prefix(BEFORE);
    inner.map_or(text, |inner| inner.strip_suffix(AFTER).unwrap_or(inner))
}

/// Returns whether a text is a question or an answer of programs: a CTCP that is no ACTION.
pub fn is_query(text: &[u8]) -> bool {
    text.first() == Some(&1) && !text.starts_with(BEFORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_its_text_and_anything_else_is_itself() {
        for (text, want) in [
            (&b"\x01ACTION waves\x01"[..], &b"waves"[..]),
            (b"\x01ACTION cut", b"cut"),
            (b"\x01VERSION\x01", b"\x01VERSION\x01"),
            (b"hello", b"hello"),
            (b"", b""),
        ] {
            assert_eq!(unwrapped(text), want);
            assert_eq!(is_query(text), text.starts_with(b"\x01V"));
        }
    }
}
