//! Sessions held to recordings of real bouncers: what is played back, with its stamps, and what became of the upstream.
//!
//! `SPLITSTORM_WIRE` names the folder of the recordings: `<bouncer>.<what>.<who>.raw`, a time and a line in each row, `###` before what
//! was done. The figures were counted in the files by hand.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what it wants by failing; a skipped test says so"
)]

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use splitstorm::irc::session::Closed;
use splitstorm::irc::session::Context;
use splitstorm::irc::session::End;
use splitstorm::irc::session::Identity;
use splitstorm::irc::session::Manners;
use splitstorm::irc::session::Session;
use splitstorm::irc::session::SessionConfig;
use splitstorm::irc::session::event::Event;
use splitstorm::irc::session::login::LoginManner;
use splitstorm::irc::session::playback::Playback;
use splitstorm::irc::session::playback::Stamp;
use splitstorm::irc::session::sasl::Login;
use splitstorm::irc::wire::isupport::Isupport;
use splitstorm::irc::wire::message::Message;
use splitstorm::units::offset::Offset;

struct Recorder;

impl Identity for Recorder {
    fn nick(&self, _generation: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(b"recorder");
    }

    fn user(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"recorder");
    }

    fn realname(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"recorder");
    }

    fn login(&self) -> Option<Login<'_>> {
        None
    }
}

/// What a session made of a recording.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    registered: usize,
    joined: usize,
    /// Texts played back with their stamps.
    replayed: Vec<(String, Option<Stamp>)>,
    /// Live talk of users.
    live: Vec<String>,
    /// Live talk of servers.
    server_talk: usize,
    /// What was told of the upstream.
    upstream: Vec<bool>,
    /// Targets of what was refused.
    refused: Vec<Option<String>>,
    kicked: usize,
    /// Words of the bouncer.
    bouncer: usize,
    /// Others' changes.
    others: usize,
}

fn owned(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

impl Heard {
    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Nothing => {}
            Event::Registered => self.registered += 1,
            Event::Joined { .. } => self.joined += 1,
            Event::Talk {
                text,
                replay: Some(replay),
                ..
            } => self.replayed.push((owned(text), replay.stamp)),
            Event::Talk { from, text, .. } if from.user.is_some() => self.live.push(owned(text)),
            Event::Talk { .. } => self.server_talk += 1,
            Event::Upstream { is_up } => self.upstream.push(is_up),
            Event::Refused { target, .. } => self.refused.push(target.map(owned)),
            Event::Kicked { .. } => self.kicked += 1,
            Event::Bouncer { .. } => self.bouncer += 1,
            Event::Other { .. } => self.others += 1,
            other => panic!("nothing of the kind was recorded: {other:?}"),
        }
    }
}

/// Reads a recording through a session.
fn hear(path: &Path, playback: Playback) -> Heard {
    let config = SessionConfig {
        capabilities: ["server-time", "batch"]
            .map(|name| name.as_bytes().to_vec())
            .to_vec(),
        password: None,
        register_timeout: Duration::from_secs(30),
        ping_every: Duration::from_mins(1),
        login: LoginManner::default(),
        manners: Manners::default(),
        playback: Some(playback),
    };
    let (mut session, mut isupport) = (Session::new(), Isupport::default());
    let (mut heard, mut out) = (Heard::default(), Vec::new());
    let mut cx = Context {
        identity: &Recorder,
        config: &config,
        isupport: &mut isupport,
        out: &mut out,
    };
    session.handle_connected(Offset::ZERO, &mut cx);
    let recording =
        std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for row in recording.split(|&byte| byte == b'\n') {
        if row.is_empty() || row.starts_with(b"###") {
            continue;
        }
        let space = row.iter().position(|&byte| byte == b' ').unwrap();
        let message = Message::parse(row[space + 1..].trim_ascii_end()).unwrap();
        heard.add(session.handle_line(Offset::ZERO, &message, &mut cx));
    }
    // What is played back bears the real time; the session has been given none.
    assert_eq!(
        session.handle_closed(Closed::Eof),
        End::Eof,
        "{}",
        path.display()
    );
    heard
}

#[track_caller]
fn check(playback: Playback, recording: &str, want: &Heard) {
    let Some(folder) = std::env::var_os("SPLITSTORM_WIRE").map(PathBuf::from) else {
        eprintln!("skipped: SPLITSTORM_WIRE not set");
        return;
    };
    let path = folder.join(format!("{recording}.raw"));
    assert_eq!(hear(&path, playback), *want, "{recording}");
}

