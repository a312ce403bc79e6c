//! From the columns of files to codes, in two passes and bounded memory.
//!
//! The first pass sketches the learning rows of a column, which fixes its fine bins; the second turns every row into
//! the code of its bin. Columns are independent, so threads share them out. What stays is the codes, one or two bytes
//! a row and feature.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::codes::{Coder, Codes, Fine, Layout};
use super::description::{Description, Feature, Kind};
use super::error::{Finding, HistoryError};
use super::future::written;
use super::rows::{Rows, month_of_text};
use super::sketch::Sketch;
use super::source::{Batch, Shape, Source};
use super::split::Split;
use crate::mass::{Count, Mass};

/// The most categories of a feature.
const CATEGORIES_MAX: usize = 60_000;
/// From so many categories on a feature is worth a finding.
const CATEGORIES_MANY: usize = 1000;
/// A feature separates the classes when it takes at most so many rows for the other class, by those of the lesser class: a cut
/// may lie inside a fine bin.
const SEPARATES: f64 = 0.01;
/// A column of at most so many rows is kept between its passes, 32 MiB a thread.
const KEPT_MAX: usize = 4 << 20;

/// An opened history: rows are known, features not read yet.
pub struct History {
    pub(super) source: Source,
    pub(super) description: Description,
    /// What is known of each row apart from its features.
    pub rows: Rows,
}

/// A feature of all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What the codes stand for.
    pub layout: Layout,
    /// A code a row.
    pub codes: Codes,
}

impl Column {
    /// Goods and bads of the given rows by code; as long as the layout.
    pub fn counts(&self, rows: &Rows, of: &[u32]) -> Vec<Count> {
        let mut counts = vec![Count::default(); self.layout.len()];
        for &row in of {
            counts[self.codes.at(row as usize)].add(rows.default[row as usize], rows.mass(row as usize));
        }
        counts
    }
}

/// The features of a history as codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// In the order of the first file.
    pub columns: Vec<Column>,
    /// What is worth knowing about them, in the same order.
    pub findings: Vec<Finding>,
}

impl History {
    /// Reads target, weight, month and group of all rows of Parquet files with the same columns.
    ///
    /// # Errors
    /// A file that cannot be read, a column that is not there, a target without two classes, a negative weight.
    pub fn open(files: &[PathBuf], description: Description) -> Result<History, HistoryError> {
        if !(2..=60_000).contains(&description.fine_bins) {
            let found = description.fine_bins.to_string();
            return Err(HistoryError::Setting { setting: "fine_bins", found, expected: "2 to 60000" });
        }
        let source = Source::open(files)?;
        let named = description.parts().chain(description.columns.keys().map(String::as_str));
        for column in named.chain(description.exclude.iter().map(String::as_str)) {
            source.shape(column)?;
        }
        let rows = Rows::read(&source, &description)?;
        Ok(History { source, description, rows })
    }

    /// The columns that are features, in the order of the first file.
    pub fn features(&self) -> Vec<String> {
        let mut columns = self.source.columns();
        columns.retain(|column| self.description.is_feature(column));
        columns
    }

