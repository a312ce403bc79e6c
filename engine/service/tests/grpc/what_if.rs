//! What would change a tier, and how it runs over the days: held against trying everything and asking every day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_standard::Catalogue;
use tonic::Code;

use crate::answers::serious;
use crate::rig::{
    FIELD, NOON, Rig, TODAY, TestClock, code, fact, penalty, refusal, registration, repair, violation,
    violations,
};

/// Numbers that follow from the seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Standards in which a repair can do anything.
async fn mending() -> Rig {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let catalogue = Catalogue::from_files(vec![
        file("vocabulary.yaml", include_str!("../../../../standards/vocabulary.yaml")),
        file("mend-public/2026.1.yaml", include_str!("standards/mend-public.yaml")),
        file("mend-tax/2026.1.yaml", include_str!("standards/mend-tax.yaml")),
        file("mend-industry/2026.1.yaml", include_str!("standards/mend-industry.yaml")),
        file("policies/mend/2026.1.yaml", include_str!("standards/mend-policy.yaml")),
    ]);
    let catalogue = catalogue.unwrap_or_else(|problem| panic!("{problem}"));
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Rig::over(Arc::new(catalogue), folder, TestClock::at(NOON), |_, _| {}).await
}

/// Registers delivered for the whole country.
async fn deliver(rig: &Rig, id: &str, registers: &[&str], through: &str) {
    let delivery = |register: &&str| v1::DeliveryInput {
        register: (*register).to_owned(),
        region: "100000".to_owned(),
        through: through.to_owned(),
    };
    let message = v1::SubmitFactsRequest {
        request_id: id.to_owned(),
        deliveries: registers.iter().map(delivery).collect(),
        ..Default::default()
    };
    rig.ledger().submit_facts(tokio_stream::once(message)).await.unwrap();
}

const REGISTERS: [&str; 8] = [
    "registration",
    "administrative-penalties",
    "abnormal-operation",
    "serious-dishonesty",
    "judicial",
    "arrears",
    "inspections",
    "tax",
];

/// Up to seven records that can be repaired, and others that cannot.
fn records(subject: Uscc, dice: &mut Dice) -> Vec<v1::FactInput> {
    let own = subject.as_str();
    let mut facts = vec![registration(subject, "甲公司", "330106", "C1411")];
    let day = |dice: &mut Dice| {
        // Few days, so that some records share one.
        let on = self::day("2026-06-30").plus_days(-30 * i32::try_from(dice.below(26)).unwrap());
        on.to_string()
    };
    let adverse = 1 + dice.below(7);
    for n in 0..adverse {
        let (number, on) = (format!("文{n}号"), day(dice));
        let document = [("subject_code", own), ("document_number", number.as_str())];
        let with = |kind: &str, rest: &[(&str, &str)]| fact(kind, &[&document[..], rest].concat());
        facts.push(match dice.below(12) {
            0..=3 => {
                let (kinds, fine) = [("warning", "0.5"), ("fine", "0.5"), ("fine", "2")]
                    [usize::try_from(dice.below(3)).unwrap()];
                with(
                    "administrative-penalty",
                    &[
                        ("subject_name", "甲公司"),
                        ("authority", "某局"),
                        ("kinds", kinds),
                        ("fine", fine),
                        ("decided_on", &on),
                    ],
                )
            }
            4 | 5 => with("abnormal-operation", &[("listed_on", &on)]),
            6 | 7 => with("judgment", &[("judged_on", &on)]),
            8 => with("tax-matter", &[("occurred_on", &on), ("kind", "late-filing")]),
            9 => with("arrears", &[("due_on", &on), ("amount", "100"), ("kind", "wages")]),
            10 => with("enforcement-default", &[("listed_on", &on)]),
            _ => with(
                "serious-dishonesty-list",
                &[("authority", "某局"), ("field", "tax"), ("listed_on", &on)],
            ),
        });
        // Some are repaired already, some are under objection.
        let target = facts.last().unwrap();
        let authority = if target.code == "administrative-penalty" { "某局" } else { "" };
        let kind = target.code.clone();
        let mark = |code: &str, of: &str, rest: &[(&str, &str)]| {
            let target = [("target_code", kind.as_str()), ("authority", authority)];
            let document = [("subject_code", own), ("document_number", number.as_str()), (of, on.as_str())];
            fact(code, &[&document[..], &target[..], rest].concat())
        };
        match dice.below(12) {
            0 if kind == "judgment" => {
                let raised = mark("objection", "raised_on", &[("closed_on", "2026-07-20")]);
                facts.push(raised);
            }
            1 if kind == "abnormal-operation" => facts.push(mark("credit-repair", "repaired_on", &[])),
            _ => {}
        }
    }
    for n in 0..2 * u64::from(dice.below(6) == 0) {
        let (number, on) = (format!("检{n}号"), day(dice));
        let fields = [
            ("subject_code", own),
            ("document_number", &number),
            ("inspected_on", &on),
            ("result", "failed"),
        ];
        facts.push(fact("inspection", &fields));
    }
    facts
}

