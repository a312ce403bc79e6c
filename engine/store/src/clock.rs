//! Where moments come from: a clock that is handed in, so that tests decide what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use hengxin_core::date::Moment;

/// A source of moments. It may jump or stand still: the ledger never records the same moment twice.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        // A clock set before 1970 counts as 1970; recorded moments still ascend from the last one.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX - 1))
    }
}
