//! The log by the command line: key, head, proofs, receipts, and what `verify` says of a ledger that somebody changed.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use std::path::Path;

use serde_json::Value;

use command::{done, refused};

/// A small district with its ledger, the key in `key` and a head in `head`. Gives one enterprise of it.
fn district(at: &Path) -> String {
    done(at, &["demo", "--no-serve", "--enterprises", "30", "--data", "d"]);
    std::fs::write(at.join("key"), done(at, &["log", "key", "--data", "d"])).unwrap();
    done(at, &["log", "head", "--out", "head", "--data", "d"]);
    let ledger = rusqlite::Connection::open(at.join("d/ledger.sqlite")).unwrap();
    ledger.query_row("SELECT code FROM subjects WHERE id = 3", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_receipt_and_proofs_are_checked_on_a_machine_without_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let one = district(at);
    let tier = [
        "receipt",
        "tier",
        &one,
        "--field",
        "food-production",
        "--as-of",
        "2026-10-31",
        "--data",
        "d",
        "--out",
    ];
    done(at, &[tier.as_slice(), &["receipt.json"]].concat());
    done(at, &[tier.as_slice(), &["again.json"]].concat());
    let read =
        |name: &str| -> Value { serde_json::from_slice(&std::fs::read(at.join(name)).unwrap()).unwrap() };
    let (first, second) = (read("receipt.json"), read("again.json"));
    assert_eq!(first["statement"], second["statement"], "asked for twice, decided once");
    done(at, &["log", "prove", "5", "--data", "d", "--out", "included.json"]);
    done(at, &["log", "prove", "--since", "head", "--data", "d", "--out", "continued.json"]);
    let away = tempfile::tempdir().unwrap();
    for name in ["key", "receipt.json", "included.json", "continued.json"] {
        std::fs::copy(at.join(name), away.path().join(name)).unwrap();
    }
    let verify = |what: &str, name: &str| done(away.path(), &["verify", what, name, "--key", "key"]);
    assert!(verify("receipt", "receipt.json").contains("not computed again"), "without a ledger");
    assert!(verify("proof", "included.json").starts_with("entry 5 is in the log of"));
    assert!(verify("proof", "continued.json").contains("begins with"));
    let told = done(at, &["verify", "receipt", "receipt.json", "--key", "key", "--recompute", "--data", "d"]);
    assert!(told.contains("computed again from the ledger: the same"), "{told}");
    let mut forged = first.clone();
    forged["statement"]["result"] = "tier 1 of 9".into();
    std::fs::write(away.path().join("receipt.json"), forged.to_string()).unwrap();
    refused(
        away.path(),
        &["verify", "receipt", "receipt.json", "--key", "key"],
        1,
        "does not belong to this text",
    );
    std::fs::write(away.path().join("receipt.json"), "{}").unwrap();
    refused(
        away.path(),
        &["verify", "receipt", "receipt.json", "--key", "key"],
        2,
        "missing field `statement`",
    );
    refused(
        away.path(),
        &["verify", "proof", "included.json", "--key", "no+key"],
        2,
        "expected `NAME+ID+BASE64`",
    );
}

#[test]
fn verify_names_the_entry_somebody_changed_and_a_log_that_went_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    district(at);
    let verify = ["verify", "--data", "d", "--key", "key", "--since", "head"];
    let told: Value = serde_json::from_str(&done(at, &[verify.as_slice(), &["--json"]].concat())).unwrap();
    assert!(told["entries"].as_u64().unwrap() > 100 && told["key_from"] == "caller", "{told}");
    // Without keys a ledger can be checked, too.
    std::fs::create_dir(at.join("copy")).unwrap();
    let ledger = rusqlite::Connection::open(at.join("d/ledger.sqlite")).unwrap();
    ledger.execute("VACUUM INTO ?1", [at.join("copy/ledger.sqlite").to_str().unwrap()]).unwrap();
    done(at, &["verify", "--data", "copy", "--key", "key"]);
    let copy = rusqlite::Connection::open(at.join("copy/ledger.sqlite")).unwrap();
    copy.execute_batch("DROP TRIGGER tiers_is_never_changed; UPDATE tiers SET tier = tier - 1 WHERE id = 7")
        .unwrap();
    refused(
        at,
        &["verify", "--data", "copy", "--key", "key"],
        1,
        "row 7 of `tiers` no longer says what was logged",
    );
    std::fs::create_dir(at.join("young")).unwrap();
    done(at, &["demo", "--no-serve", "--enterprises", "2", "--data", "other"]);
    refused(at, &["verify", "--data", "other", "--key", "key"], 1, "it is another ledger");
    refused(at, &["verify", "--data", "young", "--key", "key"], 2, "no ledger at");
    refused(at, &["log", "entry", "1000000", "--data", "d"], 2, "no entry 1000000");
    refused(at, &["log", "prove", "--since", "key", "--data", "d"], 1, "not a signed note");
}
