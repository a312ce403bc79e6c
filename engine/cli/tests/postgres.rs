//! The command line on a ledger of a PostgreSQL server: named by address, moved there and back, its password never told.

#[allow(dead_code, reason = "the tests of the store need more of it")]
#[path = "../../store/tests/postgres/cluster.rs"]
mod cluster;

use std::path::Path;
use std::process::{Command, Output};

use cluster::{Session, cluster, left_out};

fn hengxin(folder: &Path, ledger: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.current_dir(folder).env_remove("HENGXIN_LEDGER").args(arguments);
    command.envs(ledger.map(|address| ("HENGXIN_LEDGER", address)));
    command.output().expect("the binary")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// What it prints when it succeeds.
#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_ledger_moves_to_a_server_and_back_and_answers_alike() {
    let cluster = match cluster() {
        Ok(cluster) => cluster,
        Err(why) => return left_out("the command line on PostgreSQL", why),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let run = |ledger: Option<&str>, arguments: &[&str]| hengxin(folder.path(), ledger, arguments);
    done(&run(None, &["generate", "--enterprises", "20", "--out", "district"]));
    let sheets =
        ["registrations", "penalties", "permits", "grades"].map(|name| format!("district/{name}.csv"));
    let ingest: Vec<&str> = ["ingest"].into_iter().chain(sheets.iter().map(String::as_str)).collect();
    done(&run(None, &ingest));
    let rows = std::fs::read_to_string(folder.path().join("district/registrations.csv")).expect("a sheet");
    let is_code = |cell: &&str| cell.len() == 18 && cell.starts_with('9');
    let code = rows.split([',', '\n', '\r']).find(is_code).expect("a code");
    let score =
        |ledger: Option<&str>| done(&run(ledger, &["score", code, "--as-of", "2026-11-01", "--json"]));
    let before = score(None);

    let address = cluster.database();
    let moved =
        done(&run(None, &["migrate", "--from", "hengxin-data/ledger.sqlite", "--to", &address, "--json"]));
    assert_eq!(score(Some(&address)), before);
    let again = run(None, &["migrate", "--from", "hengxin-data/ledger.sqlite", "--to", &address]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    assert!(said(&again).contains("exists already"), "{}", said(&again));
    let back = done(&run(None, &["migrate", "--from", &address, "--to", "copy/ledger.sqlite", "--json"]));
    assert_eq!(back, moved, "every table by its digest");
    assert_eq!(
        done(&run(
            None,
            &["score", code, "--as-of", "2026-11-01", "--json", "--ledger", "copy/ledger.sqlite"]
        )),
        before
    );
    // A run reads the ledger that the variable names, with the keys that lie in the folder.
    let keys = folder.path().join("keys");
    std::fs::create_dir(&keys).expect("made");
    for key in ["ledger.key", "ledger.signing-key"] {
        std::fs::copy(folder.path().join("hengxin-data").join(key), keys.join(key)).expect("copied");
    }
    let rescore = |ledger: Option<&str>, data: &str, out: &str| {
        let what = ["rescore", "--standard", "public-comprehensive", "--as-of", "2026-11-01", "--json"];
        let run = done(&run(ledger, &[&what[..], &["--data", data, "--out", out]].concat()));
        let told: serde_json::Value = serde_json::from_str(&run).expect("JSON");
        (told["run"]["subjects"].clone(), told["run"]["counts"].clone())
    };
    let served = rescore(Some(&address), "keys", "run-of-server");
    assert!(served.0 == 20 && served.1.is_object(), "{served:?}");
    assert_eq!(served, rescore(None, "hengxin-data", "run-of-file"));
    // What was ingested before is a duplicate there, too.
    let known = done(&run(Some(&address), &ingest));
    assert!(known.contains("registrations.csv: 0 accepted, 20 duplicate"), "{known}");
}

#[test]
fn no_message_holds_the_password() {
    let cluster = match cluster() {
        Ok(cluster) => cluster,
        Err(why) => return left_out("the command line on PostgreSQL", why),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (right, wrong) = (cluster.database(), cluster.address("nowhere"));
    Session::open(&right)
        .expect("a connection")
        .run("CREATE SCHEMA hengxin; CREATE TABLE songs (title TEXT)")
        .expect("made");
    let hidden = |address: &str| address.replace("hengxin@", "hengxin:hidden@");
    let (far, malformed) = ("postgres://a:hidden@db.example/credit", "postgres://a:hidden@[::/credit");
    for address in [&hidden(&right), &hidden(&wrong), far, malformed] {
        for arguments in [&["conflicts"][..], &["conflicts", "--help"], &["serve", "--listen", "127.0.0.1:0"]]
        {
            let output = hengxin(folder.path(), Some(address), arguments);
            assert!(!said(&output).contains("hidden"), "{address}, {arguments:?}: {}", said(&output));
            assert!(output.status.success() == arguments.contains(&"--help"), "{address}, {arguments:?}");
        }
        let output = hengxin(folder.path(), None, &["migrate", "--from", address, "--to", "copy.sqlite"]);
        assert!(!output.status.success() && !said(&output).contains("hidden"), "{}", said(&output));
        assert!(!folder.path().join("copy.sqlite").exists());
    }
}
