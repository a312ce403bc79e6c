//! Tests of the ledger through its public interface, on real files.

mod appending;
mod conflicts;
mod damage;
mod explaining;
mod kill;
mod laboratory;
mod log;
mod oracle;
mod reading;
mod relations;
mod results;
mod runs;
mod runs_killed;
mod support;
mod writing;
