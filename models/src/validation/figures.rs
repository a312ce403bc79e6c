//! The numbers of a report one by one, each with the rows it rests on, and without those that would tell too much of too few.
//!
//! A joint laboratory lets numbers out, not documents: words, charts and lists of rows stay inside. What a number rests on is
//! its cell; a number whose cell is too small, or could be computed from the cells beside it, is withheld with its size.

use super::comparison::Comparison;
use super::monitoring::Monitoring;
use super::report::{Challenger, FeatureTold, Figure, Performance, Report, Size};
use super::suppression::{Cell, withheld};

/// The least rows a number must rest on to leave a laboratory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Rows, from 1.
    pub rows_min: u64,
    /// Defaults, and also rows without one.
    pub events_min: u64,
}

/// A number that leaves, or what would have been one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Where it stands in the report, such as `held.auc` or `features.age.bins.below 25.points`.
    pub name: String,
    /// The column of the history it tells of; `None` for those of all features together.
    pub column: Option<String>,
    /// The number, in decimals of six places at most; `None` when withheld.
    pub value: Option<String>,
    /// Rows of its cell; 0 when withheld.
    pub rows: u64,
    /// Defaults among them, by weight, rounded; 0 when withheld.
    pub defaults: u64,
}

/// The numbers of a validation.
pub fn of_report(report: &Report, cells: Cells) -> Vec<Released> {
    let mut list = List { cells, of: Vec::new() };
    list.performance("learned", &report.learned);
    list.performance("held", &report.held);
    let (learned, held) = (report.learned.size, report.held.size);
    list.one("score.psi", None, held, report.score_shift.index);
    for check in &report.checks {
        list.one(&format!("checks.{}.met", check.limit), None, held, Some(f64::from(u8::from(check.met))));
        list.one(&format!("checks.{}.bound", check.limit), None, held, Some(check.bound));
    }
    for feature in &report.features {
        list.feature(feature, learned, held, report.withholds(feature));
    }
    for reason in &report.reasons {
        let name = format!("reasons.{}.mean_taken", reason.feature);
        list.one(&name, Some(&reason.feature), held, Some(reason.mean_taken));
    }
    let months: Vec<Size> = report.vintages.iter().map(|vintage| vintage.size).collect();
    for (vintage, shown) in report.vintages.iter().zip(list.shown(&months)) {
        let name = |what: &str| format!("months.{}.{what}", vintage.month);
        list.cell(&name("rate"), None, vintage.size, Some(vintage.rate.value), shown);
        list.cell(&name("foretold"), None, vintage.size, Some(vintage.foretold), shown);
        list.cell(&name("auc"), None, vintage.size, vintage.auc.map(|auc| auc.value), shown);
        list.cell(&name("psi"), None, vintage.size, vintage.psi, shown);
    }
    for segment in &report.segments {
        let sizes: Vec<Size> = segment.cells.iter().chain(&segment.rest).map(|cell| cell.size).collect();
        for (cell, shown) in segment.cells.iter().chain(&segment.rest).zip(list.shown(&sizes)) {
            let name = |what: &str| format!("segments.{}.{}.{what}", segment.column, cell.value);
            let column = Some(segment.column.as_str());
            list.cell(&name("rate"), column, cell.size, Some(cell.rate.value), shown);
            list.cell(&name("foretold"), column, cell.size, Some(cell.foretold), shown);
            list.cell(&name("auc"), column, cell.size, cell.auc.map(|auc| auc.value), shown);
            list.cell(&name("mean_score"), column, cell.size, Some(cell.mean_score), shown);
        }
    }
    for challenger in &report.challengers {
        list.challenger(challenger, held);
    }
    list.of
}

/// The numbers of a comparison.
pub fn of_comparison(comparison: &Comparison, cells: Cells) -> Vec<Released> {
    let mut list = List { cells, of: Vec::new() };
    list.performance("champion", &comparison.champion_performance);
    list.performance("challenger", &comparison.challenger_performance);
    let all = comparison.size;
    if let Some(difference) = &comparison.auc {
        list.figure("difference.auc", None, all, &difference.auc);
        list.one("difference.auc.p", None, all, Some(difference.p));
    }
    list.figure("difference.brier", None, all, &comparison.brier);
    for swap in &comparison.swaps {
        // The rows that neither lets in are known from the whole.
        let neither = less(less(less(all, swap.both), swap.champion_only), swap.challenger_only);
        let shown = list.shown(&[swap.champion_only, swap.challenger_only, swap.both, neither]);
        let name = |what: &str| format!("swaps.{}.{what}", text(swap.accepted));
        let rate = |figure: &Figure| Some(figure.value);
        list.cell(
            &name("champion_only.rate"),
            None,
            swap.champion_only,
            rate(&swap.champion_only_rate),
            shown[0],
        );
        list.cell(
            &name("challenger_only.rate"),
            None,
            swap.challenger_only,
            rate(&swap.challenger_only_rate),
            shown[1],
        );
    }
    list.of
}

/// The numbers of a monitoring. Without outcomes there are no defaults to count, and rows alone decide.
pub fn of_monitoring(monitoring: &Monitoring, cells: Cells) -> Vec<Released> {
    let events_min = if monitoring.outcomes.is_some() { cells.events_min } else { 0 };
    let mut list = List { cells: Cells { events_min, ..cells }, of: Vec::new() };
    let all = monitoring.size;
    if let Some(outcomes) = &monitoring.outcomes {
        list.performance("new", outcomes);
    } else {
        list.one("new.rows", None, all, Some(all.weight));
    }
    list.one("score.psi", None, all, monitoring.score.as_ref().and_then(|score| score.index));
    list.one("score.psi_by_chance", None, all, monitoring.score.as_ref().map(|score| score.by_chance));
    for feature in &monitoring.features {
        let name = |what: &str| format!("features.{}.{what}", feature.feature);
        let column = Some(feature.feature.as_str());
        list.one(&name("csi"), column, all, feature.shift.index);
        list.one(&name("csi_by_chance"), column, all, Some(feature.shift.by_chance));
    }
    for check in &monitoring.checks {
        list.one(&format!("checks.{}.met", check.limit), None, all, Some(f64::from(u8::from(check.met))));
    }
    list.of
}

