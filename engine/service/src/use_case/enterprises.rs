//! An enterprise with its registration.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::Registration;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;
use hengxin_store::Conflict;

use super::facts;
use crate::engine::Engine;
use crate::problem::{Answer, Problem};

/// An enterprise.
#[derive(Clone, Debug)]
pub struct Enterprise {
    /// Its code.
    pub code: Uscc,
    /// Its name as last registered, or as another fact has it.
    pub name: Option<String>,
    /// Registration in force on the date.
    pub registration: Option<Registration>,
    /// Facts by code, in the order of the vocabulary.
    pub counts: Vec<(CodeId, u64)>,
    /// Conflicts of its code.
    pub conflicts: Vec<Conflict>,
    /// The moment it rests on.
    pub known_at: Moment,
}

/// Most conflicts told.
const CONFLICTS: usize = 20;

/// Everything shown of one enterprise.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn get(engine: &Engine, code: Uscc, as_of: Date, known_at: Option<Moment>) -> Answer<Enterprise> {
    let snapshot = engine.snapshot(known_at)?;
    let records = facts::standing(&snapshot, code)?;
    let file = snapshot.credit_file(code)?.ok_or(Problem::UnknownEnterprise { code })?;
    let vocabulary = engine.ledger().vocabulary();
    let registration = vocabulary.registration();
    let named = |of_registration: bool| {
        let wanted = records.iter().filter(|r| (r.code == registration) == of_registration);
        let mut names = wanted.filter_map(|record| {
            let declared = vocabulary.code(record.code);
            let field = &declared.fields.get(declared.subject_name?)?.id;
            record.fields.iter().find(|(id, _)| id == field).map(|(_, name)| name.clone())
        });
        names.next_back()
    };
    let mut counts: Vec<(CodeId, u64)> = Vec::new();
    for record in &records {
        match counts.iter_mut().find(|(code, _)| *code == record.code) {
            Some((_, n)) => *n += 1,
            None => counts.push((record.code, 1)),
        }
    }
    counts.sort_unstable();
    Ok(Enterprise {
        code,
        name: named(true).or_else(|| named(false)),
        registration: file.as_file().registration(as_of).cloned(),
        counts,
        conflicts: snapshot.conflicts_of(code, CONFLICTS)?,
        known_at: snapshot.known_at(),
    })
}
