//! The catalogue: every edition of every standard and tier policy in a folder, checked together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::document::{self, Check, Faults, Node, Span};
use hengxin_core::plan::{Nested, Plan};
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::vocabulary::Vocabulary;
use sha2::{Digest as _, Sha256};

use crate::folder::{self, SourceFile, is_document};
use crate::lock::{Lock, LockError, hex, parts, sha256_hex};
use crate::report::FaultyFile;
use crate::together::{
    check_lock, check_overlap, check_path, check_policy_overlap, check_present, check_vocabulary,
    pinned_name, ring,
};
use crate::yaml::parse_document;

/// A checked edition of a standard.
#[derive(Clone, Debug)]
pub struct Edition {
    /// The standard.
    pub standard: Arc<Standard>,
    /// SHA-256 over this file and, in order, the digests of every edition it may read: the closed set of what
    /// decides a result besides the facts.
    pub digest: String,
    /// SHA-256 of the file alone, as pinned in the lock.
    pub file_digest: String,
    /// The file's text.
    pub text: String,
    /// Its path below the folder.
    pub path: String,
}

/// A checked edition of a tier policy.
#[derive(Clone, Debug)]
pub struct PolicyEdition {
    /// The policy.
    pub policy: Arc<TierPolicy>,
    /// SHA-256 of the file.
    pub digest: String,
    /// The file's text.
    pub text: String,
    /// Its path below the folder.
    pub path: String,
}

/// No edition answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEdition {
    /// Nobody knows the id.
    #[error("unknown {what} `{id}`{}; known: {}", did_you_mean(.near.as_deref()), .known.join(", "))]
    Unknown {
        /// "standard" or "field".
        what: &'static str,
        /// The id asked for.
        id: String,
        /// The nearest known one, when it looks like a slip.
        near: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// The pinned edition does not exist.
    #[error("`{id}` has no edition `{edition}`; it has {}", .known.join(", "))]
    UnknownEdition {
        /// The standard.
        id: String,
        /// The edition asked for.
        edition: String,
        /// Those it has.
        known: Vec<String>,
    },
    /// The last edition is over.
    #[error("`{id}` is not in force on {as_of}: edition {edition} ended on {last}")]
    Expired {
        /// The standard or field.
        id: String,
        /// Its last edition before the date.
        edition: String,
        /// The date asked for.
        as_of: Date,
        /// Its last day.
        last: Date,
    },
    /// The first edition has not begun.
    #[error("`{id}` is not in force on {as_of}: edition {edition} begins on {first}")]
    NotYet {
        /// The standard or field.
        id: String,
        /// Its first edition after the date.
        edition: String,
        /// The date asked for.
        as_of: Date,
        /// Its first day.
        first: Date,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default()
}

/// Why a folder is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Documents have faults.
    #[error("{} file(s) have faults:\n{}", .0.len(), .0.iter().map(FaultyFile::plain).collect::<String>())]
    Faults(Vec<FaultyFile>),
    /// The lock file itself is wrong.
    #[error("editions.lock: {0}")]
    Lock(#[from] LockError),
}

/// Every edition, checked together.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The vocabulary.
    pub vocabulary: Arc<Vocabulary>,
    /// By id, editions by their first day.
    standards: BTreeMap<String, Vec<Edition>>,
    /// By field, editions by their first day.
    policies: BTreeMap<String, Vec<PolicyEdition>>,
}

impl Catalogue {
    /// The standards the program was built with.
    ///
    /// # Errors
    /// All their faults; a test of this crate holds that there are none.
    pub fn shipped() -> Result<Catalogue, LoadError> {
        Catalogue::from_files(folder::shipped())
    }

    /// Reads and checks a folder.
    ///
    /// # Errors
    /// When a file cannot be read, or with all faults of all files.
    pub fn load(folder: &Path) -> Result<Catalogue, LoadError> {
        let (files, mut refused) = folder::read(folder)?;
        match Catalogue::from_files(files) {
            Ok(catalogue) if refused.is_empty() => Ok(catalogue),
            Ok(_) => Err(LoadError::Faults(refused)),
            Err(LoadError::Faults(found)) => {
                refused.extend(found);
                refused.sort_by(|a, b| a.file.cmp(&b.file));
                Err(LoadError::Faults(refused))
            }
            Err(other) => Err(other),
        }
    }

