//! The schemas for editors accept what the parser accepts, and know the same keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::check_document;
use hengxin_core::document::{Check, Node, Value as Held};
use hengxin_core::number::Rounding;
use hengxin_core::standard::Status;
use hengxin_core::uscc::SubjectKind;
use hengxin_standard::folder::shipped;
use hengxin_standard::parse_document;
use serde_json::{Map, Value};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema(name: &str) -> Value {
    let path = repository().join("standards/schema").join(format!("{name}.schema.json"));
    serde_json::from_str(&fs::read_to_string(&path).expect("the schema is there"))
        .expect("the schema is JSON")
}

fn schema_of(node: &Node) -> Value {
    schema(if node.child("policy").is_some() { "policy" } else { "standard" })
}

/// Every scalar becomes text, as the parser sees it; the schema takes numbers as text or as numbers.
fn json(node: &Node) -> Value {
    match &node.value {
        Held::Scalar(text) => Value::String(text.clone()),
        Held::List(items) => Value::Array(items.iter().map(json).collect()),
        Held::Map(entries) => {
            Value::Object(entries.iter().map(|(k, v)| (k.text.clone(), json(v))).collect::<Map<_, _>>())
        }
    }
}

/// Documents that use every key of the format.
fn everything() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name != "vocabulary.yaml" {
            files.push((name, fs::read_to_string(path).expect("text")));
        }
    }
    files.sort();
    files
}

#[track_caller]
fn check_valid(name: &str, text: &str) {
    let node = parse_document(text).expect("YAML");
    let validator = jsonschema::validator_for(&schema_of(&node)).expect("the schema is a schema");
    let document = json(&node);
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|e| format!("{name}: {}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_shipped_document_is_valid() {
    let documents = shipped().into_iter().filter(|(path, _)| {
        Path::new(path).extension().is_some_and(|e| e == "yaml")
            && !path.ends_with(".cases.yaml")
            && path != "vocabulary.yaml"
    });
    let mut count = 0;
    for (path, text) in documents {
        check_valid(&path, &text);
        count += 1;
    }
    assert!(count >= 4, "only {count} documents");
}

#[test]
fn a_document_with_every_key_is_accepted_by_parser_and_schema() {
    for (name, text) in everything() {
        if let Err(faults) = check_document(&text) {
            panic!("{name}: {faults:#?}");
        }
        check_valid(&name, &text);
    }
}

#[test]
fn words_of_the_format_are_those_of_the_program() {
    let schema = schema("standard");
    let listed = |pointer: &str| -> BTreeSet<String> {
        let found = schema.pointer(pointer).and_then(Value::as_array).expect("a list of words");
        found.iter().map(|v| v.as_str().expect("a word").to_owned()).collect()
    };
    let own = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|n| (*n).to_owned()).collect() };
    let kinds = SubjectKind::ALL.map(hengxin_core::uscc::SubjectKind::as_str);
    assert_eq!(listed("/properties/subjects/anyOf/0/enum"), own(&kinds));
    assert_eq!(listed("/$defs/status/enum"), own(&Status::NAMES));
    assert_eq!(listed("/$defs/rounding/enum"), own(&Rounding::NAMES));
}

const UNGROUPED: [&str; 7] = ["attribute", "elapsed", "events", "grouped", "in_force", "related", "result"];

/// Plants a key nobody knows in every map of a document; the parser answers with the keys it does know there.
#[test]
fn parser_and_schema_know_the_same_keys_everywhere() {
    let mut compared = 0;
    for (name, text) in everything() {
        let node = parse_document(&text).expect("YAML");
        let schema = schema_of(&node);
        let mut places = Vec::new();
        maps(&node, &schema, &schema, &mut Vec::new(), &mut places);
        for place in places {
            let planted = plant(&node, &place.path);
            let faults = check_node(&planted).expect_err("a key nobody knows is refused");
            let asked =
                faults.0.iter().filter(|f| f.check == Check::UnknownKey && f.found == "`Ω`").find_map(|f| {
                    Some(
                        f.expected
                            .strip_prefix("one of `")?
                            .trim_end_matches('`')
                            .split("`, `")
                            .map(str::to_owned)
                            .collect(),
                    )
                });
            let at = format!("{name} at {:?}", place.path);
            let Some(asked): Option<BTreeSet<String>> = asked else {
                panic!("{at}: {faults:#?}");
            };
            // The parser knows every reading inside a grouped one and refuses by unit those that have no groups.
            let ungrouped = |key: &str| place.all.contains("ratio") && UNGROUPED.contains(&key);
            let unknown: Vec<&String> = asked.difference(&place.all).filter(|k| !ungrouped(k)).collect();
            assert!(unknown.is_empty(), "{at}: the schema lacks {unknown:?}");
            let idle: Vec<&String> = place.here.difference(&asked).collect();
            assert!(idle.is_empty(), "{at}: only the schema knows {idle:?}");
            compared += 1;
        }
    }
    assert!(compared > 150, "only {compared} places");
}

