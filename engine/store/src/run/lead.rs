//! Who looks after the schedules: one of the servers that share a ledger.
//!
//! Several may look after them without harm, because a firing makes its runs once (see [`RunBook::fire`]). The lead keeps
//! them from all doing the same work, and one of them from going by a clock that differs.
//!
//! [`RunBook::fire`]: super::RunBook::fire

use std::sync::Arc;

use crate::db::Connection;
use crate::error::Result;
use crate::ledger::Shared;
use crate::recorder;

/// A candidate for the lead. The one that has it keeps it until it is dropped, or its connection is lost.
#[derive(Debug)]
pub struct Lead {
    connection: Connection,
}

impl Lead {
    pub(crate) fn new(shared: &Arc<Shared>) -> Result<Lead> {
        Ok(Lead { connection: recorder::writing(shared)? })
    }

    /// Whether this candidate leads: it did so far and its connection lives, or nobody else does and it begins now. Whoever
    /// works on a ledger in a file leads, for all of them share one machine and its clock.
    ///
    /// # Errors
    /// [`crate::Error::Unreachable`]: then it leads no longer.
    pub fn holds(&mut self) -> Result<bool> {
        Ok(self.connection.lead()?)
    }
}
