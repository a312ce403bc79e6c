//! Rows of a shard as the kernel reads them: a dense column for what every row has, a list for what few have.

use std::ops::Range;

use hengxin_core::date::Date;
use hengxin_core::fact::{ClassId, Registration};

/// Converted rows. All dense columns have the same length.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub class: Vec<ClassId>,
    pub occurred_on: Vec<Date>,
    pub ends_on: Vec<Date>,
    pub publicity_until: Vec<Date>,
    pub repaired_on: Vec<Date>,
    pub number: Vec<i64>,
    /// Fingerprints of the references' texts; 0 for none.
    pub reference: Vec<u64>,
    /// Fingerprints of the rows, objections left out.
    pub print: Vec<u64>,
    pub registrations: Few<Registration>,
    /// From, and the first day after.
    pub objections: Few<(Date, Date)>,
}

/// What few rows have, by row, ascending.
#[derive(Debug)]
pub(super) struct Few<T> {
    rows: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few { rows: Vec::new(), values: Vec::new() }
    }
}

/// The number of a row of a batch, of which there are some ten thousand.
fn short(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

impl<T: Clone> Few<T> {
    pub fn push(&mut self, row: usize, value: T) {
        self.rows.push(short(row));
        self.values.push(value);
    }

    /// Those of a range of rows, with their rows.
    pub fn within(&self, range: &Range<usize>) -> (&[u32], &[T]) {
        let start = self.rows.partition_point(|row| *row < short(range.start));
        let here = self.rows[start..].partition_point(|row| *row < short(range.end));
        (&self.rows[start..start + here], &self.values[start..start + here])
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.values.clear();
    }

    fn append(&mut self, from: &Few<T>, range: &Range<usize>, at: usize) {
        let (rows, values) = from.within(range);
        self.rows.extend(rows.iter().map(|row| short(*row as usize - range.start + at)));
        self.values.extend_from_slice(values);
    }

    fn drop_rows(&mut self, dead: &[u32]) {
        let mut kept = 0;
        for i in 0..self.rows.len() {
            let row = self.rows[i];
            let before = dead.partition_point(|d| *d < row);
            if dead.get(before) != Some(&row) {
                self.rows[kept] = row - short(before);
                self.values.swap(kept, i);
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.values.truncate(kept);
    }
}

/// Calls something with every dense column.
macro_rules! each_column {
    ($call:ident, $rows:ident $(, $more:expr)*) => {
        each_column!(@ $call, $rows, ($($more),*), class, occurred_on, ends_on, publicity_until, repaired_on);
        each_column!(@ $call, $rows, ($($more),*), number, reference, print)
    };
    (@ $call:ident, $rows:ident, $more:tt, $($column:ident),+) => {
        $( each_column!(# $call, $rows, $column, $more); )+
    };
    (# $call:ident, $rows:ident, $column:ident, ($($more:expr),*)) => { $call(&mut $rows.$column $(, $more)*) };
}

impl Rows {
    pub fn len(&self) -> usize {
        self.class.len()
    }

    pub fn clear(&mut self) {
        each_column!(clear, self);
        self.registrations.clear();
        self.objections.clear();
    }

    /// Adds `range` of other rows at the end.
    pub fn append(&mut self, from: &Rows, range: &Range<usize>) {
        let at = self.len();
        self.registrations.append(&from.registrations, range, at);
        self.objections.append(&from.objections, range, at);
        macro_rules! extend {
            ($($column:ident),+) => { $( self.$column.extend_from_slice(&from.$column[range.clone()]); )+ };
        }
        extend!(class, occurred_on, ends_on, publicity_until, repaired_on, number, reference, print);
    }

    /// Takes out the rows `dead`, which ascend.
    pub fn drop_rows(&mut self, dead: &[u32]) {
        if dead.is_empty() {
            return;
        }
        each_column!(close_up, self, dead);
        self.registrations.drop_rows(dead);
        self.objections.drop_rows(dead);
    }
}

fn clear<T>(column: &mut Vec<T>) {
    column.clear();
}

/// Moves what lies between the dead rows together.
fn close_up<T: Copy>(column: &mut Vec<T>, dead: &[u32]) {
    let mut kept = dead[0] as usize;
    for (i, row) in dead.iter().enumerate() {
        let next = dead.get(i + 1).map_or(column.len(), |next| *next as usize);
        let alive = *row as usize + 1..next;
        let length = alive.len();
        column.copy_within(alive, kept);
        kept += length;
    }
    column.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: u32) -> Rows {
        let mut rows = Rows::default();
        for i in 0..n {
            rows.class.push(i);
            rows.number.push(i64::from(i));
            rows.reference.push(u64::from(i));
            rows.print.push(u64::from(i));
            for days in
                [&mut rows.occurred_on, &mut rows.ends_on, &mut rows.publicity_until, &mut rows.repaired_on]
            {
                days.push(Date::FOREVER);
            }
            if i % 3 == 0 {
                rows.objections.push(i as usize, (Date::FOREVER, Date::FOREVER));
            }
        }
        rows
    }

    #[test]
    fn dead_rows_go_and_the_lists_follow() {
        for dead in [vec![0], vec![9], vec![0, 1, 2, 9], vec![4, 5], (0..10).collect::<Vec<u32>>()] {
            let mut found = rows(10);
            found.drop_rows(&dead);
            let alive: Vec<u32> = (0..10).filter(|i| !dead.contains(i)).collect();
            assert_eq!(found.class, alive, "{dead:?}");
            assert_eq!(found.print.len(), alive.len());
            let with: Vec<u32> =
                (0..).zip(&alive).filter(|(_, old)| *old % 3 == 0).map(|(new, _)| new).collect();
            assert_eq!(found.objections.rows, with, "{dead:?}");
        }
    }

    #[test]
    fn appended_rows_keep_their_lists() {
        let mut found = rows(4);
        found.append(&rows(10), &(5..8));
        assert_eq!(found.class, [0, 1, 2, 3, 5, 6, 7]);
        assert_eq!(found.objections.rows, [0, 3, 5]);
        assert_eq!(found.objections.within(&(4..7)).0, [5]);
    }
}
