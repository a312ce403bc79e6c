//! What features gave, a row a point: nine bytes a value.

use std::collections::BTreeMap;

use hengxin_core::reading::{Measured, Unknown};

use crate::relatives::TooMany;

/// Why nothing can be said of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing was known of the subject at the moment.
    NobodyKnown,
    /// It has too many relatives.
    TooMany,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NobodyKnown => f.write_str("nothing was known of the subject at the moment"),
            Refusal::TooMany => write!(f, "the subject has {TooMany}"),
        }
    }
}

impl Refusal {
    /// The field at fault, what was found, and what was expected.
    pub fn told(self, subject: &str) -> (&'static str, String, &'static str) {
        match self {
            Refusal::NobodyKnown => (
                "subject",
                format!("`{subject}`, of whom nothing was known at the moment"),
                "a subject with a record: of others the engine says nothing either",
            ),
            Refusal::TooMany => ("subject", format!("`{subject}` with {TooMany}"), "fewer relations"),
        }
    }
}

/// The values of all features on all points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    width: usize,
    /// Row after row; 0 where there is none.
    numbers: Vec<i64>,
    /// Likewise: 0 where the value is known, else the place of the reason in [`Unknown::ALL`] plus one.
    reasons: Vec<u8>,
    /// Rows of which nothing can be said.
    refused: BTreeMap<usize, Refusal>,
}

impl Values {
    /// Room for so many rows of so many features.
    pub fn new(rows: usize, width: usize) -> Values {
        Values {
            width,
            numbers: vec![0; rows * width],
            reasons: vec![0; rows * width],
            refused: BTreeMap::new(),
        }
    }

    /// Puts down what one point gave.
    pub fn put(&mut self, row: usize, given: Result<&[Measured], Refusal>) {
        let measured = match given {
            Ok(measured) => measured,
            Err(refusal) => {
                self.refused.insert(row, refusal);
                return;
            }
        };
        let cells = row * self.width..(row + 1) * self.width;
        let (numbers, reasons) = (&mut self.numbers[cells.clone()], &mut self.reasons[cells]);
        for ((number, reason), measured) in numbers.iter_mut().zip(reasons).zip(measured) {
            match measured {
                Measured::Known(value) => (*number, *reason) = (*value, 0),
                Measured::Unknown(why) => {
                    let place = Unknown::ALL.iter().position(|known| known == why).unwrap_or(0);
                    (*number, *reason) = (0, u8::try_from(place + 1).unwrap_or(u8::MAX));
                }
            }
        }
    }

    /// What a feature gave on a point that was not refused.
    pub fn get(&self, row: usize, feature: usize) -> Measured {
        let cell = row * self.width + feature;
        match usize::from(self.reasons[cell]).checked_sub(1).and_then(|place| Unknown::ALL.get(place)) {
            Some(why) => Measured::Unknown(*why),
            None => Measured::Known(self.numbers[cell]),
        }
    }

    /// Rows of which nothing can be said, with the reason, ascending.
    pub fn refused(&self) -> &BTreeMap<usize, Refusal> {
        &self.refused
    }
}
