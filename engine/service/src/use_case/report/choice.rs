//! Which facts a report shows, and under which name.

use hengxin_core::date::Date;
use hengxin_core::vocabulary::{Code, Disclosure, Mark, Polarity, Shape, Vocabulary};
use hengxin_store::FactRecord;

use super::Asked;

/// The field of penalties and lists that says which field of supervision they are of.
const FIELD: &str = "field";

/// The fields that penalties and lists name, ids with titles, in the order of the vocabulary.
pub fn known_fields(vocabulary: &Vocabulary) -> Vec<(&str, &str)> {
    let mut known: Vec<(&str, &str)> = Vec::new();
    let adverse = vocabulary.codes.iter().filter(|code| code.polarity == Polarity::Adverse);
    for (_, field) in adverse.filter_map(|code| code.field(FIELD)) {
        for value in field.values() {
            if !known.iter().any(|(id, _)| *id == value.id) {
                known.push((&value.id, &value.title));
            }
        }
    }
    known
}

/// Whether a fact that stands belongs in the report.
pub(super) fn belongs(
    vocabulary: &Vocabulary,
    asked: &Asked,
    as_of: Date,
    sight: Disclosure,
    record: &FactRecord,
) -> bool {
    let code = vocabulary.code(record.code);
    if code.disclosure > sight || record.occurred_on > as_of {
        return false;
    }
    let repaired = record.repaired_on <= as_of;
    match asked {
        Asked::Public => {
            // Repair ends publicity (NDRC Order 36), and so does the end of the term. That a list is not shown after
            // removal from it is read the same way.
            let removed =
                code.shape == Shape::Status && code.polarity == Polarity::Adverse && record.ends_on < as_of;
            !repaired && !removed && record.publicity_until >= as_of
        }
        Asked::Special { fields, from } => {
            let within = match code.shape {
                Shape::Status => record.ends_on >= *from,
                Shape::Event | Shape::Measure | Shape::Registration | Shape::Relation | Shape::Mark(_) => {
                    record.occurred_on >= *from
                }
            };
            // Shown without its mark it would count as one that is not repaired.
            within
                && (!repaired || shows_mark(vocabulary, Mark::Repair, sight))
                && of_fields(code, record, fields)
        }
        Asked::Evaluation(_) => false,
    }
}

/// What names no field is of every field: left out, it would be missing from all reports that name one.
fn of_fields(code: &Code, record: &FactRecord, fields: &[String]) -> bool {
    if fields.is_empty() || code.field(FIELD).is_none() {
        return true;
    }
    match record.fields.iter().find(|(id, _)| id == FIELD) {
        Some((_, value)) => value.split(';').any(|one| fields.iter().any(|field| field == one)),
        None => true,
    }
}

/// Whether marks of this kind may be shown.
pub(crate) fn shows_mark(vocabulary: &Vocabulary, wanted: Mark, sight: Disclosure) -> bool {
    vocabulary.codes.iter().all(|code| code.shape != Shape::Mark(wanted) || code.disclosure <= sight)
}

/// The name on the day: as registered, or as another fact that may be shown has it.
pub(super) fn name(
    vocabulary: &Vocabulary,
    records: &[FactRecord],
    as_of: Date,
    sight: Disclosure,
) -> Option<String> {
    let named = |of_registration: bool| {
        records
            .iter()
            .filter(|record| (record.code == vocabulary.registration()) == of_registration)
            .filter(|record| record.occurred_on <= as_of)
            .filter_map(|record| {
                let code = vocabulary.code(record.code);
                let field = code.fields.get(code.subject_name?)?;
                let shown = code.disclosure_of(field) <= sight;
                let (_, name) = record.fields.iter().find(|(id, _)| shown && *id == field.id)?;
                Some(name.clone())
            })
            .next_back()
    };
    named(true).or_else(|| named(false))
}
