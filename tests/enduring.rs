//! Runs that meet a bad end, or none for a long while: killed, left without their terminal, and soaked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;

/// Moments at which runs are killed.
const KILL_COUNT: u32 = 10;
/// Runs at once: each wants a core.
const AT_ONCE: u32 = 2;
/// Between the first interval that closes and the last moment of a kill; the run lasts longer.
const KILL_SPAN: Duration = Duration::from_millis(4_500);
/// Longest that a run, or a part of one that is waited for, may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// How far the result of a killed run may lie behind its rows: it is left every five seconds at least.
const BEHIND_MAX: u64 = 5;

/// A small run on the embedded network: seven seconds and what settles.
const SMALL: [&str; 8] = [
    "population.users=40",
    "population.channels=60",
    "phase.ramp.rate=80/s",
    "phase.steady.duration=6s",
    "phase.split.at=2s",
    "phase.split.heal_after=1s",
    "heat=8",
    "settle=2s",
];

fn splitstorm(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitstorm"));
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// Returns a run of a shipped scenario with settings laid over it, before it is started.
fn run(scenario: &str, seed: u32, settings: &[&str], out: &Path) -> Command {
    let scenario = format!("scenarios/{scenario}.toml");
    let mut command = splitstorm(&["run", &scenario, "--seed", &seed.to_string()]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.arg("--out").arg(out);
    command
}

/// A run that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `is_so`.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn report(out: &Path, format: &str) -> Output {
    let out = out.to_str().unwrap();
    splitstorm(&["report", out, "--format", format])
        .output()
        .unwrap()
}

/// Returns a report that must be to be had.
#[track_caller]
fn reported(out: &Path, format: &str) -> String {
    let output = report(out, format);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the rows of a series that were written whole: the last one may be torn.
fn whole_rows(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("series.csv")).unwrap();
    let lines = text.split_inclusive('\n').skip(2);
    lines
        .filter(|line| line.ends_with('\n'))
        .map(str::to_owned)
        .collect()
}

/// Returns how many columns a series has by its header, which follows the line about its schema.
fn column_count(out: &Path) -> usize {
    let text = fs::read_to_string(out.join("series.csv")).unwrap();
    let header = text.lines().nth(1).unwrap();
    assert!(header.contains(",planned,"), "{header}");
    header.split(',').count()
}

/// Returns the n-th of moments that lie all over the span, none a multiple of another.
fn moment(n: u32) -> Duration {
    // The golden ratio's fractions spread evenly however many are drawn.
    KILL_SPAN.mul_f64(f64::from(n) * 0.618_033_988_75 % 1.0)
}

fn kill_at(n: u32) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = run("quickstart", n, &SMALL, &out);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    wait_until("no interval closed", || out.join("result.json").exists());
    thread::sleep(moment(n));
    // SIGKILL.
    running.0.kill().unwrap();
    let status = running.0.wait().unwrap();
    assert_eq!(status.code(), None, "the run had ended: {status}");

    let result: Value = serde_json::from_str(&reported(&out, "json")).unwrap();
    let verdict = &result["verdict"];
    assert_eq!(verdict["outcome"], "cut_short");
    assert_eq!(verdict["exit_code"], 4);
    let claimed = result["generator"]["intervals"].as_u64().unwrap();
    assert!(claimed > 0);
    assert_eq!(result["ended_us"].as_u64(), Some(claimed * 1_000_000));
    let rows = whole_rows(&out);
    let count = rows.len() as u64;
    assert!(
        (claimed..=claimed + BEHIND_MAX).contains(&count),
        "{claimed} intervals claimed, {count} rows"
    );
    let columns = rows.iter().map(|row| row.split(',').count());
    assert_eq!(columns.min(), Some(column_count(&out)));
    for row in &rows[..1] {
        assert!(row.starts_with("0.000,"), "{row}");
    }

    let mark = format!("this is what had been measured {claimed}.0 s into it");
    let text = reported(&out, "text");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("! CUT SHORT  quickstart"));
    assert!(lines.next().unwrap().contains(&mark), "{text}");
    let page = reported(&out, "markdown");
    assert!(page.starts_with("# ❌ cut short: quickstart\n\n- the run was cut short"));
    assert!(reported(&out, "junit").contains(&mark));
    let numbers = reported(&out, "csv");
    let first = format!("run,cut_short,{claimed}000000,us");
    assert_eq!(numbers.lines().nth(1), Some(first.as_str()));
}

#[test]
fn a_run_killed_at_any_moment_leaves_what_it_had_measured() {
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || {
                for n in (0..KILL_COUNT).filter(|n| n % AT_ONCE == first) {
                    kill_at(n);
                }
            });
        }
    });
}

