//! What an intruder does to the file, and whether the log notices.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use hengxin_log::{SigningKey, TreeHead};
use hengxin_store::{Error, Ledger};
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use crate::damage::file;
use crate::log::{archive, call, full, head};
use crate::support::{Folder, Random, VOCABULARY, options, setting};

/// A raw connection on which no trigger fires, as an intruder would make it who leaves none missing.
fn intruder(folder: &Folder) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(file(folder)).expect("a database");
    connection.pragma_update(None, "foreign_keys", false).expect("set");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("set");
    connection
}

/// What an intruder does once: a sentence that says it, or `None` when there was nothing to do it to.
fn alter(connection: &rusqlite::Connection, random: &mut Random) -> Option<String> {
    // Not history, and not answered from: answers to repeated requests, locks, loads on their way in, schedules.
    let others = "'requests', 'schedules', 'run_locks', 'loads', 'settings', 'study_states', 'run_states'";
    let tables: Vec<String> = connection
        .prepare(&format!(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ({others}) ORDER BY name"
        ))
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .expect("tables");
    let table = random.pick(&tables).clone();
    let (columns, keys): (Vec<String>, Vec<String>) = {
        let mut statement =
            connection.prepare(&format!("SELECT name, pk FROM pragma_table_info('{table}')")).unwrap();
        let all: Vec<(String, i64)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let keys = all.iter().filter(|(_, pk)| *pk > 0).map(|(name, _)| name.clone()).collect();
        (all.into_iter().map(|(name, _)| name).collect(), keys)
    };
    let order = keys.join(", ");
    let count: i64 =
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    let row = |random: &mut Random| -> Vec<Value> {
        let skip = random.below(usize::try_from(count).unwrap());
        let select =
            format!("SELECT {} FROM {table} ORDER BY {order} LIMIT 1 OFFSET {skip}", columns.join(", "));
        connection.query_row(&select, [], |row| (0..columns.len()).map(|i| row.get(i)).collect()).unwrap()
    };
    let at: Vec<usize> = keys.iter().map(|key| columns.iter().position(|c| c == key).unwrap()).collect();
    let place = |values: &[Value]| {
        let condition: Vec<String> =
            keys.iter().enumerate().map(|(n, key)| format!("{key} IS ?{}", n + 1)).collect();
        (condition.join(" AND "), at.iter().map(|i| values[*i].clone()).collect::<Vec<_>>())
    };
    let victim = row(random);
    let (condition, found) = place(&victim);
    let run = |statement: String, parameters: Vec<Value>| {
        connection
            .execute(&statement, rusqlite::params_from_iter(parameters))
            .ok()
            .filter(|changed| *changed > 0)
    };
    match random.below(5) {
        0 => {
            run(format!("DELETE FROM {table} WHERE {condition}"), found.clone())?;
            Some(format!("row {found:?} of {table} removed"))
        }
        1 => {
            // A copy under a number of its own.
            let mut copy = victim.clone();
            let last = *at.last()?;
            copy[last] = match &copy[last] {
                Value::Integer(n) => Value::Integer(n + 1_000_000),
                Value::Text(text) => Value::Text(format!("{text}x")),
                _ => return None,
            };
            let marks: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
            run(format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), marks.join(", ")), copy)?;
            Some(format!("a copy of row {found:?} of {table} added"))
        }
        2 => {
            let column = random.below(columns.len());
            let other = row(random);
            if at.contains(&column) || other[column] == victim[column] {
                return None;
            }
            let (there, found_there) = place(&other);
            let name = &columns[column];
            let next = keys.len() + 1;
            let mut parameters = found.clone();
            parameters.push(other[column].clone());
            run(format!("UPDATE {table} SET {name} = ?{next} WHERE {condition}"), parameters)?;
            let mut parameters = found_there;
            parameters.push(victim[column].clone());
            run(format!("UPDATE {table} SET {name} = ?{next} WHERE {there}"), parameters)?;
            Some(format!("{name} of two rows of {table} exchanged"))
        }
        _ => {
            let column = random.below(columns.len());
            let changed = match &victim[column] {
                Value::Null => Value::Integer(1),
                Value::Integer(n) => Value::Integer(n ^ (1 << random.below(16))),
                Value::Real(x) => Value::Real(x + 1.0),
                Value::Text(text) if text.is_empty() => Value::Text("x".to_owned()),
                Value::Text(text) => {
                    let n = random.below(text.chars().count());
                    Value::Text(
                        text.chars()
                            .enumerate()
                            .map(|(i, c)| if i == n { next_char(c) } else { c })
                            .collect(),
                    )
                }
                Value::Blob(bytes) => {
                    let mut bytes = bytes.clone();
                    let n = random.below(bytes.len());
                    *bytes.get_mut(n)? ^= 1 << random.below(8);
                    Value::Blob(bytes)
                }
            };
            let mut parameters = found.clone();
            parameters.push(changed);
            let name = &columns[column];
            run(format!("UPDATE {table} SET {name} = ?{} WHERE {condition}", keys.len() + 1), parameters)?;
            Some(format!("{name} of row {found:?} of {table} changed"))
        }
    }
}

