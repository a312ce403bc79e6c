//! Fuzzes the target `histories`: see `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hengxin_fuzz::run("histories", input);
});
