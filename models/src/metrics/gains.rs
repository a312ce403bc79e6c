//! Who would be caught by looking at the riskiest rows first.

use super::Scored;
use crate::mass::Count;

/// One step of the gains table, which is also the CAP curve, riskiest rows first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The least risk in the group.
    pub risk_from: f64,
    /// Rows of the group.
    pub count: Count,
    /// Share of all rows in this group and those before, 0 to 1.
    pub share: f64,
    /// Share of all defaults in them.
    pub caught: f64,
    /// Event rate of this group by that of all.
    pub lift: f64,
    /// Event rate of this group and those before by that of all.
    pub lift_so_far: f64,
}

/// About `groups` equally heavy groups, rows of one risk together.
pub fn gains(scored: &Scored, groups: usize) -> Vec<Gain> {
    let total = scored.total();
    let mut so_far = Count::default();
    let groups = scored.groups(groups);
    groups
        .iter()
        .rev()
        .map(|ties| {
            let count: Count = ties.iter().map(|tie| tie.1).sum();
            so_far += count;
            Gain {
                risk_from: ties.first().map_or(f64::NEG_INFINITY, |tie| tie.0),
                count,
                share: so_far.total().value() / total.total().value(),
                caught: so_far.bads.value() / total.bads.value(),
                lift: count.rate() / total.rate(),
                lift_so_far: so_far.rate() / total.rate(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::scored;

    #[test]
    fn the_riskiest_stand_first_and_all_are_counted() {
        let rows: Vec<(f64, bool)> = (0..10).map(|i| (f64::from(i), i >= 8 || i == 2)).collect();
        let table = gains(&scored(&rows), 5);
        assert_eq!(table.len(), 5);
        let first = table[0];
        assert_eq!((first.risk_from, first.count), (8.0, Count::rows(0, 2)));
        assert!((first.caught - 2.0 / 3.0).abs() < 1e-15 && (first.lift - 1.0 / 0.3).abs() < 1e-12);
        let last = table[4];
        assert!((last.share - 1.0).abs() < 1e-15 && (last.caught - 1.0).abs() < 1e-15);
        assert!((last.lift_so_far - 1.0).abs() < 1e-15);
    }
}
