//! The service as a client meets it: a real socket, a real client, a real ledger.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod access;
mod access_rules;
mod answers;
mod callers;
#[allow(dead_code, reason = "the tests of the store need more of it")]
#[path = "../../../store/tests/postgres/cluster.rs"]
mod cluster;
mod damage;
mod directory;
mod enterprises;
mod exports;
mod hostile;
mod load;
mod logs;
mod metrics;
mod overview;
mod pages;
mod papers;
mod raw;
mod refusals;
mod replay;
mod reports;
mod rig;
mod runs;
mod schedules;
mod shared;
mod shipped;
mod sources;
mod spans;
mod standards;
mod tiers;
mod traces;
mod transport;
mod visitors;
mod watch;
mod what_if;
mod writes;
