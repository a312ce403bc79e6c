//! Which edition answers on a date, what its digest covers, and what the lock lets change.

use std::path::Path;

use crate::common::VOCABULARY;
use hengxin_core::date::Date;
use hengxin_standard::catalogue::LoadError;
use hengxin_standard::folder::SourceFile;
use hengxin_standard::lock::Lock;
use hengxin_standard::{Catalogue, NoEdition};

const GOOD: &str = include_str!("../bad/good.yaml");
const POLICY: &str = include_str!("../bad/policy-good.yaml");

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

fn edition(id: &str, edition: &str, effective: &str) -> SourceFile {
    let text = GOOD
        .replace("standard: example", &format!("standard: {id}"))
        .replace("edition: \"1\"", &format!("edition: \"{edition}\""))
        .replace("{from: 2026-01-01}", effective);
    (format!("{id}/{edition}.yaml"), text)
}

/// A standard whose one indicator is the score of another.
fn reader(id: &str, of: &str) -> SourceFile {
    let (path, text) = edition(id, "1", "{from: 2024-01-01}");
    let text = text
        .replace(
            "{count: penalty, window: {years: 2}}",
            &format!("{{result: {{standard: {of}, take: score}}}}"),
        )
        .replace(
            "{per_event: {full: 100, each: -20, floor: 0}}",
            "{linear: [{at: 0, points: 0}, {at: 100, points: 100}]}",
        );
    (path, text)
}

fn vocabulary() -> SourceFile {
    ("vocabulary.yaml".to_owned(), VOCABULARY.to_owned())
}

fn files() -> Vec<SourceFile> {
    let policy = POLICY.replace("public-credit", "credit");
    vec![
        vocabulary(),
        edition("credit", "2024.1", "{from: 2024-01-01, to: 2024-12-31}"),
        edition("credit", "2026.1", "{from: 2026-01-01}"),
        reader("trade", "credit"),
        ("policies/example/1.yaml".to_owned(), policy),
    ]
}

fn catalogue() -> Catalogue {
    Catalogue::from_files(files()).unwrap_or_else(|problem| panic!("{problem}"))
}

#[track_caller]
fn report(files: Vec<SourceFile>) -> String {
    match Catalogue::from_files(files) {
        Err(LoadError::Faults(faulty)) => {
            faulty.iter().map(hengxin_standard::report::FaultyFile::plain).collect()
        }
        other => panic!("expected faults, found {other:?}"),
    }
}

#[test]
fn the_edition_in_force_answers_on_its_first_and_last_day() {
    let catalogue = catalogue();
    for (day, expected) in [
        ("2024-01-01", "2024.1"),
        ("2024-12-31", "2024.1"),
        ("2026-01-01", "2026.1"),
        ("2999-01-01", "2026.1"),
    ] {
        let found = catalogue.standard("credit", date(day)).expect("in force");
        assert_eq!(found.standard.edition, expected, "{day}");
    }
}

#[test]
fn an_expired_standard_is_refused_with_its_last_day_and_never_falls_back() {
    let catalogue = catalogue();
    let message = |id: &str, day: &str| catalogue.standard(id, date(day)).expect_err("refused").to_string();
    // The gap between two editions: the later one is known, and does not answer.
    assert_eq!(
        message("credit", "2025-01-01"),
        "`credit` is not in force on 2025-01-01: edition 2024.1 ended on 2024-12-31"
    );
    assert_eq!(
        message("credit", "2023-12-31"),
        "`credit` is not in force on 2023-12-31: edition 2024.1 begins on 2024-01-01"
    );
    assert_eq!(
        message("credid", "2024-06-01"),
        "unknown standard `credid`, did you mean `credit`?; known: credit, trade"
    );
    let pinned = catalogue.pinned("credit", "2024.1").expect("an old edition can be pinned");
    assert_eq!(pinned.standard.effective.1, date("2024-12-31"));
    let unknown = catalogue.pinned("credit", "2025.1").expect_err("refused");
    assert_eq!(unknown.to_string(), "`credit` has no edition `2025.1`; it has 2024.1, 2026.1");
    assert!(matches!(
        catalogue.policy("exampel", date("2026-06-01")),
        Err(NoEdition::Unknown { what: "field", .. })
    ));
    assert!(matches!(catalogue.policy("example", date("2025-12-31")), Err(NoEdition::NotYet { .. })));
    assert_eq!(catalogue.fields().collect::<Vec<_>>(), ["example"]);
}

