//! Point-in-time features: what the readings of a feature set give of subjects, each as of a day and as known at a moment.
//!
//! ```text
//! list of points ─ Sheet::points ▶ Points ─ over a dataset or a ledger ▶ Values ─ table ▶ Parquet, and Lineage beside it
//! ```
//!
//! The readings are measured by `hengxin_core::features`, the kernel's own code; this module brings files to it and takes
//! values away. [`cut_away`] does the same by another way, for the check that nothing later shows (`docs/features.md`).

mod cells;
pub mod crew;
pub mod cut_away;
pub mod dataset;
pub mod lineage;
mod plans;
mod points;
pub mod table;
mod values;

pub use cells::Cells;
pub use plans::{Benches, Plans};
pub use points::{Fault, Point, Points, Rejected, Rules, Sheet};
pub use values::{Refusal, Values};
