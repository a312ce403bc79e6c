//! Fuzzes the target `access_rules`: see `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    hengxin_fuzz::run("access_rules", input);
});
