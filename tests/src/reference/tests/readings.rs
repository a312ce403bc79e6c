//! §3 to §6: facts that count, selections, readings, conditions.

use super::*;
use crate::reference::condition::holds;

#[test]
fn windows_leave_out_their_far_edge_and_keep_their_near_one() {
    let f = file(vec![
        fact(1, "award", "2024-02-29", &[]),
        fact(2, "award", "2024-03-01", &[]),
        fact(3, "award", "2024-05-31", &[]),
        fact(4, "award", "2024-06-01", &[]),
    ]);
    check("{events: award, window: {months: 3}}", &f, "2024-05-31", "2 3");
    check("{events: award, window: {days: 92}}", &f, "2024-05-31", "2 3");
    check("{events: award, window: {days: 93}}", &f, "2024-05-31", "1 2 3");
    check("{events: award, window: {years: 1}}", &f, "2025-03-01", "3 4");
    check("{events: award, window: {calendar_year: 0}}", &f, "2024-05-31", "1 2 3");
    check("{events: award, window: {calendar_year: -1}}", &f, "2025-01-01", "1 2 3 4");
    check("{events: award, window: {since: 2024-03-01}}", &f, "2024-05-31", "2 3");
}

#[test]
fn repair_objection_and_publicity_stop_a_fact_on_the_day_the_page_says() {
    let f = file(vec![
        fact(1, "penalty", "2024-01-01", &["repaired=2024-03-01"]),
        fact(2, "penalty", "2024-01-02", &["objection=2024-03-01/2024-04-01"]),
        fact(3, "penalty", "2024-01-03", &["public=2024-03-01"]),
        fact(4, "penalty", "2024-01-04", &["objection=2024-03-01/"]),
    ]);
    let d = RefDossier { file: f, related: Vec::new() };
    let check = |lifecycle: &str, as_of: &str, expected: &str| {
        let found = value_of(&standard(lifecycle), "{events: penalty}", &d, as_of);
        assert_eq!(found, Ok(expected.to_owned()), "{lifecycle} {as_of}");
    };
    check("grades: none", "2024-02-29", "1 2 3 4");
    check("grades: none", "2024-03-01", "2 3 4");
    check("grades: none", "2024-03-02", "2 4");
    check("lifecycle: {objection: suspended}", "2024-02-29", "1 2 3 4");
    check("lifecycle: {objection: suspended}", "2024-03-01", "3");
    check("lifecycle: {objection: suspended}", "2024-03-31", "");
    check("lifecycle: {objection: suspended}", "2024-04-01", "2");
    check("lifecycle: {past_publicity: counts}", "2024-04-01", "2 3 4");
}

#[test]
fn where_needs_every_line_and_except_any() {
    let f = file(vec![
        fact(1, "penalty", "2024-01-01", &["severity=minor", "kinds=fine+warning"]),
        fact(2, "penalty", "2024-01-01", &["severity=serious", "kinds=suspension"]),
        fact(3, "penalty", "2024-01-01", &["severity=serious"]),
    ]);
    check(
        "{events: penalty, where: {severity: [minor, serious], kinds: [fine, suspension]}}",
        &f,
        "2024-02-01",
        "1 2",
    );
    check("{events: penalty, except: {severity: minor, kinds: suspension}}", &f, "2024-02-01", "3");
    check("{events: penalty, last: 2}", &f, "2024-02-01", "2 3");
    check("{count: penalty, last: 2}", &f, "2024-02-01", "2");
}

#[test]
fn a_register_is_delivered_until_its_lag_is_over_and_only_where_it_reaches() {
    let mut f = file(Vec::new());
    let deliver = |f: &mut RefFile, region: &str, through: &str| {
        f.deliveries =
            vec![RefDelivery { register: "court".into(), region: region.into(), through: date(through) }];
    };
    // The court's lag is 31 days.
    deliver(&mut f, "100000", "2024-05-01");
    check("{count: court-default}", &f, "2024-06-01", "0");
    check("{count: court-default}", &f, "2024-06-02", "!");
    check("{count: [court-default, penalty]}", &f, "2024-06-01", "!");
    deliver(&mut f, "330100", "2024-05-01");
    check("{count: court-default}", &f, "2024-06-01", "0");
    deliver(&mut f, "340000", "2024-05-01");
    check("{count: court-default}", &f, "2024-06-01", "!");
    deliver(&mut f, "330000", "2024-05-01");
    f.registrations.clear();
    check("{count: court-default}", &f, "2024-06-01", "!");
}

#[test]
fn the_later_registration_wins_and_on_one_day_the_later_id() {
    let mut f = file(Vec::new());
    let mut later = f.registrations[0].clone();
    later.occurred_on = date("2024-01-01");
    later.size = Some("large".into());
    let mut tie = later.clone();
    tie.id = 9;
    tie.size = None;
    f.registrations.insert(0, later);
    check("{attribute: size}", &f, "2023-12-31", "small");
    check("{attribute: size}", &f, "2024-01-01", "large");
    f.registrations.insert(0, tie);
    check("{attribute: size}", &f, "2024-01-01", "?");
    check("{attribute: status}", &f, "2023-12-31", "?");
    check("{attribute: capital}", &f, "2019-12-31", "?");
    check("{attribute: capital}", &f, "2024-01-01", "5000000");
}

