//! Subjects reached by relations: a parent by its code, companies that share a person by the person's digest.
//!
//! One *step* leads from a subject to a subject. A relation that names a subject leads to it, not back: that A has the
//! parent B says nothing of B's relations. A relation that names a person leads to every subject that names the same
//! person in a relation of the same kind, and back. A path holds on the days all its relations are in force.

use std::collections::{BTreeMap, HashMap};

use hengxin_core::date::Date;
use hengxin_core::fact::{Dossier, Related};
use hengxin_core::uscc::Uscc;
use rusqlite::OptionalExtension;

use crate::encode::hex;
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::resolve::{self, Standing};
use crate::snapshot::{OwnedFile, Snapshot};

/// More relations than this are not followed: the answer would not be about one subject any more.
const RELATIONS_MAX: usize = 5_000;

/// A subject reached from another.
#[derive(Clone, Debug)]
pub struct OwnedRelated {
    /// Kind of the relations followed: index of the value of the relation code's kind field.
    pub kind: u16,
    /// Steps, 1 to 3.
    pub depth: u8,
    /// First day on which the whole path holds.
    pub since: Date,
    /// Last day on which the whole path holds.
    pub until: Date,
    /// Index of its file in [`OwnedDossier::files`].
    pub file: usize,
}

/// A subject's file and those of its related subjects.
#[derive(Clone, Debug)]
pub struct OwnedDossier {
    /// The subject's own file.
    pub file: OwnedFile,
    /// Paths to related subjects, sorted by (kind, depth, subject, since). One subject may be reached by several
    /// paths of different depth or validity; a path that adds nothing to another one is left out.
    pub related: Vec<OwnedRelated>,
    /// Files of the related subjects, each once, sorted by code.
    pub files: Vec<OwnedFile>,
}

impl OwnedDossier {
    /// The kernel's view, handed to `work`.
    pub fn with<T>(&self, work: impl FnOnce(&Dossier<'_>) -> T) -> T {
        let related: Vec<Related<'_>> = self
            .related
            .iter()
            .filter_map(|path| {
                Some(Related {
                    kind: path.kind,
                    depth: path.depth,
                    since: path.since,
                    until: path.until,
                    file: self.files.get(path.file)?.as_file(),
                })
            })
            .collect();
        work(&Dossier { file: self.file.as_file(), related: &related })
    }

    /// SHA-256 over the digests of all files and the paths between them.
    pub fn digest(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        if self.related.is_empty() {
            return self.file.digest;
        }
        let mut text = format!("hengxin dossier 1\n{}\n", hex(&self.file.digest));
        for path in &self.related {
            if let Some(file) = self.files.get(path.file) {
                let (since, until) = (path.since.days(), path.until.days());
                text.push_str(&format!(
                    "{} {} {since} {until} {}\n",
                    path.kind,
                    path.depth,
                    hex(&file.digest)
                ));
            }
        }
        Sha256::digest(text.as_bytes()).into()
    }
}

/// One relation that stands.
#[derive(Clone, Debug)]
struct Relation {
    kind: String,
    to: To,
    since: Date,
    until: Date,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum To {
    Subject(String),
    Person(String),
}

impl Snapshot {
    /// The file of `subject` with those of subjects related by one of `kinds` within `depth` steps (at most 3).
    /// `None` when nothing was known about the subject. A related subject of whom nothing is known has an empty file.
    ///
    /// # Errors
    /// [`Error::TooManyRelated`], [`Error::Corrupt`], engine failures.
    pub fn dossier(&self, subject: Uscc, kinds: &[u16], depth: u8) -> Result<Option<OwnedDossier>> {
        let Some(file) = self.credit_file(subject)? else { return Ok(None) };
        let mut paths: Vec<(u16, u8, Uscc, Date, Date)> = Vec::new();
        let mut walk = Walk { snapshot: self, origin: subject, relations: HashMap::new(), followed: 0 };
        for kind in kinds {
            if let Some(id) = self.relation_kind(*kind) {
                let found = walk.follow(&id, depth.min(3))?;
                paths.extend(
                    found.into_iter().map(|(depth, to, since, until)| (*kind, depth, to, since, until)),
                );
            }
        }
        paths.sort_unstable();
        paths.dedup();
        let mut files = BTreeMap::new();
        for (_, _, to, ..) in &paths {
            if !files.contains_key(to) {
                // A parent elsewhere of whom nothing is recorded is unknown, not blameless: it keeps its place.
                let file = match self.credit_file(*to)? {
                    Some(file) => file,
                    None => self.empty_file(*to)?,
                };
                files.insert(*to, file);
            }
        }
        let order: Vec<Uscc> = files.keys().copied().collect();
        let related = paths
            .into_iter()
            .filter_map(|(kind, depth, to, since, until)| {
                let file = order.binary_search(&to).ok()?;
                Some(OwnedRelated { kind, depth, since, until, file })
            })
            .collect();
        Ok(Some(OwnedDossier { file, related, files: files.into_values().collect() }))
    }

    /// The id of a kind of relation.
    fn relation_kind(&self, kind: u16) -> Option<String> {
        let code = self.vocabulary().code(self.vocabulary().relation()?);
        let (field, _) = code.relation?;
        Some(code.fields.get(field)?.values().get(usize::from(kind))?.id.clone())
    }

