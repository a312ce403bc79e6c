//! What is wrong with a file, a row or a question.

use crate::rig::{CODE, HEADER, Rig, Said, penalty, table};

/// A code of the right form that no record bears.
const STRANGER: &str = "91330199MAY000009F";

/// The file is refused with exit code 2, and the ledger is as before.
#[track_caller]
fn refused(name: &str, content: &[u8], parts: &[&str]) {
    let rig = Rig::filled();
    let before = rig.ledger();
    let path = rig.file(name, content);
    let delivered = rig.run(&["ingest", &path, "--deliver", "all=2024-12-31"]);
    delivered.failed(2, parts);
    delivered.failed(2, &[name, "no delivery was stated"]);
    assert_eq!(rig.ledger(), before);
}

/// The row goes to quarantine with all of these reasons, and the good row beside it is recorded.
#[track_caller]
fn set_aside(row: &str, parts: &[&str]) {
    let rig = Rig::filled();
    let (facts, aside) = rig.ledger();
    let path =
        rig.file("mixed.csv", table(&[row.to_owned(), penalty("beside", "1", "2024-01-05")]).as_bytes());
    let said = rig.run(&["ingest", &path, "--json"]);
    let report: serde_json::Value = serde_json::from_str(said.done()).expect("JSON");
    assert_eq!((report["accepted"].as_u64(), report["quarantined"].as_u64()), (Some(1), Some(1)), "{report}");
    let list = rig.run(&["quarantine", "list", "--json"]);
    for part in parts {
        assert!(list.done().contains(part), "`{part}` in: {}", list.out);
    }
    let after = rig.ledger();
    assert_eq!((after.0.len(), after.1), (facts.len() + 1, aside + 1));
    // Reading it again changes nothing.
    assert!(rig.run(&["ingest", &path]).done().contains("the same file as before: nothing recorded"));
    assert_eq!(rig.ledger(), after);
}

#[test]
fn rows_with_faults_are_set_aside_with_what_was_found_and_expected() {
    let code = penalty("1", "1", "2024-01-05").replace(CODE, "91110101MA00000U14");
    set_aside(&code, &["found `91110101MA00000U14`, expected a unified social credit code"]);
    set_aside(&penalty("1", "1", "2024-02-30"), &["found `2024-02-30`", "2024-02 has 29 days, found day 30"]);
    set_aside(&penalty("1", "1", "2098-01-01"), &["found `2098-01-01`, in the future, expected a day up to"]);
    let comma = penalty("1", "\"1,000\"", "2024-01-05");
    set_aside(&comma, &["found `1,000`, expected an amount without commas"]);
    let category = penalty("1", "1", "2024-01-05").replace("罚款", "罚金");
    set_aside(&category, &["found `罚金`, expected one of 警告、通报批评、罚款"]);
    let huge = penalty("1", "1", "2024-01-05").replace("甲公司", &"x".repeat(10 << 20));
    set_aside(&huge, &["found a row of 10485", "expected at most 1048576"]);
    set_aside("甲,乙", &["found 2 cells, expected 8 as in the header"]);
    let all = penalty("", "\"1,0\"", "2024-13-01").replace("罚款", "罚金");
    set_aside(&all, &["found nothing, expected a value", "`1,0`", "`罚金`", "`2024-13-01`"]);
}

