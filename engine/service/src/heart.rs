//! What a thread that works and the thread that says it lives share.

use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// `T` is what the working thread tells of itself.
#[derive(Default)]
pub(crate) struct Heart<T> {
    /// The work is to end without results.
    pub(crate) cancelled: AtomicBool,
    last: Mutex<T>,
    stopped: Mutex<bool>,
    woken: Condvar,
}

impl<T: Clone> Heart<T> {
    /// Takes note of how the work goes.
    pub(crate) fn set(&self, now: T) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// What was told last.
    pub(crate) fn told(&self) -> T {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The work is over.
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_all();
    }

    /// Waits; whether it is over.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.woken.wait_timeout_while(stopped, pause, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Host, process and a random part, so that a process number given again is not taken for its predecessor.
pub(crate) fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown-host" } else { host.trim() };
    let mut token = [0u8; 8];
    // Without randomness the clock tells claims of one process apart.
    if getrandom::fill(&mut token).is_err() {
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        token.copy_from_slice(&nanos.to_le_bytes()[..8]);
    }
    format!("{host} process {} {:016x}", std::process::id(), u64::from_le_bytes(token))
}
