//! Which cells of a breakdown are withheld, so that none too small can be read or computed.
//!
//! A cell with too few rows, or too few of either class, is withheld. The whole sample is known, so what is withheld
//! is known together: cells are added to it, the smallest first, until there are at least two and their sum is itself
//! large enough to be shown. A reader cannot tell which of the withheld cells is the small one.

/// Rows and defaults of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Rows.
    pub rows: u64,
    /// Those that defaulted.
    pub bads: u64,
}

impl Cell {
    fn is_small(self, rows_min: u64, events_min: u64) -> bool {
        self.rows < rows_min || self.bads < events_min || self.rows - self.bads.min(self.rows) < events_min
    }
}

/// For each cell whether it is withheld. Empty cells count for nothing and are withheld.
pub fn withheld(cells: &[Cell], rows_min: u64, events_min: u64) -> Vec<bool> {
    let mut hidden: Vec<bool> = cells.iter().map(|cell| cell.is_small(rows_min, events_min)).collect();
    let mut others: Vec<usize> = (0..cells.len()).filter(|i| !hidden[*i]).collect();
    others.sort_by_key(|i| (cells[*i].rows, *i));
    let mut next = others.into_iter();
    loop {
        let members = || cells.iter().zip(&hidden).filter(|(c, h)| **h && c.rows > 0).map(|(c, _)| *c);
        let sum =
            members().fold(Cell::default(), |s, c| Cell { rows: s.rows + c.rows, bads: s.bads + c.bads });
        if sum.rows == 0 || (members().count() >= 2 && !sum.is_small(rows_min, events_min)) {
            return hidden;
        }
        match next.next() {
            Some(cell) => hidden[cell] = true,
            None => return hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells as (rows, defaults); `.` shown, `w` withheld. At least 10 rows and 3 of each class.
    #[track_caller]
    fn check(cells: &[(u64, u64)], expected: &str) {
        let cells: Vec<Cell> = cells.iter().map(|(rows, bads)| Cell { rows: *rows, bads: *bads }).collect();
        let found: String = withheld(&cells, 10, 3).iter().map(|w| if *w { 'w' } else { '.' }).collect();
        assert_eq!(found, expected, "{cells:?}");
    }

    #[test]
    fn a_small_cell_takes_the_next_smallest_with_it() {
        check(&[(100, 20), (50, 10), (30, 5)], "...");
        check(&[(100, 20), (9, 3), (30, 5)], ".ww");
        check(&[(100, 20), (9, 3), (200, 5)], "ww.");
    }

    #[test]
    fn few_of_either_class_are_withheld_however_many_rows() {
        check(&[(100, 2), (50, 10), (60, 10)], "ww.");
        check(&[(100, 98), (50, 10), (60, 10)], "ww.");
        check(&[(10, 3), (10, 7)], "..");
        check(&[(10, 3), (10, 8)], "ww");
    }

    #[test]
    fn small_cells_hide_among_themselves_when_their_sum_may_be_shown() {
        check(&[(9, 3), (8, 2), (100, 20)], "ww.");
        // Together 6 rows: a third is needed.
        check(&[(3, 1), (3, 1), (100, 20), (40, 9)], "ww.w");
        check(&[(0, 0), (100, 20), (40, 9)], "w..");
        check(&[(5, 2)], "w");
    }

    #[test]
    fn what_is_withheld_is_never_one_cell_nor_a_small_sum() {
        let sizes = [(0, 0), (4, 1), (9, 3), (10, 3), (12, 1), (40, 9)];
        for a in sizes {
            for b in sizes {
                for c in sizes {
                    let cells = [a, b, c].map(|(rows, bads)| Cell { rows, bads });
                    let hidden = withheld(&cells, 10, 3);
                    let shown_small = cells.iter().zip(&hidden).any(|(c, h)| !h && c.is_small(10, 3));
                    assert!(!shown_small, "{cells:?}");
                    if hidden.iter().all(|h| *h) {
                        continue;
                    }
                    let rest: Vec<Cell> = cells
                        .iter()
                        .zip(&hidden)
                        .filter(|(c, h)| **h && c.rows > 0)
                        .map(|(c, _)| *c)
                        .collect();
                    let rows: u64 = rest.iter().map(|c| c.rows).sum();
                    assert!(rest.is_empty() || (rest.len() >= 2 && rows >= 10), "{cells:?}: {hidden:?}");
                }
            }
        }
    }
}
