//! Keys and vocabularies that fit the ledger, or do not.

use std::sync::Arc;

use hengxin_store::{Error, Ledger, Options};

use crate::support::{Folder, VOCABULARY, append, fresh, penalty, subject, vocabulary};

fn open(folder: &Folder) -> hengxin_store::Result<Ledger> {
    Ledger::open(folder.ledger(), Arc::clone(&VOCABULARY))
}

#[test]
fn a_ledger_is_made_once_and_opened_only_where_one_is() {
    let folder = Folder::new();
    assert!(matches!(open(&folder), Err(Error::Missing { .. })));
    let make = || Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), Options::default());
    drop(make().expect("a ledger"));
    assert!(matches!(make(), Err(Error::Exists { .. })));
    open(&folder).expect("it opens");
}

#[test]
fn the_key_must_be_the_one_the_ledger_was_made_with() {
    let (folder, ledger) = fresh();
    let digest = ledger.protector().digest("11010519491231002X");
    drop(ledger);
    assert_eq!(open(&folder).expect("a ledger").protector().digest("11010519491231002X"), digest);
    let key = folder.ledger().key();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
    }
    let good = std::fs::read_to_string(&key).expect("readable");
    std::fs::write(&key, "5f".repeat(32)).expect("written");
    assert!(open(&folder).expect_err("another key").to_string().ends_with("it is the key of another ledger"));
    std::fs::write(&key, "secret").expect("written");
    assert!(matches!(open(&folder), Err(Error::KeyWrong { .. })));
    std::fs::remove_file(&key).expect("removed");
    assert!(matches!(open(&folder), Err(Error::KeyMissing { .. })));
    std::fs::write(&key, good).expect("written");
    open(&folder).expect("a ledger");
}

#[test]
fn a_vocabulary_may_grow_and_be_reordered_but_not_lose_what_is_recorded() {
    let (folder, ledger) = fresh();
    let fact = penalty(subject(1), "no 1", "2026-01-01")
        .with("severity", "general")
        .with("kinds", "warning;closure");
    append(&mut ledger.recorder().expect("a recorder"), &[fact]);
    drop(ledger);
    let text = include_str!("vocabulary.json");
    let grown = text.replace(
        r#"{"id": "minor", "title": "轻"}"#,
        r#"{"id": "none", "title": "无"}, {"id": "minor", "title": "轻"}"#,
    );
    let ledger = Ledger::open(folder.ledger(), vocabulary(&grown).expect("sound")).expect("a ledger");
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    assert_eq!(
        *file.classes.class(file.columns.class[0]).expect("a class").values,
        [3, 0b101],
        "by id, not by place"
    );
    let poorer = text.replace("\"general\"", "\"medium\"");
    let error =
        Ledger::open(folder.ledger(), vocabulary(&poorer).expect("sound")).expect_err("a value is gone");
    assert_eq!(
        error.to_string(),
        "the ledger holds value \"general\" of `administrative-penalty.severity`, which vocabulary edition `test.1` does not declare"
    );
}
