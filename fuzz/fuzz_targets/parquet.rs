//! Fuzzes the target `parquet`: see `src/lib.rs`.
//!
//! The library that reads the format panics at some damaged files; the reader catches that and says what is wrong with the file.
//! So here only a panic that leaves the target ends the run, not any.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |input: &[u8]| {
        if let Err(panic) = std::panic::catch_unwind(|| hengxin_fuzz::run("parquet", input)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            eprintln!("{}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic"));
            std::process::abort();
        }
    }
);
