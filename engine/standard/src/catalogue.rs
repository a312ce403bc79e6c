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

use crate::lock::{Lock, LockError, hex, parts, sha256_hex};
use crate::report::FaultyFile;
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

/// A file of the folder: path below it, and text.
pub type SourceFile = (String, String);

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

/// The files of `standards/` as they were when the program was built.
const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

impl Catalogue {
    /// The standards the program was built with.
    ///
    /// # Errors
    /// All their faults; a test of this crate holds that there are none.
    pub fn shipped() -> Result<Catalogue, LoadError> {
        Catalogue::from_files(shipped_files())
    }

    /// Reads and checks a folder.
    ///
    /// # Errors
    /// When a file cannot be read, or with all faults of all files.
    pub fn load(folder: &Path) -> Result<Catalogue, LoadError> {
        let (files, mut faulty) = read_folder(folder)?;
        match Catalogue::from_files(files) {
            Ok(catalogue) if faulty.is_empty() => Ok(catalogue),
            Ok(_) => Err(LoadError::Faults(faulty)),
            Err(LoadError::Faults(found)) => {
                faulty.extend(found);
                faulty.sort_by(|a, b| a.file.cmp(&b.file));
                Err(LoadError::Faults(faulty))
            }
            Err(other) => Err(other),
        }
    }

