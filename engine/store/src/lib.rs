//! The ledger: an append-only, bitemporal record of facts on SQLite.
//!
//! Every fact has two dates: when it occurred, and when it was recorded. Nothing is ever changed or removed; a
//! correction, repair, objection or withdrawal is a further entry. What was known at any moment can be read again,
//! and so every past result can be computed again.
//!
//! ```text
//! drafts ─ Batch::prepare ▶ Batch ─ Recorder::append ▶ Report          (or Writer, for many small writes at once)
//! Ledger::snapshot(known_at) ▶ Snapshot ─ credit_file ▶ OwnedFile ─ as_file ▶ core's CreditFile
//! ```
//!
//! This crate knows what a record is (its key, its versions, the marks upon it) but not what it means: it applies
//! rule 1 of `docs/standard-format.md` §3 and hands repairs, objections and dates to the kernel, which applies the
//! others. It is the only crate that names SQL, and it does not know of files, requests or async code.
//!
//! Source of the rules: `docs/standard-format.md` §3.

mod append;
mod audit;
mod backup;
mod clock;
mod db;
mod deliveries;
mod dictionary;
mod directory;
mod encode;
mod error;
mod explain;
mod exports;
mod history;
mod identity;
mod laboratory;
mod ledger;
mod log;
mod name;
mod overview;
mod place;
mod protect;
mod quarantine;
mod recorder;
mod related;
mod reports;
mod resolve;
mod results;
mod run;
mod schema;
mod snapshot;
mod subjects;
mod submission;
mod supply;
mod transfer;
mod verify;
mod words;
mod writer;

pub use audit::{AuditRecord, Call, Decision};
pub use backup::back_up;
pub use clock::{Clock, SystemClock};
pub use db::postgres::{Address, AddressError};
pub use directory::{DirectoryMark, Noted};
pub use encode::{Key as RecordKey, key as record_key};
pub use error::{Error, Fault, Result};
pub use explain::{FactRecord, FactStatus};
pub use exports::{Export, ExportEnd, ExportEnding, ExportRecord};
pub use history::{History, RecordVersion};
pub use identity::{Conflict, ConflictKind};
pub use laboratory::{
    FigureRecord, Finished, HistoryFile, HistoryRecord, LaboratoryBook, LaboratoryError, ModelAct,
    ModelEvent, ModelRecord, ModelState, NewHistory, NewModel, NewStudy, Release, ReleaseRecord, StudyClaim,
    StudyKind, StudyRecord, StudyState, Wanted,
};
pub use ledger::{Ledger, Options};
pub use log::{CheckedLog, Log, LogEntry};
pub use name::normalise;
pub use overview::{GradedCounts, TierCount, TierMove};
pub use place::Place;
pub use protect::Protector;
pub use quarantine::{QuarantineFilter, QuarantineStatus, Quarantined};
pub use recorder::Recorder;
pub use related::{OwnedDossier, OwnedRelated};
pub use reports::{NewReport, ReportKind, ReportPlace, ReportRecord, ReportText};
pub use results::{EvaluationRecord, EvaluationRef, Recorded, Results, Stored, TierFilter, TierRecord};
pub use run::{
    Beat, ChangePosition, Claim, CutOff, Firing, Lead, Load, Loaded, LoadedRun, Lock, LockWatch, Missed,
    NewRun, Publication, Published, RunBook, RunChange, RunEvent, RunFilter, RunRecord, RunState, RunTier,
    Schedule, ScheduleRecord, Started,
};
pub use snapshot::{OwnedFile, Snapshot};
pub use subjects::SubjectEntry;
pub use submission::{Batch, FileStamp, Origin, Rejected, Report, Submission, SubmittedRow};
pub use supply::{Submitted, Supplied, Supply};
pub use transfer::{Copied, transfer};
pub use verify::{Archive, Verified};
pub use writer::{Answer, Command, Job, Outcome, RequestKey, Writer};