/// The repair of every adverse record, by its id, in the order of days and ids.
async fn repairs(rig: &Rig, subject: Uscc) -> Vec<(u64, v1::FactInput)> {
    let listed = v1::ListFactsRequest { parent: subject.to_string(), page_size: 1000, ..Default::default() };
    let facts = rig.ledger().list_facts(listed).await.unwrap().into_inner().facts;
    let mut repairs = Vec::new();
    for record in facts {
        if ["registration", "inspection", "credit-repair", "objection"].contains(&record.code.as_str()) {
            continue;
        }
        let field = |id: &str| record.fields.iter().find(|f| f.id == id).map_or("", |f| f.value.as_str());
        // The second part of the record's key, whatever it is called.
        let second = match record.code.as_str() {
            "administrative-penalty" | "serious-dishonesty-list" => field("authority"),
            "tax-matter" => field("kind"),
            _ => "",
        };
        let mut fields = vec![
            ("target_code", record.code.as_str()),
            ("document_number", field("document_number")),
            ("repaired_on", TODAY),
        ];
        fields.extend((!second.is_empty()).then_some(("authority", second)));
        repairs.push((record.fact_id, fact("credit-repair", &fields)));
    }
    repairs
}

/// The tier of supposed repairs by two simulations and the policy's table, worked by hand; 0 is none.
async fn tier_with(rig: &Rig, subject: Uscc, added: Vec<v1::FactInput>) -> (u32, Option<i64>) {
    let mut results = Vec::new();
    for standard in ["mend-public", "mend-industry"] {
        let asked = v1::SimulateEvaluationRequest {
            enterprise: subject.to_string(),
            standard: standard.to_owned(),
            added_facts: added.clone(),
            ..Default::default()
        };
        let answer = rig.scoring().simulate_evaluation(asked).await.unwrap().into_inner();
        results.push(answer.simulated.unwrap());
    }
    let grade = |place: usize| results[place].grade.as_ref().map_or("none", |grade| grade.grade.as_str());
    let public = match grade(0) {
        "A" => 1,
        "B" => 2,
        _ => 3,
    };
    let industry = match grade(1) {
        "A" | "none" => 1,
        "B" => 2,
        _ => 3,
    };
    let listed = results[0].findings.iter().any(|finding| finding.id == "serious-list");
    let tier = if listed { 4 } else { public.max(industry) };
    (tier, results[0].score.as_ref().map(|score| score.ten_thousandths))
}

fn ask(subject: Uscc, field: &str) -> v1::WhatIfRequest {
    v1::WhatIfRequest { enterprise: subject.to_string(), field: field.to_owned(), ..Default::default() }
}

