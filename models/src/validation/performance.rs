//! How a sample is ranked and foretold, as a whole and month by month.

use std::collections::BTreeMap;

use super::report::{Band, CalibrationGroup, CurvePoint, Figure, GainTold, Performance, Side, Size, Vintage};
use super::{Request, Subject, bootstrap, stability};
use crate::calibration::Platt;
use crate::history::Rows;
use crate::metrics::{Scored, ScoredError, Seen, auc, calibration, gains, ks, losses};
use crate::{Count, NORMAL_95};

/// Groups of the calibration and of the gains table.
const GROUPS: usize = 10;
/// Bands of the histogram.
const BANDS: usize = 20;
/// About so many points of a curve are kept.
const POINTS: usize = 200;

/// Ten-thousandths to points.
pub(super) fn points(units: i64) -> f64 {
    units as f64 / 10_000.0
}

/// The size of some rows.
pub(super) fn size(rows: &Rows, of: &[u32]) -> Size {
    size_of(rows.count(of), of.len())
}

fn size_of(count: Count, rows: usize) -> Size {
    Size { rows: rows as u64, weight: count.total().value(), bads: count.bads.value() }
}

/// A default rate with its interval. Rows with unequal weights tell less than their weight: the interval takes the
/// number of rows.
pub(super) fn rate(size: Size) -> Figure {
    if size.weight <= 0.0 {
        return Figure::default();
    }
    Figure::share(size.bads / size.weight * size.rows as f64, size.rows as f64)
}

/// A sample scored with the probabilities of the card.
pub(super) fn scored(subject: &Subject<'_>, scores: &[i64], rows: &[u32]) -> Result<Scored, ScoredError> {
    Scored::new(rows.iter().map(|row| {
        let row = *row as usize;
        (subject.card.probability(scores[row]), subject.rows.default[row], subject.rows.mass(row))
    }))
}