/// Texts that end in numbers, each with the same stamp.
fn backlog(numbers: std::ops::Range<u32>, stamp: Stamp) -> Vec<(String, Option<Stamp>)> {
    let said = |number| (format!("backlog {number}"), Some(stamp));
    numbers.map(said).collect()
}

/// What every client of these hears that is let in to so many channels.
fn attached(joined: usize) -> Heard {
    Heard {
        registered: 1,
        joined,
        ..Heard::default()
    }
}

/// What a client hears that comes to two channels and has so much played back.
fn played_back(replayed: Vec<(String, Option<Stamp>)>) -> Heard {
    Heard {
        replayed,
        ..attached(2)
    }
}

#[test]
fn znc_plays_thirty_lines_back_and_a_query_to_a_client_without_capabilities() {
    // 22:15:22.
    let stamp = Stamp::ClockSecs(80_122);
    let mut replayed = backlog(0..30, stamp);
    replayed.push(("private query".to_owned(), Some(stamp)));
    let want = played_back(replayed);
    check(Playback::ZNC, "znc.reattach.nocaps", &want);
}

#[test]
fn znc_plays_lines_back_to_a_client_whose_capabilities_were_refused() {
    // 22:15:28.
    let want = played_back(backlog(100..103, Stamp::ClockSecs(80_128)));
    check(Playback::ZNC, "znc.reattach.batch", &want);
}

#[test]
fn znc_plays_lines_back_without_a_mark_to_a_client_with_server_time() {
    // date -u -d 2026-11-24T22:15:25.557 +%s%3N
    let want = played_back(backlog(100..103, Stamp::UnixMicros(1_795_558_525_557_000)));
    check(Playback::ZNC, "znc.reattach.servertime", &want);
}

#[test]
fn znc_tells_that_its_upstream_goes_and_comes() {
    let lost = Heard {
        server_talk: 1,
        upstream: vec![false],
        bouncer: 1,
        ..attached(2)
    };
    let want = Heard {
        // 22:15:30.
        replayed: backlog(100..103, Stamp::ClockSecs(80_130)),
        joined: 4,
        upstream: vec![false, true],
        refused: vec![Some("#c5".to_owned())],
        others: 14,
        ..lost
    };
    check(Playback::ZNC, "znc.updown.z0005", &want);
    let lost = Heard {
        server_talk: 1,
        upstream: vec![false],
        bouncer: 1,
        ..attached(2)
    };
    let want = Heard {
        joined: 4,
        upstream: vec![false, true],
        others: 14,
        ..lost
    };
    check(Playback::ZNC, "znc.updown.z0025", &want);
    let want = Heard {
        server_talk: 1,
        upstream: vec![false],
        bouncer: 1,
        others: 19,
        ..attached(2)
    };
    check(Playback::ZNC, "znc.updown.z0100", &want);
}

#[test]
fn a_netsplit_behind_znc_is_a_hundred_quits_and_nothing_of_the_bouncers() {
    let want = Heard {
        others: 300,
        ..attached(2)
    };
    check(Playback::ZNC, "znc-upstream-netsplit.client", &want);
}

#[test]
fn bip_plays_nothing_back_of_what_another_client_has_seen() {
    check(Playback::BIP, "bip.reattach.batch", &attached(1));
    check(Playback::BIP, "bip.reattach.servertime", &attached(1));
    // What it still held back for its other user came just then, live.
    let want = Heard {
        live: vec!["backlog 4".to_owned(), "backlog 5".to_owned()],
        ..attached(1)
    };
    check(Playback::BIP, "bip.reattach.nocaps", &want);
}

#[test]
fn bip_tells_that_its_upstream_goes_and_keeps_its_clients() {
    let lost = |others, bouncer| Heard {
        server_talk: 1,
        upstream: vec![false],
        kicked: 1,
        bouncer,
        others,
        ..attached(1)
    };
    // 22:23:04.
    let stamp = Some(Stamp::ClockSecs(80_584));
    let want = Heard {
        replayed: vec![("private query".to_owned(), stamp)],
        refused: vec![None],
        ..lost(4, 1)
    };
    check(Playback::BIP, "bip.updown.b0005", &want);
    check(Playback::BIP, "bip.updown.b0010", &lost(5, 1));
    // It plays a JOIN back, in its own words.
    check(Playback::BIP, "bip.updown.b0040", &lost(7, 2));
}
