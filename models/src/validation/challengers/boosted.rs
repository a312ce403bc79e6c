//! Boosted trees: on raw values, and on the card's own evidence.

use forust_ml::constraints::{Constraint, ConstraintMap};
use forust_ml::{GradientBooster, Matrix};

use super::columns::Encoding;
use crate::validation::Subject;

/// Trees of a model, each a little step.
const TREES: usize = 300;
const STEP: f32 = 0.05;
const DEPTH: usize = 5;

/// The settings in words.
pub(super) fn note() -> String {
    format!("{TREES} trees of depth {DEPTH}, step {STEP}")
}

/// Log-odds of default of the rows that are tried, by the raw values of the learning rows; a missing number goes to the side of a
/// split that fits better.
pub(super) fn of_raw(
    subject: &Subject<'_>,
    encoding: &Encoding<'_>,
    (learn, tried): (&[u32], &[u32]),
    seed: u64,
) -> Result<Vec<f64>, String> {
    let (x, held) = (encoding.plain(learn), encoding.plain(tried));
    risks(subject, encoding.columns(), (learn, &x), (tried, &held), ConstraintMap::new(), seed)
}

/// The same by the weights of evidence of the card's features, with risk that never rises along any: what is added is how
/// features work together, and nothing that the card would call the wrong way round.
///
/// forust 0.8.0 keeps its bounds only at splits of columns that are constrained, so a model of which some are free is not monotone in the
/// others. Here all are constrained.
pub(super) fn of_evidence(
    subject: &Subject<'_>,
    (learn, tried): (&[u32], &[u32]),
    seed: u64,
) -> Result<Vec<f64>, String> {
    let evidence = |rows: &[u32]| -> Vec<f64> {
        let of = |(feature, codes): (&crate::CardFeature, &&crate::history::Codes)| {
            let woe = feature.binned.woe_by_code();
            rows.iter().map(|row| woe[codes.at(*row as usize)]).collect::<Vec<f64>>()
        };
        subject.card.features.iter().zip(subject.codes).flat_map(of).collect()
    };
    let columns = subject.card.features.len();
    let falls = (0..columns).map(|column| (column, Constraint::Negative)).collect();
    let (x, held) = (evidence(learn), evidence(tried));
    risks(subject, columns, (learn, &x), (tried, &held), falls, seed)
}

fn risks(
    subject: &Subject<'_>,
    columns: usize,
    (learn, x): (&[u32], &[f64]),
    (tried, held): (&[u32], &[f64]),
    constraints: ConstraintMap,
    seed: u64,
) -> Result<Vec<f64>, String> {
    let default = |row: &u32| f64::from(u8::from(subject.rows.default[*row as usize]));
    let y: Vec<f64> = learn.iter().map(default).collect();
    let weight: Vec<f64> = learn.iter().map(|row| subject.rows.mass(*row as usize).value()).collect();
    let booster = grown(&Matrix::new(x, learn.len(), columns), &y, &weight, constraints, seed)?;
    Ok(booster.predict(&Matrix::new(held, tried.len(), columns), false))
}

/// On one thread, so that the trees are the same each time.
fn grown(
    x: &Matrix<'_, f64>,
    y: &[f64],
    weight: &[f64],
    constraints: ConstraintMap,
    seed: u64,
) -> Result<GradientBooster, String> {
    let mut booster = GradientBooster::default()
        .set_iterations(TREES)
        .set_learning_rate(STEP)
        .set_max_depth(DEPTH)
        .set_monotone_constraints((!constraints.is_empty()).then_some(constraints))
        .set_seed(seed)
        .set_parallel(false);
    booster.fit(x, y, weight, None).map_err(|e| format!("not grown: {e}"))?;
    Ok(booster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;

    #[test]
    fn where_all_columns_have_a_direction_risk_never_turns_and_free_it_does() {
        let seed = 6;
        let mut random = SplitMix64(seed);
        let n = 600;
        let x: Vec<f64> = (0..2 * n).map(|_| random.unit()).collect();
        // Risk falls along the first column but for a bump amid, and not at all along the second.
        let p = |x: f64| if (0.4..0.5).contains(&x) { 0.9 } else { 0.8 - 0.6 * x };
        let y: Vec<f64> = (0..n).map(|i| f64::from(u8::from(random.unit() < p(x[i])))).collect();
        let rises = |constraints: ConstraintMap| {
            let booster = grown(&Matrix::new(&x, n, 2), &y, &vec![1.0; n], constraints, seed).expect("grown");
            let along = |second: f64| {
                let grid: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).chain([second; 100]).collect();
                let risk = booster.predict(&Matrix::new(&grid, 100, 2), false);
                risk.windows(2).any(|pair| pair[1] > pair[0] + 1e-9)
            };
            [0.1, 0.5, 0.9].into_iter().any(along)
        };
        assert!(rises(ConstraintMap::new()), "seed {seed}");
        let both = ConstraintMap::from([(0, Constraint::Negative), (1, Constraint::Negative)]);
        assert!(!rises(both), "seed {seed}");
    }
}
