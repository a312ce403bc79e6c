//! §7 to §9: rules, groups and the score.

use super::*;
use crate::reference::rule::points;

/// Points of a rule for a quantity.
#[track_caller]
fn rule(rule: &str, quantity: &str, expected: &str) {
    let d = RefDossier { file: file(Vec::new()), related: Vec::new() };
    let found = with_scene(&standard("grades: none"), &d, "2024-02-01", |scene| {
        points(scene, &yaml(rule), &RefValue::Quantity(parse(quantity)))
    });
    assert_eq!(found, parse(expected), "{rule} for {quantity}");
}

#[test]
fn rows_are_half_open() {
    let bands = "{bands: [{to: 2, points: 10}, {from: 2, to: 5, points: -1.5}, {from: 5, points: 0}]}";
    rule(bands, "1.9999", "10");
    rule(bands, "2", "-1.5");
    rule(bands, "5", "0");
}

#[test]
fn events_deduct_down_to_the_floor_and_add_up_to_the_cap() {
    rule("{per_event: {full: 120, each: -30, floor: 40}}", "2", "60");
    rule("{per_event: {full: 120, each: -30, floor: 40}}", "3", "40");
    rule("{per_event: {full: 0, each: 2.5, cap: 6}}", "2", "5");
    rule("{per_event: {full: 0, each: 2.5, cap: 6}}", "3", "6");
}

#[test]
fn lines_join_anchors_and_are_rounded_away_from_zero_on_a_tie() {
    let line = "{linear: [{at: 1, points: -1}, {at: 4, points: 0}, {at: 5, points: 100}]}";
    rule(line, "0", "-1");
    rule(line, "2", "-0.6667");
    rule(line, "4.5", "50");
    rule(line, "9", "100");
    rule("{linear: [{at: 0, points: -0.0001}, {at: 2, points: 0}]}", "1", "-0.0001");
}

#[test]
fn the_best_and_the_worst_of_several_rules() {
    let rules =
        "[{all_or_nothing: {at_least: 1, points: 5, otherwise: 1}}, {all_or_nothing: {above: 1, points: 9}}]";
    rule(&format!("{{best_of: {rules}}}"), "1", "5");
    rule(&format!("{{worst_of: {rules}}}"), "1", "0");
    rule(&format!("{{best_of: {rules}}}"), "2", "9");
}

/// Points of an event table for some penalties, on 2024-06-30.
#[track_caller]
fn table(table: &str, facts: Vec<RefFact>, expected: &str) {
    let d = RefDossier { file: file(facts), related: Vec::new() };
    let found = with_scene(&standard("grades: none"), &d, "2024-06-30", |scene| {
        let events = read(scene, &yaml("{events: penalty}"), None).expect("delivered");
        points(scene, &yaml(&format!("{{event_table: {table}}}")), &events)
    });
    assert_eq!(found, parse(expected), "{table}");
}

#[test]
fn later_events_weigh_more_in_fact_order_and_old_ones_less() {
    let facts = || {
        vec![
            fact(3, "penalty", "2024-05-01", &["severity=serious"]),
            fact(2, "penalty", "2023-06-30", &["severity=minor"]),
            fact(1, "penalty", "2024-05-01", &["severity=minor"]),
        ]
    };
    let each = "{by: severity, points: {minor: -2, general: -5, serious: -10}}";
    table(&format!("{{full: 100, each: {each}, floor: 0}}"), facts(), "86");
    // In order: 2023-06-30 minor ×1, 2024-05-01 minor (id 1) ×2, serious (id 3) ×2.
    table(&format!("{{full: 100, each: {each}, repeats: [100%, 200%], floor: 0}}"), facts(), "74");
    // 12 months before 2024-06-30 is 2023-06-30, which is no longer within 12 months.
    let decay = "decay: [{months: 12, share: 100%}, {months: 24, share: 50%}]";
    table(&format!("{{full: 100, each: {each}, {decay}, floor: 0}}"), facts(), "87");
    table(&format!("{{full: 100, each: {each}, floor: 90}}"), facts(), "90");
}

#[test]
fn a_set_earns_its_greatest_magnitude_and_an_absent_value_otherwise() {
    let each = "{by: kinds, points: {fine: -3, warning: -1, suspension: -7}, otherwise: -2}";
    let facts = vec![
        fact(1, "penalty", "2024-01-01", &["kinds=warning+fine"]),
        fact(2, "penalty", "2024-01-01", &[]),
    ];
    table(&format!("{{full: 0, each: {each}, floor: -50}}"), facts, "-5");
    let each = "{by: amount, bands: [{to: 100, points: -1}, {from: 100, points: -4}], otherwise: -9}";
    let facts = vec![
        fact(1, "penalty", "2024-01-01", &["number=99.99"]),
        fact(2, "penalty", "2024-01-01", &["number=100"]),
        fact(3, "penalty", "2024-01-01", &[]),
    ];
    table(&format!("{{full: 0, each: {each}, floor: -50}}"), facts, "-14");
}

/// An indicator that earns `p` of at most `max`, or is unknown when `p` is `?`.
fn indicator(id: &str, p: &str, max: &str, more: &str) -> String {
    // No rating exists, so the latest one is unknown; awards are none, so their count is a known zero.
    let reading = if p == "?" { "{latest: rating}" } else { "{count: award}" };
    let p = if p == "?" { max } else { p };
    let rule = format!("{{bands: [{{points: {p}}}]}}");
    let unknown = if more.contains("unknown") { "" } else { ", unknown: exclude" };
    format!("{{id: {id}, reading: {reading}, rule: {rule}, max: {max}{unknown}{more}}}")
}

