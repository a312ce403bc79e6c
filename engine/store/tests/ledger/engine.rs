//! The engine the suite runs on here: a file.

use std::path::Path;

use hengxin_store::Place;

/// How many random sequences are compared with the naive list unless somebody says otherwise.
pub(crate) const SEQUENCES: u64 = 2000;

/// Where a test's ledger lies whose folder this is.
pub(crate) fn place(folder: &Path) -> Place {
    Place::File(folder.join("ledger.db"))
}

/// A place as text, for another process.
pub(crate) fn tell(place: &Place) -> String {
    place.to_string()
}

pub(crate) fn told(text: &str) -> Place {
    Place::from(text)
}

/// Somebody else whose turn it is to write, and who does not end it.
pub(crate) struct Blocker(rusqlite::Connection);

impl Blocker {
    pub(crate) fn of(place: &Place) -> Blocker {
        let Place::File(path) = place else { panic!("{place} is no file") };
        let connection = rusqlite::Connection::open(path).expect("a connection");
        connection.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        Blocker(connection)
    }

    pub(crate) fn end(self) {
        self.0.execute_batch("ROLLBACK").expect("released");
    }
}
