//! Masks such as `*!*@host`: their normal form, and matching.

use crate::irc::network::names::CASE_MAPPING;

/// Says whether `text` matches `mask`, where `*` stands for any bytes and `?` for one, in any case.
pub(super) fn matches(mask: &[u8], text: &[u8]) -> bool {
    let (mut m, mut t) = (0, 0);
    // The last `*` and the place in the text from which it may take one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match mask.get(m) {
            Some(b'*') => {
                retry = Some((m, t));
                m += 1;
            }
            Some(&byte)
                if byte == b'?' || CASE_MAPPING.lower(byte) == CASE_MAPPING.lower(text[t]) =>
            {
                m += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else {
                    return false;
                };
                retry = Some((star, from + 1));
                m = star + 1;
                t = from + 1;
            }
        }
    }
    mask[m..].iter().all(|&byte| byte == b'*')
}

/// Returns the mask with what it leaves out as `*`: `nick!user@host`.
pub(super) fn normal(mask: &[u8]) -> Vec<u8> {
    let has = |byte| mask.contains(&byte);
    let parts: [&[u8]; 3] = match (has(b'!'), has(b'@')) {
        (true, true) => [b"", mask, b""],
        (true, false) => [b"", mask, b"@*"],
        (false, true) => [b"*!", mask, b""],
        (false, false) => [b"", mask, b"!*@*"],
    };
    parts.concat()
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::*;

    /// The twin: by definition, and exponential.
    fn naive(mask: &[u8], text: &[u8]) -> bool {
        match (mask.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => naive(rest, text),
            (Some((b'*', rest)), Some((_, after))) => naive(rest, text) || naive(mask, after),
            (Some((b'?', rest)), Some((_, after))) => naive(rest, after),
            (Some((a, rest)), Some((b, after))) => {
                CASE_MAPPING.lower(*a) == CASE_MAPPING.lower(*b) && naive(rest, after)
            }
            _ => false,
        }
    }

    #[test]
    fn masks_are_completed() {
        assert_eq!(normal(b"alder"), b"alder!*@*");
        assert_eq!(normal(b"a@b"), b"*!a@b");
        assert_eq!(normal(b"a!b"), b"a!b@*");
        assert_eq!(normal(b"*!*@b"), b"*!*@b");
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(mask in "[ab*?]{0,8}", text in "[abAB]{0,10}") {
            proptest::prop_assert_eq!(matches(mask.as_bytes(), text.as_bytes()), naive(mask.as_bytes(), text.as_bytes()));
        }
    }
}
