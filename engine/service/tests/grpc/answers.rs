//! Answers: the figures, the reasons behind them, and that asking never writes.

use hengxin_proto::v1;
use hengxin_proto::v1::batch_evaluate_response::Result as BatchResult;
use hengxin_proto::v1::batch_tier::Result as TierResult;
use hengxin_service::engine::Wanted;
use hengxin_service::record_tiers;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::rig::{FIELD, Rig, TODAY, code, fact, penalty, question, refusal, registration, repair};

fn decimal(points: Option<&v1::Points>) -> &str {
    points.map_or("", |points| points.decimal.as_str())
}

fn grade(evaluation: &v1::Evaluation) -> &str {
    evaluation.grade.as_ref().map_or("", |grade| grade.grade.as_str())
}

fn lines(evaluation: &v1::Evaluation) -> &[v1::ExplanationLine] {
    &evaluation.explanation.as_ref().expect("told in full").lines
}

/// The lines that are no sums add up to the score, and each dimension is the sum of what stands before it.
#[track_caller]
pub(crate) fn adds_up(evaluation: &v1::Evaluation) {
    let lines = lines(evaluation);
    let value = |line: &v1::ExplanationLine| line.points.as_ref().map_or(0, |points| points.ten_thousandths);
    let sums = [v1::LineKind::Dimension, v1::LineKind::Score];
    let summands = lines.iter().filter(|line| !sums.contains(&line.kind()));
    let total: i64 = summands.map(value).sum();
    assert_eq!(Some(total), evaluation.score.as_ref().map(|score| score.ten_thousandths), "{lines:#?}");
    // What stands open at each depth, waiting for its dimension.
    let mut open = std::collections::BTreeMap::<u32, i64>::new();
    for line in lines.iter().filter(|line| line.depth > 0) {
        if line.kind() == v1::LineKind::Dimension {
            let inner = open.remove(&(line.depth + 1)).unwrap_or_default();
            let own = open.remove(&(line.depth + 1000)).unwrap_or_default();
            assert_eq!(value(line), inner + own, "{}", line.id);
            *open.entry(line.depth).or_default() += value(line);
        } else {
            let member = line.kind() == v1::LineKind::Indicator || is_of_indicator(line, lines);
            let place = if member { line.depth } else { line.depth + 1000 };
            *open.entry(place).or_default() += value(line);
        }
    }
}

/// A clip stands at the depth of its indicator; lines of a dimension stand at the depth of the dimension.
fn is_of_indicator(line: &v1::ExplanationLine, lines: &[v1::ExplanationLine]) -> bool {
    let indicator =
        |other: &v1::ExplanationLine| other.kind() == v1::LineKind::Indicator && other.id == line.id;
    line.kind() == v1::LineKind::Clip && lines.iter().any(indicator)
}

