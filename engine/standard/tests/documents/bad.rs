//! Every check refuses what it should, in words an author can act on.
//!
//! Each `tests/bad/NAME.yaml` is a document, each folder a catalogue; `NAME.expected` is its whole report.
//! `HENGXIN_BLESS=1` writes the reports anew: read the difference before it is kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{VOCABULARY, check_document};
use hengxin_core::document::{Check, Faults};
use hengxin_standard::Catalogue;
use hengxin_standard::catalogue::LoadError;
use hengxin_standard::folder::SourceFile;
use hengxin_standard::report::FaultyFile;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

fn check_folder(folder: &Path) -> Vec<FaultyFile> {
    let mut files: Vec<SourceFile> = vec![("vocabulary.yaml".to_owned(), VOCABULARY.to_owned())];
    collect(folder, "", &mut files);
    match Catalogue::from_files(files) {
        Ok(_) => Vec::new(),
        Err(LoadError::Faults(faulty)) => faulty,
        Err(other) => panic!("{}: {other}", folder.display()),
    }
}

fn collect(at: &Path, below: &str, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(at).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = format!("{below}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.push((name, fs::read_to_string(&path).expect("text")));
        }
    }
    files.sort();
}

/// All reports: name, and the faulty files.
fn reports() -> Vec<(String, Vec<FaultyFile>)> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            reports.push((name, check_folder(&path)));
        } else if path.extension().is_some_and(|e| e == "yaml") {
            let text = fs::read_to_string(&path).expect("text");
            let faults = check_document(&text).err();
            reports.push((
                name,
                faults
                    .into_iter()
                    .map(|faults| FaultyFile { file: file.clone(), text: text.clone(), faults })
                    .collect(),
            ));
        }
    }
    reports.sort_by(|a, b| a.0.cmp(&b.0));
    reports
}

#[test]
fn every_report_is_as_reviewed() {
    let bless = std::env::var_os("HENGXIN_BLESS").is_some();
    let mut wrong = Vec::new();
    for (name, faulty) in reports() {
        let report: String = faulty.iter().map(FaultyFile::plain).collect();
        let golden = folder().join(format!("{name}.expected"));
        if name.ends_with("good") {
            assert_eq!(report, "", "`{name}` is without a fault");
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if bless {
            fs::write(&golden, &report).expect("written");
        } else if report != expected {
            wrong.push(format!("{name}: expected\n{expected}found\n{report}"));
        }
        assert!(!report.is_empty(), "`{name}` is refused");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_check_has_a_document_named_after_it_that_it_refuses() {
    let reports = reports();
    for check in Check::ALL {
        let named = |name: &str| {
            name == check.id() || name.strip_prefix(check.id()).is_some_and(|r| r.starts_with('-'))
        };
        let found = reports.iter().filter(|(name, _)| named(name));
        let refused = found
            .flat_map(|(_, faulty)| faulty)
            .flat_map(hengxin_standard::report::FaultyFile::rows)
            .any(|row| row.check == check.id());
        assert!(refused, "no document in tests/bad shows the check `{check}`");
    }
}

#[test]
fn every_check_is_documented() {
    let page = include_str!("../../../../docs/standard-format.md");
    let section = page.split("## 14").last().expect("the section on checks");
    let documented: BTreeSet<&str> = section
        .lines()
        .filter_map(|l| l.strip_prefix("| `")?.split_once(" |"))
        .flat_map(|(ids, _)| ids.split('`'))
        .collect();
    for check in Check::ALL {
        assert!(documented.contains(check.id()), "`{check}` is not in docs/standard-format.md §14");
    }
}

#[test]
fn bytes_that_are_no_text_are_a_fault_of_their_file() {
    let folder = std::env::temp_dir().join(format!("hengxin-bytes-{}", std::process::id()));
    fs::create_dir_all(folder.join("example")).expect("a folder");
    fs::write(folder.join("vocabulary.yaml"), VOCABULARY).expect("written");
    fs::write(folder.join("example/1.yaml"), b"standard: example\ntitle: \xd6\xd0\xb9\xfa\n")
        .expect("written");
    let loaded = Catalogue::load(&folder);
    fs::remove_dir_all(&folder).expect("removed");
    let Err(LoadError::Faults(faulty)) = loaded else { panic!("refused") };
    let report: String = faulty.iter().map(FaultyFile::plain).collect();
    assert_eq!(
        report,
        "example/1.yaml:2:8: syntax: found bytes that are not UTF-8, expected text in UTF-8\n"
    );
}

#[test]
fn an_excerpt_points_at_the_fault() {
    let text = "standard: example\ntitle: 行政处罚分级\n";
    let mut faults = Faults::default();
    let start = text.find("处罚").expect("there");
    let span = hengxin_core::document::Span { start, end: start + "处罚".len() };
    faults.push(span, Check::UnknownName, "`处罚`", "a word of the list");
    let file = FaultyFile { file: "example.yaml".to_owned(), text: text.to_owned(), faults };
    let expected = "\
unknown-name

  × found `处罚`
   ╭─[example.yaml:2:10]
 1 │ standard: example
 2 │ title: 行政处罚分级
   ·            ──┬─
   ·              ╰── here
   ╰────
  help: expected a word of the list (docs/standard-format.md §14, `unknown-name`)
";
    let found = file.fancy(false);
    assert_eq!(found.trim(), expected.trim(), "{found}");
}
