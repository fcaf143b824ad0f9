//! Any bytes as a file of a folder: pcapng and every format by its content.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| splitstorm_fuzz::read_log(None, data));
