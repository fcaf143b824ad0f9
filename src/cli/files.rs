//! Files that commands read and write: plain or compressed, written whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use crate::cli::error::Error;

/// Level of compression: zstd's default, which keeps up with any disk.
const ZSTD_LEVEL: i32 = 3;

/// What a file compressed by gzip begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

/// What a file compressed by zstd begins with (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// Returns a path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns the content of a file, unpacked if it is compressed by gzip or zstd, whatever its name.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    open_counted(path, &ProgressBar::hidden())
}

/// Returns the content of a file as [`open`] does, and moves `bar` on by the bytes read of the file.
pub(crate) fn open_counted(path: &Path, bar: &ProgressBar) -> Result<Box<dyn BufRead>, Error> {
    let fail = |source: io::Error| Error::file("read", shown(path), source);
    let file = File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut file = BufReader::with_capacity(BUFFER_BYTES, bar.wrap_read(file));
    let start = file.fill_buf().map_err(fail)?;
    if start.starts_with(&GZIP) {
        let decoder = MultiGzDecoder::new(file);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    if start.starts_with(&ZSTD) {
        let decoder = zstd::Decoder::with_buffer(file).map_err(fail)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    Ok(Box::new(file))
}

/// Writes a file by `write`: to a file beside it that is renamed at the end, compressed if its name ends in `.zst`.
///
/// The path `-` is stdout.
pub(crate) fn write(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let fail = |source: io::Error| Error::file("write", shown(path), source);
    if path == Path::new("-") {
        return print(write);
    }
    // A device or a pipe is written to, never replaced.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut output = BufWriter::new(OpenOptions::new().write(true).open(path).map_err(fail)?);
        return write(&mut output)
            .and_then(|()| output.flush())
            .map_err(fail);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder).map_err(fail)?;
    let mut output = BufWriter::new(&mut file);
    if is_compressed(path) {
        let mut encoder = zstd::Encoder::new(&mut output, ZSTD_LEVEL).map_err(fail)?;
        write(&mut encoder).map_err(fail)?;
        encoder.finish().map_err(fail)?;
    } else {
        write(&mut output).map_err(fail)?;
    }
    output.flush().map_err(fail)?;
    drop(output);
    make_readable(file.as_file()).map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// Gives a file the permissions that other new files have; temporary files are private.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Prints to stdout by `write`. A reader that has read enough, such as `head`, is nobody's error.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::file("write", "stdout", error))
        }
        _ => Ok(()),
    }
}

/// Returns the files of a folder and of its folders in sorted order; what begins with a dot is left out.
pub(crate) fn walk(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source: io::Error| Error::file("read", shown(folder), source);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        entries.push(entry.map_err(fail)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        // A link to a folder is not followed: it may lead back here.
        let kind = fs::symlink_metadata(&path).map_err(fail)?.file_type();
        if kind.is_dir() {
            files.extend(walk(&path)?);
        } else if kind.is_file() || path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_compressed(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("zst"))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_written_reads_back_plain_and_compressed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.csv.zst"] {
            let path = folder.path().join(name);
            write(&path, |output| output.write_all(b"leaves")).unwrap();
            let mut text = String::new();
            open(&path).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "leaves", "{name}");
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let outcome = write(&path, |output| {
            output.write_all(b"new")?;
            Err(io::Error::other("disk on fire"))
        });
        assert!(outcome.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_walked_in_sorted_order_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.log", "b/1.log", "a.log", ".git/x"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found: Vec<String> = walk(folder.path())
            .unwrap()
            .iter()
            .map(|path| shown(path.strip_prefix(folder.path()).unwrap()))
            .collect();
        assert_eq!(found, ["a.log", "b/1.log", "b/2.log"]);
    }
}
