//! What stands on both sides of the split, and makes held-out figures too good.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Subject;
use super::report::Report;

/// What learning and held-out rows share. `None` where it cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// Groups, such as enterprises, with rows on both sides.
    pub groups: Option<u64>,
    /// Held-out rows of these groups.
    pub rows_of_groups: Option<u64>,
    /// Held-out rows with the features and the class of a learning row.
    pub duplicates: Option<u64>,
}

pub(super) fn find(subject: &Subject<'_>) -> Overlap {
    let split = subject.split;
    let shared = |of: &[u64]| {
        let learned: HashSet<u64> = split.learn.iter().map(|row| of[*row as usize]).collect();
        let held = split.hold.iter().map(|row| of[*row as usize]).filter(|key| learned.contains(key));
        let held: Vec<u64> = held.collect();
        let distinct: HashSet<u64> = held.iter().copied().collect();
        (distinct.len() as u64, held.len() as u64)
    };
    let groups = subject.rows.group.as_ref().map(|groups| shared(groups));
    let digests = (!subject.digests.is_empty()).then(|| shared(subject.digests));
    Overlap {
        groups: groups.map(|g| g.0),
        rows_of_groups: groups.map(|g| g.1),
        duplicates: digests.map(|d| d.1),
    }
}

/// What a reader must know before any figure.
pub(super) fn findings(report: &Report) -> Vec<String> {
    let mut findings = Vec::new();
    let overlap = report.overlap;
    let held = report.held.size.rows;
    if let (Some(groups @ 1..), Some(rows)) = (overlap.groups, overlap.rows_of_groups) {
        findings.push(format!(
            "{groups} groups stand on both sides of the split, with {rows} held-out rows: held-out figures may be too good"
        ));
    }
    if let Some(rows @ 1..) = overlap.duplicates {
        findings.push(format!("{rows} held-out rows equal a learning row: held-out figures may be too good"));
    }
    if overlap.groups.is_none() {
        findings
            .push("the history names no group: whether one subject stands on both sides is not known".into());
    }
    if report.vintages.is_empty() {
        findings.push("the history has no months: nothing is known of other times".into());
    } else if report.vintages.iter().any(|v| v.side == super::Side::Both) {
        findings.push(
            "months stand on both sides of the split: the held-out rows are not of a later time".into(),
        );
    }
    if report.held.size.bads < 100.0 {
        findings.push(format!(
            "only {:.0} of {held} held-out rows defaulted: intervals are wide, small differences mean nothing",
            report.held.size.bads
        ));
    }
    for feature in &report.features {
        let sure = feature.inversions.iter().filter(|i| i.sure);
        if report.withholds(feature) {
            findings.push(format!(
                "`{}` is also a segment with small cells: a page for others withholds its bins, of which {} neighbours have the \
                 opposite order of default rates beyond chance",
                feature.feature,
                sure.clone().count()
            ));
        }
        for inversion in sure.filter(|_| !report.withholds(feature)) {
            findings.push(format!(
                "`{}`: `{}` and `{}` have the opposite order of default rates on held-out rows, beyond chance (p {:.3})",
                feature.feature, inversion.first, inversion.second, inversion.p
            ));
        }
        let index = feature.shift.index.unwrap_or(0.0);
        if index > 0.1 && index > feature.shift.by_chance {
            findings.push(format!(
                "`{}` has moved: CSI {index:.3}, by chance at most {:.3} in 19 of 20 cases",
                feature.feature, feature.shift.by_chance
            ));
        }
    }
    findings
}
