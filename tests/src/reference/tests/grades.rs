//! §1, §10 and §12: eligibility, grades, findings and tiers.

use super::*;

/// The outcome of a standard with grades A to D, whose findings apply when there is a penalty.
fn grade(start: &str, effects: &[&str]) -> (Option<String>, Vec<String>) {
    let findings: Vec<String> = effects
        .iter()
        .map(|effect| {
            format!(
                "{{id: \"{}\", when: {{exists: penalty}}, effect: {effect}}}",
                effect.replace(['{', '}'], "")
            )
        })
        .collect();
    let order = "order: [{grade: A}, {grade: B}, {grade: C}, {grade: D}]";
    let findings = findings.join(", ");
    let standard = standard(&format!("grades: {{{order}, start: {start}}}, findings: [{findings}]"));
    let penalty = fact(1, "penalty", "2024-01-01", &[]);
    let d = RefDossier { file: file(vec![penalty]), related: Vec::new() };
    let world = World { vocabulary: vocabulary(), standards: Vec::new() };
    match evaluate(&world, &standard, &d, date("2024-06-30")) {
        RefOutcome::Graded { grade, decided, .. } => (grade, decided),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_grade(start: &str, effects: &[&str], expected: &str, decided: &[&str]) {
    let (found, deciders) = grade(start, effects);
    assert_eq!(found.as_deref().unwrap_or("none"), expected, "{start} {effects:?}");
    assert_eq!(deciders, decided, "{start} {effects:?}");
}

#[test]
fn the_worst_candidate_is_the_grade() {
    check_grade("B", &["note"], "B", &[]);
    check_grade("B", &["{exactly: D}", "{at_most: C}"], "D", &["exactly: D"]);
    check_grade("B", &["{exactly: A}"], "A", &["exactly: A"]);
    check_grade("B", &["{exactly: A}", "{exactly: C}"], "C", &["exactly: C"]);
    check_grade("B", &["{exactly: A}", "{at_most: B}"], "B", &[]);
    check_grade("A", &["{at_most: B}", "{downgrade: 1}"], "B", &["at_most: B", "downgrade: 1"]);
    check_grade("B", &["{at_most: A}"], "B", &[]);
    check_grade("C", &["{downgrade: 2}"], "D", &["downgrade: 2"]);
}

#[test]
fn a_floor_lifts_the_band_but_no_veto() {
    check_grade("D", &["{at_least: B}"], "B", &["at_least: B"]);
    check_grade("D", &["{at_least: B}", "{downgrade: 1}"], "C", &["downgrade: 1"]);
    check_grade("C", &["{at_least: A}", "{exactly: D}"], "D", &["exactly: D"]);
    check_grade("A", &["{at_least: C}"], "A", &[]);
}

#[test]
fn no_grade_is_better_than_every_grade() {
    check_grade("none", &["note"], "none", &[]);
    check_grade("none", &["{downgrade: 1}"], "A", &["downgrade: 1"]);
    check_grade("none", &["{downgrade: 3}"], "C", &["downgrade: 3"]);
    check_grade("none", &["{at_most: B}"], "B", &["at_most: B"]);
    check_grade("none", &["{at_least: D}"], "none", &[]);
}

#[test]
fn a_subject_that_cannot_be_scored_keeps_its_worst_veto_only() {
    let text = "scale: {base: 0, min: 0, max: 100, decimals: 0, rounding: down}, dimensions: [{id: d, indicators: \
                [{id: i, reading: {latest: rating}, rule: {bands: [{points: 1}]}, unknown: cannot_score}]}], \
                grades: {bands: [{grade: A, from: 60}, {grade: B, from: 20, to: 60}, {grade: C, to: 20}]}, findings: \
                [{id: x, when: {exists: penalty}, effect: {exactly: B}}, \
                {id: y, when: {exists: penalty}, effect: {at_most: C}}, \
                {id: z, when: {exists: court-default}, effect: note}]";
    let d = RefDossier {
        file: without(file(vec![fact(1, "penalty", "2024-01-01", &[])]), "court"),
        related: Vec::new(),
    };
    let world = World { vocabulary: vocabulary(), standards: Vec::new() };
    let RefOutcome::CannotScore { grade, findings, undetermined, .. } =
        evaluate(&world, &standard(text), &d, date("2024-06-30"))
    else {
        panic!("it cannot be scored")
    };
    assert_eq!(grade.as_deref(), Some("B"));
    assert_eq!(findings, ["x", "y"]);
    assert_eq!(undetermined, ["z"]);
}

#[test]
fn the_first_true_eligibility_rule_excludes_and_unknown_ones_are_reported() {
    let rules = "eligibility: [{id: u, exclude_when: {exists: court-default}}, {id: t, exclude_when: {exists: penalty}}]";
    let standard = standard(&format!("{rules}, grades: {{order: [{{grade: A}}], start: none}}"));
    let world = World { vocabulary: vocabulary(), standards: Vec::new() };
    let run = |facts| {
        let d = RefDossier { file: without(file(facts), "court"), related: Vec::new() };
        evaluate(&world, &standard, &d, date("2024-06-30"))
    };
    let penalty = fact(1, "penalty", "2024-01-01", &[]);
    assert_eq!(run(vec![penalty]), RefOutcome::NotEligible { rule: Some("t".to_owned()) });
    let RefOutcome::Graded { undetermined_rules, grade, .. } = run(Vec::new()) else {
        panic!("it is graded")
    };
    assert_eq!((undetermined_rules, grade), (vec!["u".to_owned()], None));
    let mut organ = file(Vec::new());
    organ.uscc = crate::random::file::subjects().pop().expect("a social organisation");
    let d = RefDossier { file: organ, related: Vec::new() };
    assert_eq!(evaluate(&world, &standard, &d, date("2024-06-30")), RefOutcome::NotEligible { rule: None });
}

fn result(score: &str, grade: &str, findings: &[&str]) -> RefOutcome {
    RefOutcome::Graded {
        score: (score != "none").then(|| parse(score)),
        band: None,
        grade: (grade != "none").then(|| grade.to_owned()),
        findings: findings.iter().map(|f| (*f).to_owned()).collect(),
        decided: Vec::new(),
        undetermined: Vec::new(),
        undetermined_rules: Vec::new(),
        indicators: Vec::new(),
    }
}

#[track_caller]
fn check_tier(policy: &str, public: Option<RefOutcome>, industry: Option<RefOutcome>, expected: Option<i64>) {
    let found = classify(&yaml(&format!("{{{policy}}}")), public.as_ref(), industry.as_ref());
    assert_eq!(found.tier, expected, "{policy}");
}

#[test]
fn every_method_gives_its_tier() {
    let matrix = "method: {matrix: {A: {A: 1, none: 2}, none: {A: 3, none: 4}}}";
    check_tier(matrix, Some(result("1", "A", &[])), None, Some(2));
    check_tier(matrix, Some(RefOutcome::NotEligible { rule: None }), Some(result("1", "A", &[])), Some(3));
    let worst = "method: {worst_of: {public: {A: 1, none: 2}, industry: {A: 3, none: 1}}}";
    check_tier(worst, Some(result("1", "A", &[])), Some(result("1", "A", &[])), Some(3));
    check_tier(worst, None, None, Some(2));
    let count = "method: {count: {public: [C, D], industry: [D], rows: [{to: 1, tier: 1}, {from: 1, to: 2, tier: 2}, {from: 2, tier: 4}]}}";
    check_tier(count, Some(result("1", "C", &[])), Some(result("1", "C", &[])), Some(2));
    check_tier(count, Some(result("1", "C", &[])), Some(result("1", "D", &[])), Some(4));
    check_tier(count, None, None, Some(1));
    let bands = "bands: [{to: 50, tier: 2}, {from: 50, tier: 1}]";
    let weighted = format!(
        "method: {{weighted: {{public: 50%, industry: 50%, {bands}, public_missing: 20, rounding: half-up}}}}"
    );
    check_tier(&weighted, Some(result("20.0001", "A", &[])), Some(result("79.9998", "A", &[])), Some(1));
    check_tier(&weighted, None, Some(result("79.9999", "A", &[])), Some(1));
    check_tier(&weighted, None, Some(result("79.9998", "A", &[])), Some(2));
    check_tier(&weighted, Some(result("20", "A", &[])), None, None);
}

#[test]
fn overrides_raise_and_only_an_unraised_tier_is_lowered() {
    let policy = "method: {worst_of: {public: {A: 2, none: 2}, industry: {none: 1}}}, overrides: [\
                  {id: up, when: {finding: f, of: public}, tier: 4}, {id: same, when: {finding: g, of: public}, tier: 2}, \
                  {id: down, when: {finding: h, of: public}, at_most: 1}]";
    check_tier(policy, Some(result("1", "A", &["f"])), None, Some(4));
    check_tier(policy, Some(result("1", "A", &["h"])), None, Some(1));
    check_tier(policy, Some(result("1", "A", &["f", "h"])), None, Some(4));
    check_tier(policy, Some(result("1", "A", &["g", "h"])), None, Some(2));
    let found = classify(&yaml(&format!("{{{policy}}}")), Some(&result("1", "A", &["h", "f"])), None);
    assert_eq!(found.overrides, ["up", "down"]);
}
