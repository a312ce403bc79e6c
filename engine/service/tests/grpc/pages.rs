//! Pages: all rows once, whatever is written meanwhile; tokens that hold for their own listing alone.

use hengxin_proto::v1;
use hengxin_service::record_tiers;
use tonic::Code;

use crate::rig::{FIELD, Rig, code, penalty, question, registration, violation};

fn search(size: i32, token: &str) -> v1::SearchEnterprisesRequest {
    v1::SearchEnterprisesRequest {
        query: "公司".to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        ..Default::default()
    }
}

fn facts(size: i32, token: &str) -> v1::ListFactsRequest {
    v1::ListFactsRequest {
        parent: code(1).to_string(),
        codes: vec!["administrative-penalty".to_owned()],
        page_size: size,
        page_token: token.to_owned(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_facts_show_one_state_of_knowledge_while_others_write() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let rows =
        (10..30).map(|day| penalty(code(1), &format!("罚{day}号"), &format!("2026-01-{day}"))).collect();
    rig.submit("facts", rows).await.unwrap();
    let whole = rig.ledger().list_facts(facts(1000, "")).await.unwrap().into_inner();
    assert_eq!((whole.facts.len(), whole.next_page_token.as_str()), (20, ""));
    let mut seen = Vec::new();
    let mut token = String::new();
    for n in 0.. {
        let page = rig.ledger().list_facts(facts(3, &token)).await.unwrap().into_inner();
        assert_eq!(page.known_at, whole.known_at);
        seen.extend(page.facts);
        // Both before and after what was shown so far.
        let rows = vec![
            penalty(code(1), &format!("新{n}号"), "2025-12-31"),
            penalty(code(1), &format!("又{n}号"), "2026-06-01"),
        ];
        rig.submit(&format!("meanwhile-{n}"), rows).await.unwrap();
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, whole.facts);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_search_neither_skip_nor_repeat_while_others_write() {
    let rig = Rig::new().await;
    let rows = (0..20).map(|n| registration(code(n * 2), "样本公司", "330106", "C1411")).collect();
    rig.submit("facts", rows).await.unwrap();
    let whole = rig.ledger().search_enterprises(search(1000, "")).await.unwrap().into_inner().enterprises;
    assert_eq!(whole.len(), 20);
    let mut seen = Vec::new();
    let mut token = String::new();
    for n in 0.. {
        let page = rig.ledger().search_enterprises(search(6, &token)).await.unwrap().into_inner();
        seen.extend(page.enterprises);
        let new = registration(code(n * 2 + 1), "新公司", "330106", "C1411");
        rig.submit(&format!("meanwhile-{n}"), vec![new]).await.unwrap();
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_stored_evaluations_and_tiers_go_on_where_they_ended() {
    let rig = Rig::new().await;
    let codes: Vec<_> = (1..8).map(code).collect();
    rig.registered(&codes).await;
    for n in 0..7 {
        let mut asked = question(code(1));
        asked.as_of = format!("2026-06-{:02}", n + 1);
        asked.store = true;
        asked.request_id = format!("stored-{n}");
        rig.scoring().evaluate(asked).await.unwrap();
    }
    let mut days = Vec::new();
    let mut token = String::new();
    loop {
        let asked = v1::ListEvaluationsRequest {
            parent: code(1).to_string(),
            page_size: 3,
            page_token: token,
            ..Default::default()
        };
        let page = rig.scoring().list_evaluations(asked).await.unwrap().into_inner();
        days.extend(page.evaluations.into_iter().map(|e| e.evaluation.unwrap().as_of));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        // Newer ones stand before what was shown, and change nothing behind it.
        let mut asked = question(code(1));
        asked.store = true;
        asked.as_of = "2026-06-30".to_owned();
        asked.request_id = format!("meanwhile-{}", days.len());
        rig.scoring().evaluate(asked).await.unwrap();
    }
    let expected: Vec<_> = (1..8).rev().map(|day| format!("2026-06-{day:02}")).collect();
    assert_eq!(days, expected);
    let engine = std::sync::Arc::clone(&rig.engine);
    let today = engine.today();
    tokio::task::spawn_blocking(move || record_tiers(&engine, FIELD, today, |_| {})).await.unwrap().unwrap();
    let mut shown = Vec::new();
    loop {
        let asked = v1::ListTiersRequest {
            field: FIELD.to_owned(),
            page_size: 2,
            page_token: token,
            ..Default::default()
        };
        let page = rig.supervision().list_tiers(asked).await.unwrap().into_inner();
        shown.extend(page.tiers.into_iter().map(|tier| tier.enterprise));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = codes.iter().map(|code| format!("enterprises/{code}")).collect();
    assert_eq!(shown, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_holds_for_its_own_listing_filter_and_ledger_alone() {
    let rig = Rig::new().await;
    let rows = (1..5).map(|n| registration(code(n), "样本公司", "330106", "C1411")).collect();
    rig.submit("facts", rows).await.unwrap();
    rig.submit(
        "more",
        vec![penalty(code(1), "罚1号", "2026-01-10"), penalty(code(1), "罚2号", "2026-01-10")],
    )
    .await
    .unwrap();
    let token = rig.ledger().search_enterprises(search(1, "")).await.unwrap().into_inner().next_page_token;
    let of_facts = rig.ledger().list_facts(facts(1, "")).await.unwrap().into_inner().next_page_token;
    assert!(!token.is_empty() && !of_facts.is_empty());
    // Another size is the same listing.
    assert_eq!(
        rig.ledger().search_enterprises(search(9, &token)).await.unwrap().into_inner().enterprises.len(),
        3
    );
    let other = "found a token of a listing with other parameters, expected those of the first page";
    let foreign =
        "found a token this ledger did not give, expected `next_page_token` of the page before, unchanged";
    let mut filtered = search(1, &token);
    filtered.region = "330000".to_owned();
    assert_eq!(violation(rig.ledger().search_enterprises(filtered).await, "page_token"), other);
    assert_eq!(violation(rig.ledger().list_facts(facts(1, &token)).await, "page_token"), other);
    let mut of_another = facts(1, &of_facts);
    of_another.parent = code(2).to_string();
    assert_eq!(violation(rig.ledger().list_facts(of_another).await, "page_token"), other);
    let mut forged = token.clone().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for text in [forged.as_str(), &token[1..], "x", "第二页", &"A".repeat(100_000)] {
        assert_eq!(violation(rig.ledger().search_enterprises(search(1, text)).await, "page_token"), foreign);
    }
    let elsewhere = Rig::new().await;
    assert_eq!(
        violation(elsewhere.ledger().search_enterprises(search(1, &token)).await, "page_token"),
        foreign
    );
    // A restart keeps them good.
    let rig = rig.restarted().await;
    assert_eq!(
        rig.ledger().search_enterprises(search(9, &token)).await.unwrap().into_inner().enterprises.len(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_of_pages_are_fifty_unless_asked_at_most_a_thousand_and_never_negative() {
    let rig = Rig::new().await;
    let rows = (0..1100).map(|n| registration(code(n), "样本公司", "330106", "C1411")).collect();
    rig.submit("facts", rows).await.unwrap();
    for (size, expected) in [(0, 50), (1, 1), (1000, 1000), (i32::MAX, 1000)] {
        let page = rig.ledger().search_enterprises(search(size, "")).await.unwrap().into_inner();
        assert_eq!(page.enterprises.len(), expected);
        assert!(!page.next_page_token.is_empty());
    }
    let found = violation(rig.ledger().search_enterprises(search(-1, "")).await, "page_size");
    assert!(found.contains("found `-1`"), "{found}");
    let answer = rig
        .standards()
        .list_standards(v1::ListStandardsRequest { page_size: -5, ..Default::default() })
        .await;
    assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_long_rows_ends_before_it_outgrows_a_message() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let rows = (0..400).map(|n| {
        let mut row = penalty(code(1), &format!("罚{n}号"), "2026-01-10");
        row.fields.push(v1::FieldInput { id: "content".to_owned(), value: "长".repeat(4000) });
        row
    });
    let rows: Vec<_> = rows.collect();
    for (n, part) in rows.chunks(200).enumerate() {
        rig.submit(&format!("part-{n}"), part.to_vec()).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut token = String::new();
    loop {
        let page = rig.ledger().list_facts(facts(1000, &token)).await.unwrap().into_inner();
        seen.extend(page.facts.into_iter().map(|fact| fact.fact_id));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let whole = seen.len();
    seen.dedup();
    assert_eq!((whole, seen.len()), (400, 400));
    assert!((2..10).contains(&pages), "{pages}");
}
