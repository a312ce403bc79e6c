//! Other processes, kills, full disks, and ledgers that are not what they should be.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::rig::{Rig, Said, command, penalty, table};

fn many(from: u32, to: u32) -> String {
    let rows: Vec<String> = (from..to).map(|n| penalty(&format!("n{n}"), "1", "2024-01-05")).collect();
    table(&rows)
}

#[test]
fn two_ingests_at_once_both_finish_and_nothing_is_there_twice() {
    let rig = Rig::new();
    let one = rig.file("one.csv", many(0, 3000).as_bytes());
    let two = rig.file("two.csv", many(1500, 4500).as_bytes());
    // No ledger yet: they also make it at once.
    let children = [&one, &two, &one, &two].map(|path| rig.start(&["ingest", path]));
    for child in children {
        let said: Said = child.wait_with_output().expect("finished").into();
        said.done();
    }
    let (facts, aside) = rig.ledger();
    let mut distinct = facts.clone();
    distinct.dedup();
    assert_eq!((facts.len(), distinct.len(), aside), (4500, 4500, 0));
}

#[test]
fn an_ingest_that_is_killed_leaves_all_or_nothing_and_can_be_run_again() {
    let whole = {
        let rig = Rig::new();
        let path = rig.file("rows.csv", many(0, 6000).as_bytes());
        rig.run(&["ingest", &path]).done();
        rig.ledger()
    };
    for delay in [1u64, 10, 30, 60, 120, 250, 500, 900] {
        let rig = Rig::new();
        let path = rig.file("rows.csv", many(0, 6000).as_bytes());
        let mut child = rig.start(&["ingest", &path]);
        std::thread::sleep(Duration::from_millis(delay));
        // It may have finished already: then there is nothing to kill.
        let _ = child.kill();
        child.wait().expect("gone");
        rig.run(&["ingest", &path]).done();
        assert!(rig.ledger() == whole, "killed after {delay} ms");
    }
}

/// A small disk of its own, which only root can have. Let go of when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mounted(rig: &Rig) -> Option<Disk> {
        let path = rig.folder.join("disk");
        std::fs::create_dir_all(&path).expect("a folder");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|m| m.status.success()).then(|| Disk(path))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=100m"]).arg(&self.0).status();
        assert!(grown.expect("mount").success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_keeps_what_was_there_and_the_work_goes_on_with_room() {
    let rig = Rig::new();
    let Some(disk) = Disk::mounted(&rig) else {
        println!("skipped: a disk that fills up needs root, to mount one");
        return;
    };
    let data = disk.0.join("data");
    let run = |path: &str| Said::from(command(&data, &["ingest", path]).output().expect("the binary"));
    run(&rig.file("small.csv", many(0, 5).as_bytes())).done();
    let large = rig.file("large.csv", many(0, 20_000).as_bytes());
    run(&large).failed(1, &["no space left for the ledger; nothing of this write was kept"]);
    disk.grow();
    assert!(run(&large).done().contains("19995 accepted, 5 duplicate"));
}

#[test]
fn a_ledger_begun_on_a_full_disk_comes_into_being_once_there_is_room() {
    let rig = Rig::new();
    let Some(disk) = Disk::mounted(&rig) else {
        println!("skipped: a disk that fills up needs root, to mount one");
        return;
    };
    let path = rig.file("small.csv", many(0, 5).as_bytes());
    // With every number of pages left over: wherever the beginning is cut off.
    for (n, pages) in (0..60).step_by(3).enumerate() {
        let filler = disk.0.join("filler");
        std::fs::write(&filler, vec![0; (1 << 20) - 4096 * pages]).ok();
        let data = disk.0.join(format!("data{n}"));
        let run = || Said::from(command(&data, &["ingest", &path]).output().expect("the binary"));
        let first = run();
        if first.code != Some(0) {
            assert_eq!(first.code, Some(1), "{pages} pages: {}", first.err);
        }
        std::fs::remove_file(&filler).expect("removed");
        assert!(run().done().contains("5 "), "{pages} pages");
        std::fs::remove_dir_all(&data).expect("removed");
    }
}

#[test]
fn a_ledger_that_is_damaged_or_newer_or_none_is_refused_and_left_alone() {
    #[track_caller]
    fn check(harm: impl Fn(&std::path::Path), parts: &[&str]) {
        let rig = Rig::filled();
        let ledger = rig.data().join("ledger.sqlite");
        // Everything into the one file, so that it is the one that is harmed.
        let connection = rusqlite::Connection::open(&ledger).expect("a ledger");
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written");
        drop(connection);
        harm(&ledger);
        let before = std::fs::read(&ledger).expect("readable");
        let path = rig.file("next.csv", many(0, 10).as_bytes());
        rig.run(&["ingest", &path]).failed(1, parts);
        assert!(std::fs::read(&ledger).expect("readable") == before, "the file was changed");
    }
    let pragma = |sql: &'static str| {
        move |path: &std::path::Path| {
            let connection = rusqlite::Connection::open(path).expect("a ledger");
            connection.execute_batch(sql).expect("set");
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written");
        }
    };
    check(pragma("PRAGMA user_version = 99"), &["schema version 99", "use a newer program"]);
    check(pragma("PRAGMA application_id = 7"), &["is not a ledger", "expected application id"]);
    check(|path| std::fs::write(path, "名称\n甲\n".repeat(500)).expect("written"), &["is not a ledger"]);
    let scribble = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).expect("readable");
        let len = bytes.len();
        bytes[4096..len].fill(0x5a);
        std::fs::write(path, bytes).expect("written");
    };
    check(scribble, &["damaged", "restore it from a backup"]);
}
