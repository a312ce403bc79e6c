//! Small cases of disagreements that the random comparison found. The expected values are worked out by hand from
//! `docs/standard-format.md`; the reference and the kernel are both held to them.

use std::collections::BTreeMap;

use hengxin_tests::differential::Evaluator;
use hengxin_tests::kernel::Kernel;
use hengxin_tests::random::standard::Standards;
use hengxin_tests::random::{Scenario, Subject, vocabulary};
use hengxin_tests::reference::{RefDelivery, RefDossier, RefFact, RefFile, date, parse};

const HEAD: &str = r#"
standard: main
edition: "1"
title: "found"
authority: "found"
legal_basis: [{document: "none", title: "none"}]
status: sample
effective: {from: 2000-01-01}
subjects: [enterprise]
cycle: {every: change}
scale: {base: 0, min: 0, max: 2000, decimals: 4, rounding: half-up}
grades: {scheme: x, source: {project: "x"}, bands: [{grade: A, title: "A", from: 1000}, {grade: B, title: "B", to: 1000}]}
"#;

/// One penalty and one court default, both `serious`, at these places of different lists of values.
fn subject() -> Subject {
    let fact = |id, code: &str| RefFact {
        id,
        code: code.to_owned(),
        occurred_on: date("2025-01-01"),
        ends_on: None,
        number: None,
        reference: None,
        attributes: BTreeMap::from([("severity".to_owned(), vec!["serious".to_owned()])]),
        repaired_on: None,
        publicity_until: None,
        objections: Vec::new(),
    };
    let delivery = |register: &str| RefDelivery {
        register: register.to_owned(),
        region: "100000".to_owned(),
        through: date("2025-12-31"),
    };
    let file = RefFile {
        uscc: "91110101MA00000U27".to_owned(),
        facts: vec![fact(1, "penalty"), fact(2, "court-default")],
        registrations: Vec::new(),
        deliveries: ["business", "penalties", "court", "contracts"].map(delivery).to_vec(),
    };
    Subject { as_of: date("2025-06-30"), dossier: RefDossier { file, related: Vec::new() } }
}

fn indicator(id: &str, reading: &str, rule: &str, more: &str) -> String {
    format!(
        "{{id: {id}, title: \"x\", source: {{project: \"x\"}}, reading: {reading}, rule: {rule}, unknown: exclude, \
         monotone: {{waived: \"x\"}}{more}}}"
    )
}

#[track_caller]
fn check_score(dimensions: &[String], expected: &str) {
    let dimensions = dimensions.join("\n  - ");
    let standards =
        Standards { main: format!("{HEAD}dimensions:\n  - {dimensions}\n"), ..Standards::default() };
    let scenario = Scenario::of(0, &vocabulary(), standards);
    let subject = subject();
    let standard = Kernel.prepare(&scenario).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(scenario.reference(&subject).score(), Some(&parse(expected)), "the reference");
    assert_eq!(Kernel.evaluate(&standard, &subject).outcome.score(), Some(&parse(expected)), "the kernel");
}

/// A score that is a reading's value.
#[track_caller]
fn check_reading(reading: &str, expected: &str) {
    let identity = "{linear: [{at: 0, points: 0}, {at: 100, points: 100}]}";
    check_score(
        &[format!("{{id: d, title: \"x\", indicators: [{}]}}", indicator("i", reading, identity, ""))],
        expected,
    );
}

#[test]
fn distinct_values_of_two_codes_are_told_apart_by_name() {
    check_reading("{distinct: [penalty, court-default], of: severity}", "1");
}

#[test]
fn facts_of_two_codes_are_grouped_by_the_name_of_their_value() {
    let reading = "{count: [penalty, court-default]}";
    check_reading(&format!("{{grouped: {{by: severity, reading: {reading}, combine: max}}}}"), "2");
}

#[test]
fn the_computed_maximum_of_a_weighted_dimension_is_cut_to_a_ten_thousandth() {
    let full = |points: &str| format!("{{all_or_nothing: {{at_least: 1, points: {points}}}}}");
    let penalties = "{count: penalty}";
    let a = indicator("a", penalties, &full("1"), ", weight: 33.33%");
    let b = indicator("b", penalties, &full("1.0001"), ", weight: 66.67%, max: 1.0001");
    let c = indicator("c", "{latest: rating}", &full("1000"), "");
    // The first dimension's children earn 0.3333 + 0.66676667, rounded 1.0001; its maximum is the same sum, cut to 1.
    // With the second excluded the score is 1.0001 × 1001 ÷ 1.
    let dimensions = [
        format!("{{id: d, title: \"x\", indicators: [{a}, {b}]}}"),
        format!("{{id: e, title: \"x\", indicators: [{c}]}}"),
    ];
    check_score(&dimensions, "1001.1001");
}

#[test]
fn a_dimension_of_deductions_alone_is_no_measure_for_excluded_ones() {
    let deduction = indicator("a", "{count: penalty}", "{per_event: {full: 0, each: -3, floor: -50}}", "");
    let deduction = deduction.replace("unknown: exclude", "unknown: {points: 0}");
    let out = indicator("b", "{latest: rating}", "{all_or_nothing: {at_least: 1, points: 10}}", "");
    let award = "{all_or_nothing: {at_most: 0, points: 5}}";
    let merit = indicator("c", "{count: award}", award, "");
    let dimension =
        |id: &str, indicator: &str| format!("{{id: {id}, title: \"x\", indicators: [{indicator}]}}");
    // −3 + 5 of at most 0 + 5, when 10 more are out of reach: 2 × 15 ÷ 5.
    let all = [dimension("d", &deduction), dimension("e", &out), dimension("f", &merit)];
    check_score(&all, "6");
}

#[test]
fn a_group_left_without_a_positive_maximum_is_excluded_and_explained_so() {
    let deduction = indicator("a", "{count: penalty}", "{per_event: {full: 0, each: -3, floor: -50}}", "");
    let deduction = deduction.replace("unknown: exclude", "unknown: {points: 0}");
    let out = indicator("b", "{latest: rating}", "{all_or_nothing: {at_least: 1, points: 10}}", "");
    let merit = indicator("c", "{count: award}", "{all_or_nothing: {at_most: 0, points: 5}}", "");
    let dimension =
        |id: &str, indicator: &str| format!("{{id: {id}, title: \"x\", indicators: [{indicator}]}}");
    let inner = format!("{}, {}", dimension("d", &deduction), dimension("e", &out));
    // `g` keeps only d, of at most 0, so it is out with its −3: 5 × (10 + 5) ÷ 5. The explanation must add up to that.
    let all = [format!("{{id: g, title: \"x\", dimensions: [{inner}]}}"), dimension("f", &merit)];
    check_score(&all, "15");
}