    /// Checks files given as (path below the folder, text). Cases, read-me files and the schema folder are passed over.
    ///
    /// # Errors
    /// All faults of all files.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have just read")]
    pub fn from_files(files: Vec<SourceFile>) -> Result<Catalogue, LoadError> {
        let mut refused: Vec<FaultyFile> = Vec::new();
        let mut fail = |file: &str, text: &str, faults: Faults| {
            refused.push(FaultyFile { file: file.to_owned(), text: text.to_owned(), faults });
        };
        let lock = match files.iter().find(|(path, _)| path == "editions.lock") {
            Some((_, text)) => Lock::parse(text)?,
            None => Lock::default(),
        };
        let mut unpinned = lock.clone();
        let mut nodes: Vec<(&SourceFile, Node)> = Vec::new();
        let mut vocabulary = None;
        for file in files.iter().filter(|(path, _)| is_document(path)) {
            match parse_document(&file.1) {
                Err(faults) => fail(&file.0, &file.1, faults),
                Ok(node) if file.0 == "vocabulary.yaml" => match Vocabulary::parse(&node) {
                    Ok(parsed) => {
                        let mut faults = Faults::default();
                        check_vocabulary(&node, &lock, &parsed, &mut faults);
                        if !faults.is_empty() {
                            fail(&file.0, &file.1, faults);
                        }
                        vocabulary = Some(parsed);
                    }
                    Err(faults) => fail(&file.0, &file.1, faults),
                },
                Ok(node) => nodes.push((file, node)),
            }
        }
        let Some(vocabulary) = vocabulary else {
            if refused.is_empty() {
                let mut faults = Faults::default();
                faults.push(
                    Span::default(),
                    Check::MissingKey,
                    "no `vocabulary.yaml`",
                    "one beside the standards",
                );
                refused.push(FaultyFile { file: "vocabulary.yaml".to_owned(), text: String::new(), faults });
            }
            return Err(LoadError::Faults(refused));
        };
        let peers = Peers(
            nodes
                .iter()
                .filter(|(file, _)| !is_policy(&file.0))
                .filter_map(|(_, n)| Standard::head(n))
                .collect(),
        );
        let mut standards: BTreeMap<String, Vec<Edition>> = BTreeMap::new();
        let mut policies: BTreeMap<String, Vec<PolicyEdition>> = BTreeMap::new();
        for ((path, text), node) in &nodes {
            if let Some((id, edition)) = pinned_name(node) {
                unpinned.0.remove(&(id, edition));
            }
            let file_digest = sha256_hex(text.as_bytes());
            let mut faults = Faults::default();
            if is_policy(path) {
                match TierPolicy::parse(node, &peers) {
                    Err(found) => faults = found,
                    Ok(policy) => {
                        check_path(node, path, &["policies", &policy.field], &policy.edition, &mut faults);
                        let key = format!("policies/{}", policy.field);
                        check_lock(node, &lock, &key, &policy.edition, &file_digest, &mut faults);
                        check_policy_overlap(node, &policy, policies.get(&policy.field), &mut faults);
                        policies.entry(policy.field.clone()).or_default().push(PolicyEdition {
                            policy: Arc::new(policy),
                            digest: file_digest,
                            text: text.clone(),
                            path: path.clone(),
                        });
                    }
                }
            } else {
                match Standard::parse(node, &vocabulary, &peers) {
                    Err(found) => faults = found,
                    Ok(standard) => {
                        check_path(node, path, &[&standard.id], &standard.edition, &mut faults);
                        check_lock(node, &lock, &standard.id, &standard.edition, &file_digest, &mut faults);
                        check_overlap(node, &standard, &peers, &mut faults);
                        standards.entry(standard.id.clone()).or_default().push(Edition {
                            standard: Arc::new(standard),
                            digest: String::new(),
                            file_digest,
                            text: text.clone(),
                            path: path.clone(),
                        });
                    }
                }
            }
            if !faults.is_empty() {
                fail(path, text, faults);
            }
        }
        for ((path, text), node) in &nodes {
            let id = node.child("standard").and_then(Node::text).unwrap_or_default();
            if let Some(ring) = ring(id, &standards) {
                let mut faults = Faults::default();
                faults.push(
                    node.child("standard").map_or(node.span, |n| n.span),
                    Check::Cycle,
                    format!("`{}`", ring.join("` reads `")),
                    "standards that do not read each other in a ring",
                );
                fail(path, text, faults);
            }
        }
        for (path, text) in files.iter().filter(|(path, _)| path == "editions.lock") {
            let mut faults = Faults::default();
            check_present(text, &unpinned, &mut faults);
            if !faults.is_empty() {
                fail(path, text, faults);
            }
        }
        if !refused.is_empty() {
            // Files of one folder in the order of their names, whatever found the fault.
            refused.sort_by(|a, b| a.file.cmp(&b.file));
            refused.dedup_by(|later, first| {
                let same = later.file == first.file;
                if same {
                    first.faults.0.append(&mut later.faults.0);
                }
                same
            });
            return Err(LoadError::Faults(refused));
        }
        for editions in standards.values_mut() {
            editions.sort_by_key(|e| e.standard.effective);
        }
        for editions in policies.values_mut() {
            editions.sort_by_key(|e| e.policy.effective);
        }
        let digests: Vec<(String, String, String)> = standards
            .values()
            .flatten()
            .map(|e| (e.standard.id.clone(), e.standard.edition.clone(), closed_digest(e, &standards)))
            .collect();
        for (id, edition, digest) in digests {
            let editions = standards.get_mut(&id).into_iter().flatten();
            for found in editions.filter(|e| e.standard.edition == edition) {
                found.digest.clone_from(&digest);
            }
        }
        Ok(Catalogue { vocabulary: Arc::new(vocabulary), standards, policies })
    }

