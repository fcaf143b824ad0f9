//! A certificate that vouches for itself, and its key, as files.

use std::path::Path;
use std::path::PathBuf;

/// Writes a certificate for `localhost` and its key; returns their files.
pub(crate) fn write(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = folder.join("certificate.pem");
    let key = folder.join("key.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}
