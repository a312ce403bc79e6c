//! `hengxin compare` from outside: exit codes, messages, and what is written.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "../../batch/tests/runs/mod.rs"]
mod runs;

use std::path::Path;
use std::process::{Command, Output};

use runs::{Row, good, write};

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.current_dir(folder).arg("compare").args(arguments).output().unwrap()
}

fn two_runs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let before: Vec<Row> = (0..100).map(good).collect();
    let after = (0..100)
        .map(|n| if n < 4 { Row { public: "C", score: 7_000_000, tier: 2, ..good(n) } } else { good(n) });
    write(&folder.path().join("a"), "run-a", &[before], |_| {});
    write(&folder.path().join("b"), "run-b", &[after.collect()], |_| {});
    folder
}

#[track_caller]
fn check(arguments: &[&str], code: i32, said: &str) {
    let folder = two_runs();
    let output = compare(folder.path(), arguments);
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(code), "{texts}");
    assert!(texts.contains(said), "{texts}");
}

#[test]
fn a_kept_limit_passes_and_a_broken_one_fails_by_name() {
    check(&["a", "b"], 0, "field:market-regulation");
    check(
        &["a", "b", "--max-worse", "4%"],
        0,
        "4 of 100 subjects of both runs moved for the worse (4%), within",
    );
    check(
        &["a", "b", "--max-worse", "3%", "--max-workload", "+50%"],
        1,
        "not to be published: field:market-regulation: 4 of 100 subjects of both runs moved for the worse (4%), above \
         --max-worse 3%",
    );
}

#[test]
fn bad_input_is_told_apart_from_a_broken_limit() {
    check(&["a", "nowhere"], 2, "nowhere/run.json: found no such file");
    check(&["a", "b", "--max-worse", "3"], 2, "expected a percentage");
    check(&["a", "b", "--by-region", "3"], 2, "expected 2 (provinces), 4 (cities) or 6 (counties)");
    check(&["a", "b", "--movers-out", "movers.txt"], 2, "expected a file that ends in .csv or .parquet");
}

#[test]
fn json_page_and_movers_are_written() {
    let folder = two_runs();
    let wanted =
        ["a", "b", "--json", "--html", "page.html", "--movers-out", "movers.csv", "--max-moved", "1%"];
    let output = compare(folder.path(), &wanted);
    assert_eq!(output.status.code(), Some(1), "the limit is broken, and everything is written all the same");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["gate"]["passed"], &told["population"]["both"]), (&false.into(), &100.into()));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("发布门槛：未通过"));
    let movers = std::fs::read_to_string(folder.path().join("movers.csv")).unwrap();
    assert_eq!(movers.lines().count(), 1 + 8, "four subjects on two axes");
}
