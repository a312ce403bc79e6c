//! Refusals: each says what was found and what was expected, in which field, under the right code.

use std::time::Duration;

use hengxin_proto::v1;
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;

use crate::raw::{Raw, framed};
use crate::rig::{
    FIELD, NOON, Rig, code, fact, penalty, question, refusal, registration, violation, violations,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_is_explained_with_what_was_meant() {
    let rig = Rig::new().await;
    let right = code(1).to_string();
    let (head, check) = right.split_at(17);
    let other = if check == "X" { "Y" } else { "X" };
    let mut exchanged: Vec<char> = right.chars().collect();
    exchanged.swap(15, 16);
    let exchanged: String = exchanged.into_iter().collect();
    for (text, expected) in [
        (
            format!("{head}{other}"),
            format!("character 18, the check of characters 1 to 17, is `{other}`; expected `{check}`"),
        ),
        (exchanged, format!("did you mean `{right}`?")),
        (right[..17].to_owned(), "code has 17 characters; expected 18".to_owned()),
        (String::new(), "code is empty; expected 18 characters".to_owned()),
        (format!("enterprises/{right}/x"), "characters; expected 18".to_owned()),
        ("9".repeat(1_000_000), "code has 1000000 characters; expected 18".to_owned()),
    ] {
        let mut asked = question(code(1));
        asked.enterprise = text;
        let found = violation(rig.scoring().evaluate(asked).await, "enterprise");
        assert!(found.contains(&expected), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_that_do_not_exist_or_have_not_come_are_refused() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    for (as_of, expected) in [
        ("2024-02-30", "2024-02 has 29 days, found day 30"),
        ("2026/06/30", "`2026/06/30`"),
        ("20260630", "`20260630`"),
        ("2026-07-01", "found `2026-07-01`, expected a date no later than today, 2026-06-30"),
    ] {
        let mut asked = question(code(1));
        asked.as_of = as_of.to_owned();
        let found = violation(rig.scoring().evaluate(asked).await, "as_of");
        assert!(found.contains(expected), "{found}");
        let asked = v1::GetTierRequest {
            enterprise: code(1).to_string(),
            field: FIELD.to_owned(),
            as_of: as_of.to_owned(),
            ..Default::default()
        };
        violation(rig.supervision().get_tier(asked).await, "as_of");
    }
    // It is 2026-07-01 in China eight hours before it is in Greenwich.
    rig.clock.advance(Duration::from_secs(12 * 3600));
    let mut asked = question(code(1));
    asked.as_of = "2026-07-01".to_owned();
    rig.scoring().evaluate(asked).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn moments_that_have_not_come_or_are_none_are_refused() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let noon = NOON / 1_000_000;
    for (seconds, nanos, expected) in [
        (noon + 3600, 0, "found a moment in the future, expected one that has passed"),
        (noon, 1_000_000_000, "found a malformed timestamp"),
        (noon, -1, "found a malformed timestamp"),
        (i64::MAX, 0, "found a malformed timestamp"),
        (i64::MIN, 0, "found a malformed timestamp"),
    ] {
        let mut asked = question(code(1));
        asked.known_at = Some(Timestamp { seconds, nanos });
        let found = violation(rig.scoring().evaluate(asked).await, "known_at");
        assert!(found.contains(expected), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_request_is_told_at_once() {
    let rig = Rig::new().await;
    let asked = v1::EvaluateRequest {
        enterprise: "9133".to_owned(),
        as_of: "2024-02-30".to_owned(),
        view: 7,
        store: true,
        known_at: Some(Timestamp { seconds: i64::MAX, nanos: 0 }),
        ..Default::default()
    };
    let (message, details) =
        refusal(rig.scoring().evaluate(asked).await, Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<_> = violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["enterprise", "standard", "as_of", "known_at", "view", "request_id"]);
    assert!(message.ends_with("(and 5 more)"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standards_editions_and_fields_nobody_knows_are_not_found_and_the_known_ones_named() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut asked = question(code(1));
    asked.standard = "public-tset".to_owned();
    let (message, details) =
        refusal(rig.scoring().evaluate(asked).await, Code::NotFound, "STANDARD_NOT_FOUND");
    assert!(message.contains("did you mean `public-test`?"), "{message}");
    let known = &details.error_info().unwrap().metadata["known"];
    assert_eq!(known, "industry-test,public-test");
    let mut asked = question(code(1));
    asked.edition = "2025.9".to_owned();
    let (message, _) = refusal(rig.scoring().evaluate(asked).await, Code::NotFound, "EDITION_NOT_FOUND");
    assert!(message.contains("it has 2024.1, 2026.1"), "{message}");
    let tier = |field: &str, edition: &str| v1::GetTierRequest {
        enterprise: code(1).to_string(),
        field: field.to_owned(),
        edition: edition.to_owned(),
        ..Default::default()
    };
    refusal(rig.supervision().get_tier(tier("test-feild", "")).await, Code::NotFound, "FIELD_NOT_FOUND");
    refusal(rig.supervision().get_tier(tier(FIELD, "1999")).await, Code::NotFound, "EDITION_NOT_FOUND");
    violation(rig.supervision().get_tier(tier("", "")).await, "field");
    let listed = v1::ListTiersRequest { field: "nowhere".to_owned(), ..Default::default() };
    refusal(rig.supervision().list_tiers(listed).await, Code::NotFound, "FIELD_NOT_FOUND");
    let listed = v1::ListEvaluationsRequest {
        parent: code(1).to_string(),
        standard: "public-tset".to_owned(),
        ..Default::default()
    };
    refusal(rig.scoring().list_evaluations(listed).await, Code::NotFound, "STANDARD_NOT_FOUND");
    let mut asked = question(code(1));
    asked.standard = "standards/public-test/editions/2026.1".to_owned();
    asked.edition = "2024.1".to_owned();
    violation(rig.scoring().evaluate(asked).await, "edition");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_that_ended_names_its_last_day_and_never_falls_back() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    rig.clock.advance(Duration::from_secs(200 * 86_400));
    let asked = |as_of: &str, edition: &str| v1::EvaluateRequest {
        standard: "industry-test".to_owned(),
        as_of: as_of.to_owned(),
        edition: edition.to_owned(),
        ..question(code(1))
    };
    let (message, details) =
        refusal(rig.scoring().evaluate(asked("", "")).await, Code::FailedPrecondition, "STANDARD_EXPIRED");
    assert_eq!(message, "`industry-test` is not in force on 2027-01-16: edition 2026.1 ended on 2026-12-31");
    assert_eq!(details.error_info().unwrap().metadata["last_day"], "2026-12-31");
    let precondition = &details.precondition_failure().unwrap().violations[0];
    assert_eq!(precondition.subject, "standards/industry-test");
    rig.scoring().evaluate(asked("2026-12-31", "")).await.unwrap();
    // Pinned, it answers all the same: somebody asked for it by name.
    rig.scoring().evaluate(asked("", "2026.1")).await.unwrap();
    let (_, details) = refusal(
        rig.scoring().evaluate(asked("2025-12-31", "")).await,
        Code::FailedPrecondition,
        "STANDARD_NOT_YET_IN_FORCE",
    );
    assert_eq!(details.error_info().unwrap().metadata["first_day"], "2026-01-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_nobody_knew_then_is_not_found() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let name = || code(2).to_string();
    let tier = v1::GetTierRequest { enterprise: name(), field: FIELD.to_owned(), ..Default::default() };
    let simulated = v1::SimulateEvaluationRequest {
        enterprise: name(),
        standard: "public-test".to_owned(),
        ..Default::default()
    };
    let reason = "ENTERPRISE_NOT_FOUND";
    refusal(rig.scoring().evaluate(question(code(2))).await, Code::NotFound, reason);
    refusal(rig.supervision().get_tier(tier).await, Code::NotFound, reason);
    refusal(rig.scoring().simulate_evaluation(simulated).await, Code::NotFound, reason);
    let shown = v1::GetEnterpriseRequest { name: name(), ..Default::default() };
    refusal(rig.ledger().get_enterprise(shown).await, Code::NotFound, reason);
    let listed = v1::ListFactsRequest { parent: name(), ..Default::default() };
    refusal(rig.ledger().list_facts(listed).await, Code::NotFound, reason);
    let listed = v1::ListEvaluationsRequest { parent: name(), ..Default::default() };
    refusal(rig.scoring().list_evaluations(listed).await, Code::NotFound, reason);
    // Known today is not known then.
    let mut before = question(code(1));
    before.known_at = Some(Timestamp { seconds: NOON / 1_000_000 - 1, nanos: 0 });
    refusal(rig.scoring().evaluate(before).await, Code::NotFound, reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_rows_are_named_by_row_and_field_and_nothing_is_recorded() {
    let rig = Rig::new().await;
    let wrong = |field: &str, value: &str| {
        let mut row = penalty(code(1), "罚1号", "2026-01-10");
        match row.fields.iter_mut().find(|f| f.id == field) {
            Some(found) => found.value = value.to_owned(),
            None => row.fields.push(v1::FieldInput { id: field.to_owned(), value: value.to_owned() }),
        }
        row
    };
    let long = "罚".repeat(100_000);
    for (row, field, expected) in [
        (wrong("fine", "1,500"), "facts[1].fine", "`1,500`"),
        (wrong("decided_on", "2024-02-30"), "facts[1].decided_on", "`2024-02-30`"),
        (wrong("decided_on", "2026-07-01"), "facts[1].decided_on", "2026-06-30"),
        (wrong("kinds", "flogging"), "facts[1].kinds", "`flogging`"),
        (wrong("subject_code", "91330106MB00000XXX"), "facts[1].subject_code", "`91330106MB00000XXX`"),
        (wrong("offence_facts", &long), "facts[1].offence_facts", "characters, not 100000"),
        (wrong("colour", "red"), "facts[1].fields", "`colour`"),
        (fact("administrative-penalti", &[]), "facts[1].code", "did you mean `administrative-penalty`?"),
        (fact("flood", &[]), "facts[1].code", "`flood`"),
    ] {
        let rows = vec![registration(code(1), "甲公司", "330106", "C1411"), row];
        let found = violation(rig.submit("rows", rows).await, field);
        assert!(found.contains(expected), "{found}");
    }
    let mut twice = penalty(code(1), "罚1号", "2026-01-10");
    twice.fields.push(v1::FieldInput { id: "authority".to_owned(), value: "另局".to_owned() });
    violation(rig.submit("rows", vec![twice]).await, "facts[0].authority");
    assert_eq!(rig.engine.ledger().snapshot(None).unwrap().counts().unwrap(), (0, 0));
    // The id was not used up by what was refused.
    rig.submit("rows", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_faults_are_counted_and_as_many_listed_as_the_headers_of_common_clients_hold() {
    let rig = Rig::new().await;
    let raw = Raw::connect(&rig.address).await;
    for (day, listed) in [("x".to_owned(), 15), ("二〇二六年一月十日，某某市某某区".repeat(9), 5)]
    {
        let facts = (0..2000).map(|n| penalty(code(1), &format!("罚{n}号"), &day)).collect();
        let message = v1::SubmitFactsRequest { request_id: "many".to_owned(), facts, ..Default::default() };
        let path = "/hengxin.v1.LedgerService/SubmitFacts";
        let reply = raw.send(path, None, framed(&message.encode_to_vec())).await;
        assert!(reply.headers < 8192, "{}", reply.headers);
        let (message, details) =
            refusal(Err::<(), _>(reply.status), Code::InvalidArgument, "INVALID_REQUEST");
        assert!(message.ends_with("(and 1999 more)"), "{message}");
        let found = violations(&details);
        assert!((listed..=40).contains(&found.len()), "{}", found.len());
        for (n, (field, _)) in found.iter().enumerate() {
            assert_eq!(*field, format!("facts[{n}].decided_on"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_told_in_two_ways_is_kept_aside_whole() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut other = penalty(code(1), "罚1号", "2026-01-10");
    other.fields.iter_mut().find(|field| field.id == "fine").unwrap().value = "2".to_owned();
    let rows = vec![penalty(code(1), "罚1号", "2026-01-10"), other, penalty(code(1), "罚2号", "2026-01-10")];
    let answer = rig.submit("twice", rows).await.unwrap();
    assert_eq!((answer.accepted, answer.corrected, answer.quarantined), (1, 0, 2));
    let listed = v1::ListFactsRequest {
        parent: code(1).to_string(),
        codes: vec!["administrative-penalty".to_owned()],
        ..Default::default()
    };
    assert_eq!(rig.ledger().list_facts(listed).await.unwrap().into_inner().facts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_needs_an_id_and_a_question_none() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let facts = || vec![penalty(code(1), "罚1号", "2026-01-10")];
    for id in ["", "with blank", &"x".repeat(37), "名"] {
        let found = violation(rig.submit(id, facts()).await, "request_id");
        assert!(found.contains("expected 1 to 36 ASCII letters"), "{found}");
        let mut asked = question(code(1));
        asked.store = true;
        asked.request_id = id.to_owned();
        violation(rig.scoring().evaluate(asked).await, "request_id");
    }
    let mut asked = question(code(1));
    asked.request_id = "needless".to_owned();
    violation(rig.scoring().evaluate(asked).await, "request_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_with_the_limit() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let tiers = |n: usize| v1::BatchGetTiersRequest {
        enterprises: vec![code(1).to_string(); n],
        field: FIELD.to_owned(),
        ..Default::default()
    };
    assert!(
        violation(rig.supervision().batch_get_tiers(tiers(501)).await, "enterprises").contains("1 to 500")
    );
    violation(rig.supervision().batch_get_tiers(tiers(0)).await, "enterprises");
    assert_eq!(rig.supervision().batch_get_tiers(tiers(500)).await.unwrap().into_inner().tiers.len(), 500);
    let simulated = v1::SimulateEvaluationRequest {
        enterprise: code(1).to_string(),
        standard: "public-test".to_owned(),
        removed_fact_ids: vec![1; 1001],
        ..Default::default()
    };
    violation(rig.scoring().simulate_evaluation(simulated).await, "removed_fact_ids");
    let simulated = v1::SimulateEvaluationRequest {
        enterprise: code(1).to_string(),
        standard: "public-test".to_owned(),
        added_facts: vec![penalty(code(1), "罚1号", "2026-01-10"); 101],
        ..Default::default()
    };
    violation(rig.scoring().simulate_evaluation(simulated).await, "added_facts");
    let searched = v1::SearchEnterprisesRequest { query: "长".repeat(101), ..Default::default() };
    violation(rig.ledger().search_enterprises(searched).await, "query");
    let message = v1::SubmitFactsRequest {
        request_id: "long".to_owned(),
        source: "长".repeat(201),
        ..Default::default()
    };
    violation(rig.ledger().submit_facts(tokio_stream::once(message)).await, "source");
}
