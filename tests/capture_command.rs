//! The commands `capture` and `profile` as a person runs them: outputs, messages, exit codes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "outside/command.rs"]
mod command;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::command::splitstorm;

/// The version that traces and profiles tell.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs a command and compares its exit code and what it says on stderr.
#[track_caller]
fn check(folder: &Path, arguments: &[&str], code: i32, stderr: &str) {
    let output = splitstorm(folder, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(output.status.code(), Some(code));
}

/// Returns a folder with one log of a made-up channel.
fn wood() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wood_20240102.znc.log");
    fs::create_dir(folder.path().join("logs")).unwrap();
    fs::copy(log, folder.path().join("logs/#wood_20240102.log")).unwrap();
    fs::write(folder.path().join("logs/README"), "All about the wood.\n").unwrap();
    folder
}

/// Returns a log of `days` days in which two people talk each evening.
fn evenings(days: u32) -> String {
    let mut log = String::new();
    for day in 0..days {
        let start = 1_704_067_200 + day * 86_400;
        writeln!(log, "{}.000000 :alder!a@h JOIN #wood", start + 60_000).unwrap();
        for line in 0..20 {
            let nick = if line % 3 == 0 { "birch" } else { "alder" };
            writeln!(
                log,
                "{}.5 :{nick}!a@h PRIVMSG #wood :leaf {line}",
                start + 61_000 + line * 30
            )
            .unwrap();
        }
        writeln!(
            log,
            "{}.000000 :alder!a@h QUIT :Quit: night",
            start + 70_000
        )
        .unwrap();
    }
    log
}

#[test]
fn an_import_tells_what_it_read_and_what_it_did_not() {
    let folder = wood();
    check(
        folder.path(),
        &["capture", "import", "logs", "-o", "trace.csv"],
        0,
        "6 events of 1 log (znc) to trace.csv\n  \
         from 2024-01-02T00:00:01Z to 2024-01-02T00:01:00Z, zone UTC, assumed: --tz names another\n  \
         message 2, action 1, join 1, quit 1, mode 1\n  \
         7 lines, of which 0 tell no event\n\
         warning: 1 of 7 lines are not understood\n  \
         --> logs/#wood_20240102.log:5: expected a line that begins with [HH:MM:SS], found `<<<<<<< HEAD`\n\
         warning: skipped what is no log: 1 file\n  \
         --> logs/README:1: expected an IRC log, found `All about the wood.`\n",
    );
    let trace = fs::read_to_string(folder.path().join("trace.csv")).unwrap();
    for word in ["alder", "birch", "oak", "wood", "morning"] {
        assert!(!trace.contains(word), "{word} in {trace}");
    }
}

#[test]
fn a_trace_keeps_names_and_texts_when_asked_to() {
    let folder = wood();
    let log = "logs/#wood_20240102.log";
    let output = splitstorm(
        folder.path(),
        &[
            "capture",
            "import",
            log,
            "-o",
            "-",
            "--keep-text",
            "--tz",
            "Asia/Tokyo",
        ],
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).replace(VERSION, "(version)"),
        "# splitstorm trace, schema 1\n\
         # tool=(version)\n\
         # tz=Asia/Tokyo\n\
         # tick_us=1000000\n\
         # names=kept\n\
         # text=kept\n\
         at_us,event,network,channel,user,peer,bytes,detail,text\n\
         1704121201000000,join,network,#wood,alder,,0,,\n\
         1704121205000000,mode,network,#wood,oak,alder,8,+o,\n\
         1704121209000000,message,network,#wood,alder,,12,,good morning\n\
         1704121212000000,message,network,#wood,birch,alder,12,reply,alder: hello\n\
         1704121220000000,action,network,#wood,birch,,5,,waves\n\
         1704121260000000,quit,network,#wood,alder,,25,ping_timeout,\n"
    );
}

#[test]
fn files_in_error_are_named_with_exit_code_2() {
    let folder = wood();
    check(
        folder.path(),
        &["capture", "import", "logs/README", "-o", "trace.csv"],
        2,
        "error: expected an IRC log, found `All about the wood.`\n  \
         --> logs/README:1\n  \
         help: the formats are znc, eggdrop, irssi, weechat, hexchat, mirc, mirc-html, limnoria, pircbot, colabti, ubuntu, energymech, json, unix-time, raw; --format names one\n",
    );
    check(
        folder.path(),
        &["capture", "import", "nowhere.log", "-o", "trace.csv"],
        2,
        "error: can't read `nowhere.log`: no such file or folder\n  help: check the path; it counts from the folder you are in\n",
    );
    check(
        folder.path(),
        &["profile", "fit", "logs/README", "-o", "p"],
        2,
        "error: expected a trace, found `All about the wood.`\n  \
         --> logs/README:1\n  \
         help: make one with `splitstorm capture import`\n",
    );
    check(
        folder.path(),
        &["profile", "show", "logs"],
        2,
        "error: expected the file profile.toml, found none\n  \
         --> logs/profile.toml\n  \
         help: a profile is a folder as `splitstorm profile fit` writes it\n",
    );
    assert!(!folder.path().join("trace.csv").exists());
}

