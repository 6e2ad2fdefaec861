#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| jam_fuzz::paserk(input));
