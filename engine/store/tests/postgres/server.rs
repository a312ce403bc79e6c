//! What only a server can do: undo, refuse, vanish, be shared, and be changed by somebody who owns it.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use hengxin_core::date::Moment;
use hengxin_store::{Error, Fault, Firing, Ledger, Place, Writer};

use crate::cluster::Session;
use crate::engine::server;
use crate::support::{Folder, VOCABULARY, append, batch, date, fresh, make, options, penalty, subject};
use crate::{laboratory, results, runs, writing};

fn open(place: &Place) -> hengxin_store::Result<Ledger> {
    Ledger::open_with(place, Arc::clone(&VOCABULARY), options())
}

/// A session of somebody else's in the database of a ledger.
fn intruder(ledger: &Ledger) -> Session {
    Session::open(&ledger.place().to_string()).expect("a connection")
}

fn facts(ledger: &Ledger) -> u64 {
    ledger.snapshot(None).and_then(|snapshot| snapshot.counts()).expect("readable").1
}

/// Makes the next `times` writes of a batch fail the way `failure` says. Sequences count on when a transaction is undone.
fn fail_next(intruder: &Session, times: u32, failure: &str) {
    intruder
        .run(&format!(
            "CREATE SEQUENCE failures;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('failures') <= {times} THEN {failure}; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER fail BEFORE INSERT ON batches FOR EACH ROW EXECUTE FUNCTION fail();"
        ))
        .expect("made");
}

#[test]
fn history_refuses_to_be_changed_or_removed() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    results::record_one(&mut recorder, subject(1));
    runs::one_of_everything(&ledger);
    laboratory::one_of_everything(&ledger);
    let intruder = intruder(&ledger);
    let others = "'mark', 'requests', 'current_tiers', 'schedules', 'run_states', 'run_locks', 'run_policies', 'loads',
        'run_tiers', 'loaded_runs', 'study_states', 'log_marks'";
    let tables = intruder.list(&format!(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'hengxin' AND tablename NOT IN ({others})"
    ));
    assert_eq!(tables.len(), 35, "{tables:?}");
    for table in tables {
        let column = intruder.one(&format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 2"
        ));
        let attempts = [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("TRUNCATE {table} CASCADE"),
            format!("DELETE FROM {table}"),
        ];
        for attempt in attempts {
            let told = intruder.run(&attempt).expect_err(&attempt);
            assert!(told.contains("history is never"), "{attempt}: {told}");
        }
    }
}

#[test]
fn what_is_no_ledger_or_a_newer_one_is_refused_and_left_alone() {
    let folder = Folder::new();
    let session = Session::open(&folder.ledger().to_string()).expect("a connection");
    session.run("CREATE TABLE public.songs (title TEXT)").expect("made");
    assert!(matches!(open(&folder.ledger()), Err(Error::Missing { .. })));
    session.run("CREATE SCHEMA hengxin; CREATE TABLE hengxin.songs (title TEXT)").expect("made");
    for refused in
        [open(&folder.ledger()), Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options())]
    {
        let told = refused.expect_err("another program's schema").to_string();
        assert!(told.contains("found a database with application id 0x0, expected"), "{told}");
    }
    assert_eq!(session.list("SELECT tablename FROM pg_tables WHERE schemaname = 'hengxin'"), ["songs"]);
    // What lies elsewhere in the database is nobody's business here.
    session.run("DROP SCHEMA hengxin CASCADE").expect("removed");
    drop(Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect("a ledger"));
    session.run("UPDATE mark SET version = 99").expect("set");
    let error = open(&folder.ledger()).expect_err("too new");
    assert!(matches!(error, Error::Newer { found: 99, known: 6, .. }), "{error:?}");
    session.run("UPDATE mark SET version = 1, application = 7").expect("set");
    assert!(matches!(open(&folder.ledger()), Err(Error::Foreign { .. })));
}

