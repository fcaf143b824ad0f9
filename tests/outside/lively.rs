//! The small lively profile of the virtual runs.

use std::sync::LazyLock;

use splitstorm::traffic::profile::Profile;

/// Two dozen people who talk, come and go a lot.
pub(crate) static LIVELY: LazyLock<Profile> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/profiles/lively");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (
            entry.file_name().into_string().unwrap(),
            std::fs::read_to_string(entry.path()).unwrap(),
        )
    });
    Profile::read(folder, &files.collect()).unwrap()
});