    /// Pins every edition and the vocabulary as they are now.
    ///
    /// # Errors
    /// When an entry would change; a loaded catalogue never has one against its own lock.
    pub fn pin(&self, lock: &mut Lock) -> Result<(), LockError> {
        for edition in self.standards() {
            lock.add(&edition.standard.id, &edition.standard.edition, &edition.file_digest)?;
        }
        for edition in self.policies() {
            lock.add(
                &format!("policies/{}", edition.policy.field),
                &edition.policy.edition,
                &edition.digest,
            )?;
        }
        for part in parts(&self.vocabulary) {
            let n = part.items.len();
            if let Some(digest) = part.digest(n) {
                lock.add(&part.id, &n.to_string(), &digest)?;
            }
        }
        Ok(())
    }

    /// All fields that have a policy.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    /// All editions of all standards, by id and first day.
    pub fn standards(&self) -> impl Iterator<Item = &Edition> {
        self.standards.values().flatten()
    }

    /// All editions of all policies, by field and first day.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyEdition> {
        self.policies.values().flatten()
    }

    /// The edition in force on a date.
    ///
    /// # Errors
    /// When there is none: it never falls back to another.
    pub fn standard(&self, id: &str, as_of: Date) -> Result<&Edition, NoEdition> {
        let editions =
            self.standards.get(id).ok_or_else(|| unknown("standard", id, self.standards.keys()))?;
        in_force(id, editions, as_of, |e| (e.standard.effective, &e.standard.edition))
    }

    /// A pinned edition, in force on the date or not.
    ///
    /// # Errors
    /// When the standard or the edition does not exist.
    pub fn pinned(&self, id: &str, edition: &str) -> Result<&Edition, NoEdition> {
        let editions =
            self.standards.get(id).ok_or_else(|| unknown("standard", id, self.standards.keys()))?;
        editions.iter().find(|e| e.standard.edition == edition).ok_or_else(|| NoEdition::UnknownEdition {
            id: id.to_owned(),
            edition: edition.to_owned(),
            known: editions.iter().map(|e| e.standard.edition.clone()).collect(),
        })
    }

    /// The policy of a field in force on a date.
    ///
    /// # Errors
    /// When there is none.
    pub fn policy(&self, field: &str, as_of: Date) -> Result<&PolicyEdition, NoEdition> {
        let editions =
            self.policies.get(field).ok_or_else(|| unknown("field", field, self.policies.keys()))?;
        in_force(field, editions, as_of, |e| (e.policy.effective, &e.policy.edition))
    }

    /// A checked standard that is not of the catalogue, as an edition that reads those that are.
    pub fn draft(&self, standard: Standard, text: &str) -> Edition {
        let mut edition = Edition {
            standard: Arc::new(standard),
            digest: String::new(),
            file_digest: sha256_hex(text.as_bytes()),
            text: text.to_owned(),
            path: String::new(),
        };
        edition.digest = closed_digest(&edition, &self.standards);
        edition
    }

    /// Resolves an edition, and whatever it reads, on a date.
    pub fn plan(&self, edition: &Edition, as_of: Date) -> Arc<Plan> {
        self.plan_with(edition, as_of, &[])
    }

    /// The same, with `pinned` editions in the place of those in force wherever one is read: a draft is tried as it would
    /// work, also in the standards that look at its result.
    pub fn plan_with(&self, edition: &Edition, as_of: Date, pinned: &[&Edition]) -> Arc<Plan> {
        let standard = &edition.standard;
        let nested = self.nested(&standard.depends, as_of, pinned);
        // A known edition of this standard or of one it reads that begins later may change the answer.
        let next = std::iter::once(&standard.id)
            .chain(&standard.depends)
            .filter_map(|id| self.standards.get(id))
            .flatten()
            .map(|e| e.standard.effective.0)
            .filter(|first| *first > as_of)
            .min();
        Arc::new(Plan::resolve(Arc::clone(standard), as_of, nested, next.unwrap_or(Date::FOREVER)))
    }

    /// Where the results of the standards with these ids come from on a date.
    pub(crate) fn nested(&self, ids: &[String], as_of: Date, pinned: &[&Edition]) -> Vec<Nested> {
        let read = |id: &String| {
            let pinned = pinned.iter().copied().find(|edition| edition.standard.id == *id);
            pinned.or_else(|| self.standard(id, as_of).ok())
        };
        let nested = ids.iter().map(|id| match read(id) {
            Some(edition) => Nested::Plan(self.plan_with(edition, as_of, pinned)),
            None => Nested::NoEdition,
        });
        nested.collect()
    }
}

