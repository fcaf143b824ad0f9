//! Any bytes as a log of the format `unix_time`.
#![no_main]

use splitstorm::traffic::capture::format::Format;

libfuzzer_sys::fuzz_target!(|data: &[u8]| splitstorm_fuzz::read_log(Some(Format::UnixTime), data));
