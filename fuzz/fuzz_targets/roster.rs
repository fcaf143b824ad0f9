//! Any bytes as a roster; what reads is written and reads back the same.
#![no_main]

use splitstorm::roster::file;

const HEAD: &[u8] =
    b"user,secret_env,signed_up,network,egress,channels,attached,clients,history_bytes\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // Past the head as well, which no mutation finds.
    for bytes in [data.to_vec(), [HEAD, data].concat()] {
        let Ok(roster) = file::read("roster.csv", &bytes) else {
            continue;
        };
        let mut written = Vec::new();
        file::write(&roster, None, &mut written).expect("a vector takes everything");
        let again = file::read("roster.csv", &written);
        assert_eq!(again.as_ref(), Ok(&roster));
    }
});
