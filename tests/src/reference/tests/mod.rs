//! Examples worked by hand from the pages of `docs/standard-format.md`, one file for a few of its sections.

mod grades;
mod points;
mod readings;

use std::collections::BTreeMap;

use hengxin_core::document::Node;

use super::reading::{RefValue, Unknown, read};
use super::*;
use crate::random::vocabulary;

fn yaml(text: &str) -> Node {
    hengxin_standard::parse_document(text).unwrap_or_else(|e| panic!("{e:?} in {text}"))
}

/// A fact of a code on a day, with `key=value` parts: `until`, `public`, `repaired`, `objection=FROM/TO`, `number`,
/// `reference`, or an attribute with values joined by `+`.
fn fact(id: u64, code: &str, on: &str, parts: &[&str]) -> RefFact {
    let mut fact = RefFact {
        id,
        code: code.to_owned(),
        occurred_on: date(on),
        ends_on: None,
        number: None,
        reference: None,
        attributes: BTreeMap::new(),
        repaired_on: None,
        publicity_until: None,
        objections: Vec::new(),
    };
    for part in parts {
        let (key, value) = part.split_once('=').expect("key=value");
        match key {
            "until" => fact.ends_on = Some(date(value)),
            "public" => fact.publicity_until = Some(date(value)),
            "repaired" => fact.repaired_on = Some(date(value)),
            "number" => fact.number = Some(parse(value)),
            "reference" => fact.reference = Some(value.to_owned()),
            "objection" => {
                let (from, until) = value.split_once('/').expect("FROM/TO");
                fact.objections.push((date(from), (!until.is_empty()).then(|| date(until))));
            }
            attribute => {
                let values = value.split('+').map(str::to_owned).collect();
                fact.attributes.insert(attribute.to_owned(), values);
            }
        }
    }
    fact
}

/// A file in which every register is delivered nationally through 2030.
fn file(facts: Vec<RefFact>) -> RefFile {
    let registers = ["business", "penalties", "court", "contracts"];
    let deliveries = registers.map(|register| RefDelivery {
        register: register.to_owned(),
        region: "100000".to_owned(),
        through: date("2030-12-31"),
    });
    RefFile {
        uscc: "91110101MA00000U27".to_owned(),
        facts,
        registrations: vec![RefRegistration {
            id: 1,
            occurred_on: date("2020-01-01"),
            established_on: Some(date("2019-12-31")),
            legal_form: Some("company".to_owned()),
            size: Some("small".to_owned()),
            status: None,
            region: Some("330106".to_owned()),
            industry: Some("C1310".to_owned()),
            capital: Some(parse("5000000")),
        }],
        deliveries: deliveries.to_vec(),
    }
}

/// The file without the delivery of one register.
fn without(mut file: RefFile, register: &str) -> RefFile {
    file.deliveries.retain(|d| d.register != register);
    file
}

const HEAD: &str = "{standard: x, edition: \"1\", effective: {from: 2000-01-01}, subjects: [enterprise]";

/// A standard in one line: the head and more keys.
fn standard(more: &str) -> Node {
    yaml(&format!("{HEAD}, {more}}}"))
}

fn with_scene<T>(standard: &Node, dossier: &RefDossier, as_of: &str, look: impl Fn(&Scene<'_>) -> T) -> T {
    let world = World { vocabulary: vocabulary(), standards: Vec::new() };
    look(&Scene { world: &world, standard, dossier, file: &dossier.file, as_of: date(as_of) })
}

fn value(reading: &str, file: &RefFile, as_of: &str) -> Result<String, Unknown> {
    let dossier = RefDossier { file: file.clone(), related: Vec::new() };
    value_of(&standard("grades: none"), reading, &dossier, as_of)
}

fn value_of(standard: &Node, reading: &str, dossier: &RefDossier, as_of: &str) -> Result<String, Unknown> {
    with_scene(standard, dossier, as_of, |scene| {
        Ok(match read(scene, &yaml(reading), None)? {
            RefValue::Quantity(n) => n.to_string(),
            RefValue::Category(category) => category,
            RefValue::Events(facts) => facts.iter().map(|f| f.id.to_string()).collect::<Vec<_>>().join(" "),
        })
    })
}

/// Compares a reading of a file on a day; `?` stands for unknown, `!` for a register that is not delivered.
#[track_caller]
fn check(reading: &str, file: &RefFile, as_of: &str, expected: &str) {
    let found = match value(reading, file, as_of) {
        Ok(found) => found,
        Err(Unknown::NoValue) => "?".to_owned(),
        Err(Unknown::NotDelivered) => "!".to_owned(),
    };
    assert_eq!(found, expected, "{reading} on {as_of}");
}