    /// The relations of a subject that stand.
    fn relations(&self, subject: i64) -> Result<Vec<Relation>> {
        let (scan, _) = self.scan(subject)?;
        let standings = resolve::standings(&scan.entries);
        let mut statement = self
            .connection()
            .prepare_cached("SELECT kind, related_subject, person FROM relations WHERE seq = ?1")?;
        let mut relations = Vec::new();
        for ((entry, row), standing) in scan.entries.iter().zip(&scan.rows).zip(standings) {
            if entry.shape != hengxin_core::vocabulary::Shape::Relation || standing != Standing::Stands {
                continue;
            }
            let found: Option<(String, Option<String>, Option<String>)> = statement
                .query_row([row.seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (kind, to) = match found {
                Some((kind, Some(code), None)) => (kind, To::Subject(code)),
                Some((kind, None, Some(person))) => (kind, To::Person(person)),
                Some(_) | None => {
                    return Err(Error::corrupt(format!(
                        "fact {} is a relation without its other side",
                        row.seq
                    )));
                }
            };
            relations.push(Relation { kind, to, since: entry.occurred_on, until: entry.ends_on });
        }
        Ok(relations)
    }

    /// Subjects that ever named `person` in a relation of `kind`.
    fn naming(&self, person: &str, kind: &str) -> Result<Vec<(i64, Uscc)>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT DISTINCT subjects.id, subjects.code FROM relations
             JOIN subjects ON subjects.id = relations.subject
             WHERE person = ?1 AND kind = ?2 ORDER BY subjects.id LIMIT ?3",
        )?;
        // Two more than are followed: the subject asked about is one of them, and one too many must show.
        let limit = i64::try_from(RELATIONS_MAX + 2).unwrap_or(i64::MAX);
        let mut rows = statement.query((person, kind, limit))?;
        let mut subjects = Vec::new();
        while let Some(row) = rows.next()? {
            subjects
                .push((row.get(0)?, stored_code(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?));
        }
        Ok(subjects)
    }
}

struct Walk<'s> {
    snapshot: &'s Snapshot,
    origin: Uscc,
    /// Relations of subjects met so far.
    relations: HashMap<Uscc, Vec<Relation>>,
    followed: usize,
}

impl Walk<'_> {
    /// (steps, subject, first day, last day) of every path worth keeping.
    fn follow(&mut self, kind: &str, depth: u8) -> Result<Vec<(u8, Uscc, Date, Date)>> {
        let mut kept: HashMap<Uscc, Vec<(u8, Date, Date)>> = HashMap::new();
        let mut edge = vec![(self.origin, Date::BEFORE_ALL, Date::FOREVER)];
        for steps in 1..=depth {
            let mut next = Vec::new();
            for (from, since, until) in edge {
                for (to, step_since, step_until) in self.steps(from, kind)? {
                    let (since, until) = (since.max(step_since), until.min(step_until));
                    if to == self.origin || since > until {
                        continue;
                    }
                    let paths = kept.entry(to).or_default();
                    // Shorter paths come first, so one that holds at least as long makes this one superfluous.
                    if paths.iter().any(|(_, a, b)| *a <= since && until <= *b) {
                        continue;
                    }
                    paths.push((steps, since, until));
                    next.push((to, since, until));
                }
            }
            edge = next;
        }
        let mut found = Vec::new();
        for (to, paths) in kept {
            for (i, (steps, since, until)) in paths.iter().enumerate() {
                let wider = paths.iter().enumerate().any(|(j, (other, a, b))| {
                    j != i
                        && other <= steps
                        && a <= since
                        && until <= b
                        && (a, b, other) != (since, until, steps)
                });
                if !wider {
                    found.push((*steps, to, *since, *until));
                }
            }
        }
        Ok(found)
    }

    /// Subjects one step away.
    fn steps(&mut self, from: Uscc, kind: &str) -> Result<Vec<(Uscc, Date, Date)>> {
        let mut steps = Vec::new();
        for relation in self.of(from)?.into_iter().filter(|relation| relation.kind == kind) {
            match &relation.to {
                To::Subject(code) => steps.push((stored_code(code)?, relation.since, relation.until)),
                To::Person(person) => {
                    for (_, other) in self.snapshot.naming(person, kind)? {
                        if other == from {
                            continue;
                        }
                        for back in self.of(other)? {
                            if back.kind == kind && back.to == relation.to {
                                steps.push((
                                    other,
                                    relation.since.max(back.since),
                                    relation.until.min(back.until),
                                ));
                            }
                        }
                    }
                }
            }
            self.followed += steps.len().max(1);
            if self.followed > RELATIONS_MAX {
                let subject = self.origin.to_string();
                return Err(Error::TooManyRelated { subject, limit: RELATIONS_MAX });
            }
        }
        Ok(steps)
    }

    fn of(&mut self, subject: Uscc) -> Result<Vec<Relation>> {
        if let Some(known) = self.relations.get(&subject) {
            return Ok(known.clone());
        }
        let relations = match self.snapshot.subject_id(subject)? {
            Some(id) => self.snapshot.relations(id)?,
            None => Vec::new(),
        };
        self.relations.insert(subject, relations.clone());
        Ok(relations)
    }
}
