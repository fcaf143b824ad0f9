//! Reading a recording of packets, beside a plain split of the same bytes into lines.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that can't be set up has failed, and says what it reads"
)]

use std::fmt::Write;
use std::hint::black_box;

use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use splitstorm::traffic::capture::packet;
use splitstorm::traffic::trace::event::EventKind;

/// Bytes of the recording.
const BYTES: usize = 64 << 20;

/// Clients that are recorded, and the channels of each.
const CLIENTS: u16 = 500;
const CHANNELS: usize = 40;

/// A recording in the making: packets of IPv4 in Ethernet, a microsecond apart.
struct Recording {
    file: Vec<u8>,
    at_us: u64,
    /// The next sequence numbers, up and down, of each client.
    sequences: Vec<[u32; 2]>,
}

impl Recording {
    fn new() -> Self {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
        Self {
            file,
            at_us: 1_700_000_000_000_000,
            sequences: vec![[1, 1]; usize::from(CLIENTS)],
        }
    }

    fn packet(&mut self, client: u16, is_up: bool, flags: u8, payload: &[u8]) {
        let [up, down] = self.sequences[usize::from(client)];
        let ports = [30_000 + client, 6_667];
        let (ports, numbers, hosts) = if is_up {
            (ports, [up, down], [1, 2])
        } else {
            ([ports[1], ports[0]], [down, up], [2, 1])
        };
        let length = u16::try_from(40 + payload.len()).unwrap();
        let record = u32::from(length) + 14;
        let (secs, us) = (self.at_us / 1_000_000, self.at_us % 1_000_000);
        for number in [
            u32::try_from(secs).unwrap(),
            u32::try_from(us).unwrap(),
            record,
            record,
        ] {
            self.file.extend(number.to_le_bytes());
        }
        self.file.extend([0; 12]);
        self.file.extend([8, 0, 0x45, 0]);
        self.file.extend(length.to_be_bytes());
        self.file.extend([
            0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, hosts[0], 192, 0, 2, hosts[1],
        ]);
        self.file.extend(ports[0].to_be_bytes());
        self.file.extend(ports[1].to_be_bytes());
        self.file.extend(numbers[0].to_be_bytes());
        self.file.extend(numbers[1].to_be_bytes());
        self.file.extend([5 << 4, flags, 1, 0, 0, 0, 0, 0]);
        self.file.extend(payload);
        let sent = u32::try_from(payload.len()).unwrap() + u32::from(flags & 2 > 0);
        let next = &mut self.sequences[usize::from(client)][usize::from(!is_up)];
        *next = next.wrapping_add(sent);
        self.at_us += 1;
    }
}

/// Makes a recording in which clients register, join, and are told what strangers and clients say: bursts of lines of
/// some hundred bytes, as ircds send them, now and then a line of a client.
fn recording() -> Vec<u8> {
    let mut made = Recording::new();
    for client in 0..CLIENTS {
        made.packet(client, true, 2, b"");
        made.packet(client, false, 18, b"");
        made.packet(
            client,
            true,
            16,
            format!("NICK c{client}\r\nUSER c 0 * :c\r\n").as_bytes(),
        );
        made.packet(
            client,
            false,
            16,
            format!(":irc.example 001 c{client} :Welcome\r\n").as_bytes(),
        );
        for number in 0..4 {
            let channel = (usize::from(client) * 7 + number * 11) % CHANNELS;
            made.packet(
                client,
                false,
                16,
                format!(":c{client}!~c@host.example JOIN #channel-{channel}\r\n").as_bytes(),
            );
        }
    }
    let words = "the build is green again and somebody broke the mirrors while nobody looked at them so let us wait";
    let mut turn = 0_usize;
    let mut text = String::new();
    while made.file.len() < BYTES {
        let client = u16::try_from(turn * 31 % usize::from(CLIENTS)).unwrap();
        if turn.is_multiple_of(20) {
            let channel = (usize::from(client) * 7) % CHANNELS;
            let line = format!(
                "PRIVMSG #channel-{channel} :{}\r\n",
                &words[..20 + turn % 60]
            );
            made.packet(client, true, 16, line.as_bytes());
        } else {
            text.clear();
            for number in 0..=turn % 6 {
                let channel = (usize::from(client) * 7 + number % 4 * 11) % CHANNELS;
                let nick = (turn + number * 17) % 3_000;
                let said = &words[..10 + (turn * 13 + number) % 80];
                write!(text, ":nick{nick}!~user{nick}@host-{nick}.example.org PRIVMSG #channel-{channel} :{said}\r\n").unwrap();
            }
            made.packet(client, false, 16, text.as_bytes());
        }
        turn += 1;
    }
    made.file
}

fn packets(criterion: &mut Criterion) {
    let file = recording();
    let report = packet::survey("bench.pcap", file.as_slice()).unwrap();
    assert_eq!(report.damaged_count, 0, "{report:?}");
    assert_eq!(report.irc_count, u64::from(CLIENTS), "{report:?}");
    println!(
        "{} bytes, {} packets, {} lines, {} messages",
        file.len(),
        report.packet_count,
        report.line_count,
        report.event_count(EventKind::Message)
    );
    let mut group = criterion.benchmark_group("packets-64MiB");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.sample_size(10);
    group.bench_function("read", |bench| {
        bench.iter(|| packet::survey("bench.pcap", black_box(file.as_slice())).unwrap());
    });
    group.bench_function("split-lines", |bench| {
        bench.iter(|| memchr::memchr_iter(b'\n', black_box(&file)).count());
    });
    group.finish();
}

criterion_group!(benches, packets);
criterion_main!(benches);