#[test]
fn a_digest_covers_the_file_and_everything_it_reads() {
    let digest =
        |catalogue: &Catalogue, id: &str| catalogue.pinned(id, "1").map(|e| e.digest.clone()).expect("there");
    let before = digest(&catalogue(), "trade");
    // The same files in another order.
    let mut reversed = files();
    reversed.reverse();
    let same = Catalogue::from_files(reversed).expect("sound");
    assert_eq!(digest(&same, "trade"), before);
    for changed in ["credit/2024.1.yaml", "credit/2026.1.yaml", "trade/1.yaml"] {
        let mut files = files();
        for (path, text) in &mut files {
            if path == changed {
                text.push_str("# a remark\n");
            }
        }
        let other = Catalogue::from_files(files).expect("sound");
        assert_ne!(digest(&other, "trade"), before, "{changed}");
    }
}

#[test]
fn the_program_carries_the_shipped_folder() {
    let shipped = Catalogue::shipped().unwrap_or_else(|problem| panic!("{problem}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    let loaded = Catalogue::load(&folder).unwrap_or_else(|problem| panic!("{problem}"));
    let names = |c: &Catalogue| c.standards().map(|e| (e.path.clone(), e.digest.clone())).collect::<Vec<_>>();
    assert_eq!(names(&shipped), names(&loaded));
    assert!(!names(&shipped).is_empty());
}

/// The files with a lock that pins them all.
fn locked() -> Vec<SourceFile> {
    let mut lock = Lock::default();
    catalogue().pin(&mut lock).expect("nothing was pinned");
    let mut files = files();
    files.push(("editions.lock".to_owned(), lock.render()));
    files
}

fn with_vocabulary(change: impl Fn(&str) -> String) -> Vec<SourceFile> {
    let mut files = locked();
    for (path, text) in &mut files {
        if path == "vocabulary.yaml" {
            let changed = change(text);
            assert_ne!(changed, *text, "the change changes something");
            *text = changed;
        }
    }
    files
}

#[test]
fn what_is_pinned_loads_and_pins_again() {
    let files = locked();
    let text = files.last().map(|(_, text)| text.clone()).expect("the lock");
    let mut lock = Lock::parse(&text).expect("a lock");
    let catalogue = Catalogue::from_files(files).unwrap_or_else(|problem| panic!("{problem}"));
    catalogue.pin(&mut lock).expect("the same");
    assert_eq!(lock.render(), text);
}

#[test]
fn a_vocabulary_grows_at_the_end_under_a_lock() {
    let grown = with_vocabulary(|text| {
        text.replace(
            "{id: serious, title: 严重}]",
            "{id: serious, title: 严重}, {id: grave, title: 特别严重}]",
        )
        .replace(
            "{id: amount, title: 金额, type: money-yuan}",
            "{id: amount, title: 罚没金额, type: money-yuan}\n      - {id: place, title: 地点, type: text}",
        )
    });
    let text = grown.last().map(|(_, text)| text.clone()).expect("the lock");
    let catalogue = Catalogue::from_files(grown).unwrap_or_else(|problem| panic!("{problem}"));
    let mut lock = Lock::parse(&text).expect("a lock");
    let before = lock.0.len();
    catalogue.pin(&mut lock).expect("nothing pinned changed");
    assert_eq!(lock.0.len(), before + 2, "the longer code and the longer list");
}

#[test]
fn a_published_code_keeps_its_meaning() {
    for (from, to, part) in [
        (
            "{id: minor, title: 轻微}, {id: general, title: 一般}",
            "{id: general, title: 一般}, {id: minor, title: 轻微}",
            "code:penalty.severity",
        ),
        ("{id: warning, title: 警告}, ", "", "code:penalty.kinds"),
        ("polarity: favourable", "polarity: neutral", "code:award"),
        ("lag_days: 10", "lag_days: 20", "register:penalties"),
        ("    number: amount\n", "", "code:penalty"),
    ] {
        let mut files = with_vocabulary(|text| text.replace(from, to));
        // Only the vocabulary is asked here; standards may well lose what they name.
        files.retain(|(path, _)| path == "vocabulary.yaml" || path == "editions.lock");
        for (path, text) in &mut files {
            if path == "editions.lock" {
                *text = text.lines().filter(|l| l.contains(':')).collect::<Vec<_>>().join("\n");
            }
        }
        let report = report(files);
        let lines: Vec<&str> = report.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].contains("lock: found") && lines[0].contains(&format!("`{part}`")),
            "{part}: {report}"
        );
    }
}
