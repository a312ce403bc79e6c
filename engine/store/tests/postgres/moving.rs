//! A ledger moved from a file to a server and back: nothing is lost, nothing is added, nothing half done is left.

use std::path::Path;
use std::sync::Arc;

use hengxin_store::{Copied, Error, Ledger, Place, transfer};

use crate::cluster::Session;
use crate::engine::server;
use crate::support::{Folder, VOCABULARY, append, fresh, make, mark, options, penalty, region, subject};
use crate::{laboratory, results, runs};

/// A ledger with rows in every table, of models and studies that refer to each other too.
fn fill(ledger: &Ledger) {
    let mut recorder = ledger.recorder().expect("a recorder");
    let mut rows: Vec<_> =
        (0..600).map(|n| penalty(subject(n), "no 1", "2026-01-01").with("case", "'\\\" 案")).collect();
    let named = |since: &str, name: &str| {
        let named = make("registration", subject(1)).with("since", since).with("name", name);
        named.with("established_on", since)
    };
    rows.extend([named("2020-01-01", "甲"), named("2021-01-01", "乙")]);
    rows.push(
        make("relation", subject(1))
            .with("kind", "parent")
            .with("other", subject(2))
            .with("from", "2020-01-01"),
    );
    append(&mut recorder, &rows);
    recorder.audit(&crate::log::call(1)).expect("recorded");
    let aside = append(&mut recorder, &[mark("repair", subject(1), "x", ("repair", "none"), "2026-02-01")]);
    recorder.dismiss(aside.quarantine[0], "test").expect("recorded");
    let register = VOCABULARY.register_id("penalties").expect("a register");
    let through = crate::support::date("2026-01-01");
    let delivery = hengxin_core::fact::Delivery { register, region: region(100_000), through };
    recorder.deliver("test", &[delivery]).expect("recorded");
    results::record_one(&mut recorder, subject(1));
    runs::one_of_everything(ledger);
    laboratory::one_of_everything(ledger);
    crate::reports::one(ledger);
    crate::exports::one(ledger);
    let writer = hengxin_store::Writer::start(ledger).expect("a writer");
    writer.call(crate::writing::job(Some(crate::writing::key("a", 1)), 7, "no 2")).expect("written");
    writer.stop();
}

fn server_place(folder: &Path) -> Place {
    Place::parse(&server().database(), folder.join("other.key")).expect("an address")
}

fn open(place: &Place) -> Ledger {
    Ledger::open_with(place, Arc::clone(&VOCABULARY), options()).expect("a ledger")
}

/// Everything a reader can be told about a subject.
fn told(ledger: &Ledger, n: u32) -> String {
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let dossier = snapshot.dossier(subject(n), &[0], 2).expect("readable").expect("known");
    format!("{:?} {:?}", dossier.digest(), snapshot.facts(subject(n)).expect("readable"))
}

#[test]
fn a_ledger_moves_from_a_file_to_a_server_and_back_whole() {
    let folder = Folder::new();
    let file = Place::File(folder.path().join("old.db"));
    let ledger = Ledger::create(&file, Arc::clone(&VOCABULARY), options()).expect("a ledger");
    fill(&ledger);
    let on_server = server_place(folder.path());
    let there = transfer(&file, &on_server).expect("moved");
    let empty = ["run_locks", "loads"];
    for Copied { table, rows, .. } in &there {
        assert!(*rows > 0 || empty.contains(table), "{table} is empty, so nothing is shown");
    }
    let Place::File(path) = &file else { unreachable!("a file") };
    let raw = rusqlite::Connection::open(path).expect("a database");
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    let tables: i64 = raw.query_row(count, [], |row| row.get(0)).expect("a count");
    assert_eq!(i64::try_from(there.len()), Ok(tables), "no table is forgotten");
    assert_eq!(there.iter().find(|copied| copied.table == "facts").map(|copied| copied.rows), Some(604));
    let moved = open(&on_server);
    let head =
        |ledger: &Ledger| ledger.snapshot(None).expect("a snapshot").log().head(None).expect("readable");
    assert_eq!(head(&moved), head(&ledger), "the same tree head");
    moved.snapshot(None).expect("a snapshot").verify().expect("whole, log and all");
    assert_eq!(moved.protector().digest("1"), ledger.protector().digest("1"));
    for n in [1, 2, 7, 599] {
        assert_eq!(told(&moved, n), told(&ledger, n), "subject {n}");
    }
    moved.snapshot(None).and_then(|snapshot| snapshot.verify()).expect("whole");
    let back = Place::File(folder.path().join("new.db"));
    assert_eq!(transfer(&on_server, &back).expect("moved back"), there, "every table, by its digest");
    let returned = open(&back);
    returned.snapshot(None).and_then(|snapshot| snapshot.verify()).expect("whole");
    // Numbers go on where they were, in both.
    for ledger in [&moved, &returned] {
        append(&mut ledger.recorder().expect("a recorder"), &[penalty(subject(900), "no 1", "2026-01-01")]);
        ledger.snapshot(None).and_then(|snapshot| snapshot.verify()).expect("whole");
    }
    assert_eq!(told(&moved, 1), told(&returned, 1));
}

