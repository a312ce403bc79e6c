//! A joint laboratory: histories, studies on them, models with their states, and the log of numbers that left.
//!
//! ```text
//! register ▶ history ─ order ▶ study: queued ─ claim ▶ running (beats) ─ finish ▶ succeeded ─ release ▶ numbers, logged
//!                                       ▲                  │ the holder is gone      fail ▶ failed
//!                                       └──────────────────┘
//! model: trained ▶ draft ─ a validation that keeps its limits ▶ validated ─ approved by two others ▶ approved ─▶ retired
//! ```
//!
//! This module knows nothing of training: plans, descriptions and requests are texts, numbers are texts. What it keeps is
//! who asked for what, who answers for what, and what left. The rules are argued in
//! `docs/decisions/0012-laboratory.md`.

mod book;
mod error;
mod model;
mod record;
mod release;

pub use book::{Finished, LaboratoryBook, NewHistory, NewModel, NewStudy, StudyClaim};
pub use error::LaboratoryError;
pub use model::{ModelAct, ModelEvent, ModelRecord, ModelState};
pub use record::{HistoryFile, HistoryRecord, StudyKind, StudyRecord, StudyState};
pub use release::{FigureRecord, Release, ReleaseRecord, Wanted};