fn is_policy(path: &str) -> bool {
    path.starts_with("policies/")
}

/// Every edition it may read counts, in order of date, so that the digest does not depend on a date.
fn closed_digest(edition: &Edition, standards: &BTreeMap<String, Vec<Edition>>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"hengxin standard 1\n");
    hasher.update(edition.file_digest.as_bytes());
    for id in &edition.standard.depends {
        let period = edition.standard.effective;
        for nested in standards.get(id).into_iter().flatten() {
            let other = nested.standard.effective;
            if other.0 <= period.1 && period.0 <= other.1 {
                hasher.update(format!("\n{id} {}", closed_digest(nested, standards)));
            }
        }
    }
    hex(&hasher.finalize())
}

fn unknown<'a>(what: &'static str, id: &str, known: impl Iterator<Item = &'a String>) -> NoEdition {
    let known: Vec<String> = known.cloned().collect();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let near = document::nearest(id, &names).map(str::to_owned);
    NoEdition::Unknown { what, id: id.to_owned(), near, known }
}

fn in_force<'e, E>(
    id: &str,
    editions: &'e [E],
    as_of: Date,
    head: impl Fn(&E) -> ((Date, Date), &String),
) -> Result<&'e E, NoEdition> {
    if let Some(edition) = editions.iter().find(|e| head(e).0.0 <= as_of && as_of <= head(e).0.1) {
        return Ok(edition);
    }
    let over = editions.iter().rev().map(&head).find(|((_, last), _)| *last < as_of);
    let id = id.to_owned();
    if let Some(((_, last), edition)) = over {
        return Err(NoEdition::Expired { id, edition: edition.clone(), as_of, last });
    }
    let next = editions.iter().map(&head).find(|((first, _), _)| *first > as_of);
    match next {
        Some(((first, _), edition)) => Err(NoEdition::NotYet { id, edition: edition.clone(), as_of, first }),
        // An id is in the catalogue by its editions, so that one of the three holds.
        None => Err(unknown("edition of", &id, std::iter::empty())),
    }
}