    /// Checks files given as (path below the folder, text). Cases, read-me files and the schema folder are passed over.
    ///
    /// # Errors
    /// All faults of all files.
    pub fn from_files(files: Vec<SourceFile>) -> Result<Catalogue, LoadError> {
        let mut faulty: Vec<FaultyFile> = Vec::new();
        let mut fail = |file: &str, text: &str, faults: Faults| {
            faulty.push(FaultyFile { file: file.to_owned(), text: text.to_owned(), faults });
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
            if faulty.is_empty() {
                let mut faults = Faults::default();
                faults.push(Span::default(), Check::MissingKey, "no `vocabulary.yaml`", "one beside the standards");
                faulty.push(FaultyFile { file: "vocabulary.yaml".to_owned(), text: String::new(), faults });
            }
            return Err(LoadError::Faults(faulty));
        };
        let peers = Peers(
            nodes.iter().filter(|(file, _)| !is_policy(&file.0)).filter_map(|(_, n)| Standard::head(n)).collect(),
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
        if !faulty.is_empty() {
            // Files of one folder in the order of their names, whatever found the fault.
            faulty.sort_by(|a, b| a.file.cmp(&b.file));
            faulty.dedup_by(|later, first| {
                let same = later.file == first.file;
                if same {
                    first.faults.0.append(&mut later.faults.0);
                }
                same
            });
            return Err(LoadError::Faults(faulty));
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
            lock.add(&format!("policies/{}", edition.policy.field), &edition.policy.edition, &edition.digest)?;
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
        let editions = self.standards.get(id).ok_or_else(|| unknown("standard", id, self.standards.keys()))?;
        in_force(id, editions, as_of, |e| (e.standard.effective, &e.standard.edition))
    }

    /// A pinned edition, in force on the date or not.
    ///
    /// # Errors
    /// When the standard or the edition does not exist.
    pub fn pinned(&self, id: &str, edition: &str) -> Result<&Edition, NoEdition> {
        let editions = self.standards.get(id).ok_or_else(|| unknown("standard", id, self.standards.keys()))?;
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
        let editions = self.policies.get(field).ok_or_else(|| unknown("field", field, self.policies.keys()))?;
        in_force(field, editions, as_of, |e| (e.policy.effective, &e.policy.edition))
    }

    /// Resolves an edition, and whatever it reads, on a date.
    pub fn plan(&self, edition: &Edition, as_of: Date) -> Arc<Plan> {
        let standard = &edition.standard;
        let nested = standard
            .depends
            .iter()
            .map(|id| match self.standard(id, as_of) {
                Ok(edition) => Nested::Plan(self.plan(edition, as_of)),
                Err(_) => Nested::NoEdition,
            })
            .collect();
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
}

/// The files the program was built with, as [`Catalogue::from_files`] takes them; cases are among them.
pub fn shipped_files() -> Vec<SourceFile> {
    SHIPPED.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// All files below a folder that may belong to a catalogue, and those that are no text.
fn read_folder(folder: &Path) -> Result<(Vec<SourceFile>, Vec<FaultyFile>), LoadError> {
    let read_error = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Read { path, source }
    };
    let (mut files, mut faulty) = (Vec::new(), Vec::new());
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((at, below)) = folders.pop() {
        for entry in std::fs::read_dir(&at).map_err(read_error(&at))? {
            let entry = entry.map_err(read_error(&at))?;
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else if is_document(&name) || name == "editions.lock" {
                match decode(std::fs::read(entry.path()).map_err(read_error(&entry.path()))?) {
                    Ok(text) => files.push((name, text)),
                    Err((text, faults)) => faulty.push(FaultyFile { file: name, text, faults }),
                }
            }
        }
    }
    files.sort();
    Ok((files, faulty))
}

/// Text from bytes; what cannot be read is shown as such and reported where it begins.
fn decode(bytes: Vec<u8>) -> Result<String, (String, Faults)> {
    String::from_utf8(bytes).map_err(|problem| {
        let start = problem.utf8_error().valid_up_to();
        let mut faults = Faults::default();
        faults.push(Span { start, end: start + 3 }, Check::Syntax, "bytes that are not UTF-8", "text in UTF-8");
        (String::from_utf8_lossy(problem.as_bytes()).into_owned(), faults)
    })
}

fn is_document(path: &str) -> bool {
    path.ends_with(".yaml") && !path.ends_with(".cases.yaml") && !path.starts_with("schema/")
}

fn is_policy(path: &str) -> bool {
    path.starts_with("policies/")
}

/// The file of an edition is named after it, so that a folder shows what it holds.
fn check_path(node: &Node, path: &str, folders: &[&str], edition: &str, faults: &mut Faults) {
    let expected = format!("{}/{edition}.yaml", folders.join("/"));
    if path != expected {
        faults.push(node.span, Check::UnknownName, format!("the file `{path}`"), format!("its name to be `{expected}`"));
    }
}

fn check_lock(node: &Node, lock: &Lock, id: &str, edition: &str, digest: &str, faults: &mut Faults) {
    if let Some(pinned) = lock.0.get(&(id.to_owned(), edition.to_owned())).filter(|pinned| *pinned != digest) {
        faults.push(
            node.child("edition").map_or(node.span, |n| n.span),
            Check::Lock,
            format!("`{id}` {edition} with the digest {digest}"),
            format!("{pinned}, as published; a change is a new edition"),
        );
    }
}

/// The lock's (id, edition) of a document, as far as its head can be read.
fn pinned_name(node: &Node) -> Option<(String, String)> {
    let text = |key: &str| node.child(key).and_then(Node::text);
    let id = match (text("standard"), text("field")) {
        (Some(standard), _) => standard.to_owned(),
        (None, Some(field)) => format!("policies/{field}"),
        (None, None) => return None,
    };
    Some((id, text("edition")?.to_owned()))
}

/// The file of a published edition stays: results that cite it must be replayed.
fn check_present(text: &str, unpinned: &Lock, faults: &mut Faults) {
    let editions = unpinned.0.keys().filter(|(id, _)| !id.contains(':'));
    for (id, edition) in editions {
        let start = text.find(&format!("{id} {edition} ")).unwrap_or_default();
        let span = Span { start, end: start + id.len() + 1 + edition.len() };
        faults.push(span, Check::Lock, format!("`{id}` {edition} without a file"), "the file of every published edition");
    }
}

/// Every pinned part of the vocabulary is there and begins as it did.
fn check_vocabulary(node: &Node, lock: &Lock, vocabulary: &Vocabulary, faults: &mut Faults) {
    let parts = parts(vocabulary);
    for ((id, n), pinned) in lock.0.iter().filter(|((id, _), _)| id.contains(':')) {
        let part = parts.iter().find(|p| p.id == *id);
        let digest = part.and_then(|p| p.digest(n.parse().ok()?));
        if digest.as_ref() == Some(pinned) {
            continue;
        }
        let code = id.strip_prefix("code:").map(|rest| rest.split_once('.').map_or(rest, |(code, _)| code));
        let declared = node.child("codes").map(Node::items).unwrap_or_default();
        let place = declared.iter().find(|c| c.child("code").and_then(Node::text) == code);
        let found = match part {
            Some(part) => format!("`{id}` with other content or order in its first {n} of {}", part.items.len()),
            None => format!("no `{id}`"),
        };
        let expected = "what was published, unchanged and in its order; fields and values are added at the end";
        faults.push(place.map_or(node.span, |n| n.span), Check::Lock, found, expected);
    }
}

fn check_policy_overlap(
    node: &Node,
    policy: &TierPolicy,
    earlier: Option<&Vec<PolicyEdition>>,
    faults: &mut Faults,
) {
    for other in earlier.into_iter().flatten().map(|e| &e.policy) {
        let (own, theirs) = (policy.effective, other.effective);
        if own.0 <= theirs.1 && theirs.0 <= own.1 {
            faults.push(
                node.child("effective").map_or(node.span, |n| n.span),
                Check::EditionOverlap,
                format!("the policy of `{}` {} from {} to {}", policy.field, policy.edition, own.0, own.1),
                format!("no day in common with {} ({} to {})", other.edition, theirs.0, theirs.1),
            );
        }
    }
}

fn check_overlap(node: &Node, standard: &Standard, peers: &Peers, faults: &mut Faults) {
    let mut same = 0;
    for peer in peers.overlapping(&standard.id, standard.effective) {
        if peer.edition == standard.edition {
            same += 1;
            if same < 2 {
                continue;
            }
        }
        faults.push(
            node.child("effective").map_or(node.span, |n| n.span),
            Check::EditionOverlap,
            format!("`{}` {} from {} to {}", standard.id, standard.edition, standard.effective.0, standard.effective.1),
            format!("no day in common with {} ({} to {})", peer.edition, peer.effective.0, peer.effective.1),
        );
    }
}

/// The ring of ids that leads from `id` back to it, if there is one.
fn ring(id: &str, standards: &BTreeMap<String, Vec<Edition>>) -> Option<Vec<String>> {
    let mut paths = vec![vec![id.to_owned()]];
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        for edition in standards.get(last).into_iter().flatten() {
            for next in &edition.standard.depends {
                let mut longer = path.clone();
                longer.push(next.clone());
                if next == id {
                    return Some(longer);
                }
                if !path.contains(next) {
                    paths.push(longer);
                }
            }
        }
    }
    None
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
