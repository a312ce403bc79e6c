//! The engine the suite runs on here: a server.

use std::path::Path;

use hengxin_store::Place;

use crate::cluster::{Cluster, Session, cluster, left_out};

/// How many random sequences are compared with the naive list unless somebody says otherwise. Every statement crosses a wire.
pub(crate) const SEQUENCES: u64 = 200;

/// The server. Where there is none the program ends here, and says so.
pub(crate) fn server() -> &'static Cluster {
    cluster().unwrap_or_else(|why| {
        left_out("all tests of the ledger on PostgreSQL", &format!("no server could be started: {why}"));
        std::process::exit(0)
    })
}

/// Where a test's ledger lies whose folder this is.
pub(crate) fn place(folder: &Path) -> Place {
    Place::parse(&server().database(), folder.join("ledger.db.key")).expect("an address")
}

/// A place as text, for another process.
pub(crate) fn tell(place: &Place) -> String {
    format!("{place} {}", place.key().display())
}

pub(crate) fn told(text: &str) -> Place {
    let (address, key) = text.split_once(' ').expect("address and key");
    Place::parse(address, key.into()).expect("an address")
}

/// Somebody else whose turn it is to write, and who does not end it.
pub(crate) struct Blocker(Session);

impl Blocker {
    pub(crate) fn of(place: &Place) -> Blocker {
        let session = Session::open(&place.to_string()).expect("a connection");
        session.run("BEGIN; SELECT pg_advisory_xact_lock(x'48584C47'::bigint)").expect("the lock");
        Blocker(session)
    }

    pub(crate) fn end(self) {
        self.0.run("ROLLBACK").expect("released");
    }
}
