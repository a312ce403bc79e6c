//! How often a caller may call, and how often one whom nobody knows is put on record.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::access::Caller;

/// When callers with a limit last called, and how many calls they have saved up.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<HashMap<String, (Instant, f64)>>);

impl Limits {
    /// Whether a call is within the caller's limit. Up to one second's calls are saved up.
    pub(super) fn take(&self, caller: &Caller) -> bool {
        let Some(most) = caller.calls_per_second else { return true };
        let (now, most) = (Instant::now(), f64::from(most));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Refused calls of callers nobody knows. Anybody can make any number of them, and the audit trail never shrinks: so some
/// get an entry of their own, and the others are counted in the next one that does.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    limits: Limits,
    left_out: AtomicU64,
}

impl Strangers {
    /// Most of their calls a second that are let in where anybody is, and most entries a second of refused ones.
    pub(super) const PER_SECOND: u32 = 20;

    /// All of them, as a caller.
    pub(super) fn together() -> Caller {
        Caller { name: String::new(), calls_per_second: Some(Strangers::PER_SECOND), ..Caller::local() }
    }

    /// Whether a refused call gets an entry; then how many before it got none.
    pub(super) fn on_record(&self) -> Option<u64> {
        if self.limits.take(&Strangers::together()) {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.leave_out(1);
        None
    }

    /// Calls that are to be counted in the next entry.
    pub(super) fn leave_out(&self, calls: u64) {
        self.left_out.fetch_add(calls, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refused_stranger_has_an_entry_or_is_counted_in_one() {
        let strangers = Strangers::default();
        let told: Vec<u64> = (0..1000).filter_map(|_| strangers.on_record()).collect();
        assert!((20..=25).contains(&told.len()), "{told:?}");
        std::thread::sleep(std::time::Duration::from_millis(60));
        let last = strangers.on_record().expect("an entry again");
        assert_eq!(told.iter().sum::<u64>() + last + u64::try_from(told.len()).expect("few"), 1000);
    }

    #[test]
    fn a_limit_saves_up_one_second_of_calls() {
        let limits = Limits::default();
        let caller = Caller { calls_per_second: Some(3), ..Caller::local() };
        let taken = (0..10).filter(|_| limits.take(&caller)).count();
        assert!((3..=4).contains(&taken), "{taken}");
        assert!((0..10).all(|_| limits.take(&Caller::local())));
    }
}
