//! How often a caller may call, and how many rows it may take out a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::access::Caller;

/// See the module.
#[derive(Debug)]
pub(super) struct Limits {
    /// When callers with a limit last called, and how many calls they have saved up.
    calls: Mutex<HashMap<String, (Instant, f64)>>,
    /// Rows sent by exports under way, by caller. Those of exports that have ended are on record.
    under_way: Mutex<HashMap<String, u64>>,
    /// Rows a day of callers of whom nothing else is said.
    rows_per_day: u64,
}

impl Limits {
    pub(super) fn new(rows_per_day: u64) -> Limits {
        Limits { calls: Mutex::default(), under_way: Mutex::default(), rows_per_day }
    }

    /// Rows a day of a caller.
    pub(super) fn rows_per_day(&self, caller: &Caller) -> u64 {
        caller.exported_rows_per_day.unwrap_or(self.rows_per_day)
    }

    /// Whether a call is within the caller's limit. Up to one second's calls are saved up.
    pub(super) fn take(&self, caller: &Caller) -> bool {
        let Some(most) = caller.calls_per_second else { return true };
        let (now, most) = (Instant::now(), f64::from(most));
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, saved) = all.entry(caller.name.clone()).or_insert((now, most));
        *saved = (*saved + now.duration_since(*last).as_secs_f64() * most).min(most);
        *last = now;
        if *saved < 1.0 {
            return false;
        }
        *saved -= 1.0;
        true
    }
}

/// The rows of one export, counted until it has ended and they are on record.
#[derive(Debug)]
pub(super) struct Rows {
    limits: Arc<Limits>,
    caller: String,
    own: u64,
}

impl Rows {
    pub(super) fn new(limits: &Arc<Limits>, caller: &str) -> Rows {
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
    fn a_limit_saves_up_one_second_of_calls() {
        let limits = Limits::new(10);
        let caller = Caller { calls_per_second: Some(3), ..Caller::local() };
        let taken = (0..10).filter(|_| limits.take(&caller)).count();
        assert!((3..=4).contains(&taken), "{taken}");
        assert!((0..10).all(|_| limits.take(&Caller::local())));
    }

    #[test]
    fn rows_of_a_caller_add_up_until_its_exports_end() {
        let limits = Arc::new(Limits::new(10));
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
