//! Text out of HTML: what a browser shows of a line.

/// Appends what a browser shows of `html`: tags are left out, entities are what they stand for.
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

/// Entities that any page with text of people is full of; the table of the rest is far slower.
const FREQUENT: [(&[u8], u8); 5] = [
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"amp;", b'&'),
    (b"quot;", b'"'),
    (b"#39;", b'\''),
];

fn append_unescaped(shown: &[u8], text: &mut Vec<u8>) {
    let mut rest = shown;
    while let Some(at) = memchr::memchr(b'&', rest) {
        let (plain, entity) = rest.split_at(at);
        text.extend_from_slice(plain);
        let name = entity.get(1..).unwrap_or_default();
        let frequent = FREQUENT
            .iter()
            .find_map(|(known, byte)| Some((*byte, name.strip_prefix(*known)?)));
        if let Some((byte, after)) = frequent {
            text.push(byte);
            rest = after;
            continue;
        }
        let end = memchr::memchr2(b'&', b';', name).map_or(name.len(), |end| {
            end + usize::from(name.get(end) == Some(&b';'))
        });
        let (entity, after) = entity.split_at(end + 1);
        html_escape::decode_html_entities_to_vec(String::from_utf8_lossy(entity), text);
        rest = after;
    }
    text.extend_from_slice(rest);
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
        check(
            "&eacute;t&#233; &&lt;& &nothing;",
            "\u{e9}t\u{e9} &<& &nothing;",
        );
        check("cut <a href", "cut ");
        check("", "");
    }
}
