//! How a tier runs over the days, held against asking every day.

use std::collections::BTreeSet;
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;

use crate::answers::serious;
use crate::rig::{FIELD, NOON, Rig, TODAY, code, fact, penalty, registration, repair};
use crate::what_if::{
    COSTLY, Dice, REGISTERS, ask, day, deliver, mending, over, policy_of, records, what_if,
};

pub(crate) fn trace_of(subject: Uscc, field: &str, from: &str, to: &str) -> v1::TraceTierRequest {
    v1::TraceTierRequest {
        enterprise: subject.to_string(),
        field: field.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        ..Default::default()
    }
}

async fn trace(rig: &Rig, request: v1::TraceTierRequest) -> v1::TraceTierResponse {
    rig.supervision().trace_tier(request).await.unwrap().into_inner()
}

/// The days of a period.
pub(crate) fn days(from: &str, to: &str) -> impl Iterator<Item = Date> {
    let to = day(to);
    std::iter::successors(Some(day(from)), |day| Some(day.plus_days(1))).take_while(move |day| *day <= to)
}

/// What a point says, whenever.
fn said(point: &v1::TierPoint) -> v1::TierPoint {
    v1::TierPoint { on: String::new(), ..point.clone() }
}

async fn decided(
    rig: &Rig,
    subject: Uscc,
    field: &str,
    on: Date,
    view: v1::EvaluationView,
) -> v1::TierDecision {
    let asked = v1::GetTierRequest {
        enterprise: subject.to_string(),
        field: field.to_owned(),
        as_of: on.to_string(),
        view: view.into(),
        ..Default::default()
    };
    rig.supervision().get_tier(asked).await.unwrap().into_inner().decision.unwrap()
}

fn point_of(decision: &v1::TierDecision) -> v1::TierPoint {
    let (public, industry) = (decision.public_result.as_ref(), decision.industry_result.as_ref());
    v1::TierPoint {
        on: String::new(),
        tier: decision.tier,
        title: decision.title.clone(),
        public_score: public.and_then(|result| result.score.clone()),
        public_grade: public.and_then(|result| result.grade.clone()),
        industry_score: industry.and_then(|result| result.score.clone()),
        industry_grade: industry.and_then(|result| result.grade.clone()),
    }
}

