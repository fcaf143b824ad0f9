//! Capture files with every hazard of the wire, and what is read of them.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;

use crate::traffic::capture::packet::forge;
use crate::traffic::capture::packet::forge::ACK;
use crate::traffic::capture::packet::forge::FIN;
use crate::traffic::capture::packet::forge::RST;
use crate::traffic::capture::packet::forge::START_SECS;
use crate::traffic::capture::packet::forge::SYN;

use crate::traffic::capture::packet::forge::Talk;
use crate::traffic::capture::packet::is_capture;
use crate::traffic::capture::packet::read;
use crate::traffic::capture::packet::report::PacketReport;
use crate::traffic::trace::event::EventKind;

/// The link types of the tests.
const ETHERNET: u32 = 1;
const RAW: u32 = 101;

/// Reads a file and shows its events as `secs kind nick channel text`, times from the start.
fn events(file: &[u8]) -> (Vec<String>, PacketReport) {
    let mut events = Vec::new();
    let report = read("a.pcap", file, &mut |at_us, seen| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        events.push(format!(
            "{} {} {} [{}] [{}]",
            at_us / 1_000_000 - i64::from(START_SECS),
            seen.kind.as_str(),
            text(seen.nick),
            text(seen.channel.unwrap_or_default()),
            text(seen.text),
        ));
    })
    .unwrap();
    (events, report)
}

/// Reads a file of IP packets and compares what is told.
#[track_caller]
fn check(packets: &[Vec<u8>], want: &[&str]) -> PacketReport {
    let (events, report) = events(&forge::pcap(RAW, packets));
    assert_eq!(events, want, "{report:?}");
    report
}

/// Returns a connection and the packets in which its client, alder, registers and joins #w; four in all.
fn joined(mut talk: Talk) -> (Talk, Vec<Vec<u8>>) {
    let mut packets = talk.open();
    packets.push(talk.up("NICK alder\r\nUSER a 0 * :A\r\n"));
    packets.push(talk.down(":s.x 001 alder :hi\r\n:alder!a@h JOIN #w\r\n"));
    (talk, packets)
}

const JOINED: &str = "3 join alder [#w] []";

#[test]
fn a_session_is_read_from_its_first_packet_to_its_last() {
    let (mut talk, mut packets) = joined(Talk::new(40_000));
    packets.push(talk.up("PRIVMSG #w :one\r\nPRIV"));
    packets.push(talk.up("MSG #w :two\r\n"));
    packets.push(talk.down(":oak!o@h PRIVMSG #w :three\r\n"));
    packets.extend(talk.close());
    let report = check(
        &packets,
        &[
            JOINED,
            "4 message alder [#w] [one]",
            "5 message alder [#w] [two]",
            "6 message oak [#w] [three]",
            "8 quit alder [] []",
        ],
    );
    assert_eq!((report.connection_count, report.irc_count), (1, 1));
    assert_eq!((report.packet_count, report.line_count), (9, 7));
    assert_eq!((report.damaged_count, report.missing_bytes), (0, 0));
    assert_eq!(report.event_count(EventKind::Message), 3);
}

#[test]
fn every_wrap_is_taken_off() {
    for talk in [Talk::new(40_000), Talk::new(40_000).over_v6()] {
        let (mut talk, mut packets) = joined(talk);
        packets.push(talk.up("PRIVMSG #w :x\r\n"));
        check_wrap(1, &packets, |ip| forge::ethernet(ip, &[]));
        check_wrap(1, &packets, |ip| forge::ethernet(ip, &[7]));
        check_wrap(1, &packets, |ip| forge::ethernet(ip, &[7, 8]));
        check_wrap(113, &packets, |ip| forge::cooked(ip, 1));
        check_wrap(276, &packets, |ip| forge::cooked(ip, 2));
        check_wrap(0, &packets, forge::loopback);
        check_wrap(108, &packets, forge::loopback);
        check_wrap(101, &packets, <[u8]>::to_vec);
        check_wrap(12, &packets, <[u8]>::to_vec);
    }
}

