//! Public data sets, on the rows that other tools were measured on: our AUC and KS beside theirs.
//!
//! Reference: OptBinning 1.0.0 with scikit-learn 1.9.1, the best of its default, observed-missing and automatic-trend
//! runs. Same split (70/30 stratified, seed 42), same penalty (half the squares of the coefficients on the sum of the
//! losses). Nothing is tuned here: rules and scaling are the defaults.

mod common;

use common::Set;
use hengxin_models::binning::{Binned, Rules, Search, bin_all};
use hengxin_models::history::{Column, Rows, Table};
use hengxin_models::logistic::{Design, Fitted, Outcome, Sample, Settings, fit};
use hengxin_models::metrics::{Auc, Ks, Scored, auc, ks};
use hengxin_models::{Card, Scaling};

struct Run {
    rows: Rows,
    table: Table,
    binned: Vec<Binned>,
    fitted: Fitted,
    hold: Vec<u32>,
}

fn design<'a>(columns: &'a [Column], binned: &[Binned], rows: &'a [u32]) -> Design<'a> {
    Design::Coded {
        columns: columns.iter().zip(binned).map(|(c, b)| (&c.codes, b.woe_by_code())).collect(),
        rows,
    }
}

fn run(set: &Set) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let history = set.open(folder.path());
    let split = set.split(history.rows.len());
    let table = history.encode(&split, 2).expect("a table");
    let rules = Rules::default().check().expect("in range");
    let binned = bin_all(&table.columns, &history.rows, &split.learn, |_| rules.clone(), 2);
    let default = split.learn.iter().map(|row| history.rows.default[*row as usize]).collect();
    let sample = Sample::new(design(&table.columns, &binned, &split.learn), default).expect("a sample");
    let settings = Settings { ridge: 1.0, ..Settings::default() }.check().expect("in range");
    let fitted = fit(&sample, &settings, 2);
    Run { rows: history.rows, table, binned, fitted, hold: split.hold }
}

impl Run {
    fn measure(&self, risk: impl IntoIterator<Item = f64>) -> (Auc, Ks) {
        let of = |(row, risk): (&u32, f64)| {
            (risk, self.rows.default[*row as usize], self.rows.mass(*row as usize))
        };
        let scored = Scored::new(self.hold.iter().zip(risk).map(of)).expect("two classes");
        (auc(&scored), ks(&scored))
    }
}

/// At least the reference, to the three digits it is published with.
fn check(set: &Set, reference: (f64, f64), best_other: &str) {
    let run = run(set);
    assert_eq!(run.fitted.outcome, Outcome::Converged);
    assert!(run.binned.iter().all(|b| b.search == Search::Optimal || b.known() == 1));
    assert!(run.binned.iter().flat_map(|b| &b.bins).all(|bin| bin.woe.is_finite()));
    let (area, distance) =
        run.measure(run.fitted.linear_all(&design(&run.table.columns, &run.binned, &run.hold)));
    let scaling = Scaling { base_points: 600.0, odds: 50.0, points_to_double: 20.0, decimals: 0 };
    let card = Card::new(run.binned.clone(), &run.fitted, scaling).expect("a card");
    let codes: Vec<_> = run.table.columns.iter().map(|column| &column.codes).collect();
    let scores = card.score_all(&codes);
    let (points, _) = run.measure(run.hold.iter().map(|row| -(scores[*row as usize] as f64)));
    println!(
        "{:<14} AUC {:.3} ({:.3} to {:.3}) KS {:.3}, in whole points AUC {:.3}; OptBinning {:.3} / {:.3}; {best_other}",
        set.name,
        area.auc,
        area.interval.0,
        area.interval.1,
        distance.ks,
        points.auc,
        reference.0,
        reference.1
    );
    assert!(area.auc >= reference.0 - 0.0005, "{} lies below {}", area.auc, reference.0);
    // Whole points of a card with 20 to double the odds cost next to nothing.
    assert!((points.auc - area.auc).abs() < 0.005, "{} in points", points.auc);
}

#[test]
fn german_credit_is_ranked_as_well_as_by_the_reference() {
    check(&common::german(), (0.803, 0.489), "LightGBM 0.791 / 0.446");
}

#[test]
fn polish_bankruptcies_are_ranked_as_well_as_by_the_reference() {
    if let Some(set) = common::polish() {
        check(&set, (0.884, 0.628), "LightGBM 0.967 / 0.847");
    }
}

#[test]
fn card_defaults_are_ranked_as_well_as_by_the_reference() {
    if let Some(set) = common::card_defaults() {
        check(&set, (0.763, 0.408), "LightGBM 0.778 / 0.428");
    }
}

#[test]
fn missing_ratios_carry_signal() {
    // Observed weights of missing values against none, same bins otherwise: the loss that the default of others hides.
    let Some(set) = common::polish() else { return };
    let run = run(&set);
    let observed = run.measure(run.fitted.linear_all(&design(&run.table.columns, &run.binned, &run.hold))).0;
    let mut silent = run.binned.clone();
    for bin in silent.iter_mut().flat_map(|b| &mut b.bins) {
        if bin.what == hengxin_models::binning::What::Missing {
            bin.woe = 0.0;
        }
    }
    let neutral = run.measure(run.fitted.linear_all(&design(&run.table.columns, &silent, &run.hold))).0;
    println!(
        "polish-year-1: missing observed AUC {:.3}, missing taken for neutral {:.3}",
        observed.auc, neutral.auc
    );
    assert!(observed.auc > neutral.auc);
}
