//! Units of work on several threads, each with a state of its own; what comes of them is handed over one by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does `work` for each of so many units and hands what it gives to `done`, in no order. Ends with the first failure.
///
/// # Errors
/// That failure.
pub fn in_parallel<S, T, E: Send>(
    units: usize,
    threads: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, E> + Sync,
    done: impl FnMut(T) + Send,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((done, None));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, units.max(1)) {
            scope.spawn(|| {
                let mut state = state();
                loop {
                    let unit = next.fetch_add(1, Ordering::Relaxed);
                    if unit >= units {
                        break;
                    }
                    let result = work(&mut state, unit);
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(given) => (shared.0)(given),
                        Err(problem) => {
                            next.store(units, Ordering::Relaxed);
                            shared.1.get_or_insert(problem);
                        }
                    }
                }
            });
        }
    });
    let (_, problem) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    problem.map_or(Ok(()), Err)
}
