//! How many rows a caller may take out a day by bulk export.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::Caller;

/// See the module.
#[derive(Debug)]
pub(super) struct RowLimits {
    /// Rows sent by exports under way, by caller. Those of exports that have ended are on record.
    under_way: Mutex<HashMap<String, u64>>,
    /// Rows a day of callers of whom nothing else is said.
    rows_per_day: u64,
}

impl RowLimits {
    pub(super) fn new(rows_per_day: u64) -> RowLimits {
        RowLimits { under_way: Mutex::default(), rows_per_day }
    }

    /// Rows a day of a caller.
    pub(super) fn rows_per_day(&self, caller: &Caller) -> u64 {
        caller.exported_rows_per_day.unwrap_or(self.rows_per_day)
    }
}

/// The rows of one export, counted until it has ended and they are on record.
#[derive(Debug)]
pub(super) struct Rows {
    limits: Arc<RowLimits>,
    caller: String,
    own: u64,
}

impl Rows {
    pub(super) fn new(limits: &Arc<RowLimits>, caller: &str) -> Rows {
        Rows { limits: Arc::clone(limits), caller: caller.to_owned(), own: 0 }
    }

    /// Counts rows that are about to be sent; gives those of all exports of the caller under way, these among them.
    pub(super) fn add(&mut self, rows: u64) -> u64 {
        self.own += rows;
        let mut all = self.limits.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = all.entry(self.caller.clone()).or_default();
        *sum += rows;
        *sum
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        let mut all = self.limits.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = all.get_mut(&self.caller) {
            *sum -= self.own;
            if *sum == 0 {
                all.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_caller_add_up_until_its_exports_end() {
        let limits = Arc::new(RowLimits::new(10));
        let mut one = Rows::new(&limits, "li");
        assert_eq!((one.add(3), one.add(4)), (3, 7));
        let mut two = Rows::new(&limits, "li");
        assert_eq!((two.add(5), Rows::new(&limits, "wang").add(1)), (12, 1));
        drop(one);
        assert_eq!(two.add(0), 5);
        let agreed = Caller { exported_rows_per_day: Some(99), ..Caller::local() };
        assert_eq!((limits.rows_per_day(&Caller::local()), limits.rows_per_day(&agreed)), (10, 99));
    }
}
