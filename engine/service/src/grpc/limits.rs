//! How often a caller may call.

use std::collections::HashMap;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_saves_up_one_second_of_calls() {
        let limits = Limits::default();
        let caller = Caller { calls_per_second: Some(3), ..Caller::local() };
        let taken = (0..10).filter(|_| limits.take(&caller)).count();
        assert!((3..=4).contains(&taken), "{taken}");
        assert!((0..10).all(|_| limits.take(&Caller::local())));
    }
}
