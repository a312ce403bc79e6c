//! A model in the words of other programs.

mod pmml;
mod sql;
mod standard;

pub use pmml::pmml;
pub use sql::sql;
pub use standard::{ExportedFile, code, labels, standard, ten_thousandths};

use crate::history::Kind;
use crate::model::{Feature, Values};

/// Why a model cannot be told in other words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// A cut that the engine cannot hold.
    #[error(
        "feature `{column}`: a bin begins at {cut}, which has more than four decimals; train with `history.decimals` of at most 4"
    )]
    Cut {
        /// Which feature.
        column: String,
        /// Where.
        cut: f64,
    },
    /// A special value among numbers that the engine cannot hold.
    #[error(
        "feature `{column}`: special value `{value}` among numbers, expected a number of at most four decimals: exclude the feature \
         or leave the value missing"
    )]
    Special {
        /// Which feature.
        column: String,
        /// Which value.
        value: String,
    },
    /// More categories than an enumeration holds.
    #[error("feature `{column}` has {found} categories, expected at most {most}; group them")]
    Categories {
        /// Which feature.
        column: String,
        /// How many.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A character that XML cannot hold.
    #[error("`{of}`: found the character {found:?} in a name, expected one that XML 1.0 can hold")]
    Character {
        /// The feature, or `title`.
        of: String,
        /// Which.
        found: char,
    },
}

/// The points of a feature's bins.
struct Earned {
    /// The least and the most that a value which is there may earn.
    least: f64,
    most: f64,
    missing: f64,
    unseen: f64,
}

fn earned(feature: &Feature) -> Earned {
    let of = |wanted: fn(&Values) -> bool| {
        feature.bins.iter().find(|bin| wanted(&bin.values)).map_or(0.0, |bin| bin.points)
    };
    let is_there = |values: &Values| match feature.kind {
        // A text among numbers is refused wherever fields have a type.
        Kind::Numeric => matches!(values, Values::Range(..) | Values::Special(_)),
        Kind::Categorical => !matches!(values, Values::Missing(_)),
    };
    let known = feature.bins.iter().filter(|bin| is_there(&bin.values)).map(|bin| bin.points);
    let (least, most) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p), b.max(p)));
    Earned {
        least,
        most,
        missing: of(|values| matches!(values, Values::Missing(_))),
        unseen: of(|values| matches!(values, Values::Unseen(_))),
    }
}

/// Points and cuts are whole ten-thousandths: shortest digits without an exponent.
fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
