//! A model as one SQL query: `CASE` for each feature, and their sum.
//!
//! For `DuckDB`, and others that know `isnan` and `CAST(… AS DOUBLE)`. Cuts are cast from text, so that no detour over decimals
//! moves them; points are decimals, which add exactly. Columns must have the types they had in training: numbers or truth
//! values for numeric features, texts for categories.

use std::fmt::Write as _;

use crate::history::{Kind, Label};
use crate::model::{Feature, Model, ModelBin, Values};

/// A query that gives every row of `table` (a name or any expression that stands after `FROM`) as it is, with a column of
/// points for each feature, `points:COLUMN`, and the `score`.
pub fn sql(model: &Model, table: &str) -> String {
    let mut text = format!(
        "-- {} {} ({}), {} features\nSELECT *,\n  {}",
        one_line(&model.plan.title),
        model.plan.edition,
        model.plan.id,
        model.features.len(),
        model.base
    );
    for feature in &model.features {
        let _ = write!(text, " + {}", name(&points_of(feature)));
    }
    text.push_str(" AS score\nFROM (\n  SELECT *");
    for feature in &model.features {
        let _ = write!(text, ",\n{}", case(feature));
    }
    let _ = write!(text, "\n  FROM {table}\n) AS pointed\n");
    text
}

fn points_of(feature: &Feature) -> String {
    format!("points:{}", feature.column)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A name in quotes.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text in quotes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn number(number: f64) -> String {
    format!("CAST('{number}' AS DOUBLE)")
}

fn case(feature: &Feature) -> String {
    let column = name(&feature.column);
    let of = |wanted: fn(&Values) -> bool| {
        feature.bins.iter().find(|bin| wanted(&bin.values)).map_or(0.0, |b| b.points)
    };
    let (missing, unseen) = (of(|v| matches!(v, Values::Missing(_))), of(|v| matches!(v, Values::Unseen(_))));
    let mut text = format!("    CASE\n      WHEN {column} IS NULL THEN {missing}");
    let special = |bin: &ModelBin| match &bin.values {
        Values::Special(label) => Some((label.clone(), bin.points)),
        _ => None,
    };
    match feature.kind {
        Kind::Numeric => {
            let _ = write!(text, "\n      WHEN isnan(CAST({column} AS DOUBLE)) THEN {missing}");
            for (label, points) in feature.bins.iter().filter_map(special) {
                if let Some(value) = label.number() {
                    let _ = write!(text, "\n      WHEN {column} = {} THEN {points}", number(value));
                }
            }
            for bin in &feature.bins {
                match bin.values {
                    Values::Range(_, Some(to)) => {
                        let _ = write!(text, "\n      WHEN {column} < {} THEN {}", number(to), bin.points);
                    }
                    Values::Range(_, None) => {
                        let _ = write!(text, "\n      ELSE {}", bin.points);
                    }
                    _ => {}
                }
            }
        }
        Kind::Categorical => {
            let special = feature
                .bins
                .iter()
                .filter_map(special)
                .map(|(label, points)| (vec![text_of(&label)], points));
            let known = feature.bins.iter().filter_map(|bin| match &bin.values {
                Values::Categories(names) if !names.is_empty() => Some((names.clone(), bin.points)),
                _ => None,
            });
            for (names, points) in special.chain(known) {
                let names: Vec<String> = names.iter().map(|one| literal(one)).collect();
                let _ = write!(text, "\n      WHEN {column} IN ({}) THEN {points}", names.join(", "));
            }
            let _ = write!(text, "\n      ELSE {unseen}");
        }
    }
    let _ = write!(text, "\n    END AS {}", name(&points_of(feature)));
    text
}

fn text_of(label: &Label) -> String {
    label.to_string()
}
