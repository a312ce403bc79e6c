//! `hengxin backup` and `hengxin restore`: the same head on an empty machine, or nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::rig::{Rig, Said, command, penalty, table};

impl Rig {
    fn backup(&self, name: &str, more: &[&str]) -> Said {
        let out = self.folder.join(name);
        let mut arguments = vec!["backup", "--out", out.to_str().expect("a name")];
        arguments.extend(more);
        self.run(&arguments)
    }

    fn restore(&self, from: &str, to: &str) -> Said {
        let backup = self.folder.join(from);
        let mut restore = command(&self.folder.join(to), &["restore", backup.to_str().expect("a name")]);
        restore.output().expect("the binary").into()
    }

    fn at(&self, data: &str, arguments: &[&str]) -> Said {
        command(&self.folder.join(data), arguments).output().expect("the binary").into()
    }

    /// What a command that made nothing has left.
    #[track_caller]
    fn nothing_at(&self, name: &str) {
        let left: Vec<PathBuf> = fs::read_dir(&self.folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains(name))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn manifest(backup: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(backup.join("manifest.json")).expect("a manifest"))
        .expect("JSON")
}

/// Changes the ledger of a backup, and the manifest so that it knows of no change.
fn forge(backup: &Path, change: &str) {
    let ledger = backup.join("ledger.sqlite");
    rusqlite::Connection::open(&ledger).expect("a ledger").execute_batch(change).expect("a change");
    let bytes = fs::read(&ledger).expect("bytes");
    let mut manifest = manifest(backup);
    let file = &mut manifest["files"][0];
    assert_eq!(file["name"], "ledger.sqlite");
    file["bytes"] = bytes.len().into();
    file["sha256"] =
        Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    fs::write(backup.join("manifest.json"), manifest.to_string()).expect("written");
}

#[test]
fn a_backup_taken_while_others_write_is_restored_to_the_head_it_was_taken_at() {
    let rig = Rig::filled();
    let mut service = rig.start(&["serve", "--listen", "127.0.0.1:0"]);
    let key = rig.run(&["log", "key"]).done().to_owned();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let row = penalty(&format!("further {n}"), "1", "2024-02-05");
                let path = rig.file(&format!("further-{n}.csv"), table(&[row]).as_bytes());
                rig.run(&["ingest", &path]).done();
            }
        });
        for n in 0..3 {
            std::thread::sleep(Duration::from_millis(300));
            rig.backup(&format!("backup-{n}"), &["--with-keys"]).done();
        }
        over.store(true, Ordering::SeqCst);
    });
    service.kill().expect("killed");
    service.wait().expect("gone");
    let mut sizes = Vec::new();
    for n in 0..3 {
        let (backup, data) = (format!("backup-{n}"), format!("restored-{n}"));
        rig.restore(&backup, &data).done();
        let head = rig.at(&data, &["log", "head"]).done().to_owned();
        assert_eq!(manifest(&rig.folder.join(&backup))["head"].as_str(), Some(head.as_str()));
        rig.at(&data, &["verify", "--key", key.trim()]).done();
        // The ledger it was taken from goes on from there.
        let seen = rig.file("head.txt", head.as_bytes());
        rig.run(&["verify", "--key", key.trim(), "--since", &seen]).done();
        sizes.push(head.lines().nth(1).expect("a size").parse::<u64>().expect("a number"));
        // And can be written on, by the same key.
        let path = rig.file("after.csv", table(&[penalty("after", "1", "2024-03-05")]).as_bytes());
        rig.at(&data, &["ingest", &path]).done();
        rig.at(&data, &["verify", "--since", &seen]).done();
    }
    assert!(sizes.is_sorted() && sizes[0] < sizes[2], "nothing was written meanwhile: {sizes:?}");
}

#[test]
fn keys_are_left_out_unless_asked_for_and_either_is_said_aloud() {
    let rig = Rig::filled();
    let said = rig.backup("without", &[]);
    said.done();
    assert!(said.err.contains("holds no keys"), "{}", said.err);
    for key in ["ledger.sqlite.key", "ledger.sqlite.signing-key"] {
        assert!(rig.data().join(key).exists() && !rig.folder.join("without").join(key).exists(), "{key}");
    }
    let said = rig.restore("without", "restored");
    said.done();
    assert!(said.err.contains("ledger.sqlite.signing-key"), "{}", said.err);
    // It can be checked, and not be used until the keys are there.
    rig.at("restored", &["verify"]).done();
    let path = rig.file("more.csv", table(&[penalty("more", "1", "2024-03-05")]).as_bytes());
    let refused = rig.at("restored", &["ingest", &path]);
    assert!(refused.code != Some(0) && refused.err.contains("no key file"), "{}", refused.err);
    for key in ["ledger.sqlite.key", "ledger.sqlite.signing-key"] {
        fs::copy(rig.data().join(key), rig.folder.join("restored").join(key)).expect("a copy");
    }
    rig.at("restored", &["ingest", &path]).done();
    let said = rig.backup("with", &["--with-keys"]);
    said.done();
    assert!(said.err.contains("holds both keys"), "{}", said.err);
}

