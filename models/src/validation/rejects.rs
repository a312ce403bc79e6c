//! What would be found if rejected rows had an outcome: an assumption, shown beside what is known.

use super::performance::foretold;
use super::report::{RejectMeasures, Rejects};
use super::request::{Accepted, Inference};
use super::{Request, Subject};
use crate::metrics::{Scored, auc, ks, losses};
use crate::{Count, Mass};

/// Bands of scores within which rejected rows are taken to be like accepted ones, but for the uplift.
const BANDS: usize = 10;

/// `None` when the request names no such column, no row was rejected, or a class is missing.
pub(super) fn infer(
    subject: &Subject<'_>,
    scores: &[i64],
    accepted: &[bool],
    request: &Request,
) -> Option<Rejects> {
    let asked = request.accepted.as_ref()?;
    let (known, unknown): (Vec<u32>, Vec<u32>) =
        subject.split.hold.iter().partition(|row| accepted[**row as usize]);
    if unknown.is_empty() {
        return None;
    }
    let real = |row: &u32, weight: Mass| {
        (subject.card.probability(scores[*row as usize]), subject.rows.default[*row as usize], weight)
    };
    let mass = |row: &u32| subject.rows.mass(*row as usize);
    let without: Vec<_> = known.iter().map(|row| real(row, mass(row))).collect();
    let cuts = cuts(scores, &subject.split.hold);
    let band = |row: &u32| cuts.partition_point(|cut| *cut <= scores[*row as usize]);
    let mut bands = vec![(Count::default(), Mass::ZERO); cuts.len() + 1];
    for row in &known {
        bands[band(row)].0.add(subject.rows.default[*row as usize], mass(row));
    }
    for row in &unknown {
        bands[band(row)].1 += mass(row);
    }
    let overall: Count = bands.iter().map(|band| band.0).sum();
    let mut with = Vec::new();
    match asked.method {
        Inference::Parcelling => {
            with.clone_from(&without);
            for row in &unknown {
                let seen = bands[band(row)].0;
                // A band without accepted rows has the rate of all.
                let base = if seen.total() == Mass::ZERO { overall } else { seen }.rate();
                let assumed = (base * asked.uplift).min(1.0);
                let bad = Mass::from_weight(mass(row).value() * assumed)?;
                let p = subject.card.probability(scores[*row as usize]);
                with.push((p, true, bad));
                with.push((p, false, mass(row) - bad.min(mass(row))));
            }
        }
        Inference::Reweighting => {
            for row in &known {
                let (seen, rejected) = bands[band(row)];
                let seen = seen.total().value();
                let factor = (seen + rejected.value()) / seen;
                with.push(real(row, Mass::from_weight(mass(row).value() * factor)?));
            }
        }
    }
    let all_rows = match asked.method {
        Inference::Parcelling => subject.split.hold.clone(),
        Inference::Reweighting => known.clone(),
    };
    Some(Rejects {
        assumption: words(asked),
        rejected: unknown.len() as u64,
        without: measures(without, known.len(), foretold(subject, scores, &known))?,
        with: measures(with, all_rows.len(), f64::NAN)?,
    })
}

fn words(asked: &Accepted) -> String {
    match asked.method {
        Inference::Parcelling => format!(
            "assumed, not measured: in each of {BANDS} bands of scores rejected rows would have defaulted {} times as \
             often as accepted ones (parcelling)",
            asked.uplift
        ),
        Inference::Reweighting => format!(
            "assumed, not measured: in each of {BANDS} bands of scores accepted rows stand for the rejected ones too \
             (re-weighting); a band without accepted rows is represented by nobody"
        ),
    }
}

/// Scores that cut the rows into equally many.
fn cuts(scores: &[i64], rows: &[u32]) -> Vec<i64> {
    let mut sorted: Vec<i64> = rows.iter().map(|row| scores[*row as usize]).collect();
    sorted.sort_unstable();
    let mut cuts: Vec<i64> =
        (1..BANDS).filter_map(|i| sorted.get(i * sorted.len() / BANDS)).copied().collect();
    cuts.dedup();
    cuts
}

fn measures(sample: Vec<(f64, bool, Mass)>, rows: usize, mean: f64) -> Option<RejectMeasures> {
    let weight: f64 = sample.iter().map(|row| row.2.value()).sum();
    let sum: f64 = sample.iter().map(|row| row.0 * row.2.value()).sum();
    let scored = Scored::new(sample).ok()?;
    Some(RejectMeasures {
        rows: rows as u64,
        rate: scored.total().rate(),
        foretold: if mean.is_nan() { sum / weight } else { mean },
        auc: auc(&scored).auc,
        ks: ks(&scored).ks,
        brier: losses(&scored).brier,
    })
}