#[test]
fn numbers_are_summed_and_compared_and_those_without_one_are_nothing() {
    let f = file(vec![
        fact(4, "penalty", "2024-01-01", &["number=0.3"]),
        fact(3, "penalty", "2024-01-02", &[]),
        fact(2, "court-default", "2024-01-02", &["number=10.01"]),
    ]);
    check("{sum: [penalty, court-default]}", &f, "2024-02-01", "1031/100");
    check("{largest: [penalty, court-default]}", &f, "2024-02-01", "1001/100");
    check("{smallest: [penalty, court-default]}", &f, "2024-02-01", "3/10");
    // Of the two facts of 2 January, the one with the greater id is the last.
    check("{latest: [penalty, court-default]}", &f, "2024-02-01", "?");
    check("{latest: court-default}", &f, "2024-02-01", "1001/100");
    check("{latest: court-default}", &f, "2024-01-01", "?");
    check("{sum: rating}", &f, "2024-02-01", "0");
    check("{largest: rating}", &f, "2024-02-01", "?");
}

#[test]
fn distinct_values_count_every_value_of_a_set_and_months_by_year() {
    let f = file(vec![
        fact(1, "penalty", "2023-01-01", &["kinds=fine+warning", "reference=a"]),
        fact(2, "penalty", "2024-01-31", &["kinds=warning+suspension", "reference=a"]),
        fact(3, "penalty", "2024-01-01", &[]),
    ]);
    check("{distinct: penalty, of: kinds}", &f, "2024-02-01", "3");
    check("{distinct: penalty, of: reference}", &f, "2024-02-01", "1");
    check("{distinct: penalty, of: month}", &f, "2024-02-01", "2");
}

#[test]
fn a_fact_on_record_is_in_force_whatever_was_delivered() {
    let listed = fact(1, "dishonesty-list", "2024-01-01", &["until=2024-06-30", "field=tax"]);
    let f = file(vec![listed]);
    check("{in_force: dishonesty-list}", &f, "2024-06-30", "1");
    check("{in_force: dishonesty-list}", &f, "2024-07-01", "0");
    check("{in_force: dishonesty-list}", &without(f.clone(), "court"), "2024-06-30", "1");
    check("{in_force: dishonesty-list}", &without(f.clone(), "court"), "2024-07-01", "!");
    check("{in_force: dishonesty-list, where: {field: market}}", &f, "2024-06-30", "0");
}

#[test]
fn time_elapses_in_whole_units() {
    let f = file(vec![fact(1, "award", "2024-01-31", &[]), fact(2, "award", "2024-03-31", &[])]);
    check("{elapsed: {since: first, of: award, in: months}}", &f, "2024-06-29", "4");
    check("{elapsed: {since: last, of: award, in: months}}", &f, "2024-06-30", "2");
    check("{elapsed: {since: first, of: award, in: days}}", &f, "2024-03-01", "30");
    check("{elapsed: {since: first, of: award, in: days}}", &f, "2024-01-30", "?");
    check("{elapsed: {since: established, in: years}}", &f, "2024-12-30", "4");
    check("{elapsed: {since: established, in: years}}", &f, "2024-12-31", "5");
}

#[test]
fn a_ratio_is_rounded_once_and_knows_no_zero_divisor() {
    let f = file(vec![fact(1, "award", "2024-01-01", &["number=2"]), fact(2, "penalty", "2024-01-01", &[])]);
    check(
        "{ratio: {of: {sum: award}, to: {count: [award, penalty], except: {rank: city}}}}",
        &f,
        "2024-02-01",
        "1",
    );
    let f = file(
        (1..=3)
            .map(|i| fact(i, "penalty", "2024-01-01", &["number=1"]))
            .chain([fact(9, "award", "2024-01-02", &[]), fact(10, "award", "2024-01-02", &[])])
            .collect(),
    );
    check("{ratio: {of: {count: award}, to: {count: penalty}}}", &f, "2024-02-01", "6667/10000");
    check("{ratio: {of: {count: penalty}, to: {count: rating}}}", &f, "2024-02-01", "?");
    check(
        "{ratio: {of: {count: rating}, to: {count: commitment}}}",
        &without(f, "contracts"),
        "2024-02-01",
        "!",
    );
}

