//! Any bytes as a recording of packets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // Little-endian pcap with microseconds; what follows is the fuzzer's.
    let file = [&[0xd4, 0xc3, 0xb2, 0xa1], data].concat();
    splitstorm_fuzz::read_log(None, &file);
});
