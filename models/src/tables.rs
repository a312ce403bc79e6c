//! Results as Parquet, for whoever goes on in a notebook: one row a bin, one row a scored row.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal64Array, Float64Array, RecordBatch, StringArray, UInt32Array,
};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use crate::model::{Model, Values, range};
use crate::scaling::UNIT;
use crate::training::Trained;

/// The bins of a model: `column`, `bin` (its place), `values` in words, `goods`, `defaults`, `default_rate`, `woe`, `points`.
///
/// # Errors
/// What the writer says.
pub fn bins(model: &Model) -> Result<Vec<u8>, ParquetError> {
    let bins = || {
        let of = |feature| feature_bins(feature).map(move |(place, bin)| (feature, place, bin));
        model.features.iter().flat_map(of)
    };
    let numbers = |of: fn(&crate::model::ModelBin) -> f64| -> ArrayRef {
        Arc::new(bins().map(|(_, _, bin)| Some(of(bin))).collect::<Float64Array>())
    };
    write(vec![
        ("column", Arc::new(StringArray::from_iter_values(bins().map(|(feature, ..)| &feature.column)))),
        ("bin", Arc::new(UInt32Array::from_iter_values(bins().map(|(_, place, _)| place)))),
        ("values", Arc::new(StringArray::from_iter_values(bins().map(|(_, _, bin)| words(&bin.values))))),
        ("goods", numbers(|bin| bin.goods)),
        ("defaults", numbers(|bin| bin.defaults)),
        (
            "default_rate",
            Arc::new(
                bins()
                    .map(|(_, _, bin)| bin.defaults / (bin.goods + bin.defaults))
                    .map(|rate| Some(rate).filter(|rate| !rate.is_nan()))
                    .collect::<Float64Array>(),
            ),
        ),
        ("woe", numbers(|bin| bin.woe)),
        ("points", numbers(|bin| bin.points)),
    ])
}

fn feature_bins(feature: &crate::model::Feature) -> impl Iterator<Item = (u32, &crate::model::ModelBin)> {
    (0u32..).zip(&feature.bins)
}

/// The values of a bin as people read them.
pub fn words(values: &Values) -> String {
    match values {
        Values::Range(from, to) => range(*from, *to),
        Values::Categories(names) => names.join(", "),
        Values::Special(label) => label.to_string(),
        Values::Missing(_) => "missing".to_owned(),
        Values::Unseen(_) => "not seen in training".to_owned(),
    }
}

/// The rows of a training in the order of its files: `row` from 0, `month`, `held_out`, `defaulted`, `score` (decimal of four
/// places), `probability` of default.
///
/// # Errors
/// What the writer says.
pub fn trained(trained: &Trained) -> Result<Vec<u8>, ParquetError> {
    let rows = &trained.rows;
    let mut held = vec![false; rows.len()];
    trained.split.hold.iter().for_each(|row| held[*row as usize] = true);
    let mut columns = numbered(&trained.scores, &trained.model)?;
    let months = rows.month.as_ref();
    let month = (0..rows.len()).map(|row| months.map(|months| months[row].to_string()));
    columns.insert(1, ("month", Arc::new(month.collect::<StringArray>())));
    columns.insert(2, ("held_out", Arc::new(BooleanArray::from(held))));
    columns.insert(3, ("defaulted", Arc::new(BooleanArray::from(rows.default.clone()))));
    write(columns)
}

/// Scores of a history: `row` from 0, `score` (decimal of four places), `probability` of default.
///
/// # Errors
/// What the writer says.
pub fn scored(scores: &[i64], model: &Model) -> Result<Vec<u8>, ParquetError> {
    write(numbered(scores, model)?)
}

pub(crate) type Columns = Vec<(&'static str, ArrayRef)>;

fn numbered(scores: &[i64], model: &Model) -> Result<Columns, ParquetError> {
    let scaling = model.plan.scaling;
    let probability = |score: &i64| {
        let linear = scaling.linear(*score);
        crate::logistic::pass::logistic(linear).0
    };
    let decimals =
        Decimal64Array::from_iter_values(scores.iter().copied()).with_precision_and_scale(18, 4)?;
    let rows = (0u32..).take(scores.len());
    Ok(vec![
        ("row", Arc::new(UInt32Array::from_iter_values(rows))),
        ("score", Arc::new(decimals)),
        ("probability", Arc::new(Float64Array::from_iter_values(scores.iter().map(probability)))),
    ])
}

pub(crate) fn write(columns: Columns) -> Result<Vec<u8>, ParquetError> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// A score as people read it.
pub fn points(score: i64) -> f64 {
    score as f64 / UNIT
}
