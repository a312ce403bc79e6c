//! Folders that appear whole or not at all, and files copied with their SHA-256.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// A folder under a temporary name beside its own. It is removed unless it is finished.
pub struct Staged {
    at: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Staged {
    /// Begins a folder that will be `target`, where nothing or an empty folder may lie. What an attempt that was cut off
    /// has left is removed.
    pub fn begin(argument: &str, target: &Path) -> Result<Staged, Failure> {
        let target = std::path::absolute(target)?;
        ensure_free(argument, &target)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Failure::Input(format!(
                "{argument}: found `{}`, expected a folder that can be made",
                target.display()
            )));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".unfinished");
        let at = parent.join(hidden);
        if at.exists() {
            fs::remove_dir_all(&at)
                .with_context(|| format!("cannot remove what was left at `{}`", at.display()))?;
        }
        fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        {
            // Records of companies: for the owner alone.
            use std::os::unix::fs::DirBuilderExt as _;
            folder.mode(0o700);
        }
        folder.create(&at).with_context(|| format!("cannot make `{}`", at.display()))?;
        Ok(Staged { at, target, finished: false })
    }

    /// Where to write for now.
    pub fn at(&self) -> &Path {
        &self.at
    }

    /// Gives the folder its name, once everything in it is on disk.
    pub fn finish(mut self) -> Result<(), Failure> {
        sync(&self.at)?;
        // Replaces an empty folder and nothing else.
        fs::rename(&self.at, &self.target)
            .with_context(|| format!("cannot finish `{}`", self.target.display()))?;
        self.finished = true;
        if let Some(parent) = self.target.parent() {
            File::open(parent)
                .and_then(|parent| parent.sync_all())
                .with_context(|| format!("cannot sync `{}`", parent.display()))?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that led here is the one to tell; the next attempt removes what is left.
            let _ = fs::remove_dir_all(&self.at);
        }
    }
}

fn ensure_free(argument: &str, target: &Path) -> Result<(), Failure> {
    let found = match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => return Ok(()),
            Some(_) => "a folder that is not empty",
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => "a file",
        Err(error) => return Err(Failure::Input(format!("{argument}: `{}`: {error}", target.display()))),
    };
    Err(Failure::Input(format!(
        "{argument}: found {found} at `{}`, expected nothing or an empty folder",
        target.display()
    )))
}

/// Syncs a folder and everything in it.
fn sync(folder: &Path) -> Result<(), Failure> {
    let failed = || format!("cannot sync `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.with_context(|| format!("cannot sync `{}`", path.display()))?;
        }
    }
    Ok(File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)?)
}

/// Length and SHA-256 of what was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    pub bytes: u64,
    pub sha256: String,
}

/// Copies a file that may grow or go meanwhile; what the copy holds is what is measured.
pub fn copy(from: &Path, to: &Path) -> io::Result<Measured> {
    let mut source = File::open(from)?;
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut copy = options.open(to)?;
    through(&mut source, |part| copy.write_all(part))
}

/// Reads a file to its end.
pub fn measure(path: &Path) -> io::Result<Measured> {
    through(&mut File::open(path)?, |_| Ok(()))
}

fn through(source: &mut File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Measured> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut part = vec![0; 1 << 20];
    loop {
        let read = match source.read(&mut part) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let part = part.get(..read).unwrap_or_default();
        hash.update(part);
        each(part)?;
        bytes += read as u64;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Measured { bytes, sha256 })
}
