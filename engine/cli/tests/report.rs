//! Credit reports by the command line: issued, shown, checked and printed.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use std::path::Path;

use serde_json::Value;

use command::{done, hengxin, refused};

/// A small district, and one enterprise of it.
fn district(at: &Path) -> String {
    done(at, &["demo", "--no-serve", "--enterprises", "30", "--data", "d"]);
    let ledger = rusqlite::Connection::open(at.join("d/ledger.sqlite")).unwrap();
    ledger.query_row("SELECT code FROM subjects WHERE id = 3", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_report_is_issued_once_shown_again_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let one = district(at);
    let issue = |more: &[&str]| -> Value {
        let words = [&["report", "issue", one.as_str(), "--data", "d", "--json"], more].concat();
        serde_json::from_str(&done(at, &words)).unwrap()
    };
    let public = issue(&["--kind", "public", "--request-id", "a", "--use", "招标", "--out", "public.json"]);
    assert_eq!(issue(&["--kind", "public", "--request-id", "a", "--use", "招标"]), public, "sent again");
    let kept: Value = serde_json::from_slice(&std::fs::read(at.join("public.json")).unwrap()).unwrap();
    assert_eq!(kept, public);
    assert_eq!((public["sections"].as_array().unwrap().len(), &public["use"]), (9, &Value::from("招标")));
    let (number, code) = (public["number"].as_str().unwrap(), public["verification_code"].as_str().unwrap());
    let shown: Value =
        serde_json::from_str(&done(at, &["report", "show", number, "--json", "--data", "d"])).unwrap();
    assert_eq!(shown, public);
    let told = done(at, &["report", "verify", number, &code.to_lowercase(), "--data", "d"]);
    assert!(told.starts_with(&format!("valid: public report on {one}")), "{told}");
    refused(
        at,
        &["report", "verify", number, "0000", "--data", "d"],
        2,
        "no report has this number and this code",
    );
    let evaluation = issue(&["--kind", "evaluation", "--field", "food-production"]);
    assert_eq!(evaluation["tiers"][0]["field"], "food-production");
    assert!(evaluation["sections"].as_array().unwrap().is_empty());
    let special =
        issue(&["--kind", "special", "--from", "2025-01-01", "--as-of", "2026-06-30", "--field", "tax"]);
    assert_eq!((&special["fields"][0], &special["field_titles"][0]), (&"tax".into(), &"税务".into()));
    let said = "expected a day no earlier than";
    let long = ["report", "issue", &one, "--kind", "special", "--from", "2001-01-01", "--data", "d"];
    refused(at, &long, 2, said);
    refused(at, &["report", "issue", &one, "--kind", "private", "--data", "d"], 2, "expected `public`");
    refused(
        at,
        &["report", "show", "HX20200101-0000000001", "--data", "d"],
        2,
        "no report `HX20200101-0000000001`",
    );
    // Nothing is issued that could not be given.
    let taken = ["report", "issue", &one, "--kind", "public", "--out", "public.json", "--data", "d"];
    refused(at, &taken, 2, "expected a free path");
    refused(
        at,
        &["report", "issue", &one, "--kind", "public", "--out", "a.doc", "--data", "d"],
        2,
        "ends in .pdf",
    );
    let last = issue(&["--kind", "public"]);
    assert!(last["number"].as_str().unwrap().ends_with("-0000000004"), "{last}");
    std::fs::write(at.join("key"), done(at, &["log", "key", "--data", "d"])).unwrap();
    done(at, &["verify", "--data", "d", "--key", "key"]);
    // One byte of a report changed past the program.
    let ledger = rusqlite::Connection::open(at.join("d/ledger.sqlite")).unwrap();
    ledger
        .execute_batch(
            "DROP TRIGGER reports_is_never_changed;
             UPDATE reports SET body = CAST(body || x'00' AS BLOB) WHERE id = 2",
        )
        .unwrap();
    refused(
        at,
        &["verify", "--data", "d", "--key", "key"],
        1,
        "row 2 of `reports` no longer says what was logged",
    );
    let second = evaluation["number"].as_str().unwrap();
    refused(at, &["report", "show", second, "--data", "d"], 1, "is not what was issued");
}

#[cfg(unix)]
#[test]
fn a_document_comes_from_the_typesetter_and_its_complaint_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let one = district(at);
    let program = |name: &str, script: &str| {
        std::fs::write(at.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(at.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("sets", "printf '%s' '%PDF-'; /bin/cat");
    program("refuses", "echo 'display_name: found `x`' >&2; exit 2");
    let issue = ["report", "issue", &one, "--kind", "public", "--request-id", "a", "--data", "d"];
    let with = |more: &[&'static str]| [&issue[..], more].concat();
    done(at, &with(&["--out", "a.bin"]));
    done(at, &with(&["--out", "a.pdf", "--typesetter", "./sets"]));
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert_eq!(read("a.pdf"), [b"%PDF-", read("a.bin").as_slice()].concat());
    refused(
        at,
        &with(&["--out", "b.pdf", "--typesetter", "./refuses"]),
        2,
        "cannot be set: display_name: found `x`",
    );
    refused(at, &with(&["--out", "b.pdf", "--typesetter", "./none"]), 2, "found no file `./none`");
    let (code, ..) = hengxin(at, &with(&["--out", "b.pdf"]));
    assert_eq!(code, Some(2), "no typesetter lies beside the program in tests");
}
