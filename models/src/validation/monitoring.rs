//! Whether a model in service still sees what it learned from, and still foretells it.
//!
//! New rows are held against what the model's own file says of its learning rows: scores by band, features by bin. The
//! learning rows themselves are not needed. Where outcomes are known already, ranking and calibration are measured too.

use serde::{Deserialize, Serialize};

use super::limits::check;
use super::performance::measure;
use super::report::{Check, Performance, ShiftTold, Size};
use super::request::{Limits, RequestError};
use super::{Request, Subject, ValidationError, stability};
use crate::Mass;
use crate::binning::What;
use crate::model::Model;

/// The name of the format of a monitoring.
const FORMAT: &str = "hengxin-monitoring/1";

/// An index from here on is worth a finding, if it is beyond chance: the usual words are "minor shift" from 0.1 and "major
/// shift" from 0.25 (Siddiqi, *Intelligent Credit Scoring*, 2nd edition, chapter 12).
const MINOR: f64 = 0.1;
const MAJOR: f64 = 0.25;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitoring {
    /// `hengxin-monitoring/1`.
    pub format: String,
    /// Version of the program.
    pub version: String,
    /// What the model is called.
    pub model: String,
    /// New rows; their defaults are 0 while outcomes are not known.
    pub size: Size,
    /// The score against the learning rows; `None` for a model whose file does not say how its scores lay.
    pub score: Option<ShiftTold>,
    /// Each feature against the learning rows.
    pub features: Vec<FeatureShift>,
    /// Ranking and calibration; `None` while outcomes are not known.
    pub outcomes: Option<Performance>,
    /// Each limit of the request held against what was found.
    pub checks: Vec<Check>,
    /// What is worth knowing, in words.
    pub findings: Vec<String>,
}

/// A feature then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureShift {
    /// Its column.
    pub feature: String,
    /// The move of its bins.
    pub shift: ShiftTold,
    /// New rows with a value that no learning row had.
    pub unseen: u64,
}

impl Monitoring {
    /// Whether every limit is kept.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }
}

/// Holds the rows of `subject`, all of them, against what `model` learned from. The subject's card is the model's;
/// `outcomes` says whether its classes mean anything.
///
/// # Errors
/// A request out of range, or with a limit that monitoring does not measure; lists of different lengths; with outcomes, rows of
/// one class only.
pub fn monitor(
    subject: &Subject<'_>,
    model: &Model,
    outcomes: bool,
    request: &Request,
) -> Result<Monitoring, ValidationError> {
    request.check()?;
    measured(&request.limits, outcomes)?;
    subject.check()?;
    let rows: Vec<u32> = (0..subject.rows.len()).map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect();
    let scores = subject.card.score_all(subject.codes);
    let performance = if outcomes {
        let source = |source| ValidationError::Sample { sample: "new", source };
        Some(measure(subject, &scores, &rows, request).map_err(source)?)
    } else {
        None
    };
    let mut found = Monitoring {
        format: FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: subject.name.to_owned(),
        size: super::performance::size(subject.rows, &rows),
        score: of_score(subject, model, &scores, &rows),
        features: (0..subject.card.features.len()).map(|at| of_feature(subject, model, at, &rows)).collect(),
        outcomes: performance,
        checks: Vec::new(),
        findings: Vec::new(),
    };
    found.checks = checks(&found, &request.limits);
    found.findings = findings(&found);
    Ok(found)
}

impl Limits {
    /// Those that a monitoring measures: what is left of the limits of a validation when the same are to hold for new rows.
    #[must_use]
    pub fn of_new_rows(&self, outcomes: bool) -> Limits {
        let with_outcomes = |bound: Option<f64>| bound.filter(|_| outcomes);
        Limits {
            auc_min: with_outcomes(self.auc_min),
            auc_low_min: with_outcomes(self.auc_low_min),
            ks_min: with_outcomes(self.ks_min),
            brier_max: with_outcomes(self.brier_max),
            calibration_p_min: with_outcomes(self.calibration_p_min),
            psi_max: self.psi_max,
            csi_max: self.csi_max,
            ..Limits::default()
        }
    }
}