struct List {
    cells: Cells,
    of: Vec<Released>,
}

impl List {
    /// Which of the cells of a whole may be shown.
    fn shown(&self, sizes: &[Size]) -> Vec<bool> {
        let cells: Vec<Cell> = sizes.iter().map(|size| cell(*size)).collect();
        withheld(&cells, self.cells.rows_min, self.cells.events_min)
            .into_iter()
            .map(|hidden| !hidden)
            .collect()
    }

    fn cell(&mut self, name: &str, column: Option<&str>, size: Size, value: Option<f64>, shown: bool) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let cell = if shown { cell(size) } else { Cell::default() };
        self.of.push(Released {
            name: name.to_owned(),
            column: column.map(ToOwned::to_owned),
            value: shown.then(|| text(value)),
            rows: cell.rows,
            defaults: cell.bads,
        });
    }

    /// A number of a whole sample.
    fn one(&mut self, name: &str, column: Option<&str>, size: Size, value: Option<f64>) {
        let shown = self.shown(&[size])[0];
        self.cell(name, column, size, value, shown);
    }

    fn figure(&mut self, name: &str, column: Option<&str>, size: Size, figure: &Figure) {
        self.one(name, column, size, Some(figure.value));
        self.one(&format!("{name}.low"), column, size, figure.low);
        self.one(&format!("{name}.high"), column, size, figure.high);
    }

    fn performance(&mut self, sample: &str, found: &Performance) {
        let size = found.size;
        let name = |what: &str| format!("{sample}.{what}");
        self.one(&name("rows"), None, size, Some(size.weight));
        self.one(&name("defaults"), None, size, Some(size.bads));
        for (what, figure) in [
            ("rate", &found.rate),
            ("auc", &found.auc),
            ("gini", &found.gini),
            ("ks", &found.ks),
            ("lift_tenth", &found.lift_tenth),
            ("brier", &found.brier),
        ] {
            self.figure(&name(what), None, size, figure);
        }
        for (what, value) in [
            ("foretold", Some(found.foretold)),
            ("log_loss", found.log_loss),
            ("slope", found.slope),
            ("intercept", found.intercept),
            ("calibration_p", Some(found.calibration_p)),
        ] {
            self.one(&name(what), None, size, value);
        }
        let sizes: Vec<Size> = found.calibration.iter().map(|group| group.size).collect();
        for ((at, group), shown) in found.calibration.iter().enumerate().zip(self.shown(&sizes)) {
            let name = |what: &str| format!("{sample}.calibration.{}.{what}", at + 1);
            self.cell(&name("foretold"), None, group.size, Some(group.foretold), shown);
            self.cell(&name("observed"), None, group.size, Some(group.observed.value), shown);
        }
    }

    /// `guarded`: what is held out of its bins would show small cells of a segment.
    fn feature(&mut self, feature: &FeatureTold, learned: Size, held: Size, guarded: bool) {
        let column = Some(feature.feature.as_str());
        let name = |what: &str| format!("features.{}.{what}", feature.feature);
        self.one(&name("information_value"), column, learned, Some(feature.information_value));
        self.one(&name("csi"), column, held, feature.shift.index);
        let sizes =
            |of: fn(&super::report::BinTold) -> Size| -> Vec<Size> { feature.bins.iter().map(of).collect() };
        let (then, now) = (self.shown(&sizes(|bin| bin.learned)), self.shown(&sizes(|bin| bin.held)));
        for ((bin, then), now) in feature.bins.iter().zip(then).zip(now) {
            let name = |what: &str| format!("features.{}.bins.{}.{what}", feature.feature, bin.what);
            // What a bin earns is computed from its rows. Where it had none, a rule of the plan decides and tells of nobody.
            let then = then || bin.learned.rows == 0;
            self.cell(&name("points"), column, bin.learned, Some(bin.points), then);
            self.cell(&name("woe"), column, bin.learned, Some(bin.woe), then);
            self.cell(&name("learned_rate"), column, bin.learned, Some(bin.learned_rate.value), then);
            self.cell(&name("held_rate"), column, bin.held, Some(bin.held_rate.value), now && !guarded);
        }
    }

    fn challenger(&mut self, challenger: &Challenger, held: Size) {
        let Some(result) = challenger.result else { return };
        let name = |what: &str| format!("challengers.{}.{what}", challenger.name);
        self.figure(&name("auc"), None, held, &result.auc);
        self.one(&name("ks"), None, held, Some(result.ks));
        self.figure(&name("difference"), None, held, &result.difference.auc);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
fn cell(size: Size) -> Cell {
    // By weight the share that defaulted, by rows how many were looked at.
    let share = if size.weight > 0.0 { size.bads / size.weight } else { 0.0 };
    Cell { rows: size.rows, bads: (share * size.rows as f64).round() as u64 }
}

fn less(all: Size, part: Size) -> Size {
    Size {
        rows: all.rows.saturating_sub(part.rows),
        weight: (all.weight - part.weight).max(0.0),
        bads: (all.bads - part.bads).max(0.0),
    }
}

/// Six decimals, without those that are nothing.
fn text(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
