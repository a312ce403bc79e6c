//! The whole of the comparison on small populations: counts add up, whatever moves.

use std::sync::Arc;

use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;

use super::fixture::{row, side};
use super::*;
use crate::error::Result;

/// SplitMix64, so that a printed seed is all it takes to see a failure again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn place(&mut self, below: u64) -> usize {
        usize::try_from(self.next(below)).unwrap()
    }
}

fn result(random: &mut Random) -> StandardResult {
    let outcome =
        [OutcomeKind::Graded, OutcomeKind::Graded, OutcomeKind::CannotScore, OutcomeKind::NotEligible]
            [random.place(4)];
    let score = i64::try_from(random.next(10_000_000)).unwrap();
    let grade = (random.next(5) < 4).then(|| u16::try_from(random.next(4)).unwrap());
    StandardResult {
        outcome,
        score: (outcome == OutcomeKind::Graded).then(|| Points::from_ten_thousandths(score)),
        grade: grade.filter(|_| outcome != OutcomeKind::NotEligible),
        findings: random.next(4),
    }
}

fn population(random: &mut Random, most: u32) -> Vec<ResultRow> {
    let mut rows = Vec::new();
    for n in 0..most {
        if random.next(10) == 0 {
            continue;
        }
        let mut row = row(n);
        row.region = (random.next(9) > 0)
            .then(|| format!("33{:02}{:02}", random.next(4), random.next(3)).parse().unwrap());
        row.industry = ["C1411", "C39", "F", "I65"].get(random.place(5)).map(|c| c.parse().unwrap());
        row.size = Some(random.place(3)).filter(|size| *size < 2);
        row.established_on =
            (random.next(9) > 0).then(|| format!("20{:02}-05-17", 5 + random.next(21)).parse().unwrap());
        row.standards = vec![result(random), result(random)];
        row.tiers = vec![Some(u8::try_from(random.next(5)).unwrap()).filter(|tier| *tier > 0)];
        rows.push(row);
    }
    rows
}

fn tally(before: Vec<ResultRow>, after: Vec<ResultRow>) -> Tally {
    let frame = Frame::new(side("2026-10-01"), side("2026-11-01")).unwrap();
    let mut tally = Tally::new(Arc::new(frame), RegionDepth::City, 50);
    let (mut before, mut after) = (RowsInMemory::new(before), RowsInMemory::new(after));
    tally.add_all(&mut before, &mut after, None, None).unwrap();
    tally
}

