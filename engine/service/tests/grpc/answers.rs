//! Answers: the figures, the reasons behind them, and that asking never writes.

use hengxin_proto::v1;
use hengxin_proto::v1::batch_evaluate_response::Result as BatchResult;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::rig::{Rig, TODAY, code, fact, penalty, question, refusal, registration, repair};

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

pub(crate) fn serious(code: hengxin_core::uscc::Uscc) -> v1::FactInput {
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
