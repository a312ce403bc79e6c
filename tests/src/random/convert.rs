//! From the reference's files to the kernel's columns.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, Classes, CreditFile, Deliveries, Delivery, FactColumns, FactId, FactRow, NO_NUMBER, NO_REFERENCE,
    Registration, Related,
};
use hengxin_core::needs::Needs;
use hengxin_core::vocabulary::{Code, Field, FieldKind, Vocabulary};

use crate::reference::{Number, RefFact, RefFile, RefRegistration, RefRelated, whole};

/// A file in the kernel's form, owning its columns.
#[derive(Clone, Debug)]
pub struct KernelFile {
    /// The subject.
    pub subject: hengxin_core::uscc::Uscc,
    /// Facts.
    pub facts: FactColumns,
    /// Registrations, sorted.
    pub registrations: Vec<Registration>,
    /// Deliveries.
    pub deliveries: Deliveries,
}

impl KernelFile {
    /// Converts a file; `classes` and `references` are the dictionaries to enter its attributes and references in.
    pub fn new(
        vocabulary: &Vocabulary,
        classes: &mut Classes,
        references: &mut HashMap<String, u32>,
        file: &RefFile,
    ) -> KernelFile {
        let mut rows: Vec<FactRow> =
            file.facts.iter().map(|fact| row(vocabulary, classes, references, fact)).collect();
        // The ids of random facts stand for the order of their records.
        rows.sort_by_key(|row| row.id);
        let mut registrations: Vec<Registration> =
            file.registrations.iter().map(|r| registration(vocabulary, r)).collect();
        registrations.sort_by_key(|r| (r.since, r.fact));
        let deliveries = file.deliveries.iter().map(|d| Delivery {
            register: vocabulary.register_id(&d.register).expect("a known register"),
            region: d.region.parse().expect("a region"),
            through: date(d.through),
        });
        KernelFile {
            subject: file.uscc.parse().expect("a valid code"),
            facts: FactColumns::from_rows(rows),
            registrations,
            deliveries: Deliveries::new(deliveries.collect()),
        }
    }

    /// The same file with "nothing" in every column that is not needed.
    #[must_use]
    pub fn only(&self, needs: Needs) -> KernelFile {
        let mut bare = self.clone();
        let facts = &mut bare.facts;
        if !needs.ends_on {
            facts.ends_on.fill(Date::FOREVER);
        }
        if !needs.number {
            facts.number.fill(NO_NUMBER);
        }
        if !needs.reference {
            facts.reference.fill(NO_REFERENCE);
        }
        if !needs.publicity_until {
            facts.publicity_until.fill(Date::FOREVER);
        }
        if !needs.objections {
            facts.objections.clear();
        }
        bare
    }

    /// The borrowed form that the kernel takes.
    pub fn as_file(&self) -> CreditFile<'_> {
        CreditFile {
            subject: self.subject,
            facts: self.facts.as_facts(),
            registrations: &self.registrations,
            deliveries: &self.deliveries,
        }
    }
}

/// A related subject in the kernel's form.
pub fn related<'a>(vocabulary: &Vocabulary, related: &RefRelated, file: &'a KernelFile) -> Related<'a> {
    let code = vocabulary.code(vocabulary.relation().expect("a code for relations"));
    let (kind, _) = code.relation.expect("a relation code has a kind");
    Related {
        kind: value_index(&code.fields[kind], &related.kind),
        depth: u8::try_from(related.depth).expect("1 to 3"),
        since: date(related.since),
        until: date_or_forever(related.until),
        file: file.as_file(),
    }
}

/// A date in the kernel's form.
pub fn date(date: jiff::civil::Date) -> Date {
    date.to_string().parse().expect("the same calendar")
}

/// A date of the kernel in the reference's form; `None` for "never".
pub fn date_back(date: Date) -> Option<jiff::civil::Date> {
    (date != Date::FOREVER).then(|| crate::reference::date(&date.to_string()))
}

fn date_or_forever(day: Option<jiff::civil::Date>) -> Date {
    day.map_or(Date::FOREVER, date)
}

/// A number as so many parts of its natural unit.
pub fn scaled(number: &Number, parts: i64) -> i64 {
    let scaled = number * whole(parts);
    assert!(scaled.is_integer(), "{number} has more places than its unit");
    i64::try_from(scaled.numer()).expect("fits")
}

fn value_index(field: &Field, value: &str) -> u16 {
    let index = field.values().iter().position(|v| v.id == value);
    u16::try_from(index.unwrap_or_else(|| panic!("no value `{value}`"))).expect("few values")
}

fn row(
    vocabulary: &Vocabulary,
    classes: &mut Classes,
    references: &mut HashMap<String, u32>,
    fact: &RefFact,
) -> FactRow {
    let id = vocabulary.code_id(&fact.code).expect("a known code");
    let code = vocabulary.code(id);
    let values = code.class_fields.iter().map(|field| class_value(&code.fields[*field], fact)).collect();
    let known = u32::try_from(references.len()).expect("few");
    let reference = match &fact.reference {
        Some(reference) => *references.entry(reference.clone()).or_insert(known + 1),
        None => NO_REFERENCE,
    };
    FactRow {
        id: FactId(fact.id),
        class: classes.intern(Class { code: id, values }),
        occurred_on: date(fact.occurred_on),
        ends_on: date_or_forever(fact.ends_on),
        number: fact.number.as_ref().map_or(NO_NUMBER, |number| scaled(number, parts(code))),
        reference,
        repaired_on: date_or_forever(fact.repaired_on),
        publicity_until: date_or_forever(fact.publicity_until),
        objections: fact
            .objections
            .iter()
            .map(|(from, until)| (date(*from), date_or_forever(*until)))
            .collect(),
    }
}

/// How many parts the unit of a code's number is held in.
fn parts(code: &Code) -> i64 {
    match code.fields[code.number.expect("a code with a number")].kind {
        FieldKind::Money(_) => 100,
        FieldKind::Count => 1,
        _ => 10_000,
    }
}

/// What a class holds for an enumerated field: index plus one, or a bit per value of a set.
fn class_value(field: &Field, fact: &RefFact) -> u64 {
    let has = fact.attributes.get(&field.id).map(Vec::as_slice).unwrap_or_default();
    match field.kind {
        FieldKind::Set(_) => has.iter().fold(0, |bits, value| bits | 1 << value_index(field, value)),
        _ => has.first().map_or(0, |value| u64::from(value_index(field, value)) + 1),
    }
}

fn registration(vocabulary: &Vocabulary, registration: &RefRegistration) -> Registration {
    let code = vocabulary.code(vocabulary.registration());
    let category = |field: &str, value: &Option<String>| {
        value.as_ref().map(|value| value_index(code.field(field).expect("a registration field").1, value))
    };
    Registration {
        fact: FactId(registration.id),
        since: date(registration.occurred_on),
        established_on: registration.established_on.map(date),
        legal_form: category("legal_form", &registration.legal_form),
        size: category("size", &registration.size),
        status: category("status", &registration.status),
        region: registration.region.as_ref().map(|r| r.parse().expect("a region")),
        industry: registration.industry.as_ref().map(|i| i.parse().expect("an industry")),
        capital: registration.capital.as_ref().map(|c| scaled(c, 100)),
    }
}
