//! Features files: what is refused, in full, and what a sound one comes to.

use crate::common::{VOCABULARY, peers, vocabulary};
use hengxin_core::features::FeatureSet;
use hengxin_core::quantity::{Gives, Unit};
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Catalogue, parse_document};

const SOUND: &str = "\
feature_set: test
edition: \"1\"
title: A test
effective: {from: 2021-01-01, to: 2026-12-31}
features:
  - {id: fines, title: Fines, source: {project: why}, reading: {sum: penalty, window: {months: 24}}}
  - id: size
    title: Size
    source: {document: GB 1, clause: 第三条}
    reading: {attribute: size}
";

/// The whole report on a text.
fn report(text: &str) -> String {
    let checked = parse_document(text).and_then(|node| FeatureSet::parse(&node, &vocabulary(), &peers()));
    match checked {
        Ok(_) => String::new(),
        Err(faults) => FaultyFile { file: "f.yaml".to_owned(), text: text.to_owned(), faults }.plain(),
    }
}

#[track_caller]
fn refused(from: &str, to: &str, expected: &str) {
    let text = SOUND.replacen(from, to, 1);
    assert_ne!(text, SOUND, "`{from}` is in the file");
    assert_eq!(report(&text), expected);
}

#[test]
fn a_sound_file_says_what_each_feature_gives() {
    let node = parse_document(SOUND).expect("YAML");
    let set = FeatureSet::parse(&node, &vocabulary(), &peers()).expect("sound");
    let [fines, size] = set.features.as_slice() else { panic!("two features") };
    assert_eq!(
        (fines.words.as_str(), &fines.gives),
        ("sum: penalty, window: {months: 24}", &Gives::Quantity(Unit::Fen))
    );
    // Every name of the vocabulary, whatever occurs in the facts.
    assert_eq!(size.gives, Gives::Category(["small", "medium", "large"].map(str::to_owned).to_vec()));
    assert_eq!(size.source.to_string(), "GB 1 第三条");
}

#[test]
fn each_fault_is_told_with_its_place_and_what_was_expected() {
    refused(
        "title: Fines,",
        "titel: Fines,",
        "f.yaml:6:5: missing-key: found keys `id`, `titel`, `source`, `reading`, expected also the key `title`\n\
         f.yaml:6:17: unknown-key: found `titel`, expected a key of this place; did you mean `title`?\n",
    );
    refused(
        "sum: penalty, window: {months: 24}",
        "sum: penaltie",
        "f.yaml:6:70: unknown-name: found `penaltie`, expected a fact code; did you mean `penalty`?\n",
    );
    refused(
        "{sum: penalty, window: {months: 24}}",
        "{events: penalty}",
        "f.yaml:6:64: unit-mismatch: found `{events: …}`, expected a quantity or a category; `count` gives how many \
         events there are\n",
    );
    refused(
        "id: size",
        "id: fines",
        "f.yaml:7:9: duplicate-key: found `fines`, expected each id once in a file\n",
    );
    refused(
        "id: size",
        "id: known_at",
        "f.yaml:7:9: duplicate-key: found `known_at`, expected another name than the table's own `subject`, `as_of`, \
         `known_at`\n",
    );
    refused(
        "id: size",
        "id: Größe",
        "f.yaml:7:9: wrong-shape: found `Größe`, expected at most 64 of a-z, 0-9, `-` and `_`, a letter first\n",
    );
    refused(
        ", source: {project: why}",
        "",
        "f.yaml:6:5: missing-source: found keys `id`, `title`, `reading`, expected also the key `source`\n",
    );
    refused(
        "to: 2026-12-31",
        "to: 2020-12-31",
        "f.yaml:4:12: never-applies: found `{from: …}`, expected `to` (2020-12-31) on or after `from` (2021-01-01)\n",
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let text = SOUND
        .replace("edition", "editon")
        .replace("sum: penalty, window: {months: 24}", "sum: nothing")
        .replace("size}", "weight}");
    let report = report(&text);
    let checks: Vec<&str> = report.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(checks, ["missing-key", "unknown-key", "unknown-name", "unknown-name"], "{report}");
    assert!(crate::features::report("features: []\n").contains("feature_set"));
}

#[test]
fn the_digest_is_of_the_file_and_of_what_it_reads() {
    let vocabulary = ("vocabulary.yaml".to_owned(), VOCABULARY.to_owned());
    let catalogue = Catalogue::from_files(vec![vocabulary]).expect("a catalogue");
    let digests = |text: &str| {
        let edition = catalogue.features("f.yaml", text).expect("sound");
        (edition.file_digest, edition.digest)
    };
    let (file, closed) = digests(SOUND);
    let (other_file, other_closed) = digests(&SOUND.replace("A test", "Another"));
    assert!(file != closed && file != other_file && closed != other_closed);
    assert!(catalogue.features("f.yaml", "features: []").is_err());
}

#[test]
fn the_file_on_the_page_is_sound() {
    let page = include_str!("../../../../docs/features.md");
    let text = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a file");
    let catalogue = Catalogue::shipped().expect("the shipped standards");
    let edition =
        catalogue.features("docs/features.md", text).unwrap_or_else(|faulty| panic!("{}", faulty.plain()));
    assert_eq!(edition.set.features.len(), 6);
}
