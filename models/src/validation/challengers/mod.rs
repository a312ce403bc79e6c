//! Other models fitted to the same rows: what the card pays for being read by people.
//!
//! They see raw values of all features, not bins. For linfa a missing number is the mean with a column that says so; boosted trees
//! take it as it is. Trees and forests rank by the default rates of their leaves on the learning rows, since the votes that linfa
//! counts say no default at a low rate. linfa takes no weights in a regression, so none of its models is given any; boosted trees
//! learn by weight, and all measures are weighted.
//!
//! linfa's trees add class weights in the order of a hash map: with the same seed a forest's AUC may differ in the third
//! decimal from run to run. The figures of the card and of boosted trees never do.
//!
//! Why these crates: `docs/decisions/0014-challengers.md`.

mod boosted;
mod columns;

pub use columns::{Raw, RawColumn, raw_columns};

use columns::Encoding;
use linfa::Dataset;
use linfa::prelude::*;
use linfa_ensemble::EnsembleLearnerParams;
use linfa_trees::{DecisionTree, TreeNode};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::SeedableRng as _;

use super::report::{Challenger, ChallengerResult, Figure};
use super::{Request, Subject, auc_difference};
use crate::exact::SplitMix64;
use crate::history::Rows;
use crate::metrics::{Scored, auc, ks};

/// linfa's models learn from at most so many rows: its regression takes minutes beyond.
const LEARN_MAX: usize = 50_000;
/// Trees of a forest.
const TREES: usize = 100;

/// Every challenger on the rows that `learn` and `hold` name; columns as long as the history.
pub fn challenge(
    subject: &Subject<'_>,
    raw: &[RawColumn],
    learn: &[u32],
    hold: &[u32],
    request: &Request,
) -> Vec<Challenger> {
    let seed = request.seed;
    let scores = subject.card.score_all(subject.codes);
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
    let sides = (learn, hold);
    let encoding = Encoding::new(raw, learn);
    let note = format!("{}, {} columns of raw values", boosted::note(), encoding.columns());
    let mut challengers =
        vec![told("boosted trees (forust)", note, boosted::of_raw(subject, &encoding, sides, seed))];
    drop(encoding);
    challengers.push(told(
        "boosted trees on the card's evidence, never against it (forust)",
        format!(
            "{}, weights of evidence of the card's {} features; more evidence of safety never means more risk",
            boosted::note(),
            subject.card.features.len()
        ),
        boosted::of_evidence(subject, sides, seed),
    ));
    let some = fewer(learn, seed);
    let of = if some.len() == learn.len() {
        String::new()
    } else {
        format!("; learned from {} of {} rows", some.len(), learn.len())
    };
    let encoding = Encoding::new(raw, &some);
    let (x, y) = (encoding.standardised(&some), classes(subject.rows, &some));
    let tried = encoding.standardised(hold);
    challengers.extend([
        told(
            "logistic regression on raw values (linfa-logistic)",
            format!("{} columns, ridge 1; linfa does not tell whether it converged{of}", x.ncols()),
            logistic(&x, &y, &tried),
        ),
        told(
            "one tree (linfa-trees)",
            format!("depth at most 6, leaves of at least 2 % of the learning rows{of}"),
            tree(&x, &y, &tried),
        ),
        told(
            "random forest (linfa-ensemble)",
            format!(
                "{TREES} trees, each on a third of the columns, seed {seed}; linfa repeats it only to about 0.002 of AUC{of}"
            ),
            forest(&x, &y, &tried, seed),
        ),
    ]);
    challengers
}

/// What a reader must know of challengers: those that rank better than the card beyond chance.
pub fn challenger_findings(challengers: &[Challenger]) -> Vec<String> {
    let better = challengers.iter().filter_map(|challenger| {
        let gap = challenger.result?.difference.auc;
        let (low, high) = gap.low.zip(gap.high)?;
        (low > 0.0).then(|| {
            format!(
                "{} rank better than the card by {:.3} of AUC ({low:.3} to {high:.3}): the price of reading it",
                challenger.name, gap.value
            )
        })
    });
    better.collect()
}

/// At most [`LEARN_MAX`] of the rows, ascending, drawn from the seed.
fn fewer(rows: &[u32], seed: u64) -> Vec<u32> {
    if rows.len() <= LEARN_MAX {
        return rows.to_vec();
    }
    let mut random = SplitMix64(seed);
    let mut ranked: Vec<(u64, u32)> = rows.iter().map(|row| (random.next(), *row)).collect();
    ranked.sort_unstable();
    let mut some: Vec<u32> = ranked.into_iter().take(LEARN_MAX).map(|(_, row)| row).collect();
    some.sort_unstable();
    some
}

fn classes(rows: &Rows, of: &[u32]) -> Array1<bool> {
    of.iter().map(|row| rows.default[*row as usize]).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_rows_some_are_drawn_by_the_seed() {
        let rows: Vec<u32> = (0..120_000).map(|row| row * 3).collect();
        let some = fewer(&rows, 1);
        assert_eq!(some.len(), LEARN_MAX);
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]) && some.iter().all(|row| row % 3 == 0));
        assert!(some == fewer(&rows, 1) && some != fewer(&rows, 2));
        assert_eq!(fewer(&rows[..10], 1), rows[..10]);
    }
}
