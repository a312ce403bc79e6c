//! Tests of the ledger through its public interface, on real files. `tests/postgres` runs them on a server.

mod appending;
mod conflicts;
mod damage;
mod directory;
mod engine;
mod explaining;
mod exports;
mod kill;
mod laboratory;
mod log;
mod log_altered;
mod opening;
mod oracle;
mod reading;
mod relations;
mod reports;
mod results;
mod runs;
mod runs_killed;
mod supply;
mod support;
mod writing;