#[test]
fn a_transaction_the_server_undid_is_carried_out_again() {
    for failure in ["serialization_failure", "deadlock_detected"] {
        let (_folder, ledger) = fresh();
        let intruder = intruder(&ledger);
        fail_next(&intruder, 5, &format!("RAISE EXCEPTION 'not now' USING ERRCODE = '{failure}'"));
        let fact = |n: u32| penalty(subject(n), "no 1", "2026-01-01");
        append(&mut ledger.recorder().expect("a recorder"), &[fact(1)]);
        assert_eq!(intruder.one("SELECT last_value FROM failures"), "6", "{failure}");
        // A whole group of requests likewise; each is answered once.
        intruder.run("SELECT setval('failures', 1)").expect("set");
        let writer = Writer::start(&ledger).expect("a writer");
        let request = Some(writing::key("a", 1));
        let first = writer.call(writing::job(request.clone(), 2, "no 1")).expect("written");
        assert!(first.outcome.is_some());
        let again = writer.call(writing::job(request, 2, "no 1")).expect("answered");
        assert_eq!((again.bytes, again.outcome), (first.bytes, None));
        writer.stop();
        assert_eq!(facts(&ledger), 2);
        ledger.snapshot(None).and_then(|snapshot| snapshot.verify()).expect("whole, numbers without gaps");
    }
}

#[test]
fn a_transaction_undone_again_and_again_is_given_up_and_leaves_nothing() {
    let (_folder, ledger) = fresh();
    fail_next(&intruder(&ledger), 1000, "RAISE EXCEPTION 'never' USING ERRCODE = 'serialization_failure'");
    let mut recorder = ledger.recorder().expect("a recorder");
    let error = recorder.append(&batch(&[penalty(subject(1), "no 1", "2026-01-01")])).expect_err("never");
    assert!(matches!(error, Error::Undone { attempts: 8 }), "{error:?}");
    assert_eq!((error.fault(), facts(&ledger)), (Fault::System, 0));
    let writer = Writer::start(&ledger).expect("a writer");
    let error = writer.call(writing::job(None, 1, "no 1")).expect_err("never");
    assert!(matches!(error, Error::Undone { attempts: 8 }), "{error:?}");
}

#[test]
fn two_that_wait_for_each_other_do_not_wait_for_ever() {
    let (_folder, ledger) = fresh();
    let intruder = intruder(&ledger);
    intruder.run("BEGIN; LOCK TABLE facts IN EXCLUSIVE MODE").expect("locked");
    let writing = {
        let ledger = ledger.clone();
        std::thread::spawn(move || {
            let mut recorder = ledger.recorder().expect("a recorder");
            append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")])
        })
    };
    // It has its turn, and waits for the table; now the other one wants the turn.
    let begun = Instant::now();
    while intruder.one("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'facts'::regclass")
        == "0"
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits");
        std::thread::sleep(Duration::from_millis(5));
    }
    let turn = intruder.run("SELECT pg_advisory_xact_lock(x'48584C47'::bigint); COMMIT");
    if turn.is_err() {
        // The server chose this one to give way.
        intruder.run("ROLLBACK").expect("released");
    }
    writing.join().expect("written");
    assert_eq!(facts(&ledger), 1);
}

#[test]
fn a_full_disk_refuses_the_write_and_keeps_what_was_there() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    fail_next(&intruder(&ledger), 1, "RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'");
    let error = recorder.append(&batch(&[penalty(subject(2), "no 1", "2026-01-01")])).expect_err("full");
    assert!(matches!(error, Error::Full), "{error:?}");
    assert_eq!(facts(&ledger), 1);
    append(&mut recorder, &[penalty(subject(2), "no 1", "2026-01-01")]);
}

#[test]
fn a_connection_lost_in_the_middle_of_a_write_leaves_nothing_and_the_next_one_is_made_anew() {
    let (_folder, ledger) = fresh();
    let (mut recorder, intruder) = (ledger.recorder().expect("a recorder"), intruder(&ledger));
    fail_next(&intruder, 1, "PERFORM pg_terminate_backend(pg_backend_pid())");
    let error = recorder.append(&batch(&[penalty(subject(1), "no 1", "2026-01-01")])).expect_err("lost");
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!((error.fault(), facts(&ledger)), (Fault::System, 0));
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    // Connections lost while nobody uses them are not noticed at all, by writers or by readers.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for n in 2..5 {
        intruder.run(others).expect("ended");
        assert_eq!(facts(&ledger), u64::from(n) - 1);
        append(&mut recorder, &[penalty(subject(n), "no 1", "2026-01-01")]);
    }
    ledger.snapshot(None).and_then(|snapshot| snapshot.verify()).expect("whole");
}