async fn what_if(rig: &Rig, request: v1::WhatIfRequest) -> v1::WhatIfResponse {
    rig.supervision().what_if(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fewest_repairs_are_those_found_by_simulating_every_set() {
    let rig = mending().await;
    deliver(&rig, "delivered", &REGISTERS, TODAY).await;
    let mut ends = BTreeMap::<(v1::RepairSearch, usize), usize>::new();
    for seed in 0..32u32 {
        let subject = code(seed + 1);
        rig.submit(&format!("s{seed}"), records(subject, &mut Dice(seed.into()))).await.unwrap();
        let answer = what_if(&rig, ask(subject, "mend")).await;
        let repairs = repairs(&rig, subject).await;
        let (present, _) = tier_with(&rig, subject, Vec::new()).await;
        assert_eq!(answer.present.as_ref().unwrap().tier, present, "seed {seed}");
        // By size, then the lighter tier, the higher score, the earlier records.
        let mut best: Option<(usize, u32, std::cmp::Reverse<Option<i64>>, Vec<usize>)> = None;
        let (mut alone, mut all) = (BTreeMap::new(), present);
        for bits in 1u32..1 << repairs.len() {
            let set: Vec<usize> = (0..repairs.len()).filter(|i| bits >> i & 1 == 1).collect();
            let added = set.iter().map(|i| repairs[*i].1.clone()).collect();
            let (tier, score) = tier_with(&rig, subject, added).await;
            if let [one] = set[..] {
                alone.insert(repairs[one].0, (tier, score));
            }
            all = if set.len() == repairs.len() { tier } else { all };
            let found = (set.len(), tier, std::cmp::Reverse(score), set);
            if tier < present && best.as_ref().is_none_or(|best| found < *best) {
                best = Some(found);
            }
        }
        let fewest = answer.fewest.clone().unwrap();
        let end = match &best {
            _ if present == 1 => v1::RepairSearch::NothingLighter,
            Some(_) => v1::RepairSearch::Found,
            None => v1::RepairSearch::Impossible,
        };
        assert_eq!(fewest.search(), end, "seed {seed}: {answer:#?}");
        *ends.entry((end, fewest.fact_ids.len())).or_default() += 1;
        if end != v1::RepairSearch::NothingLighter {
            assert_eq!(fewest.if_all_repaired.as_ref().unwrap().tier, all, "seed {seed}");
        }
        if let (v1::RepairSearch::Found, Some((size, tier, score, set))) = (end, best) {
            let ids: Vec<u64> = set.iter().map(|i| repairs[*i].0).collect();
            assert_eq!(fewest.fact_ids, ids, "seed {seed}: {answer:#?}");
            let reached = fewest.reached.as_ref().unwrap();
            assert_eq!((reached.tier, fewest.tried_through), (tier, u32::try_from(size).unwrap()));
            assert_eq!(reached.public_score.as_ref().map(|score| score.ten_thousandths), score.0);
        }
        for record in &answer.records {
            assert_eq!(record.repairable, record.if_repaired.is_some());
            assert_eq!(record.repairable, record.code != "inspection", "{record:?}");
            if let Some(point) = &record.if_repaired {
                let score = point.public_score.as_ref().map(|score| score.ten_thousandths);
                assert_eq!((point.tier, score), alone[&record.fact_id], "seed {seed} {record:?}");
            }
        }
    }
    println!("{ends:?}");
    // Every way it can end was met, and sets of more than one.
    for end in [v1::RepairSearch::NothingLighter, v1::RepairSearch::Found, v1::RepairSearch::Impossible] {
        assert!(ends.keys().any(|(met, _)| *met == end), "{ends:?}");
    }
    assert!(ends.keys().any(|(_, repairs)| *repairs >= 3), "{ends:?}");
}

fn trace_of(subject: Uscc, field: &str, from: &str, to: &str) -> v1::TraceTierRequest {
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
fn days(from: &str, to: &str) -> impl Iterator<Item = Date> {
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
fn counted(evaluation: &v1::Evaluation) -> impl Iterator<Item = u64> {
    let lines = evaluation.explanation.iter().flat_map(|explanation| &explanation.lines);
    let evidence = lines.flat_map(|line| &line.evidence);
    let findings = evaluation.findings.iter().flat_map(|finding| &finding.evidence);
    evidence.chain(findings).filter(|evidence| evidence.counted).map(|evidence| evidence.fact_id)
}

/// Records of one enterprise that begin, leave their windows, are repaired, withdrawn from publicity and disputed.
async fn eventful(rig: &Rig) -> Uscc {
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
async fn a_record_counts_until_the_day_before_the_one_that_is_told() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let mut last = BTreeMap::<u64, Date>::new();
    let until = day(TODAY).months_elapsed_on(8);
    for on in days(TODAY, &until.to_string()) {
        let asked = v1::SimulateEvaluationRequest {
            enterprise: subject.to_string(),
            standard: "public-test".to_owned(),
            as_of: on.to_string(),
            view: v1::EvaluationView::Full.into(),
            ..Default::default()
        };
        let told = rig.scoring().simulate_evaluation(asked).await.unwrap().into_inner().simulated.unwrap();
        for fact in counted(&told) {
            last.insert(fact, on);
        }
    }
    let answer = what_if(&rig, v1::WhatIfRequest { months: 8, ..ask(subject, FIELD) }).await;
    let told: BTreeMap<u64, String> =
        answer.records.iter().map(|record| (record.fact_id, record.counts_until.clone())).collect();
    let expected = last.into_iter().map(|(fact, last)| {
        let next = last.plus_days(1);
        (fact, if next > until { String::new() } else { next.to_string() })
    });
    assert_eq!(told, expected.collect());
    // A window, publicity, a longer window, the end of a listing.
    let ends: BTreeSet<&str> = told.values().map(String::as_str).filter(|until| !until.is_empty()).collect();
    assert_eq!(ends, BTreeSet::from(["2026-08-31", "2026-07-13", "2026-07-19", "2026-08-15"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_told_with_every_place_where_it_counts() {
    let rig = mending().await;
    deliver(&rig, "delivered", &REGISTERS, TODAY).await;
    let subject = code(1);
    let own = subject.as_str();
    let judged = |number: &str, on: &str| {
        fact("judgment", &[("subject_code", own), ("document_number", number), ("judged_on", on)])
    };
    let listed = fact(
        "abnormal-operation",
        &[("subject_code", own), ("document_number", "异"), ("listed_on", "2026-03-01")],
    );
    let owing = [
        ("subject_code", own),
        ("document_number", "欠"),
        ("due_on", "2026-02-01"),
        ("amount", "9"),
        ("kind", "wages"),
    ];
    let taxed = [
        ("subject_code", own),
        ("document_number", "税"),
        ("occurred_on", "2026-05-01"),
        ("kind", "late-filing"),
    ];
    let facts = vec![
        registration(subject, "甲公司", "330106", "C1411"),
        judged("判1", "2025-01-01"),
        judged("判2", "2026-01-01"),
        judged("判3", "2026-01-02"),
        fact("arrears", &owing),
        listed,
        fact("tax-matter", &taxed),
    ];
    rig.submit("facts", facts).await.unwrap();
    let answer = what_if(&rig, ask(subject, "mend")).await;
    let told: Vec<(&str, Vec<(&str, &str, bool, bool)>)> = answer
        .records
        .iter()
        .map(|record| {
            let places =
                record.counts_in.iter().map(|p| (p.standard.as_str(), p.id.as_str(), p.finding, p.applies));
            (record.occurred_on.as_str(), places.collect())
        })
        .collect();
    let public = "standards/mend-public/editions/2026.1";
    let expected: Vec<(&str, Vec<(&str, &str, bool, bool)>)> = vec![
        // Passed over: the standard looks at the last two.
        ("2025-01-01", vec![]),
        ("2026-01-01", vec![(public, "judged", false, false)]),
        ("2026-01-02", vec![(public, "judged", false, false)]),
        // Only the base looks at it.
        ("2026-02-01", vec![]),
        ("2026-03-01", vec![(public, "lists", false, false), (public, "many", true, false)]),
        ("2026-05-01", vec![("standards/mend-tax/editions/2026.1", "matters", false, false)]),
    ];
    assert_eq!(told, expected);
    let effect = answer.records[4].counts_in[0].effect.as_ref().unwrap();
    assert_eq!(effect.decimal, "-7");
    assert!(answer.records.iter().all(|record| record.repairable));
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
async fn bad_questions_about_days_and_repairs_are_refused_with_what_is_wrong() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let traced =
        async |from: &str, to: &str| rig.supervision().trace_tier(trace_of(subject, FIELD, from, to)).await;
    let told = violation(traced("2026-06-02", "2026-06-01").await, "to");
    assert_eq!(told, "found `2026-06-01`, expected a day no earlier than `from`, 2026-06-02");
    let told = violation(traced("2020-02-29", "2030-03-02").await, "to");
    assert_eq!(told, "found `2030-03-02`, expected a day no later than 120 months after `from`, 2030-03-01");
    traced("2020-02-29", "2030-03-01").await.unwrap();
    violation(traced("", TODAY).await, "from");
    violation(traced(TODAY, "tomorrow").await, "to");
    let unknown = rig.supervision().trace_tier(trace_of(subject, "test-feild", TODAY, TODAY)).await;
    let (told, _) = refusal(unknown, Code::NotFound, "FIELD_NOT_FOUND");
    assert!(told.contains("did you mean `test-field`"), "{told}");
    let nobody = rig.supervision().trace_tier(trace_of(code(9), FIELD, TODAY, TODAY)).await;
    refusal(nobody, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    let asked = async |request| rig.supervision().what_if(request).await;
    let told = violation(asked(v1::WhatIfRequest { months: 121, ..ask(subject, FIELD) }).await, "months");
    assert_eq!(told, "found `121`, expected at most 120");
    let late = v1::WhatIfRequest { as_of: "2026-07-01".to_owned(), ..ask(subject, FIELD) };
    violation(asked(late).await, "as_of");
    refusal(asked(ask(subject, "test-feild")).await, Code::NotFound, "FIELD_NOT_FOUND");
    refusal(asked(ask(code(9), FIELD)).await, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    let early = v1::WhatIfRequest { as_of: "2025-12-31".to_owned(), ..ask(subject, FIELD) };
    refusal(asked(early).await, Code::FailedPrecondition, "STANDARD_NOT_YET_IN_FORCE");
    violation(asked(ask(subject, "")).await, "field");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_beside_the_edition_in_force() {
    let rig = Rig::new().await;
    let subject = eventful(&rig).await;
    let draft = include_str!("standards/public-2026.yaml").replace("points: -12.5", "points: -1");
    let simulate = |draft: &str| v1::SimulateEvaluationRequest {
        enterprise: subject.to_string(),
        draft: draft.to_owned(),
        ..Default::default()
    };
    let ask = async |request| rig.scoring().simulate_evaluation(request).await;
    let answer = ask(simulate(&draft)).await.unwrap().into_inner();
    let (simulated, actual) = (answer.simulated.unwrap(), answer.actual.unwrap());
    assert_eq!(actual.score, rig.evaluated(subject).await.score);
    assert_ne!(simulated.score, actual.score);
    assert_ne!(simulated.standard.unwrap().digest, actual.standard.unwrap().digest);
    // Of a standard that does not exist yet there is nothing to hold it against.
    let new = draft.replace("standard: public-test", "standard: brand-new");
    let answer = ask(simulate(&new)).await.unwrap().into_inner();
    assert_eq!((answer.simulated.unwrap().score, answer.actual), (simulated.score, None));
    // All faults at once.
    let faulty = draft
        .replace("floor: 0}}", "flor: 0}}")
        .replace("take: score", "")
        .replace("exactly: C", "exactly: Z");
    let (_, details) = refusal(ask(simulate(&faulty)).await, Code::InvalidArgument, "INVALID_REQUEST");
    let found = violations(&details);
    assert!(found.len() >= 3 && found.iter().all(|(field, _)| field == "draft"), "{found:#?}");
    assert!(
        found.iter().any(|(_, text)| text.starts_with("found `Z`, expected ") && text.contains("(line ")),
        "{found:#?}"
    );
    let beside = v1::SimulateEvaluationRequest {
        standard: "public-test".to_owned(),
        edition: "2026.1".to_owned(),
        ..simulate(&draft)
    };
    let (_, details) = refusal(ask(beside).await, Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<String> = violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["standard", "edition"]);
    violation(ask(simulate(include_str!("standards/policy-2026.yaml"))).await, "draft");
    violation(ask(simulate(&" ".repeat((1 << 20) + 1))).await, "draft");
    violation(ask(simulate("")).await, "standard");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_see_no_facts_is_told_of_tiers_and_numbers_only() {
    use crate::papers::{Papers, consent, granting, supply, supply_all};
    use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;

    let papers = Papers::new();
    let rules = std::fs::read_to_string(papers.rules().join("rules.cedar")).unwrap();
    let more = rules.replace(
        "Hengxin::Action::\"ScoringService.Evaluate\"\n",
        "Hengxin::Action::\"SupervisionService.WhatIf\", Hengxin::Action::\"SupervisionService.TraceTier\"\n",
    );
    assert_ne!(rules, more);
    papers.write("access/rules.cedar", &more);
    let rig = papers.serve().await;
    let subject = code(1);
    let mut facts =
        vec![registration(subject, "甲公司", "330106", "C1411"), consent(subject, "2026-01-01", "")];
    facts.extend((1..5).map(|n| penalty(subject, &format!("罚{n}号"), &format!("2026-0{n}-10"))));
    supply(&papers, &rig, "a", facts).await.unwrap();
    let registers =
        ["registration", "administrative-penalties", "abnormal-operation", "serious-dishonesty", "relations"];
    let delivered = registers.map(|register| v1::DeliveryInput {
        register: register.to_owned(),
        region: "100000".to_owned(),
        through: TODAY.to_owned(),
    });
    supply_all(&papers, &rig, "b", Vec::new(), delivered.to_vec()).await.unwrap();
    let mut bank = SupervisionServiceClient::new(papers.machine(&rig, "bank"));
    let masked = bank.what_if(granting(ask(subject, FIELD))).await.unwrap().into_inner();
    assert!(masked.masked && masked.records.is_empty());
    let fewest = masked.fewest.unwrap();
    assert_eq!((fewest.search(), fewest.fact_ids.as_slice()), (v1::RepairSearch::Found, &[0][..]));
    let traced =
        bank.trace_tier(granting(trace_of(subject, FIELD, "2026-01-01", TODAY))).await.unwrap().into_inner();
    let begun: Vec<&v1::FactChange> = traced.points.iter().flat_map(|point| &point.begun).collect();
    assert_eq!(begun, vec![&v1::FactChange::default(); 4]);
}
