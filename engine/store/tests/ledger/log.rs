//! The log of a healthy ledger: entries, heads, proofs and keys.

use std::sync::Arc;

use hengxin_log::{ProofFile, Shown, TreeHead};
use hengxin_store::{Archive, Call, Decision, Error, Ledger, Log};

use crate::support::{
    Folder, Make, VOCABULARY, append, date, fresh, make, mark, options, penalty, region, subject,
};

pub(crate) fn call(n: u32) -> Call {
    Call {
        method: "/hengxin.v1.SupervisionService/GetTier".to_owned(),
        caller: format!("bank-{n}"),
        department: "joint laboratory".to_owned(),
        purpose: "credit-granting".to_owned(),
        basis: "consent".to_owned(),
        subjects: subject(n).to_string(),
        decision: Decision::Allowed,
        detail: String::new(),
    }
}

fn rows(n: u32) -> Vec<Make> {
    let registration =
        make("registration", subject(n)).with("since", "2020-01-01").with("name", format!("样本{n}号"));
    let fact = penalty(subject(n), "no 1", "2026-01-01").with("amount", n + 1).with("case", format!("案{n}"));
    let repair = mark("repair", subject(n), "r", ("administrative-penalty", "no 1"), "2026-02-01");
    let relation = make("relation", subject(n))
        .with("kind", "parent")
        .with("other", subject(0))
        .with("from", "2020-01-01");
    vec![registration, fact, repair, relation]
}

/// A ledger with something in every table, written by several commits.
pub(crate) fn full() -> (Folder, Ledger) {
    let (folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    for n in 0..6 {
        append(&mut recorder, &rows(n));
        recorder.audit(&call(n)).expect("recorded");
    }
    let twin = |since: &str, established: &str, name: &str| {
        let named = make("registration", subject(5)).with("since", since).with("name", name);
        named.with("established_on", established)
    };
    append(&mut recorder, &[twin("2020-01-01", "2020-01-01", "甲"), twin("2021-01-01", "2021-01-01", "乙")]);
    let aside = append(&mut recorder, &[mark("repair", subject(1), "x", ("repair", "none"), "2026-02-01")]);
    recorder.dismiss(aside.quarantine[0], "test").expect("recorded");
    let delivery = hengxin_core::fact::Delivery {
        register: VOCABULARY.register_id("penalties").expect("a register"),
        region: region(100_000),
        through: date("2026-01-01"),
    };
    recorder.deliver("test", &[delivery]).expect("recorded");
    for n in 1..4 {
        crate::results::record_one(&mut recorder, subject(n));
    }
    crate::runs::one_of_everything(&ledger);
    crate::laboratory::one_of_everything(&ledger);
    drop(recorder);
    crate::reports::one(&ledger);
    crate::exports::one(&ledger);
    (folder, ledger)
}

pub(crate) fn archive(folder: &Folder) -> hengxin_store::Result<Archive> {
    Archive::open(folder.ledger())
}

pub(crate) fn head(log: Log<'_>) -> TreeHead {
    let note = log.head(None).expect("readable").expect("a head");
    TreeHead::open(&note, &log.key().expect("a key")).expect("signed")
}

#[test]
fn every_row_of_history_is_in_a_signed_tree() {
    let (folder, ledger) = full();
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let verified = snapshot.verify().expect("whole");
    let log = snapshot.log();
    assert_eq!(verified.log.newest, Some(head(log)));
    assert!(verified.log.entries > 40 && verified.log.heads > 10, "{verified:?}");
    let archive = archive(&folder).expect("opened without keys");
    assert_eq!(archive.verify(&log.key().expect("a key")).expect("whole"), verified);
    let entry =
        log.entry(log.position_of_evaluation(1).expect("readable").expect("there")).expect("readable");
    let text = entry.expect("there").text;
    assert!(text.starts_with(r#"{"table":"evaluations","row":{"id":1,"recorded_at":"#), "{text}");
    let first = log.entry(0).expect("readable").expect("there").text;
    assert!(
        first.contains(r#""table":"batches""#) && first.contains(r#""facts":{"rows":4,"sha256":""#),
        "{first}"
    );
}

#[test]
fn proofs_are_checked_with_the_public_key_alone() {
    let (_folder, ledger) = full();
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let key = snapshot.log().key().expect("a key");
    let size = head(snapshot.log()).size;
    let old = snapshot.log().head(Some(size / 2)).expect("readable").expect("a head");
    drop(snapshot);
    ledger.recorder().expect("a recorder").audit(&call(7)).expect("recorded");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    for position in 0..=size {
        let proof = snapshot.log().prove_inclusion(position).expect("a proof");
        assert!(
            matches!(proof.verify(&key), Ok(Shown::Included { position: found, .. }) if found == position)
        );
    }
    assert!(matches!(snapshot.log().prove_inclusion(size + 1), Err(Error::NoEntry { .. })));
    let proof = snapshot.log().prove_consistency(&old).expect("a proof");
    assert!(matches!(proof.verify(&key), Ok(Shown::Continued { later, .. }) if later.size == size + 1));
    let ProofFile::Consistency { earlier, hashes, .. } = proof else { panic!("the wrong kind") };
    let swapped = ProofFile::Consistency { later: earlier.clone(), earlier, hashes };
    assert!(matches!(swapped.verify(&key), Ok(Shown::Continued { .. })), "a tree begins with itself");
}

#[test]
fn without_its_signing_key_a_ledger_takes_no_writes_but_can_be_read() {
    let (folder, ledger) = full();
    drop(ledger);
    std::fs::remove_file(folder.ledger().signing_key()).expect("removed");
    let open = || Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), options());
    assert!(matches!(open(), Err(Error::KeyMissing { .. })));
    let reading = Ledger::open_read_only(folder.ledger(), Arc::clone(&VOCABULARY)).expect("readable");
    reading.snapshot(None).expect("a snapshot").verify().expect("whole");
    std::fs::write(folder.ledger().signing_key(), "secret").expect("written");
    let error = open().expect_err("no key").to_string();
    assert!(error.contains("expected `PRIVATE+KEY+NAME+ID+BASE64`") && !error.contains("secret"), "{error}");
}
