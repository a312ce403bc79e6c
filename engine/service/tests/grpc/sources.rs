//! How well source units deliver.

use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use tonic::Code;

use crate::papers::{Papers, asked, supervising};
use crate::rig::{Rig, code, penalty, refusal, registration, violation};

fn period(from: &str, to: &str) -> v1::SummarizeSourcesRequest {
    v1::SummarizeSourcesRequest { from: from.to_owned(), to: to.to_owned() }
}

fn of(n: u32, number: &str, on: &str, unit: &str) -> v1::FactInput {
    let mut fact = penalty(code(n), number, on);
    if !unit.is_empty() {
        fact.fields.push(v1::FieldInput { id: "source_unit".to_owned(), value: unit.to_owned() });
    }
    fact
}

async fn told(rig: &Rig, asked: v1::SummarizeSourcesRequest) -> v1::SummarizeSourcesResponse {
    rig.ledger().summarize_sources(asked).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_unit_is_told_how_soon_how_completely_and_with_how_many_faults_it_delivers() {
    let rig = Rig::new().await;
    // Recorded on Tuesday 2026-06-30: the seventh working day after Friday the 19th, and after the Saturday and Sunday after it.
    let facts = vec![
        of(1, "罚1号", "2026-06-19", "甲单位"),
        of(1, "罚2号", "2026-06-21", "甲单位"),
        of(1, "罚3号", "2026-06-18", "甲单位"),
        // Without a unit of its own it is its authority's.
        of(2, "罚4号", "2026-06-30", ""),
        // A registration here names neither: it is the sender's.
        registration(code(3), "丙公司", "330106", "C1411"),
    ];
    rig.submit("first", facts).await.unwrap();
    // Of a submission that names one unit, the duplicates are this unit's; a correction is no late delivery.
    let mut corrected = of(1, "罚3号", "2026-06-18", "甲单位");
    corrected.fields.iter_mut().find(|field| field.id == "fine").unwrap().value = "2".to_owned();
    let again = vec![of(1, "罚1号", "2026-06-19", "甲单位"), corrected];
    let answer = rig.submit("second", again).await.unwrap();
    assert_eq!((answer.accepted, answer.duplicates, answer.corrected), (0, 1, 1));
    // Two rows that contradict each other are kept aside, and say whose they are.
    let mut other = of(1, "罚5号", "2026-06-29", "甲单位");
    other.fields.iter_mut().find(|field| field.id == "fine").unwrap().value = "3".to_owned();
    let answer = rig.submit("third", vec![of(1, "罚5号", "2026-06-29", "甲单位"), other]).await.unwrap();
    assert_eq!(answer.quarantined, 2);
    let all = told(&rig, period("", "")).await;
    assert_eq!((all.timely_days, all.cut, all.counted_from), (7, false, None));
    assert!(all.calendar.starts_with("Monday to Friday: public holidays"), "{}", all.calendar);
    let names: Vec<&str> = all.sources.iter().map(|unit| unit.source.as_str()).collect();
    assert_eq!(names, ["test", "某局", "甲单位"]);
    let counts = |unit: &v1::SourceQuality| {
        (unit.rows, unit.accepted, unit.duplicates, unit.corrected, unit.quarantined, unit.open)
    };
    assert_eq!(counts(&all.sources[0]), (1, 1, 0, 0, 0, 0));
    assert_eq!((all.sources[0].timely, all.sources[0].late), (0, 1), "registered in 2020");
    let authority = &all.sources[1];
    assert_eq!((authority.timely, authority.late, authority.median_days), (1, 0, Some(0)));
    let unit = &all.sources[2];
    assert_eq!(counts(unit), (7, 3, 1, 1, 2, 2));
    assert_eq!((unit.timely, unit.late, unit.median_days), (2, 1, Some(7)));
    let vocabulary = rig.engine.ledger().vocabulary();
    let penalty = vocabulary.code(vocabulary.code_id("administrative-penalty").unwrap());
    // Four facts; each has seven fields and its unit.
    assert_eq!((unit.filled, unit.fields), (4 * 8, 4 * u64::try_from(penalty.fields.len()).unwrap()));
    assert_eq!(unit.reasons.iter().map(|reason| reason.count).sum::<u64>(), 2);
    assert_eq!(told(&rig, period("2026-06-30", "2026-06-30")).await, all);
    assert!(told(&rig, period("", "2026-06-29")).await.sources.is_empty());
    assert!(told(&rig, period("2026-07-01", "")).await.sources.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_none_is_refused() {
    let rig = Rig::new().await;
    let found = violation(rig.ledger().summarize_sources(period("2026-02-30", "")).await, "from");
    assert_eq!(found, "2026-02 has 28 days, found day 30");
    violation(rig.ledger().summarize_sources(period("", "yesterday")).await, "to");
    let found = violation(rig.ledger().summarize_sources(period("2026-02-02", "2026-02-01")).await, "from");
    assert_eq!(found, "found `2026-02-02`, expected no day after `to`, 2026-02-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_shown_to_those_who_watch_over_the_nation_and_not_to_a_province() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let refused = regulator.summarize_sources(supervising(period("", ""))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    let mut nation = LedgerServiceClient::new(papers.machine(&rig, "nation"));
    nation.summarize_sources(supervising(period("", ""))).await.unwrap();
    let mut operator = LedgerServiceClient::new(papers.machine(&rig, "operator"));
    operator.summarize_sources(asked(period("", ""), "operations", "statutory-duty")).await.unwrap();
    let refused = operator.summarize_sources(supervising(period("", ""))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    // A search that shows tiers needs the field; without one it does not.
    let search = |field: &str| v1::SearchEnterprisesRequest {
        region: "330106".to_owned(),
        field: field.to_owned(),
        ..Default::default()
    };
    let mut narrow = LedgerServiceClient::new(papers.machine(&rig, "narrow"));
    narrow.search_enterprises(supervising(search(""))).await.unwrap();
    let refused = narrow.search_enterprises(supervising(search(crate::rig::FIELD))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    regulator.search_enterprises(supervising(search(crate::rig::FIELD))).await.unwrap();
}