    /// All features as codes; fine bins and categories are those of the rows that learn. The result is the same for
    /// any number of threads, and, apart from the order of the codes, in any order of the rows.
    ///
    /// # Errors
    /// A type that is no feature, an infinity that is not declared special, more than 60,000 categories.
    pub fn encode(&self, split: &Split, threads: usize) -> Result<Table, HistoryError> {
        let features = self.features();
        if features.is_empty() {
            return Err(HistoryError::Empty { what: "feature" });
        }
        let mut learns = vec![false; self.rows.len()];
        split.learn.iter().for_each(|row| learns[*row as usize] = true);
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, features.len()) {
                scope.spawn(|| {
                    while let Some((at, feature)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        features.get(at).map(|feature| (at, feature))
                    } {
                        let column = self.encode_one(feature, &learns, split);
                        done.lock().unwrap_or_else(PoisonError::into_inner).insert(at, column);
                    }
                });
            }
        });
        let mut table = Table { columns: Vec::new(), findings: Vec::new() };
        // The first fault in the order of the columns, whichever thread met one first.
        for outcome in done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            let (column, findings) = outcome?;
            table.columns.push(column);
            table.findings.extend(findings);
        }
        Ok(table)
    }

    /// Whether the size of a feature's values matters: as its description says, or by its type.
    ///
    /// # Errors
    /// No such column, or of another type in another file.
    pub fn kind(&self, column: &str) -> Result<Kind, HistoryError> {
        let by_type = match self.source.shape(column)? {
            Shape::Text => Kind::Categorical,
            Shape::Number | Shape::Day => Kind::Numeric,
        };
        Ok(self.description.columns.get(column).and_then(|feature| feature.kind).unwrap_or(by_type))
    }

    fn encode_one(
        &self,
        column: &str,
        learns: &[bool],
        split: &Split,
    ) -> Result<(Column, Vec<Finding>), HistoryError> {
        let feature = self.description.columns.get(column).cloned().unwrap_or_default();
        let (column, mut findings) = match (self.kind(column)?, self.source.shape(column)?) {
            (Kind::Categorical, _) => self.encode_names(column, &feature, learns)?,
            (Kind::Numeric, Shape::Number | Shape::Day) => self.encode_numbers(column, &feature, learns)?,
            (Kind::Numeric, Shape::Text) => {
                let (file, found) = (PathBuf::new(), "text".to_owned());
                return Err(HistoryError::Type { file, column: column.into(), found, expected: "numbers" });
            }
        };
        findings.extend(separates(&column, &self.rows, split));
        Ok((column, findings))
    }

    fn encode_numbers(
        &self,
        column: &str,
        feature: &Feature,
        learns: &[bool],
    ) -> Result<(Column, Vec<Finding>), HistoryError> {
        let special: Vec<f64> = feature.special.iter().filter_map(super::Label::number).collect();
        let shape = self.source.shape(column)?;
        // So long as every number is written as a date; of most columns the first is not.
        let mut dates = true;
        let mut sketch = Sketch::default();
        let mut kept = Vec::new();
        let keeps = self.rows.len() <= KEPT_MAX;
        let mut row = 0;
        self.source.visit(column, |file, first, batch| {
            let numbers = numbers(&batch);
            refuse_infinities(file, first, column, numbers, &special)?;
            for (number, learns) in numbers.iter().zip(&learns[row..]) {
                if *learns && !special.contains(number) {
                    sketch.add(*number);
                    dates = dates && (shape == Shape::Day || number.is_nan() || written(*number).is_some());
                }
            }
            row += numbers.len();
            if keeps {
                kept.extend_from_slice(numbers);
            }
            Ok(())
        })?;
        let mut findings = Vec::new();
        if sketch.is_empty() {
            findings.push(Finding::AllMissing { column: column.into() });
        } else if let Some(value) = sketch.constant() {
            findings.push(Finding::Constant { column: column.into(), value: value.to_string() });
        }
        if dates && !sketch.is_empty() {
            findings.extend(self.future(column, shape, learns)?);
        }
        let mut edges = sketch.edges(self.description.fine_bins);
        edges.extend(feature.cuts.iter().filter(|cut| cut.is_finite()));
        if let Some(decimals) = self.description.decimals {
            for edge in &mut edges {
                *edge = rounded(*edge, decimals);
            }
        }
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let layout =
            Layout { column: column.into(), special: feature.special.clone(), fine: Fine::Numeric { edges } };
        let mut codes = Codes::with_capacity(layout.len(), self.rows.len());
        let coder = Coder::new(&layout);
        if keeps {
            for number in &kept {
                codes.push(coder.number(*number));
            }
        } else {
            self.source.visit(column, |_, _, batch| {
                for number in numbers(&batch) {
                    codes.push(coder.number(*number));
                }
                Ok(())
            })?;
        }
        Ok((Column { layout, codes }, findings))
    }

    fn encode_names(
        &self,
        column: &str,
        feature: &Feature,
        learns: &[bool],
    ) -> Result<(Column, Vec<Finding>), HistoryError> {
        let special: Vec<String> = feature.special.iter().map(ToString::to_string).collect();
        let mut known = std::collections::HashSet::new();
        let mut row = 0;
        self.source.visit(column, |_, _, batch| {
            each_name(&batch, |name| {
                let learns = learns[row];
                row += 1;
                if let Some(name) = name
                    && learns
                    && !known.contains(name)
                    && !special.iter().any(|s| s == name)
                {
                    known.insert(name.to_owned());
                }
            });
            if known.len() > CATEGORIES_MAX {
                return Err(HistoryError::Categories { column: column.into(), bound: CATEGORIES_MAX });
            }
            Ok(())
        })?;
        let mut labels: Vec<String> = known.into_iter().collect();
        labels.sort_unstable();
        let mut findings = Vec::new();
        match labels.as_slice() {
            [] => findings.push(Finding::AllMissing { column: column.into() }),
            [one] => findings.push(Finding::Constant { column: column.into(), value: one.clone() }),
            many if many.len() >= CATEGORIES_MANY => {
                findings.push(Finding::ManyCategories { column: column.into(), found: many.len() });
            }
            _ => {}
        }
        if !labels.is_empty() && labels.iter().all(|label| month_of_text(label).is_some()) {
            findings.extend(self.future(column, self.source.shape(column)?, learns)?);
        }
        let special_labels = feature.special.clone();
        let layout =
            Layout { column: column.into(), special: special_labels, fine: Fine::Categorical { labels } };
        let mut codes = Codes::with_capacity(layout.len(), self.rows.len());
        let coder = Coder::new(&layout);
        self.source.visit(column, |_, _, batch| {
            each_name(&batch, |name| codes.push(coder.name(name)));
            Ok(())
        })?;
        drop(coder);
        Ok((Column { layout, codes }, findings))
    }
}

