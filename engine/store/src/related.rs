//! The files of subjects that relations lead to (`hengxin_core::relation` says how they are walked).

use std::collections::{BTreeMap, HashMap};

use hengxin_core::date::Date;
use hengxin_core::fact::{Dossier, Related};
use hengxin_core::relation::{NoPaths, Path, RELATIONS_MAX, Reach, Relation, Relations, To};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Field;

use crate::db::OptionalExtension;
use crate::encode::hex;
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::resolve::{self, Standing};
use crate::snapshot::{OwnedFile, Snapshot};

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

impl Snapshot {
    /// The file of `subject` with those of subjects related by one of `kinds` within `depth` steps (at most 3).
    /// `None` when nothing was known about the subject. A related subject of whom nothing is known has an empty file.
    ///
    /// # Errors
    /// [`Error::TooManyRelated`], [`Error::Corrupt`], engine failures.
    pub fn dossier(&self, subject: Uscc, kinds: &[u16], depth: u8) -> Result<Option<OwnedDossier>> {
        let Some(file) = self.credit_file(subject)? else { return Ok(None) };
        let reach = Reach { kinds: kinds.to_vec(), depth };
        let mut recorded =
            Recorded { snapshot: self, kinds: self.relation_kinds(), relations: HashMap::new() };
        let paths = reach.paths(subject, &mut recorded).map_err(|problem| match problem {
            NoPaths::TooMany => Error::TooManyRelated { subject: subject.to_string(), limit: RELATIONS_MAX },
            NoPaths::Lookup(problem) => problem,
        })?;
        let mut files = BTreeMap::new();
        for Path { to, .. } in &paths {
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
            .filter_map(|Path { kind, steps, to, since, until }| {
                let file = order.binary_search(&to).ok()?;
                Some(OwnedRelated { kind, depth: steps, since, until, file })
            })
            .collect();
        Ok(Some(OwnedDossier { file, related, files: files.into_values().collect() }))
    }

    /// The ids of the kinds of relations, in the order of the vocabulary.
    fn relation_kinds(&self) -> Vec<String> {
        let code = self.vocabulary().relation().map(|id| self.vocabulary().code(id));
        let field = code.and_then(|code| code.fields.get(code.relation?.0));
        field.map(Field::values).unwrap_or_default().iter().map(|value| value.id.clone()).collect()
    }

    /// The relations of a subject that stand.
    fn relations(&self, subject: i64, kinds: &[String]) -> Result<Vec<Relation<String>>> {
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
                Some((kind, Some(code), None)) => (kind, To::Subject(stored_code(&code)?)),
                Some((kind, None, Some(person))) => (kind, To::Person(person)),
                Some(_) | None => {
                    return Err(Error::corrupt(format!(
                        "fact {} is a relation without its other side",
                        row.seq
                    )));
                }
            };
            let kind = kinds.iter().position(|id| *id == kind).and_then(|i| u16::try_from(i).ok());
            let kind = kind.ok_or_else(|| {
                Error::corrupt(format!("fact {} is a relation of a kind nobody declared", row.seq))
            })?;
            relations.push(Relation { kind, to, since: entry.occurred_on, until: entry.ends_on });
        }
        Ok(relations)
    }

    /// Subjects that ever named `person` in a relation of `kind`.
    fn naming(&self, person: &str, kind: &str) -> Result<Vec<Uscc>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT code FROM subjects
             WHERE id IN (SELECT subject FROM relations WHERE person = ?1 AND kind = ?2) ORDER BY id LIMIT ?3",
        )?;
        // One too many must show: the subject asked about is one of them.
        let limit = i64::try_from(RELATIONS_MAX + 2).unwrap_or(i64::MAX);
        let mut rows = statement.query((person, kind, limit))?;
        let mut subjects = Vec::new();
        while let Some(row) = rows.next()? {
            subjects.push(stored_code(row.get::<&str>(0)?)?);
        }
        Ok(subjects)
    }
}

/// The relations of the ledger.
struct Recorded<'s> {
    snapshot: &'s Snapshot,
    kinds: Vec<String>,
    /// Those of subjects met so far.
    relations: HashMap<Uscc, Vec<Relation<String>>>,
}

impl Relations for Recorded<'_> {
    type Person = String;
    type Error = Error;

    fn of(&mut self, subject: Uscc) -> Result<Vec<Relation<String>>> {
        if let Some(known) = self.relations.get(&subject) {
            return Ok(known.clone());
        }
        let relations = match self.snapshot.subject_id(subject)? {
            Some(id) => self.snapshot.relations(id, &self.kinds)?,
            None => Vec::new(),
        };
        self.relations.insert(subject, relations.clone());
        Ok(relations)
    }

    fn naming(&mut self, person: &String, kind: u16) -> Result<Vec<Uscc>> {
        self.kinds.get(usize::from(kind)).map_or(Ok(Vec::new()), |kind| self.snapshot.naming(person, kind))
    }
}
