//! What the columns of a history mean, as its owner states it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The meaning of a history's columns. What it does not name is a feature of a guessed kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What is to be foretold.
    pub target: Target,
    /// Column of the observation date or month. A date, a timestamp, `yyyymm`, `yyyy-mm` or `yyyy-mm-dd`.
    #[serde(default)]
    pub month: Option<String>,
    /// Column of the weight of a row, from 0 to 65,536; without one every row weighs 1.
    #[serde(default)]
    pub weight: Option<String>,
    /// Column of whom a row is about, such as the enterprise: no group stands on both sides of a split, and the
    /// errors of a group's rows may depend on each other.
    #[serde(default)]
    pub group: Option<String>,
    /// Columns that are no features.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// What is to be said of single features.
    #[serde(default)]
    pub columns: BTreeMap<String, Feature>,
    /// How many fine bins a numeric feature has at most before it is binned, from 2 to 60,000. Up to about 250 a row
    /// takes one byte a feature, above two.
    #[serde(default = "fine_bins")]
    pub fine_bins: u16,
    /// Where numeric bins may begin: at numbers of at most so many decimals, from 0 to 12; anywhere when absent. The engine
    /// that serves a model holds four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
}

fn fine_bins() -> u16 {
    200
}

impl Description {
    /// A description that names the target only.
    pub fn of_target(column: &str, default: Label) -> Description {
        Description {
            target: Target { column: column.to_owned(), default },
            month: None,
            weight: None,
            group: None,
            exclude: Vec::new(),
            columns: BTreeMap::new(),
            fine_bins: fine_bins(),
            decimals: None,
        }
    }

    /// The columns that have a part of their own: target, month, weight and group.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let others = [&self.month, &self.weight, &self.group].into_iter().flatten().map(String::as_str);
        std::iter::once(self.target.column.as_str()).chain(others)
    }

    pub(super) fn is_feature(&self, column: &str) -> bool {
        !self.parts().any(|part| part == column) && !self.exclude.iter().any(|name| name == column)
    }
}

/// The column to foretell, and its value that means default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the column. It has exactly two values and none missing.
    pub column: String,
    /// The value that means default; the other means that there was none.
    pub default: Label,
}

/// A value as a description writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// `true` or `false`; in a column of numbers 1 or 0.
    Truth(bool),
    /// A number. Infinities are numbers, not-a-number is always a missing value.
    Number(f64),
    /// A text.
    Text(String),
}

impl Label {
    /// As a number, unless it is a text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Label::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Label::Number(number) => Some(*number),
            Label::Text(_) => None,
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Truth(truth) => write!(f, "{truth}"),
            Label::Number(number) => write!(f, "{number}"),
            Label::Text(text) => f.write_str(text),
        }
    }
}

/// What is to be said of one feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feature {
    /// Without it, columns of text are categories and all others numbers.
    pub kind: Option<Kind>,
    /// Values that stand for something else than their size, such as -999; each has a bin of its own.
    pub special: Vec<Label>,
    /// Numbers at which a fine bin must begin, so that a bin can.
    pub cuts: Vec<f64>,
}

/// Whether the size of a value matters, or only which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Ordered by size.
    Numeric,
    /// A name, also where it is written with digits.
    Categorical,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_from_a_document() {
        let text = r#"{"target": {"column": "y", "default": "bad"}, "month": "m", "exclude": ["id"],
            "columns": {"a": {"special": [-999, "n/a"], "cuts": [1.5]}, "b": {"kind": "categorical"}}}"#;
        let read: Description = serde_json::from_str(text).expect("a description");
        assert_eq!(read.target.default, Label::Text("bad".into()));
        assert_eq!(read.columns["a"].special, [Label::Number(-999.0), Label::Text("n/a".into())]);
        assert_eq!(read.columns["b"].kind, Some(Kind::Categorical));
        assert_eq!(read.fine_bins, 200);
        assert!(["y", "m", "id"].iter().all(|part| !read.is_feature(part)) && read.is_feature("a"));
        assert!(serde_json::from_str::<Description>(r#"{"target": {"column": "y"}}"#).is_err());
        assert!(
            serde_json::from_str::<Description>(
                r#"{"target": {"column": "y", "default": 1}, "wieght": "w"}"#
            )
            .is_err()
        );
    }
}
