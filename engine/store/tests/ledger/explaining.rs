//! Everything that was ever recorded about a subject.

use hengxin_core::date::Date;
use hengxin_core::fact::FactId;
use hengxin_store::{FactStatus, FileStamp, Origin};

use crate::support::{append, batch_of, date, fresh, mark, penalty, subject};

const PENALTY: &str = "administrative-penalty";

#[test]
fn every_version_is_told_with_what_became_of_it() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let fact = penalty(subject(1), "no 1", "2026-01-01").with("amount", 100).with("case", "案 \"1\"\n二");
    let file = FileStamp { name: "处罚.csv".to_owned(), sha256: [1; 32], layout: "a".to_owned() };
    let origin = Origin { actor: "county".to_owned(), file: Some(file), resolves: Vec::new() };
    let first =
        recorder.append(&batch_of(std::slice::from_ref(&fact), origin)).expect("recorded").recorded_at;
    append(&mut recorder, &[fact.with("amount", 200)]);
    let withdrawal = mark("withdrawal", subject(1), "w", (PENALTY, "no 1"), "2026-03-01");
    let before = append(&mut recorder, &[mark("repair", subject(1), "r", (PENALTY, "no 1"), "2026-02-01")])
        .recorded_at;
    append(&mut recorder, &[withdrawal]);
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let facts = snapshot.facts(subject(1)).expect("readable");
    let statuses: Vec<_> = facts.iter().map(|fact| fact.status).collect();
    let (two, four) = (FactId(2), FactId(4));
    assert_eq!(
        statuses,
        [
            FactStatus::Corrected { by: two },
            FactStatus::Withdrawn { by: four },
            FactStatus::Standing,
            FactStatus::Standing
        ]
    );
    assert_eq!(
        (facts[0].actor.as_str(), facts[0].source.as_deref(), facts[0].line),
        ("county", Some("处罚.csv"), 1)
    );
    assert_eq!((facts[0].recorded_at, facts[1].source.as_deref()), (first, None));
    assert!(
        facts[0].fields.contains(&("case".to_owned(), "案 \"1\"\n二".to_owned())),
        "text survives unchanged"
    );
    assert_eq!((facts[0].number, facts[1].number), (Some(100), Some(200)));
    assert_eq!((facts[1].repaired_on, facts[2].repaired_on), (date("2026-02-01"), Date::FOREVER));
    assert_eq!((facts[2].target, facts[3].target, facts[0].target), (Some(two), Some(two), None));
    assert_eq!(snapshot.fact(two).expect("readable").as_ref(), Some(&facts[1]));
    assert_eq!(snapshot.fact(FactId(99)).expect("readable"), None);
    drop(snapshot);
    let earlier = ledger.snapshot(Some(before)).expect("a snapshot");
    assert_eq!(earlier.fact(two).expect("readable").map(|fact| fact.status), Some(FactStatus::Standing));
    assert_eq!(earlier.fact(four).expect("readable"), None, "not known yet");
}