#[test]
fn a_profile_is_fitted_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wood.raw"), evenings(29)).unwrap();
    let import = ["capture", "import", "wood.raw", "-o", "wood.csv.zst"];
    assert_eq!(splitstorm(folder.path(), &import).status.code(), Some(0));
    check(
        folder.path(),
        &[
            "profile",
            "fit",
            "wood.csv.zst",
            "-o",
            "wood",
            "--source",
            "a wood",
            "--date",
            "2024-03-01",
        ],
        0,
        "profile wood of 2 users to wood\n",
    );
    let output = splitstorm(folder.path(), &["profile", "show", "wood"]);
    let page = String::from_utf8_lossy(&output.stdout).replace(VERSION, "(version)");
    for line in [
        "profile   wood, a wood\n",
        "fitted    on 2024-03-01 by splitstorm (version) to 616 events of 1 channel\n",
        "users     2 connections in 2 cohorts",
        "talk      0.83 messages an hour in 1 channel, 0.83 in the loudest; busiest",
        "left by   quit 100.0 %\n",
        "speakers  2; the first says 65.0 %",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_trace_that_is_too_short_is_refused_and_a_short_one_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.raw"), evenings(1)).unwrap();
    fs::write(folder.path().join("b.raw"), evenings(5)).unwrap();
    for log in ["a", "b"] {
        let (raw, csv) = (format!("{log}.raw"), format!("{log}.csv"));
        splitstorm(folder.path(), &["capture", "import", &raw, "-o", &csv]);
    }
    check(
        folder.path(),
        &["profile", "fit", "a.csv", "-o", "a"],
        2,
        "error: expected a trace of at least a day, found 2.78 hours\n  \
         --> a.csv\n  \
         help: a profile repeats whole days; four weeks or more are needed to resemble anything\n",
    );
    check(
        folder.path(),
        &["profile", "fit", "b.csv", "-o", "b"],
        0,
        "profile b of 2 users to b\n\
         warning: profile too short: less than four weeks of capture, so nothing is claimed about its realism\n",
    );
    let shown = splitstorm(folder.path(), &["profile", "show", "b"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("profile too short"));
}

#[test]
fn a_folder_of_other_things_is_not_written_over() {
    let folder = wood();
    fs::write(folder.path().join("b.raw"), evenings(5)).unwrap();
    splitstorm(
        folder.path(),
        &["capture", "import", "b.raw", "-o", "b.csv"],
    );
    check(
        folder.path(),
        &["profile", "fit", "b.csv", "-o", "logs"],
        2,
        "error: expected a new folder or a profile, found other files\n  \
         --> logs\n  \
         help: name a folder of the profile's own\n",
    );
}

/// Writes a bouncer's folder of logs: `users` users in one channel, each of whom missed some of it, and their queries.
fn bouncer(users: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for user in 0..users {
        let logs = folder.path().join(format!("logs/user{user}/net"));
        for channel in ["#wood", "birch"] {
            fs::create_dir_all(logs.join(channel)).unwrap();
        }
        let mut log = String::new();
        for line in 0..100 {
            // Everybody was away for a while, never all at once.
            if (line + user) % users == 0 {
                continue;
            }
            let (minute, second) = (line / 3, line % 3 * 20 + user % 2);
            writeln!(
                log,
                "[12:{minute:02}:{second:02}] <tree{}> leaf {line}",
                line % 7
            )
            .unwrap();
        }
        writeln!(
            log,
            "[13:00:0{}] *** Quits: tree1 (t@h) (Quit: night)",
            user % 3
        )
        .unwrap();
        fs::write(logs.join("#wood/2024-02-29.log"), log).unwrap();
        fs::write(
            logs.join("birch/2024-02-29.log"),
            "[12:00:00] <birch> a secret of ours\n",
        )
        .unwrap();
    }
    folder
}

#[test]
fn a_channel_that_fifty_users_of_a_bouncer_logged_counts_once() {
    let folder = bouncer(50);
    let import = |flags: &[&str]| {
        let arguments = [&["capture", "import", "logs", "-o", "t.csv"], flags].concat();
        let output = splitstorm(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0));
        (
            fs::read_to_string(folder.path().join("t.csv")).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (trace, said) = import(&["--tree"]);
    let count = |event: &str| trace.lines().filter(|row| row.contains(event)).count();
    assert_eq!((count(",message,net,"), count(",quit,net,")), (100, 1));
    let overlap = trace
        .lines()
        .find(|line| line.starts_with("# overlap=50 #"));
    assert!(overlap.is_some(), "{trace}");
    assert!(
        said.contains("was logged by 50 users, and counts once"),
        "{said}"
    );
    assert!(
        said.contains("50 logs of private queries not read"),
        "{said}"
    );
    // Without the flag they are fifty logs of a channel, and the import says so.
    let (trace, said) = import(&[]);
    assert!(
        trace
            .lines()
            .filter(|row| row.contains(",message,"))
            .count()
            > 4_000
    );
    assert!(
        said.contains("--tree if they are of several users"),
        "{said}"
    );
}

#[test]
fn a_kept_key_gives_the_same_pseudonyms_again() {
    let folder = wood();
    let import = |flags: &[&str]| {
        let arguments = [&["capture", "import", "logs", "-o", "t.csv"], flags].concat();
        assert_eq!(splitstorm(folder.path(), &arguments).status.code(), Some(0));
        fs::read_to_string(folder.path().join("t.csv")).unwrap()
    };
    assert_eq!(
        import(&["--key-file", "key"]),
        import(&["--key-file", "key"])
    );
    assert_ne!(import(&[]), import(&[]));
}

#[test]
fn compressed_logs_are_read_as_they_are() {
    let folder = wood();
    let log = folder.path().join("logs/#wood_20240102.log");
    let plain = fs::read(&log).unwrap();
    let import = || {
        let arguments = ["capture", "import", "logs", "-o", "t.csv", "--keep-text"];
        assert_eq!(splitstorm(folder.path(), &arguments).status.code(), Some(0));
        fs::read_to_string(folder.path().join("t.csv")).unwrap()
    };
    let want = import();
    fs::remove_file(&log).unwrap();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &plain).unwrap();
    fs::write(log.with_extension("log.gz"), packer.finish().unwrap()).unwrap();
    assert_eq!(import(), want);
    fs::remove_file(log.with_extension("log.gz")).unwrap();
    fs::write(
        log.with_extension("log.zst"),
        zstd::encode_all(plain.as_slice(), 1).unwrap(),
    )
    .unwrap();
    assert_eq!(import(), want);
}

#[test]
fn a_trace_is_shown_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.raw"), evenings(3)).unwrap();
    let import = ["capture", "import", "a.raw", "-o", "t.csv"];
    assert_eq!(splitstorm(folder.path(), &import).status.code(), Some(0));
    let output = splitstorm(folder.path(), &["capture", "show", "t.csv"]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for line in [
        "span      2024-01-01T16:40:00Z to 2024-01-03T19:26:40Z, 2 d 2 h",
        "users     2 connections, 2 of them spoke",
        "mix       message 60 (90.9 %), join 3 (4.55 %), quit 3 (4.55 %)",
        "splits    none found",
        "warning: under four weeks: a profile fitted from it claims no likeness",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
    }
    check(
        folder.path(),
        &["capture", "show", "a.raw"],
        2,
        "error: expected a trace, found `1704127200.000000 :alder!a@h JOIN #wood`\n  --> a.raw:1\n  \
         help: make one with `splitstorm capture import`\n",
    );
}

#[test]
fn a_scrubbed_log_imports_as_the_log_itself() {
    let folder = wood();
    let run = |arguments: &[&str]| splitstorm(folder.path(), arguments);
    let count = |log: &str| {
        let output = run(&["capture", "import", log, "-o", "t.csv"]);
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().nth(2).unwrap().to_owned()
    };
    let output = run(&["capture", "scrub", "logs", "-o", "shared.raw"]);
    assert_eq!(output.status.code(), Some(0));
    let shared = fs::read_to_string(folder.path().join("shared.raw")).unwrap();
    for secret in ["alder", "birch", "morning", "#wood", "host.example"] {
        assert!(!shared.contains(secret), "{shared}");
    }
    assert_eq!(count("shared.raw"), count("logs"));
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let folder = wood();
    let output = splitstorm(
        folder.path(),
        &["capture", "import", "logs", "-o", "/dev/full"],
    );
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("error: can't write `/dev/full`: "),
        "{said}"
    );
    assert!(!fs::metadata("/dev/full").unwrap().is_file());
}
