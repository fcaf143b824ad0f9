//! Any bytes as a trace.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = splitstorm_fuzz::read_trace(data);
});
