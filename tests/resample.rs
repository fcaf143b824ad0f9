//! The generator `resample`, run as a person runs it on an invented channel: what it keeps, what it says, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "outside/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::command::splitstorm;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: u64 = 1_704_067_200_000_000;

const WEEK_SECS: u64 = 604_800;

const WEEKS: u64 = 6;

/// Returns the trace of a channel that talks every day: three who stay and one who comes and goes; no two messages are of
/// one length.
fn trace() -> String {
    let mut text = "# splitstorm trace, schema 1\n# tool=0.1.0\n# tz=UTC\n# tick_us=1000000\n# names=hashed\n# text=length\n\
                    at_us,event,network,channel,user,peer,bytes,detail\n"
        .to_owned();
    let mut put = |secs: u64, row: &str| {
        writeln!(text, "{},{row}", START_US + secs * 1_000_000).unwrap();
    };
    // The first and the last second of the weeks, so that they are whole.
    put(0, "topic,wood,#oak,u1,,9,");
    let mut bytes = 10;
    for day in 0..WEEKS * 7 {
        let noon = day * 86_400 + 43_200 + day * 37;
        put(noon, "join,wood,#oak,u3,,0,");
        for (number, secs) in [5, 20, 47, 90, 200, 260].into_iter().enumerate() {
            let user = (number + usize::try_from(day).unwrap()) % 4;
            put(noon + secs, &format!("message,wood,#oak,u{user},,{bytes},"));
            bytes += 1;
        }
        put(noon + 3_000, "quit,wood,#oak,u3,,0,quit");
        // A private message: nobody in the channel hears it.
        put(noon + 3_100, "message,wood,,u1,u2,9999,");
    }
    put(WEEKS * WEEK_SECS - 1, "topic,wood,#oak,u1,,9,");
    text
}

/// Runs the program and checks its exit code and that it tells this.
#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32, tells: &[&str]) {
    let output = splitstorm(folder, args);
    let told = format!(
        "{}{}",
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap()
    );
    assert_eq!(output.status.code(), Some(code), "{told}");
    for tell in tells {
        assert!(told.contains(tell), "{tell} is not in:\n{told}");
    }
}

/// Returns the messages of a trace's channel, each as (second since 1970, bytes).
fn messages(text: &str) -> Vec<(u64, u32)> {
    let rows = text.lines().filter(|line| !line.starts_with(['#', 'a']));
    let fields = rows.map(|row| row.split(',').collect::<Vec<&str>>());
    fields
        .filter(|fields| fields[1] == "message" && !fields[3].is_empty())
        .map(|fields| {
            (
                fields[0].parse::<u64>().unwrap() / 1_000_000,
                fields[6].parse().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_profile_that_keeps_rows_says_them_again_at_their_second_of_the_week() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("live.csv"), trace()).unwrap();
    let fit = [
        "profile",
        "fit",
        "live.csv",
        "-o",
        "p",
        "--date",
        "2024-03-01",
    ];
    check(folder, &[&fit[..], &["--keep-rows"]].concat(), 0, &[]);
    check(
        folder,
        &["profile", "show", "p"],
        0,
        &["rows      252 messages in 42 blocks"],
    );
    let rows = fs::read_to_string(folder.join("p/rows.csv")).unwrap();
    assert!(!rows.contains("9999"), "private messages are nobody's");
    let sample = [
        "profile",
        "sample",
        "p",
        "-o",
        "s.csv",
        "--days",
        "140",
        "--generator",
    ];
    check(folder, &[&sample[..], &["resample"]].concat(), 0, &[]);
    let resampled = fs::read_to_string(folder.join("s.csv")).unwrap();
    let live: BTreeMap<u32, u64> = messages(&trace())
        .into_iter()
        .map(|(secs, bytes)| (bytes, secs))
        .collect();
    let said = messages(&resampled);
    // Twenty weeks of 42 a week; u3 is away if their days move apart from the others', and somebody who is there stands in.
    assert!(said.len() > 700, "{}", said.len());
    for &(secs, bytes) in &said {
        // Whatever moves, moves by whole weeks.
        assert_eq!(secs.abs_diff(live[&bytes]) % WEEK_SECS, 0, "{bytes}");
    }
    check(folder, &[&sample[..], &["resample"]].concat(), 0, &[]);
    let again = fs::read_to_string(folder.join("s.csv")).unwrap();
    assert!(again == resampled, "the same seed gives the same sample");
    // The model's talk is its own.
    check(folder, &[&sample[..], &["model"]].concat(), 0, &[]);
    let modelled = messages(&fs::read_to_string(folder.join("s.csv")).unwrap());
    let kept = modelled.iter().filter(|(secs, bytes)| {
        live.get(bytes)
            .is_some_and(|live| secs.abs_diff(*live) % WEEK_SECS == 0)
    });
    assert!(kept.count() * 10 < modelled.len());
    let judge = [
        "profile",
        "check",
        "live.csv",
        "--generator",
        "resample",
        "--seeds",
        "1",
        "--profile",
        "p",
    ];
    let output = splitstorm(folder, &judge);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("profile p (resample) against"),
        "{told}{:?}",
        output.stderr
    );
    // A profile that is fitted again without rows has none left.
    check(folder, &fit, 0, &[]);
    assert!(!folder.join("p/rows.csv").exists());
    let refusal = [
        "expected a profile that keeps its capture's talk, found `p`",
        "--> p",
        "`splitstorm profile fit --keep-rows`",
    ];
    check(folder, &[&sample[..], &["resample"]].concat(), 2, &refusal);
    check(folder, &judge, 2, &refusal);
    // Parts of the trace are fitted with their rows.
    let output = splitstorm(folder, &judge[..judge.len() - 2]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("(resample) against"), "{told}");
}
