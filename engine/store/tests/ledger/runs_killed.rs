//! A process that dies while it holds the lock of a field: the lock comes free, and the load goes on where it was.
//!
//! `HENGXIN_RUN_KILLS` sets the number of cycles (default 12), `HENGXIN_SEED` the seed.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hengxin_store::{Ledger, LockWatch, Options, Place, RunState};

use crate::engine;
use crate::runs::{FIELD, order, published, request, row};
use crate::support::{Folder, Random, VOCABULARY, setting, subject};

const PATH: &str = "HENGXIN_RUN_KILL_PATH";
const START: &str = "HENGXIN_RUN_START_PATH";
const ROWS: u32 = 200_000;

fn child(test: &str, variable: &str, ledger: &Place) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(variable, engine::tell(ledger))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// The child: claims the run and loads its rows until it is killed. Does nothing in an ordinary test run.
#[test]
fn the_process_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let ledger = Ledger::open_with(engine::told(&path), Arc::clone(&VOCABULARY), Options::default())
        .expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    let claim = book.claim(&format!("pid {}", std::process::id())).expect("a book").expect("a run");
    let mut load = book.load(&claim, [9; 32]).expect("begun");
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nfrom {}", load.rows).and_then(|()| out.flush()).expect("a parent");
    let from = u32::try_from(load.rows).expect("few");
    // Never publishes: only death ends it.
    book.add(&mut load, &mut (from..ROWS).map(|n| row(n, Some(1)))).expect("added");
    loop {
        std::thread::sleep(Duration::from_millis(5));
        book.beat(&claim, 1, 1).expect("ours");
    }
}

#[test]
fn a_killed_load_is_resumed_and_nothing_of_it_shows_before_it_is_whole() {
    let (seed, cycles) = (setting("HENGXIN_SEED", 1), setting("HENGXIN_RUN_KILLS", 12));
    let mut random = Random::new(seed);
    let folder = Folder::new();
    let ledger =
        Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), Options::default()).expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    let (mut resumed, mut first) = (0, 0u64);
    for cycle in 0..cycles {
        // At most two deaths of one run: the third would be one too many.
        if cycle % 2 == 0 {
            book.start(&order("2026-06-30"), &request(&format!("run-{cycle}"))).expect("ordered");
            first = 0;
        }
        let mut child = child("runs_killed::the_process_that_is_killed", PATH, &folder.ledger());
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let from = lines.find_map(|line| line.ok()?.strip_prefix("from ")?.parse::<u64>().ok());
        let from = from.unwrap_or_else(|| panic!("seed {seed}, cycle {cycle}: the child did not start"));
        assert!(from >= first, "seed {seed}, cycle {cycle}: {from} rows after {first}");
        resumed += u64::from(from > 0);
        first = from;
        std::thread::sleep(Duration::from_millis(u64::try_from(random.below(400)).expect("small")));
        child.kill().expect("killed");
        child.wait().expect("gone");
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        let loaded = snapshot.loaded_run(FIELD).expect("readable");
        assert!(cycle > 1 || loaded.is_none(), "seed {seed}, cycle {cycle}: half a load shows");
        drop(snapshot);
        // The dead count no further.
        let (mut watch, begun) = (LockWatch::default(), Instant::now());
        let stale = loop {
            let locks = ledger.snapshot(None).expect("a snapshot").run_locks().expect("readable");
            let stale = watch.stale(locks, begun.elapsed(), Duration::from_millis(60));
            if let Some(lock) = stale.into_iter().next() {
                break lock;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "seed {seed}, cycle {cycle}: no lock went stale"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(book.take_over(&stale).expect("a book").expect("taken over").state, RunState::Queued);
        if cycle % 2 == 1 {
            let claim = book.claim("the test").expect("a book").expect("the run");
            let mut load = book.load(&claim, [9; 32]).expect("begun");
            let from = u32::try_from(load.rows).expect("few");
            book.add(&mut load, &mut (from..ROWS).map(|n| row(n, Some(1)))).expect("added");
            book.publish(load, &published(ROWS.into())).expect("published");
            let snapshot = ledger.snapshot(None).expect("a snapshot");
            let run = snapshot.loaded_run(FIELD).expect("readable").expect("loaded");
            assert_eq!((run.run, run.rows), (claim.run.id, ROWS.into()));
            for n in [0, 1, ROWS / 2, ROWS - 1] {
                assert!(snapshot.run_tier(&run, subject(n)).expect("readable").is_some(), "subject {n}");
            }
        }
    }
    println!("seed {seed}: {cycles} kills, {resumed} loads went on where they were");
}

/// The child: orders a run under its own request and says what came of it.
#[test]
fn the_process_that_starts() {
    let Ok(path) = std::env::var(START) else { return };
    let ledger = Ledger::open_with(engine::told(&path), Arc::clone(&VOCABULARY), Options::default())
        .expect("a ledger");
    let mut book = ledger.run_book().expect("a book");
    let said = match book.start(&order("2026-06-30"), &request(&format!("pid-{}", std::process::id()))) {
        Ok(started) => format!("started {}", started.run.id),
        Err(problem) => format!("refused {problem}"),
    };
    println!("\n{said}");
}

#[test]
fn of_two_processes_that_start_a_run_at_once_one_does() {
    let folder = Folder::new();
    drop(Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), Options::default()).expect("a ledger"));
    let children: Vec<Child> =
        (0..4).map(|_| child("runs_killed::the_process_that_starts", START, &folder.ledger())).collect();
    let mut said: Vec<String> = Vec::new();
    for child in children {
        let out = child.wait_with_output().expect("its output");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with("started") || line.starts_with("refused"));
        said.push(line.unwrap_or_else(|| panic!("the child said {text}")).to_owned());
    }
    said.sort();
    assert!(said[3].starts_with("started 1"), "{said:?}");
    assert!(said[..3].iter().all(|line| line.contains("run 1 of field `market` is queued")), "{said:?}");
}