/// Checks that alder's JOIN and message are read from packets that are wrapped.
#[track_caller]
fn check_wrap(link: u32, packets: &[Vec<u8>], wrap: impl Fn(&[u8]) -> Vec<u8>) {
    let frames: Vec<Vec<u8>> = packets.iter().map(|ip| wrap(ip)).collect();
    let want = [JOINED, "4 message alder [#w] [x]"];
    assert_eq!(events(&forge::pcap(link, &frames)).0, want, "{link}");
}

#[test]
fn an_unknown_link_is_named() {
    let file = forge::pcap(105, &[vec![0; 60]]);
    let error = read("a.pcap", file.as_slice(), &mut |_, _| {}).unwrap_err();
    assert_eq!(
        error.what,
        "expected packets of Ethernet, IP, loopback or Linux cooked links, found link type 105"
    );
    let mut file = forge::pcapng_header(105, 6);
    file.extend(forge::pcapng_packet(0, &[0; 60]));
    let error = read("a.pcapng", file.as_slice(), &mut |_, _| {}).unwrap_err();
    assert!(error.what.ends_with("found link type 105"), "{error}");
    for text in ["", "a", "12:00 <alder> hi\n"] {
        let error = read("a.log", text.as_bytes(), &mut |_, _| {}).unwrap_err();
        assert_eq!(error.what, "expected a capture file, pcap or pcapng");
    }
}

#[test]
fn segments_out_of_order_and_sent_again_are_put_right() {
    let (talk, mut packets) = joined(Talk::new(40_000));
    let text = "PRIVMSG #w :one\r\nPRIVMSG #w :two\r\n";
    let up = talk.up;
    let part = |from: usize, to: usize| {
        let sequence = up.wrapping_add(u32::try_from(from).unwrap());
        talk.packet(true, sequence, ACK, &text.as_bytes()[from..to])
    };
    packets.extend([
        part(20, 34),
        part(0, 10),
        part(0, 10),
        part(5, 15),
        part(8, 20),
    ]);
    // A probe that asks whether the other side is there sends its last byte again.
    packets.push(part(33, 34));
    packets.push(talk.packet(true, up.wrapping_add(34), ACK, b"PRIVMSG #w :three\r\n"));
    let report = check(
        &packets,
        &[
            JOINED,
            "8 message alder [#w] [one]",
            "4 message alder [#w] [two]",
            "10 message alder [#w] [three]",
        ],
    );
    assert_eq!(report.repeated_bytes, 10 + 5 + 7 + 1);
    assert_eq!(report.damaged_count, 0);
}

#[test]
fn missing_bytes_damage_the_line_across_them_and_no_other() {
    let (mut talk, mut packets) = joined(Talk::new(40_000));
    packets.push(talk.down(":oak!o@h PRIVMSG #w :one\r\n:oak!o@h PRIV"));
    drop(talk.down("MSG #w :two\r\n"));
    packets.push(talk.down(":oak!o@h PRIVMSG #w :three\r\n:oak!o@h PRIVMSG #w :four\r\n"));
    let lost = packets.clone();
    packets.extend(talk.close());
    let report = check(
        &packets,
        &[
            JOINED,
            "4 message oak [#w] [one]",
            // The end of a gap is the end of the line across it: the next is dropped to its end.
            "5 message oak [#w] [four]",
            "7 quit alder [] []",
        ],
    );
    assert_eq!((report.missing_bytes, report.damaged_count), (13, 1));
    assert_eq!(report.damaged[0].expected, "a line without missing bytes");
    // The receiver has them: the recording never will.
    let mut packets = lost;
    packets.push(talk.up("PING :x\r\n"));
    packets.push(talk.down(":oak!o@h PRIVMSG #w :five\r\n"));
    let report = check(
        &packets,
        &[
            JOINED,
            "4 message oak [#w] [one]",
            "5 message oak [#w] [four]",
            "7 message oak [#w] [five]",
        ],
    );
    assert_eq!(report.missing_bytes, 13);
}