#[test]
fn results_and_models_are_in_a_backup_too() {
    let rig = Rig::filled();
    for (file, text) in [("runs/7/shard-0.parquet", "rows"), ("laboratory/models/m/1.json", "{}")] {
        let path = rig.data().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    rig.backup("backup", &[]).done();
    rig.restore("backup", "restored").done();
    assert_eq!(
        fs::read_to_string(rig.folder.join("restored/runs/7/shard-0.parquet")).expect("there"),
        "rows"
    );
    fs::write(rig.folder.join("backup/runs/7/shard-0.parquet"), "sows").expect("written");
    let said = rig.restore("backup", "again");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("`runs/7/shard-0.parquet` of the backup is damaged"), "{}", said.err);
    rig.nothing_at("again");
}

#[test]
fn a_backup_that_is_not_well_is_refused_with_what_is_wrong_and_leaves_nothing() {
    let rig = Rig::filled();
    let check = |name: &str, code: i32, expected: &str, spoil: &dyn Fn(&Path)| {
        rig.backup(name, &["--with-keys"]).done();
        spoil(&rig.folder.join(name));
        let said = rig.restore(name, "target");
        assert_eq!(said.code, Some(code), "{name}: {}", said.err);
        assert!(said.err.contains(expected), "{name}: {}", said.err);
        rig.nothing_at("target");
    };
    check("flipped", 1, "`ledger.sqlite` of the backup is damaged: found SHA-256", &|backup| {
        let mut bytes = fs::read(backup.join("ledger.sqlite")).expect("bytes");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(backup.join("ledger.sqlite"), bytes).expect("written");
    });
    check("cut-off", 1, "`ledger.sqlite.key` of the backup is damaged: found 3 bytes", &|backup| {
        fs::write(backup.join("ledger.sqlite.key"), "abc").expect("written");
    });
    check("gone", 1, "`ledger.sqlite.signing-key` of the backup is damaged: it is not there", &|backup| {
        fs::remove_file(backup.join("ledger.sqlite.signing-key")).expect("removed");
    });
    check("no-manifest", 2, "expected a backup", &|backup| {
        fs::remove_file(backup.join("manifest.json")).expect("removed");
    });
    check("forged", 1, "fact 1 does not match its digest", &|backup| {
        forge(backup, "DROP TRIGGER facts_is_never_changed; UPDATE facts SET occurred_on = occurred_on + 1;");
    });
    check("newer", 1, "use a newer program", &|backup| forge(backup, "PRAGMA user_version = 999"));
    check("other-head", 1, "not the one in `manifest.json`", &|backup| {
        let mut manifest = manifest(backup);
        manifest["head"] = "hengxin.ledger/other\n1\nx\n".into();
        fs::write(backup.join("manifest.json"), manifest.to_string()).expect("written");
    });
    check("later-format", 2, "found format 2, this program knows 1: use a newer program", &|backup| {
        let mut manifest = manifest(backup);
        manifest["format"] = 2.into();
        fs::write(backup.join("manifest.json"), manifest.to_string()).expect("written");
    });
    check("outside", 2, "expected one within the backup", &|backup| {
        let mut manifest = manifest(backup);
        manifest["files"][1]["name"] = "../outside".into();
        fs::write(backup.join("manifest.json"), manifest.to_string()).expect("written");
    });
}

#[test]
fn what_is_there_is_never_written_over() {
    let rig = Rig::filled();
    rig.backup("backup", &[]).done();
    let (before, head) = (rig.ledger(), rig.run(&["log", "head"]).done().to_owned());
    let said = rig.restore("backup", "data");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("expected nothing or an empty folder"), "{}", said.err);
    let said = rig.backup("backup", &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("expected nothing or an empty folder"), "{}", said.err);
    assert_eq!((rig.ledger(), rig.run(&["log", "head"]).done().to_owned()), (before, head));
    // An empty folder will do.
    fs::create_dir(rig.folder.join("empty")).expect("made");
    rig.restore("backup", "empty").done();
    let nowhere =
        rig.at("nowhere", &["backup", "--out", rig.folder.join("of-nothing").to_str().expect("a name")]);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.err);
    rig.nothing_at("of-nothing");
    rig.nothing_at("nowhere");
}

#[test]
fn a_restore_that_is_killed_leaves_no_folder_and_the_next_one_succeeds() {
    let rig = Rig::filled();
    rig.backup("backup", &["--with-keys"]).done();
    let (mut killed, mut finished) = (0, 0);
    for delay in 0..40u64 {
        let backup = rig.folder.join("backup");
        let mut restore = command(&rig.folder.join("target"), &["restore", backup.to_str().expect("a name")]);
        restore.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = restore.spawn().expect("the binary");
        std::thread::sleep(Duration::from_millis(delay * 2));
        child.kill().expect("killed");
        child.wait().expect("gone");
        if rig.folder.join("target").exists() {
            // Whole, or it would not be there.
            rig.at("target", &["verify"]).done();
            fs::remove_dir_all(rig.folder.join("target")).expect("removed");
            finished += 1;
        } else {
            killed += 1;
        }
    }
    println!("{killed} killed before the end, {finished} after it");
    assert!(killed > 0);
    rig.restore("backup", "target").done();
    assert!(!rig.folder.join(".target.unfinished").exists());
}
