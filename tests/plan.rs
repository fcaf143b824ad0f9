//! The promise of the plan: same version, same seed, same bytes, for any number of shards.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::process::Command;

/// The digest of the shipped quickstart at seed 1.
const GOLDEN: &str = "digest 13e9fb3c5b7339d251b583cb4ca46d075655056ff864ab517f61364453708376";

/// Returns the last line of `plan`: the digest.
fn digest(flags: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["plan", "scenarios/quickstart.toml"])
        .args(flags)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().last().unwrap().to_owned()
}

#[test]
fn the_quickstart_has_its_golden_digest() {
    // Samplers, profile and scenario all go into it. Whoever changes one changes every plan, and says so in the changelog.
    assert_eq!(digest(&[]), GOLDEN);
}

#[test]
fn any_number_of_shards_makes_one_plan_and_any_seed_its_own() {
    for shards in ["1", "2", "7"] {
        assert_eq!(digest(&["--shards", shards]), GOLDEN, "{shards} shards");
    }
    assert_ne!(digest(&["--seed", "2"]), GOLDEN);
}

#[test]
fn events_stream_with_their_digest_and_stand_a_pipe_that_closes_early() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["plan", "scenarios/quickstart.toml", "--events"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}
