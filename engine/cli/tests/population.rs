//! A population from outside: the README's way from a world to a comparison, a run killed at random and resumed, and a
//! run over an exported ledger against the answers the ledger gives one by one.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

const FIELD: &str = "food-production";
const DAY: &str = "2026-10-31";

fn hengxin(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hengxin"));
    command.current_dir(folder).args(arguments);
    command
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = hengxin(folder, arguments).output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], said: &str) {
    let output = hengxin(folder, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains(said), "{text}");
}

fn world(folder: &Path, day: &str, out: &str) {
    let all = ["--as", "dataset", "--enterprises", "40000", "--seed", "7", "--through", day, "--out", out];
    done(folder, &[&["generate"], &all[..]].concat());
}

/// The digests of a run's shards.
fn results(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&text).unwrap();
    let shards = run["shards"].as_array().unwrap();
    shards.iter().map(|shard| shard["sha256"].as_str().unwrap().to_owned()).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let results = std::fs::read_dir(folder.join("results")).unwrap();
    let mut all: BTreeMap<String, Vec<u8>> = results
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), std::fs::read(&path).unwrap()))
        .collect();
    all.insert("run.json".to_owned(), std::fs::read(folder.join("run.json")).unwrap());
    all
}

#[test]
fn a_day_passes_and_who_moved_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    world(at, DAY, "w");
    world(at, "2026-11-01", "w2");
    // The second looks at related subjects.
    let base = ["rescore", "--field", FIELD, "--field", "market-regulation"];
    let rescore = |rest: &[&str]| done(at, &[&base[..], rest].concat());
    rescore(&["--dataset", "w", "--as-of", DAY, "--out", "r"]);
    let due = ["--dataset", "w2", "--as-of", "2026-11-01", "--since", "r"];
    let told = rescore(&[&due[..], &["--out", "r2"]].concat());
    assert!(told.contains("incremental run") && told.contains("carried"), "{told}");
    rescore(&[&due[..], &["--full", "--out", "r3"]].concat());
    assert!(files(&at.join("r2")) == files(&at.join("r3")), "incremental is full");
    let told = done(at, &["compare", "r", "r2", "--html", "moved.html"]);
    for standard in ["food-producers", "samr-credit-risk"] {
        assert!(told.contains(&format!("indicator {standard}/")), "a clause is named: {told}");
    }
    assert!(std::fs::read_to_string(at.join("moved.html")).unwrap().contains("</html>"));
    // An edition that is not in force, against the one that is.
    let draft = ["compare", "--dataset", "w", "--field", FIELD, "--as-of", DAY, "--out", "trial", "--draft"];
    let told = done(at, &[&draft[..], &["public-comprehensive@2019.1"]].concat());
    assert!(told.contains("public-comprehensive") && told.contains("moved by"), "{told}");
    assert!(at.join("trial/in-force/run.json").exists() && at.join("trial/draft/run.json").exists());
    let gate = hengxin(at, &[&draft[..], &["public-comprehensive@2019.1", "--max-worse", "100%"]].concat())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&gate.stderr);
    assert!(gate.status.code() == Some(1) && text.contains("grades of two schemes"), "{text}");
    refused(at, &[&draft[..], &["public-comprehensive@2026.1"]].concat(), "in force on 2026-10-31");
    refused(at, &[&draft[..], &["public-comprehensive"]].concat(), "expected ID@EDITION");
    refused(at, &["compare"], "Usage: hengxin compare");
    // The clock set back, a folder in use.
    let back = ["--dataset", "w", "--as-of", "2026-10-30", "--since", "r2", "--out", "r4"];
    refused(at, &[&base[..], &back[..]].concat(), "as of 2026-11-01, expected 2026-10-30 or earlier");
    let taken = ["--dataset", "w", "--as-of", "2026-10-30", "--out", "r"];
    refused(at, &[&base[..], &taken[..]].concat(), "a folder of its own for every run");
    // Another world has the same codes, and is not this one grown further.
    let other = [
        "generate",
        "--as",
        "dataset",
        "--enterprises",
        "40000",
        "--seed",
        "8",
        "--through",
        "2026-11-01",
        "--out",
        "o",
    ];
    done(at, &other);
    let after = ["--dataset", "o", "--as-of", "2026-11-01", "--since", "r", "--out", "r5"];
    refused(at, &[&base[..], &after[..]].concat(), "expected an earlier state of");
    let again = rescore(&["--dataset", "w", "--as-of", DAY, "--out", "r"]);
    assert!(again.contains("this run was finished before; nothing was done"), "{again}");
    // A shard that is not its manifest's leaves nothing behind.
    let shard = at.join("w/shards/000001.parquet");
    let mut bytes = std::fs::read(&shard).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    let spoilt = ["--dataset", "w", "--as-of", DAY, "--out", "r6"];
    refused(at, &[&base[..], &spoilt[..]].concat(), "as its manifest says");
    assert!(!at.join("r6/run.json").exists());
}

