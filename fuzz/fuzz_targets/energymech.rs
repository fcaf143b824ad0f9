//! Any bytes as a log of the format `energymech`.
#![no_main]

use splitstorm::traffic::capture::format::Format;

libfuzzer_sys::fuzz_target!(|data: &[u8]| splitstorm_fuzz::read_log(Some(Format::EnergyMech), data));
