//! Runs: a whole field of supervision evaluated anew, ordered, locked, carried out, loaded and published.
//!
//! ```text
//! start / fire ▶ queued ─ claim ▶ running (lock, beats) ─ load ▶ rows on their way in ─ publish ▶ succeeded
//!                  ▲                  │ the holder is gone, or shuts down                fail / cancel ▶ failed, cancelled
//!                  └──────────────────┘
//! ```
//!
//! This module knows nothing of evaluation: rows of results come from the caller. Locks, loads and positions are argued
//! in `docs/decisions/0008-runs-locks-and-loaded-results.md`.

mod book;
mod changes;
mod lead;
mod load;
mod lock;
mod record;
mod schedule;
mod tiers;

pub use book::{Beat, Claim, NewRun, RunBook, Started};
pub use changes::{ChangePosition, Publication, RunChange};
pub use lead::Lead;
pub use load::{Load, Loaded, Published};
pub use lock::{Lock, LockWatch};
pub use record::{RunEvent, RunFilter, RunRecord, RunState};
pub use schedule::{CutOff, Firing, Missed, Schedule, ScheduleRecord};
pub use tiers::{LoadedRun, RunTier};
