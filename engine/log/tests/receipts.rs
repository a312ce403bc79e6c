//! Receipts given out by released versions are believed by this one. A file here is never changed; every release adds one.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use hengxin_log::{Receipt, VerifyingKey};

#[test]
fn receipts_of_earlier_releases_are_still_believed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receipts");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let key: VerifyingKey =
                std::fs::read_to_string(path.with_extension("pub")).unwrap().parse().unwrap();
            receipt.verify(&key).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            seen += 1;
        }
    }
    assert!(seen > 0, "no receipts in {folder}");
}
