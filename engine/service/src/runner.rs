//! Who carries a run out: a seam between the service, which orders, locks and publishes, and what evaluates a whole
//! population. The composition root plugs the latter in.

use std::sync::atomic::AtomicBool;

use hengxin_core::date::{Date, Moment};
use hengxin_store::RunTier;

/// Where the facts of a run lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunSource {
    /// In the ledger of the service.
    Ledger,
    /// In a facts dataset: folder or URL.
    Dataset(String),
}

/// What is to be carried out. Equal orders must give equal results: a run that was cut off is ordered again with the
/// same number, places and dates, and may go on with what it finds in its results folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOrder {
    /// Number of the run.
    pub run: u64,
    /// Field of supervision: its tier policy in force on `as_of` names the standards.
    pub field: String,
    /// The day to decide for.
    pub as_of: Date,
    /// Facts recorded later are not looked at.
    pub known_at: Moment,
    /// Where the facts lie.
    pub source: RunSource,
    /// Results folder or URL of the run to go on from; `None`: decide on everybody.
    pub previous: Option<String>,
    /// Folder or URL for the results.
    pub results: String,
}

/// How far a run is, in subjects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Done.
    pub done: u64,
    /// In all; 0 while unknown.
    pub total: u64,
}

/// Rows of a finished run, in the same order whenever they are read. Ascending by subject loads fastest.
pub type RunRows = Box<dyn Iterator<Item = Result<RunTier, RunFailure>> + Send>;

/// What a run came to.
pub struct RunOutcome {
    /// SHA-256 of the run's manifest: equal manifests have equal rows.
    pub manifest: [u8; 32],
    /// Subjects in all: as many rows must come.
    pub subjects: u64,
    /// Subjects by tier; `None` is no tier.
    pub tiers: Vec<(Option<u16>, u64)>,
    /// The rows to load.
    pub rows: RunRows,
}

impl std::fmt::Debug for RunOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOutcome").field("subjects", &self.subjects).finish_non_exhaustive()
    }
}

/// Why a run has no results.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunFailure {
    /// It was told to end, and left nothing half-visible.
    #[error("the run was told to end")]
    Cancelled,
    /// What went wrong: found and expected.
    #[error("{0}")]
    Failed(String),
}

/// Carries runs out. Called on a thread that may block for hours.
pub trait Runner: Send + Sync {
    /// Carries `order` out. Tells `progress` now and then, and looks at `cancelled` at least once a second: once it is
    /// true the run ends with [`RunFailure::Cancelled`] as soon as it can.
    ///
    /// # Errors
    /// [`RunFailure`]: then nothing of the run is published.
    fn run(
        &self,
        order: &RunOrder,
        progress: &(dyn Fn(Progress) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<RunOutcome, RunFailure>;
}