#[track_caller]
fn score(scale: &str, dimensions: &str, more: &str, expected: &str) {
    let grades = "grades: {bands: [{grade: A}, {grade: B, from: 0}, {grade: C, to: 0}]}";
    let standard = standard(&format!("{scale}, dimensions: [{dimensions}], {grades}{more}"));
    let d = RefDossier { file: file(Vec::new()), related: Vec::new() };
    let world = World { vocabulary: vocabulary(), standards: Vec::new() };
    let found = match evaluate(&world, &standard, &d, date("2024-06-30")) {
        RefOutcome::Graded { score, .. } => score.expect("a scale").to_string(),
        RefOutcome::CannotScore { .. } => "cannot".to_owned(),
        RefOutcome::NotEligible { .. } => "not eligible".to_owned(),
    };
    let expected = parse_or_word(expected);
    assert_eq!(found, expected, "{scale} {dimensions}");
}

fn parse_or_word(expected: &str) -> String {
    if expected == "cannot" { expected.to_owned() } else { parse(expected).to_string() }
}

const SCALE: &str = "scale: {base: 0, min: -1000, max: 1000, decimals: 4, rounding: half-up}";

#[test]
fn excluded_children_pass_their_share_on_to_the_others() {
    let group =
        |children: &[String], more: &str| format!("{{id: d{more}, indicators: [{}]}}", children.join(", "));
    let all = [indicator("a", "10", "20", ""), indicator("b", "5", "30", "")];
    score(SCALE, &group(&all, ""), "", "15");
    // 10 × (20 + 30 + 40) ÷ (20 + 30 + 40 − 30 − 40)
    let some = [indicator("a", "10", "20", ""), indicator("b", "?", "30", ""), indicator("c", "?", "40", "")];
    score(SCALE, &group(&some, ""), "", "45");
    // (10 + 1) × 60 ÷ 30 = 22
    let some = [indicator("a", "10", "20", ""), indicator("b", "?", "30", ""), indicator("c", "1", "10", "")];
    score(SCALE, &group(&some, ""), "", "22");
    score(SCALE, &group(&some, ", max: 21"), "", "21");
    // Weighted: 10 × 30 % + 5 × 70 %; with b out, 10 × 30 % ÷ 30 %.
    let all = [indicator("a", "10", "20", ", weight: 30%"), indicator("b", "5", "30", ", weight: 70%")];
    score(SCALE, &group(&all, ""), "", "6.5");
    let some = [indicator("a", "10", "20", ", weight: 30%"), indicator("b", "?", "30", ", weight: 70%")];
    score(SCALE, &group(&some, ""), "", "10");
    // A dimension all of whose children are out is out itself: 15 × (50 + 30) ÷ 50.
    let none = group(&[indicator("c", "?", "30", "")], "").replace("id: d,", "id: e,");
    let all = group(&[indicator("a", "10", "20", ""), indicator("b", "5", "30", "")], "");
    score(SCALE, &format!("{all}, {none}"), "", "24");
    score(SCALE, &none, "", "cannot");
}

#[test]
fn the_computed_maximum_of_a_weighted_dimension_is_weighted() {
    // e is out; its maximum is 40 × 25 % + 80 × 75 % = 70, so d's 10 of 20 become 10 × 90 ÷ 20.
    let d = format!("{{id: d, indicators: [{}]}}", indicator("a", "10", "20", ""));
    let e = [indicator("b", "?", "40", ", weight: 25%"), indicator("c", "?", "80", ", weight: 75%")];
    score(SCALE, &format!("{d}, {{id: e, indicators: [{}]}}", e.join(", ")), "", "45");
}

#[test]
fn a_score_needs_what_the_standard_demands() {
    let d = |children: &[String]| format!("{{id: d, indicators: [{}]}}", children.join(", "));
    let half = [indicator("a", "10", "50", ""), indicator("b", "?", "50", ", unknown: {points: 5}")];
    score(SCALE, &d(&half), "", "15");
    score(SCALE, &d(&half), ", minimum_known: 50%", "15");
    score(SCALE, &d(&half), ", minimum_known: 50.01%", "cannot");
    let strict = [indicator("a", "10", "50", ""), indicator("b", "?", "50", ", unknown: cannot_score")];
    score(SCALE, &d(&strict), "", "cannot");
}

#[test]
fn the_score_is_clipped_and_then_rounded_once() {
    let d = format!("{{id: d, indicators: [{}]}}", indicator("a", "10.25", "20", ""));
    score("scale: {base: 0, min: 0, max: 100, decimals: 1, rounding: half-up}", &d, "", "10.3");
    score("scale: {base: 0, min: 0, max: 100, decimals: 1, rounding: half-even}", &d, "", "10.2");
    score("scale: {base: -50.1, min: -100, max: 100, decimals: 0, rounding: down}", &d, "", "-39");
    score("scale: {base: 95, min: 0, max: 100, decimals: 2, rounding: down}", &d, "", "100");
    let cases =
        "[{when: {exists: penalty}, points: 1}, {when: {not: {exists: penalty}}, points: 2}, {points: 3}]";
    score(
        &format!("scale: {{base: {cases}, min: 0, max: 100, decimals: 2, rounding: down}}"),
        &d,
        "",
        "12.25",
    );
}
