//! Exact numbers: points, shares, and plain decimals.
//!
//! Points are integers of ten-thousandths, so that every machine, thread and row order adds alike.
//! Rounding is a named act that happens in four places only (`docs/standard-format.md` §2).

use std::fmt;
use std::iter::Sum;

/// Points in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(i64);

impl Points {
    /// No points.
    pub const ZERO: Points = Points(0);
    /// The greatest magnitude a document may write, in whole points. With at most a few thousand indicators no
    /// sum of such points comes near the range of 64 bits.
    pub const LIMIT: i64 = 1_000_000;

    /// From ten-thousandths of a point.
    pub const fn from_ten_thousandths(n: i64) -> Points {
        Points(n)
    }

    /// In ten-thousandths of a point.
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// Exact sum.
    #[must_use]
    pub(crate) const fn plus(self, other: Points) -> Points {
        Points(self.0.saturating_add(other.0))
    }

    /// Exact difference.
    #[must_use]
    pub(crate) const fn minus(self, other: Points) -> Points {
        Points(self.0.saturating_sub(other.0))
    }

    /// `n` times as many. Saturates: the callers clip to documented limits far inside the range.
    #[must_use]
    pub(crate) const fn times(self, n: i64) -> Points {
        Points(self.0.saturating_mul(n))
    }

    /// Rounded to `decimals` places (0–4).
    #[must_use]
    pub(crate) fn rounded(self, decimals: u32, rounding: Rounding) -> Points {
        let unit = 10i64.pow(4u32.saturating_sub(decimals));
        let units = rounding.quotient(i128::from(self.0), i128::from(unit));
        Points(saturate(units * i128::from(unit)))
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Points>>(points: I) -> Points {
        points.fold(Points::ZERO, Points::plus)
    }
}

/// Plain decimal, no trailing zeros: `87.5`, `-30`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_decimal(self.0, 4))
    }
}

/// A share in basis points (ten-thousandths of the whole).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(i64);

impl Share {
    /// The whole.
    pub const WHOLE: Share = Share(10_000);

    /// From basis points.
    pub const fn from_basis_points(n: i64) -> Share {
        Share(n)
    }

    /// In basis points.
    pub const fn basis_points(self) -> i64 {
        self.0
    }
}

/// As a percentage: `12.5%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", display_decimal(self.0, 2))
    }
}

/// How a quotient becomes an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; a tie goes away from zero.
    #[default]
    HalfUp,
    /// To the nearest; a tie goes to the even neighbour.
    HalfEven,
    /// Towards zero.
    Down,
}

impl Rounding {
    /// The names a document uses, in the order of [`Rounding::from_index`].
    pub const NAMES: [&'static str; 3] = ["half-up", "half-even", "down"];

    /// The method with this place in [`Rounding::NAMES`].
    pub const fn from_index(i: usize) -> Rounding {
        match i {
            0 => Rounding::HalfUp,
            1 => Rounding::HalfEven,
            _ => Rounding::Down,
        }
    }

    /// `numerator ÷ divisor`, rounded.
    ///
    /// # Panics
    /// When the divisor is not positive: callers settle signs first.
    pub fn quotient(self, numerator: i128, divisor: i128) -> i128 {
        assert!(divisor > 0, "callers give positive divisors");
        let (whole, rest) = match (i64::try_from(numerator), i64::try_from(divisor)) {
            // Nearly always: a division of 128 bits takes many times one of 64.
            (Ok(numerator), Ok(divisor)) => {
                (i128::from(numerator / divisor), i128::from(numerator % divisor))
            }
            (Ok(_) | Err(_), Ok(_) | Err(_)) => (numerator / divisor, numerator % divisor),
        };
        let away = whole + numerator.signum();
        match (self, (2 * rest.abs()).cmp(&divisor)) {
            (Rounding::Down, _) | (_, std::cmp::Ordering::Less) => whole,
            (_, std::cmp::Ordering::Greater) | (Rounding::HalfUp, std::cmp::Ordering::Equal) => away,
            (Rounding::HalfEven, std::cmp::Ordering::Equal) => {
                if whole % 2 == 0 {
                    whole
                } else {
                    away
                }
            }
        }
    }
}

/// The nearest value that 64 bits hold: sums of any number of rows stay order-independent.
pub(crate) fn saturate(n: i128) -> i64 {
    i64::try_from(n).unwrap_or(if n > 0 { i64::MAX } else { i64::MIN })
}

/// Why a text is not a plain decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with an optional point.
    #[error("a plain decimal such as `12.5`")]
    Form,
    /// Too many places.
    #[error("a decimal with at most {0} places")]
    Places(u32),
    /// Does not fit.
    #[error("a number of at most 18 digits")]
    Size,
}

/// Reads a plain decimal exactly, scaled by 10^`places`: `parse_decimal("12.5", 4)` is 125,000.
///
/// # Errors
/// Anything that is not `-?digits(.digits)?`, has more places than `places` (zeros beyond are allowed), or does not fit.
pub fn parse_decimal(text: &str, places: u32) -> Result<i64, DecimalError> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(DecimalError::Form),
        None => (digits, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::try_from(places)
        .unwrap_or(0)
        .checked_sub(fraction.len())
        .ok_or(DecimalError::Places(places))?;
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
    let scaled = digits
        .into_iter()
        .try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(b - b'0')))
        .filter(|n| *n < 1_000_000_000_000_000_000)
        .ok_or(DecimalError::Size)?;
    Ok(if negative { -scaled } else { scaled })
}

/// Writes `n` × 10^−`places` as a plain decimal without trailing zeros.
pub fn display_decimal(n: i64, places: u32) -> String {
    let one = 10u64.pow(places);
    let (whole, fraction) = (n.unsigned_abs() / one, n.unsigned_abs() % one);
    let sign = if n < 0 { "-" } else { "" };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let fraction = format!("{fraction:0width$}", width = usize::try_from(places).unwrap_or(0));
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, expected) in
            [("0", 0), ("12.5", 125_000), ("-0.0001", -1), ("1.50000", 15_000), ("007", 70_000)]
        {
            assert_eq!(parse_decimal(text, 4), Ok(expected), "{text}");
        }
        for text in ["", "-", "+1", "1e3", ".5", "5.", "0x10", "NaN", ".inf", "1,000", "1_000", " 1", "１"] {
            assert_eq!(parse_decimal(text, 4), Err(DecimalError::Form), "{text}");
        }
        assert_eq!(parse_decimal("0.00001", 4), Err(DecimalError::Places(4)));
        assert_eq!(parse_decimal("99999999999999999999", 0), Err(DecimalError::Size));
    }

    #[test]
    fn ties_round_as_declared_on_both_sides_of_zero() {
        let cases = [(25, 3, 2, 2), (35, 4, 4, 3), (-25, -3, -2, -2), (26, 3, 3, 2), (-24, -2, -2, -2)];
        for (tenths, up, even, down) in cases {
            assert_eq!(Rounding::HalfUp.quotient(tenths, 10), up, "{tenths}");
            assert_eq!(Rounding::HalfEven.quotient(tenths, 10), even, "{tenths}");
            assert_eq!(Rounding::Down.quotient(tenths, 10), down, "{tenths}");
        }
    }

    #[test]
    fn points_print_without_trailing_zeros() {
        assert_eq!(Points::from_ten_thousandths(875_000).to_string(), "87.5");
        assert_eq!(Points::from_ten_thousandths(-1).to_string(), "-0.0001");
        assert_eq!(Points::from_ten_thousandths(-300_000).rounded(0, Rounding::HalfUp).to_string(), "-30");
    }
}