#[test]
fn a_killed_run_goes_on_and_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    world(at, DAY, "w");
    let run =
        |out| ["rescore", "--dataset", "w", "--field", FIELD, "--as-of", DAY, "--threads", "1", "--out", out];
    done(at, &run("whole"));
    for millis in [20u64, 60, 150, 300, 600, 900] {
        let mut child =
            hengxin(at, &run("killed")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        let _ = child.kill();
        child.wait().unwrap();
    }
    // A result that is damaged is made again.
    let mut finished = std::fs::read_dir(at.join("killed/results")).into_iter().flatten().flatten();
    if let Some(first) = finished.next().filter(|_| !at.join("killed/run.json").exists()) {
        std::fs::write(first.path(), b"PAR1").unwrap();
    }
    done(at, &run("killed"));
    assert!(files(&at.join("whole")) == files(&at.join("killed")));
}

/// Under a limit on the size of files every write beyond it fails, as on a disk that is full.
fn on_a_full_disk(at: &Path, arguments: &[&str]) -> Output {
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let mut command = Command::new("bash");
    command.current_dir(at).args(["-c", script, env!("CARGO_BIN_EXE_hengxin")]).args(arguments);
    command.output().unwrap()
}

#[test]
fn a_disk_that_fills_leaves_nothing_half_visible() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    world(at, DAY, "w");
    let run = |out| ["rescore", "--dataset", "w", "--field", FIELD, "--as-of", DAY, "--out", out];
    done(at, &run("whole"));
    let attempts: [(&[&str], &str, &str); 3] = [
        (&run("r"), "r/results", "r/run.json"),
        (
            &["generate", "--as", "dataset", "--enterprises", "40000", "--out", "w2"],
            "w2/shards",
            "w2/dataset.json",
        ),
        (
            &["dataset", "sort", "w/shards/000000.parquet", "w/shards/000001.parquet", "--out", "w3"],
            "w3",
            "w3/dataset.json",
        ),
    ];
    for (arguments, named, manifest) in attempts {
        let output = on_a_full_disk(at, arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("File too large") && text.contains(named), "{text}");
        assert!(!at.join(manifest).exists(), "{manifest}");
    }
    // With room again the same command goes on.
    done(at, &run("r"));
    assert!(files(&at.join("whole")) == files(&at.join("r")));
    let parts = std::fs::read_dir(at.join("r/results")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        parts.into_iter().all(|name| name.to_string_lossy().ends_with(".parquet")),
        "nothing half-written"
    );
}

#[test]
fn a_run_told_to_stop_keeps_what_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    world(at, DAY, "w");
    let run = ["rescore", "--dataset", "w", "--field", FIELD, "--as-of", DAY, "--threads", "1", "--out", "r"];
    let mut child = hengxin(at, &run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while std::fs::read_dir(at.join("r/results")).map_or(0, Iterator::count) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text).unwrap();
    if !status.success() {
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(text.contains("what is finished is kept"), "{text}");
        assert!(!at.join("r/run.json").exists());
        assert!(done(at, &run).contains("were finished before"));
    }
    done(at, &["rescore", "--dataset", "w", "--field", FIELD, "--as-of", DAY, "--out", "whole"]);
    assert!(files(&at.join("whole")) == files(&at.join("r")));
}