/// Mean probability of some rows.
pub(super) fn foretold(subject: &Subject<'_>, scores: &[i64], rows: &[u32]) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for row in rows {
        let mass = subject.rows.mass(*row as usize).value();
        sum += mass * subject.card.probability(scores[*row as usize]);
        weight += mass;
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

pub(super) fn measure(
    subject: &Subject<'_>,
    scores: &[i64],
    rows: &[u32],
    request: &Request,
) -> Result<Performance, ScoredError> {
    let by_risk = scored(subject, scores, rows)?;
    let of = |row: &u32| (subject.rows.default[*row as usize], subject.rows.mass(*row as usize));
    // Two scores may share a probability at the ends of its range, so ranks are those of the scores.
    let ranked = Scored::new(rows.iter().map(|row| (-(scores[*row as usize] as f64), of(row).0, of(row).1)))?;
    let area = auc(&ranked);
    let distance = ks(&ranked);
    let triples: Vec<(f64, bool, f64)> = rows
        .iter()
        .map(|row| (-(scores[*row as usize] as f64), of(row).0, of(row).1.value()))
        .filter(|row| row.2 > 0.0)
        .collect();
    let spread = bootstrap::spread(&triples, request.resamples, request.seed);
    let ties: Vec<[f64; 2]> =
        ranked.ties().iter().map(|(_, count)| [count.goods.value(), count.bads.value()]).collect();
    let size = size(subject.rows, rows);
    let found = losses(&by_risk);
    let fit = calibration(&by_risk, GROUPS, Seen::HeldOut);
    let linear = Scored::new(
        rows.iter().map(|row| (subject.card.scaling.linear(scores[*row as usize]), of(row).0, of(row).1)),
    )?;
    let line = Platt::fit(&linear).ok();
    // Rows and weight differ only by the mean weight.
    let per_row = size.rows as f64 / size.weight;
    let group_size = |count: Count| Size {
        rows: rounded(count.total().value() * per_row),
        weight: count.total().value(),
        bads: count.bads.value(),
    };
    let overall = size.bads / size.weight;
    Ok(Performance {
        size,
        rate: rate(size),
        foretold: foretold(subject, scores, rows),
        auc: Figure::within(area.auc, area.interval),
        gini: Figure::within(area.gini(), (2.0 * area.interval.0 - 1.0, 2.0 * area.interval.1 - 1.0)),
        ks: Figure::within(distance.ks, spread.ks),
        ks_at: -distance.at / 10_000.0,
        lift_tenth: Figure::within(bootstrap::lift_tenth(&ties), spread.lift_tenth),
        brier: Figure::within(found.brier, brier_interval(&by_risk, found.brier)),
        log_loss: Some(found.log_loss).filter(|loss| loss.is_finite()),
        slope: line.map(|line| line.slope),
        intercept: line.map(|line| line.intercept),
        calibration: fit
            .groups
            .iter()
            .map(|group| CalibrationGroup {
                size: group_size(group.count),
                foretold: group.foretold,
                observed: rate(group_size(group.count)),
            })
            .collect(),
        hosmer_lemeshow: fit.hosmer_lemeshow,
        degrees: fit.degrees,
        calibration_p: fit.p,
        gains: gains(&ranked, GROUPS)
            .iter()
            .map(|gain| {
                let size = group_size(gain.count);
                let rate = rate(size);
                let lift = |v: f64| v / overall;
                let ends = (rate.low.map_or(f64::NAN, lift), rate.high.map_or(f64::NAN, lift));
                GainTold {
                    score_to: -gain.risk_from / 10_000.0,
                    size,
                    rate,
                    caught: gain.caught,
                    lift: Figure::within(gain.lift, ends),
                }
            })
            .collect(),
        curve: curve(&ranked),
        histogram: histogram(&ranked),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
fn rounded(rows: f64) -> u64 {
    rows.round().max(0.0) as u64
}

/// The mean of the rows' losses and its standard error, rows weighted.
fn brier_interval(scored: &Scored, brier: f64) -> (f64, f64) {
    let (mut squares, mut weight) = (0.0, 0.0);
    for (p, count) in scored.ties() {
        let part = |loss: f64, mass: f64| mass * (loss - brier) * (loss - brier);
        squares += part(p * p, count.goods.value()) + part((1.0 - p) * (1.0 - p), count.bads.value());
        weight += count.total().value();
    }
    if weight <= 1.0 {
        return (f64::NAN, f64::NAN);
    }
    let error = (squares / (weight - 1.0) / weight).sqrt();
    ((brier - NORMAL_95 * error).max(0.0), (brier + NORMAL_95 * error).min(1.0))
}

/// Shares at or below each score, from the least score on; ties are by descending score.
fn curve(ranked: &Scored) -> Vec<CurvePoint> {
    let total = ranked.total();
    let (all, bads, goods) = (total.total().value(), total.bads.value(), total.goods.value());
    let mut so_far = Count::default();
    let every = ranked.ties().len().div_ceil(POINTS).max(1);
    let mut kept = Vec::new();
    for (at, (risk, count)) in ranked.ties().iter().rev().enumerate() {
        so_far += *count;
        if at % every == 0 || at + 1 == ranked.ties().len() {
            kept.push(CurvePoint {
                score: -risk / 10_000.0,
                all: so_far.total().value() / all,
                bads: so_far.bads.value() / bads,
                goods: so_far.goods.value() / goods,
            });
        }
    }
    kept
}

fn histogram(ranked: &Scored) -> Vec<Band> {
    let ties = ranked.ties();
    let (Some(high), Some(low)) = (ties.first().map(|t| -t.0), ties.last().map(|t| -t.0)) else {
        return Vec::new();
    };
    let total = ranked.total();
    let width = (high - low).max(1.0) / BANDS as f64;
    let mut bands = [Count::default(); BANDS];
    for (risk, count) in ties {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to BANDS")]
        let at = ((-risk - low) / width) as usize;
        bands[at.min(BANDS - 1)] += *count;
    }
    let told = |(at, count): (usize, &Count)| Band {
        from: (low + width * at as f64) / 10_000.0,
        to: (low + width * (at + 1) as f64) / 10_000.0,
        bads: count.bads.value() / total.bads.value(),
        goods: count.goods.value() / total.goods.value(),
    };
    bands.iter().enumerate().map(told).collect()
}

/// Month by month; empty where the history has no months.
pub(super) fn vintages(subject: &Subject<'_>, scores: &[i64], learn: &[u32], hold: &[u32]) -> Vec<Vintage> {
    let Some(months) = &subject.rows.month else { return Vec::new() };
    let mut by_month: BTreeMap<_, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for row in learn {
        by_month.entry(months[*row as usize]).or_default().0.push(*row);
    }
    for row in hold {
        by_month.entry(months[*row as usize]).or_default().1.push(*row);
    }
    let told = |(month, (learned, held)): (&crate::history::Month, &(Vec<u32>, Vec<u32>))| {
        let side = match (learned.is_empty(), held.is_empty()) {
            (_, true) => Side::Learned,
            (true, false) => Side::HeldOut,
            (false, false) => Side::Both,
        };
        // Where a month is on both sides, only its held-out rows tell something.
        let rows = if held.is_empty() { learned } else { held };
        let size = size(subject.rows, rows);
        let shift = stability::of_score(scores, subject.rows, learn, rows);
        let area = scored(subject, scores, rows).ok().map(|scored| auc(&scored));
        Vintage {
            month: month.to_string(),
            side,
            size,
            rate: rate(size),
            foretold: foretold(subject, scores, rows),
            auc: area.map(|area| Figure::within(area.auc, area.interval)),
            psi: shift.index,
            psi_by_chance: shift.by_chance,
        }
    };
    by_month.iter().map(told).collect()
}