#[test]
fn a_commit_that_was_cut_off_is_told_as_one_of_unknown_outcome() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    intruder(&ledger)
        .run(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON batches DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION fail();",
        )
        .expect("made");
    let error = recorder.append(&batch(&[penalty(subject(1), "no 1", "2026-01-01")])).expect_err("lost");
    assert!(error.to_string().ends_with("and may or may not have been"), "{error}");
    assert_eq!(facts(&ledger), 0);
}

#[test]
fn a_text_the_server_cannot_keep_is_told_and_the_next_write_goes_on() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let named = make("registration", subject(2)).with("since", "2020-01-01").with("name", "a\0b");
    let error = recorder.append(&batch(&[named])).expect_err("not to be kept");
    assert!(matches!(error, Error::Nul), "{error:?}");
    assert_eq!((error.fault(), facts(&ledger)), (Fault::Caller, 0));
    append(&mut recorder, &[penalty(subject(3), "no 1", "2026-01-01")]);
}

#[test]
fn a_server_that_is_not_there_is_told_without_the_password() {
    let folder = Folder::new();
    let port = server().port();
    for address in [
        format!("postgres://a:hidden@127.0.0.1:{}/none", port ^ 1),
        format!("postgres://a:hidden@127.0.0.1:{port}/none"),
    ] {
        let place = Place::parse(&address, folder.path().join("key")).expect("an address");
        let error = open(&place).expect_err("nobody there");
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::System);
        let told = format!("{error} {error:?} {place} {place:?}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn the_ledger_may_be_used_where_async_tasks_are_carried_out() {
    let (_folder, ledger) = fresh();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async move {
        append(&mut ledger.recorder().expect("a recorder"), &[penalty(subject(1), "no 1", "2026-01-01")]);
        assert_eq!(facts(&ledger), 1);
        drop(ledger);
    });
}

#[test]
fn a_certificate_is_verified_before_anything_is_said() {
    let Some(authority) = server().authority() else {
        crate::cluster::left_out("the test of TLS", "`openssl`, which makes certificates, is missing");
        return;
    };
    let folder = Folder::new();
    let local = folder.ledger().to_string();
    let parse = |address: &str, root: &std::path::Path| {
        let address = format!("{address}?sslmode=verify-full&sslrootcert={}", root.display());
        Place::parse(&address, folder.ledger().key()).expect("an address")
    };
    let encrypted = parse(&local.replace("127.0.0.1", "localhost"), &authority);
    let ledger = Ledger::create(&encrypted, Arc::clone(&VOCABULARY), options()).expect("a ledger");
    append(&mut ledger.recorder().expect("a recorder"), &[penalty(subject(1), "no 1", "2026-01-01")]);
    let session = Session::open(&local).expect("a connection");
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE datname = current_database() AND application_name = 'hengxin' AND NOT ssl";
    assert_eq!(session.one(plain), "0");
    // Another name than the certificate's, and an authority that did not make it.
    let strange = folder.path().join("strange.pem");
    std::fs::write(&strange, certificate_of_nobody()).expect("written");
    for wrong in [parse(&local, &authority), parse(&local.replace("127.0.0.1", "localhost"), &strange)] {
        let error = open(&wrong).expect_err("not to be trusted");
        assert!(
            matches!(&error, Error::Unreachable { detail } if detail.contains("certificate")),
            "{error:?}"
        );
    }
}

/// A certificate of nobody in particular, made with the server's own tool.
fn certificate_of_nobody() -> Vec<u8> {
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "/dev/null"])
        .output()
        .expect("a certificate");
    made.stdout
}

#[test]
fn texts_are_compared_byte_by_byte_whatever_the_language_of_the_database() {
    let folder = Folder::new();
    let session = Session::open(&folder.ledger().to_string()).expect("a connection");
    let made =
        session.run("CREATE DATABASE german TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'");
    if let Err(why) = made {
        crate::cluster::left_out("the test in another language", &why);
        return;
    }
    let place = Place::parse(&server().address("german"), folder.path().join("key")).expect("an address");
    let ledger = Ledger::create(&place, Arc::clone(&VOCABULARY), options()).expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    for name in ["a", "B", "ä", "b"] {
        book.create_schedule(&hengxin_store::Schedule { name: name.to_owned(), ..runs::monthly() })
            .expect("made");
    }
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let listed = snapshot.schedules("", 10).expect("readable").into_iter().map(|found| found.schedule.name);
    assert_eq!(listed.collect::<Vec<_>>(), ["B", "a", "b", "ä"]);
}

