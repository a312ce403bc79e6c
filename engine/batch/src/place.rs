//! Where datasets and runs lie: a folder, or a prefix of an object store.
//!
//! Names are relative, with `/`. Writing is all or nothing: a reader finds the whole of a file under its name or
//! nothing. In a folder that is a temporary file, sync, rename, sync of the folder.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use crate::error::{Error, Result};

/// An object store as this crate uses it; the program that links a client provides it.
pub trait Objects: Send + Sync + std::fmt::Debug {
    /// The whole object, or `None` when there is none. A store without the bucket is an error, not an absent object.
    ///
    /// # Errors
    /// What the store says, without the name of the object.
    fn get(&self, name: &str) -> std::io::Result<Option<Bytes>>;
    /// Writes the whole object at once, in the place of one of this name.
    ///
    /// # Errors
    /// What the store says, without the name of the object.
    fn put(&self, name: &str, bytes: Bytes) -> std::io::Result<()>;
    /// Writes the whole object at once, unless there is one of this name.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when there is one: it is left as it was. Else what the store says.
    fn create(&self, name: &str, bytes: Bytes) -> std::io::Result<()>;
    /// Its address, for messages and manifests, without a `/` at the end.
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
    Bytes(Bytes),
}

impl Place {
    /// The folder of a file, and the file's name in it; `None` when the path names no file.
    pub fn of_file(path: &Path) -> Option<(Place, &str)> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((Place::from(folder), path.file_name()?.to_str()?))
    }

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
                    Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
                    Err(e) => Err(Error::io(&path, e)),
                }
            }
            Place::Objects(objects) => {
                Ok(objects.get(name).map_err(|e| self.failed(name, e))?.map(Source::Bytes))
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
        self.put(name, bytes)?;
        self.settle(name)
    }

    /// Writes a whole file: it is there, or nothing is, but a machine that stops may forget it until its folder is
    /// [settled](Place::settle). That is once for many files.
    ///
    /// # Errors
    /// When it cannot be written; nothing is left behind.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        match self {
            Place::Objects(objects) => objects.put(name, bytes.into()).map_err(|e| self.failed(name, e)),
            Place::Folder(folder) => {
                let path = folder.join(name);
                let parent = path.parent().unwrap_or(folder);
                std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
                let temporary = path.with_extension(format!("part-{}", std::process::id()));
                let written = (|| {
                    let mut file = File::create(&temporary)?;
                    file.write_all(&bytes)?;
                    file.sync_all()?;
                    std::fs::rename(&temporary, &path)
                })();
                written.map_err(|e| {
                    // What is half-written helps nobody; that it cannot be removed changes nothing about the error.
                    let _ = std::fs::remove_file(&temporary);
                    Error::io(&path, e)
                })
            }
        }
    }

    /// After this all files beside `name` that were put stay, whatever happens to the machine.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn settle(&self, name: &str) -> Result<()> {
        let Place::Folder(folder) = self else { return Ok(()) };
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(|e| Error::io(parent, e))
    }

    /// Writes the manifest of what lies here: the file without which nothing of it counts.
    ///
    /// In a folder this is [`write`](Place::write): the lock keeps everybody else out. An object store has no locks, and
    /// two programs may work under one prefix. Shards of runs do not mind, for their names hold the digest of what
    /// decides them (those of datasets are told by their digests in the manifest); but the later of two manifests would
    /// take the place of the earlier, which somebody may have read already. So a manifest is only ever created. One that is there and says the same is ours, written by an attempt whose
    /// answer was lost, or by a second run of the same command.
    ///
    /// # Errors
    /// When it cannot be written, or another one is there.
    pub fn publish(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let Place::Objects(objects) = self else { return self.write(name, bytes) };
        let bytes = Bytes::from(bytes);
        match objects.create(name, bytes.clone()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                if objects.get(name).map_err(|e| self.failed(name, e))? == Some(bytes) {
                    return Ok(());
                }
                Err(Error::content(
                    self.name_of(name),
                    "another manifest, published since this command began",
                    "none: a prefix of its own for everything that is made; choose another one",
                ))
            }
            Err(e) => Err(self.failed(name, e)),
        }
    }

    fn failed(&self, name: &str, source: std::io::Error) -> Error {
        Error::Io { path: self.name_of(name).into(), source }
    }

    /// Keeps every other process out of the folder as long as the guard lives, however this process ends. An object
    /// store has no locks: there, that shards are committed under the digest of their inputs and manifests only
    /// [published](Place::publish) makes a second run harmless.
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
