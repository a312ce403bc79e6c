//! Loading the tiers of a run into the ledger, twice: the second time one in a hundred differs.
//!
//! `cargo run --release -p hengxin-benches --bin run_load -- 5000000`

use std::sync::Arc;
use std::time::Instant;

use hengxin_core::date::Moment;
use hengxin_core::uscc::Uscc;
use hengxin_standard::Catalogue;
use hengxin_store::{Ledger, NewRun, Options, Published, RequestKey, RunTier};

/// A code for every number below ten million, ascending but for the check characters.
fn code(n: u32) -> Uscc {
    let letter = b"ABCDEFGHJK"[usize::try_from(n / 1_000_000).expect("below ten million")];
    let body = format!("M{}{:06}", char::from(letter), n % 1_000_000);
    let body = body.as_bytes().try_into().expect("eight characters");
    Uscc::assemble(*b"91", "330106".parse().expect("a region"), body).expect("every part is legal")
}

fn row(n: u32, tier: u16) -> RunTier {
    RunTier {
        subject: code(n),
        policy: "market-regulation".to_owned(),
        edition: "2026.1".to_owned(),
        policy_digest: [3; 32],
        tier: Some(tier),
        previous_tier: None,
        public_grade: Some("A".to_owned()),
        public_score: Some(9_500_000),
        industry_grade: None,
        industry_score: None,
        region: Some("330106".parse().expect("a region")),
        industry: Some("C1411".parse().expect("an industry")),
        horizon: Some("2027-01-01".parse().expect("a day")),
    }
}

fn main() {
    let rows: u32 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().expect("a number of rows"));
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let folder = std::env::temp_dir().join(format!("hengxin-run-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("ledger.sqlite");
    let ledger =
        Ledger::create(&path, Arc::clone(&catalogue.vocabulary), Options::default()).expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    for (name, as_of, moved) in [("first", "2026-05-31", 0), ("second", "2026-06-30", 1)] {
        let order = NewRun {
            field: "market-regulation".to_owned(),
            as_of: as_of.parse().expect("a day"),
            known_at: Moment(5),
            dataset: None,
            incremental: false,
            previous: None,
        };
        let request = RequestKey { id: name.to_owned(), method: "StartRun".to_owned(), digest: [7; 32] };
        book.start(&order, &request).expect("ordered");
        let claim = book.claim(name).expect("a book").expect("a run");
        let begun = Instant::now();
        let mut load = book.load(&claim, [9; 32]).expect("begun");
        let mut tiers = (0..rows).map(|n| row(n, 1 + u16::from(n.is_multiple_of(100)) * moved));
        book.add(&mut load, &mut tiers).expect("added");
        let added = begun.elapsed();
        let published =
            Published { results: "/results".to_owned(), counts: "{}".to_owned(), rows: rows.into() };
        book.publish(load, &published).expect("published");
        let all = begun.elapsed();
        let rate = f64::from(rows) / all.as_secs_f64();
        println!("{name}: {rows} rows, {added:.1?} to add, {all:.1?} in all, {rate:.0} rows/s");
    }
    drop(book);
    let _ = std::fs::remove_dir_all(&folder);
}