#[test]
fn what_an_owner_changed_is_found() {
    let (_folder, ledger) = fresh();
    let rows: Vec<_> = (0..700).map(|n| penalty(subject(n), "no 1", "2026-01-01")).collect();
    append(&mut ledger.recorder().expect("a recorder"), &rows);
    let verify = || ledger.snapshot(None).and_then(|snapshot| snapshot.verify());
    assert_eq!(verify().expect("whole").facts, 700);
    let intruder = intruder(&ledger);
    let unguarded = |sql: &str| {
        intruder
            .run(&format!(
                "SET session_replication_role = replica; {sql}; SET session_replication_role = origin"
            ))
            .expect(sql);
        verify().expect_err(sql).to_string()
    };
    let told = unguarded("UPDATE facts SET occurred_on = occurred_on + 1 WHERE seq = 613");
    assert!(told.contains("fact 613 does not match its digest"), "{told}");
    unguarded(
        "UPDATE facts SET occurred_on = occurred_on - 1 WHERE seq = 613; DELETE FROM facts WHERE seq = 14",
    );
    let told = unguarded("SELECT 1");
    assert!(told.contains("fact 14 is gone, fact 15 follows"), "{told}");
    let told = unguarded("DELETE FROM subjects WHERE id = 600");
    assert!(told.contains("a row of `facts` refers to a row of `subjects` that is not there"), "{told}");
}

#[test]
fn servers_that_share_a_ledger_make_one_run_of_a_firing() {
    let (folder, ledger) = fresh();
    ledger.run_book().expect("a book").create_schedule(&runs::monthly()).expect("made");
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (place, start) = (folder.ledger(), Arc::clone(&start));
            std::thread::spawn(move || {
                let ledger = open(&place).expect("a ledger");
                let mut book = ledger.run_book().expect("a book");
                let mut made = 0;
                for n in 1..=20i64 {
                    let at = Moment(1_900_000_000_000_000 + n * 1_000_000);
                    start.wait();
                    let seen = ledger.snapshot(None).expect("a snapshot").schedules("", 1).expect("readable");
                    let firings = [Firing { at, as_of: date("2026-06-30") }];
                    made += book.fire(&seen[0], &firings, Moment(5), at).expect("fired").len();
                }
                made
            })
        })
        .collect();
    let made: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    // Two fields, twenty firings.
    assert_eq!(made, 40);
    assert_eq!(intruder(&ledger).one("SELECT count(*) FROM runs"), "40");
}

