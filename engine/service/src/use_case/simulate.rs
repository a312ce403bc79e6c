//! "What if": the result with facts added or removed. Nothing is ever stored.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::draft::Draft;
use hengxin_core::fact::{Classes, FactColumns, FactId, FactRow, NO_NUMBER, NO_REFERENCE, Registration};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Code, CodeId, Mark, Shape, Vocabulary};
use hengxin_store::{FactRecord, OwnedDossier, OwnedFile, record_key};
use sha2::{Digest as _, Sha256};

use super::evaluate::{self, Evaluated, View, assess_supposed};
use super::submit::{self, Found, Row};
use super::{facts, standards};
use crate::engine::{Engine, Wanted};
use crate::problem::{Answer, Problem};

/// Facts added for a simulation have ids from here on, above any of a ledger.
const ADDED: u64 = 1 << 62;
/// Most facts added.
pub const ADDED_MAX: usize = 100;
/// Most facts left out.
pub const REMOVED_MAX: usize = 1000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Whom it is about.
    pub subject: Uscc,
    /// What is evaluated by.
    pub by: By<'a>,
    /// The date; it may lie in the future.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// How much is wanted of the simulated result.
    pub view: View,
    /// Facts to leave out.
    pub removed: &'a [FactId],
    /// Facts to add.
    pub added: &'a [Row],
}

/// What a simulation evaluates by.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// An edition of the catalogue.
    Edition {
        /// Id of the standard.
        standard: &'a str,
        /// Which edition.
        edition: Wanted<'a>,
    },
    /// The text of a draft.
    Draft(&'a str),
}

/// The result with the changes and without.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// With the changes.
    pub simulated: Evaluated,
    /// Without them, at the same date and by the same edition; for a draft by the edition of its standard in force on the
    /// date, and `None` when there is none.
    pub actual: Option<Evaluated>,
}

/// Simulates.
///
/// # Errors
/// Facts that are none or are not the enterprise's, no such edition, a draft with faults, nobody of that code, or a failing
/// ledger.
pub fn simulate(engine: &Engine, question: &Question<'_>) -> Answer<Simulated> {
    let subject = question.subject;
    let (prepared, in_force) = match question.by {
        By::Edition { standard, edition } => {
            let prepared = engine.prepared(standard, edition, question.as_of)?;
            (Arc::clone(&prepared), Some(prepared))
        }
        By::Draft(text) => {
            let draft = standards::draft(engine, "draft", text)?;
            let in_force = match engine.prepared(&draft.standard.id, Wanted::InForce, question.as_of) {
                Ok(prepared) => Some(prepared),
                Err(Problem::NoEdition(_)) => None,
                Err(other) => return Err(other),
            };
            (Arc::new(engine.prepare(&draft, question.as_of)), in_force)
        }
    };
    let snapshot = engine.snapshot(question.known_at)?;
    let actual = in_force.map(|prepared| evaluate::evaluate_in(&snapshot, &prepared, subject, View::Basic));
    let actual = actual.transpose()?;
    let mut dossier = evaluate::dossier(&snapshot, subject, &prepared.reach)?;
    let drafts = checked(engine, question)?;
    let records = facts::standing(&snapshot, subject)?;
    change(engine.ledger().vocabulary(), &records, question.removed, &drafts, &mut dossier)?;
    let dossier = Arc::new(dossier);
    let simulated = Evaluated {
        subject,
        known_at: snapshot.known_at(),
        facts_digest: digest(&dossier, question, &drafts),
        assessed: assess_supposed(&prepared, &dossier, question.view),
    };
    Ok(Simulated { simulated, actual })
}

fn checked(engine: &Engine, question: &Question<'_>) -> Answer<Vec<Draft>> {
    let mut found = Found::default();
    let mut drafts = Vec::new();
    let subject = question.subject.to_string();
    // A simulation may look ahead: what happens by its date may be supposed.
    let last = engine.today().max(question.as_of);
    for (i, row) in question.added.iter().enumerate() {
        let path = format!("added_facts[{i}]");
        let Some(draft) = submit::check(engine.ledger(), last, &path, row, Some(&subject), &mut found) else {
            continue;
        };
        let relation = engine.ledger().vocabulary().code(draft.code).shape == Shape::Relation;
        if draft.subject != question.subject {
            found.refuse(&path, format!("found a fact of `{}`, expected one of `{subject}`", draft.subject));
        } else if relation {
            found.refuse(
                &path,
                "found a relation, expected any other fact: related enterprises are not simulated".to_owned(),
            );
        } else {
            drafts.push(draft);
        }
    }
    if found.is_empty() { Ok(drafts) } else { Err(found.problem()) }
}