fn next_char(c: char) -> char {
    char::from_u32(u32::from(c) ^ 1).unwrap_or('x')
}

/// R8. `HENGXIN_ALTERATIONS` sets how many, `HENGXIN_SEED` which.
#[test]
fn no_change_of_history_goes_unseen() {
    let (folder, ledger) = full();
    let key = ledger.snapshot(None).expect("a snapshot").log().key().expect("a key");
    drop(ledger);
    intruder(&folder)
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
        .expect("one file");
    let whole = std::fs::read(file(&folder)).expect("readable");
    let verify = || archive(&folder).and_then(|archive| archive.verify(&key));
    verify().expect("whole before anything is changed");
    let (seed, wanted) = (setting("HENGXIN_SEED", 8), setting("HENGXIN_ALTERATIONS", 300));
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut done, mut named) = (0, 0);
    while done < wanted {
        std::fs::write(file(&folder), &whole).expect("put back");
        let connection = intruder(&folder);
        let Some(what) = alter(&connection, &mut random) else { continue };
        drop(connection);
        let error = verify().expect_err(&format!("seed {seed}, change {done}: unseen: {what}"));
        named += u64::from(matches!(error, Error::Altered { entry: Some(_), .. }));
        done += 1;
    }
    // The others are named by table and row, or by the structure of the file they break.
    assert!(named * 4 > done, "only {named} of {done} name an entry of the log");
    std::fs::write(file(&folder), &whole).expect("put back");
    verify().expect("no false alarm at the end");
}

/// Puts everything the log holds after the first `size` entries aside, as one would who rewrites its end.
/// A node goes whose last leaf goes: it lies as far to its right as the lowest bit of the number after its own says.
fn truncate(connection: &rusqlite::Connection, size: u64) {
    let batch = format!(
        "DELETE FROM audit WHERE id IN (SELECT source_row FROM log_entries WHERE source = 'audit' AND position >= {size});
         DELETE FROM log_nodes WHERE id + ((id + 1) & -(id + 1)) > 2 * {size} - 1;
         DELETE FROM log_entries WHERE position >= {size};
         DELETE FROM log_heads WHERE size > {size};
         UPDATE log_marks SET last = (SELECT max(id) FROM audit) WHERE source = 'audit';"
    );
    connection.execute_batch(&batch).expect("removed");
}

#[test]
fn a_log_cut_back_is_whole_in_itself_and_contradicts_every_head_seen_since() {
    let (folder, ledger) = full();
    let size = head(ledger.snapshot(None).expect("a snapshot").log()).size;
    // The machine keeps a head at most once a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ledger.recorder().expect("a recorder").audit(&call(8)).expect("recorded");
    let seen =
        ledger.snapshot(None).expect("a snapshot").log().head(None).expect("readable").expect("a head");
    drop(ledger);
    truncate(&intruder(&folder), size);
    let archive = archive(&folder).expect("opened");
    let key = archive.log().key().expect("a key");
    let (kept, away) = (folder.ledger().head(), folder.path().join("away"));
    assert!(matches!(archive.verify(&key), Err(Error::Backwards { .. })), "the machine has seen more");
    std::fs::rename(&kept, &away).expect("moved");
    assert_eq!(archive.verify(&key).expect("whole in itself").log.entries, size);
    std::fs::rename(&away, &kept).expect("put back");
    let error = archive.log().prove_consistency(&seen).expect_err("backwards").to_string();
    assert!(error.contains(&format!("found {size} entries, expected at least the {}", size + 1)), "{error}");
    // The machine that wrote it refuses to go on from there.
    let error =
        Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect_err("backwards");
    assert!(
        matches!(&error, Error::Backwards { seen, found, .. } if (*seen, *found) == (size + 1, size)),
        "{error}"
    );
}