#[test]
fn a_connection_from_before_the_recording_is_read_from_its_first_whole_line() {
    let mut talk = Talk::new(40_000);
    let packets = [
        talk.down("IVMSG #w :torn\r\n:oak!o@h PRIVMSG #w :one\r\n"),
        talk.up("PRIVMSG #w :unknown\r\n"),
        talk.down(":s.x 401 alder oak :no such nick\r\n"),
        talk.up("PRIVMSG #w :two\r\n"),
    ];
    let report = check(
        &packets,
        &["0 message oak [#w] [one]", "3 message alder [#w] [two]"],
    );
    assert_eq!((report.irc_count, report.damaged_count), (1, 1));
    // A client that is seen alone, on the lower port.
    let mut talk = Talk::new(1_024);
    let packets = [talk.up("NICK alder\r\n"), talk.up("PRIVMSG #w :two\r\n")];
    check(&packets, &["1 message alder [#w] [two]"]);
}

#[test]
fn a_port_that_is_used_again_is_another_connection() {
    let (_, mut packets) = joined(Talk::new(40_000));
    let mut again = Talk::new(40_000);
    (again.up, again.down) = (5_000, 6_000);
    let (mut again, more) = joined(again);
    packets.extend(more);
    packets.push(again.up("PRIVMSG #w :x\r\n"));
    let report = check(
        &packets,
        &[
            JOINED,
            "4 quit alder [] []",
            "7 join alder [#w] []",
            "8 message alder [#w] [x]",
        ],
    );
    assert_eq!((report.connection_count, report.irc_count), (2, 2));
}

#[test]
fn a_client_that_was_refused_may_ask_again() {
    let talk = Talk::new(40_000);
    let (mut again, mut packets) = joined(talk.clone());
    packets.insert(0, talk.packet(false, 0, RST | ACK, b""));
    packets.insert(0, talk.packet(true, talk.up, SYN, b""));
    packets.push(again.up("PRIVMSG #w :x\r\n"));
    let report = check(
        &packets,
        &["5 join alder [#w] []", "6 message alder [#w] [x]"],
    );
    assert_eq!((report.connection_count, report.irc_count), (2, 1));
}

#[test]
fn a_reset_ends_a_connection_and_what_lags_behind_is_not_read() {
    let (mut talk, mut packets) = joined(Talk::new(40_000));
    packets.push(talk.packet(false, talk.down, RST, b""));
    packets.push(talk.up("PRIVMSG #w :late\r\n"));
    packets.push(talk.packet(false, talk.down, RST, b""));
    let report = check(&packets, &[JOINED, "4 quit alder [] []"]);
    assert_eq!((report.connection_count, report.repeated_bytes), (1, 18));
}

#[test]
fn an_end_waits_for_what_is_before_it() {
    let (mut talk, mut packets) = joined(Talk::new(40_000));
    let last = talk.up("QUIT :bye\r\n");
    packets.extend(talk.close());
    packets.push(last);
    check(&packets, &[JOINED, "6 quit alder [] [bye]"]);
    // One side's end is enough, at the end of the recording.
    let (talk, mut packets) = joined(Talk::new(40_000));
    packets.push(talk.packet(false, talk.down, FIN | ACK, b""));
    check(&packets, &[JOINED, "4 quit alder [] []"]);
    let (_, packets) = joined(Talk::new(40_000));
    check(&packets, &[JOINED]);
}

#[test]
fn irc_is_told_by_what_is_said_and_not_by_the_port() {
    let mut packets = Vec::new();
    let mut web = Talk::new(40_000).at_port(6_667);
    packets.extend(web.open());
    packets.push(web.up("GET / HTTP/1.1\r\nHost: s.x\r\nAccept: */*\r\n\r\n"));
    packets.push(web.down("HTTP/1.1 200 OK\r\n\r\n:a!b@c PRIVMSG #w :no\r\n"));
    let mut mail = Talk::new(40_001).at_port(25);
    packets.extend(mail.open());
    packets.push(mail.down("220 s.x ESMTP\r\n"));
    packets.push(mail.up("EHLO a\r\n"));
    packets.push(mail.down("250 s.x\r\n"));
    let silent = &mut Talk::new(40_002);
    packets.extend(silent.open());
    let (_, odd) = joined(Talk::new(40_003).at_port(80));
    packets.extend(odd);
    let report = check(&packets, &["14 join alder [#w] []"]);
    assert_eq!((report.connection_count, report.irc_count), (4, 1));
    assert_eq!((report.foreign_count, report.tls_count), (2, 0));
}

