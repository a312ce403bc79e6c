//! Which facts of one subject stand at a moment: `docs/standard-format.md` §3, rule 1, and what repairs and
//! objections say (rules 3 and 4).
//!
//! Pure: entries in, decisions out. Reading them, and laying out the columns, is done elsewhere.

use hengxin_core::date::Date;
use hengxin_core::vocabulary::{Mark, Shape};

use crate::encode::Key;

/// One version of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) shape: Shape,
    pub(crate) occurred_on: Date,
    pub(crate) ends_on: Date,
    pub(crate) target: Option<Key>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It counts as recorded.
    Stands,
    /// The entry with this index is a later version of the same record.
    CorrectedBy(usize),
    /// The withdrawal with this index took it back.
    WithdrawnBy(usize),
}

/// Decides for all entries of a subject recorded up to one moment, given in the order they were recorded within
/// each key, and sorted by key.
pub(crate) fn standings(entries: &[Entry]) -> Vec<Standing> {
    let mut standings = vec![Standing::Stands; entries.len()];
    let mut withdrawals = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        // The last version of a run with one key stands; each earlier one names its successor.
        if entries.get(i + 1).is_some_and(|next| next.key == entry.key) {
            standings[i] = Standing::CorrectedBy(i + 1);
        } else if entry.shape == Shape::Mark(Mark::Withdrawal) {
            withdrawals.push(i);
        }
    }
    for (i, entry) in entries.iter().enumerate() {
        if standings[i] == Standing::Stands
            && let Some(by) = withdrawal_of(&entry.key, entries, &withdrawals, withdrawals.len())
        {
            standings[i] = Standing::WithdrawnBy(by);
        }
    }
    standings
}

/// The withdrawal in effect on a record: one that was not itself withdrawn.
///
/// `depth` bounds the chain. Writing refuses rings, so the bound is never reached; it makes the search total.
fn withdrawal_of(key: &Key, entries: &[Entry], withdrawals: &[usize], depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    withdrawals.iter().copied().find(|w| {
        entries[*w].target.as_ref() == Some(key)
            && withdrawal_of(&entries[*w].key, entries, withdrawals, depth).is_none()
    })
}

/// What the marks that stand say about the record `key`: its repair date, and its objections, sorted.
pub(crate) fn marks(key: &Key, entries: &[Entry], standing_marks: &[usize]) -> (Date, Vec<(Date, Date)>) {
    let mut repaired_on = Date::FOREVER;
    let mut objections = Vec::new();
    for mark in standing_marks.iter().map(|i| &entries[*i]).filter(|mark| mark.target.as_ref() == Some(key)) {
        match mark.shape {
            Shape::Mark(Mark::Repair) => repaired_on = repaired_on.min(mark.occurred_on),
            // The objection's last day is its own; the kernel asks for the first day after.
            Shape::Mark(Mark::Objection) => objections.push((mark.occurred_on, mark.ends_on.plus_days(1))),
            Shape::Mark(Mark::Withdrawal)
            | Shape::Event
            | Shape::Status
            | Shape::Measure
            | Shape::Registration
            | Shape::Relation => {}
        }
    }
    objections.sort_unstable();
    (repaired_on, objections)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u8, shape: Shape, target: Option<u8>) -> Entry {
        let day = Date::from_days(i32::from(key));
        Entry {
            key: [key; 16],
            shape,
            occurred_on: day,
            ends_on: Date::FOREVER,
            target: target.map(|t| [t; 16]),
        }
    }

    const WITHDRAWAL: Shape = Shape::Mark(Mark::Withdrawal);

    #[test]
    fn the_last_version_stands_and_earlier_ones_name_it() {
        let entries =
            [entry(1, Shape::Event, None), entry(1, Shape::Event, None), entry(2, Shape::Event, None)];
        assert_eq!(standings(&entries), [Standing::CorrectedBy(1), Standing::Stands, Standing::Stands]);
    }

    #[test]
    fn a_withdrawal_of_a_withdrawal_brings_the_record_back() {
        let one = [entry(1, Shape::Event, None), entry(2, WITHDRAWAL, Some(1))];
        assert_eq!(standings(&one), [Standing::WithdrawnBy(1), Standing::Stands]);
        let two = [one[0], one[1], entry(3, WITHDRAWAL, Some(2))];
        assert_eq!(standings(&two), [Standing::Stands, Standing::WithdrawnBy(2), Standing::Stands]);
        let three = [two[0], two[1], two[2], entry(4, WITHDRAWAL, Some(3))];
        assert_eq!(standings(&three)[0], Standing::WithdrawnBy(1));
    }

    #[test]
    fn a_ring_of_withdrawals_ends() {
        let ring =
            [entry(1, WITHDRAWAL, Some(2)), entry(2, WITHDRAWAL, Some(1)), entry(3, WITHDRAWAL, Some(3))];
        assert_eq!(standings(&ring).len(), 3);
    }

    #[test]
    fn the_earliest_repair_counts_and_an_objection_ends_the_day_after_its_last() {
        let mut objection = entry(9, Shape::Mark(Mark::Objection), Some(1));
        objection.ends_on = Date::from_days(12);
        let entries = [
            entry(1, Shape::Event, None),
            entry(5, Shape::Mark(Mark::Repair), Some(1)),
            entry(4, Shape::Mark(Mark::Repair), Some(1)),
            objection,
            entry(2, Shape::Mark(Mark::Repair), Some(7)),
        ];
        let (repaired_on, objections) = marks(&[1; 16], &entries, &[1, 2, 3, 4]);
        assert_eq!(repaired_on, Date::from_days(4));
        assert_eq!(objections, [(Date::from_days(9), Date::from_days(13))]);
    }
}
