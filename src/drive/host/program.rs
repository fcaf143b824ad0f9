//! The program of a process and its shared libraries, told apart by digests of their files; nothing of it is run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use crate::units::hex;

/// Most of a file that is read: programs are smaller.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most libraries told of.
const LIBRARIES_MAX: usize = 1_000;
/// Longest version taken for one.
const VERSION_BYTES_MAX: usize = 32;
/// Libraries of TLS by the beginning of their names, and the name before the version that is written in them.
const TLS: &[(&str, &str)] = &[
    ("libssl", "OpenSSL"),
    ("libcrypto", "OpenSSL"),
    ("libgnutls", "GnuTLS"),
    ("libmbedtls", "Mbed TLS"),
    ("libwolfssl", "wolfSSL"),
    ("libnss3", "NSS"),
    ("libtls", "LibreSSL"),
    ("libs2n", "s2n"),
];

/// A file of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    /// SHA-256 of its content, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The version written in it behind its own name, where there is one.
    pub(crate) version: Option<String>,
}

/// Returns the digest of a file, and the version behind `name` in it.
///
/// # Errors
///
/// Returns why it can't be read.
pub(crate) fn digest(path: &Path, name: &str) -> io::Result<Digested> {
    let mut content = Vec::new();
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut content)?;
    Ok(Digested {
        sha256: hex::text(&Sha256::digest(&content)),
        version: version_in(&content, name),
    })
}

/// Returns the file of a process as the process itself sees it: it may have another root.
pub(crate) fn seen_by(pid: u32, path: &str) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    root.join(path.trim_start_matches('/'))
}

/// Returns the paths of shared libraries in a text of `/proc/<pid>/maps`, by file name. The parser of `procfs` is not used: it slices
/// paths that processes choose.
pub(crate) fn libraries(maps: &str) -> BTreeMap<String, String> {
    let paths = maps.lines().filter_map(|line| {
        let mut rest = line;
        for _ in 0..5 {
            rest = rest.trim_start().split_once(' ')?.1;
        }
        let path = rest.trim();
        let name = path.strip_suffix(" (deleted)").unwrap_or(path);
        let name = name.strip_prefix('/')?.rsplit('/').next()?;
        let mut parts = name.split('.').skip(1);
        let is_library = parts.any(|part| part == "so");
        is_library.then(|| (name.to_owned(), path.to_owned()))
    });
    paths.take(LIBRARIES_MAX).collect()
}

/// Returns the name that stands before a TLS library's version; `None` for other libraries.
pub(crate) fn tls_name(library: &str) -> Option<&'static str> {
    let mut known = TLS.iter();
    known
        .find(|(begin, _)| library.starts_with(begin))
        .map(|(_, name)| *name)
}

/// Returns a version such as `3.0.13` that stands in a program behind its name, in either case: `ngIRCd-26.1`, `OpenSSL 3.0.13`.
fn version_in(content: &[u8], name: &str) -> Option<String> {
    let name = name.as_bytes();
    let first = *name.first()?;
    let either = [first.to_ascii_lowercase(), first.to_ascii_uppercase()];
    let mut starts = memchr::memchr2_iter(either[0], either[1], content);
    starts.find_map(|at| {
        let rest = content.get(at..)?;
        let (found, rest) = rest.split_at_checked(name.len())?;
        if !found.eq_ignore_ascii_case(name) {
            return None;
        }
        let (separator, rest) = rest.split_first()?;
        if !b"-/ _".contains(separator) {
            return None;
        }
        let rest = rest.strip_prefix(b"v").unwrap_or(rest);
        let length = rest
            .iter()
            .take(VERSION_BYTES_MAX)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte))
            .count();
        let version = std::str::from_utf8(rest.get(..length)?).ok()?;
        let is_version = version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.');
        is_version.then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_among_the_maps() {
        let maps = "\
00400000-0048a000 r-xp 00000000 08:01 1311 /usr/sbin/oakd
7f0000000000-7f0000100000 r-xp 00000000 08:01 1312                       /usr/lib/libssl.so.3
7f0000100000-7f0000200000 r--p 00100000 08:01 1312                       /usr/lib/libssl.so.3
7f0000300000-7f0000400000 r-xp 00000000 08:01 1313   /usr/lib/oak/m_a b.so (deleted)
7f0000500000-7f0000600000 rw-p 00000000 00:00 0      [heap]
7f0000600000-7f0000700000 rw-p 00000000 00:00 0
/SYSV1
short
";
        let found: Vec<(String, String)> = libraries(maps).into_iter().collect();
        let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        assert_eq!(
            found,
            [
                pair("libssl.so.3", "/usr/lib/libssl.so.3"),
                pair("m_a b.so", "/usr/lib/oak/m_a b.so (deleted)"),
            ]
        );
        assert_eq!(tls_name("libssl.so.3"), Some("OpenSSL"));
        assert_eq!(tls_name("libc.so.6"), None);
    }

    #[test]
    fn a_version_stands_behind_its_programs_name() {
        for (content, want) in [
            (&b"\0OAKD-26.1\0"[..], Some("26.1")),
            (b"oakd oakd.conf oakd/v3.0-rc1 x", Some("3.0-rc1")),
            (b"oakd 7", None),
            (b"oakd", None),
            (b"", None),
        ] {
            assert_eq!(version_in(content, "oakd").as_deref(), want);
        }
    }
}
