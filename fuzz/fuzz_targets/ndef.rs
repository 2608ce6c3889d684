#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coinless_fuzz::run("ndef", bytes));