#[test]
fn a_run_outlives_its_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = run("quickstart", 7, &SMALL, &out);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut running = Running(child.unwrap());
    wait_until("no interval closed", || out.join("result.json").exists());
    // From here on every write of progress finds nobody.
    drop(running.0.stdout.take());
    drop(running.0.stderr.take());
    let pid = Pid::from_raw(i32::try_from(running.0.id()).unwrap());
    kill(pid, Signal::SIGHUP).unwrap();
    let status = running.0.wait().unwrap();

    let result: Value = serde_json::from_str(&reported(&out, "json")).unwrap();
    assert_ne!(result["verdict"]["outcome"], "cut_short");
    let code = result["verdict"]["exit_code"].as_i64();
    assert_eq!(status.code().map(i64::from), code, "{status}");
    assert!(result["ended_us"].as_i64() > result["scenario"]["lasts_us"].as_i64());
    let mut names: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let all = [
        "intervals.hlog",
        "junit.xml",
        "result.json",
        "scenario.resolved.toml",
        "series.csv",
        "summary.md",
    ];
    assert_eq!(names, all);
    let rows = whole_rows(&out).len() as u64;
    assert_eq!(result["generator"]["intervals"].as_u64(), Some(rows));
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    secs: u64,
    rss_kb: u64,
    descriptors: u64,
}

fn held(pid: u32, secs: u64) -> Option<Held> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kb = line.trim().strip_suffix(" kB")?.parse().ok()?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    Some(Held {
        secs,
        rss_kb,
        descriptors,
    })
}

/// Users of the soak.
const SOAK_USERS: u64 = 2_000;
/// When everybody has come and tables have their size: five seconds of ramp, JOINs, and channels' first words.
const WARM_SECS: u64 = 25;
/// When the soak is over, but for what settles.
const SOAKED_SECS: u64 = 60;
/// Messages that must be heard for the bound on memory to mean something.
const HEARD_MIN: u64 = 18_000;
/// How much more memory may be held at the end than when all was warm, where one percent was measured: tables that double, distributions
/// that see longer values, and a few residents who come only now. A hundred bytes kept of every message that is delivered in that
/// time would be two and a half more, and the distributions of every second twenty.
const RSS_GROWTH_PERCENT_MAX: u64 = 3;
/// The same for descriptors, where .3 percent was measured: each of those residents takes two.
const DESCRIPTOR_GROWTH_PERCENT_MAX: u64 = 1;

#[test]
#[expect(
    clippy::print_stdout,
    reason = "how flat it was is worth knowing, pass or not"
)]
fn a_soak_holds_no_more_at_its_end_than_when_it_was_warm() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let settings = [
        "phase.ramp.rate=400/s",
        "phase.steady.duration=60s",
        // As much talk as shows what every line leaves behind.
        "heat=20",
    ];
    let mut command = run("soak", 7, &settings, &out);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    wait_until("no interval closed", || out.join("result.json").exists());
    let begun = Instant::now();
    let mut all = Vec::new();
    while running.0.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE {
        all.extend(held(running.0.id(), begun.elapsed().as_secs()));
        thread::sleep(Duration::from_secs(1));
    }
    let status = running.0.wait().unwrap();
    assert!(status.code().is_some(), "{status}");

    let soaked = all
        .iter()
        .filter(|held| (WARM_SECS..=SOAKED_SECS).contains(&held.secs));
    let soaked: Vec<Held> = soaked.copied().collect();
    let (warm, end) = (soaked.first().unwrap(), soaked.last().unwrap());
    println!("warm {warm:?}, at the end {end:?}");
    // Each user has a socket at both ends, both in this process: the load was really there.
    assert!(warm.descriptors > 2 * SOAK_USERS * 9 / 10, "{warm:?}");
    let is_within = |from: u64, to: u64, percent: u64| to * 100 < from * (100 + percent);
    assert!(
        is_within(warm.rss_kb, end.rss_kb, RSS_GROWTH_PERCENT_MAX),
        "{soaked:?}"
    );
    assert!(
        is_within(
            warm.descriptors,
            end.descriptors,
            DESCRIPTOR_GROWTH_PERCENT_MAX
        ),
        "{soaked:?}"
    );

    let result: Value = serde_json::from_str(&reported(&out, "json")).unwrap();
    assert_ne!(result["verdict"]["outcome"], "cut_short");
    let heard = result["received"]["messages"].as_u64().unwrap();
    println!("{heard} messages were heard");
    assert!(heard > HEARD_MIN, "{heard}");
    let ends = result["disconnects"].as_object().unwrap();
    assert!(ends.values().all(|count| count == 0), "{ends:?}");
}
