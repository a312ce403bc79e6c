//! Two runs over a population compared: who moved, how far, because of which clause, and what it costs the inspectors.
//!
//! One pass over two sources of [results](ResultRows), in the order of subjects, into a [`Tally`]; from it a
//! [`Comparison`], which is the JSON, the [page](html::page) and the summary. Memory does not depend on the number of
//! subjects, and parts counted on several threads add up. The results may come from [run folders](RunRows) or straight
//! from an evaluation by two editions. What is computed and how: `docs/compare.md`. It knows results, never facts:
//! reasons come from an [`Explainer`].

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests stop at the first surprise"))]

mod attribution;
mod axis;
mod breakdown;
mod clause;
mod distribution;
#[cfg(test)]
mod fixture;
mod gate;
pub mod html;
mod interval;
mod movers;
mod movers_file;
pub mod report;
mod result_row;
mod rows;
mod run_side;
mod suppression;
mod tally;
mod telling;
#[cfg(test)]
mod tests;
mod workload;

pub use attribution::{AppliedFinding, Explainer, FieldTold, IndicatorPoints, Side, Told, of_grade, of_tier};
pub use axis::{Axis, AxisKind, Direction, Matrix, State};
pub use breakdown::{Breakdown, By, Cell, RegionDepth};
pub use clause::{Clause, ClauseKind};
pub use distribution::Distribution;
pub use gate::{Check, Limit, Limits};
pub use interval::wilson;
pub use movers::{Mover, MoverSink, Sample};
pub use movers_file::MoversFile;
pub use report::Comparison;
pub use result_row::{OutcomeKind, ResultRow, ResultRows, RowsInMemory, StandardResult};
pub use rows::{RunManifest, RunPolicy, RunRows, RunShard, RunSource, RunStandard};
pub use run_side::{FieldSide, FindingSide, Named, RunSide, StandardSide, TierSide};
pub use suppression::{Shown, suppress};
pub use tally::{ClauseCount, Frame, Tally};
pub use workload::{Figure, TierWorkload, Workload};
