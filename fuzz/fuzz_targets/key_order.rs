#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mnemon_fuzz::key_order(bytes));
