//! What would change a tier, held against trying everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_service::{Access, Config};
use hengxin_standard::Catalogue;
use tonic::Code;

use crate::rig::{FIELD, NOON, Rig, TODAY, TestClock, code, fact, penalty, refusal, registration, violation};
use crate::traces::{counted, days, eventful, trace_of};

/// Numbers that follow from the seed alone.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Standards in which a repair can do anything.
pub(crate) async fn mending() -> Rig {
    over(mend_files()).await
}

fn mend_files() -> Vec<(String, String)> {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    vec![
        file("mend-public/2026.1.yaml", include_str!("standards/mend-public.yaml")),
        file("mend-tax/2026.1.yaml", include_str!("standards/mend-tax.yaml")),
        file("mend-industry/2026.1.yaml", include_str!("standards/mend-industry.yaml")),
        file("policies/mend/2026.1.yaml", include_str!("standards/mend-policy.yaml")),
    ]
}

pub(crate) async fn over(files: Vec<(String, String)>) -> Rig {
    let vocabulary = include_str!("../../../../standards/vocabulary.yaml");
    over_with(files, vocabulary, |_| {}).await
}

/// With another vocabulary, and a service that a test changes.
async fn over_with(
    mut files: Vec<(String, String)>,
    vocabulary: &str,
    change: impl FnOnce(&mut Config),
) -> Rig {
    files.push(("vocabulary.yaml".to_owned(), vocabulary.to_owned()));
    let catalogue = Catalogue::from_files(files).unwrap_or_else(|problem| panic!("{problem}"));
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Rig::over(Arc::new(catalogue), folder, TestClock::at(NOON), |_, config| change(config)).await
}

