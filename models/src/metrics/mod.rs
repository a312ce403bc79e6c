//! How good a model is, on rows it was or was not fitted to.

mod calibration;
mod gains;
mod rank;
mod stability;

pub use calibration::{Calibration, Group, Losses, Seen, calibration, losses};
pub use gains::{Gain, gains};
pub use rank::{Auc, Ks, auc, ks};
pub use stability::{Shift, Stability, population_stability};

use crate::mass::{Count, Mass};

/// A sample and the risk that a model gives each row, sorted for the measures of this module.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Rows of one risk together, by ascending risk.
    ties: Vec<Tie>,
    total: Count,
}

/// Rows of one risk.
type Tie = (f64, Count);

/// Why a sample cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ScoredError {
    /// A risk is not-a-number.
    #[error("row {row} has no risk: not a number")]
    NoRisk {
        /// Row, from 0.
        row: usize,
    },
    /// Nobody defaulted, or everybody.
    #[error("the sample has one class only, expected two")]
    OneClass,
}

impl Scored {
    /// `rows` are risk (a probability, or anything that rises with it), whether the row defaulted, weight.
    ///
    /// # Errors
    /// A risk that is not a number, one class only.
    pub fn new(rows: impl IntoIterator<Item = (f64, bool, Mass)>) -> Result<Scored, ScoredError> {
        let mut sorted: Vec<(f64, bool, Mass)> = Vec::new();
        for (row, entry) in rows.into_iter().enumerate() {
            if entry.0.is_nan() {
                return Err(ScoredError::NoRisk { row });
            }
            sorted.push((entry.0 + 0.0, entry.1, entry.2));
        }
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut ties: Vec<Tie> = Vec::new();
        for (risk, default, weight) in sorted {
            match ties.last_mut() {
                Some(tie) if tie.0.to_bits() == risk.to_bits() => tie.1.add(default, weight),
                _ => {
                    let mut count = Count::default();
                    count.add(default, weight);
                    ties.push((risk, count));
                }
            }
        }
        let total: Count = ties.iter().map(|tie| tie.1).sum();
        if total.goods == Mass::ZERO || total.bads == Mass::ZERO {
            return Err(ScoredError::OneClass);
        }
        Ok(Scored { ties, total })
    }

    /// Rows of one risk together, by ascending risk.
    pub(crate) fn ties(&self) -> &[(f64, Count)] {
        &self.ties
    }

    /// Goods and bads.
    pub fn total(&self) -> Count {
        self.total
    }

    /// The rows in about `groups` equally heavy groups by ascending risk, rows of one risk together: for each the ties.
    pub(super) fn groups(&self, groups: usize) -> Vec<&[Tie]> {
        let whole = u128::from(self.total.total().units());
        let mut before = 0u128;
        let groups = groups.max(1) as u128;
        let slots: Vec<u128> = self
            .ties
            .iter()
            .map(|tie| {
                let weight = u128::from(tie.1.total().units());
                let slot = (2 * before + weight) * groups / (2 * whole);
                before += weight;
                slot
            })
            .collect();
        let mut cut = Vec::new();
        let mut from = 0;
        for run in slots.chunk_by(|a, b| a == b) {
            cut.push(&self.ties[from..from + run.len()]);
            from += run.len();
        }
        cut
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn scored(rows: &[(f64, bool)]) -> Scored {
        Scored::new(rows.iter().map(|(risk, default)| (*risk, *default, Mass::ONE))).expect("two classes")
    }

    #[test]
    fn samples_that_cannot_be_measured_are_refused() {
        let check = |rows: &[(f64, bool)], expected| {
            let found = Scored::new(rows.iter().map(|(risk, default)| (*risk, *default, Mass::ONE)));
            assert_eq!(found, Err(expected));
        };
        check(&[(0.1, true), (f64::NAN, false)], ScoredError::NoRisk { row: 1 });
        check(&[(0.1, true), (0.2, true)], ScoredError::OneClass);
        check(&[], ScoredError::OneClass);
    }
}
