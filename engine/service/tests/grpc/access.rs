//! Who is shown what, and what is on record of it.

use std::sync::Arc;
use std::time::Duration;

use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::Access;
use hengxin_store::Decision;
use serde_json::json;
use tonic::Code;

use crate::papers::{
    Papers, asked, consent, facts_of, granting, identified, supervising, supply, supply_all,
};
use crate::rig::{Rig, code, penalty, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_regulator_sees_all_of_its_region_and_nothing_elsewhere_and_both_are_on_record() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1)), penalty(code(1), "no 1", "2026-01-05")])
        .await
        .unwrap();
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let answer = regulator.list_facts(supervising(facts_of(code(1)))).await.unwrap().into_inner();
    assert_eq!(answer.facts.len(), 2);
    assert!(
        answer.masked_codes.is_empty() && answer.facts.iter().all(|f| f.fields.iter().all(|f| !f.masked))
    );
    let mut elsewhere = LedgerServiceClient::new(papers.machine(&rig, "elsewhere"));
    let refused = elsewhere.list_facts(supervising(facts_of(code(1)))).await;
    let (message, _) = refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    assert!(!message.contains(code(1).as_str()), "{message}");
    // Whether a code is known at all is not told either.
    let refused = elsewhere.list_facts(supervising(facts_of(code(2)))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    refusal(regulator.list_facts(facts_of(code(1))).await, Code::InvalidArgument, "PURPOSE_UNKNOWN");
    let wrong = regulator.list_facts(asked(facts_of(code(1)), "curiosity", "none")).await;
    let (message, _) = refusal(wrong, Code::InvalidArgument, "PURPOSE_UNKNOWN");
    assert!(message.contains("found `curiosity`, expected one of `supervision`"), "{message}");
    let wrong = regulator.list_facts(asked(facts_of(code(1)), "supervision", "consent")).await;
    refusal(wrong, Code::InvalidArgument, "LEGAL_BASIS_UNKNOWN");
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(None, 0, 100).unwrap();
    let told: Vec<_> = trail
        .iter()
        .map(|record| (record.call.caller.as_str(), record.call.method.as_str(), record.call.decision))
        .collect();
    let list = "LedgerService.ListFacts";
    let expected = [
        ("supplier", "LedgerService.SubmitFacts", Decision::Allowed),
        ("regulator", list, Decision::Allowed),
        ("elsewhere", list, Decision::Refused),
        ("elsewhere", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
    ];
    assert_eq!(told, expected);
    assert_eq!(trail[1].call.subjects, code(1).as_str());
    assert_eq!(trail[1].call.detail, "regulators-look-up");
    rig.engine.ledger().snapshot(None).unwrap().verify().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_sees_what_is_public_of_enterprises_that_consent_as_long_as_they_do() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let (willing, ended, silent) = (code(1), code(2), code(3));
    let mut facts: Vec<_> = [willing, ended, silent].into_iter().map(identified).collect();
    facts.extend([penalty(willing, "no 1", "2026-01-05"), consent(willing, "2026-01-01", "2026-06-30")]);
    facts.push(consent(ended, "2026-01-01", "2026-06-29"));
    // A repair is a limited fact.
    facts.push(crate::rig::repair(willing, "no 1", "2026-02-01"));
    supply(&papers, &rig, "a", facts).await.unwrap();
    let mut bank = LedgerServiceClient::new(papers.machine(&rig, "bank"));
    let answer = bank.list_facts(granting(facts_of(willing))).await.unwrap().into_inner();
    let codes: Vec<&str> = answer.facts.iter().map(|fact| fact.code.as_str()).collect();
    assert_eq!(codes, ["registration", "administrative-penalty"]);
    for masked in ["credit-consent", "credit-repair"] {
        assert!(answer.masked_codes.iter().any(|code| code == masked), "{masked}");
    }
    let id = answer.facts[0].fields.iter().find(|field| field.id == "representative_id").unwrap();
    assert!(id.masked && id.value.is_empty(), "{id:?}");
    // A page of one shows the same as the whole: nothing is counted that is not shown.
    let one = v1::ListFactsRequest { page_size: 1, ..facts_of(willing) };
    let page = bank.list_facts(granting(one)).await.unwrap().into_inner();
    assert_eq!((page.facts.len(), page.facts[0].code.as_str()), (1, "registration"));
    let request =
        v1::GetEnterpriseRequest { name: willing.to_string(), ..v1::GetEnterpriseRequest::default() };
    let shown = bank.get_enterprise(granting(request)).await.unwrap().into_inner().enterprise.unwrap();
    assert!(shown.fact_counts.iter().all(|count| !count.code.starts_with("credit-")), "{shown:?}");
    for subject in [ended, silent, code(4)] {
        let refused = bank.list_facts(granting(facts_of(subject))).await;
        refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    }
    let refused = bank.list_facts(supervising(facts_of(willing))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    // The day after the consent ends.
    rig.clock.advance(Duration::from_secs(12 * 3600));
    let refused = bank.list_facts(granting(facts_of(willing))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_shows_a_bank_the_result_but_neither_readings_nor_facts() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let subject = code(1);
    let facts =
        vec![identified(subject), penalty(subject, "no 1", "2026-01-05"), consent(subject, "2026-01-01", "")];
    supply(&papers, &rig, "a", facts).await.unwrap();
    let delivered = |register: &&str| v1::DeliveryInput {
        register: (*register).to_owned(),
        region: "100000".to_owned(),
        through: crate::rig::TODAY.to_owned(),
    };
    let registers =
        ["registration", "administrative-penalties", "abnormal-operation", "serious-dishonesty", "relations"];
    supply_all(&papers, &rig, "b", Vec::new(), registers.iter().map(delivered).collect()).await.unwrap();
    let ask = || crate::rig::question(subject);
    let mut bank = ScoringServiceClient::new(papers.machine(&rig, "bank"));
    let masked = bank.evaluate(granting(ask())).await.unwrap().into_inner().evaluation.unwrap();
    let mut regulator = ScoringServiceClient::new(papers.machine(&rig, "regulator"));
    let whole = regulator.evaluate(supervising(ask())).await.unwrap().into_inner().evaluation.unwrap();
    assert!(masked.masked && !whole.masked);
    assert_eq!((&masked.score, &masked.grade, &masked.reasons), (&whole.score, &whole.grade, &whole.reasons));
    let lines = |evaluation: &v1::Evaluation| evaluation.explanation.clone().unwrap().lines;
    assert!(lines(&whole).iter().any(|line| !line.evidence.is_empty() && !line.reading.is_empty()));
    assert!(lines(&masked).iter().all(|line| line.evidence.is_empty() && line.reading.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_put_on_record_is_refused() {
    let papers = Papers::new();
    let (access, tls) = (Arc::new(Access::ruled(&papers.rules()).unwrap()), papers.tls());
    let rig = Rig::with(move |options, config| {
        options.busy_wait = Duration::from_millis(200);
        config.tls = Some(tls);
        config.access = access;
    })
    .await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = client.list_facts(supervising(facts_of(code(1)))).await;
    let (message, _) = refusal(refused, Code::Unavailable, "AUDIT_UNAVAILABLE");
    assert!(message.contains("so the call is refused"), "{message}");
    other.execute_batch("ROLLBACK").unwrap();
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_in_the_name_of_others() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let submit = async |source: &str| {
        let message = v1::SubmitFactsRequest {
            request_id: format!("r-{}", source.len()),
            source: source.to_owned(),
            facts: vec![identified(code(1))],
            ..v1::SubmitFactsRequest::default()
        };
        let mut client = LedgerServiceClient::new(papers.machine(&rig, "supplier"));
        client
            .submit_facts(asked(tokio_stream::once(message), "record-keeping", "statutory-duty"))
            .await
            .map(drop)
    };
    refusal(submit("tax bureau").await, Code::PermissionDenied, "ANOTHER_PERSON");
    submit("supplier's department").await.unwrap();
    submit("").await.unwrap();
    // Two people approve a model: a caller who could use the name of its department, too, would be both.
    let approve = async |person: &str| {
        let token = papers.token(|claims| claims["roles"] = json!(["modeller"]));
        let request =
            v1::ApproveModelRequest { person: person.to_owned(), ..v1::ApproveModelRequest::default() };
        let mut request = asked(request, "joint-modelling", "agreement");
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let channel = papers.channel(&rig, None);
        v1::model_service_client::ModelServiceClient::new(channel).approve_model(request).await.map(drop)
    };
    for person in ["market regulation", "wang", ""] {
        refusal(approve(person).await, Code::PermissionDenied, "ANOTHER_PERSON");
    }
    let admitted = approve("li").await.unwrap_err();
    assert_ne!(admitted.code(), Code::PermissionDenied, "{admitted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_all_masked_give_nothing_and_marks_do_not_show() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let subject = code(1);
    let facts = vec![
        identified(subject),
        penalty(subject, "no 1", "2026-01-05"),
        crate::rig::repair(subject, "no 1", "2026-02-01"),
        consent(subject, "2026-01-01", ""),
    ];
    supply(&papers, &rig, "a", facts).await.unwrap();
    let mut bank = LedgerServiceClient::new(papers.machine(&rig, "bank"));
    let only = v1::ListFactsRequest { codes: vec!["credit-consent".to_owned()], ..facts_of(subject) };
    let answer = bank.list_facts(granting(only)).await.unwrap().into_inner();
    assert!(answer.facts.is_empty() && answer.next_page_token.is_empty(), "{answer:?}");
    let penalties = |answer: v1::ListFactsResponse| {
        answer.facts.into_iter().find(|fact| fact.code == "administrative-penalty").unwrap()
    };
    let shown = penalties(bank.list_facts(granting(facts_of(subject))).await.unwrap().into_inner());
    assert_eq!(shown.repaired_on, "", "the repair is a limited fact");
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let shown = penalties(regulator.list_facts(supervising(facts_of(subject))).await.unwrap().into_inner());
    assert_eq!(shown.repaired_on, "2026-02-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_for_the_regions_of_the_caller() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = SupervisionServiceClient::new(papers.machine(&rig, "regulator"));
    let list = |region: &str| {
        let field = crate::rig::FIELD.to_owned();
        supervising(v1::ListTiersRequest {
            field,
            region: region.to_owned(),
            ..v1::ListTiersRequest::default()
        })
    };
    client.list_tiers(list("330106")).await.unwrap();
    for region in ["", "330000", "440000"] {
        refusal(client.list_tiers(list(region)).await, Code::PermissionDenied, "NOT_PERMITTED");
    }
}
