//! How many unified social credit codes one core checks in a second.
//!
//! ```text
//! cargo run --release -p hengxin-benches --bin uscc_column
//! ```
//!
//! 2,000,000 synthetic codes lie one after another in memory, 18 bytes each, as in a fixed-width column; the same
//! column is also checked with one code in a hundred spoilt. Each figure is the median of 15 runs with the
//! slowest and the fastest beside it, after one run that is not counted. One thread, nothing read from disk.

use std::hint::black_box;
use std::time::Instant;

use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

const CODES: usize = 2_000_000;
const RUNS: usize = 15;
const SEED: u64 = 32_100;

fn main() {
    let clean = column();
    let mut spoilt = clean.clone();
    for code in spoilt.chunks_exact_mut(18).step_by(100) {
        // The check characters are exchanged; where they are equal the code stays valid.
        code.swap(16, 17);
    }
    println!("{CODES} codes, seed {SEED}, {RUNS} runs, million codes a second (median, minimum, maximum)");
    measure("check_column, all valid", || check(&clean));
    measure("check_column, 1 % spoilt", || check(&spoilt));
    measure("from_bytes, all valid", || parse(&clean));
    measure("from_bytes, 1 % spoilt", || parse(&spoilt));
}

/// Codes of enterprises all over the country, from a fixed seed.
fn column() -> Vec<u8> {
    let provinces: Vec<RegionCode> = RegionCode::provinces().collect();
    let mut random = SEED;
    let mut next = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((random >> 33) % limit).expect("the limits are small")
    };
    let mut column = Vec::with_capacity(CODES * 18);
    while column.len() < CODES * 18 {
        let region = provinces[next(34)];
        let mut body = *b"MA000000";
        for place in &mut body[2..] {
            *place = b"0123456789ABCDEFGHJKLMNPQRTUWXY"[next(31)];
        }
        let kind = [*b"91", *b"92", *b"93"][next(3)];
        let code = Uscc::assemble(kind, region, body).expect("every part is legal");
        column.extend_from_slice(code.as_bytes());
    }
    column
}

fn check(column: &[u8]) -> usize {
    Uscc::check_column(column.chunks_exact(18)).valid
}

fn parse(column: &[u8]) -> usize {
    column.chunks_exact(18).filter(|code| black_box(Uscc::from_bytes(code)).is_ok()).count()
}

fn measure(what: &str, work: impl Fn() -> usize) {
    let valid = work();
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            CODES as f64 / start.elapsed().as_secs_f64() / 1e6
        })
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    println!(
        "{what:<26} {:>7.1} {:>7.1} {:>7.1}   {valid} valid",
        rates[RUNS / 2],
        rates[0],
        rates[RUNS - 1]
    );
}
