//! `profile drift`, run as a person runs it on invented weeks: what it tells, when it can't, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "outside/command.rs"]
mod command;

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::command::splitstorm;

/// Monday, 1 January 2024, 00:00 UTC.
const START_US: u64 = 1_704_067_200_000_000;

const HOURS_OF_WEEK: u64 = 168;

/// Draws of an invented channel, which no library's next version changes (Knuth's MMIX constants).
struct Draws(u64);

impl Draws {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

/// Returns the trace of those weeks: conversations, and people who come and go; `each` times the traffic.
fn trace(weeks: Range<u64>, each: u64) -> String {
    let mut draws = Draws(weeks.start + 1);
    let mut rows: Vec<(u64, String)> = Vec::new();
    for hour in weeks.start * HOURS_OF_WEEK..weeks.end * HOURS_OF_WEEK {
        for _ in 0..each {
            let mut at = hour * 3_600 + draws.below(1_800);
            if draws.below(2) == 0 {
                for _ in 0..2 + draws.below(7) {
                    let (user, bytes) = (draws.below(6), 10 + draws.below(60));
                    rows.push((at, format!("message,wood,#oak,u{user},,{bytes},")));
                    at += 5 + draws.below(60);
                }
            }
            if draws.below(2) == 0 {
                let (user, at) = (6 + draws.below(9), hour * 3_600 + draws.below(1_000));
                rows.push((at, format!("join,wood,#oak,u{user},,0,")));
                let left = at + 60 + draws.below(2_000);
                rows.push((left, format!("quit,wood,#oak,u{user},,0,quit")));
            }
        }
    }
    // The last second of the weeks, so that they are whole.
    let end = weeks.end * HOURS_OF_WEEK * 3_600 - 1;
    rows.push((end, "topic,wood,#oak,u1,,9,".to_owned()));
    rows.sort();
    let mut text = "# splitstorm trace, schema 1\n# tool=0.1.0\n# tz=UTC\n# tick_us=1000000\n# names=hashed\n# text=length\n\
                    at_us,event,network,channel,user,peer,bytes,detail\n"
        .to_owned();
    for (at, row) in rows {
        writeln!(text, "{},{row}", START_US + at * 1_000_000).unwrap();
    }
    text
}

/// Makes a profile `p` of the first weeks, and a fresh trace `fresh.csv`.
fn prepared(week_count: u64, fresh: Range<u64>, each: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.csv"), trace(0..week_count, 1)).unwrap();
    fs::write(folder.path().join("fresh.csv"), trace(fresh, each)).unwrap();
    let output = splitstorm(folder.path(), &["profile", "fit", "old.csv", "-o", "p"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    folder
}

/// Runs `profile drift` and checks its exit code and that it tells this.
#[track_caller]
fn check(folder: &Path, fresh: &[&str], code: i32, tells: &[&str]) {
    let mut args = vec!["profile", "drift", "p", "--json", "drift.json"];
    args.extend_from_slice(fresh);
    let output = splitstorm(folder, &args);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    for tell in tells {
        let told = format!("{out}{err}");
        assert!(told.contains(tell), "{tell} is not in:\n{told}");
    }
}

#[test]
fn what_goes_on_as_before_has_not_drifted_and_twice_of_it_has() {
    let folder = prepared(30, 30..34, 1);
    check(
        folder.path(),
        &["fresh.csv"],
        0,
        &[
            "verdict: no drift in 4 weeks",
            "ended 28 days before",
            "twice the traffic",
            "of 17)",
        ],
    );
    let json = fs::read_to_string(folder.path().join("drift.json")).unwrap();
    assert!(json.contains("\"verdict\": \"no_drift\""));
    // The capture's own weeks are no news.
    fs::write(folder.path().join("all.csv"), trace(0..30, 1)).unwrap();
    check(
        folder.path(),
        &["all.csv", "fresh.csv"],
        0,
        &["events are left out", "no drift in 4 weeks"],
    );
    fs::write(folder.path().join("twice.csv"), trace(34..37, 2)).unwrap();
    check(
        folder.path(),
        &["twice.csv"],
        1,
        &["verdict: DRIFT: ", "messages an hour"],
    );
    let json = fs::read_to_string(folder.path().join("drift.json")).unwrap();
    assert!(json.contains("\"drifted\": true"));
    // A week is not two running.
    fs::write(folder.path().join("week.csv"), trace(30..31, 1)).unwrap();
    check(
        folder.path(),
        &["week.csv"],
        6,
        &[
            "can't tell: whole watched weeks of fresh traffic",
            "found 1, 2 are",
        ],
    );
    fs::write(folder.path().join("not.csv"), "leaves\n").unwrap();
    check(
        folder.path(),
        &["not.csv"],
        2,
        &["expected a trace, found `leaves`"],
    );
    check(folder.path(), &["none.csv"], 2, &["can't read `none.csv`"]);
    let weeks = folder.path().join("p/weeks.csv");
    let text = fs::read_to_string(&weeks).unwrap();
    fs::write(
        &weeks,
        text.replacen("talk_rate,scale", "talk_rate,shale", 1),
    )
    .unwrap();
    check(
        folder.path(),
        &["fresh.csv"],
        2,
        &[
            "expected centre, scale or weeks, found `shale`",
            "p/weeks.csv",
        ],
    );
    // A profile that is fitted anew to less forgets the weeks it had.
    let part = ["profile", "fit", "fresh.csv", "-o", "p"];
    assert_eq!(splitstorm(folder.path(), &part).status.code(), Some(0));
    assert!(!weeks.exists());
    check(
        folder.path(),
        &["twice.csv"],
        6,
        &[
            "knows nothing of its capture's weeks",
            "(under 12, or of odd or even weeks",
        ],
    );
}

#[test]
fn a_capture_too_short_to_try_the_alarm_on_tells_nothing() {
    let folder = prepared(14, 14..18, 2);
    check(
        folder.path(),
        &["fresh.csv"],
        6,
        &["can't tell: the capture has too few weeks", "DRIFT"],
    );
}

#[test]
fn a_profile_of_a_captures_first_half_is_judged_by_its_second() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.csv"), trace(0..52, 1)).unwrap();
    let first = ["profile", "fit", "all.csv", "-o", "p", "--weeks", "first"];
    assert_eq!(splitstorm(folder.path(), &first).status.code(), Some(0));
    check(
        folder.path(),
        &["all.csv"],
        0,
        &["no drift in 26 weeks", "ended 182 days"],
    );
    // Weeks that are not one run have none before them.
    let odd = ["profile", "fit", "all.csv", "-o", "p", "--weeks", "odd"];
    assert_eq!(splitstorm(folder.path(), &odd).status.code(), Some(0));
    check(
        folder.path(),
        &["all.csv"],
        6,
        &["knows nothing of its capture's weeks"],
    );
}

/// Writes readings once an hour of a server with 20 users, a JOIN of each a day and `who` questions WHO per 20 JOINs.
fn write_counters(folder: &Path, name: &str, hours: u64, who: u64) {
    let mut text = "at_us,command,count,per_second\n".to_owned();
    for hour in 0..=hours {
        let at_us = START_US + hour * 3_600_000_000;
        let rate = if hour == 0 { "" } else { "0.1" };
        for (command, count) in [
            ("JOIN", hour * 20 / 24),
            ("PRIVMSG", hour * 50),
            ("WHO", hour * who / 24),
        ] {
            writeln!(text, "{at_us},{command},{count},{rate}").unwrap();
        }
        writeln!(text, "{at_us},users_local,20,").unwrap();
    }
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn counters_tell_without_a_word_that_clients_have_changed() {
    let folder = prepared(30, 30..34, 1);
    // Nothing was counted when this profile was fitted.
    write_counters(folder.path(), "same.csv", 3 * HOURS_OF_WEEK, 10);
    let nothing = ["--counters", "same.csv"];
    check(
        folder.path(),
        &nothing,
        6,
        &["knows nothing that a server counted"],
    );
    write_counters(folder.path(), "then.csv", HOURS_OF_WEEK, 10);
    let fitted = splitstorm(
        folder.path(),
        &[
            "profile",
            "fit",
            "old.csv",
            "-o",
            "p",
            "--counters",
            "then.csv",
        ],
    );
    assert_eq!(fitted.status.code(), Some(0));
    check(
        folder.path(),
        &nothing,
        0,
        &["verdict of the counters: no drift in 3 weeks"],
    );
    write_counters(folder.path(), "other.csv", 3 * HOURS_OF_WEEK, 30);
    check(
        folder.path(),
        &["--counters", "other.csv"],
        1,
        &[
            "who_per_join",
            "verdict of the counters: DRIFT: who_per_join\n",
        ],
    );
    // Beside a trace in which nothing has changed.
    check(
        folder.path(),
        &["fresh.csv", "--counters", "other.csv"],
        1,
        &["verdict: no drift in 4 weeks", "DRIFT: who_per_join"],
    );
    let json = fs::read_to_string(folder.path().join("drift.json")).unwrap();
    assert!(json.contains("\"verdict\": \"drift\""), "{json}");
    write_counters(folder.path(), "week.csv", HOURS_OF_WEEK, 30);
    check(
        folder.path(),
        &["--counters", "week.csv"],
        6,
        &["weeks of readings: found 1, 2 are needed"],
    );
}
