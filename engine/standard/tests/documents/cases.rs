//! The runner of cases: what is not met is said, and what is written wrongly is a fault, never a silent success.

use hengxin_standard::{Catalogue, cases, parse_document};

use crate::common::VOCABULARY;

const GOOD: &str = include_str!("../bad/good.yaml");

fn catalogue() -> Catalogue {
    let reader = GOOD
        .replace("standard: example", "standard: reader")
        .replace("{count: penalty, window: {years: 2}}", "{result: {standard: example, take: score}}")
        .replace(
            "{per_event: {full: 100, each: -20, floor: 0}}",
            "{linear: [{at: 0, points: 0}, {at: 100, points: 100}]}",
        );
    let files = [("vocabulary.yaml", VOCABULARY), ("example/1.yaml", GOOD), ("reader/1.yaml", &reader)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec();
    Catalogue::from_files(files).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Runs one case, written without its name and why; every failure or fault as a line.
fn run(standard: &str, case: &str) -> Vec<String> {
    let catalogue = catalogue();
    let edition = catalogue.pinned(standard, "1").expect("there");
    let text = format!(
        "standard: {standard}\nedition: \"1\"\ncases:\n  - name: 示例\n    why: {{document: 示例}}\n{case}"
    );
    match parse_document(&text).and_then(|node| cases::run(&node, edition, &catalogue)) {
        Ok(results) => results.into_iter().flat_map(|r| r.failures).collect(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

const TWO: &str = "    as_of: 2026-06-01\n    facts:\n      - {code: penalty, on: 2026-01-01}\n      - {code: penalty, on: 2024-06-02, repaired_on: 2026-06-02}\n      - {code: penalty, on: 2024-06-01}\n";

#[test]
fn a_case_that_holds_says_nothing() {
    let expect =
        "    expect: {outcome: graded, score: 60, grade: A, findings: [], indicators: {penalties: 60}}\n";
    assert_eq!(run("example", &format!("{TWO}{expect}")), Vec::<String>::new());
}

#[test]
fn every_expectation_that_is_not_met_is_said_at_once() {
    let expect = "    expect: {outcome: cannot-score, score: 61.5, grade: B, findings: [listed], indicators: {penalties: 80}}\n";
    assert_eq!(
        run("example", &format!("{TWO}{expect}")),
        [
            "outcome: expected cannot-score, found graded",
            "score: expected 61.5, found 60",
            "grade: expected B, found A",
            "findings: expected listed, found ",
            "indicator `penalties`: expected 80, found 60",
        ]
    );
}

#[test]
fn an_undelivered_register_is_unknown_and_not_zero() {
    let case =
        "    as_of: 2026-06-01\n    delivered: [business]\n    expect: {score: 50, undetermined: [listed]}\n";
    assert_eq!(run("example", case), Vec::<String>::new());
}

#[test]
fn a_stated_result_stands_in_for_the_other_standard() {
    let case = |results: &str, score: &str| {
        format!("    as_of: 2026-06-01\n    results: {results}\n    expect: {{score: {score}}}\n")
    };
    assert_eq!(run("reader", &case("{example: {score: 81.5, grade: A}}", "81.5")), Vec::<String>::new());
    assert_eq!(run("reader", &case("{example: {grade: none}}", "50")), Vec::<String>::new());
}

#[test]
fn a_case_that_would_prove_nothing_is_a_fault() {
    for (case, expected) in [
        ("    as_of: 2026-06-01\n    expect: {}\n", "missing-key: found"),
        (
            "    as_of: 2026-06-01\n    results: {exampel: {score: 1}}\n    expect: {score: 50}\n",
            "unknown-name: found `exampel`",
        ),
        ("    as_of: 2026-06-01\n    expect: {scores: 50}\n", "unknown-key: found `scores`"),
        ("    as_of: 2026-06-01\n    expect: {outcome: passed}\n", "unknown-name: found `passed`"),
        ("    as_of: 2026-06-01\n    expect: {findings: [lisetd]}\n", "unknown-name: found `lisetd`"),
        ("    as_of: 2025-12-31\n    expect: {score: 50}\n", "out-of-range: found `2025-12-31`"),
        (
            "    as_of: 2026-06-01\n    facts: [{code: penalty, on: 2026-01-01, attributes: {severity: grave}}]\n    expect: {score: 50}\n",
            "unknown-name: found `grave`",
        ),
    ] {
        let found = run("reader", case);
        assert!(found.iter().any(|f| f.starts_with(expected)), "{case}: {found:?}");
    }
}
