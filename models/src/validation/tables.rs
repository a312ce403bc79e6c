//! Bins and months of a report as Parquet, for those who go on in a notebook.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use parquet::errors::ParquetError;

use super::report::{BinTold, Figure, Report, Side, Vintage};
use crate::tables::write;

/// A row for each bin of each feature: counts, rates and their intervals, learned and held out.
///
/// # Errors
/// What the writer says.
pub fn bins_table(report: &Report) -> Result<Vec<u8>, ParquetError> {
    let bins: Vec<(&str, &BinTold)> =
        report.features.iter().flat_map(|f| f.bins.iter().map(|bin| (f.feature.as_str(), bin))).collect();
    let number = |of: fn(&BinTold) -> f64| numbers(bins.iter().map(|(_, bin)| Some(of(bin))));
    let end = |of: fn(&BinTold) -> Option<f64>| numbers(bins.iter().map(|(_, bin)| of(bin)));
    write(vec![
        ("feature", texts(bins.iter().map(|(feature, _)| *feature))),
        ("bin", texts(bins.iter().map(|(_, bin)| bin.what.as_str()))),
        ("points", number(|b| b.points)),
        ("woe", number(|b| b.woe)),
        ("learned_rows", counts(bins.iter().map(|(_, b)| b.learned.rows))),
        ("learned_bads", number(|b| b.learned.bads)),
        ("learned_rate", number(|b| b.learned_rate.value)),
        ("learned_rate_low", end(|b| b.learned_rate.low)),
        ("learned_rate_high", end(|b| b.learned_rate.high)),
        ("held_rows", counts(bins.iter().map(|(_, b)| b.held.rows))),
        ("held_bads", number(|b| b.held.bads)),
        ("held_rate", number(|b| b.held_rate.value)),
        ("held_rate_low", end(|b| b.held_rate.low)),
        ("held_rate_high", end(|b| b.held_rate.high)),
    ])
}

/// A row for each month.
///
/// # Errors
/// What the writer says.
pub fn months_table(report: &Report) -> Result<Vec<u8>, ParquetError> {
    let months = &report.vintages;
    let number = |of: fn(&Vintage) -> Option<f64>| numbers(months.iter().map(of));
    let area = |v: &Vintage, of: fn(&Figure) -> Option<f64>| v.auc.as_ref().and_then(of);
    let side = |v: &Vintage| match v.side {
        Side::Learned => "learned",
        Side::HeldOut => "held-out",
        Side::Both => "both",
    };
    write(vec![
        ("month", texts(months.iter().map(|v| v.month.as_str()))),
        ("side", texts(months.iter().map(side))),
        ("rows", counts(months.iter().map(|v| v.size.rows))),
        ("bads", number(|v| Some(v.size.bads))),
        ("rate", number(|v| Some(v.rate.value))),
        ("foretold", number(|v| Some(v.foretold))),
        ("auc", numbers(months.iter().map(|v| area(v, |a| Some(a.value))))),
        ("auc_low", numbers(months.iter().map(|v| area(v, |a| a.low)))),
        ("auc_high", numbers(months.iter().map(|v| area(v, |a| a.high)))),
        ("psi", number(|v| v.psi)),
        ("psi_by_chance", number(|v| Some(v.psi_by_chance))),
    ])
}

fn texts<'a>(of: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(of))
}

fn numbers(of: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(of.collect::<Float64Array>())
}

fn counts(of: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(of))
}