fn numbers<'a>(batch: &Batch<'a>) -> &'a [f64] {
    match batch {
        Batch::Numbers(numbers) => numbers,
        Batch::Texts(_) => unreachable!("the shape of the column is numbers"),
    }
}

/// Shows the names of a batch; numbers are names as they are written.
fn each_name(batch: &Batch<'_>, mut show: impl FnMut(Option<&str>)) {
    match batch {
        Batch::Texts(texts) => texts.iter().for_each(|text| show(*text)),
        Batch::Numbers(numbers) => {
            for number in *numbers {
                if number.is_nan() { show(None) } else { show(Some(&number.to_string())) }
            }
        }
    }
}

/// The nearest number of so many decimals; as it is where that many are beyond its digits.
fn rounded(number: f64, decimals: u8) -> f64 {
    let unit = (0..decimals.min(12)).fold(1.0, |unit, _| unit * 10.0);
    let scaled = (number * unit).round();
    if scaled.abs() < 9e15 { scaled / unit + 0.0 } else { number }
}

pub(crate) fn refuse_infinities(
    file: &Path,
    first: u64,
    column: &str,
    numbers: &[f64],
    special: &[f64],
) -> Result<(), HistoryError> {
    match numbers.iter().position(|number| number.is_infinite() && !special.contains(number)) {
        None => Ok(()),
        Some(at) => Err(HistoryError::Value {
            file: file.into(),
            row: first + at as u64,
            column: column.into(),
            found: numbers.get(at).map(ToString::to_string).unwrap_or_default(),
            expected: "a finite number, or an infinity declared special",
        }),
    }
}

/// Whether a feature tells the classes apart all but without error among the learning rows, and by few of its values: a number by
/// where it lies, a category by its name.
fn separates(column: &Column, rows: &Rows, split: &Split) -> Option<Finding> {
    let counts = column.counts(rows, &split.learn);
    let used: Vec<Count> = counts.iter().copied().filter(|c| c.total() != Mass::ZERO).collect();
    let whole: Count = used.iter().copied().sum();
    let wrong: f64 = used.iter().map(|c| c.goods.min(c.bads).value()).sum();
    let defaults = |count: &Count| count.bads > count.goods;
    // Along a number neighbours of one class are one; nothing is between missing, special and unseen values.
    let values = match column.layout.fine {
        Fine::Numeric { .. } => {
            let apart = column.layout.fine_from();
            let (alone, along) = counts.split_at(apart.min(counts.len()));
            let is_used = |c: &&Count| c.total() != Mass::ZERO;
            let along: Vec<bool> = along.iter().filter(is_used).map(defaults).collect();
            alone.iter().filter(is_used).count() + along.chunk_by(|a, b| a == b).count()
        }
        Fine::Categorical { .. } => used.len(),
    };
    let both = used.iter().any(defaults) && !used.iter().all(defaults);
    let lesser = whole.goods.min(whole.bads).value();
    (both && wrong <= SEPARATES * lesser && values * 4 <= split.learn.len()).then(|| Finding::Separates {
        column: column.layout.column.clone(),
        error: if lesser > 0.0 { wrong / lesser } else { 0.0 },
    })
}
