//! A new industry standard of a shape nobody shipped is two data files: no Rust knows of it.
//!
//! The sample grades property developers: the worst building site decides, and two failing ones lower the grade.

use std::fs;
use std::path::{Path, PathBuf};

use hengxin_standard::catalogue::LoadError;
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Catalogue, cases, parse_document};

const STANDARD: &str = include_str!("../data/property-developers.yaml");
const CASES: &str = include_str!("../data/property-developers.cases.yaml");

/// A copy of the shipped folder, removed when the test is over.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let to = std::env::temp_dir().join(format!("hengxin-{name}-{}", std::process::id()));
        for (path, text) in hengxin_standard::folder::shipped() {
            write(&to.join(path), &text);
        }
        Copy(to)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the test");
    fs::write(path, text).expect("written");
}

#[test]
fn a_standard_of_a_new_shape_is_loaded_checked_and_run_from_two_files() {
    let folder = Copy::new("two-files");
    write(&folder.0.join("property-developers/2026.1.yaml"), STANDARD);
    write(&folder.0.join("property-developers/2026.1.cases.yaml"), CASES);
    let catalogue = Catalogue::load(&folder.0).unwrap_or_else(|problem| panic!("{problem}"));
    let edition = catalogue.pinned("property-developers", "2026.1").expect("it is there");
    let node = parse_document(CASES).expect("YAML");
    let results = cases::run(&node, edition, &catalogue).unwrap_or_else(|faults| {
        let file = FaultyFile { file: "cases".to_owned(), text: CASES.to_owned(), faults };
        panic!("{}", file.plain())
    });
    assert!(results.len() >= 4, "{} cases", results.len());
    for result in results {
        assert!(result.failures.is_empty(), "{}: {:#?}", result.name, result.failures);
    }
    // It can be pinned like any other, and nothing that was pinned changes.
    let lock = fs::read_to_string(folder.0.join("editions.lock")).expect("the lock");
    let mut lock = hengxin_standard::lock::Lock::parse(&lock).expect("a lock");
    let before = lock.0.len();
    catalogue.pin(&mut lock).expect("only additions");
    assert_eq!(lock.0.len(), before + 1);
}

#[test]
fn its_faults_are_found_like_those_of_any_other() {
    let folder = Copy::new("two-files-faulty");
    let text = STANDARD.replace("reading: {count: commitment", "reading: {count: comitment");
    assert_ne!(text, STANDARD);
    write(&folder.0.join("property-developers/2026.1.yaml"), &text);
    let Err(LoadError::Faults(faulty)) = Catalogue::load(&folder.0) else { panic!("it was accepted") };
    let report: String = faulty.iter().map(FaultyFile::plain).collect();
    assert!(
        report.starts_with("property-developers/2026.1.yaml:")
            && report.contains(
                "unknown-name: found `comitment`, expected a fact code; did you mean `commitment`?"
            ),
        "{report}"
    );
}