#[test]
fn whoever_signs_with_another_key_is_found_out_by_who_has_the_right_one() {
    let (folder, ledger) = full();
    let key = ledger.snapshot(None).expect("a snapshot").log().key().expect("a key");
    drop(ledger);
    let forger = SigningKey::generate(key.name()).expect("a key");
    let connection = intruder(&folder);
    let notes: Vec<(i64, String)> = connection
        .prepare("SELECT size, head FROM log_heads")
        .and_then(|mut s| s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("heads");
    for (size, note) in notes {
        let forged = TreeHead::open(&note, &key).expect("signed").sign(&forger);
        connection
            .execute("UPDATE log_heads SET head = ?2 WHERE size = ?1", (size, forged))
            .expect("changed");
    }
    connection
        .execute("UPDATE settings SET value = ?1 WHERE name = 'log-key'", [forger.public().to_string()])
        .expect("changed");
    drop(connection);
    let archive = archive(&folder).expect("opened");
    let error = archive.verify(forger.public()).expect_err("the machine has a head of ours").to_string();
    assert!(error.contains("not signed by"), "{error}");
    std::fs::remove_file(folder.ledger().head()).expect("removed");
    archive.verify(forger.public()).expect("whole, says the forger");
    let error = archive.verify(&key).expect_err("not our key").to_string();
    assert!(error.contains("it is another ledger, or its key was exchanged"), "{error}");
    let error =
        Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect_err("another key");
    assert!(matches!(error, Error::KeyWrong { .. }), "{error}");
}

#[test]
fn a_ledger_from_before_the_log_gets_one_over_all_it_holds() {
    let (folder, ledger) = full();
    let size = head(ledger.snapshot(None).expect("a snapshot").log()).size;
    drop(ledger);
    let connection = intruder(&folder);
    connection
        .execute_batch(
            "DROP TABLE log_heads; DROP TABLE log_nodes; DROP TABLE log_entries; DROP TABLE log_marks;
             DROP TABLE row_digests; DROP TABLE audit; DROP TABLE reports; DROP TABLE export_ends; DROP TABLE exports; DELETE FROM settings WHERE name = 'log-key'; PRAGMA user_version = 3;",
        )
        .expect("put back to the third schema");
    drop(connection);
    std::fs::remove_file(folder.path().join("ledger.db.head")).expect("removed");
    assert!(matches!(archive(&folder), Err(Error::Older { found: 3, .. })));
    let ledger =
        Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect("brought up to date");
    let verified = ledger.snapshot(None).expect("a snapshot").verify().expect("whole");
    // All but the six calls of the audit trail, which is gone, the report, and the export with its end.
    assert_eq!((verified.log.entries, verified.log.heads), (size - 9, 1));
}

#[test]
fn a_ledger_of_the_schema_before_exports_goes_on_with_its_log() {
    let (folder, ledger) = crate::support::fresh();
    ledger.recorder().expect("a recorder").audit(&call(1)).expect("recorded");
    let before = head(ledger.snapshot(None).expect("a snapshot").log());
    drop(ledger);
    intruder(&folder)
        .execute_batch("DROP TABLE export_ends; DROP TABLE exports; PRAGMA user_version = 5;")
        .expect("put back to the fifth schema");
    assert!(matches!(archive(&folder), Err(Error::Older { found: 5, known: 6, .. })));
    let ledger =
        Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect("brought up to date");
    crate::exports::one(&ledger);
    let verified = ledger.snapshot(None).expect("a snapshot").verify().expect("whole");
    assert_eq!(verified.log.entries, before.size + 2);
}
