//! What was handed in within a period, by whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hengxin_core::date::Moment;
use hengxin_store::{Clock, Ledger, Options, Origin, Rejected, Supply};

use crate::support::{Folder, Hand, Make, VOCABULARY, batch_of, options, penalty, subject};

/// A ledger whose submissions are recorded at the moments 10, 20, 30 …
struct Handed {
    _folder: Folder,
    ledger: Ledger,
    clock: Arc<Hand>,
}

impl Handed {
    fn new() -> Handed {
        let folder = Folder::new();
        let clock = Arc::new(Hand::default());
        let options = Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..options() };
        let ledger = Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options).expect("a ledger");
        Handed { _folder: folder, ledger, clock }
    }

    fn at(&self, moment: i64, actor: &str, makes: &[Make], rejected: usize) {
        self.clock.0.store(moment, Ordering::Relaxed);
        let mut batch = batch_of(makes, Origin { actor: actor.to_owned(), ..Origin::default() });
        let row = |n: usize| {
            let cells = vec![("document".to_owned(), format!("no {moment}-{n}"))];
            (
                900 + u64::try_from(n).expect("few"),
                Rejected { code: None, cells, reasons: vec!["x".to_owned()] },
            )
        };
        batch.reject((0..rejected).map(row).collect());
        self.ledger.recorder().expect("a recorder").append(&batch).expect("recorded");
    }

    fn told(&self, from: i64, until: i64, most: u64) -> (Supply, Vec<String>) {
        let snapshot = self.ledger.snapshot(None).expect("a snapshot");
        let supply = snapshot.supply(Moment(from), Moment(until), most).expect("readable");
        let mut told = Vec::new();
        snapshot
            .each_submission(&supply, |s| {
                told.push(format!("{} {} {}", s.recorded_at.0, s.actor, s.duplicates));
            })
            .expect("readable");
        snapshot
            .each_supplied(&supply, |fact| {
                assert!(fact.body.starts_with('{'), "{}", fact.body);
                told.push(format!(
                    "{} {}",
                    fact.recorded_at.0,
                    if fact.corrects { "corrects" } else { "new" }
                ));
                true
            })
            .expect("readable");
        snapshot
            .each_kept_aside(&supply, |row| {
                told.push(format!("{} aside", row.recorded_at.0));
                true
            })
            .expect("readable");
        (supply, told)
    }
}

#[test]
fn a_period_tells_its_submissions_facts_and_rows_kept_aside_and_nothing_beside_it() {
    let handed = Handed::new();
    let one = |n| penalty(subject(n), "no 1", "2026-01-01");
    handed.at(10, "a", &[one(1), one(2)], 1);
    // A duplicate, a correction and a new one together.
    handed.at(20, "b", &[one(1), one(2).with("amount", "5"), one(3)], 0);
    // Corrections alone.
    handed.at(30, "c", &[one(3).with("amount", "7")], 2);
    let all = handed.told(0, i64::MAX, 100);
    assert!(!all.0.cut);
    let expected = [
        "10 a 0",
        "20 b 1",
        "30 c 0",
        "10 new",
        "10 new",
        "20 corrects",
        "20 new",
        "30 corrects",
        "10 aside",
        "30 aside",
        "30 aside",
    ];
    assert_eq!(all.1, expected);
    assert_eq!(handed.told(20, 30, 100).1, ["20 b 1", "20 corrects", "20 new"]);
    assert_eq!(handed.told(11, 20, 100).1, [""; 0]);
    assert_eq!(handed.told(30, 31, 100).1, ["30 c 0", "30 corrects", "30 aside", "30 aside"]);
    // What was recorded after the moment of the view is not there.
    let snapshot = handed.ledger.snapshot(Some(Moment(20))).expect("a snapshot");
    let supply = snapshot.supply(Moment(0), Moment(i64::MAX), 100).expect("readable");
    let mut facts = 0;
    snapshot
        .each_supplied(&supply, |_| {
            facts += 1;
            facts < 3
        })
        .expect("readable");
    assert_eq!(facts, 3, "who has heard enough is told no more");
    assert_eq!(supply.until, Moment(21));
}

#[test]
fn a_period_that_is_too_much_is_cut_between_submissions() {
    let handed = Handed::new();
    let some = |from: u32, count: u32| -> Vec<Make> {
        (from..from + count).map(|n| penalty(subject(n), "no 1", "2026-01-01")).collect()
    };
    handed.at(10, "a", &some(0, 4), 1);
    handed.at(20, "b", &some(10, 4), 1);
    handed.at(30, "c", &some(20, 2), 1);
    for (most, cut, from, rows) in
        [(10, false, 0, 3 + 10 + 3), (9, true, 11, 2 + 6 + 2), (6, true, 11, 10), (5, true, 21, 1 + 2 + 1)]
    {
        let (supply, told) = handed.told(0, i64::MAX, most);
        assert_eq!((supply.cut, supply.from.0, told.len()), (cut, from, rows), "{most}: {told:?}");
    }
    // One submission alone is too much: the last of its facts.
    let (supply, told) = handed.told(0, i64::MAX, 1);
    assert_eq!((supply.cut, supply.from.0), (true, 30));
    assert_eq!(told, ["30 c 0", "30 new", "30 aside"]);
}

#[test]
fn nothing_handed_in_is_nothing_told() {
    let handed = Handed::new();
    let (supply, told) = handed.told(0, i64::MAX, 5);
    assert!(told.is_empty() && !supply.cut);
}
