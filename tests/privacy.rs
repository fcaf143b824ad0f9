//! What leaves a machine in a trace: no nick, host, channel or word of the logs that it was made from.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says so when it is skipped"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Logs of one made-up channel, as many programs keep them; `NICK`, `HOST` and `WORD` stand for what must not come out.
const LOGS: &[(&str, &str)] = &[
    (
        "znc_20240229.log",
        "[01:02:03] *** Joins: NICK (NICK@HOST)\n[01:02:03] <NICK> WORD WORD\n[01:02:04] *** NICK sets mode: +k WORD\n\
         [01:02:04] *** NICK changes topic to 'WORD'\n[01:02:05] *** Quits: NICK (NICK@HOST) (Quit: WORD)\n",
    ),
    (
        "eggdrop.20240229.log",
        "[01:02:03] NICK (NICK@HOST) joined #CHANNEL.\n[01:02:04] #CHANNEL: mode change 'WORD' by NICK!NICK@HOST\n\
         [01:02:05] NICK kicked from #CHANNEL by NICK: WORD\n[01:02:05] NICK (NICK@HOST) left irc: WORD\n",
    ),
    (
        "irssi.log",
        "--- Log opened Thu Feb 29 12:30:01 2024\n12:30 -!- NICK [NICK@HOST] has joined #CHANNEL\n12:30 <@NICK> WORD: WORD\n\
         12:31 -!- mode/#CHANNEL [+b WORD!*@HOST] by NICK\n12:31 -!- Netsplit HOST <-> HOST quits: NICK\n",
    ),
    (
        "limnoria.log",
        "2024-02-29T12:30:01  *** NICK <NICK!NICK@HOST> has joined #CHANNEL\n2024-02-29T12:30:02  <NICK> WORD\n\
         2024-02-29T12:30:03  *** NICK is now known as WORDnick\n2024-02-29T12:30:04  *** WORDnick <WORDnick!NICK@HOST> has left #CHANNEL (WORD)\n",
    ),
    (
        "json.jsonl",
        "{\"type\":\"message\",\"nick\":\"NICK\",\"text\":\"WORD\",\"channel\":\"#CHANNEL\",\"time\":1709209801}\n",
    ),
    (
        "raw.log",
        "@time=2024-02-29T12:30:01.000Z;msgid=WORD :NICK!NICK@HOST PRIVMSG #CHANNEL :WORD\n\
         1709209802.5 :NICK!NICK@HOST WORDY #CHANNEL :WORD\n1709209802.5 :NICK!NICK@HOST MODE #CHANNEL WORD\n\
         1709209803.5 :HOST 353 NICK = #CHANNEL :@NICK WORDnick\n1709209804.5 :NICK!NICK@HOST QUIT :WORD\n",
    ),
];

/// What an event may be of: everything else in a trace is a number or a pseudonym.
const WORDS: &[&str] = &[
    "message",
    "action",
    "notice",
    "join",
    "part",
    "quit",
    "nick",
    "kick",
    "mode",
    "topic",
    "other",
    "reply",
    "guest",
    "names",
    "command",
    "ctcp",
    "clearchat",
    "clearmsg",
    "ping_timeout",
    "reset",
    "split",
    "kicked",
    "killed",
    "changing_host",
    "unknown",
    "wood",
    "",
];

/// Imports a log or a folder and returns the trace.
fn import(log: &Path, flags: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.csv");
    let output = Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args(["capture", "import"])
        .arg(log)
        .arg("-o")
        .arg(&trace)
        .args(["--network", "wood"])
        .args(flags)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::read_to_string(trace).unwrap()
}

/// Returns the events of a trace, without its head.
fn rows(trace: &str) -> impl Iterator<Item = &str> {
    trace.lines().filter(|line| !line.starts_with('#')).skip(1)
}

/// Checks that every field of a trace is a number, a pseudonym or one of few words.
#[track_caller]
fn check_fields(trace: &str) {
    let rows = trace.lines().filter(|line| !line.starts_with('#')).skip(1);
    for row in rows {
        for field in row.split(',') {
            let is_plain = field.bytes().all(|byte| byte.is_ascii_digit())
                || WORDS.contains(&field)
                || is_pseudonym(field)
                || is_mode(field);
            assert!(is_plain, "`{field}` in `{row}`");
        }
    }
}

/// Returns whether a field is `u` or `#` and hexadecimal digits, with the number of a second connection.
fn is_pseudonym(field: &str) -> bool {
    let (name, number) = field.split_once('.').unwrap_or((field, "0"));
    let digits = name.strip_prefix(['u', '#']).unwrap_or("?");
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_mode(field: &str) -> bool {
    field.starts_with(['+', '-'])
        && field
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-'))
}

/// Checks that no word of a log stands in its trace: words of four letters and more that are no digits of a pseudonym.
#[track_caller]
fn check_words<'a>(trace: &str, logs: impl Iterator<Item = &'a [u8]>) -> usize {
    let told: BTreeSet<&str> = rows(trace)
        .flat_map(|row| row.split(|letter: char| !letter.is_ascii_alphanumeric()))
        .collect();
    let mut count = 0;
    for log in logs {
        let text = String::from_utf8_lossy(log);
        for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            let is_telling = word.len() >= 4
                && word.bytes().any(|byte| !byte.is_ascii_hexdigit())
                && !WORDS.iter().any(|known| known.split('_').any(|part| part == word))
                // Digits after a `u` are a pseudonym only by accident: ten and more are not written by people.
                && !is_pseudonym(word);
            if is_telling {
                count += 1;
                assert!(!told.contains(word), "{word}");
            }
        }
    }
    count
}

#[test]
fn no_name_or_word_of_any_format_leaves_in_a_trace() {
    for (name, log) in LOGS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let log = log
            .replace("NICK", "sorbus")
            .replace("HOST", "grove.test")
            .replace("WORD", "blossom")
            .replace("CHANNEL", "orchard");
        fs::write(&path, &log).unwrap();
        let trace = import(&path, &[]);
        assert!(rows(&trace).count() > 0, "{name}: {trace}");
        check_fields(&trace);
        for secret in ["sorbus", "grove", "blossom", "orchard", "SORBUS", "BLOSSOM"] {
            assert!(!trace.contains(secret), "{name}: {trace}");
        }
    }
}

#[test]
fn no_name_or_word_of_live_captures_leaves_in_a_trace() {
    let Some(folder) = std::env::var_os("SPLITSTORM_CAPTURES").map(PathBuf::from) else {
        eprintln!("skipped: SPLITSTORM_CAPTURES not set");
        return;
    };
    let captures = [
        ("jsonms-laravel/logs.jsonl", "#channel"),
        ("twitch-raw/nymn.raw", "#channel"),
    ];
    for (capture, channel) in captures {
        let path = folder.join(capture);
        let trace = import(&path, &["--channel", channel]);
        check_fields(&trace);
        let log = fs::read(&path).unwrap();
        let count = check_words(&trace, std::iter::once(log.as_slice()));
        eprintln!("{capture}: {count} words looked for");
        assert!(count > 1_000, "{capture}: {count}");
    }
}
