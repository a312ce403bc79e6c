//! Weighted counts as integers, so that they add exactly.

use std::ops::{Add, AddAssign, Sub};

/// One unit of weight in the integers of [`Mass`].
const ONE: u64 = 1 << 20;

/// A weight, or a sum of weights, in 2^-20ths. A history's whole mass stays below 2^53 of them (8.6 thousand million
/// rows of weight one), so that a mass is also exact as an `f64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mass(u64);

impl Mass {
    /// No weight.
    pub const ZERO: Mass = Mass(0);
    /// The weight of a row that states none.
    pub const ONE: Mass = Mass(ONE);
    /// The largest weight one row may state.
    pub const WEIGHT_MAX: f64 = 65_536.0;
    /// What a whole history may weigh, exclusive.
    pub(crate) const LIMIT: u128 = 1 << 53;

    /// The nearest 2^-20th; `None` unless `0 ≤ weight ≤ WEIGHT_MAX`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 2^36")]
    pub fn from_weight(weight: f64) -> Option<Mass> {
        (0.0..=Mass::WEIGHT_MAX).contains(&weight).then(|| Mass((weight * ONE as f64).round() as u64))
    }

    /// So many rows of weight one.
    pub const fn rows(n: u64) -> Mass {
        Mass(n * ONE)
    }

    pub(crate) const fn from_units(units: u64) -> Mass {
        Mass(units)
    }

    /// The nearest 2^-20th of a sum of weights as it was written; `None` beyond what a history may weigh.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 2^53")]
    pub(crate) fn from_value(value: f64) -> Option<Mass> {
        let units = value * ONE as f64;
        (units >= 0.0 && units < Mass::LIMIT as f64).then(|| Mass(units.round() as u64))
    }

    /// In 2^-20ths.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// In rows of weight one.
    pub fn value(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

impl Add for Mass {
    type Output = Mass;
    fn add(self, other: Mass) -> Mass {
        Mass(self.0 + other.0)
    }
}

impl Sub for Mass {
    type Output = Mass;
    fn sub(self, other: Mass) -> Mass {
        Mass(self.0 - other.0)
    }
}

impl AddAssign for Mass {
    fn add_assign(&mut self, other: Mass) {
        self.0 += other.0;
    }
}

/// The mass of good and of defaulted rows somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows that did not default.
    pub goods: Mass,
    /// Rows that defaulted: the event.
    pub bads: Mass,
}

impl Count {
    /// So many rows of weight one.
    pub const fn rows(goods: u64, bads: u64) -> Count {
        Count { goods: Mass::rows(goods), bads: Mass::rows(bads) }
    }

    /// Adds one row.
    pub fn add(&mut self, default: bool, weight: Mass) {
        *(if default { &mut self.bads } else { &mut self.goods }) += weight;
    }

    /// Goods and bads together.
    pub fn total(self) -> Mass {
        self.goods + self.bads
    }

    /// The event rate, in `[0, 1]`; 0 of nothing. One correctly rounded division, so equal ratios are equal numbers.
    pub fn rate(self) -> f64 {
        let total = self.total().units();
        if total == 0 { 0.0 } else { self.bads.units() as f64 / total as f64 }
    }
}

impl Add for Count {
    type Output = Count;
    fn add(self, other: Count) -> Count {
        Count { goods: self.goods + other.goods, bads: self.bads + other.bads }
    }
}

impl Sub for Count {
    type Output = Count;
    fn sub(self, other: Count) -> Count {
        Count { goods: self.goods - other.goods, bads: self.bads - other.bads }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Count>>(counts: I) -> Count {
        counts.fold(Count::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_outside_their_range_are_refused() {
        let check = |weight: f64, units: Option<u64>| {
            assert_eq!(Mass::from_weight(weight).map(Mass::units), units, "{weight}");
        };
        check(1.0, Some(ONE));
        check(0.0, Some(0));
        check(-0.5, None);
        check(f64::NAN, None);
        check(f64::INFINITY, None);
        check(65_536.0, Some(65_536 * ONE));
        check(65_537.0, None);
    }
}
