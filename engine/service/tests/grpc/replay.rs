//! The same question for the same date and moment has the same bytes for ever.

use std::time::Duration;

use hengxin_proto::v1;
use prost::Message as _;
use prost_types::Timestamp;

use crate::rig::{FIELD, NOON, Rig, code, fact, penalty, question, registration, repair};

/// Everything a regulator could ask about the first two enterprises, answered: one text of bytes each.
async fn answers(rig: &Rig, as_of: &str, known_at: Option<Timestamp>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for n in [1, 2] {
        for standard in ["public-test", "industry-test"] {
            let mut asked = question(code(n));
            asked.standard = standard.to_owned();
            asked.as_of = as_of.to_owned();
            asked.known_at = known_at;
            found.push(rig.scoring().evaluate(asked).await.unwrap().into_inner().encode_to_vec());
        }
        for view in [v1::EvaluationView::Basic, v1::EvaluationView::Full] {
            let asked = v1::GetTierRequest {
                enterprise: code(n).to_string(),
                field: FIELD.to_owned(),
                as_of: as_of.to_owned(),
                known_at,
                view: view.into(),
                ..Default::default()
            };
            found.push(rig.supervision().get_tier(asked).await.unwrap().into_inner().encode_to_vec());
        }
        let asked = v1::GetEnterpriseRequest { name: code(n).to_string(), as_of: as_of.to_owned(), known_at };
        found.push(rig.ledger().get_enterprise(asked).await.unwrap().into_inner().encode_to_vec());
        let asked = v1::ListFactsRequest { parent: code(n).to_string(), known_at, ..Default::default() };
        found.push(rig.ledger().list_facts(asked).await.unwrap().into_inner().encode_to_vec());
    }
    let enterprises = vec![code(1).to_string(), code(2).to_string()];
    let asked = v1::BatchGetTiersRequest {
        enterprises,
        field: FIELD.to_owned(),
        as_of: as_of.to_owned(),
        known_at,
        ..Default::default()
    };
    found.push(rig.supervision().batch_get_tiers(asked).await.unwrap().into_inner().encode_to_vec());
    found
}

fn stamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000)).unwrap() * 1000;
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

fn marked(kind: &str, number: &str, day: (&str, &str)) -> v1::FactInput {
    let code = code(1);
    let fields = [
        ("subject_code", code.as_str()),
        ("target_code", "administrative-penalty"),
        ("document_number", number),
        ("authority", "某局"),
        day,
    ];
    fact(kind, &fields)
}

/// Everything that can happen to what was known: each changes some answer.
fn events() -> Vec<Vec<v1::FactInput>> {
    let mut corrected = penalty(code(1), "罚1号", "2024-01-10");
    corrected.fields.push(v1::FieldInput { id: "severity".to_owned(), value: "serious".to_owned() });
    let mut moved = registration(code(2), "乙新公司", "440300", "F5211");
    let day = moved.fields.iter_mut().find(|field| field.id == "changed_on").unwrap();
    day.value = String::from("2026-02-01");
    let related = |n: u32, number: &str| {
        let code = code(n);
        fact(
            "relation",
            &[
                ("subject_code", code.as_str()),
                ("document_number", number),
                ("since", "2020-01-01"),
                ("kind", "responsible-person"),
                ("person", "11010519491231002X"),
            ],
        )
    };
    vec![
        vec![corrected],
        vec![repair(code(1), "罚2号", "2026-03-01")],
        vec![marked("objection", "罚3号", ("raised_on", "2026-03-01"))],
        vec![marked("withdrawal", "罚4号", ("withdrawn_on", "2026-03-01"))],
        vec![moved],
        vec![related(1, "关1号"), related(2, "关2号")],
        vec![penalty(code(2), "罚1号", "2026-04-01")],
    ]
}

async fn begun() -> Rig {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    let numbers = ["罚1号", "罚2号", "罚3号", "罚4号"];
    let facts = numbers.into_iter().map(|number| penalty(code(1), number, "2026-01-10")).collect();
    rig.submit("begun", facts).await.unwrap();
    rig.clock.advance(Duration::from_secs(60));
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_ever_given_is_given_again_after_whatever_was_recorded_since_and_after_a_restart() {
    let mut rig = begun().await;
    let mut given: Vec<(String, Option<Timestamp>, Vec<Vec<u8>>)> = Vec::new();
    for (n, event) in events().into_iter().enumerate() {
        // Asked for a moment between two writes, the one of the answer, and the very last one recorded.
        let between = stamp(NOON + 60_000_000 * (i64::try_from(n).unwrap() + 1) - 1);
        let last = stamp(rig.engine.watermark().0);
        for as_of in ["2026-06-30", "2026-03-01"] {
            let answer = answers(&rig, as_of, Some(between)).await;
            assert_eq!(answers(&rig, as_of, Some(last)).await, answer, "one state of knowledge, two answers");
            assert_eq!(answers(&rig, as_of, None).await, answer);
            given.push((as_of.to_owned(), Some(between), answer.clone()));
            given.push((as_of.to_owned(), Some(last), answer));
        }
        rig.submit(&format!("event-{n}"), event).await.unwrap();
        rig.clock.advance(Duration::from_secs(60));
        let now = answers(&rig, "2026-06-30", None).await;
        assert_ne!(&now, &given[given.len() - 4].2, "event {n} changed nothing, so that it shows nothing");
    }
    for turn in ["the same engine", "another engine"] {
        for (as_of, known_at, before) in &given {
            assert_eq!(&answers(&rig, as_of, *known_at).await, before, "{turn}, {as_of}, {known_at:?}");
        }
        rig = rig.restarted().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_recorded_is_seen_when_its_moment_is_asked_for() {
    let rig = begun().await;
    let asked = |known_at| v1::GetTierRequest {
        enterprise: code(1).to_string(),
        field: FIELD.to_owned(),
        known_at,
        ..Default::default()
    };
    let tier = |answer: v1::GetTierResponse| answer.decision.unwrap().tier;
    // In memory now.
    let before = rig.supervision().get_tier(asked(None)).await.unwrap().into_inner();
    assert_eq!(tier(before), 3);
    let clock = std::sync::Arc::clone(&rig.clock);
    let elsewhere = Rig::at(std::sync::Arc::clone(&rig.folder), clock, |_, _| {}).await;
    let repairs = ["罚1号", "罚2号", "罚3号", "罚4号"].map(|number| repair(code(1), number, "2026-03-01"));
    let recorded = elsewhere.submit("elsewhere", repairs.to_vec()).await.unwrap().recorded_at;
    rig.clock.advance(Duration::from_secs(1));
    // At once, and not when the first process happens to look.
    let after = rig.supervision().get_tier(asked(Some(stamp(NOON + 60_500_000)))).await.unwrap().into_inner();
    assert_eq!(after.decision.as_ref().unwrap().known_at, recorded);
    assert_eq!(tier(after), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_runs_back_changes_no_answer() {
    let rig = begun().await;
    let last = stamp(rig.engine.watermark().0);
    let before = answers(&rig, "2026-06-30", Some(last)).await;
    rig.clock.set(NOON - 3_600_000_000);
    let events = events();
    for (n, event) in events.into_iter().enumerate() {
        let recorded = rig.submit(&format!("event-{n}"), event).await.unwrap().recorded_at.unwrap();
        assert!((recorded.seconds, recorded.nanos) > (last.seconds, last.nanos));
        // The moment of an answer is always good for another question.
        answers(&rig, "2026-06-30", Some(recorded)).await;
    }
    assert_eq!(answers(&rig, "2026-06-30", Some(last)).await, before);
}
