//! An answer of HTTP/1.1 to one plain GET, taken apart (RFC 9112).

use std::fmt;

/// Longest answer read: a page of metrics of a large server has a few hundred thousand bytes.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an answer lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no HTTP, or its head or a chunk has no end.
    NoHttp,
    /// It is another status than 200.
    Status(u16),
    /// It is longer than [`ANSWER_BYTES_MAX`].
    TooLong,
    /// It was closed before its end.
    Cut,
    /// It is no UTF-8.
    NoText,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHttp => write!(f, "it does not answer in HTTP"),
            Self::Status(status) => write!(f, "it answers with status {status} instead of 200"),
            Self::TooLong => write!(
                f,
                "its answer is longer than {} MiB",
                ANSWER_BYTES_MAX / 1_048_576
            ),
            Self::Cut => write!(f, "its answer ended early"),
            Self::NoText => write!(f, "its answer is no text"),
        }
    }
}

/// Returns the request for `path` of `host`, after whose answer the connection is closed.
pub fn request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: splitstorm\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// Returns the text of a whole answer, up to the close of its connection.
///
/// # Errors
///
/// Returns what it lacks.
pub fn text(answer: &[u8]) -> Result<String, Fault> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(Fault::TooLong);
    }
    let head_end = memchr::memmem::find(answer, b"\r\n\r\n").ok_or(Fault::NoHttp)?;
    let (head, rest) = answer.split_at(head_end);
    let body = rest.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| Fault::NoHttp)?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .filter(|line| line.starts_with("HTTP/1."))
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .ok_or(Fault::NoHttp)?;
    if status != 200 {
        return Err(Fault::Status(status));
    }
    let mut is_chunked = false;
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("transfer-encoding") {
            is_chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse::<usize>().map_err(|_| Fault::NoHttp)?);
        }
    }
    let body = match length {
        _ if is_chunked => unchunked(body)?,
        Some(length) => body.get(..length).ok_or(Fault::Cut)?.to_vec(),
        None => body.to_vec(),
    };
    String::from_utf8(body).map_err(|_| Fault::NoText)
}

/// Puts the chunks of a body together (RFC 9112, 7.1).
fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").ok_or(Fault::Cut)?;
        let (size, after) = rest.split_at(end);
        let size = size
            .split(|byte| *byte == b';')
            .next()
            .and_then(|size| std::str::from_utf8(size).ok())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .ok_or(Fault::NoHttp)?;
        if size == 0 {
            return Ok(body);
        }
        let after = after.get(2..).unwrap_or_default();
        body.extend_from_slice(after.get(..size).ok_or(Fault::Cut)?);
        rest = after
            .get(size..)
            .and_then(|after| after.strip_prefix(b"\r\n"))
            .ok_or(Fault::Cut)?;
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::*;

    #[track_caller]
    fn check(answer: &str, want: Result<&str, Fault>) {
        assert_eq!(text(answer.as_bytes()), want.map(str::to_owned), "{answer}");
    }

    #[test]
    fn bodies_end_by_close_length_or_chunks() {
        check("HTTP/1.1 200 OK\r\n\r\na 1\n", Ok("a 1\n"));
        check(
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\na 1\n",
            Ok("a "),
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\na \r\nA\r\n1234567890\r\n0\r\n\r\n",
            Ok("a 1234567890"),
        );
    }

    #[test]
    fn what_is_wrong_with_an_answer_is_told() {
        for (answer, fault) in [
            ("", Fault::NoHttp),
            (":irc.test NOTICE * :hello\r\n\r\n", Fault::NoHttp),
            (
                "HTTP/1.1 404 Not Found\r\n\r\nno such page",
                Fault::Status(404),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1",
                Fault::Cut,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na",
                Fault::Cut,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na",
                Fault::NoHttp,
            ),
        ] {
            check(answer, Err(fault));
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(head in vec(any::<u8>(), 0..80), body in vec(any::<u8>(), 0..80)) {
            let _ = text(&head);
            for start in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
                let mut answer = start.as_bytes().to_vec();
                answer.extend(&body);
                let _ = text(&answer);
            }
        }

        #[test]
        fn chunks_survive_being_written(chunks in vec("[a-z\r\n]{1,40}", 0..8)) {
            let mut answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            for chunk in &chunks {
                let _ = write!(answer, "{:x}\r\n{chunk}\r\n", chunk.len());
            }
            answer.push_str("0\r\n\r\n");
            prop_assert_eq!(text(answer.as_bytes()), Ok(chunks.concat()));
        }
    }
}
