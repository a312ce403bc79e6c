//! Evaluations and tiers.

use hengxin_core::date::{Date, Moment};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_store::{
    Error, EvaluationRecord, EvaluationRef, Recorded, Recorder, Results, TierFilter, TierRecord,
};

use crate::support::{append, date, fresh, penalty, region, subject};

fn evaluation(subject: Uscc, as_of: &str) -> EvaluationRecord {
    EvaluationRecord {
        subject,
        standard: "public-comprehensive".to_owned(),
        edition: "2026.1".to_owned(),
        standard_digest: [1; 32],
        as_of: date(as_of),
        known_at: Moment(5),
        facts_digest: [2; 32],
        outcome: "graded".to_owned(),
        score: Some(8_125_000),
        grade: Some("B".to_owned()),
        horizon: Some(date("2027-01-01")),
        body: vec![0, 159, 146, 150],
    }
}

fn tier(subject: Uscc, as_of: &str, known_at: i64, tier: Option<u16>) -> TierRecord {
    TierRecord {
        subject,
        field: "market".to_owned(),
        policy: "market-regulation".to_owned(),
        edition: "2026.1".to_owned(),
        policy_digest: [3; 32],
        as_of: date(as_of),
        known_at: Moment(known_at),
        tier,
        public: Some(EvaluationRef::Together(0)),
        industry: None,
        region: Some(region(330_106)),
        industry_code: Some("C1411".parse().expect("an industry")),
        body: as_of.as_bytes().to_vec(),
    }
}

pub(crate) fn record_one(recorder: &mut Recorder, subject: Uscc) -> Recorded {
    let evaluations = vec![evaluation(subject, "2026-06-30")];
    let tiers = vec![tier(subject, "2026-06-30", 5, Some(2))];
    recorder.record(&Results { evaluations, tiers }).expect("recorded")
}

#[test]
fn results_come_back_as_they_were_and_are_stored_once() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    let watermark = ledger.watermark().expect("readable");
    let first = record_one(&mut recorder, subject(1));
    assert_eq!(record_one(&mut recorder, subject(1)), first);
    assert_eq!(ledger.watermark().expect("readable"), watermark, "a result is not a fact");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let stored = snapshot.evaluation(first.evaluations[0]).expect("readable").expect("there");
    assert_eq!(stored.record, evaluation(subject(1), "2026-06-30"));
    assert_eq!(snapshot.evaluation_like(&stored.record).expect("readable"), Some(stored.id));
    let other = EvaluationRecord { score: None, ..stored.record.clone() };
    assert_eq!(snapshot.evaluation_like(&other).expect("readable"), None);
    let current = snapshot.current_tier(subject(1), "market").expect("readable").expect("there");
    assert_eq!(current.record.public, Some(EvaluationRef::Stored(stored.id)));
    assert_eq!((current.record.tier, current.record.body.as_slice()), (Some(2), b"2026-06-30".as_slice()));
    assert_eq!(snapshot.tier_like(&current.record).expect("readable"), Some(current.id));
}

#[test]
fn the_present_tier_is_of_the_latest_day_and_knowledge_not_of_the_last_replay() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    let mut record = |as_of: &str, known_at: i64, n: Option<u16>| {
        let tiers = vec![TierRecord { public: None, ..tier(subject(1), as_of, known_at, n) }];
        recorder.record(&Results { evaluations: Vec::new(), tiers }).expect("recorded");
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        snapshot.current_tier(subject(1), "market").expect("readable").expect("there").record.tier
    };
    assert_eq!(record("2026-06-30", 5, Some(2)), Some(2));
    assert_eq!(record("2025-06-30", 5, Some(4)), Some(2), "an earlier day");
    assert_eq!(record("2026-06-30", 4, Some(3)), Some(2), "earlier knowledge");
    assert_eq!(record("2026-06-30", 6, None), None, "no tier is an answer too");
}

