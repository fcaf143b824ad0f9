//! Reading of logs: each format beside a plain split of the same bytes into lines.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;
use splitstorm::traffic::capture::format::Format;
use splitstorm::traffic::capture::import::ImportOptions;
use splitstorm::traffic::capture::import::Importer;
use splitstorm::traffic::capture::import::Log;

/// Lines of a log: some sixteen megabytes.
const LINES: u32 = 200_000;

/// Words of the texts; their lengths are those of English.
const WORDS: [&str; 8] = [
    "leaf", "of", "the", "old", "wood", "grows", "towards", "light",
];

/// An event of the made-up channel: seven of eight are talk, as in a busy one.
enum Event {
    Said,
    Joined,
    Quit,
}

fn event(index: u32) -> Event {
    match index % 16 {
        3 => Event::Joined,
        11 => Event::Quit,
        _ => Event::Said,
    }
}

fn text(index: u32) -> String {
    let words: Vec<&str> = (0..4 + index % 11)
        .filter_map(|word| WORDS.get(((index / 7 + word * 3) % 8) as usize).copied())
        .collect();
    words.join(" ")
}

/// Returns a log of the format.
fn log(format: Format) -> String {
    let mut log = String::new();
    for index in 0..LINES {
        let nick = format!("tree{}", index % 97);
        let secs = index / 4 % 86_400;
        let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
        let text = text(index);
        let line = match (format, event(index)) {
            (Format::Znc, Event::Said) => {
                format!("[{hour:02}:{minute:02}:{second:02}] <{nick}> {text}")
            }
            (Format::Znc, Event::Joined) => {
                format!("[{hour:02}:{minute:02}:{second:02}] *** Joins: {nick} (~t@wood.test)")
            }
            (Format::Znc, Event::Quit) => {
                format!(
                    "[{hour:02}:{minute:02}:{second:02}] *** Quits: {nick} (~t@wood.test) (Quit: {text})"
                )
            }
            (Format::Irssi, Event::Said) => format!("{hour:02}:{minute:02} < {nick}> {text}"),
            (Format::Irssi, Event::Joined) => {
                format!("{hour:02}:{minute:02} -!- {nick} [~t@wood.test] has joined #wood")
            }
            (Format::Irssi, Event::Quit) => {
                format!("{hour:02}:{minute:02} -!- {nick} [~t@wood.test] has quit [Quit: {text}]")
            }
            (Format::MircHtml, Event::Said) => format!(
                " <li id=\"l-{index}\" _a=\"{nick}\"><a href=\"#l-{index}\">#</a> [{hour:02}:{minute:02}] &lt;{nick}&gt; {text}</li>"
            ),
            (Format::MircHtml, Event::Joined) => format!(
                " <li id=\"l-{index}\"><a href=\"#l-{index}\">#</a> [{hour:02}:{minute:02}] * Joins: {nick} (~t@wood.test)</li>"
            ),
            (Format::MircHtml, Event::Quit) => format!(
                " <li id=\"l-{index}\"><a href=\"#l-{index}\">#</a> [{hour:02}:{minute:02}] * Quits: {nick} (~t@wood.test) (Quit: {text})</li>"
            ),
            (Format::Limnoria, Event::Said) => {
                format!("2024-02-29T{hour:02}:{minute:02}:{second:02}  <{nick}> {text}")
            }
            (Format::Limnoria, Event::Joined) => format!(
                "2024-02-29T{hour:02}:{minute:02}:{second:02}  *** {nick} <{nick}!~t@wood.test> has joined #wood"
            ),
            (Format::Limnoria, Event::Quit) => format!(
                "2024-02-29T{hour:02}:{minute:02}:{second:02}  *** {nick} <{nick}!~t@wood.test> has quit IRC (Quit: {text})"
            ),
            (Format::Json, Event::Said) => format!(
                "{{\"type\":\"message\",\"nick\":\"{nick}\",\"text\":\"{text}\",\"time\":{{\"$date\":{}}}}}",
                1_709_209_801_000_u64 + u64::from(index)
            ),
            (Format::Json, Event::Joined) => format!(
                "{{\"type\":\"join\",\"nick\":\"{nick}\",\"time\":{{\"$date\":{}}}}}",
                1_709_209_801_000_u64 + u64::from(index)
            ),
            (Format::Json, Event::Quit) => format!(
                "{{\"type\":\"quit\",\"nick\":\"{nick}\",\"reason\":\"{text}\",\"time\":{{\"$date\":{}}}}}",
                1_709_209_801_000_u64 + u64::from(index)
            ),
            (_, Event::Said) => format!(
                "{}.25 :{nick}!~t@wood.test PRIVMSG #wood :{text}",
                1_709_209_801 + index / 4
            ),
            (_, Event::Joined) => {
                format!(
                    "{}.25 :{nick}!~t@wood.test JOIN #wood",
                    1_709_209_801 + index / 4
                )
            }
            (_, Event::Quit) => format!(
                "{}.25 :{nick}!~t@wood.test QUIT :Quit: {text}",
                1_709_209_801 + index / 4
            ),
        };
        let _ = writeln!(log, "{line}");
    }
    log
}

fn read(format: Format, log: &str) -> u64 {
    let mut importer = Importer::new(ImportOptions {
        format: Some(format),
        network: "wood".to_owned(),
        channel: None,
        day: None,
        zone: None,
        keeps_text: false,
    });
    let path = Log {
        path: "#wood_20240229.log",
        logger: None,
    };
    importer
        .read(path, log.as_bytes())
        .map_or(0, |report| report.event_line_count)
}

fn split(log: &str) -> usize {
    memchr::memchr_iter(b'\n', log.as_bytes()).count()
}

fn logs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("logs");
    group.sample_size(10);
    for format in [
        Format::Znc,
        Format::Irssi,
        Format::MircHtml,
        Format::Limnoria,
        Format::Json,
        Format::Raw,
    ] {
        let log = log(format);
        assert_eq!(read(format, &log), u64::from(LINES), "{format}");
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_with_input(BenchmarkId::new("read", format), &log, |bencher, log| {
            bencher.iter(|| black_box(read(format, log)));
        });
        group.bench_with_input(BenchmarkId::new("split", format), &log, |bencher, log| {
            bencher.iter(|| black_box(split(log)));
        });
    }
    group.finish();
}

criterion_group!(benches, logs);
criterion_main!(benches);
