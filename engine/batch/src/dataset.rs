//! A dataset as it lies in a place: its manifest, and its shards by number.

use std::sync::Arc;

use hengxin_core::vocabulary::Vocabulary;

use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Shard};
use crate::place::Place;
use crate::reader::ShardFile;

/// An open dataset.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Where it lies.
    pub place: Place,
    /// Its manifest.
    pub manifest: Manifest,
    /// The vocabulary its classes are read with.
    pub vocabulary: Arc<Vocabulary>,
}

impl Dataset {
    /// Opens a dataset: reads its manifest, opens no shard.
    ///
    /// # Errors
    /// No manifest, or one that contradicts itself.
    pub fn open(place: Place, vocabulary: Arc<Vocabulary>) -> Result<Dataset> {
        let manifest = Manifest::read(&place)?;
        Ok(Dataset { place, manifest, vocabulary })
    }

    /// Opens a shard: size and number of rows must be those of the manifest, before anything is read.
    ///
    /// # Errors
    /// A shard that is absent, damaged, or not the manifest's.
    pub fn shard(&self, shard: &Shard) -> Result<ShardFile> {
        let file = ShardFile::open(&self.place, &shard.file)?;
        if file.rows() != shard.rows {
            return Err(Error::content(
                file.name(),
                format!("{} rows", file.rows()),
                format!("{} rows, as its manifest says", shard.rows),
            ));
        }
        Ok(file)
    }

    /// Compares a shard's bytes with the manifest's digest.
    ///
    /// # Errors
    /// Bytes that are not the manifest's.
    pub fn verify(&self, shard: &Shard) -> Result<()> {
        let name = self.place.name_of(&shard.file);
        let bytes = self
            .place
            .read(&shard.file)?
            .ok_or_else(|| Error::content(&name, "no such file", "the shard its manifest names"))?;
        let found = sha256(&bytes);
        if found != shard.sha256 {
            return Err(Error::content(
                name,
                format!("{} bytes with SHA-256 {found}", bytes.len()),
                format!("{} bytes with SHA-256 {}, as its manifest says", shard.bytes, shard.sha256),
            ));
        }
        Ok(())
    }
}
