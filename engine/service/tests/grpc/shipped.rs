//! The standards and policies the program was built with, asked over the wire.

use std::sync::Arc;

use hengxin_proto::v1;
use hengxin_standard::Catalogue;
use prost::Message as _;

use crate::rig::{NOON, Rig, TestClock, code, fact, penalty, question, registration};

async fn begun() -> Rig {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let catalogue = Arc::new(Catalogue::shipped().unwrap());
    Rig::over(catalogue, folder, TestClock::at(NOON), |_, _| {}).await
}

/// Every register of the vocabulary, for the whole country.
async fn deliver(rig: &Rig) {
    let vocabulary = rig.engine.ledger().vocabulary();
    let deliveries = vocabulary.registers.iter().map(|register| v1::DeliveryInput {
        register: register.id.clone(),
        region: "100000".to_owned(),
        through: "2026-06-30".to_owned(),
    });
    let message = v1::SubmitFactsRequest {
        request_id: "delivered".to_owned(),
        deliveries: deliveries.collect(),
        ..Default::default()
    };
    rig.ledger().submit_facts(tokio_stream::once(message)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shipped_standard_explains_its_score_line_by_line() {
    let rig = begun().await;
    let facts = vec![
        registration(code(1), "甲公司", "330106", "C1411"),
        penalty(code(1), "罚1号", "2026-01-10"),
        penalty(code(1), "罚2号", "2024-10-10"),
        fact(
            "abnormal-operation",
            &[("subject_code", code(1).as_str()), ("document_number", "异1号"), ("listed_on", "2026-03-01")],
        ),
    ];
    rig.submit("facts", facts).await.unwrap();
    for delivered in [false, true] {
        if delivered {
            deliver(&rig).await;
        }
        let listed = v1::ListStandardsRequest { page_size: 1000, ..Default::default() };
        let standards = rig.standards().list_standards(listed).await.unwrap().into_inner().standards;
        assert!(standards.len() >= 10);
        let mut scored = 0;
        for standard in standards {
            let reference = standard.reference.unwrap();
            let mut asked = question(code(1));
            asked.standard.clone_from(&reference.name);
            let told = rig.scoring().evaluate(asked).await.unwrap().into_inner().evaluation.unwrap();
            assert_eq!(told.standard.as_ref(), Some(&reference));
            if told.score.is_some() {
                crate::answers::adds_up(&told);
                scored += 1;
            }
        }
        assert!(scored >= 3, "{scored}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_decisions_by_any_shipped_policy_fit_into_one_message() {
    let rig = begun().await;
    let mut facts = vec![registration(code(1), "甲公司", "330106", "C1411")];
    let code_1 = code(1);
    facts.push(fact(
        "serious-dishonesty-list",
        &[
            ("subject_code", code_1.as_str()),
            ("document_number", "名单1号"),
            ("authority", "某局"),
            ("listed_on", "2026-05-01"),
            ("field", "tax"),
        ],
    ));
    rig.submit("facts", facts).await.unwrap();
    let mut fields: Vec<_> = rig.engine.catalogue().policies().map(|p| p.policy.field.clone()).collect();
    fields.dedup();
    assert!(fields.len() >= 5);
    for field in fields {
        let asked = v1::BatchGetTiersRequest {
            enterprises: vec![code(1).to_string(); 500],
            field: field.clone(),
            ..Default::default()
        };
        let answer = rig.supervision().batch_get_tiers(asked).await.unwrap().into_inner();
        assert_eq!(answer.tiers.len(), 500, "{field}");
        println!("{field}: {} bytes", answer.encoded_len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn days_at_the_ends_of_the_calendar_and_amounts_without_measure_are_answered() {
    let rig = begun().await;
    deliver(&rig).await;
    rig.submit("registered", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    let mut taken = 0;
    for digits in 1..25 {
        let amount = "9".repeat(digits);
        for day in ["0001-01-01", "1900-01-01", "2026-06-30"] {
            let id = format!("{digits}-{day}");
            let mut fined = penalty(code(1), &id, day);
            fined.fields.iter_mut().find(|field| field.id == "fine").unwrap().value.clone_from(&amount);
            let code = code(1);
            let owed = [
                ("subject_code", code.as_str()),
                ("document_number", id.as_str()),
                ("listed_on", day),
                ("amount", amount.as_str()),
            ];
            match rig.submit(&id, vec![fined, fact("enforcement-default", &owed)]).await {
                Ok(answer) => taken += answer.accepted,
                Err(status) => assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status:?}"),
            }
        }
    }
    assert!(taken > 20, "{taken}");
    let standards: Vec<String> = rig
        .engine
        .catalogue()
        .standards()
        .map(|edition| format!("standards/{}/editions/{}", edition.standard.id, edition.standard.edition))
        .collect();
    for standard in standards {
        for as_of in ["0001-01-01", "1600-02-29", "2026-06-30", "9999-12-31"] {
            let asked = v1::SimulateEvaluationRequest {
                enterprise: code(1).to_string(),
                standard: standard.clone(),
                as_of: as_of.to_owned(),
                view: v1::EvaluationView::Full.into(),
                ..Default::default()
            };
            let told = rig.scoring().simulate_evaluation(asked).await;
            let told = told.unwrap_or_else(|status| panic!("{standard} on {as_of}: {status:?}"));
            let told = told.into_inner().simulated.unwrap();
            if told.score.is_some() {
                crate::answers::adds_up(&told);
            }
        }
    }
}
