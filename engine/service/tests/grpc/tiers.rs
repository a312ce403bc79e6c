//! Tiers: measures and both results behind them, kept in memory or on record.

use hengxin_proto::v1;
use hengxin_proto::v1::batch_tier::Result as TierResult;
use hengxin_service::engine::Wanted;
use hengxin_service::record_tiers;

use crate::answers::serious;
use crate::rig::{FIELD, Rig, TODAY, code, penalty, question, registration};

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_comes_with_its_measures_and_both_results() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    let facts = vec![
        penalty(code(2), "罚1号", "2026-01-10"),
        penalty(code(2), "罚2号", "2026-01-11"),
        registration(code(3), "丙公司", "330106", "C1411"),
        serious(code(3)),
    ];
    rig.submit("facts", facts).await.unwrap();
    let ask = |n| v1::GetTierRequest {
        enterprise: code(n).to_string(),
        field: FIELD.to_owned(),
        view: v1::EvaluationView::Full.into(),
        ..Default::default()
    };
    let mut light = rig.supervision().get_tier(ask(1)).await.unwrap().into_inner().decision.unwrap();
    assert_eq!((light.tier, light.title.as_str()), (1, "轻度监管"));
    let policy = light.policy.as_ref().unwrap();
    assert_eq!(policy.name, "policies/test-policy/editions/2026.1");
    let method = light.method.as_ref().unwrap();
    assert_eq!(method.kind(), v1::TierMethodKind::WorstOf);
    assert_eq!((method.public_grade.as_str(), method.industry_grade.as_str()), ("A", "A"));
    assert_eq!((method.tier, method.public_tier, method.industry_tier), (1, 1, 1));
    assert_eq!(
        (light.measures[0].kind(), light.measures[0].sampling_basis_points),
        (v1::MeasureKind::Sampling, Some(500))
    );
    assert_eq!(light.measures[0].source.as_ref().unwrap().project_reason, "test");
    // Each result is the very one that is given when it is asked for alone.
    assert_eq!(light.public_result.take().unwrap(), rig.evaluated(code(1)).await);
    let mut industry = question(code(1));
    industry.standard = "industry-test".to_owned();
    let industry = rig.scoring().evaluate(industry).await.unwrap().into_inner().evaluation;
    assert_eq!(light.industry_result.take(), industry);
    let usual = rig.supervision().get_tier(ask(2)).await.unwrap().into_inner().decision.unwrap();
    assert_eq!((usual.tier, usual.measures[0].inspections_min_per_year.as_str()), (2, "0.5"));
    assert_eq!(usual.measures[0].inspections_max_per_year, "1");
    let strict = rig.supervision().get_tier(ask(3)).await.unwrap().into_inner().decision.unwrap();
    assert_eq!(strict.tier, 4);
    let rule = &strict.overrides[0];
    assert_eq!((rule.id.as_str(), rule.tier, rule.lowers, rule.decided), ("serious-list", 4, false, true));
    assert_eq!(strict.method.as_ref().unwrap().tier, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn tiers_of_many_equal_the_tiers_of_each() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    rig.submit("list", vec![serious(code(2))]).await.unwrap();
    let enterprises =
        vec![code(2).to_string(), code(8).to_string(), "nobody".to_owned(), code(1).to_string()];
    let asked = v1::BatchGetTiersRequest { enterprises, field: FIELD.to_owned(), ..Default::default() };
    let answer = rig.supervision().batch_get_tiers(asked).await.unwrap().into_inner();
    let basis = answer.basis.unwrap();
    assert_eq!(basis.as_of, TODAY);
    let mut decisions = Vec::new();
    for (tier, expected) in
        answer.tiers.into_iter().zip(["4", "ENTERPRISE_NOT_FOUND", "INVALID_REQUEST", "1"])
    {
        match tier.result.unwrap() {
            TierResult::Decision(decision) => {
                assert_eq!(
                    (decision.tier.to_string().as_str(), decision.known_at),
                    (expected, basis.known_at)
                );
                decisions.push((tier.enterprise, decision));
            }
            TierResult::Error(error) => assert_eq!(error.reason, expected),
        }
    }
    for (enterprise, decision) in decisions {
        let asked = v1::GetTierRequest { enterprise, field: FIELD.to_owned(), ..Default::default() };
        let alone = rig.supervision().get_tier(asked).await.unwrap().into_inner().decision.unwrap();
        assert_eq!(alone, decision);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_kept_in_memory_gives_way_to_what_was_recorded_since() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let asked = || v1::GetTierRequest {
        enterprise: code(1).to_string(),
        field: FIELD.to_owned(),
        ..Default::default()
    };
    for _ in 0..2 {
        let tier = rig.supervision().get_tier(asked()).await.unwrap().into_inner().decision.unwrap().tier;
        assert_eq!(tier, 1);
    }
    rig.submit("list", vec![serious(code(1))]).await.unwrap();
    let tier = rig.supervision().get_tier(asked()).await.unwrap().into_inner().decision.unwrap().tier;
    assert_eq!(tier, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_of_days_gone_by_are_let_go() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let ask = || v1::GetTierRequest {
        enterprise: code(1).to_string(),
        field: FIELD.to_owned(),
        ..Default::default()
    };
    rig.supervision().get_tier(ask()).await.unwrap();
    let yesterday = {
        let policy = rig.engine.policy(FIELD, Wanted::InForce, rig.engine.today()).unwrap();
        assert!(policy.decided(code(1), rig.engine.watermark()).is_some());
        std::sync::Arc::downgrade(&policy)
    };
    rig.clock.advance(std::time::Duration::from_secs(86_400));
    rig.supervision().get_tier(ask()).await.unwrap();
    assert!(yesterday.upgrade().is_none(), "a service that runs for months keeps no day but its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_tiers_are_listed_by_tier_region_and_industry() {
    let rig = Rig::new().await;
    let facts = vec![
        registration(code(1), "甲公司", "330106", "C1411"),
        registration(code(2), "乙公司", "330200", "C1411"),
        registration(code(3), "丙公司", "330106", "F5211"),
        serious(code(3)),
    ];
    rig.submit("facts", facts).await.unwrap();
    rig.delivered().await;
    let engine = std::sync::Arc::clone(&rig.engine);
    let today = engine.today();
    let recorded =
        tokio::task::spawn_blocking(move || record_tiers(&engine, FIELD, today, |_| {})).await.unwrap();
    assert_eq!(recorded.unwrap(), 3);
    let list = |tier, region: &str, industry: &str| v1::ListTiersRequest {
        field: FIELD.to_owned(),
        tier,
        region: region.to_owned(),
        industry: industry.to_owned(),
        ..Default::default()
    };
    for (asked, expected) in [
        (list(0, "", ""), vec![(1, 1), (2, 1), (3, 4)]),
        (list(1, "", ""), vec![(1, 1), (2, 1)]),
        (list(0, "330100", ""), vec![(1, 1), (3, 4)]),
        (list(0, "330000", "C"), vec![(1, 1), (2, 1)]),
        (list(4, "330200", ""), vec![]),
    ] {
        let shown = rig.supervision().list_tiers(asked).await.unwrap().into_inner().tiers;
        let shown: Vec<_> = shown.into_iter().map(|tier| (tier.enterprise, tier.tier)).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(n, tier)| (format!("enterprises/{}", code(n)), tier)).collect();
        assert_eq!(shown, expected);
    }
}
