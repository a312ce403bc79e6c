//! Other models fitted to the same rows: what the card pays for being read by people.
//!
//! They see raw values, not bins: numbers as they are, a missing one as the mean with a column that says so, categories
//! as columns of 0 and 1. Trees and forests rank by the default rates of their leaves on the learning rows, since the
//! votes that linfa counts say no default at a low rate. linfa takes no weights in a regression, so no challenger does;
//! their measures are weighted.
//!
//! linfa's trees add class weights in the order of a hash map: with the same seed a forest's AUC may differ in the third
//! decimal from run to run. The figures of the card never do.
//!
//! There is no gradient boosting: see `docs/validation.md`.

use linfa::Dataset;
use linfa::prelude::*;
use linfa_ensemble::EnsembleLearnerParams;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::SeedableRng as _;

use super::report::{Challenger, ChallengerResult, Figure};
use super::{Request, Subject, auc_difference};
use crate::history::Rows;
use crate::metrics::{Scored, auc, ks};

/// The most columns that a category may become; the others are one column together.
const LEVELS_MAX: usize = 30;
/// Trees of a forest.
const TREES: usize = 100;

/// A column of raw values, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// Not-a-number is missing.
    Numbers(Vec<f64>),
    /// Any texts.
    Names(Vec<String>),
}

/// Every challenger on the rows that `learn` and `hold` name; columns as long as the history.
pub fn challenge(
    subject: &Subject<'_>,
    raw: &[Raw],
    learn: &[u32],
    hold: &[u32],
    request: &Request,
) -> Vec<Challenger> {
    let (x, y) = (matrix(raw, learn, learn), classes(subject.rows, learn));
    let tried = matrix(raw, learn, hold);
    let scores = subject.card.score_all(subject.codes);
    let seed = request.seed;
    let told = |name: &str, note: String, risk: Result<Vec<f64>, String>| {
        let result = risk.map(|risk| against(subject, &scores, hold, &risk));
        match result {
            Ok(Some(result)) => Challenger { name: name.to_owned(), result: Some(result), note },
            Ok(None) => {
                let note = "its risks are no numbers, or a class has fewer than two rows".to_owned();
                Challenger { name: name.to_owned(), result: None, note }
            }
            Err(note) => Challenger { name: name.to_owned(), result: None, note },
        }
    };
    let columns = x.ncols();
    vec![
        told(
            "logistic regression on raw values (linfa-logistic)",
            format!("{columns} columns, ridge 1; linfa does not tell whether it converged"),
            logistic(&x, &y, &tried),
        ),
        told(
            "one tree (linfa-trees)",
            "depth at most 6, leaves of at least 2 % of the learning rows".to_owned(),
            tree(&x, &y, &tried),
        ),
        told(
            "random forest (linfa-ensemble)",
            format!(
                "{TREES} trees, each on a third of the columns, seed {seed}; linfa repeats it only to about 0.002 of AUC"
            ),
            forest(&x, &y, &tried, seed),
        ),
    ]
}

fn classes(rows: &Rows, of: &[u32]) -> Array1<bool> {
    of.iter().map(|row| rows.default[*row as usize]).collect()
}

/// `n × k`; means, deviations and categories are those of the learning rows.
fn matrix(raw: &[Raw], learn: &[u32], of: &[u32]) -> Array2<f64> {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for column in raw {
        match column {
            Raw::Numbers(numbers) => {
                let known = || learn.iter().map(|row| numbers[*row as usize]).filter(|v| v.is_finite());
                let n = known().count().max(1) as f64;
                let mean = known().sum::<f64>() / n;
                let deviation = (known().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
                let scale = if deviation > 0.0 { deviation } else { 1.0 };
                let value = |row: &u32| numbers[*row as usize];
                let told = |v: f64| if v.is_finite() { (v - mean) / scale } else { 0.0 };
                columns.push(of.iter().map(|row| told(value(row))).collect());
                if learn.iter().any(|row| !value(row).is_finite()) {
                    columns.push(of.iter().map(|row| f64::from(u8::from(!value(row).is_finite()))).collect());
                }
            }
            Raw::Names(names) => {
                let mut counts = std::collections::BTreeMap::<&str, usize>::new();
                for row in learn {
                    *counts.entry(&names[*row as usize]).or_default() += 1;
                }
                let mut levels: Vec<(&str, usize)> = counts.into_iter().collect();
                levels.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
                // The last level is what none of the columns says.
                levels.truncate(LEVELS_MAX.min(levels.len().saturating_sub(1)));
                for (level, _) in levels {
                    let is = |row: &u32| f64::from(u8::from(names[*row as usize] == level));
                    columns.push(of.iter().map(is).collect());
                }
            }
        }
    }
    Array2::from_shape_fn((of.len(), columns.len()), |(i, j)| columns[j][i])
}

fn logistic(x: &Array2<f64>, y: &Array1<bool>, tried: &Array2<f64>) -> Result<Vec<f64>, String> {
    let fitted = linfa_logistic::LogisticRegression::default()
        .alpha(1.0)
        .gradient_tolerance(1e-6)
        .max_iterations(1000)
        .fit(&Dataset::new(x.clone(), y.clone()))
        .map_err(|e| format!("not fitted: {e}"))?;
    // Its positive class is the more frequent one.
    let default_is_positive = fitted.labels().pos.class;
    let p = fitted.predict_probabilities(tried);
    Ok(p.iter().map(|p| if default_is_positive { *p } else { -p }).collect())
}

/// A grown tree with the default rate of each of its leaves on the learning rows.
struct Leaves<'t> {
    tree: &'t DecisionTree<f64, bool>,
    rates: std::collections::HashMap<Vec<bool>, f64>,
    overall: f64,
}