#[test]
fn what_is_encrypted_is_counted_and_not_read() {
    let mut packets = Vec::new();
    let mut whole = Talk::new(40_000).at_port(6_697);
    packets.extend(whole.open());
    packets.push(whole.up("\u{16}\u{3}\u{1}\u{2}\0\u{1}\n"));
    packets.push(whole.down(":s.x 001 alder :no\r\n"));
    let (mut upgraded, _) = joined(Talk::new(40_001));
    let mut upgraded_packets = Talk::new(40_001);
    packets.extend(upgraded_packets.open());
    std::mem::swap(&mut upgraded, &mut upgraded_packets);
    packets.push(upgraded.up("STARTTLS\r\n"));
    packets.push(upgraded.down(":s.x 670 * :STARTTLS successful\r\n"));
    packets.push(upgraded.up("\u{16}\u{3}\u{1}\u{2}\0\u{1}\n"));
    packets.push(upgraded.up("NICK alder\r\nPRIVMSG #w :no\r\n"));
    packets.extend(upgraded.close());
    let report = check(&packets, &[]);
    assert_eq!((report.tls_count, report.connection_count), (2, 2));
    assert_eq!((report.irc_count, report.line_count), (1, 2));
}

#[test]
fn packets_that_hold_no_segment_are_counted() {
    let (mut talk, mut packets) = joined(Talk::new(40_000));
    let mut udp = packets[0].clone();
    udp[9] = 17;
    let mut fragment = talk.up("PRIVMSG #w :x\r\n");
    fragment[6] = 0x20;
    let cut = talk.down(":oak!o@h PRIVMSG #w :one\r\n:oak!o@h PRIVMSG #w :two\r\n");
    let headless = packets[2][..30].to_vec();
    packets.extend([udp, fragment, cut[..cut.len() - 20].to_vec(), headless]);
    let report = check(&packets, &[JOINED, "6 message oak [#w] [one]"]);
    assert_eq!((report.other_packet_count, report.fragment_count), (1, 1));
    assert_eq!(report.truncated_count, 2);
}

#[test]
fn times_are_read_in_every_unit_and_kept_as_they_are() {
    let (mut talk, packets) = joined(Talk::new(40_000));
    let say = talk.up("PRIVMSG #w :x\r\n");
    let us = i64::from(START_SECS) * 1_000_000 + 123_456;
    let at = |file: &[u8]| {
        let mut times = Vec::new();
        read("a", file, &mut |at_us, _| times.push(at_us)).unwrap();
        times
    };
    let mut nano = forge::pcap_header(0xa1b2_3c4d, RAW);
    for packet in &packets {
        nano.extend(forge::pcap_record(START_SECS + 9, 0, packet));
    }
    nano.extend(forge::pcap_record(START_SECS, 123_456_789, &say));
    assert_eq!(at(&nano), [us - 123_456 + 9_000_000, us]);
    let units = u64::try_from(us).unwrap();
    for (resolution, units) in [(6, units), (9, units * 1_000), (3, units / 1_000)] {
        let mut file = forge::pcapng_header(101, resolution);
        for packet in packets.iter().chain([&say]) {
            file.extend(forge::pcapng_packet(units, packet));
        }
        let want = if resolution == 3 { us - 456 } else { us };
        assert_eq!(at(&file), [want, want], "{resolution}");
    }
    let mut halves = forge::pcapng_header(101, 0x80 | 1);
    for packet in packets.iter().chain([&say]) {
        halves.extend(forge::pcapng_packet(u64::from(START_SECS) * 2 + 1, packet));
    }
    assert_eq!(at(&halves)[0], i64::from(START_SECS) * 1_000_000 + 500_000);
    let mut never = forge::pcapng_header(101, 0);
    never.extend(forge::pcapng_packet(u64::MAX, &say));
    assert_eq!(events(&never).1.untimed_count, 1);
}

