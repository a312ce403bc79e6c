//! What the tests of this module compare: two standards, a field, and rows.

use std::sync::Arc;

use hengxin_core::standard::Status;
use hengxin_core::uscc::Uscc;

use super::clause::{Clause, ClauseKind};
use super::result_row::{OutcomeKind, ResultRow, StandardResult};
use super::run_side::{FieldSide, FindingSide, Named, RunSide, StandardSide, TierSide};
use super::workload::{Figure, TierWorkload};

fn clause(kind: ClauseKind, document: &str, id: &str) -> Arc<Clause> {
    let (title, source) = (format!("title of {id}"), format!("source of {id}"));
    Arc::new(Clause { kind, document: document.to_owned(), id: id.to_owned(), title, source })
}

fn standard(id: &str) -> StandardSide {
    let named = |id: &str| Named { id: id.to_owned(), title: id.to_owned() };
    StandardSide {
        id: id.to_owned(),
        edition: "2026.1".to_owned(),
        title: format!("title of {id}"),
        digest: "d1".to_owned(),
        status: Status::Sample,
        scheme: id.to_owned(),
        grades: ["A", "B", "C", "D"].map(named).to_vec(),
        findings: vec![
            FindingSide { clause: clause(ClauseKind::Finding, id, "serious-list"), moves: true },
            FindingSide { clause: clause(ClauseKind::Finding, id, "remark"), moves: false },
        ],
        bands: clause(ClauseKind::Bands, id, "grades"),
    }
}

/// A run of two standards and one field of four tiers: 0, 0.1, 1 and at least 4 inspections a year.
pub fn side(as_of: &str) -> RunSide {
    let load = |least, figure| TierWorkload { least, most: least, figure };
    let loads = [
        load(0, Figure::None),
        load(1_000, Figure::Range),
        load(10_000, Figure::Range),
        load(40_000, Figure::Least),
    ];
    let tiers = loads.iter().zip(1..).map(|(w, n)| TierSide { title: format!("{n}级"), workload: *w });
    RunSide {
        id: format!("run of {as_of}"),
        as_of: as_of.parse().unwrap(),
        known_at: hengxin_core::date::Moment(0),
        source: ("dataset".to_owned(), "world".to_owned()),
        source_digest: "w1".to_owned(),
        subjects: 0,
        standards: vec![standard("public"), standard("risk")],
        fields: vec![FieldSide {
            field: "market".to_owned(),
            policy: "market-policy".to_owned(),
            edition: "2026.1".to_owned(),
            title: "市场监管 <&>".to_owned(),
            digest: "p1".to_owned(),
            status: Status::Sample,
            public: "public".to_owned(),
            industry: Some("risk".to_owned()),
            tiers: tiers.collect(),
            method: clause(ClauseKind::Method, "market-policy", "matrix"),
        }],
        sizes: ["large", "small"].map(|id| Named { id: id.to_owned(), title: id.to_owned() }).to_vec(),
    }
}

/// The n-th subject; ascending in `n`.
pub fn subject(n: u32) -> Uscc {
    let body: [u8; 8] = format!("{n:08}").into_bytes().try_into().unwrap();
    Uscc::assemble(*b"91", "330106".parse().unwrap(), body).unwrap()
}

/// The n-th subject, graded A with 900 points by both standards, in tier 1.
pub fn row(n: u32) -> ResultRow {
    let graded = |points| StandardResult {
        outcome: OutcomeKind::Graded,
        score: Some(hengxin_core::number::Points::from_ten_thousandths(points)),
        grade: Some(0),
        findings: 0,
    };
    ResultRow {
        subject: subject(n),
        region: None,
        industry: None,
        size: None,
        established_on: None,
        standards: vec![graded(9_000_000), graded(9_000_000)],
        tiers: vec![Some(1)],
    }
}
