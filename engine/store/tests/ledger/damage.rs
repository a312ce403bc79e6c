//! Files that are not what they should be, and disks that end.

use std::path::PathBuf;
use std::sync::Arc;

use hengxin_store::{Error, Fault, Ledger, Options, RunState};

use crate::runs::{FIELD, carry_out, order, request, row};
use crate::support::{
    Folder, Make, Random, VOCABULARY, append, batch, counts, fresh, make, mark, penalty, setting, subject,
};

fn open(folder: &Folder) -> hengxin_store::Result<Ledger> {
    Ledger::open(&file(folder), Arc::clone(&VOCABULARY))
}

pub(crate) fn file(folder: &Folder) -> PathBuf {
    folder.path().join("ledger.db")
}

/// A raw connection, as an intruder or another program would have it.
fn raw(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(file(folder)).expect("a database")
}

fn rows(n: u32) -> Vec<Make> {
    let each = |n: u32| {
        let registration =
            make("registration", subject(n)).with("since", "2020-01-01").with("name", format!("样本{n}号"));
        let fact = penalty(subject(n), "no 1", "2026-01-01").with("amount", n).with("case", format!("案{n}"));
        let repair = mark("repair", subject(n), "r", ("administrative-penalty", "no 1"), "2026-02-01");
        let relation = make("relation", subject(n))
            .with("kind", "parent")
            .with("other", subject(0))
            .with("from", "2020-01-01");
        [registration, fact, repair, relation]
    };
    (0..n).flat_map(each).collect()
}

#[test]
fn history_refuses_to_be_changed_or_removed() {
    let (folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &rows(2));
    let twin = |since: &str, established: &str, name: &str| {
        let named = make("registration", subject(5)).with("since", since).with("name", name);
        named.with("established_on", established)
    };
    append(&mut recorder, &[twin("2020-01-01", "2020-01-01", "甲"), twin("2021-01-01", "2021-01-01", "乙")]);
    let aside = append(&mut recorder, &[mark("repair", subject(1), "x", ("repair", "none"), "2026-02-01")]);
    recorder.dismiss(aside.quarantine[0], "test").expect("recorded");
    let penalties = VOCABULARY.register_id("penalties").expect("a register");
    let delivery = hengxin_core::fact::Delivery {
        register: penalties,
        region: crate::support::region(100_000),
        through: crate::support::date("2026-01-01"),
    };
    recorder.deliver("test", &[delivery]).expect("recorded");
    crate::results::record_one(&mut recorder, subject(1));
    recorder.audit(&crate::log::call(1)).expect("recorded");
    crate::runs::one_of_everything(&ledger);
    crate::laboratory::one_of_everything(&ledger);
    crate::reports::one(&ledger);
    crate::exports::one(&ledger);
    let intruder = raw(&folder);
    // Projections, locks, and rows on their way in or out.
    let others =
        "'requests', 'current_tiers', 'schedules', 'run_states', 'run_locks', 'run_policies', 'loads',
        'run_tiers', 'loaded_runs', 'study_states', 'log_marks'";
    let tables: Vec<String> = intruder
        .prepare(&format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ({others})"))
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .expect("tables");
    assert_eq!(tables.len(), 35);
    for table in tables {
        let count: i64 = intruder
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
            .expect("a count");
        assert!(count > 0, "{table} is empty, so nothing is shown");
        let column: String = intruder
            .query_row(
                &format!("SELECT name FROM pragma_table_info('{table}') LIMIT 1 OFFSET 1"),
                [],
                |row| row.get(0),
            )
            .expect("a column");
        for attempt in [format!("UPDATE {table} SET {column} = {column}"), format!("DELETE FROM {table}")] {
            let error = intruder.execute(&attempt, []).expect_err(&attempt).to_string();
            assert!(error.contains("history is never"), "{attempt}: {error}");
        }
    }
    // Replacing a row is a removal in disguise; connections of this crate have this setting.
    intruder.pragma_update(None, "recursive_triggers", true).expect("set");
    for table in ["facts", "evaluations", "tiers", "batches", "subjects", "classes", "settings"] {
        let attempt = format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1");
        let error = intruder.execute(&attempt, []).expect_err(&attempt).to_string();
        assert!(error.contains("history is never"), "{attempt}: {error}");
    }
}

#[test]
fn a_guard_of_history_that_was_removed_is_told_by_the_check() {
    let (folder, ledger) = fresh();
    append(&mut ledger.recorder().expect("a recorder"), &rows(2));
    let verify = || ledger.snapshot(None).expect("a snapshot").verify();
    verify().expect("whole");
    let intruder = raw(&folder);
    for (table, guard) in [("facts", "changed"), ("log_heads", "removed"), ("run_changes", "removed")] {
        let name = format!("{table}_is_never_{guard}");
        let text: String = intruder
            .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [&name], |row| row.get(0))
            .expect("a guard");
        // A guard of this name that guards nothing, or something else, is none.
        let (verb, other) = if guard == "changed" { ("UPDATE", "DELETE") } else { ("DELETE", "UPDATE") };
        let refuses = format!("BEGIN SELECT RAISE(ABORT, '{table}: history is never {guard}'); END");
        for instead in [
            String::new(),
            format!("CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT 1; END"),
            format!("CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN 0 {refuses}"),
            format!("CREATE TRIGGER {name} BEFORE {other} ON {table} {refuses}"),
            format!("CREATE TRIGGER {name} BEFORE INSERT ON {table} {refuses}"),
            format!("CREATE TRIGGER {name} BEFORE {verb} ON settings {refuses}"),
        ] {
            intruder.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}; {instead}")).expect("removed");
            let error = verify().expect_err(&instead);
            assert!(matches!(error, Error::Altered { entry: None, .. }), "{error:?}");
            let expected = format!("what keeps rows of `{table}` from being changed was removed or replaced");
            assert!(error.to_string().contains(&expected), "{error}");
        }
        // Blanks and ends of lines are no difference: earlier programs wrote others.
        for back in [text.replace(' ', "\n\t"), text] {
            intruder.execute_batch(&format!("DROP TRIGGER {name}; {back}")).expect("put back");
            verify().expect("whole again");
        }
    }
}

