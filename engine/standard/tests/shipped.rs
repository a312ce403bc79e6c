//! Every shipped standard is sound, and every case beside it holds.

use std::path::{Path, PathBuf};

use hengxin_standard::{Catalogue, cases, parse_document, report::FaultyFile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards")
}

#[test]
fn the_shipped_folder_has_no_faults() {
    if let Err(problem) = Catalogue::load(&folder()) {
        panic!("{problem}");
    }
}

#[test]
fn every_case_beside_a_standard_holds() {
    let catalogue = Catalogue::load(&folder()).expect("the folder is sound");
    let mut failures = Vec::new();
    let mut count = 0;
    for edition in catalogue.standards() {
        let file = edition.path.replace(".yaml", ".cases.yaml");
        let Ok(text) = std::fs::read_to_string(folder().join(&file)) else {
            failures.push(format!("{file}: no cases"));
            continue;
        };
        let ran = parse_document(&text).and_then(|node| cases::run(&node, edition, &catalogue));
        match ran {
            Err(faults) => failures.push(FaultyFile { file, text, faults }.plain()),
            Ok(results) => {
                count += results.len();
                for result in results {
                    failures.extend(result.failures.iter().map(|f| format!("{file}: {}: {f}", result.name)));
                }
            }
        }
    }
    assert!(failures.is_empty(), "of {count} cases:\n{}", failures.join("\n"));
    println!("{count} cases hold");
}
