//! Which rows learn and which are held out.

use super::rows::{Month, Rows, digest};

/// Numbers of rows, ascending, in two parts that together are all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The rows that bins and coefficients are learned from.
    pub learn: Vec<u32>,
    /// The rows that they are tried on.
    pub hold: Vec<u32>,
}

impl Split {
    /// Rows for which `held` is false, and the rest.
    pub fn by(rows: usize, mut held: impl FnMut(usize) -> bool) -> Split {
        let mut split = Split { learn: Vec::new(), hold: Vec::new() };
        for row in 0..rows {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a history of 2^32 rows is refused when it is opened"
            )]
            if held(row) { &mut split.hold } else { &mut split.learn }.push(row as u32);
        }
        split
    }

    /// All rows learn.
    pub fn none(rows: usize) -> Split {
        Split::by(rows, |_| false)
    }

    /// Out of time: rows of the month `from` and later are held out. `None` when the history has no months.
    pub fn at_month(rows: &Rows, from: Month) -> Option<Split> {
        let months = rows.month.as_ref()?;
        Some(Split::by(rows.len(), |row| months[row] >= from))
    }

    /// About `share` (0 to 1) of the groups are held out, chosen by a digest of id and seed: a group is on one side
    /// whatever else the history holds and in whatever order. `None` when the history has no groups.
    pub fn by_group(rows: &Rows, share: f64, seed: u64) -> Option<Split> {
        let groups = rows.group.as_ref()?;
        let bound = share.clamp(0.0, 1.0) * libm::scalbn(1.0, 64);
        let held = |row: usize| (digest(&[&seed.to_le_bytes(), &groups[row].to_le_bytes()]) as f64) < bound;
        Some(Split::by(rows.len(), held))
    }

    /// About `share` of the rows of each class are held out, by their number, so the order of the rows matters: for
    /// histories without groups.
    pub fn by_row(rows: &Rows, share: f64, seed: u64) -> Split {
        let mut ranked: Vec<(bool, u64, usize)> = rows
            .default
            .iter()
            .enumerate()
            .map(|(row, default)| (*default, digest(&[&seed.to_le_bytes(), &row.to_le_bytes()]), row))
            .collect();
        ranked.sort_unstable();
        let mut held = vec![false; rows.len()];
        for class in [false, true] {
            let members: Vec<usize> =
                ranked.iter().filter(|(c, ..)| *c == class).map(|(.., row)| *row).collect();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a length"
            )]
            let count = (share.clamp(0.0, 1.0) * members.len() as f64).round() as usize;
            members.iter().take(count).for_each(|row| held[*row] = true);
        }
        Split::by(rows.len(), |row| held[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: u64) -> Rows {
        Rows {
            default: (0..n).map(|i| i % 10 == 0).collect(),
            weight: None,
            month: Some((0..n).map(|i| Month(i32::try_from(i % 12).expect("small"))).collect()),
            group: Some((0..n).map(|i| i / 3).collect()),
        }
    }

    #[test]
    fn a_group_stands_on_one_side() {
        let rows = rows(3000);
        let split = Split::by_group(&rows, 0.3, 42).expect("groups");
        let groups = rows.group.as_ref().expect("groups");
        let learn: std::collections::HashSet<u64> = split.learn.iter().map(|r| groups[*r as usize]).collect();
        assert!(split.hold.iter().all(|r| !learn.contains(&groups[*r as usize])));
        assert_eq!(split.learn.len() + split.hold.len(), 3000);
        assert!((800..1000).contains(&split.hold.len()), "{}", split.hold.len());
    }

    #[test]
    fn classes_are_held_out_alike_and_months_by_time() {
        let rows = rows(1000);
        let split = Split::by_row(&rows, 0.3, 42);
        assert_eq!(split.hold.len(), 300);
        assert_eq!(rows.count(&split.hold), Count::rows(270, 30));
        let split = Split::at_month(&rows, Month(9)).expect("months");
        assert!(split.hold.iter().all(|row| row % 12 >= 9) && split.learn.iter().all(|row| row % 12 < 9));
    }

    use crate::mass::Count;
}