/// Registers delivered for the whole country.
pub(crate) async fn deliver(rig: &Rig, id: &str, registers: &[&str], through: &str) {
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

pub(crate) const REGISTERS: [&str; 8] = [
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
pub(crate) fn records(subject: Uscc, dice: &mut Dice) -> Vec<v1::FactInput> {
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

/// The numbers of documents, by fact.
async fn numbers(rig: &Rig, subject: Uscc) -> BTreeMap<u64, String> {
    let listed = v1::ListFactsRequest { parent: subject.to_string(), page_size: 1000, ..Default::default() };
    let facts = rig.ledger().list_facts(listed).await.unwrap().into_inner().facts;
    let number =
        |fact: &v1::Fact| fact.fields.iter().find(|f| f.id == "document_number").map(|f| f.value.clone());
    facts.iter().filter_map(|fact| Some((fact.fact_id, number(fact)?))).collect()
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

pub(crate) fn ask(subject: Uscc, field: &str) -> v1::WhatIfRequest {
    v1::WhatIfRequest { enterprise: subject.to_string(), field: field.to_owned(), ..Default::default() }
}

pub(crate) async fn what_if(rig: &Rig, request: v1::WhatIfRequest) -> v1::WhatIfResponse {
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
        let numbers = numbers(&rig, subject).await;
        for record in &answer.records {
            // A person is told which decision is meant.
            assert_eq!(Some(&record.document_number), numbers.get(&record.fact_id));
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

/// A policy by one standard alone.
pub(crate) fn policy_of(standard: &str) -> String {
    let policy = include_str!("standards/mend-policy.yaml")
        .replace("public: mend-public\nindustry: mend-industry\n", &format!("public: {standard}\n"))
        .replace("    industry: {A: 1, B: 2, C: 3, none: 1}\n", "");
    let overrides = policy.find("overrides:").unwrap()..policy.find("tiers:").unwrap();
    [&policy[..overrides.start], &policy[overrides.end..]].concat()
}

/// A standard in which every penalty costs twelve points and every repair five.
pub(crate) const COSTLY: &str = r#"
standard: costly
edition: "2026.1"
title: 修复也计分
authority: 测试
legal_basis: [{document: 测试, title: 测试}]
status: sample
effective: {from: 2025-01-01}
subjects: [enterprise]
cycle: {every: change}
scale: {base: 0, min: 0, max: 100, decimals: 0, rounding: half-up}
dimensions:
  - id: conduct
    title: 守法
    indicators:
      - id: penalties
        title: 行政处罚
        source: {project: "test"}
        reading: {count: administrative-penalty}
        rule: {per_event: {full: 100, each: -12, floor: 0}}
        unknown: {points: 0}
      - id: repairs
        title: 修复
        source: {project: "test"}
        reading: {count: credit-repair}
        rule: {per_event: {full: 0, each: -5, floor: -50}}
        unknown: {points: 0}
grades:
  scheme: costly
  source: {project: "test"}
  bands: [{grade: A, from: 75}, {grade: B, from: 60, to: 75}, {grade: C, to: 60}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn where_a_standard_looks_at_repairs_themselves_they_are_tried_as_records() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let rig = over(vec![
        file("costly/2026.1.yaml", COSTLY),
        file("policies/mend/2026.1.yaml", &policy_of("costly")),
    ])
    .await;
    deliver(&rig, "delivered", &["administrative-penalties", "marks"], TODAY).await;
    let mut facts = vec![registration(code(1), "甲公司", "330106", "C1411")];
    facts.extend((1..5).map(|n| penalty(code(1), &format!("罚{n}号"), &format!("2026-0{n}-10"))));
    rig.submit("facts", facts).await.unwrap();
    let answer = what_if(&rig, ask(code(1), "mend")).await;
    // One repair leaves 100 - 36 - 5 points, which the day of repair alone would make 64; two leave 100 - 24 - 10.
    let alone = answer.records[0].if_repaired.as_ref().unwrap();
    assert_eq!((alone.tier, alone.public_score.as_ref().unwrap().decimal.as_str()), (3, "59"));
    let fewest = answer.fewest.unwrap();
    let reached = fewest.reached.unwrap();
    assert_eq!((reached.tier, reached.public_score.unwrap().decimal.as_str()), (2, "66"));
    let ids: Vec<u64> = answer.records.iter().map(|record| record.fact_id).collect();
    assert_eq!(fewest.fact_ids, ids[..2]);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_document_number_is_told_to_whom_its_own_level_is_shown() {
    use crate::papers::{Papers, supervising, supply};
    use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;

    let papers = Papers::new();
    let callers = std::fs::read_to_string(papers.rules().join("callers.json")).unwrap();
    papers.write("access/callers.json", &callers.replace("environment", "mend"));
    let number = "{id: document_number, title: 行政处罚决定书文号, type: text";
    let vocabulary = include_str!("../../../../standards/vocabulary.yaml");
    let stricter = vocabulary.replace(number, &format!("{number}, disclosure: not-public"));
    assert_ne!(vocabulary, stricter);
    let rig = over_with(mend_files(), &stricter, |config| {
        config.tls = Some(papers.tls());
        config.access = Arc::new(Access::ruled(&papers.rules()).unwrap());
    })
    .await;
    let subject = code(1);
    let own = subject.as_str();
    let listed = fact(
        "abnormal-operation",
        &[("subject_code", own), ("document_number", "异1号"), ("listed_on", "2026-03-01")],
    );
    let facts = vec![
        registration(subject, "甲公司", "330106", "C1411"),
        penalty(subject, "罚1号", "2026-01-10"),
        listed,
    ];
    supply(&papers, &rig, "a", facts).await.unwrap();
    for (caller, expected) in [("narrow", ["", "异1号"]), ("regulator", ["罚1号", "异1号"])] {
        let mut client = SupervisionServiceClient::new(papers.machine(&rig, caller));
        let answer = client.what_if(supervising(ask(subject, "mend"))).await.unwrap().into_inner();
        // The records themselves are shown to either.
        assert!(!answer.masked, "{caller}");
        let told: Vec<&str> = answer.records.iter().map(|record| record.document_number.as_str()).collect();
        assert_eq!(told, expected, "{caller}");
    }
}
