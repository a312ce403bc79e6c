//! The suite of the ledger once more, on a PostgreSQL server of its own, and what only a server can do.
//!
//! Without PostgreSQL on the machine nothing runs, which is said aloud; with `HENGXIN_NEED_POSTGRES` set it is a failure.

mod cluster;
mod engine;
mod moving;
mod server;

#[path = "../ledger/appending.rs"]
mod appending;
#[path = "../ledger/conflicts.rs"]
mod conflicts;
#[path = "../ledger/directory.rs"]
mod directory;
#[path = "../ledger/explaining.rs"]
mod explaining;
#[path = "../ledger/exports.rs"]
mod exports;
#[path = "../ledger/kill.rs"]
mod kill;
#[path = "../ledger/laboratory.rs"]
mod laboratory;
#[path = "../ledger/log.rs"]
mod log;
#[path = "../ledger/opening.rs"]
mod opening;
#[path = "../ledger/oracle.rs"]
mod oracle;
#[path = "../ledger/reading.rs"]
mod reading;
#[path = "../ledger/relations.rs"]
mod relations;
#[path = "../ledger/reports.rs"]
mod reports;
#[path = "../ledger/results.rs"]
mod results;
#[path = "../ledger/runs.rs"]
mod runs;
#[path = "../ledger/runs_killed.rs"]
mod runs_killed;
#[path = "../ledger/supply.rs"]
mod supply;
#[path = "../ledger/support.rs"]
mod support;
#[path = "../ledger/writing.rs"]
mod writing;