#[test]
fn a_newer_file_is_refused_with_both_versions() {
    let (folder, ledger) = fresh();
    drop(ledger);
    raw(&folder).pragma_update(None, "user_version", 99).expect("set");
    let error = open(&folder).expect_err("too new");
    assert!(matches!(error, Error::Newer { found: 99, known: 6, .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("has schema version 99, this program knows versions up to 6: use a newer program")
    );
    assert_eq!(error.fault(), Fault::Data);
}

#[test]
fn what_is_no_ledger_is_refused_and_left_alone() {
    let folder = Folder::new();
    assert!(matches!(open(&folder), Err(Error::Missing { .. })));
    let text = "证书编号,名称\n1,2\n".repeat(200);
    std::fs::write(file(&folder), &text).expect("written");
    assert!(matches!(open(&folder), Err(Error::Foreign { .. })), "{:?}", open(&folder));
    assert_eq!(std::fs::read_to_string(file(&folder)).expect("readable"), text);
    let error =
        Ledger::create(&file(&folder), Arc::clone(&VOCABULARY), Options::default()).expect_err("taken");
    assert!(matches!(error, Error::Exists { .. }));
    std::fs::remove_file(file(&folder)).expect("removed");
    raw(&folder).execute_batch("CREATE TABLE songs (title TEXT)").expect("made");
    let error = open(&folder).expect_err("another program's file");
    assert!(
        error
            .to_string()
            .contains("found a database with application id 0x0, expected application id 0x48584c47"),
        "{error}"
    );
    std::fs::remove_file(file(&folder)).expect("removed");
    std::fs::create_dir(file(&folder)).expect("made");
    assert!(matches!(open(&folder), Err(Error::Foreign { .. })));
}

#[test]
fn an_empty_file_left_by_a_cut_off_start_becomes_a_ledger() {
    let folder = Folder::new();
    std::fs::write(file(&folder), "").expect("written");
    let ledger = open(&folder).expect("a ledger");
    append(&mut ledger.recorder().expect("a recorder"), &rows(1));
}

/// Opens and reads everything. `Ok` holds what was read when the file was also found to be whole.
fn read_all(folder: &Folder) -> hengxin_store::Result<Vec<[u8; 32]>> {
    let ledger = open(folder)?;
    let snapshot = ledger.snapshot(None)?;
    let mut digests = Vec::new();
    for n in 0..40 {
        digests.extend(snapshot.credit_file(subject(n))?.map(|file| file.digest));
        snapshot.facts(subject(n))?;
    }
    snapshot.verify()?;
    Ok(digests)
}

#[test]
fn damage_is_found_and_never_believed() {
    let (folder, ledger) = fresh();
    append(&mut ledger.recorder().expect("a recorder"), &rows(40));
    drop(ledger);
    raw(&folder).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("checkpoint");
    let whole = std::fs::read(file(&folder)).expect("readable");
    let truth = read_all(&folder).expect("whole");
    let (seed, cycles) = (setting("HENGXIN_SEED", 8), setting("HENGXIN_DAMAGE", 150));
    let mut random = Random::new(seed);
    let mut found = 0;
    for cycle in 0..cycles {
        let mut bytes = whole.clone();
        match random.below(4) {
            0 => bytes.truncate(random.below(whole.len())),
            1 => {
                let (from, to) = (random.below(whole.len() / 4096), random.below(whole.len() / 4096));
                bytes.copy_within(from * 4096..from * 4096 + 4096, to * 4096);
            }
            _ => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        for rest in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(rest));
        }
        std::fs::write(file(&folder), &bytes).expect("written");
        match read_all(&folder) {
            Ok(read) => assert_eq!(read, truth, "seed {seed}, cycle {cycle}: a change went unseen"),
            Err(error) => {
                found += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    // Bytes no row or page uses may change unseen; most do not lie there.
    assert!(found * 3 > cycles, "seed {seed}: only {found} of {cycles} found");
}

#[test]
fn a_full_disk_refuses_the_write_and_keeps_what_was_there() {
    let folder = Folder::new();
    let options = Options { pages_max: Some(150), ..Options::default() };
    let ledger = Ledger::create(&file(&folder), Arc::clone(&VOCABULARY), options).expect("a ledger");
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &rows(20));
    let error = recorder.append(&batch(&rows(2000))).expect_err("too much");
    assert!(matches!(error, Error::Full), "{error:?}");
    assert_eq!(error.fault(), Fault::System);
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    assert_eq!(snapshot.counts().expect("readable"), (20, 80));
    snapshot.verify().expect("whole");
    drop(snapshot);
    // The recorder goes on with what fits.
    assert_eq!(
        counts(&append(
            &mut recorder,
            &[penalty(subject(1), "no 9", "2026-01-01").with("severity", "minor")]
        )),
        (1, 0, 0, 0)
    );
}

#[test]
fn a_full_disk_ends_a_load_and_nothing_else() {
    let folder = Folder::new();
    let options = Options { pages_max: Some(400), ..Options::default() };
    let ledger = Ledger::create(&file(&folder), Arc::clone(&VOCABULARY), options).expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    carry_out(&mut book, "a", "2026-05-31", &[(0, Some(1))]);
    book.start(&order("2026-06-30"), &request("b")).expect("ordered");
    let claim = book.claim("b").expect("a book").expect("a run");
    let mut load = book.load(&claim, [8; 32]).expect("begun");
    let full = book.add(&mut load, &mut (0..100_000).map(|n| row(n, Some(2))));
    assert!(matches!(full, Err(Error::Full)), "{full:?}");
    book.fail(&claim, "no space left").expect("ended");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    assert_eq!(snapshot.loaded_run(FIELD).expect("readable").expect("loaded").run, 1);
    assert_eq!(snapshot.run(2).expect("readable").expect("there").state, RunState::Failed);
}
