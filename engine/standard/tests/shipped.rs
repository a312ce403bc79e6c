//! Every shipped standard is sound, and every case beside it holds.

use std::path::{Path, PathBuf};

use hengxin_standard::catalogue::LoadError;
use hengxin_standard::lock::sha256_hex;
use hengxin_standard::{Catalogue, cases, folder, parse_document, report::FaultyFile};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards")
}

#[test]
fn the_shipped_folder_has_no_faults() {
    if let Err(problem) = Catalogue::load(&root()) {
        panic!("{problem}");
    }
}

#[test]
fn every_case_beside_a_standard_holds() {
    let catalogue = Catalogue::load(&root()).expect("the folder is sound");
    let mut failures = Vec::new();
    let mut count = 0;
    for edition in catalogue.standards() {
        let file = edition.path.replace(".yaml", ".cases.yaml");
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
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

#[test]
fn a_shipped_edition_that_was_changed_is_refused_with_both_digests() {
    let mut files = folder::shipped();
    let lock = files.iter().find(|(path, _)| path == "editions.lock").expect("the lock is shipped").1.clone();
    let pinned = lock.lines().find_map(|l| l.strip_prefix("tax-credit 2025.1 ")).expect("it is pinned");
    let (_, text) =
        files.iter_mut().find(|(path, _)| path == "tax-credit/2025.1.yaml").expect("it is shipped");
    text.push_str("# a remark\n");
    let digest = sha256_hex(text.as_bytes());
    let line = text.lines().position(|l| l.starts_with("edition:")).expect("an edition") + 1;
    let Err(LoadError::Faults(faulty)) = Catalogue::from_files(files) else { panic!("it was accepted") };
    let report: String = faulty.iter().map(FaultyFile::plain).collect();
    assert_eq!(
        report,
        format!(
            "tax-credit/2025.1.yaml:{line}:10: lock: found `tax-credit` 2025.1 with the digest {digest}, expected \
             {pinned}, as published; a change is a new edition\n"
        )
    );
}