#[test]
fn one_server_leads_and_another_takes_over_when_it_is_gone() {
    let (folder, ledger) = fresh();
    let other = open(&folder.ledger()).expect("a ledger");
    let (mut first, mut second) = (ledger.lead().expect("a candidate"), other.lead().expect("another"));
    assert!(first.holds().expect("asked") && first.holds().expect("asked again"));
    assert!(!second.holds().expect("asked"));
    // The session of the one that leads dies; the other is first to ask.
    let intruder = intruder(&ledger);
    intruder
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_locks
             WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .expect("ended");
    let begun = Instant::now();
    while !second.holds().expect("asked") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody leads");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!first.holds().expect("connected anew"));
    drop(second);
    let begun = Instant::now();
    while !first.holds().expect("asked") {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody leads");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_ledger_opened_for_reading_needs_one_that_is_up_to_date() {
    let (folder, ledger) = fresh();
    intruder(&ledger).run("UPDATE mark SET version = 2").expect("set");
    let error = Ledger::open_read_only(folder.ledger(), Arc::clone(&VOCABULARY)).expect_err("too old");
    assert!(matches!(error, Error::Older { found: 2, known: 6, .. }), "{error:?}");
}

#[test]
fn a_guard_of_history_that_was_removed_emptied_or_switched_off_is_told_by_the_check() {
    const AUDIT: &str =
        "CREATE OR REPLACE TRIGGER audit_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
         FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept()";
    let (_folder, ledger) = fresh();
    let verify = || ledger.snapshot(None).expect("a snapshot").verify();
    verify().expect("whole");
    let intruder = intruder(&ledger);
    for (table, away, back) in [
        (
            "facts",
            "DROP TRIGGER facts_is_history ON facts",
            "CREATE TRIGGER facts_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON facts
             FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept()",
        ),
        (
            "log_heads",
            "ALTER TABLE log_heads DISABLE TRIGGER USER",
            "ALTER TABLE log_heads ENABLE TRIGGER USER",
        ),
        (
            "run_changes",
            "ALTER TABLE run_changes DISABLE TRIGGER run_changes_is_never_removed",
            "ALTER TABLE run_changes ENABLE TRIGGER USER",
        ),
        // What is there still, and guards nothing: emptied, called on a condition, for a column, at another event.
        (
            "settings",
            "CREATE OR REPLACE FUNCTION history_is_kept() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RETURN NULL; END $$",
            "CREATE OR REPLACE FUNCTION history_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION '%: history is never %', TG_TABLE_NAME,
                 CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END;
             END $$",
        ),
        (
            "run_changes",
            "CREATE OR REPLACE FUNCTION published_changes_are_kept() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RETURN OLD; END $$",
            "CREATE OR REPLACE FUNCTION published_changes_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT 1 FROM publications WHERE load = OLD.load) THEN
                 RAISE EXCEPTION 'run_changes: history is never removed';
             END IF;
             RETURN OLD;
             END $$",
        ),
        (
            "audit",
            "CREATE OR REPLACE TRIGGER audit_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
             FOR EACH STATEMENT WHEN (FALSE) EXECUTE FUNCTION history_is_kept()",
            AUDIT,
        ),
        (
            "audit",
            "CREATE OR REPLACE TRIGGER audit_is_history BEFORE UPDATE OF detail OR DELETE OR TRUNCATE ON audit
             FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept()",
            AUDIT,
        ),
        (
            "audit",
            "CREATE OR REPLACE TRIGGER audit_is_history BEFORE INSERT ON audit
             FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept()",
            AUDIT,
        ),
        (
            "audit",
            "CREATE FUNCTION history_is_let_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE OR REPLACE TRIGGER audit_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
             FOR EACH STATEMENT EXECUTE FUNCTION history_is_let_go()",
            AUDIT,
        ),
    ] {
        intruder.run(away).expect("removed");
        let error = verify().expect_err(away);
        assert!(matches!(error, Error::Altered { entry: None, .. }), "{error:?}");
        let expected = format!("what keeps rows of `{table}` from being changed was removed or replaced");
        assert!(error.to_string().contains(&expected), "{error}");
        intruder.run(back).expect("put back");
        verify().expect("whole again");
    }
}

#[test]
fn a_change_by_somebody_who_owns_the_database_is_named_by_the_log() {
    let (_folder, ledger) = crate::log::full();
    let verify = || ledger.snapshot(None).expect("a snapshot").verify();
    verify().expect("whole");
    let intruder = intruder(&ledger);
    for (change, undo, expected) in [
        (
            "UPDATE tiers SET tier = 1 WHERE id = 2",
            "UPDATE tiers SET tier = 2 WHERE id = 2",
            "row 2 of `tiers` no longer says what was logged",
        ),
        (
            "UPDATE audit SET subjects = subjects || ' x' WHERE id = 1",
            "UPDATE audit SET subjects = replace(subjects, ' x', '') WHERE id = 1",
            "row 1 of `audit` no longer says what was logged",
        ),
        (
            "UPDATE log_nodes SET hash = set_byte(hash, 3, get_byte(hash, 3) # 1) WHERE id = 1",
            "UPDATE log_nodes SET hash = set_byte(hash, 3, get_byte(hash, 3) # 1) WHERE id = 1",
            "node 1 of the tree was changed",
        ),
    ] {
        // The owner of a table can take its triggers away.
        let table = change.split(' ').nth(1).expect("a table");
        let off = |state: &str| {
            intruder.run(&format!("ALTER TABLE {table} {state} TRIGGER ALL")).expect("switched");
        };
        off("DISABLE");
        intruder.run(change).expect("changed");
        let told = verify().expect_err(change).to_string();
        assert!(told.contains(expected), "{told}");
        intruder.run(undo).expect("put back");
        off("ENABLE");
        verify().expect("whole again");
    }
}
