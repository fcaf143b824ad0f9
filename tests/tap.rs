//! The recording proxy run from outside: what passes is unchanged, what is recorded is whole, and no recording is worth a user's
//! connection.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that can't be set up has failed, and one that measures says what"
)]

#[path = "tap/blast.rs"]
mod blast;
#[path = "tap/certificate.rs"]
mod certificate;
#[path = "tap/client.rs"]
mod client;
#[path = "outside/network.rs"]
mod network;
#[path = "tap/passed.rs"]
mod passed;
#[path = "outside/process.rs"]
mod process;
#[path = "tap/tapped.rs"]
mod tapped;
#[path = "replay/verbatim.rs"]
mod verbatim;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use socket2::SockRef;
use splitstorm::traffic::trace::event::EventKind;

use crate::blast::GREETING;
use crate::blast::check_passes;
use crate::client::Client;
use crate::passed::Pace;
use crate::tapped::Tapped;

/// How long anything in these tests may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(20);

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Returns a client's connection through `tap` and its other end.
fn connected(tap: &Tapped, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(&tap.address).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }
    (client, server)
}

/// Lets a client be in a channel: what is told there is its own to record.
fn greet(client: &mut TcpStream, server: &mut TcpStream) {
    server.write_all(GREETING).unwrap();
    client.read_exact(&mut [0; GREETING.len()]).unwrap();
}

/// Accepts the look that a tap takes at its upstream when it starts.
fn accept_look(listener: &TcpListener) {
    let (mut look, _) = listener.accept().unwrap();
    assert_eq!(look.read(&mut [0]).unwrap(), 0);
}

/// Waits until `is_true`.
#[track_caller]
fn wait_until(mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "stuck");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_replayed_trace_is_told_again_event_by_event() {
    let (_network, address) = network::listen("127.0.0.1:0", &[]);
    verbatim::check_verbatim(&address);
}

#[test]
fn ten_thousand_lines_a_second_pass_unchanged_both_ways() {
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &[]);
    accept_look(&listener);
    let pace = Pace {
        per_second: 10_000,
        count: 30_000,
    };
    check_passes(&tap.address, &listener, pace);
    let ended = tap.end("-INT");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Shown by `cargo test -- --nocapture`: what the tap adds.
    eprintln!("{}", ended.stderr);
    for lines in [" 30,000 ", " 30,002 "] {
        assert!(ended.stderr.contains(lines), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("not recorded"), "{}", ended.stderr);
    let (events, is_cut) = ended.events();
    assert!(!is_cut);
    // With the JOIN, and the end of the connection.
    assert_eq!(events.len(), 60_002);
    assert!(events.is_sorted_by_key(|event| event.at_us));
}

