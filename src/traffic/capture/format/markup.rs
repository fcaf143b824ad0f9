//! Text out of HTML: what a browser shows of a line.

/// Appends what a browser shows of `html`: tags are left out, entities are what they stand for.
///
/// Bytes that are no UTF-8 are shown as the replacement character where entities stand beside them.
pub(crate) fn append_text(html: &[u8], text: &mut Vec<u8>) {
    let mut rest = html;
    loop {
        let (shown, tag) = match memchr::memchr(b'<', rest) {
            Some(at) => rest.split_at(at),
            None => (rest, &b""[..]),
        };
        append_unescaped(shown, text);
        let Some(end) = memchr::memchr(b'>', tag) else {
            return;
        };
        rest = tag.get(end + 1..).unwrap_or_default();
    }
}

fn append_unescaped(shown: &[u8], text: &mut Vec<u8>) {
    if memchr::memchr(b'&', shown).is_none() {
        text.extend_from_slice(shown);
        return;
    }
    html_escape::decode_html_entities_to_vec(String::from_utf8_lossy(shown), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, want: &str) {
        let mut text = Vec::new();
        append_text(html.as_bytes(), &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), want, "{html}");
    }

    #[test]
    fn a_line_is_what_a_browser_shows() {
        check("a <a href=\"#\">b</a> c", "a b c");
        check("&lt;alder&gt; a &amp; b &#39;c&#39;", "<alder> a & b 'c'");
        check("1 &lt 2", "1 &lt 2");
        check("cut <a href", "cut ");
        check("", "");
    }
}