/// Refuses limits on what is not measured here: one that is never looked at would seem to be kept.
fn measured(limits: &Limits, outcomes: bool) -> Result<(), RequestError> {
    let refuse =
        |setting, found: String, expected| Err(RequestError { setting, found: found.clone(), expected });
    let never = [
        ("limits.auc_drop_max", limits.auc_drop_max.map(|bound| bound.to_string())),
        ("limits.vintage_psi_max", limits.vintage_psi_max.map(|bound| bound.to_string())),
        ("limits.inversions_max", limits.inversions_max.map(|bound| bound.to_string())),
        ("limits.sure_inversions_max", limits.sure_inversions_max.map(|bound| bound.to_string())),
        ("limits.groups_on_both_sides_max", limits.groups_on_both_sides_max.map(|bound| bound.to_string())),
        ("limits.duplicates_max", limits.duplicates_max.map(|bound| bound.to_string())),
    ];
    for (setting, bound) in never {
        if let Some(found) = bound {
            return refuse(setting, found, "nothing: monitoring has no learning rows to measure it on");
        }
    }
    let with_outcomes = [
        ("limits.auc_min", limits.auc_min),
        ("limits.auc_low_min", limits.auc_low_min),
        ("limits.ks_min", limits.ks_min),
        ("limits.brier_max", limits.brier_max),
        ("limits.calibration_p_min", limits.calibration_p_min),
    ];
    for (setting, bound) in with_outcomes {
        if let Some(found) = bound.filter(|_| !outcomes) {
            return refuse(
                setting,
                found.to_string(),
                "nothing while the outcomes of the rows are not known",
            );
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
fn learned(model: &Model) -> usize {
    model.learned.rows.round() as usize
}

fn of_score(subject: &Subject<'_>, model: &Model, scores: &[i64], rows: &[u32]) -> Option<ShiftTold> {
    let bands = &model.scores;
    let before = bands.iter().map(|band| Mass::from_value(band.rows)).collect::<Option<Vec<Mass>>>()?;
    if before.is_empty() {
        return None;
    }
    let cuts: Vec<i64> = bands.iter().filter_map(|band| band.below).map(crate::model::points).collect();
    let mut bins: Vec<(Mass, Mass)> = before.into_iter().map(|mass| (mass, Mass::ZERO)).collect();
    let last = bins.len() - 1;
    for &row in rows {
        let band = cuts.partition_point(|cut| *cut <= scores[row as usize]).min(last);
        bins[band].1 += subject.rows.mass(row as usize);
    }
    Some(stability::told(&bins, |at| stability::band_name(&cuts, at), (learned(model), rows.len())))
}

fn of_feature(subject: &Subject<'_>, model: &Model, at: usize, rows: &[u32]) -> FeatureShift {
    let binned = &subject.card.features[at].binned;
    let now = subject.bin_counts(at, rows);
    let bins: Vec<(Mass, Mass)> =
        binned.bins.iter().zip(&now).map(|(bin, now)| (bin.count.total(), now.total())).collect();
    let name = |place: usize| stability::what(&binned.bins[place], &binned.layout);
    let unseen = binned.bins.iter().position(|bin| matches!(bin.what, What::Unseen));
    let is_unseen =
        |row: &&u32| Some(usize::from(binned.bin_of[subject.codes[at].at(**row as usize)])) == unseen;
    FeatureShift {
        feature: binned.layout.column.clone(),
        shift: stability::told(&bins, name, (learned(model), rows.len())),
        unseen: rows.iter().filter(is_unseen).count() as u64,
    }
}

fn checks(found: &Monitoring, limits: &Limits) -> Vec<Check> {
    let mut checks = Vec::new();
    let on = format!("{} new rows", found.size.rows);
    let mut least = |limit: &str, what: &str, bound: Option<f64>, of: Option<f64>| {
        check(&mut checks, limit, what, (bound, "at least"), of, |f, b| f >= b, &on);
    };
    let outcomes = found.outcomes.as_ref();
    least("auc_min", "AUC", limits.auc_min, outcomes.map(|o| o.auc.value));
    least(
        "auc_low_min",
        "lower end of the AUC's interval",
        limits.auc_low_min,
        outcomes.and_then(|o| o.auc.low),
    );
    least("ks_min", "KS", limits.ks_min, outcomes.map(|o| o.ks.value));
    least(
        "calibration_p_min",
        "p of calibration",
        limits.calibration_p_min,
        outcomes.map(|o| o.calibration_p),
    );
    let mut most = |limit: &str, what: &str, bound: Option<f64>, of: Option<f64>, on: &str| {
        check(&mut checks, limit, what, (bound, "at most"), of, |f, b| f <= b, on);
    };
    most("brier_max", "Brier score", limits.brier_max, outcomes.map(|o| o.brier.value), &on);
    let score = found.score.as_ref().and_then(|shift| shift.index);
    most("psi_max", "PSI of the score", limits.psi_max, score, &on);
    let worst = found.features.iter().filter_map(|f| Some((f.shift.index?, f)));
    let worst = worst.max_by(|a, b| a.0.total_cmp(&b.0));
    let which =
        worst.map_or("no features".to_owned(), |(_, f)| format!("worst feature `{}`, {on}", f.feature));
    most("csi_max", "CSI of a feature", limits.csi_max, worst.map(|(csi, _)| csi), &which);
    checks
}

fn findings(found: &Monitoring) -> Vec<String> {
    let features = found.features.iter().map(|f| (format!("`{}`", f.feature), &f.shift));
    let shifts = found.score.iter().map(|score| ("the score".to_owned(), score)).chain(features);
    let mut findings: Vec<String> = shifts.filter_map(|(what, shift)| shifted(&what, shift)).collect();
    if found.score.is_none() {
        findings.push(
            "the file of the model does not say how its scores lay when it learned, so that their shift is not told"
                .to_owned(),
        );
    }
    for feature in found.features.iter().filter(|feature| feature.unseen > 0) {
        findings.push(format!(
            "{} rows have a value of `{}` that no learning row had",
            feature.unseen, feature.feature
        ));
    }
    if let Some(outcomes) = &found.outcomes
        && outcomes.calibration_p < 0.01
    {
        findings.push(format!(
            "the probabilities do not fit what happened: {:.4} of the rows defaulted, {:.4} were foretold (p {:.4})",
            outcomes.rate.value, outcomes.foretold, outcomes.calibration_p
        ));
    }
    findings
}

fn shifted(what: &str, shift: &ShiftTold) -> Option<String> {
    let index = shift.index.filter(|index| *index >= MINOR && *index > shift.by_chance)?;
    let far = if index >= MAJOR { " far" } else { "" };
    Some(format!(
        "{what} has shifted{far}: its index is {index:.3}, where chance alone stays below {:.3} nineteen times in twenty",
        shift.by_chance
    ))
}