/// Five enterprises each share a person who answers for them, and every tenth has the one before it for a parent.
fn relate(sheets: &Path) {
    let registrations = std::fs::read_to_string(sheets.join("registrations.csv")).unwrap();
    let mut codes: Vec<&str> =
        registrations.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    codes.dedup();
    let mut text =
        "统一社会信用代码,编号,起始日期,终止日期,关联类型,关联人员证件号码,关联主体代码\n".to_owned();
    for (i, code) in codes.iter().enumerate() {
        let until = if i % 7 == 0 { "2026-06-30" } else { "" };
        text += &format!("{code},人{i},2020-01-01,{until},负责人,E{:08},\n", i / 5);
        if i % 10 == 9 {
            text += &format!("{code},母{i},2021-01-01,,母公司,,{}\n", codes[i - 1]);
        }
    }
    std::fs::write(sheets.join("relations.csv"), text).unwrap();
}

#[test]
fn a_run_over_the_exported_ledger_says_what_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(at, &["generate", "--enterprises", "400", "--seed", "3", "--out", "sheets"]);
    relate(&at.join("sheets"));
    let sheets: Vec<String> = std::fs::read_dir(at.join("sheets"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "csv"))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let sheets: Vec<&str> = sheets.iter().map(String::as_str).collect();
    done(at, &[&["ingest", "--data", "d"], &sheets[..]].concat());
    let fields = [FIELD, "market-regulation", "tax"];
    let named: Vec<&str> = fields.iter().flat_map(|field| ["--field", field]).collect();
    let base = [&["rescore", "--as-of", DAY], &named[..]].concat();
    done(at, &[&base[..], &["--data", "d", "--out", "r"]].concat());
    done(at, &["dataset", "export", "--data", "d", "--out", "w"]);
    done(at, &[&base[..], &["--dataset", "w", "--out", "r2"]].concat());
    assert_eq!(results(&at.join("r")), results(&at.join("r2")), "straight from the ledger or exported first");
    let other = ["--known-at", "2026-10-01T00:00:00Z"];
    refused(
        at,
        &[&base[..], &["--data", "d", "--out", "r"], &other[..]].concat(),
        "r/facts: found the ledger as it was known at",
    );
    // Without relations the scores are others, so that they are seen to count.
    let score = |data: &str, out: &str| {
        let told = done(
            at,
            &[
                "rescore",
                "--data",
                data,
                "--field",
                "market-regulation",
                "--as-of",
                DAY,
                "--out",
                out,
                "--json",
            ],
        );
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        told["run"]["counts"]["grades"]["samr-credit-risk"].clone()
    };
    std::fs::remove_file(at.join("sheets/relations.csv")).unwrap();
    let alone: Vec<&str> = sheets.iter().filter(|sheet| !sheet.ends_with("relations.csv")).copied().collect();
    done(at, &[&["ingest", "--data", "alone"], &alone[..]].concat());
    assert_ne!(score("d", "r3"), score("alone", "r4"));
    let mut asked = 0;
    for path in std::fs::read_dir(at.join("r/results")).unwrap() {
        let reader = SerializedFileReader::new(std::fs::File::open(path.unwrap().path()).unwrap()).unwrap();
        for row in reader.get_row_iter(None).unwrap().step_by(13) {
            let row = row.unwrap();
            let column = |name: &str| row.get_column_iter().find(|(n, _)| *n == name).unwrap().1.clone();
            let Field::Str(subject) = column("subject") else { panic!("another type") };
            for field in fields {
                let Field::Group(tier) = column(&format!("field:{field}")) else { panic!("another type") };
                let mine = tier.get_column_iter().find(|(n, _)| *n == "tier").unwrap().1.clone();
                let asks = ["tier", &subject, "--field", field, "--as-of", DAY, "--data", "d", "--json"];
                let theirs: serde_json::Value = serde_json::from_str(&done(at, &asks)).unwrap();
                match mine {
                    Field::UByte(tier) => assert_eq!(theirs["tier"], u64::from(tier), "{subject} {field}"),
                    Field::Null => assert!(theirs["tier"].is_null(), "{subject} {field}"),
                    other => panic!("a tier of {other}"),
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "{asked}");
}
