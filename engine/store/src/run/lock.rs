//! The lock of a field, and how a dead holder is told from a living one without trusting any clock.
//!
//! A holder counts the beats of its lock up. Who watches remembers the count it saw and measures, on its own steady
//! clock, how long it has stood still. No moment written by one machine is compared with the time of another, so that a
//! clock set back neither keeps a dead holder's lock for ever nor takes a living holder's lock away.

use std::collections::HashMap;
use std::time::Duration;

use crate::error::Result;
use crate::snapshot::Snapshot;

use crate::words::number;

/// A lock as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The field it locks.
    pub field: String,
    /// The run that holds it.
    pub run: u64,
    /// Who holds it: host, process and a random part.
    pub holder: String,
    /// How often the holder said that it lives.
    pub beats: u64,
}

/// Remembers when each lock was first seen as it is.
#[derive(Debug, Default)]
pub struct LockWatch {
    seen: HashMap<String, (Lock, Duration)>,
}

impl LockWatch {
    /// The locks among `locks` that have stood still for `patience`. `steady` is the time on a clock that never goes
    /// back, counted from any beginning.
    pub fn stale(&mut self, locks: Vec<Lock>, steady: Duration, patience: Duration) -> Vec<Lock> {
        self.seen.retain(|field, _| locks.iter().any(|lock| lock.field == *field));
        let mut stale = Vec::new();
        for lock in locks {
            let seen = self.seen.entry(lock.field.clone()).or_insert_with(|| (lock.clone(), steady));
            if seen.0 != lock {
                *seen = (lock, steady);
            } else if steady.saturating_sub(seen.1) >= patience {
                stale.push(lock);
            }
        }
        stale
    }
}

impl Snapshot {
    /// All locks held.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] and engine failures.
    pub fn run_locks(&self) -> Result<Vec<Lock>> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT field, run, holder, beats FROM run_locks ORDER BY field")?;
        let rows = statement.query_map([], |row| {
            let (run, beats) = (number(row, 1)?, number(row, 3)?);
            Ok(Lock { field: row.get(0)?, run, holder: row.get(2)?, beats })
        })?;
        Ok(rows.collect::<crate::db::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(beats: u64) -> Lock {
        Lock { field: "market".to_owned(), run: 1, holder: "a".to_owned(), beats }
    }

    #[test]
    fn a_lock_is_stale_only_after_its_count_has_stood_still_long_enough() {
        let mut watch = LockWatch::default();
        let patience = Duration::from_secs(30);
        let mut stale = |beats, second| watch.stale(vec![lock(beats)], Duration::from_secs(second), patience);
        assert_eq!(stale(7, 100), []);
        assert_eq!(stale(7, 129), []);
        assert_eq!(stale(8, 130), []);
        assert_eq!(stale(8, 159), []);
        assert_eq!(stale(8, 160), [lock(8)]);
    }

    #[test]
    fn a_lock_taken_anew_is_watched_anew() {
        let mut watch = LockWatch::default();
        let patience = Duration::from_secs(30);
        assert_eq!(watch.stale(vec![lock(1)], Duration::ZERO, patience), []);
        let other = Lock { holder: "b".to_owned(), ..lock(1) };
        assert_eq!(watch.stale(vec![other.clone()], Duration::from_secs(60), patience), []);
        assert_eq!(watch.stale(vec![other.clone()], Duration::from_secs(90), patience), [other]);
    }
}
