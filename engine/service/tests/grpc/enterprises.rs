//! Enterprises and their facts, as they are shown and found.

use hengxin_proto::v1;

use crate::rig::{Rig, TODAY, code, fact, penalty, registration, repair};

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_is_shown_as_registered_on_the_date_with_its_facts_counted() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut moved = registration(code(1), "甲新公司", "330200", "F5211");
    moved.fields.iter_mut().find(|field| field.id == "changed_on").unwrap().value = "2026-03-01".to_owned();
    moved.fields.push(v1::FieldInput { id: "capital".to_owned(), value: "12.5".to_owned() });
    rig.submit("facts", vec![moved, penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    let show = |as_of: &str| v1::GetEnterpriseRequest {
        name: code(1).to_string(),
        as_of: as_of.to_owned(),
        known_at: None,
    };
    let now = rig.ledger().get_enterprise(show("")).await.unwrap().into_inner();
    let enterprise = now.enterprise.unwrap();
    assert_eq!((enterprise.display_name.as_str(), enterprise.kind.as_str()), ("甲新公司", "enterprise"));
    let registered = enterprise.registration.unwrap();
    assert_eq!((registered.region.as_str(), registered.industry.as_str()), ("330200", "F5211"));
    assert_eq!((registered.since.as_str(), registered.capital_fen), ("2026-03-01", Some(12_500_000)));
    let counts: Vec<_> = enterprise.fact_counts.iter().map(|c| (c.code.as_str(), c.count)).collect();
    assert_eq!(counts, [("registration", 2), ("administrative-penalty", 1)]);
    assert_eq!(now.basis.unwrap().as_of, TODAY);
    let then = rig.ledger().get_enterprise(show("2026-02-28")).await.unwrap().into_inner();
    assert_eq!(then.enterprise.unwrap().registration.unwrap().region, "330106");
}

#[tokio::test(flavor = "multi_thread")]
async fn enterprises_are_found_by_part_of_a_name_beginning_of_a_code_region_and_industry() {
    let rig = Rig::new().await;
    let facts = vec![
        registration(code(1), "杭州甲食品公司", "330106", "C1411"),
        registration(code(2), "宁波乙食品公司", "330200", "C1411"),
        registration(code(12), "杭州丙商贸公司", "330106", "F5211"),
    ];
    rig.submit("facts", facts).await.unwrap();
    let search = |query: &str, region: &str, industry: &str| v1::SearchEnterprisesRequest {
        query: query.to_owned(),
        region: region.to_owned(),
        industry: industry.to_owned(),
        ..Default::default()
    };
    let prefix = &code(12).to_string()[..16];
    for (asked, expected) in [
        (search("", "", ""), vec![1, 2, 12]),
        (search("食品", "", ""), vec![1, 2]),
        (search("食品", "330100", ""), vec![1]),
        (search("", "", "F52"), vec![12]),
        (search(prefix, "", ""), vec![12]),
        (search("没有", "", ""), vec![]),
        (search("%", "", ""), vec![]),
    ] {
        let found = rig.ledger().search_enterprises(asked).await.unwrap().into_inner();
        let mut found: Vec<_> = found.enterprises.into_iter().map(|e| e.code).collect();
        let mut expected: Vec<_> = expected.into_iter().map(|n| code(n).to_string()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_listed_by_day_with_what_was_said_about_them_since() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut secret = penalty(code(1), "罚1号", "2026-01-10");
    secret
        .fields
        .push(v1::FieldInput { id: "representative_id".to_owned(), value: "11010519491231002X".to_owned() });
    let facts = vec![penalty(code(1), "罚2号", "2025-03-01"), secret, repair(code(1), "罚2号", "2026-02-01")];
    let before = rig.submit("facts", facts).await.unwrap();
    assert_eq!((before.accepted, before.quarantined), (3, 0));
    let list = v1::ListFactsRequest {
        parent: code(1).to_string(),
        codes: vec!["administrative-penalty".to_owned()],
        ..Default::default()
    };
    let answer = rig.ledger().list_facts(list.clone()).await.unwrap().into_inner();
    assert_eq!(answer.known_at, before.recorded_at);
    let shown: Vec<_> =
        answer.facts.iter().map(|f| (f.occurred_on.as_str(), f.repaired_on.as_str())).collect();
    assert_eq!(shown, [("2025-03-01", "2026-02-01"), ("2026-01-10", "")]);
    let value = |fact: &v1::Fact, id: &str| fact.fields.iter().find(|f| f.id == id).unwrap().value.clone();
    // 1.5 万元 is kept in yuan; an identity number only as its digest.
    assert_eq!(value(&answer.facts[1], "fine"), "15000");
    assert!(value(&answer.facts[1], "representative_id").starts_with("id:"));
    assert_eq!(answer.facts[0].disclosure(), v1::Disclosure::Public);
    let withdrawal = fact(
        "withdrawal",
        &[
            ("subject_code", code(1).as_str()),
            ("target_code", "administrative-penalty"),
            ("document_number", "罚1号"),
            ("authority", "某局"),
            ("withdrawn_on", "2026-06-01"),
        ],
    );
    rig.submit("withdrawn", vec![withdrawal]).await.unwrap();
    assert_eq!(rig.ledger().list_facts(list.clone()).await.unwrap().into_inner().facts.len(), 1);
    let then = v1::ListFactsRequest { known_at: before.recorded_at, ..list };
    assert_eq!(rig.ledger().list_facts(then).await.unwrap().into_inner(), answer);
}