#[test]
fn every_subject_is_in_exactly_one_cell() {
    let seed = std::env::var("HENGXIN_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_101);
    println!("seed {seed} (set HENGXIN_SEED for another)");
    let mut random = Random(seed);
    for round in 0..60 {
        let most = u32::try_from(random.next(120)).unwrap();
        let (before, after) = (population(&mut random, most), population(&mut random, most));
        let mut union: Vec<Uscc> = before.iter().chain(&after).map(|r| r.subject).collect();
        union.sort_unstable();
        union.dedup();
        let counted = tally(before.clone(), after.clone());
        let told = Comparison::new(&counted, &Limits::default(), 5);
        let context = format!("seed {seed}, round {round}");
        assert_eq!(told.population.either, union.len() as u64, "{context}");
        for axis in &told.axes {
            let cells: u64 = axis.matrix.cells.iter().flatten().sum();
            assert_eq!(cells, union.len() as u64, "{context}, {}", axis.id);
            let report::Moves { worse, better, other, same } = axis.moves;
            assert_eq!(worse + better + other + same, told.population.both, "{context}, {}", axis.id);
            let of_clauses = told.clauses.iter().filter(|c| c.axis == axis.id);
            let by_clause: u64 = of_clauses.map(|c| c.worse + c.better + c.other).sum();
            assert_eq!(by_clause, worse + better + other, "{context}, {}", axis.id);
        }
        for table in &told.breakdown.tables {
            assert_eq!(table.subjects, told.population.both, "{context}, by {}", table.by);
            for cell in &table.cells {
                assert!(cell.subjects.is_none_or(|n| n >= 5), "{context}: a small cell is shown");
                assert_eq!(cell.subjects.is_none(), cell.withheld.is_some(), "{context}");
                assert_eq!(cell.withheld.is_some(), cell.moves.is_empty(), "{context}");
            }
        }
        // Two halves counted apart and put together are the same comparison.
        let half = |rows: &[ResultRow], odd: bool| -> Vec<ResultRow> {
            let cut = union.get(union.len() / 3).copied();
            rows.iter().filter(|r| (Some(r.subject) < cut) == odd).cloned().collect()
        };
        let mut parts = tally(half(&before, true), half(&after, true));
        parts.merge(tally(half(&before, false), half(&after, false)));
        assert_eq!(Comparison::new(&parts, &Limits::default(), 5).to_json(), told.to_json(), "{context}");
    }
}

/// Tells the same of everybody: the public standard's indicator `penalties` gave fewer points.
struct Teller(Vec<Uscc>);

impl Explainer for Teller {
    fn explain(&mut self, subject: Uscc) -> Result<Option<(Told, Told)>> {
        self.0.push(subject);
        let clause = |kind, id: &str| {
            let (title, source) = (format!("title of {id}"), "article 7".to_owned());
            Arc::new(Clause { kind, document: "public".to_owned(), id: id.to_owned(), title, source })
        };
        let told = |score: i64, grade, tier| {
            let side = |standard: &str, score: i64, grade| Side {
                standard: standard.to_owned(),
                outcome: OutcomeKind::Graded,
                score: Some(Points::from_ten_thousandths(score)),
                grade: Some(grade),
                points: vec![IndicatorPoints {
                    clause: clause(ClauseKind::Indicator, "penalties"),
                    points: Some(Points::from_ten_thousandths(score)),
                }],
                findings: Vec::new(),
                excluded_by: None,
                bands: clause(ClauseKind::Bands, "grades"),
            };
            Told {
                standards: vec![side("public", score, grade), side("risk", 9_000_000, 0)],
                fields: vec![FieldTold {
                    tier: Some(tier),
                    by_method: Some(tier),
                    overrides: Vec::new(),
                    method: clause(ClauseKind::Method, "matrix"),
                }],
            }
        };
        Ok(Some((told(9_000_000, 0, 1), told(8_000_000, 1, 2))))
    }
}

fn fallen(n: u32) -> ResultRow {
    let mut row = row(n);
    row.standards[0].score = Some(Points::from_ten_thousandths(8_000_000));
    row.standards[0].grade = Some(1);
    row.tiers = vec![Some(2)];
    row
}

#[test]
fn movers_are_explained_in_order_and_nobody_else() {
    let frame = Frame::new(side("2026-10-01"), side("2026-11-01")).unwrap();
    let mut tally = Tally::new(Arc::new(frame), RegionDepth::City, 50);
    let before: Vec<ResultRow> = (0..6).map(row).collect();
    let after: Vec<ResultRow> = (0..6).map(|n| if n % 2 == 1 { fallen(n) } else { row(n) }).collect();
    let mut teller = Teller(Vec::new());
    let (mut a, mut b) = (RowsInMemory::new(before), RowsInMemory::new(after));
    tally.add_all(&mut a, &mut b, Some(&mut teller), None).unwrap();
    assert_eq!(teller.0, [1, 3, 5].map(fixture::subject));
    let told = Comparison::new(&tally, &Limits::default(), 10);
    let clauses: Vec<(&str, &str, u64)> =
        told.clauses.iter().map(|c| (c.axis.as_str(), c.id.as_str(), c.worse)).collect();
    assert_eq!(clauses, [("field:market", "penalties", 3), ("standard:public", "penalties", 3)]);
    assert_eq!(told.movers.explained_subjects, 3);
    assert_eq!(told.movers.listed[0].clause_source, "article 7");
}

#[test]
fn the_workload_follows_the_tiers_and_the_gate_holds() {
    let before: Vec<ResultRow> = (0..100).map(row).collect();
    let after: Vec<ResultRow> = (0..100).map(|n| if n < 4 { fallen(n) } else { row(n) }).collect();
    let counted = tally(before, after);
    let limits = |worse: &str| Limits {
        moved: Some("5%".parse().unwrap()),
        worse: Some(worse.parse().unwrap()),
        ..Limits::default()
    };
    let told = Comparison::new(&counted, &limits("4%"), 10);
    let load = told.axes[0].workload.as_ref().unwrap();
    // Four subjects in a tier of one inspection in ten years.
    assert_eq!((load.least_before.as_str(), load.least_change.as_str()), ("0", "0.4"));
    assert!(told.gate.passed);
    let failed = Comparison::new(&counted, &limits("3.99%"), 10).gate;
    let messages: Vec<&str> =
        failed.checks.iter().filter(|c| !c.passed).map(|c| c.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "field:market: 4 of 100 subjects of both runs moved for the worse (4%), above --max-worse 3.99%",
            "standard:public: 4 of 100 subjects of both runs moved for the worse (4%), above --max-worse 3.99%",
        ]
    );
}

#[test]
fn runs_that_share_nothing_are_refused_and_lone_standards_named() {
    let mut other = side("2026-11-01");
    other.standards[1].id = "another".to_owned();
    other.fields.clear();
    let frame = Frame::new(side("2026-10-01"), other.clone()).unwrap();
    assert_eq!(frame.axes.len(), 1);
    assert_eq!(
        frame.not_shared,
        [
            "field:market (first run only)",
            "standard:risk (first run only)",
            "standard:another (second run only)"
        ]
    );
    other.standards.remove(0);
    let refused = Frame::new(side("2026-10-01"), other).unwrap_err().to_string();
    assert!(
        refused.starts_with("the runs share no field and no standard: found `market`, `public`"),
        "{refused}"
    );
}

#[test]
fn a_row_that_does_not_fit_its_run_is_refused() {
    let frame = Frame::new(side("2026-10-01"), side("2026-11-01")).unwrap();
    let mut tally = Tally::new(Arc::new(frame), RegionDepth::City, 50);
    let mut strange = row(1);
    strange.tiers = vec![Some(5)];
    let refused = tally.add(Some(&strange), None, None, None).unwrap_err().to_string();
    assert!(refused.ends_with("found tier 5, expected a tier of `market-policy`"), "{refused}");
}

#[test]
fn the_page_is_whole_and_escapes_what_it_shows() {
    let mut random = Random(7);
    let (before, after) = (population(&mut random, 300), population(&mut random, 300));
    let told = Comparison::new(&tally(before, after), &Limits::default(), 10);
    let page = html::page(&told);
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"zh-CN\">") && page.ends_with("</html>\n"));
    assert!(page.contains("市场监管 &lt;&amp;&gt;") && !page.contains("<&>"));
    for loaded in ["<script", "src=", "url(", "@import", "<link", "http:", "https:"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    if let Ok(folder) = std::env::var("HENGXIN_PAGES") {
        std::fs::write(format!("{folder}/page.html"), page).unwrap();
    }
}
