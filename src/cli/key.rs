//! The key under which names become pseudonyms: drawn and thrown away, or kept in a file by choice.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::cli::error::Error;
use crate::cli::files;
use crate::drive::host::random;
use crate::place::Misread;
use crate::place::Place;
use crate::traffic::trace::pseudonym::Pseudonyms;
use crate::units::hex;

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Returns pseudonyms under the key in `file`, which is made if there is none; without a file under a key that is kept
/// nowhere.
pub(crate) fn pseudonyms(file: Option<&Path>) -> Result<Pseudonyms, Error> {
    let key = match file {
        None => drawn()?,
        Some(file) => match fs::read_to_string(file) {
            Ok(text) => parsed(file, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => made(file)?,
            Err(source) => return Err(Error::file("read", files::shown(file), source)),
        },
    };
    Ok(Pseudonyms::hashed(key))
}

/// Draws a key.
fn drawn() -> Result<[u8; KEY_BYTES], Error> {
    random::random().map_err(|source| Error::System {
        what: "drawing a key for pseudonyms",
        source,
    })
}

/// Draws a key and keeps it in a file that only its owner can read.
fn made(file: &Path) -> Result<[u8; KEY_BYTES], Error> {
    let key = drawn()?;
    let write = || {
        let mut output = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)?;
        writeln!(output, "{}", hex::text(&key))?;
        output.sync_all()
    };
    write().map_err(|source| Error::file("write", files::shown(file), source))?;
    Ok(key)
}

fn parsed(file: &Path, text: &str) -> Result<[u8; KEY_BYTES], Error> {
    let text = text.trim();
    let digits = |at: usize| {
        let pair = text.get(2 * at..2 * at + 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    let mut key = [0; KEY_BYTES];
    let is_whole = text.len() == 2 * KEY_BYTES
        && key
            .iter_mut()
            .enumerate()
            .all(|(at, byte)| digits(at).map(|digit| *byte = digit).is_some());
    if is_whole {
        return Ok(key);
    }
    // The content is a secret, or some other file of the user: it is not shown.
    let misread = Misread::new(
        format!("expected a key of {} hexadecimal digits", 2 * KEY_BYTES),
        Place::file(files::shown(file)),
    );
    Err(Error::Misread(misread.with_help(
        "name a file that does not exist yet, and a key is made for you",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_kept_gives_the_same_pseudonyms() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let alder = |file: Option<&Path>| pseudonyms(file).unwrap().user("alder");
        let first = alder(Some(&file));
        assert_eq!(alder(Some(&file)), first);
        assert_ne!(alder(None), first);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, "a poem of alders\n").unwrap();
        let error = pseudonyms(Some(&file)).unwrap_err().to_string();
        assert_eq!(error, "expected a key of 32 hexadecimal digits");
    }
}
