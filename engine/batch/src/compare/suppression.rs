//! Which cells of a table with a known total are withheld, so that no small cell can be computed.
//!
//! A cell below the least is **small** and shown as `<least`. That alone hides nothing when the total is known: a single
//! small cell is the total less the others, and several that add up to their least or greatest possible sum are each
//! known too. So further cells, the smallest first, are withheld with them until everything that is shown (the total,
//! the other cells, and that a small cell is below and a withheld one is not below the least) leaves **every** value
//! from 1 to `least − 1` possible for every small cell.

/// How a cell is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// With its figures.
    Whole,
    /// Small: only that it is below the least.
    Small,
    /// Not small, but withheld because a small one could be computed from it.
    Withheld,
}

/// How the cells with these numbers of subjects (none of them 0) are shown.
///
/// When there are too few cells to hide the small ones among, all are withheld.
pub fn suppress(cells: &[u64], least: u64) -> Vec<Shown> {
    let mut shown: Vec<Shown> =
        cells.iter().map(|n| if *n < least { Shown::Small } else { Shown::Whole }).collect();
    if !shown.contains(&Shown::Small) {
        return shown;
    }
    let mut by_size: Vec<usize> = (0..cells.len()).filter(|i| shown[*i] == Shown::Whole).collect();
    by_size.sort_by_key(|i| (cells[*i], *i));
    for next in by_size {
        if hidden(cells, &shown, least) {
            return shown;
        }
        shown[next] = Shown::Withheld;
    }
    shown
}

/// Whether every small cell may have every value from 1 to `least − 1` for all that is shown.
fn hidden(cells: &[u64], shown: &[Shown], least: u64) -> bool {
    let count = |what: Shown| shown.iter().filter(|s| **s == what).count() as u64;
    let (small, withheld) = (count(Shown::Small), count(Shown::Withheld));
    let sum: u64 = cells.iter().zip(shown).filter(|(_, s)| **s != Shown::Whole).map(|(n, _)| n).sum();
    // One small cell at its greatest, all others at their least, must not exceed the sum that is known …
    let room_above = sum >= (least - 1) + (small - 1) + withheld * least;
    // … and one at its least, all others at their greatest, must reach it. A withheld cell has no greatest.
    let room_below = withheld > 0 || sum <= 1 + (small - 1) * (least - 1);
    room_above && room_below
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` whole, `s` small, `w` withheld.
    #[track_caller]
    fn check(cells: &[u64], least: u64, expected: &str) {
        let letter = |shown: &Shown| match shown {
            Shown::Whole => '.',
            Shown::Small => 's',
            Shown::Withheld => 'w',
        };
        assert_eq!(suppress(cells, least).iter().map(letter).collect::<String>(), expected, "{cells:?}");
    }

    #[test]
    fn a_single_small_cell_takes_others_with_it() {
        check(&[100, 50, 30], 10, "...");
        check(&[100, 3, 50], 10, ".sw");
        check(&[9, 40, 10, 11], 10, "s.w.");
        check(&[8, 40, 10, 11], 10, "s.ww");
        check(&[3], 10, "s");
    }

    #[test]
    fn small_cells_hide_among_themselves_when_their_sum_leaves_room() {
        check(&[5, 5, 100], 10, "ss.");
        // Their sum says that both are 9, or that both are 1.
        check(&[9, 9, 100, 200], 10, "ssw.");
        check(&[1, 1, 1, 100, 200], 10, "sssw.");
    }

    #[test]
    fn a_least_of_one_withholds_nothing() {
        check(&[1, 1, 5], 1, "...");
        check(&[1, 1, 5], 0, "...");
    }

    /// The attacker knows everything shown and tries every table: small cells keep all their values.
    #[test]
    fn no_small_cell_can_be_computed() {
        const LEAST: u64 = 4;
        let mut tables = vec![vec![]];
        for _ in 0..4 {
            tables = tables
                .iter()
                .flat_map(|t: &Vec<u64>| (1..=9).map(|n| [t.clone(), vec![n]].concat()))
                .collect();
        }
        for cells in tables {
            let shown = suppress(&cells, LEAST);
            if shown.iter().all(|s| *s != Shown::Whole) {
                // Everything is withheld: nothing better can be done for this table.
                continue;
            }
            let hidden: Vec<usize> = (0..4).filter(|i| shown[*i] != Shown::Whole).collect();
            let sum: u64 = hidden.iter().map(|i| cells[*i]).sum();
            for small in hidden.iter().filter(|i| shown[**i] == Shown::Small) {
                for value in 1..LEAST {
                    assert!(
                        completes(&hidden, &shown, *small, value, sum, LEAST),
                        "{cells:?} shown as {shown:?}: cell {small} cannot be {value}"
                    );
                }
            }
        }
    }

    /// Whether the hidden cells can add up to `sum` when one of them has this value.
    fn completes(hidden: &[usize], shown: &[Shown], fixed: usize, value: u64, sum: u64, least: u64) -> bool {
        let mut sums = vec![0u64];
        for i in hidden {
            let values: Vec<u64> = match shown[*i] {
                _ if *i == fixed => vec![value],
                Shown::Small => (1..least).collect(),
                Shown::Withheld => (least..=sum).collect(),
                Shown::Whole => vec![],
            };
            sums = sums.iter().flat_map(|s| values.iter().map(move |v| s + v)).collect();
            sums.sort_unstable();
            sums.dedup();
        }
        sums.contains(&sum)
    }
}
