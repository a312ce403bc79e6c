//! Optimal binning: the bins of a feature with the greatest information value that its rules allow.

mod feature;
mod optimum;
mod rules;

pub use feature::{Basis, Bin, Binned, Search, What, bin};
pub use rules::{Absent, CheckedRules, Cuts, RuleError, Rules, Trend, Unseen};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::history::{Column, Rows};

/// Bins every column by the given learning rows; the same on any number of threads.
pub fn bin_all(
    columns: &[Column],
    rows: &Rows,
    learn: &[u32],
    rules: impl Fn(&str) -> CheckedRules + Sync,
    threads: usize,
) -> Vec<Binned> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, columns.len().max(1)) {
            scope.spawn(|| {
                while let Some((at, column)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    columns.get(at).map(|column| (at, column))
                } {
                    let counts = column.counts(rows, learn);
                    let binned = bin(&column.layout, &counts, &rules(&column.layout.column));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, binned));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, binned)| binned).collect()
}