/// The identity of a record within its subject.
type Key = (CodeId, String);

/// What a mark in force says.
struct Said {
    mark: Mark,
    from: Date,
    to: Date,
}

/// The marks in force, by the record they speak of.
type Marks<'k> = HashMap<&'k Key, Vec<Said>>;

/// Changes what is known of an enterprise: `removed` leave, `drafts` come in, marks among them upon what is there.
/// `records` are the facts of the enterprise that stand.
///
/// # Errors
/// A fact to leave out that is not there, or a mark of nothing that is.
pub(super) fn change(
    vocabulary: &Vocabulary,
    records: &[FactRecord],
    removed: &[FactId],
    drafts: &[Draft],
    dossier: &mut OwnedDossier,
) -> Answer<()> {
    let mut found = Found::default();
    for (i, id) in removed.iter().enumerate() {
        if !records.iter().any(|record| record.id == *id) {
            let path = format!("removed_fact_ids[{i}]");
            found.refuse(
                &path,
                format!("found `{}`, expected the id of a fact of this enterprise that stands", id.0),
            );
        }
    }
    let keys: HashMap<FactId, Key> =
        records.iter().map(|r| (r.id, (r.code, key(vocabulary.code(r.code), r)))).collect();
    let added_keys: Vec<Key> = drafts.iter().map(|draft| (draft.code, draft.key.clone())).collect();
    let (left_out, added): (HashSet<&FactId>, HashSet<&Key>) =
        (removed.iter().collect(), added_keys.iter().collect());
    let gone = |record: &FactRecord| {
        left_out.contains(&record.id) || keys.get(&record.id).is_some_and(|key| added.contains(key))
    };
    let known: HashSet<&Key> = keys.values().chain(&added_keys).collect();
    let mut marks = Marks::default();
    for record in records.iter().filter(|r| !gone(r)) {
        if let (Shape::Mark(mark), Some(target)) = (vocabulary.code(record.code).shape, record.target)
            && let Some(target) = keys.get(&target)
        {
            let said = Said { mark, from: record.occurred_on, to: record.ends_on };
            marks.entry(target).or_default().push(said);
        }
    }
    for (i, draft) in drafts.iter().enumerate() {
        if let (Shape::Mark(mark), Some(target)) = (vocabulary.code(draft.code).shape, &draft.target) {
            if !known.contains(target) {
                found.refuse(
                    &format!("added_facts[{i}]"),
                    "found a mark of no record of this enterprise".to_owned(),
                );
            }
            let said = Said { mark, from: draft.occurred_on, to: draft.ends_on };
            marks.entry(target).or_default().push(said);
        }
    }
    if !found.is_empty() {
        return Err(found.problem());
    }
    let withdrawn =
        |key: &Key| marks.get(key).is_some_and(|marks| marks.iter().any(|m| m.mark == Mark::Withdrawal));
    let file: &OwnedFile = &dossier.file;
    let mut classes = Classes::clone(&file.classes);
    let mut references = file.references.clone();
    let mut rows: Vec<FactRow> = Vec::new();
    let mut registrations: Vec<Registration> = Vec::new();
    for record in records.iter().filter(|r| !gone(r)) {
        let Some(key) = keys.get(&record.id).filter(|key| !withdrawn(key)) else { continue };
        if vocabulary.code(record.code).shape == Shape::Registration {
            registrations.extend(file.registrations.iter().find(|r| r.fact == record.id).cloned());
            continue;
        }
        let (repaired_on, objections) = said(&marks, key);
        rows.push(FactRow {
            id: record.id,
            class: record.class,
            occurred_on: record.occurred_on,
            ends_on: record.ends_on,
            number: record.number.unwrap_or(NO_NUMBER),
            reference: reference(&mut references, record.reference.as_deref()),
            repaired_on,
            publicity_until: record.publicity_until,
            objections,
        });
    }
    for ((draft, key), n) in
        drafts.iter().zip(&added_keys).zip(0u64..).filter(|((_, key), _)| !withdrawn(key))
    {
        let id = FactId(ADDED + n);
        if let Some(attributes) = &draft.registration {
            registrations.push(Registration {
                fact: id,
                since: draft.occurred_on,
                established_on: attributes.established_on,
                legal_form: attributes.legal_form,
                size: attributes.size,
                status: attributes.status,
                region: attributes.region,
                industry: attributes.industry,
                capital: attributes.capital,
            });
            continue;
        }
        let (repaired_on, objections) = said(&marks, key);
        rows.push(FactRow {
            id,
            class: classes.intern(draft.class.clone()),
            occurred_on: draft.occurred_on,
            ends_on: draft.ends_on,
            number: draft.number.unwrap_or(NO_NUMBER),
            reference: reference(&mut references, draft.reference.as_deref()),
            repaired_on,
            publicity_until: draft.publicity_until,
            objections,
        });
    }
    // As in the ledger: those of one day in the order of their records.
    rows.sort_by_cached_key(|row| {
        let added = row.id.0.checked_sub(ADDED).and_then(|n| added_keys.get(usize::try_from(n).ok()?));
        keys.get(&row.id).or(added).map(|(code, key)| record_key(&vocabulary.code(*code).id, key))
    });
    registrations.sort_unstable_by_key(|r| (r.since, r.fact));
    dossier.file.columns = FactColumns::from_rows(rows);
    dossier.file.registrations = registrations;
    dossier.file.references = references;
    dossier.file.classes = Arc::new(classes);
    Ok(())
}