#[test]
fn tiers_are_listed_by_field_tier_region_and_industry_in_pages() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let facts: Vec<_> = (0..10).map(|n| penalty(subject(n), "no 1", "2026-01-01")).collect();
    append(&mut recorder, &facts);
    for n in 0..10u32 {
        let mut record =
            TierRecord { public: None, ..tier(subject(n), "2026-06-30", 5, Some(1 + u16::from(n > 6))) };
        if n == 9 {
            record.region = Some(region(110_101));
        }
        recorder.record(&Results { evaluations: Vec::new(), tiers: vec![record] }).expect("recorded");
    }
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let list = |filter: &TierFilter, after, limit| -> Vec<Uscc> {
        snapshot
            .current_tiers(filter, after, limit)
            .expect("readable")
            .into_iter()
            .map(|t| t.record.subject)
            .collect()
    };
    let all = TierFilter { field: "market".to_owned(), ..TierFilter::default() };
    assert_eq!(list(&all, None, 4), (0..4).map(subject).collect::<Vec<_>>());
    assert_eq!(list(&all, Some(subject(3)), 100).len(), 6);
    let second = TierFilter { tier: Some(2), ..all.clone() };
    assert_eq!(list(&second, None, 100), [7, 8, 9].map(subject));
    let there = TierFilter { region: Some(region(330_000)), ..second.clone() };
    assert_eq!(list(&there, None, 100), [7, 8].map(subject));
    assert_eq!(
        list(&TierFilter { industry: Some("C".parse().expect("one")), ..second.clone() }, None, 9).len(),
        3
    );
    assert_eq!(list(&TierFilter { industry: Some("F".parse().expect("one")), ..second }, None, 9), []);
    assert_eq!(list(&TierFilter { field: "tax".to_owned(), ..all }, None, 9), []);
    let last = snapshot.last_tier().expect("readable");
    let after: Vec<_> =
        snapshot.tiers_after(last - 2, 10).expect("readable").into_iter().map(|t| t.record.subject).collect();
    assert_eq!(after, [subject(8), subject(9)]);
}

#[test]
fn evaluations_of_a_subject_are_listed_newest_first() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    let days = ["2026-01-31", "2026-02-28", "2026-03-31"];
    let mut evaluations: Vec<_> = days.map(|day| evaluation(subject(1), day)).into();
    evaluations
        .push(EvaluationRecord { standard: "tax-credit".to_owned(), ..evaluation(subject(1), "2026-01-31") });
    recorder.record(&Results { evaluations, tiers: Vec::new() }).expect("recorded");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let list = |standard, before, limit| -> Vec<(u64, Date)> {
        let found = snapshot.evaluations(subject(1), standard, before, limit).expect("readable");
        found.into_iter().map(|e| (e.id, e.record.as_of)).collect()
    };
    assert_eq!(list(None, None, 10).len(), 4);
    let page = list(Some("public-comprehensive"), None, 2);
    assert_eq!(page.iter().map(|p| p.1).collect::<Vec<_>>(), [date(days[2]), date(days[1])]);
    assert_eq!(list(Some("public-comprehensive"), Some(page[1].0), 2).len(), 1);
}

#[test]
fn a_result_about_nobody_is_refused() {
    let (_folder, ledger) = fresh();
    let results = Results { evaluations: vec![evaluation(subject(1), "2026-06-30")], tiers: Vec::new() };
    let error = ledger.recorder().expect("a recorder").record(&results).expect_err("nobody");
    assert!(matches!(error, Error::UnknownSubject { .. }), "{error}");
}

#[test]
fn present_tiers_are_counted_by_region_and_industry_each_subject_once() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let facts: Vec<_> = (0..6).map(|n| penalty(subject(n), "no 1", "2026-01-01")).collect();
    append(&mut recorder, &facts);
    let mut record = |n: u32, as_of: &str, given: Option<u16>, change: &dyn Fn(&mut TierRecord)| {
        let mut tier = TierRecord { public: None, ..tier(subject(n), as_of, 5, given) };
        change(&mut tier);
        recorder.record(&Results { evaluations: Vec::new(), tiers: vec![tier] }).expect("recorded");
    };
    for n in 0..3 {
        record(n, "2026-05-31", Some(1), &|_| {});
    }
    // A later decision takes the place of an earlier one.
    record(2, "2026-06-30", Some(4), &|_| {});
    record(3, "2026-06-30", None, &|_| {});
    record(4, "2026-06-30", Some(1), &|tier| (tier.region, tier.industry_code) = (None, None));
    record(5, "2026-06-30", Some(1), &|tier| tier.field = "tax".to_owned());
    let counted = ledger.snapshot(None).expect("a snapshot").count_tiers("market").expect("readable");
    assert!(counted.grades.is_empty());
    let mut found: Vec<_> = counted
        .counts
        .iter()
        .map(|c| (c.region.map(RegionCode::digits), c.industry.map(|i| i.to_string()), c.tier, c.count))
        .collect();
    found.sort_unstable();
    let there = (Some(330_106), Some("C1411".to_owned()));
    let row = |tier, count| (there.0, there.1.clone(), tier, count);
    assert_eq!(found, [(None, None, Some(1), 1), row(None, 1), row(Some(1), 2), row(Some(4), 1)]);
}
