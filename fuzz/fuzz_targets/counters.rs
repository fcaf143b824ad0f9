//! Any bytes as an answer of a metrics page, as a server's answers to STATS and LUSERS, and as a file of counters.
#![no_main]

use splitstorm::irc::wire::message::Message;
use splitstorm::traffic::capture::counters::http;
use splitstorm::traffic::capture::counters::metrics;
use splitstorm::traffic::capture::counters::stats::StatsReader;
use splitstorm::traffic::profile::fit::counters::COLUMNS;
use splitstorm::traffic::profile::fit::counters::Counters;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(page) = http::text(data) {
        let _ = metrics::read(&page, None);
    }
    let page = String::from_utf8_lossy(data);
    let _ = metrics::read(&page, Some("commands_total"));
    let mut reader = StatsReader::default();
    for line in data.split(|&byte| byte == b'\n') {
        if let Ok(message) = Message::parse(line) {
            let _ = reader.handle(&message);
        }
    }
    let _ = Counters::read("counters.csv", data);
    // Past the head, which no mutation finds.
    let rows = [COLUMNS.join(",").as_bytes(), b"\n", data].concat();
    let _ = Counters::read("counters.csv", rows.as_slice());
});