#[test]
fn groups_are_measured_one_by_one() {
    let f = file(vec![
        fact(1, "commitment", "2024-01-05", &["reference=A", "outcome=fulfilled", "number=100"]),
        fact(2, "commitment", "2024-01-06", &["reference=A", "outcome=broken", "number=50"]),
        fact(3, "commitment", "2024-02-01", &["reference=B", "outcome=broken", "number=25.01"]),
        fact(4, "commitment", "2024-02-01", &["outcome=broken", "number=1000"]),
    ]);
    let fulfilled =
        "{ratio: {of: {count: commitment, where: {outcome: fulfilled}}, to: {count: commitment}}}";
    let grouped = |rest: &str| format!("{{grouped: {{by: reference, reading: {fulfilled}, {rest}}}}}");
    check(&grouped("combine: mean"), &f, "2024-03-01", "1/4");
    check(&grouped("combine: min"), &f, "2024-03-01", "0");
    check(&grouped("combine: sum"), &f, "2024-03-01", "1/2");
    check(&grouped("combine: count, where: {below: 50%}"), &f, "2024-03-01", "1");
    // 0.5 × 150 + 0 × 25.01 over 175.01.
    check(&grouped("combine: weighted_mean, weight: {sum: commitment}"), &f, "2024-03-01", "857/2000");
    // Money is rounded to a fen: (150 + 25.01) ÷ 2 = 87.505.
    check(
        "{grouped: {by: reference, reading: {sum: commitment}, combine: mean}}",
        &f,
        "2024-03-01",
        "8751/100",
    );
    check("{grouped: {by: month, reading: {count: commitment}, combine: mean}}", &f, "2024-03-01", "2");
    check("{grouped: {by: outcome, reading: {count: commitment}, combine: max}}", &f, "2024-03-01", "3");
    check("{grouped: {by: month, reading: {count: rating}, combine: mean}}", &f, "2024-03-01", "?");
    check("{grouped: {by: month, reading: {count: rating}, combine: sum}}", &f, "2024-03-01", "0");
    let f = without(f, "contracts");
    check("{grouped: {by: month, reading: {count: commitment}, combine: sum}}", &f, "2024-03-01", "!");
    check(
        "{grouped: {by: month, reading: {count: rating}, weight: {count: commitment}, combine: weighted_mean}}",
        &f,
        "2024-03-01",
        "!",
    );
}

#[test]
fn related_subjects_count_within_depth_kind_and_time() {
    let penalised = |n| file((0..n).map(|i| fact(i, "penalty", "2024-01-01", &[])).collect());
    let related = |kind: &str, depth, until: Option<&str>, file| RefRelated {
        kind: kind.to_owned(),
        depth,
        since: date("2023-01-01"),
        until: until.map(date),
        file,
    };
    let mut d = RefDossier {
        file: file(Vec::new()),
        related: vec![
            related("parent", 1, None, penalised(1)),
            related("parent", 2, Some("2024-06-30"), penalised(4)),
            related("responsible-person", 1, None, penalised(16)),
        ],
    };
    let find = |d: &RefDossier, depth: i64, combine: &str, as_of: &str| {
        let reading = format!(
            "{{related: {{by: parent, depth: {depth}, reading: {{count: penalty}}, combine: {combine}}}}}"
        );
        value_of(&standard("grades: none"), &reading, d, as_of)
    };
    assert_eq!(find(&d, 1, "sum", "2024-06-30"), Ok("1".into()));
    assert_eq!(find(&d, 2, "sum", "2024-06-30"), Ok("5".into()));
    assert_eq!(find(&d, 2, "sum", "2024-07-01"), Ok("1".into()));
    assert_eq!(find(&d, 3, "max", "2024-06-30"), Ok("4".into()));
    assert_eq!(find(&d, 3, "max", "2022-12-31"), Ok("0".into()));
    d.related[0].file.deliveries.clear();
    assert_eq!(find(&d, 2, "sum", "2024-06-30"), Err(Unknown::NotDelivered));
    assert_eq!(find(&d, 2, "max", "2024-06-30"), Ok("4".into()));
    assert_eq!(find(&d, 2, "max", "2024-07-01"), Err(Unknown::NotDelivered));
}

#[test]
fn truth_is_three_valued() {
    let f = without(file(vec![fact(1, "penalty", "2024-01-01", &[])]), "court");
    let d = RefDossier { file: f, related: Vec::new() };
    let check = |condition: &str, expected: Option<bool>| {
        let found =
            with_scene(&standard("grades: none"), &d, "2024-02-01", |scene| holds(scene, &yaml(condition)));
        assert_eq!(found, expected, "{condition}");
    };
    let (yes, no, unknown) = ("{exists: penalty}", "{exists: award}", "{exists: court-default}");
    check(yes, Some(true));
    check(no, Some(false));
    check(unknown, None);
    check("{exists: [penalty, court-default]}", Some(true));
    check("{reading: {count: [penalty, court-default]}, at_least: 1}", None);
    check(&format!("{{all: [{unknown}, {no}]}}"), Some(false));
    check(&format!("{{all: [{unknown}, {yes}]}}"), None);
    check(&format!("{{any: [{unknown}, {yes}]}}"), Some(true));
    check(&format!("{{any: [{unknown}, {no}]}}"), None);
    check(&format!("{{not: {unknown}}}"), None);
    check(&format!("{{not: {no}}}"), Some(true));
    check("{region: [\"340000\", \"330100\"]}", Some(true));
    check("{industry: [C13]}", Some(true));
    check("{industry: [G]}", Some(false));
    check("{reading: {attribute: size}, is: [micro, small]}", Some(true));
    check("{reading: {attribute: capital}, at_least: 1, below: 5000000}", Some(false));
}
