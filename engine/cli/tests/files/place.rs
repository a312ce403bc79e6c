//! Which ledger is meant: flags, the variable and the data folder; and a service that makes none by a typing error.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::rig::{CODE, Rig, Said};

/// Runs the binary in the folder of a rig, where the variable names this ledger.
fn run(rig: &Rig, ledger: &str, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.current_dir(&rig.folder).env("HENGXIN_LEDGER", ledger).args(arguments);
    command.output().expect("the binary").into()
}

#[track_caller]
fn refused(said: &Said, why: &str) {
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    assert!(said.err.contains(why), "`{why}` in: {}", said.err);
}

const RESCORE: [&str; 7] =
    ["rescore", "--standard", "public-comprehensive", "--as-of", "2026-06-30", "--out", "run"];

#[test]
fn the_variable_comes_before_the_folder_and_the_flag_before_both() {
    let rig = Rig::filled();
    let shown = ["explain", CODE, "--standard", "public-comprehensive", "--as-of", "2026-06-30"];
    // An empty variable is none; one that names nothing is believed where nothing else is said.
    run(&rig, "", &[&shown[..], &["--data", "data"]].concat()).done();
    refused(&run(&rig, "nowhere.sqlite", &shown), "no ledger at `nowhere.sqlite`");
    run(&rig, "data/ledger.sqlite", &shown).done();
    run(&rig, "nowhere.sqlite", &[&shown[..], &["--ledger", "data/ledger.sqlite"]].concat()).done();
    // A folder without a ledger of its own is one for keys and runs.
    run(&rig, "data/ledger.sqlite", &[&shown[..], &["--data", "empty"]].concat()).done();
    // The same for commands that can read a dataset instead.
    run(&rig, "data/ledger.sqlite", &[&RESCORE[..], &["--data", "empty"]].concat()).done();
}

#[test]
fn a_folder_with_a_ledger_and_a_variable_that_names_another_are_not_guessed_between() {
    let rig = Rig::filled();
    let secret = "postgres://hengxin:hidden@db.example/credit?sslrootcert=ca.pem";
    let why = "and another one in HENGXIN_LEDGER, expected one: unset the variable, move the file away, or name one";
    for ledger in [secret, "other/ledger.sqlite"] {
        for arguments in [
            &["conflicts", "--data", "data"][..],
            &["ingest", "good.csv", "--data", "data"],
            &["serve", "--data", "data", "--listen", "127.0.0.1:0"],
            &[&RESCORE[..], &["--data", "data"]].concat(),
        ] {
            let said = run(&rig, ledger, arguments);
            refused(&said, why);
            assert!(!said.err.contains("hidden"), "{}", said.err);
        }
    }
    // However it is written, one and the same is no other.
    run(&rig, "./data/../data/ledger.sqlite", &["conflicts", "--data", "data"]).done();
    run(&rig, "other/ledger.sqlite", &["conflicts", "--data", "data", "--ledger", "data/ledger.sqlite"])
        .done();
}

#[test]
fn the_demo_has_a_ledger_of_its_own_and_says_so() {
    let rig = Rig::new();
    let said = run(&rig, "nowhere/ledger.sqlite", &["demo", "--no-serve", "--enterprises", "5"]);
    assert!(said.err.contains("HENGXIN_LEDGER is not looked at"), "{}", said.err);
    assert!(said.err.contains("of its own in `hengxin-demo`"), "{}", said.err);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(rig.folder.join("hengxin-demo/ledger.sqlite").exists());
    assert!(!rig.folder.join("nowhere").exists());
}

/// Serves until it is ready, and ends it; what it logged.
fn served(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.current_dir(folder).env_remove("HENGXIN_LEDGER");
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-console"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    let told = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let ready = told.into_iter().any(|line| line.starts_with("serving"));
    child.kill().expect("ended");
    let mut log = String::new();
    child.stderr.take().expect("its log").read_to_string(&mut log).expect("text");
    child.wait().expect("ended");
    assert!(ready, "{log}");
    log
}

#[test]
fn a_service_makes_no_ledger_by_a_typing_error() {
    let rig = Rig::new();
    for arguments in [&["--data", "typo"][..], &["--ledger", "typo/ledger.sqlite"]] {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        refused(&run(&rig, "", &arguments), "found nothing at `typo");
        assert!(!rig.folder.join("typo").exists());
    }
    let new = "the ledger is new and empty: made/ledger.sqlite";
    let log = served(&rig.folder, &["--data", "made", "--create"]);
    assert!(log.contains(new), "{log}");
    // Served again it is there, and nothing to warn of.
    let log = served(&rig.folder, &["--data", "made"]);
    assert!(!log.contains("new and empty"), "{log}");
    // A folder that somebody made for it waits for one.
    std::fs::create_dir(rig.folder.join("waiting")).expect("made");
    let log = served(&rig.folder, &["--data", "waiting"]);
    assert!(log.contains("the ledger is new and empty: waiting/ledger.sqlite"), "{log}");
}

#[test]
fn metrics_beyond_this_machine_are_told_of_in_the_log() {
    let rig = Rig::filled();
    let log = served(&rig.folder, &["--data", "data", "--metrics", "0.0.0.0:0"]);
    assert!(log.contains("metrics on 0.0.0.0:0 are told unencrypted to whoever reaches the port"), "{log}");
    let log = served(&rig.folder, &["--data", "data", "--metrics", "127.0.0.1:0"]);
    assert!(!log.contains("unencrypted"), "{log}");
}
