//! A scenario of the tests played from outside to its end.

use std::path::Path;
use std::path::PathBuf;

use crate::playing::Played;
use crate::playing::Playing;

/// Returns a scenario of the tests.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/scenarios")
        .join(name)
        .with_extension("toml")
}

/// Runs `splitstorm run` on a scenario of the tests against `target`.
pub(crate) fn play(name: &str, target: &str, flags: &[&str]) -> Played {
    let mut all = vec!["--target", target];
    all.extend(flags);
    Playing::start(&scenario(name), &all).end()
}