/// The last point on or before a day.
fn at(points: &[v1::TracedTier], on: Date) -> v1::TierPoint {
    let last = points.iter().filter_map(|p| p.point.as_ref()).rfind(|point| day(&point.on) <= on);
    said(last.expect("a first point"))
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_points_of_the_past_every_day_is_as_the_point_before_it() {
    let rig = mending().await;
    deliver(&rig, "delivered", &REGISTERS, "2026-06-20").await;
    let (from, to) = ("2026-01-25", TODAY);
    let mut points = 0;
    for seed in 100..106u32 {
        let subject = code(seed);
        rig.submit(&format!("s{seed}"), records(subject, &mut Dice(seed.into()))).await.unwrap();
        let traced = trace(&rig, trace_of(subject, "mend", from, to)).await;
        assert!(!traced.cut && traced.points[0].point.as_ref().unwrap().on == from);
        for on in days(from, to) {
            let decision = decided(&rig, subject, "mend", on, v1::EvaluationView::Basic).await;
            assert_eq!(at(&traced.points, on), point_of(&decision), "seed {seed} on {on}: {traced:#?}");
        }
        for pair in traced.points.windows(2) {
            let changed = !(pair[1].begun.is_empty() && pair[1].ended.is_empty());
            let (before, after) = (pair[0].point.as_ref().unwrap(), pair[1].point.as_ref().unwrap());
            assert!(changed || said(before) != said(after), "seed {seed}: {pair:?}");
        }
        points += traced.points.len();
    }
    assert!(points > 20, "{points}");
}

/// The facts that count by the explanations.
pub(crate) fn counted(evaluation: &v1::Evaluation) -> impl Iterator<Item = u64> {
    let lines = evaluation.explanation.iter().flat_map(|explanation| &explanation.lines);
    let evidence = lines.flat_map(|line| &line.evidence);
    let findings = evaluation.findings.iter().flat_map(|finding| &finding.evidence);
    evidence.chain(findings).filter(|evidence| evidence.counted).map(|evidence| evidence.fact_id)
}

/// Records of one enterprise that begin, leave their windows, are repaired, withdrawn from publicity and disputed.
pub(crate) async fn eventful(rig: &Rig) -> Uscc {
    let subject = code(1);
    rig.registered(&[subject]).await;
    let mut ended = serious(subject);
    ended.fields.push(v1::FieldInput { id: "removed_on".to_owned(), value: "2026-08-14".to_owned() });
    let mut published = penalty(subject, "罚6号", "2026-01-12");
    published.fields.push(v1::FieldInput { id: "public_until".to_owned(), value: "2026-07-12".to_owned() });
    let objection = fact(
        "objection",
        &[
            ("subject_code", subject.as_str()),
            ("target_code", "administrative-penalty"),
            ("document_number", "罚3号"),
            ("authority", "某局"),
            ("raised_on", "2026-02-20"),
            ("closed_on", "2026-03-03"),
        ],
    );
    let abnormal = |number: &str, on: &str| {
        let fields = [("subject_code", subject.as_str()), ("document_number", number), ("listed_on", on)];
        fact("abnormal-operation", &fields)
    };
    let facts = vec![
        penalty(subject, "罚1号", "2024-02-01"),
        penalty(subject, "罚2号", "2024-08-31"),
        penalty(subject, "罚3号", "2025-12-15"),
        penalty(subject, "罚4号", "2026-04-02"),
        repair(subject, "罚4号", "2026-05-20"),
        penalty(subject, "罚5号", "2026-04-02"),
        published,
        objection,
        abnormal("异1号", "2023-07-19"),
        abnormal("异2号", "2023-04-01"),
        ended,
    ];
    rig.submit("eventful", facts).await.unwrap();
    subject
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_names_the_facts_that_begin_and_cease_to_count() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let (from, to) = ("2025-12-01", TODAY);
    let traced = trace(&rig, trace_of(subject, FIELD, from, to)).await;
    let mut told = traced.points.iter();
    let mut before: Option<(v1::TierPoint, BTreeSet<u64>)> = None;
    for on in days(from, to) {
        // The policy begins with the year: until then there is no tier, and nothing counts.
        let now = if on < day("2026-01-01") {
            (v1::TierPoint::default(), BTreeSet::new())
        } else {
            let decision = decided(&rig, subject, FIELD, on, v1::EvaluationView::Full).await;
            let results = [&decision.public_result, &decision.industry_result].into_iter().flatten();
            (point_of(&decision), results.flat_map(counted).collect())
        };
        if before.as_ref() == Some(&now) {
            continue;
        }
        let change = told.next().unwrap_or_else(|| panic!("no point on {on}"));
        assert_eq!(change.point.as_ref().unwrap().on, on.to_string());
        assert_eq!(said(change.point.as_ref().unwrap()), now.0);
        let ids = |facts: &[v1::FactChange]| facts.iter().map(|fact| fact.fact_id).collect::<BTreeSet<_>>();
        if let Some((_, before)) = &before {
            assert_eq!(ids(&change.begun), now.1.difference(before).copied().collect(), "{on}");
            assert_eq!(ids(&change.ended), before.difference(&now.1).copied().collect(), "{on}");
        } else {
            assert!(change.begun.is_empty() && change.ended.is_empty());
        }
        before = Some(now);
    }
    assert!(told.next().is_none(), "{traced:#?}");
    assert!(traced.points.len() >= 10, "{}", traced.points.len());
    let named = traced.points.iter().flat_map(|point| &point.begun).map(|fact| fact.title.as_str());
    assert_eq!(
        named.collect::<BTreeSet<_>>(),
        BTreeSet::from(["行政处罚", "经营异常名录", "严重失信主体名单"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_days_ahead_is_what_comes_to_pass_when_nothing_new_happens() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let to = "2027-09-30";
    let traced = trace(&rig, trace_of(subject, FIELD, TODAY, to)).await;
    // The industry's standard ends with the year, two penalties age, a listing ends, and a year of age is added.
    assert!(traced.points.len() > 5, "{traced:#?}");
    let ahead: Vec<Date> = days(TODAY, to).step_by(13).collect();
    let changes = traced.points.iter().map(|point| day(&point.point.as_ref().unwrap().on));
    let around: BTreeSet<Date> = changes.flat_map(|on| [on.plus_days(-1), on]).chain(ahead).collect();
    for on in around.into_iter().filter(|on| *on >= day(TODAY)) {
        let past = u64::try_from(on.days() - day(TODAY).days()).unwrap();
        rig.clock.set(NOON + i64::try_from(past).unwrap() * 86_400_000_000);
        let registers = ["administrative-penalties", "abnormal-operation", "serious-dishonesty", "relations"];
        deliver(&rig, &format!("d{on}"), &registers, &on.to_string()).await;
        let decision = decided(&rig, subject, FIELD, on, v1::EvaluationView::Basic).await;
        assert_eq!(at(&traced.points, on), point_of(&decision), "{on}: {traced:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_that_is_stale_today_stays_so_on_the_days_ahead() {
    let rig = mending().await;
    let subject = code(1);
    rig.submit("facts", vec![registration(subject, "甲公司", "330106", "C1411")]).await.unwrap();
    deliver(&rig, "old", &["administrative-penalties"], "2024-01-01").await;
    deliver(&rig, "new", &["abnormal-operation"], TODAY).await;
    let asked = v1::SimulateEvaluationRequest {
        enterprise: subject.to_string(),
        standard: "mend-public".to_owned(),
        ..Default::default()
    };
    let today = rig.scoring().simulate_evaluation(asked).await.unwrap().into_inner().simulated.unwrap();
    let traced = trace(&rig, trace_of(subject, "mend", TODAY, "2026-12-31")).await;
    assert_eq!(traced.points.len(), 1, "{traced:#?}");
    assert_eq!(traced.points[0].point.as_ref().unwrap().public_score, today.score);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_months_ahead_leaves_the_plans_of_today_where_they_are() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    decided(&rig, subject, FIELD, day(TODAY), v1::EvaluationView::Basic).await;
    let policy =
        || rig.engine.policy(FIELD, hengxin_service::engine::Wanted::InForce, rig.engine.today()).unwrap();
    let before = policy();
    trace(&rig, trace_of(subject, FIELD, "2022-01-01", "2031-12-31")).await;
    what_if(&rig, v1::WhatIfRequest { months: 120, ..ask(subject, FIELD) }).await;
    assert!(Arc::ptr_eq(&before, &policy()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_more_changes_than_fit_is_cut_and_goes_on_from_its_last_day() {
    let indicators = COSTLY.find("      - id: penalties").unwrap()..COSTLY.find("grades:").unwrap();
    // Every day of age is a hundredth of a point.
    let age = "      - id: age
        title: 成立天数
        source: {project: \"test\"}
        reading: {elapsed: {since: established, in: days}}
        rule: {linear: [{at: 0, points: 0}, {at: 10000, points: 100}]}
        unknown: {points: 0}\n";
    let standard = [&COSTLY[..indicators.start], age, &COSTLY[indicators.end..]].concat();
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let rig = over(vec![
        file("costly/2026.1.yaml", &standard.replace("decimals: 0", "decimals: 2")),
        file("policies/mend/2026.1.yaml", &policy_of("costly")),
    ])
    .await;
    rig.submit("facts", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    let first = trace(&rig, trace_of(code(1), "mend", "2025-03-01", "2026-09-30")).await;
    assert!(first.cut && first.points.len() == 400, "{} {}", first.cut, first.points.len());
    let last = first.points.last().unwrap().point.clone().unwrap();
    let rest = trace(&rig, trace_of(code(1), "mend", &last.on, "2026-09-30")).await;
    assert_eq!(rest.points[0].point.as_ref(), Some(&last));
    let told = first.points.len() + rest.points.len() - 1;
    assert!(!rest.cut && told == days("2025-03-01", "2026-09-30").count(), "{told}");
}