impl<'t> Leaves<'t> {
    fn new(tree: &'t DecisionTree<f64, bool>, x: &Array2<f64>, y: &Array1<bool>) -> Leaves<'t> {
        let mut counts = std::collections::HashMap::<Vec<bool>, (f64, f64)>::new();
        for (row, default) in x.rows().into_iter().zip(y) {
            let count = counts.entry(way(tree.root_node(), row)).or_default();
            *count = (count.0 + f64::from(u8::from(*default)), count.1 + 1.0);
        }
        let overall = y.iter().filter(|y| **y).count() as f64 / y.len().max(1) as f64;
        let rates = counts.into_iter().map(|(leaf, (bads, n))| (leaf, bads / n)).collect();
        Leaves { tree, rates, overall }
    }

    fn risk(&self, row: ArrayView1<'_, f64>) -> f64 {
        self.rates.get(&way(self.tree.root_node(), row)).copied().unwrap_or(self.overall)
    }
}

/// The turns from the root to the leaf of a row: right or not.
fn way(root: &TreeNode<f64, bool>, row: ArrayView1<'_, f64>) -> Vec<bool> {
    let (mut node, mut turns) = (root, Vec::new());
    while !node.is_leaf() {
        let (feature, value, _) = node.split();
        let right = row[feature] >= value;
        match node.children().get(usize::from(right)) {
            Some(Some(child)) => node = child,
            _ => break,
        }
        turns.push(right);
    }
    turns
}

#[expect(clippy::cast_possible_truncation, reason = "linfa's weights are f32")]
fn leaf_weight(share: f64, rows: usize) -> f32 {
    (share * rows as f64).max(5.0) as f32
}

fn tree(x: &Array2<f64>, y: &Array1<bool>, tried: &Array2<f64>) -> Result<Vec<f64>, String> {
    let leaf = leaf_weight(0.02, x.nrows());
    let grown = DecisionTree::params()
        .max_depth(Some(6))
        .min_weight_leaf(leaf)
        .min_weight_split(2.0 * leaf)
        .fit(&Dataset::new(x.clone(), y.clone()))
        .map_err(|e| format!("not grown: {e}"))?;
    let leaves = Leaves::new(&grown, x, y);
    Ok(tried.rows().into_iter().map(|row| leaves.risk(row)).collect())
}

fn forest(x: &Array2<f64>, y: &Array1<bool>, tried: &Array2<f64>, seed: u64) -> Result<Vec<f64>, String> {
    let leaf = leaf_weight(0.005, x.nrows());
    let trees = DecisionTree::<f64, bool>::params()
        .max_depth(Some(10))
        .min_weight_leaf(leaf)
        .min_weight_split(2.0 * leaf);
    let random = rand::rngs::StdRng::seed_from_u64(seed);
    let grown = EnsembleLearnerParams::new_fixed_rng(trees, random)
        .ensemble_size(TREES)
        .bootstrap_proportion(0.7)
        .feature_proportion(1.0 / 3.0)
        .fit(&Dataset::new(x.clone(), y.clone()))
        .map_err(|e| format!("not grown: {e}"))?;
    let mut risk = vec![0.0; tried.nrows()];
    for (tree, features) in grown.models.iter().zip(&grown.model_features) {
        let leaves = Leaves::new(tree, &x.select(Axis(1), features), y);
        for (risk, row) in risk.iter_mut().zip(tried.select(Axis(1), features).rows()) {
            *risk += leaves.risk(row) / TREES as f64;
        }
    }
    Ok(risk)
}

fn against(subject: &Subject<'_>, scores: &[i64], hold: &[u32], risk: &[f64]) -> Option<ChallengerResult> {
    let of = |(row, risk): (&u32, &f64)| {
        let row = *row as usize;
        (-(scores[row] as f64), *risk, subject.rows.default[row], subject.rows.mass(row))
    };
    let rows: Vec<_> = hold.iter().zip(risk).map(of).collect();
    let scored = Scored::new(rows.iter().map(|row| (row.1, row.2, row.3))).ok()?;
    let area = auc(&scored);
    let pairs: Vec<_> = rows.iter().map(|r| (r.0, r.1, r.2, r.3.value())).filter(|r| r.3 > 0.0).collect();
    Some(ChallengerResult {
        auc: Figure::within(area.auc, area.interval),
        ks: ks(&scored).ks,
        difference: auc_difference(&pairs)?,
    })
}