#[test]
fn a_file_that_is_cut_or_damaged_is_read_up_to_there() {
    let (_, packets) = joined(Talk::new(40_000));
    let whole = forge::pcap(RAW, &packets);
    let mut cut = whole.clone();
    cut.extend([0; 10]);
    let mut damaged = whole.clone();
    damaged.extend([0xff; 40]);
    for file in [cut, damaged] {
        let (found, report) = events(&file);
        assert_eq!(found, [JOINED]);
        assert_eq!(report.file_damage.unwrap().offset, whole.len() as u64);
    }
    let mut file = forge::pcapng_header(101, 6);
    for packet in &packets {
        file.extend(forge::pcapng_packet(
            u64::from(START_SECS + 3) * 1_000_000,
            packet,
        ));
    }
    let length = file.len() as u64;
    file.extend([6, 0, 0, 0, 200, 0, 0, 0, 1]);
    let (found, report) = events(&file);
    assert_eq!(found, [JOINED]);
    assert_eq!(report.file_damage.unwrap().offset, length);
}

#[test]
fn capture_files_are_told_by_their_first_bytes() {
    assert!(is_capture(&forge::pcap(RAW, &[])));
    assert!(is_capture(&forge::pcap_header(0xd4c3_b2a1, RAW)));
    assert!(is_capture(&forge::pcapng_header(1, 6)));
    assert!(!is_capture(b"[12:00:01] <alder> hi"));
    assert!(!is_capture(b"\xa1\xb2"));
}

#[test]
fn links_between_servers_are_no_clients() {
    let mut talk = Talk::new(40_000);
    let mut packets = talk.open();
    packets.push(talk.up("PASS x TS 6 :42X\r\nSERVER hub.x 1 :hub\r\n"));
    packets.push(talk.down(":42X UID alder 1\r\n:42XAAAAAB PRIVMSG #w :hi\r\n"));
    assert_eq!(check(&packets, &[]).foreign_count, 1);
}

#[test]
fn connections_past_the_limit_are_forgotten() {
    let mut table = Vec::new();
    for number in 0..70_000_u32 {
        let port = u16::try_from(number % 60_000).unwrap();
        let mut talk = Talk::new(port).at_port(u16::try_from(number / 60_000).unwrap());
        table.push(talk.up("NICK alder"));
    }
    let (found, report) = events(&forge::pcap(RAW, &table));
    assert!(found.is_empty());
    assert!(report.connection_count >= 69_000, "{report:?}");
    assert!(report.forgotten_count > 30_000);
}

/// Returns a file of two connections in which much happens.
fn busy() -> Vec<u8> {
    let (mut one, mut packets) = joined(Talk::new(40_000));
    let (mut two, more) = joined(Talk::new(40_001));
    packets.extend(more);
    for number in 0..20 {
        packets.push(one.up(&format!("PRIVMSG #w :hello {number}\r\n")));
        packets.push(two.down(&format!(
            ":oak{number}!o@h JOIN #w\r\n:oak{number}!o@h QUIT :x\r\n"
        )));
    }
    packets.extend(one.close());
    packets.extend(two.close());
    let frames: Vec<Vec<u8>> = packets.iter().map(|ip| forge::ethernet(ip, &[])).collect();
    forge::pcap(ETHERNET, &frames)
}

proptest! {
    #[test]
    fn mutated_files_are_read(
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..30),
        cut in any::<proptest::sample::Index>(),
        is_ng in any::<bool>(),
    ) {
        let mut file = busy();
        if is_ng {
            let packets: Vec<u8> = file[24..].to_vec();
            file = forge::pcapng_header(1, 6);
            let mut at = 0;
            while at < packets.len() {
                let length = u32::from_le_bytes(packets[at + 8..at + 12].try_into().unwrap()) as usize;
                file.extend(forge::pcapng_packet(1, &packets[at + 16..at + 16 + length]));
                at += 16 + length;
            }
        }
        for (index, byte) in changes {
            let at = 24 + index.index(file.len() - 24);
            file[at] = byte;
        }
        file.truncate(24 + cut.index(file.len()));
        let _ = read("a", file.as_slice(), &mut |_, _| {});
    }
}
