//! Where a ledger lies: in a file, or in a database server.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::db::postgres::Address;
use crate::error::Result;

/// Where a ledger lies.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file of its own.
    File(PathBuf),
    /// In a database of a PostgreSQL server.
    Postgres {
        /// Which one.
        address: Address,
        /// The file of the key that protects identity numbers. It never lies with the data it protects.
        key: PathBuf,
    },
}

impl Place {
    /// The place a text names: the address of a server (`postgres://…`), or else the path of a file. The key of a ledger
    /// on a server is the file `key`; that of a file lies beside it.
    ///
    /// # Errors
    /// [`crate::Error::Address`]. The text is not repeated: it may hold a password.
    pub fn parse(text: &str, key: PathBuf) -> Result<Place> {
        if Address::is_meant_by(text) {
            return Ok(Place::Postgres { address: Address::parse(text)?, key });
        }
        Ok(Place::File(PathBuf::from(text)))
    }

    /// Where the key lies.
    pub fn key(&self) -> PathBuf {
        match self {
            Place::File(path) => {
                let mut name = path.file_name().unwrap_or_default().to_owned();
                name.push(".key");
                path.with_file_name(name)
            }
            Place::Postgres { key, .. } => key.clone(),
        }
    }

    /// Where the key lies that signs tree heads of the log.
    pub fn signing_key(&self) -> PathBuf {
        self.beside(".signing-key")
    }

    /// Where the last tree head lies that this machine has signed.
    pub fn head(&self) -> PathBuf {
        self.beside(".head")
    }

    /// A file that belongs to the ledger and never lies with its data: named as its key, but for the ending.
    fn beside(&self, ending: &str) -> PathBuf {
        let key = self.key();
        let name = key.file_name().unwrap_or_default().to_string_lossy().into_owned();
        key.with_file_name(format!("{}{ending}", name.strip_suffix(".key").unwrap_or(&name)))
    }

    /// For errors, which speak of paths: an address is one, too.
    pub(crate) fn shown(&self) -> PathBuf {
        match self {
            Place::File(path) => path.clone(),
            Place::Postgres { address, .. } => PathBuf::from(address.to_string()),
        }
    }
}

/// As people may see it: without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().display().fmt(f)
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Place {
    fn from(path: &P) -> Place {
        Place::File(path.as_ref().to_owned())
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Place {
        place.clone()
    }
}
