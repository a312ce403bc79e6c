//! Fuzzes the target `exports`: see `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hengxin_fuzz::run("exports", input);
});
