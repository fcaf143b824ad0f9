//! Servers whose packages were unpacked below `target/` instead of installed, since they stand in the way of others or would start.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Returns where a package's files lie.
pub(crate) fn root(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(package)
}

/// Copies a package's programs and libraries to the folder of who runs them: `target/` may lie where nobody else may read.
pub(crate) fn copy(package: &str, folder: &Path) -> PathBuf {
    let root = folder.join(package);
    std::fs::create_dir_all(root.join("usr")).unwrap();
    for part in ["usr/bin", "usr/lib"] {
        let from = self::root(package).join(part);
        let copied = Command::new("cp")
            .args(["-r", "--preserve=mode"])
            .arg(from)
            .arg(root.join("usr"))
            .status();
        assert!(copied.unwrap().success(), "{part} of {package}");
    }
    root
}

/// Returns the folder of libraries below such a root, which is named after the machine's kind.
pub(crate) fn libraries(root: &Path) -> PathBuf {
    let mut folders = std::fs::read_dir(root.join("usr/lib")).unwrap();
    folders.next().unwrap().unwrap().path()
}
