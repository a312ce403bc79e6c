//! The service: use cases over the catalogue and the ledger, and the gRPC surface in front of them.
//!
//! ```text
//! bytes ─ grpc (parse, convert) ▶ use_case ▶ engine ─ ledger, catalogue, kernel ─▶ use_case ─ grpc (convert) ▶ bytes
//! ```
//!
//! Only `grpc` names protobuf types and tonic; use cases take checked values and give the engine's own. Nothing here
//! computes a point: that is the kernel's.

pub mod access;
pub mod conductor;
mod conversation;
pub mod directory;
pub mod engine;
mod grpc;
mod heart;
pub mod hex;
pub mod laboratory;
mod metrics;
pub mod outline;
pub mod page;
mod people;
pub mod problem;
pub mod runner;
pub mod server;
pub mod story;
mod studies;
mod tasks;
pub mod timetable;
mod tls;
mod traces;
pub mod typesetter;
pub mod use_case;

pub use access::{Access, AccessError, Purpose};
pub use conductor::RunSetup;
pub use engine::{Engine, EngineOptions};
pub use grpc::{
    IssuedReport, Load, ReportOrder, client, issue_report, issued_report, record_tiers, tier_receipt,
    verified_report,
};
pub use laboratory::{CheckedPlan, LaboratorySetup, Modeller, StudyOrder};
pub use people::{Local, MakePages, People, Visitor};
pub use problem::{Answer, Problem};
pub use runner::{Progress, RunFailure, RunOrder, RunOutcome, RunRows, RunSource, Runner};
pub use server::{Bound, Config, ServeError, bind, serve};
pub use tls::{Tls, TlsError};
pub use traces::{TraceSetup, TracesError};
