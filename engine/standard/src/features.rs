//! A features file: text to a checked [`FeatureSet`], and its digest (`docs/features.md`).
//!
//! Features files are not part of a catalogue: they belong to whoever trains. They are read against one, because their
//! readings name the codes of its vocabulary and the results of its standards.

use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::features::{FeaturePlan, FeatureSet};
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Catalogue, Edition};
use crate::lock::{hex, sha256_hex};
use crate::report::FaultyFile;
use crate::yaml::parse_document;

/// A checked edition of features.
#[derive(Clone, Debug)]
pub struct FeatureEdition {
    /// The features.
    pub set: Arc<FeatureSet>,
    /// SHA-256 of the file.
    pub file_digest: String,
    /// SHA-256 over the file and the digests of every edition whose result it may read: the closed set of what decides a
    /// value besides the facts.
    pub digest: String,
}

impl Catalogue {
    /// Checks a features file, `name` being what it is called in messages.
    ///
    /// # Errors
    /// All its faults at once.
    pub fn features(&self, name: &str, text: &str) -> Result<FeatureEdition, FaultyFile> {
        let faulty = |faults| FaultyFile { file: name.to_owned(), text: text.to_owned(), faults };
        let node = parse_document(text).map_err(faulty)?;
        let heads = self.standards().filter_map(|e| Standard::head(&parse_document(&e.text).ok()?));
        let set = FeatureSet::parse(&node, &self.vocabulary, &Peers(heads.collect())).map_err(faulty)?;
        let file_digest = sha256_hex(text.as_bytes());
        let mut hasher = Sha256::new();
        hasher.update(b"hengxin features 1\n");
        hasher.update(&file_digest);
        for edition in self.read_by(&set) {
            hasher.update(format!("\n{} {}", edition.standard.id, edition.digest));
        }
        let digest = hex(&hasher.finalize());
        Ok(FeatureEdition { set: Arc::new(set), file_digest, digest })
    }

    /// The editions whose results a feature set may read, by id and first day.
    pub fn read_by<'c>(&'c self, set: &'c FeatureSet) -> impl Iterator<Item = &'c Edition> {
        self.standards().filter(|edition| {
            let theirs = edition.standard.effective;
            set.depends.contains(&edition.standard.id)
                && theirs.0 <= set.effective.1
                && set.effective.0 <= theirs.1
        })
    }

    /// Resolves a feature set, and whatever it reads, on a date.
    pub fn feature_plan(&self, set: &Arc<FeatureSet>, as_of: Date) -> Arc<FeaturePlan> {
        let nested = self.nested(&set.depends, as_of, &[]);
        Arc::new(FeaturePlan::resolve(Arc::clone(set), as_of, nested))
    }
}
