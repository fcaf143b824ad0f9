//! A certificate that vouches for itself, and its key, as files.

use std::path::Path;
use std::path::PathBuf;

/// Characters of a line of PEM (RFC 7468, 2).
const LINE_CHARS: usize = 64;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes a certificate for `localhost` and its key; returns their files.
pub(crate) fn write(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.join("certificate.pem");
    let key = folder.join("key.pem");
    std::fs::write(&certificate, pem("CERTIFICATE", made.cert.der())).unwrap();
    let secret = made.signing_key.serialize_der();
    std::fs::write(&key, pem("PRIVATE KEY", &secret)).unwrap();
    (certificate, key)
}

fn pem(label: &str, content: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64(content).as_bytes().chunks(LINE_CHARS) {
        text.push_str(std::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}

fn base64(content: &[u8]) -> String {
    let mut text = String::new();
    for three in content.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4_usize {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(if digit <= three.len() {
                char::from(DIGITS[index as usize])
            } else {
                '='
            });
        }
    }
    text
}
