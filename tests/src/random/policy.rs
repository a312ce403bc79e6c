//! Random tier policies.

use super::source::Random;
use super::standard::Standards;
use super::tree::{Tree, decimal, map, names, plain, quoted};

/// A tier policy over two standards, as YAML text.
pub fn policy(random: &mut Random, public: &Standards, industry: &Standards) -> String {
    let tiers = random.between(2, 5);
    let kinds = [
        (3, "matrix"),
        (2, "worst_of"),
        (if public.scores.is_some() && industry.scores.is_some() { 3 } else { 0 }, "weighted"),
        (2, "count"),
    ];
    let kind = *random.weighted(&kinds);
    let body = match kind {
        "matrix" => {
            let mut rows = map([]);
            for row in with_none(&public.grades) {
                rows.put(&row, grade_to_tier(random, &industry.grades, tiers));
            }
            rows
        }
        "worst_of" => map([
            ("public", grade_to_tier(random, &public.grades, tiers)),
            ("industry", grade_to_tier(random, &industry.grades, tiers)),
        ]),
        "weighted" => weighted(random, tiers),
        _ => {
            let mut listed = |grades: &[String]| {
                let n = random.index(grades.len() - 1) + 1;
                names(random.some_of(grades, n))
            };
            let (first, second) = (listed(&public.grades), listed(&industry.grades));
            let cuts = if tiers == 2 { vec!["1"] } else { vec!["1", "2"] };
            map([("public", first), ("industry", second), ("rows", rows(random, &cuts, tiers))])
        }
    };
    let mut overrides = Vec::new();
    for (of, standards) in [("public", public), ("industry", industry)] {
        for finding in &standards.findings {
            if !random.chance(50) {
                continue;
            }
            let (word, tier) = if random.chance(70) {
                ("tier", random.between(2, tiers))
            } else {
                ("at_most", random.between(1, tiers - 1))
            };
            overrides.push(map([
                ("id", plain(format!("{of}-{finding}"))),
                ("source", map([("project", quoted("random"))])),
                ("when", map([("finding", plain(finding)), ("of", plain(of))])),
                (word, plain(tier)),
            ]));
        }
    }
    let mut doc = map([
        ("policy", plain("random")),
        ("edition", quoted("1")),
        ("title", quoted("random")),
        ("field", plain("random")),
        ("authority", quoted("random")),
        ("status", plain("sample")),
        ("effective", map([("from", plain("2000-01-01"))])),
        ("public", plain("main")),
        ("industry", plain("industry")),
        ("method", map([(kind, body)])),
    ]);
    if !overrides.is_empty() {
        doc.put("overrides", Tree::List(overrides));
    }
    let measures = |tier: i64| {
        map([
            ("kind", plain("sampling")),
            ("title", quoted("random")),
            ("source", map([("project", quoted("random"))])),
            ("ratio", plain(format!("{}%", tier * 5))),
        ])
    };
    let list = (1..=tiers).map(|tier| {
        map([("tier", plain(tier)), ("title", quoted(tier)), ("measures", Tree::List(vec![measures(tier)]))])
    });
    doc.put("tiers", Tree::List(list.collect()));
    doc.to_yaml()
}

fn with_none(grades: &[String]) -> Vec<String> {
    grades.iter().cloned().chain(["none".to_owned()]).collect()
}

fn grade_to_tier(random: &mut Random, grades: &[String], tiers: i64) -> Tree {
    let mut row = map([]);
    for grade in with_none(grades) {
        row.put(&grade, plain(random.between(1, tiers)));
    }
    row
}

fn weighted(random: &mut Random, tiers: i64) -> Tree {
    let mut cuts: Vec<i64> = (0..tiers - 1).map(|_| random.between(1, 6000) * 1_000).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let cuts: Vec<String> = cuts.into_iter().map(decimal).collect();
    let cuts: Vec<&str> = cuts.iter().map(String::as_str).collect();
    let mut body = map([
        ("public", plain(random.pick(&["10%", "33.33%", "50%", "100%"]))),
        ("industry", plain(random.pick(&["20%", "66.67%", "50%", "100%"]))),
        ("bands", rows(random, &cuts, tiers)),
        ("rounding", plain(random.pick(&["half-up", "half-even", "down"]))),
        ("source", map([("project", quoted("random"))])),
    ]);
    for missing in ["public_missing", "industry_missing"] {
        if random.chance(50) {
            body.put(missing, plain(random.between(0, 300)));
        }
    }
    body
}

/// Rows that tile everything, their tiers ascending or descending.
fn rows(random: &mut Random, cuts: &[&str], tiers: i64) -> Tree {
    let mut order: Vec<i64> = (1..=tiers).take(cuts.len() + 1).collect();
    if random.chance(50) {
        order.reverse();
    }
    let mut list = Vec::new();
    for (i, tier) in order.into_iter().enumerate() {
        let mut row = map([("tier", plain(tier))]);
        if let Some(from) = i.checked_sub(1).map(|i| cuts[i]) {
            row.put("from", plain(from));
        }
        if let Some(to) = cuts.get(i) {
            row.put("to", plain(to));
        }
        list.push(row);
    }
    Tree::List(list)
}