#[test]
fn tls_is_spoken_to_either_side_and_passed_where_it_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate::write(folder.path());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let to_clients = ["--tls-cert", certificate, "--tls-key", key];
    let to_upstream = ["--upstream-tls", "--upstream-ca", certificate];
    let local = |tap: &Tapped| tap.address.replace("127.0.0.1", "localhost");
    let (listener, upstream) = listener();
    // Plain here ends a chain: TLS from the second tap to the fourth, of which the third can read nothing.
    let last = Tapped::start(&[], &upstream, &to_clients);
    accept_look(&listener);
    let blind = Tapped::start(&[], &local(&last), &[]);
    let both = [&to_clients[..], &to_upstream[..]].concat();
    let middle = Tapped::start(&[], &local(&blind), &both);
    let first = Tapped::start(&[], &local(&middle), &to_upstream);
    let pace = Pace {
        per_second: 2_000,
        count: 4_000,
    };
    check_passes(&first.address, &listener, pace);
    for tap in [first, middle, last] {
        let ended = tap.end("-INT");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        for lines in [" 4,000 ", " 4,002 "] {
            assert!(ended.stderr.contains(lines), "{}", ended.stderr);
        }
        assert_eq!(ended.events().0.len(), 8_002, "{}", ended.stderr);
    }
    let ended = blind.end("-INT");
    assert!(
        ended.stderr.contains("nothing of them is recorded"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.events().0.len(), 0);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate::write(folder.path());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let other = tempfile::tempdir().unwrap();
    let (stranger, _) = certificate::write(other.path());
    let (_listener, upstream) = listener();
    let server = Tapped::start(
        &[],
        &upstream,
        &["--tls-cert", certificate, "--tls-key", key],
    );
    let flags = [
        "--upstream-tls",
        "--upstream-ca",
        stranger.to_str().unwrap(),
    ];
    let tap = Tapped::start(
        &[],
        &server.address.replace("127.0.0.1", "localhost"),
        &flags,
    );
    let mut client = TcpStream::connect(&tap.address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(client.read(&mut [0; 16]).unwrap_or(0), 0);
    let ended = tap.end("-INT");
    assert!(
        ended.stderr.contains("does not agree on TLS")
            && ended.stderr.contains("TLS was not agreed on"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_upstream_is_told_first_who_its_client_is() {
    for version in ["v1", "v2"] {
        let (listener, upstream) = listener();
        let tap = Tapped::start(&[], &upstream, &["--proxy-protocol", version]);
        let header = |client: Option<&TcpStream>| match (version, client) {
            ("v1", None) => b"PROXY UNKNOWN\r\n".to_vec(),
            ("v1", Some(client)) => {
                let port = client.local_addr().unwrap().port();
                let tap_port = tap.address.rsplit(':').next().unwrap();
                format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {tap_port}\r\n").into_bytes()
            }
            (_, client) => {
                let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
                let Some(client) = client else {
                    header.extend([0x20, 0, 0, 0]);
                    return header;
                };
                header.extend([0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1]);
                for address in [client.local_addr(), client.peer_addr()] {
                    header.extend(address.unwrap().port().to_be_bytes());
                }
                header
            }
        };
        let (mut look, _) = listener.accept().unwrap();
        let mut heard = Vec::new();
        look.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, header(None));
        let (mut client, mut server) = connected(&tap, &listener);
        client.write_all(b"PING x\r\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        heard.clear();
        server.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, [&header(Some(&client))[..], b"PING x\r\n"].concat());
        drop(server);
        let ended = tap.end("-INT");
        // The header is none of the client's bytes.
        let up = ended.stderr.lines().find(|line| line.starts_with("  up"));
        let words: Vec<&str> = up.unwrap().split_whitespace().collect();
        assert_eq!(words[1..3], ["8", "1"], "{}", ended.stderr);
    }
}

#[test]
fn a_half_close_is_passed_on_and_the_other_half_stays_open() {
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &[]);
    accept_look(&listener);
    let (mut client, mut server) = connected(&tap, &listener);
    client.write_all(b"PING :question\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = String::new();
    server.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "PING :question\r\n");
    server.write_all(b"PONG :answer\r\n").unwrap();
    drop(server);
    heard.clear();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "PONG :answer\r\n");
    assert_eq!(tap.end("-TERM").code, Some(0));
}

#[test]
fn a_reset_is_passed_on_after_what_came_before_it() {
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &[]);
    accept_look(&listener);
    let (mut client, mut server) = connected(&tap, &listener);
    server.write_all(b"ERROR :flood\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    SockRef::from(&server)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(server);
    let mut heard = [0; 14];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"ERROR :flood\r\n");
    let error = client.read(&mut heard).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn clients_are_closed_while_the_upstream_is_gone_and_served_once_it_is_back() {
    let (gone, upstream) = listener();
    drop(gone);
    let tap = Tapped::start(&[], &upstream, &[]);
    wait_until(|| tap.stderr().contains("can't be reached"));
    for _ in 0..3 {
        let mut client = TcpStream::connect(&tap.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    }
    let back = TcpListener::bind(&upstream).unwrap();
    let (mut client, mut server) = connected(&tap, &back);
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    let ended = tap.end("-INT");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr.matches("can't be reached").count(), 1);
    assert!(
        ended.stderr.contains("warning: 3 connections closed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_slow_reader_slows_its_writer_and_takes_no_memory() {
    /// More than fits into what the kernel holds for both connections.
    const MUCH: u64 = 512 * 1024 * 1024;
    /// What the tap may grow by: the recorder's queue, and room for the rest.
    const GROWTH_KIB_MAX: u64 = 64 * 1024;
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &[]);
    accept_look(&listener);
    let before = resident_kib(tap.id());
    let (client, mut server) = connected(&tap, &listener);
    server
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let chunk = b":birch!b@h PRIVMSG #wood :many leaves\r\n".repeat(1_000);
    let mut sent = 0;
    let error = loop {
        match server.write(&chunk) {
            Ok(count) => sent += count as u64,
            Err(error) => break error,
        }
        assert!(sent < MUCH, "nothing slows the writer");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let growth = resident_kib(tap.id()).saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB after {sent} bytes");
    // Others are served meanwhile.
    let (mut other, mut its_server) = connected(&tap, &listener);
    other.write_all(b"PING x\r\n").unwrap();
    its_server.read_exact(&mut [0; 8]).unwrap();
    // And the rest arrives once it is read.
    drop(server);
    let mut got = 0;
    let mut room = vec![0; 1 << 20];
    let mut client = client;
    while let Ok(count) = client.read(&mut room) {
        if count == 0 {
            break;
        }
        got += count as u64;
    }
    assert_eq!(got, sent);
}

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_killed_tap_loses_at_most_the_last_second() {
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &[]);
    accept_look(&listener);
    let (mut client, mut server) = connected(&tap, &listener);
    greet(&mut client, &mut server);
    for number in 0..250 {
        server
            .write_all(format!(":birch!b@h PRIVMSG #wood :leaf {number}\r\n").as_bytes())
            .unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    let killed_us = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let (events, is_cut) = tap.end("-KILL").events();
    assert!(is_cut);
    let last_us = u128::try_from(events.last().unwrap().at_us).unwrap();
    assert!(
        killed_us - last_us < 1_000_000,
        "{} µs",
        killed_us - last_us
    );
    assert!(events.len() > 100);
}

#[test]
fn files_follow_each_other_in_order_under_one_key() {
    let (listener, upstream) = listener();
    let tap = Tapped::start(&[], &upstream, &["--rotate-bytes", "4K"]);
    accept_look(&listener);
    let (mut client, mut server) = connected(&tap, &listener);
    greet(&mut client, &mut server);
    for number in 0..12_000_u32 {
        let nick = ["birch", "willow", "rowan"][number as usize % 3];
        let text = "x".repeat(number.wrapping_mul(2_654_435_761) as usize % 300);
        let line = format!(":{nick}!b@h PRIVMSG #wood :{text}\r\n");
        server.write_all(line.as_bytes()).unwrap();
        if number % 400 == 0 {
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    // Heard by the recorder well within its second.
    std::thread::sleep(Duration::from_secs(1));
    let ended = tap.end("-INT");
    let files = ended.files();
    assert!(files.len() > 2, "{files:?}");
    assert!(files[0].ends_with("trace-0001.csv.zst"));
    let of_first: BTreeSet<String> = users(&tapped::read(&files[0]).0);
    assert_eq!(of_first.len(), 4);
    assert!(of_first.iter().all(|user| user.starts_with('u')));
    for path in &files {
        let (events, is_cut) = tapped::read(path);
        assert!(!is_cut && users(&events).is_subset(&of_first));
    }
    // And they are one replay, in their order alone.
    let replay = |files: &[&std::path::PathBuf]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_splitstorm"))
            .args(["replay", "--dry-run"])
            .args(files)
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&told).into_owned(),
        )
    };
    let (code, told) = replay(&files.iter().collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("message             12000\n"), "{told}");
    let (code, told) = replay(&files.iter().rev().collect::<Vec<_>>());
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("lies within"), "{told}");
    let (events, _) = ended.events();
    assert_eq!(events.len(), 12_001);
    assert!(events.is_sorted_by_key(|event| event.at_us));
}

fn users(events: &[splitstorm::traffic::trace::event::Event]) -> BTreeSet<String> {
    events.iter().map(|event| event.user.to_string()).collect()
}

#[test]
fn a_full_disk_stops_the_recording_and_nobody_else() {
    let (listener, upstream) = listener();
    // A file that may not grow stands for a disk that is full.
    let wrapper = ["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=8192"];
    let tap = Tapped::start(&wrapper, &upstream, &[]);
    accept_look(&listener);
    let (mut client, mut server) = connected(&tap, &listener);
    greet(&mut client, &mut server);
    let mut room = [0; 400];
    for number in 0..8_000_u32 {
        let text = "x".repeat(number.wrapping_mul(2_654_435_761) as usize % 300);
        let line = format!(":birch!b@h PRIVMSG #wood :{text}\r\n");
        server.write_all(line.as_bytes()).unwrap();
        client.read_exact(&mut room[..line.len()]).unwrap();
        if number == 300 {
            // What has been there for a second is in the file.
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    wait_until(|| tap.stderr().contains("recording stopped"));
    server.write_all(b"still here").unwrap();
    client.read_exact(&mut room[..10]).unwrap();
    let ended = tap.end("-INT");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("recording stopped:").count(), 1);
    assert!(
        ended.stderr.contains("events were not written"),
        "{}",
        ended.stderr
    );
    let (events, is_cut) = ended.events();
    assert!(is_cut && events.len() >= 300, "{}", events.len());
}

#[test]
fn several_clients_make_one_trace_that_tells_each_message_once() {
    const TALK: u32 = 20;
    let (_network, address) = network::listen("127.0.0.1:0", &[]);
    let tap = Tapped::start(&[], &address, &["--keep-text", "--network", "wood"]);
    let mut clients: Vec<Client> = ["alder", "birch", "rowan"]
        .into_iter()
        .map(|nick| Client::join(&tap.address, nick))
        .collect();
    for number in 0..TALK {
        for client in &mut clients {
            client.say(&format!("leaf {number} of {}", client.nick));
        }
    }
    for client in &mut clients {
        client.hear(TALK * 2);
    }
    for client in clients {
        client.quit();
    }
    let ended = tap.end("-INT");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (events, is_cut) = ended.events();
    assert!(!is_cut);
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let shown = || format!("{events:#?}\n{}", ended.stderr);
    assert_eq!(count(EventKind::Message), 3 * TALK as usize, "{}", shown());
    assert_eq!(count(EventKind::Join), 3, "{}", shown());
    assert_eq!(count(EventKind::Quit), 3, "{}", shown());
    let texts: BTreeSet<&str> = events
        .iter()
        .filter(|event| event.kind == EventKind::Message)
        .map(|event| &*event.text)
        .collect();
    assert_eq!(texts.len(), 3 * TALK as usize);
}

#[test]
fn no_recording_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wood.csv");
    std::fs::write(&path, "leaves").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_splitstorm"))
        .args([
            "capture",
            "tap",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            "127.0.0.1:1",
            "-o",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("exists already"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "leaves");
}
