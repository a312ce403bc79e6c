//! An acknowledged write survives the death of the process, and a batch is there whole or not at all.
//!
//! `HENGXIN_KILLS` sets the number of cycles (default 100), `HENGXIN_SEED` the seed.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hengxin_store::{Ledger, Options};

use crate::engine;
use crate::support::{Folder, Make, Random, VOCABULARY, append, penalty, setting, subject};

const PATH: &str = "HENGXIN_KILL_PATH";
const FIRST: &str = "HENGXIN_KILL_FIRST";

/// Rows of one batch: enough that a torn one would show.
const ROWS: u32 = 7;

/// Kills that one ledger lives through. What is written is read again after each, so a ledger must not grow with the run.
const LIVES: u64 = 100;

fn rows(n: u64) -> Vec<Make> {
    (0..ROWS).map(|row| penalty(subject(row), &format!("no {n}"), "2026-01-01").with("amount", n)).collect()
}

/// The child: writes batches and says so after each, until it is killed. Does nothing in an ordinary test run.
#[test]
fn the_process_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let ledger = Ledger::open_with(engine::told(&path), Arc::clone(&VOCABULARY), Options::default())
        .expect("a ledger");
    let mut recorder = ledger.recorder().expect("a recorder");
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nready").and_then(|()| out.flush()).expect("a parent");
    for n in setting(FIRST, 0).. {
        append(&mut recorder, &rows(n));
        writeln!(out, "ack {n}").and_then(|()| out.flush()).expect("a parent");
    }
}

#[test]
fn no_acknowledged_write_is_lost_and_none_is_half_applied() {
    let (seed, cycles) = (setting("HENGXIN_SEED", 1), setting("HENGXIN_KILLS", 100));
    let mut random = Random::new(seed);
    let empty = || {
        let folder = Folder::new();
        drop(Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), Options::default()).expect("a ledger"));
        folder
    };
    let (mut folder, mut first) = (empty(), 0);
    let (mut acknowledged, mut batches) = (0, 0);
    for cycle in 0..cycles {
        if cycle > 0 && cycle % LIVES == 0 {
            batches += first;
            (folder, first) = (empty(), 0);
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["kill::the_process_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(PATH, engine::tell(&folder.ledger()))
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert!(
            lines.any(|line| line.is_ok_and(|line| line == "ready")),
            "seed {seed}, cycle {cycle}: the child did not start"
        );
        let delay = 10 + u64::try_from(random.below(71)).expect("small");
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().expect("killed");
        child.wait().expect("gone");
        let last_ack = lines.filter_map(|line| line.ok()?.strip_prefix("ack ")?.parse::<u64>().ok()).last();
        let ledger = Ledger::open(folder.ledger(), Arc::clone(&VOCABULARY)).expect("it opens again");
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        let counts: Vec<usize> = (0..ROWS)
            .map(|row| {
                snapshot.credit_file(subject(row)).expect("readable").map_or(0, |file| file.columns.id.len())
            })
            .collect();
        let written = u64::try_from(counts[0]).expect("small");
        assert!(
            counts.iter().all(|n| *n == counts[0]),
            "seed {seed}, cycle {cycle}: half a batch, {counts:?}"
        );
        if let Some(ack) = last_ack {
            assert!(
                written > ack,
                "seed {seed}, cycle {cycle}: {ack} was acknowledged, only {written} are there"
            );
            acknowledged += ack + 1 - first;
        }
        // At most the one batch that was under way was written without being acknowledged.
        assert!(
            written <= last_ack.map_or(first, |ack| ack + 1) + 1,
            "seed {seed}, cycle {cycle}: {written}"
        );
        first = written;
        if cycle % 20 == 0 {
            snapshot.verify().expect("whole");
        }
    }
    assert!(acknowledged > 0, "nothing was ever acknowledged: the delays are too short for this machine");
    println!("seed {seed}: {cycles} kills, {acknowledged} acknowledged batches, {} written", batches + first);
}