#[test]
fn a_place_that_is_taken_is_refused_and_left_alone() {
    let folder = Folder::new();
    let file = Place::File(folder.path().join("old.db"));
    fill(&Ledger::create(&file, Arc::clone(&VOCABULARY), options()).expect("a ledger"));
    let (other_folder, other) = fresh();
    append(&mut other.recorder().expect("a recorder"), &[penalty(subject(1), "no 1", "2026-01-01")]);
    assert!(matches!(transfer(&file, &other_folder.ledger()), Err(Error::Exists { .. })));
    // Where no ledger lies but the key of another does, that key stays.
    let keyed = Folder::new();
    std::fs::write(keyed.path().join("x.db.key"), "5f".repeat(32)).expect("written");
    let place = Place::File(keyed.path().join("x.db"));
    assert!(matches!(transfer(&file, &place), Err(Error::KeyWrong { .. })));
    assert!(!keyed.path().join("x.db").exists());
    let taken = server_place(folder.path());
    transfer(&file, &taken).expect("moved");
    for to in [&taken, &file] {
        assert!(matches!(transfer(&file, to), Err(Error::Exists { .. })), "{to}");
    }
    assert_eq!(other.snapshot(None).and_then(|snapshot| snapshot.counts()).expect("readable"), (1, 1));
    assert!(matches!(transfer(&Place::from("/nowhere/x.db"), &taken), Err(Error::Missing { .. })));
}

#[test]
fn a_move_that_fails_leaves_no_ledger_behind() {
    let folder = Folder::new();
    let file = Place::File(folder.path().join("old.db"));
    fill(&Ledger::create(&file, Arc::clone(&VOCABULARY), options()).expect("a ledger"));
    // A row that only a foreign hand could have made: the file takes it, a server does not.
    let Place::File(path) = &file else { unreachable!("a file") };
    let raw = rusqlite::Connection::open(path).expect("a database");
    raw.execute_batch(
        "INSERT INTO schedule_events (schedule, kind, at, body) VALUES ('x', 'paused', 1, 'a' || char(0))",
    )
    .expect("inserted");
    let to = server_place(folder.path());
    transfer(&file, &to).expect_err("not on a server");
    let session = Session::open(&to.to_string()).expect("a connection");
    assert_eq!(session.list("SELECT tablename FROM pg_tables WHERE schemaname = 'hengxin'"), [""; 0]);
    // And back: a server that lost a row to a foreign hand is noticed, and no file is left.
    raw.execute_batch(
        "DROP TRIGGER schedule_events_is_never_removed; DELETE FROM schedule_events WHERE schedule = 'x'",
    )
    .expect("removed");
    transfer(&file, &to).expect("moved");
    session
        .run("SET session_replication_role = replica; DELETE FROM subjects WHERE id = 3")
        .expect("removed");
    let back = folder.path().join("back.db");
    let failed = transfer(&to, &Place::from(&back)).expect_err("a fact without its subject");
    assert!(matches!(failed, Error::Engine(_)), "{failed:?}");
    assert!(!back.exists());
}