/// What marks say of a record: its repair date, and objections with their first day after.
fn said(marks: &Marks<'_>, key: &Key) -> (Date, Vec<(Date, Date)>) {
    let marks = marks.get(key).map(Vec::as_slice).unwrap_or_default();
    let of = |wanted: Mark| marks.iter().filter(move |m| m.mark == wanted);
    let repaired_on = of(Mark::Repair).map(|m| m.from).min().unwrap_or(Date::FOREVER);
    let mut objections: Vec<(Date, Date)> =
        of(Mark::Objection).map(|m| (m.from, m.to.plus_days(1))).collect();
    objections.sort_unstable();
    (repaired_on, objections)
}

/// A record's natural key, as a draft has it.
fn key(code: &Code, record: &FactRecord) -> String {
    let text = |place: &usize| {
        let id = code.fields.get(*place).map(|f| f.id.as_str());
        record
            .fields
            .iter()
            .find(|(field, _)| Some(field.as_str()) == id)
            .map_or("", |(_, text)| text.as_str())
    };
    code.key.iter().map(text).collect::<Vec<_>>().join("\u{1f}")
}

fn reference(references: &mut Vec<Box<str>>, text: Option<&str>) -> u32 {
    let Some(text) = text else { return NO_REFERENCE };
    let place = references.iter().position(|known| **known == *text).unwrap_or_else(|| {
        references.push(Box::from(text));
        references.len() - 1
    });
    u32::try_from(place + 1).unwrap_or(u32::MAX)
}

/// Told apart from the digest of any real file.
fn digest(dossier: &OwnedDossier, question: &Question<'_>, drafts: &[Draft]) -> [u8; 32] {
    if question.removed.is_empty() && drafts.is_empty() {
        return dossier.digest();
    }
    let mut hash = Sha256::new();
    hash.update(b"hengxin simulation 1\n");
    hash.update(dossier.digest());
    let mut removed = question.removed.to_vec();
    removed.sort_unstable();
    removed.dedup();
    hash.update(format!("{} removed\n", removed.len()));
    for id in removed {
        hash.update(id.0.to_be_bytes());
    }
    for draft in drafts {
        hash.update(format!("{} {}\n", draft.code.0, draft.fields.len()));
        for (field, text) in &draft.fields {
            hash.update(format!("{field} {}\n{text}\n", text.len()));
        }
    }
    hash.finalize().into()
}
