//! Any bytes as a log of the format `eggdrop`.
#![no_main]

use splitstorm::traffic::capture::format::Format;

libfuzzer_sys::fuzz_target!(|data: &[u8]| splitstorm_fuzz::read_log(Some(Format::Eggdrop), data));
