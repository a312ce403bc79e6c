//! Where datasets and runs lie: a folder, or a prefix of an object store.
//!
//! Names are relative, with `/`. Writing is all or nothing: a reader finds the whole of a file under its name or
//! nothing. In a folder that is a temporary file, sync, rename, sync of the folder.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::{ChunkReader, Length};

use crate::error::{Error, Result};

/// An object store as this crate uses it; the program that links a client provides it.
pub trait Objects: Send + Sync + std::fmt::Debug {
    /// The whole object, or `None` when there is none.
    ///
    /// # Errors
    /// What the store says.
    fn get(&self, name: &str) -> std::result::Result<Option<Vec<u8>>, String>;
    /// Writes the whole object at once.
    ///
    /// # Errors
    /// What the store says.
    fn put(&self, name: &str, bytes: Vec<u8>) -> std::result::Result<(), String>;
    /// Its address, for messages.
    fn address(&self) -> &str;
}

/// A place.
#[derive(Clone, Debug)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A prefix of an object store.
    Objects(Arc<dyn Objects>),
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Place {
        Place::Folder(path.to_owned())
    }
}

/// A file opened for reading at any position.
#[derive(Debug)]
pub enum Source {
    /// A file of a folder.
    File(File),
    /// An object, whole.
    Bytes(bytes::Bytes),
}

impl Place {
    /// How it is called in messages and manifests.
    pub fn address(&self) -> String {
        match self {
            Place::Folder(path) => path.display().to_string(),
            Place::Objects(objects) => objects.address().to_owned(),
        }
    }

    /// A file of it, for messages.
    pub fn name_of(&self, name: &str) -> String {
        match self {
            Place::Folder(path) => path.join(name).display().to_string(),
            Place::Objects(objects) => format!("{}/{name}", objects.address()),
        }
    }

    /// Opens a file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(&self, name: &str) -> Result<Option<Source>> {
        match self {
            Place::Folder(folder) => {
                let path = folder.join(name);
                match File::open(&path) {
                    Ok(file) => Ok(Some(Source::File(file))),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(e) => Err(Error::io(&path, e)),
                }
            }
            Place::Objects(objects) => {
                let found = objects.get(name).map_err(|why| self.refused(name, &why))?;
                Ok(found.map(|bytes| Source::Bytes(bytes.into())))
            }
        }
    }

    /// Reads a whole file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match (self.open(name)?, self) {
            (None, _) => Ok(None),
            (Some(Source::Bytes(bytes)), _) => Ok(Some(bytes.into())),
            (Some(Source::File(mut file)), _) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(|e| Error::io(Path::new(&self.name_of(name)), e))?;
                Ok(Some(bytes))
            }
        }
    }

    /// Writes a whole file: after this it is there and stays, whatever happens to the machine; before, nothing is.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left behind.
    pub fn write(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        match self {
            Place::Objects(objects) => objects.put(name, bytes).map_err(|why| self.refused(name, &why)),
            Place::Folder(folder) => {
                let path = folder.join(name);
                let parent = path.parent().unwrap_or(folder);
                std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
                let temporary = path.with_extension(format!("part-{}", std::process::id()));
                let written = (|| {
                    let mut file = File::create(&temporary)?;
                    file.write_all(&bytes)?;
                    file.sync_all()?;
                    std::fs::rename(&temporary, &path)?;
                    File::open(parent)?.sync_all()
                })();
                written.map_err(|e| {
                    // What is half-written helps nobody; that it cannot be removed changes nothing about the error.
                    let _ = std::fs::remove_file(&temporary);
                    Error::io(&path, e)
                })
            }
        }
    }

    fn refused(&self, name: &str, why: &str) -> Error {
        Error::Refused(format!("{}: {why}", self.name_of(name)))
    }

    /// Keeps every other process out of the folder as long as the guard lives, however this process ends. An object
    /// store has no locks: there, that shards are committed under the digest of their inputs makes a second run
    /// harmless.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process is at work in it.
    pub fn lock(&self) -> Result<Option<File>> {
        let Place::Folder(folder) = self else { return Ok(None) };
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        let path = folder.join(".lock");
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy(folder.clone())),
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io(&path, e)),
        }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Source::File(file) => file.len(),
            Source::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = Box<dyn std::io::Read + Send>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(match self {
            Source::File(file) => Box::new(file.get_read(start)?),
            Source::Bytes(bytes) => Box::new(ChunkReader::get_read(bytes, start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<bytes::Bytes> {
        match self {
            Source::File(file) => file.get_bytes(start, length),
            Source::Bytes(bytes) => bytes.get_bytes(start, length),
        }
    }
}
