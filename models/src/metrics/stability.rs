//! How far a distribution has moved: PSI of a score, CSI of a feature.

use crate::mass::Mass;

/// Population stability index over bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability {
    /// `Σ (q − p) ln(q / p)` over bins of shares `p` before and `q` after; 0 is unmoved. Usage takes 0.1 for little and
    /// 0.25 for much.
    pub psi: f64,
    /// Bin by bin.
    pub shifts: Vec<Shift>,
}

/// What became of one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Share before, 0 to 1.
    pub before: f64,
    /// Share after.
    pub after: f64,
    /// Its part of the index.
    pub part: f64,
}

/// The index of the same bins filled before and after. Applied to the bins of a feature it is the characteristic
/// stability index. Half a row is added to every bin that is empty on one side only, or its logarithm were infinite;
/// bins empty on both sides add nothing. `None` if a side holds nothing.
pub fn population_stability(bins: impl IntoIterator<Item = (Mass, Mass)>) -> Option<Stability> {
    let bins: Vec<(Mass, Mass)> = bins.into_iter().collect();
    if bins.iter().all(|bin| bin.0 == Mass::ZERO) || bins.iter().all(|bin| bin.1 == Mass::ZERO) {
        return None;
    }
    let half = |mass: Mass, other: Mass| {
        if mass == Mass::ZERO && other != Mass::ZERO { 0.5 } else { mass.value() }
    };
    let counts: Vec<(f64, f64)> = bins.into_iter().map(|(b, a)| (half(b, a), half(a, b))).collect();
    let before: f64 = counts.iter().map(|c| c.0).sum();
    let after: f64 = counts.iter().map(|c| c.1).sum();
    let shifts: Vec<Shift> = counts
        .iter()
        .map(|(b, a)| {
            let (before, after) = (b / before, a / after);
            let part = if before > 0.0 { (after - before) * libm::log(after / before) } else { 0.0 };
            Shift { before, after, part }
        })
        .collect();
    Some(Stability { psi: shifts.iter().map(|shift| shift.part).sum(), shifts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_that_of_the_formula() {
        let of = |bins: &[(u64, u64)]| {
            population_stability(bins.iter().map(|(b, a)| (Mass::rows(*b), Mass::rows(*a)))).map(|s| s.psi)
        };
        assert_eq!(of(&[(30, 60), (70, 140)]), Some(0.0));
        let found = of(&[(50, 30), (50, 70)]).expect("two sides");
        assert!((found - (0.2 * (0.5f64 / 0.3).ln() + 0.2 * (0.7f64 / 0.5).ln())).abs() < 1e-12);
        assert!(of(&[(50, 100), (50, 0), (0, 0)]).is_some_and(f64::is_finite));
        assert_eq!(of(&[(50, 0), (50, 0)]), None);
        assert_eq!(of(&[]), None);
    }
}
