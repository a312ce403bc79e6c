//! Each limit of a request held against what was found.

use super::report::{Check, Report};
use super::request::Limits;

/// In the order of the request; all of them, kept or not. A limit on something that could not be measured is not kept.
pub(super) fn checks(report: &Report, limits: &Limits) -> Vec<Check> {
    let held = &report.held;
    let rows = held.size.rows;
    let bads = held.size.bads;
    let on = format!("{rows} held-out rows, {bads:.0} of them defaults");
    let mut checks = Vec::new();
    let mut least = |limit: &str, what: &str, bound: Option<f64>, found: Option<f64>, on: &str| {
        check(&mut checks, limit, what, (bound, "at least"), found, |f, b| f >= b, on);
    };
    least("auc_min", "AUC", limits.auc_min, Some(held.auc.value), &on);
    least("auc_low_min", "lower end of the AUC's interval", limits.auc_low_min, held.auc.low, &on);
    least("ks_min", "KS", limits.ks_min, Some(held.ks.value), &on);
    least("calibration_p_min", "p of calibration", limits.calibration_p_min, Some(held.calibration_p), &on);
    let mut most = |limit: &str, what: &str, bound: Option<f64>, found: Option<f64>, on: &str| {
        check(&mut checks, limit, what, (bound, "at most"), found, |f, b| f <= b, on);
    };
    let both = format!("{} learning and {rows} held-out rows", report.learned.size.rows);
    let drop = report.learned.auc.value - held.auc.value;
    most("auc_drop_max", "fall of the AUC", limits.auc_drop_max, Some(drop), &both);
    most("brier_max", "Brier score", limits.brier_max, Some(held.brier.value), &on);
    most("psi_max", "PSI of the score", limits.psi_max, report.score_shift.index, &both);
    let month = report.vintages.iter().filter_map(|v| Some((v.psi?, v))).max_by(|a, b| a.0.total_cmp(&b.0));
    let of_month = month
        .map_or("no months".to_owned(), |(_, v)| format!("worst month {} of {} rows", v.month, v.size.rows));
    most(
        "vintage_psi_max",
        "PSI of the score in a month",
        limits.vintage_psi_max,
        month.map(|(psi, _)| psi),
        &of_month,
    );
    let feature = report.features.iter().filter_map(|f| Some((f.shift.index?, f)));
    let feature = feature.max_by(|a, b| a.0.total_cmp(&b.0));
    let of_feature =
        feature.map_or("no features".to_owned(), |(_, f)| format!("worst feature `{}`, {both}", f.feature));
    most("csi_max", "CSI of a feature", limits.csi_max, feature.map(|(csi, _)| csi), &of_feature);
    let inversions = |sure: bool| {
        let all = report.features.iter().flat_map(|f| &f.inversions);
        all.filter(|i| i.sure || !sure).count() as f64
    };
    let count = |bound: Option<u64>| bound.map(|bound| bound as f64);
    let reversed = "reversed neighbouring bins";
    most("inversions_max", reversed, limits.inversions_max.map(f64::from), Some(inversions(false)), &on);
    most(
        "sure_inversions_max",
        "neighbouring bins reversed beyond chance",
        limits.sure_inversions_max.map(f64::from),
        Some(inversions(true)),
        &on,
    );
    let overlap = report.overlap;
    most(
        "groups_on_both_sides_max",
        "groups on both sides of the split",
        count(limits.groups_on_both_sides_max),
        count(overlap.groups),
        &both,
    );
    most(
        "duplicates_max",
        "held-out rows equal to a learning row",
        count(limits.duplicates_max),
        count(overlap.duplicates),
        &both,
    );
    checks
}

pub(super) fn check(
    checks: &mut Vec<Check>,
    limit: &str,
    what: &str,
    (bound, side): (Option<f64>, &str),
    found: Option<f64>,
    keeps: impl Fn(f64, f64) -> bool,
    on: &str,
) {
    let Some(bound) = bound else { return };
    let met = found.is_some_and(|found| keeps(found, bound));
    let told = found.map_or("could not be measured".to_owned(), |found| format!("is {}", short(found)));
    checks.push(Check {
        limit: limit.to_owned(),
        bound,
        // What could not be measured has no number; the words say so.
        found: found.unwrap_or(0.0),
        met,
        message: format!("{what} {told}, expected {side} {} ({on})", short(bound)),
    });
}

/// Four decimals, without those that are nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