#[test]
fn one_key_with_two_contents_sets_both_rows_aside_as_they_stand() {
    let rig = Rig::filled();
    let (facts, _) = rig.ledger();
    let rows = [penalty("k", "0.2", "2024/1/5"), penalty("k", "0.3", "2024/1/5")];
    let path = rig.file("key.csv", table(&rows).as_bytes());
    assert!(
        rig.run(&["ingest", &path]).done().contains("0 accepted, 0 duplicate, 0 corrected, 2 quarantined")
    );
    let list = rig.run(&["quarantine", "list", "--json"]);
    assert!(list.done().contains("stands on lines 2, 3 with different content"), "{}", list.out);
    assert!(list.out.contains(r#"["CF_NR_FK","0.2"]"#), "{}", list.out);
    assert_eq!(rig.ledger().0, facts);
}

#[test]
fn other_content_for_a_known_record_is_a_correction() {
    let rig = Rig::filled();
    let path = rig.file("better.csv", table(&[penalty("good", "2", "2024-01-05")]).as_bytes());
    assert!(rig.run(&["ingest", &path]).done().contains("0 accepted, 0 duplicate, 1 corrected"));
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused_whole() {
    refused("empty.csv", b"", &["found an empty file, expected a header and rows"]);
    refused("zip.csv", b"PK\x03\x04rest", &["found a ZIP archive", "expected comma-separated text"]);
    let short = table(&[penalty("1", "1", "2024-01-05")]).replace("CF_WSH", "X");
    refused("column.csv", short.as_bytes(), &["行政处罚", "lacks 行政处罚决定书文号"]);
    refused("binary.csv", b"a,b\n\xff\xff\xff,1\n", &["neither UTF-8 nor GB18030, expected one of these"]);
    let xlsx = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../district/penalties.xlsx"));
    let xlsx = xlsx.expect("the shipped district");
    refused("cut.xlsx", &xlsx[..xlsx.len() / 2], &["cannot be read", "expected a complete XLSX workbook"]);
    refused("cut.parquet", b"PAR1", &["cannot be read", "expected a complete Parquet file"]);
    let quote = format!("{HEADER}\n\"{}\n", format!("{}\n", penalty("1", "1", "2024-01-05")).repeat(2000));
    refused("quote.csv", quote.as_bytes(), &["expected the quote that opens it to be closed"]);
}

#[test]
fn a_file_that_is_refused_does_not_keep_the_next_one_out() {
    let rig = Rig::filled();
    let bad = rig.file("bad.csv", b"");
    let good = rig.file("next.csv", table(&[penalty("next", "1", "2024-01-05")]).as_bytes());
    rig.run(&["ingest", &bad, "none.csv", &good]).failed(2, &["bad.csv", "cannot read none.csv"]);
    assert_eq!(rig.ledger().0.len(), 2);
}

#[test]
fn questions_that_have_no_answer_are_refused() {
    #[track_caller]
    fn check(arguments: &[&str], parts: &[&str]) {
        let rig = Rig::filled();
        let before = rig.ledger();
        let said: Said = rig.run(arguments);
        said.failed(2, parts);
        assert_eq!(rig.ledger(), before);
    }
    check(&["score", "91110101MA00000U14"], &["91110101MA00000U14", "character 17"]);
    check(&["score", "9111O101MA00000U27"], &["9111O101MA00000U27", CODE]);
    check(&["score", STRANGER], &["is not in the ledger", STRANGER]);
    check(&["explain", CODE, "--as-of", "2098-01-01"], &["2098-01-01", "in the future"]);
    check(&["tier", CODE, "--field", "environment", "--as-of", "2098-01-01"], &["in the future"]);
    check(
        &["ingest", "--deliver", "all=2098-01-01"],
        &["found 2098-01-01, in the future; expected a day up to"],
    );
    check(&["ingest"], &["found no file, expected at least one"]);
    check(&["quarantine", "show", "99"], &["no quarantined row 99"]);
    check(
        &["score", CODE, "--standard", "public-comprehensive", "--as-of", "1999-01-01"],
        &["public-comprehensive", "1999-01-01"],
    );
}

#[test]
fn an_expired_standard_is_refused_with_its_last_day() {
    let rig = Rig::filled();
    let folder = rig.folder.join("standards");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    std::fs::create_dir_all(folder.join("public-comprehensive")).expect("a folder");
    for name in ["vocabulary.yaml", "public-comprehensive/2019.1.yaml"] {
        std::fs::copy(shipped.join(name), folder.join(name)).expect("copied");
    }
    let said = rig.run(&["score", CODE, "--as-of", "2026-04-01", "--standards", &folder.to_string_lossy()]);
    said.failed(2, &["public-comprehensive", "2026-04-01", "edition 2019.1 ended on 2026-03-31"]);
    rig.run(&["score", CODE, "--as-of", "2026-03-31", "--standards", &folder.to_string_lossy()]).done();
}

#[test]
fn a_collector_that_is_none_is_refused_before_anything_is_served() {
    let rig = Rig::filled();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--no-console", "--traces"];
    for (arguments, why) in [
        (
            &["127.0.0.1:4317"][..],
            "no spans can be sent to `127.0.0.1:4317`: expected `http://` or `https://`",
        ),
        (&["http://127.0.0.1:4317", "--traces-ratio", "2"], "--traces-ratio: found `2`, expected 0 to 1"),
    ] {
        rig.run(&[&serve[..], arguments].concat()).failed(2, &[why]);
    }
}