fn check_node(node: &Node) -> Result<(), hengxin_core::document::Faults> {
    use hengxin_core::{standard::Standard, tier::TierPolicy};
    if node.child("policy").is_some() {
        return TierPolicy::parse(node, &crate::common::peers()).map(|_| ());
    }
    Standard::parse(node, &crate::common::vocabulary(), &crate::common::peers()).map(|_| ())
}

/// A map whose keys are fixed.
struct Place {
    /// Indices of entries and items from the root.
    path: Vec<usize>,
    /// Keys of the schema's branches that this map takes.
    here: BTreeSet<String>,
    /// Keys of all branches.
    all: BTreeSet<String>,
}

fn maps(node: &Node, schema: &Value, root: &Value, path: &mut Vec<usize>, places: &mut Vec<Place>) {
    let mut branches = Vec::new();
    flatten(schema, root, &mut branches);
    match &node.value {
        Held::Scalar(_) => {}
        Held::List(items) => {
            let inner = branches.iter().find_map(|b| b.get("items"));
            for (i, item) in items.iter().enumerate() {
                path.push(i);
                maps(item, inner.expect("a schema of items"), root, path, places);
                path.pop();
            }
        }
        Held::Map(entries) => {
            let objects: Vec<&Value> =
                branches.into_iter().filter(|b| b.get("properties").is_some()).collect();
            let free = objects.is_empty();
            let keys = |schemas: &[&Value]| -> BTreeSet<String> {
                let maps = schemas.iter().filter_map(|s| s.get("properties")?.as_object());
                maps.flat_map(|m| m.keys().cloned()).collect()
            };
            let taken: Vec<&Value> = objects.iter().copied().filter(|b| takes(b, entries)).collect();
            if !free {
                assert!(!taken.is_empty(), "no branch of the schema takes {path:?}");
                places.push(Place { path: path.clone(), here: keys(&taken), all: keys(&objects) });
            }
            for (i, (key, value)) in entries.iter().enumerate() {
                let inner = taken.iter().find_map(|s| s.get("properties")?.get(&key.text));
                if let Some(inner) = inner {
                    path.push(i);
                    maps(value, inner, root, path, places);
                    path.pop();
                }
            }
        }
    }
}

/// The object and list schemas behind references and alternatives.
fn flatten<'s>(schema: &'s Value, root: &'s Value, out: &mut Vec<&'s Value>) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.trim_start_matches('#')).expect("a reference leads somewhere");
        flatten(target, root, out);
    }
    if schema.get("properties").is_some() || schema.get("items").is_some() {
        out.push(schema);
        return;
    }
    for alternatives in ["oneOf", "anyOf"] {
        for branch in schema.get(alternatives).and_then(Value::as_array).into_iter().flatten() {
            flatten(branch, root, out);
        }
    }
}

/// Whether the map has what the branch requires and nothing it does not know, and its fixed words.
fn takes(branch: &Value, entries: &[(hengxin_core::document::Key, Node)]) -> bool {
    let has = |key: &str| entries.iter().any(|(k, _)| k.text == key);
    let required = branch.get("required").and_then(Value::as_array).into_iter().flatten();
    let properties = branch.get("properties").and_then(Value::as_object);
    required.filter_map(Value::as_str).all(has)
        && entries.iter().all(|(key, node)| {
            let Some(schema) = properties.and_then(|p| p.get(&key.text)) else { return false };
            let word = node.text().map(|t| Value::String(t.to_owned()));
            let fixed = schema.get("const").is_none_or(|c| word.as_ref() == Some(c));
            let listed = schema
                .get("enum")
                .and_then(Value::as_array)
                .is_none_or(|e| word.as_ref().is_some_and(|w| e.contains(w)));
            let other =
                schema.get("not").and_then(|n| n.get("const")).is_none_or(|c| word.as_ref() != Some(c));
            fixed && listed && other
        })
}

/// The document with the key `Ω` in the map at `path`.
fn plant(node: &Node, path: &[usize]) -> Node {
    let mut planted = node.clone();
    let mut at = &mut planted;
    for i in path {
        at = match &mut at.value {
            Held::List(items) => &mut items[*i],
            Held::Map(entries) => &mut entries[*i].1,
            Held::Scalar(_) => panic!("a path through a scalar"),
        };
    }
    let Held::Map(entries) = &mut at.value else { panic!("a path to no map") };
    let span = hengxin_core::document::Span::default();
    let key = hengxin_core::document::Key { span, text: "Ω".to_owned() };
    entries.push((key, Node { span, value: Held::Scalar(String::new()) }));
    planted
}