fn serious(code: hengxin_core::uscc::Uscc) -> v1::FactInput {
    fact(
        "serious-dishonesty-list",
        &[
            ("subject_code", code.as_str()),
            ("document_number", "名单1号"),
            ("authority", "某局"),
            ("listed_on", "2026-05-01"),
            ("field", "tax"),
        ],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_is_told_with_its_records_its_clauses_and_its_points() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let facts = vec![
        penalty(code(1), "罚1号", "2026-01-10"),
        penalty(code(1), "罚2号", "2025-03-01"),
        repair(code(1), "罚2号", "2026-02-01"),
    ];
    rig.submit("facts", facts).await.unwrap();
    let told = rig.evaluated(code(1)).await;
    // 60 − 12.5 (one of two penalties is repaired) + 20, and 6 of 10 years for 18.
    assert_eq!((decimal(told.score.as_ref()), grade(&told)), ("85.5", "A"));
    assert_eq!(told.outcome(), v1::Outcome::Evaluated);
    assert_eq!(
        (told.as_of.as_str(), told.enterprise.as_str()),
        (TODAY, &*format!("enterprises/{}", code(1)))
    );
    let standard = told.standard.clone().unwrap();
    assert_eq!(standard.name, "standards/public-test/editions/2026.1");
    assert_eq!((standard.digest.len(), told.facts_digest.len()), (64, 64));
    assert_eq!(standard.status(), v1::FigureStatus::Sample);
    assert!(told.unknown_indicators.is_empty() && told.findings.is_empty() && told.undetermined.is_empty());
    adds_up(&told);
    let penalties = lines(&told).iter().find(|line| line.id == "penalties").unwrap();
    assert_eq!(penalties.source.as_ref().unwrap().clause, "第一条");
    let seen: Vec<_> = penalties
        .evidence
        .iter()
        .map(|e| {
            (e.occurred_on.as_str(), e.counted, e.not_counted_reason.as_str(), decimal(e.points.as_ref()))
        })
        .collect();
    assert_eq!(seen, [("2025-03-01", false, "repaired", ""), ("2026-01-10", true, "", "-12.5")]);
    assert_eq!(
        penalties.evidence[1].fact,
        format!("enterprises/{}/facts/{}", code(1), penalties.evidence[1].fact_id)
    );
    let reasons: Vec<_> =
        told.reasons.iter().map(|r| (r.rank, r.id.as_str(), decimal(r.lost.as_ref()))).collect();
    assert_eq!(reasons, [(1, "penalties", "12.5"), (2, "age", "12")]);
    // Registers count as delivered for 60 days after their last complete day.
    assert_eq!(told.horizon, "2026-08-30");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dimension_cut_at_its_maximum_says_so_on_a_line_of_its_own() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let told = rig.evaluated(code(1)).await;
    assert_eq!(decimal(told.score.as_ref()), "88");
    adds_up(&told);
    let clip = lines(&told).iter().find(|line| line.kind() == v1::LineKind::Clip).unwrap();
    assert_eq!((clip.id.as_str(), decimal(clip.points.as_ref())), ("conduct", "-10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_is_unknown_and_never_none() {
    let rig = Rig::new().await;
    rig.submit("only", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    let told = rig.evaluated(code(1)).await;
    let unknown: Vec<_> =
        told.unknown_indicators.iter().map(|u| (u.id.as_str(), u.reason.as_str())).collect();
    assert_eq!(unknown, [("penalties", "register-not-delivered"), ("lists", "register-not-delivered")]);
    let undetermined: Vec<_> = told.undetermined.iter().map(|u| u.id.as_str()).collect();
    assert_eq!(undetermined, ["serious-list"]);
    // 30 of 60 for unknown penalties, raised to 40 of the 80 points of conduct as lists are left out; 18 for age.
    assert_eq!((decimal(told.score.as_ref()), grade(&told)), ("58", "B"));
    adds_up(&told);
    let left_out = lines(&told).iter().find(|line| line.id == "lists").unwrap();
    assert_eq!((left_out.points.as_ref(), left_out.reading.as_str()), (None, ""));
    rig.delivered().await;
    let told = rig.evaluated(code(1)).await;
    assert_eq!(decimal(told.score.as_ref()), "88");
    assert!(told.unknown_indicators.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_decides_the_grade_comes_first_with_the_records_behind_it() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    rig.submit("list", vec![serious(code(1))]).await.unwrap();
    let told = rig.evaluated(code(1)).await;
    assert_eq!((decimal(told.score.as_ref()), grade(&told)), ("88", "C"));
    assert_eq!(told.grade_before_findings.as_ref().unwrap().grade, "A");
    let finding = &told.findings[0];
    assert_eq!(
        (finding.id.as_str(), finding.effect.as_str(), finding.decided),
        ("serious-list", "exactly C", true)
    );
    assert_eq!(finding.evidence.len(), 1);
    assert_eq!(finding.evidence[0].code, "serious-dishonesty-list");
    assert_eq!((told.reasons[0].id.as_str(), told.reasons[0].lost.as_ref()), ("serious-list", None));
    // BASIC keeps the result and leaves out how it came about.
    let mut basic = question(code(1));
    basic.view = v1::EvaluationView::Basic.into();
    let basic = rig.scoring().evaluate(basic).await.unwrap().into_inner().evaluation.unwrap();
    assert!(basic.explanation.is_none() && basic.reasons.is_empty() && basic.findings[0].evidence.is_empty());
    let mut stripped = told;
    stripped.explanation = None;
    stripped.reasons.clear();
    stripped.findings[0].evidence.clear();
    assert_eq!(basic, stripped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_in_the_order_asked_and_an_unknown_enterprise_does_not_end_it() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    rig.submit("facts", vec![penalty(code(2), "罚1号", "2026-01-10")]).await.unwrap();
    let settings = v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
    let first = v1::BatchEvaluateRequest {
        settings: Some(settings),
        enterprises: vec![code(2).to_string(), format!("enterprises/{}", code(9))],
    };
    let long = "9".repeat(100_000);
    let second = v1::BatchEvaluateRequest {
        settings: None,
        enterprises: vec!["x".to_owned(), code(1).to_string(), long],
    };
    let answers = rig.scoring().batch_evaluate(tokio_stream::iter([first, second])).await.unwrap();
    let answers: Vec<_> = answers.into_inner().map(|answer| answer.unwrap()).collect().await;
    let shown: Vec<_> = answers
        .iter()
        .map(|answer| match answer.result.as_ref().unwrap() {
            BatchResult::Evaluation(told) => (answer.index, decimal(told.score.as_ref()).to_owned()),
            BatchResult::Error(error) => (answer.index, error.reason.clone()),
        })
        .collect();
    let expected = ["85.5", "ENTERPRISE_NOT_FOUND", "INVALID_REQUEST", "88", "INVALID_REQUEST"];
    let expected: Vec<_> = (0u64..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(shown, expected);
    assert_eq!(answers[0].enterprise, code(2).to_string());
    assert!(answers[4].enterprise.len() < 1000, "what is no code is not sent back at length");
    // One position of the ledger for all, and the same figures as when asked for alone.
    let BatchResult::Evaluation(told) = answers[0].result.clone().unwrap() else { panic!("evaluated") };
    let mut alone = question(code(2));
    alone.view = v1::EvaluationView::Basic.into();
    assert_eq!(rig.scoring().evaluate(alone).await.unwrap().into_inner().evaluation.unwrap(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_rests_on_one_position_of_the_ledger_while_others_write() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let (messages, stream) = tokio::sync::mpsc::channel(4);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let settings = v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
    let message = |settings| v1::BatchEvaluateRequest { settings, enterprises: vec![code(1).to_string()] };
    messages.send(message(Some(settings))).await.unwrap();
    let mut answers = rig.scoring().batch_evaluate(stream).await.unwrap().into_inner();
    let first = answers.next().await.unwrap().unwrap();
    for n in 0..3 {
        rig.submit(&format!("meanwhile-{n}"), vec![penalty(code(1), &format!("罚{n}号"), "2026-01-10")])
            .await
            .unwrap();
        messages.send(message(None)).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().result, first.result);
    }
    drop(messages);
    assert!(answers.next().await.is_none());
    assert_ne!(rig.evaluated(code(1)).await.score.unwrap().decimal, "88");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_needs_its_settings_first_and_once() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let settings = || v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
    let message = |settings| v1::BatchEvaluateRequest { settings, enterprises: vec![code(1).to_string()] };
    for (messages, before) in [
        (vec![], 0),
        (vec![message(None)], 0),
        (vec![message(Some(settings())), message(Some(settings()))], 1),
    ] {
        let answers = rig.scoring().batch_evaluate(tokio_stream::iter(messages)).await.unwrap().into_inner();
        let mut answers: Vec<_> = answers.collect().await;
        assert_eq!(answers.len(), before + 1);
        crate::rig::violation(answers.pop().unwrap(), "settings");
    }
    let mut wrong = settings();
    wrong.standard = String::new();
    wrong.as_of = "2026-02-30".to_owned();
    let mut answers =
        rig.scoring().batch_evaluate(tokio_stream::iter([message(Some(wrong))])).await.unwrap().into_inner();
    let (_, details) = refusal(answers.next().await.unwrap(), Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<_> = crate::rig::violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["settings.standard", "settings.as_of"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_evaluation_is_read_back_as_it_was_answered_and_listed_newest_first() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    let mut names = Vec::new();
    let mut answers = Vec::new();
    for (n, id) in ["one", "two"].into_iter().enumerate() {
        if n > 0 {
            rig.submit("later", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
        }
        let mut asked = question(code(1));
        asked.store = true;
        asked.request_id = id.to_owned();
        let answer = rig.scoring().evaluate(asked).await.unwrap().into_inner();
        names.push(answer.name);
        answers.push(answer.evaluation.unwrap());
    }
    for (name, answer) in names.iter().zip(&answers) {
        let asked = v1::GetEvaluationRequest { name: name.clone() };
        let found = rig.scoring().get_evaluation(asked).await.unwrap().into_inner();
        assert_eq!((&found.name, found.evaluation.as_ref()), (name, Some(answer)));
        assert!(found.stored_at.is_some());
    }
    let asked = v1::ListEvaluationsRequest { parent: code(1).to_string(), ..Default::default() };
    let listed = rig.scoring().list_evaluations(asked).await.unwrap().into_inner();
    let shown: Vec<_> = listed
        .evaluations
        .iter()
        .map(|e| (e.name.clone(), decimal(e.evaluation.as_ref().unwrap().score.as_ref()).to_owned()))
        .collect();
    assert_eq!(shown, [(names[1].clone(), "85.5".to_owned()), (names[0].clone(), "88".to_owned())]);
    assert!(listed.evaluations.iter().all(|e| e.evaluation.as_ref().unwrap().explanation.is_none()));
    assert_eq!(listed.next_page_token, "");
    // Whatever view was answered, the full one is kept.
    let mut asked = question(code(2));
    asked.view = v1::EvaluationView::Basic.into();
    asked.store = true;
    asked.request_id = "basic".to_owned();
    let basic = rig.scoring().evaluate(asked).await.unwrap().into_inner();
    assert!(basic.evaluation.unwrap().explanation.is_none());
    let found = rig.scoring().get_evaluation(v1::GetEvaluationRequest { name: basic.name }).await.unwrap();
    adds_up(&found.into_inner().evaluation.unwrap());
    // Another enterprise has its own, and a name holds for its own enterprise only.
    let asked = v1::ListEvaluationsRequest { parent: code(2).to_string(), ..Default::default() };
    assert_eq!(rig.scoring().list_evaluations(asked).await.unwrap().into_inner().evaluations.len(), 1);
    let name = names[0].replace(code(1).as_str(), code(2).as_str());
    let answer = rig.scoring().get_evaluation(v1::GetEvaluationRequest { name }).await;
    refusal(answer, Code::NotFound, "EVALUATION_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_changes_the_answer_and_nothing_else() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    rig.submit("facts", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    let before = rig.evaluated(code(1)).await;
    let watermark = rig.engine.ledger().watermark().unwrap();
    let old = lines(&before).iter().find(|line| line.id == "penalties").unwrap().evidence[0].fact_id;
    let simulate = |removed: Vec<u64>, added: Vec<v1::FactInput>| v1::SimulateEvaluationRequest {
        enterprise: code(1).to_string(),
        standard: "public-test".to_owned(),
        view: v1::EvaluationView::Full.into(),
        removed_fact_ids: removed,
        added_facts: added,
        ..Default::default()
    };
    let mut unnamed = penalty(code(1), "罚2号", "2026-03-01");
    unnamed.fields.retain(|field| field.id != "subject_code");
    let cases = [
        (vec![], vec![], "85.5", "A"),
        (vec![old], vec![], "88", "A"),
        (vec![], vec![unnamed], "73", "B"),
        (vec![], vec![repair(code(1), "罚1号", "2026-02-01")], "88", "A"),
        (vec![], vec![serious(code(1))], "85.5", "C"),
    ];
    for (removed, added, score, letter) in cases {
        let unchanged = removed.is_empty() && added.is_empty();
        let answer = rig.scoring().simulate_evaluation(simulate(removed, added)).await.unwrap().into_inner();
        let (simulated, actual) = (answer.simulated.unwrap(), answer.actual.unwrap());
        assert_eq!((decimal(simulated.score.as_ref()), grade(&simulated)), (score, letter));
        assert_eq!(decimal(actual.score.as_ref()), "85.5");
        adds_up(&simulated);
        // What was supposed must not pass for what is on record.
        assert_eq!(simulated.facts_digest == actual.facts_digest, unchanged);
    }
    let mut ahead = simulate(vec![], vec![]);
    ahead.as_of = "2030-06-30".to_owned();
    let answer = rig.scoring().simulate_evaluation(ahead).await.unwrap().into_inner();
    // Nothing is delivered through 2030.
    assert_eq!(answer.simulated.unwrap().unknown_indicators.len(), 2);
    let (_, details) = refusal(
        rig.scoring().simulate_evaluation(simulate(vec![9999], vec![])).await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(crate::rig::violations(&details)[0].0, "removed_fact_ids[0]");
    assert_eq!(rig.engine.ledger().watermark().unwrap(), watermark);
    let asked = v1::ListEvaluationsRequest { parent: code(1).to_string(), ..Default::default() };
    assert!(rig.scoring().list_evaluations(asked).await.unwrap().into_inner().evaluations.is_empty());
    assert_eq!(rig.evaluated(code(1)).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supposed_fact_leaves_no_trace_in_later_evaluations() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let question = v1::SimulateEvaluationRequest {
        enterprise: code(1).to_string(),
        standard: "public-test".to_owned(),
        added_facts: vec![serious(code(1))],
        ..Default::default()
    };
    rig.scoring().simulate_evaluation(question).await.unwrap();
    // The next kind of fact the ledger meets gets the number that was free when the other was supposed.
    rig.submit("facts", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    let told = rig.evaluated(code(1)).await;
    assert_eq!((decimal(told.score.as_ref()), grade(&told)), ("85.5", "A"));
    assert!(told.findings.is_empty());
}

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
