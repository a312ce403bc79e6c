//! Wilson's interval of a share: how far a share seen in `n` subjects may lie from the one behind it.
//!
//! A run covers everybody, so that the shares themselves are exact. The interval answers another question: whether the
//! difference between two cells is more than what chance alone gives cells of their size.

/// The 97.5 % quantile of the normal distribution: intervals of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// `(low, high)` of `count` out of `n`, both from 0 to 1; `(0, 1)` when `n` is 0.
///
/// `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)`, E. B. Wilson, JASA 22 (1927) 209–212.
pub fn wilson(count: u64, n: u64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (p, n_) = (count as f64 / n as f64, n as f64);
    let z2 = Z * Z;
    let middle = p + z2 / (2.0 * n_);
    let half = Z * (p * (1.0 - p) / n_ + z2 / (4.0 * n_ * n_)).sqrt();
    let whole = 1.0 + z2 / n_;
    // At the ends the formula gives the end itself, up to the last bit.
    let low = if count == 0 { 0.0 } else { ((middle - half) / whole).max(0.0) };
    let high = if count == n { 1.0 } else { ((middle + half) / whole).min(1.0) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3, to four places.
    #[test]
    fn intervals_agree_with_published_ones() {
        for (count, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(count, n);
            // Half a unit of the last published place.
            assert!(
                (found.0 - low).abs() < 0.5e-4 && (found.1 - high).abs() < 0.5e-4,
                "{count}/{n}: {found:?}"
            );
        }
    }

    #[test]
    fn the_share_lies_inside_and_ends_are_reached() {
        for n in 1..60 {
            for count in 0..=n {
                let (low, high) = wilson(count, n);
                let share = count as f64 / n as f64;
                assert!(
                    (0.0..=1.0).contains(&low) && low <= share && share <= high && high <= 1.0,
                    "{count}/{n}"
                );
            }
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert!(wilson(0, 5).0 <= 0.0 && wilson(5, 5).1 >= 1.0);
    }
}
