//! Features by the command line: a table from a dataset and from a ledger, what is refused, the check, and a training on it.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use hengxin_batch::digest::sha256;
use hengxin_batch::world;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use command::{done, hengxin, refused};

const FEATURES: &str = r#"feature_set: default-within-a-year
edition: "2026.1"
title: What a bank knew of an enterprise
effective: {from: 2021-01-01}
features:
  - {id: penalties, title: Penalties, source: {project: a test}, reading: {count: administrative-penalty, window: {months: 24}}}
  - {id: fines, title: Fines, source: {project: a test}, reading: {sum: administrative-penalty, window: {months: 24}}}
  - {id: abnormal, title: Listed, source: {project: a test}, reading: {in_force: abnormal-operation}}
  - {id: reports, title: Reports in time, source: {project: a test}, reading: {count: annual-report, where: {state: on-time}}}
  - {id: age, title: Years, source: {project: a test}, reading: {elapsed: {since: established, in: years}}}
  - {id: capital, title: Capital, source: {project: a test}, reading: {attribute: capital}}
  - {id: size, title: Size, source: {project: a test}, reading: {attribute: size}}
"#;

fn read(at: &Path, name: &str) -> Vec<u8> {
    std::fs::read(at.join(name)).unwrap()
}

fn batches(at: &Path, name: &str) -> Vec<RecordBatch> {
    let file = std::fs::File::open(at.join(name)).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn lineage(at: &Path, name: &str) -> Value {
    serde_json::from_slice(&read(at, name)).unwrap()
}

const HEADER: &str = "subject,as_of,known_at,bad,weight";
const ENTERPRISES: u64 = 400;

/// Points of every enterprise on four days, the target being whether it is one of every sixth.
fn points() -> Vec<String> {
    let options = world::Options { enterprises: ENTERPRISES, seed: 7, through: world::REFERENCE, threads: 1 };
    let days = ["2023-06-30", "2024-06-30", "2025-06-30", "2026-06-30"];
    (0..ENTERPRISES)
        .flat_map(|n| {
            let subject = world::subject(&options, n);
            days.map(|day| format!("{subject},{day},{day}T18:00:00+08:00,{},1", u8::from(n % 6 == 0)))
        })
        .collect()
}

fn list(at: &Path, name: &str, rows: &[String]) {
    std::fs::write(at.join(name), format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
}

/// A folder with a world, a features file and points.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let size = ENTERPRISES.to_string();
    done(at, &["generate", "--as", "dataset", "--enterprises", &size, "--seed", "7", "--out", "world"]);
    std::fs::write(at.join("features.yaml"), FEATURES).unwrap();
    list(at, "points.csv", &points());
    folder
}

const MAKE: [&str; 9] = [
    "features",
    "make",
    "features.yaml",
    "--points",
    "points.csv",
    "--dataset",
    "world",
    "--out",
    "history.parquet",
];
const CHECK: [&str; 7] =
    ["features", "check", "history.parquet", "--features", "features.yaml", "--dataset", "world"];

#[test]
fn a_table_is_made_checked_and_trained_on() {
    let folder = prepared();
    let at = folder.path();
    let told = done(at, &MAKE);
    assert!(told.contains("rejected; history.parquet"), "{told}");
    let told = done(at, &[&CHECK[..], &["--all"]].concat());
    assert!(
        told.contains("every value is equal, recomputed from the facts, and with all later facts"),
        "{told}"
    );
    let told: Value =
        serde_json::from_str(&done(at, &[&CHECK[..], &["--sample", "50", "--seed", "3", "--json"]].concat()))
            .unwrap();
    assert_eq!(
        (&told["rows_checked"], &told["seed"], &told["difference_count"]),
        (&json!(50), &json!(3), &json!(0))
    );
    let lineage = lineage(at, "history.lineage.json");
    let rows = lineage["rows"].clone();
    assert_eq!(rows["given"], 4 * ENTERPRISES);
    assert_eq!(rows["given"], json!(rows["written"].as_u64().unwrap() + rows["rejected"].as_u64().unwrap()));
    for column in lineage["columns"].as_array().unwrap() {
        let unknown: u64 = column["unknown"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(column["known"].as_u64().unwrap() + unknown, rows["written"].as_u64().unwrap());
    }
    let names = &lineage["columns"][6]["names"];
    assert_eq!(names, &json!(["large", "medium", "small", "micro"]), "all of the vocabulary");
    let plan = json!({
        "id": "m", "edition": "1", "title": "A model",
        "history": {
            "target": {"column": "bad", "default": 1}, "month": "as_of", "group": "subject", "weight": "weight",
            "exclude": ["known_at"], "decimals": 4
        },
        "split": {"from-month": "2026-01"},
        "selection": {"information_value_min": 0.0},
        "scaling": {"base_points": 600, "odds": 5, "points_to_double": 20, "decimals": 0}
    });
    std::fs::write(at.join("plan.json"), plan.to_string()).unwrap();
    let told = done(at, &["train", "plan.json", "--history", "history.parquet", "--out", "model"]);
    assert!(told.contains("rows learned"), "{told}");
    let model: Value = serde_json::from_slice(&read(at, "model/model.json")).unwrap();
    let mut columns: Vec<&str> = ["features", "left_out"]
        .iter()
        .flat_map(|part| model[part].as_array().unwrap())
        .map(|feature| feature["column"].as_str().unwrap())
        .collect();
    columns.sort_unstable();
    assert_eq!(columns, ["abnormal", "age", "capital", "fines", "penalties", "reports", "size"]);
}

#[test]
fn the_bytes_depend_neither_on_the_order_of_points_nor_on_threads() {
    let folder = prepared();
    let at = folder.path();
    done(at, &[&MAKE[..], &["--threads", "1"]].concat());
    let files = ["history.parquet", "history.lineage.json"].map(|name| read(at, name));
    let mut rows = points();
    rows.reverse();
    rows.rotate_left(137);
    list(at, "points.csv", &rows);
    done(at, &[&MAKE[..], &["--threads", "3"]].concat());
    assert!(files == ["history.parquet", "history.lineage.json"].map(|name| read(at, name)));
}

#[test]
fn rows_that_could_not_have_been_asked_for_are_put_aside_with_the_reason() {
    let folder = prepared();
    let at = folder.path();
    let good = points().into_iter().find(|row| row.contains("2025-06-30")).unwrap();
    let subject = &good[..18];
    let row = |point: &str| format!("{subject},{point},0,1");
    let rows = [
        good.clone(),
        row("2025-06-30,now"),
        row("2025-06-30,"),
        row("2025-06-30,2025-06-30"),
        row("2025-06-30,2099-01-01T00:00:00Z"),
        row("2025-06-30,2025-07-01T00:00:00+08:00"),
        row("2020-12-31,2020-12-31T18:00:00+08:00"),
        row("30.6.2025,2025-06-30T18:00:00+08:00"),
        "9133,2025-06-30,2025-06-30T18:00:00+08:00,0,1".to_owned(),
        row("2025-06-30,2025-06-30T18:00:00+08:00,surplus"),
        row("2025-06-30,2025-06-30T23:59:59.999999+08:00"),
    ];
    list(at, "points.csv", &rows);
    let (code, told, problem) = hengxin(at, &MAKE);
    assert_eq!(code, Some(0), "{problem}");
    assert!(
        problem.contains("9 of 11 rows rejected, each with its reason in history.rejects.csv"),
        "{problem}"
    );
    assert!(told.contains("2 rows, 9 rejected"), "{told}");
    let mut reader = csv::Reader::from_path(at.join("history.rejects.csv")).unwrap();
    let found: Vec<Vec<String>> =
        reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
    let expected = [
        ("3", "known_at", "`now`", "an instant with its offset"),
        ("4", "known_at", "nothing", "an instant with its offset"),
        ("5", "known_at", "`2025-06-30`", "a word or a bare day is none"),
        ("6", "known_at", "2099-01-01T00:00:00.000000Z", "the last one the source knows of"),
        ("7", "known_at", "2025-06-30T16:00:00.000000Z", "a moment before 2025-06-30T16:00:00.000000Z"),
        ("8", "as_of", "2020-12-31", "from 2021-01-01 on"),
        ("9", "as_of", "`30.6.2025`", "a day such as 2026-10-31"),
        ("10", "subject", "`9133`", "a valid unified social credit code"),
        ("11", "row", "6 cells", "5 as in the header"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (row, (line, field, what, said)) in found.iter().zip(expected) {
        assert_eq!((row[0].as_str(), row[4].as_str(), row[5].as_str()), (line, field, what));
        assert!(row[6].contains(said), "{row:?}");
    }
    // A delay lets in what became known soon after the day, and no more.
    let (_, told, _) = hengxin(at, &[&MAKE[..], &["--delay-days", "1"]].concat());
    assert!(told.contains("3 rows, 8 rejected"), "{told}");
    let make = MAKE.map(|word| if word == "history.parquet" { "./points.csv" } else { word });
    refused(at, &make, 2, "which is read, expected a file of its own");
    let make = MAKE.map(|word| if word == "points.csv" { "nowhere.parquet" } else { word });
    refused(at, &make, 2, "nowhere.parquet: ");
    list(at, "points.csv", &[row("2025-06-30,today")]);
    refused(at, &MAKE, 2, "no row is left: 1 of 1 rows rejected");
    std::fs::write(at.join("points.csv"), "subject,as_of,bad\n").unwrap();
    refused(
        at,
        &MAKE,
        2,
        "points.csv: found columns `subject`, `as_of`, `bad`, expected also a column `known_at`",
    );
    std::fs::write(at.join("points.csv"), "subject,as_of,known_at,age\n").unwrap();
    refused(at, &MAKE, 2, "found column `age`, expected columns that are named otherwise than the features");
}

#[test]
fn a_list_in_parquet_must_say_in_which_zone_its_moments_are() {
    let folder = prepared();
    let at = folder.path();
    let subject = points()[0][..18].to_owned();
    let write = |known_at: ArrayRef| {
        let subjects: ArrayRef = Arc::new(arrow_array::StringArray::from(vec![subject.clone()]));
        let days: ArrayRef = Arc::new(arrow_array::Date32Array::from(vec![20_269]));
        let bad: ArrayRef = Arc::new(arrow_array::BooleanArray::from(vec![true]));
        let columns = [("subject", subjects), ("as_of", days), ("known_at", known_at), ("bad", bad)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(at.join("points.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let make = MAKE.map(|word| if word == "points.csv" { "points.parquet" } else { word });
    let moment = TimestampMicrosecondArray::from(vec![20_269 * 86_400_000_000]);
    write(Arc::new(moment.clone()));
    refused(at, &make, 2, "`known_at`: found instant without a zone `");
    write(Arc::new(moment.with_timezone("UTC")));
    done(at, &make);
    assert_eq!(
        lineage(at, "history.lineage.json")["carried"],
        json!([{"name": "bad", "kind": "truth value"}])
    );
}

/// Rewrites the table with another column of fines, and forges its digest in the lineage.
fn forged(at: &Path, fines: impl Fn(usize, Option<i128>) -> Option<i128>) {
    let reader = batches(at, "history.parquet");
    let mut writer = ArrowWriter::try_new(Vec::new(), reader[0].schema(), None).unwrap();
    let mut first = 0;
    for batch in reader {
        let place = batch.schema().index_of("fines").unwrap();
        let mut columns = batch.columns().to_vec();
        let before = columns[place].as_primitive::<Decimal128Type>().clone();
        let after = before.iter().enumerate().map(|(row, value)| fines(first + row, value));
        let after: arrow_array::Decimal128Array = after.collect();
        columns[place] = Arc::new(after.with_precision_and_scale(19, 2).unwrap());
        first += batch.num_rows();
        writer.write(&RecordBatch::try_new(batch.schema(), columns).unwrap()).unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    let mut lineage = lineage(at, "history.lineage.json");
    lineage["table"] = json!(sha256(&bytes));
    std::fs::write(at.join("history.lineage.json"), lineage.to_string()).unwrap();
    std::fs::write(at.join("history.parquet"), bytes).unwrap();
}

fn fines(at: &Path, name: &str) -> Vec<Option<i128>> {
    let column = |batch: RecordBatch| -> Vec<Option<i128>> {
        batch.column_by_name("fines").unwrap().as_primitive::<Decimal128Type>().iter().collect()
    };
    batches(at, name).into_iter().flat_map(column).collect()
}

#[test]
fn a_changed_table_or_features_file_is_refused_and_a_changed_value_is_named() {
    let folder = prepared();
    let at = folder.path();
    done(at, &MAKE);
    std::fs::write(at.join("features.yaml"), FEATURES.replace("months: 24", "months: 36")).unwrap();
    refused(at, &CHECK, 2, "features.yaml: found SHA-256 ");
    std::fs::write(at.join("features.yaml"), FEATURES).unwrap();
    let whole = read(at, "history.parquet");
    let mut broken = whole.clone();
    broken[60] ^= 1;
    std::fs::write(at.join("history.parquet"), broken).unwrap();
    refused(at, &CHECK, 2, "that of the lineage");
    std::fs::write(at.join("history.parquet"), whole).unwrap();
    // Whoever forges the digest too is found by the facts.
    forged(at, |row, value| if row == 41 { Some(123_456) } else { value });
    let all = [&CHECK[..], &["--all"]].concat();
    refused(at, &all, 1, "row 42 (");
    refused(at, &all, 1, "feature `fines`: found 1234.56 yuan, expected 0 yuan (recomputed from the facts)");
    refused(at, &all, 1, "found 2 values that are not what the facts give");
}

#[test]
fn a_column_that_knows_the_future_fails() {
    let folder = prepared();
    let at = folder.path();
    done(at, &MAKE);
    let honest = fines(at, "history.parquet");
    // The same points as one sees them half a year later: fines that were not known then.
    let later: Vec<String> = points().iter().map(|row| row.replace("-06-30T", "-10-31T")).collect();
    list(at, "later.csv", &later);
    let make = MAKE.map(|word| match word {
        "points.csv" => "later.csv",
        "history.parquet" => "hindsight.parquet",
        other => other,
    });
    done(at, &[&make[..], &["--delay-days", "200"]].concat());
    let hindsight = fines(at, "hindsight.parquet");
    // Of some nothing was known at first; the others are in the same order.
    let known = lineage(at, "history.lineage.json")["rows"]["written"].as_u64().unwrap();
    let known_later = lineage(at, "hindsight.lineage.json")["rows"]["written"].as_u64().unwrap();
    assert!(known_later >= known);
    let keys = |name: &str| -> Vec<(String, i32)> {
        batches(at, name)
            .into_iter()
            .flat_map(|batch| {
                let days = batch.column(1).as_primitive::<arrow_array::types::Date32Type>().clone();
                let subjects: Vec<String> =
                    batch.column(0).as_string::<i32>().iter().map(|s| s.unwrap().to_owned()).collect();
                subjects.into_iter().zip(days.values().to_vec()).collect::<Vec<_>>()
            })
            .collect()
    };
    let (own, theirs) = (keys("history.parquet"), keys("hindsight.parquet"));
    let seen = |row: usize| theirs.binary_search(&own[row]).ok().and_then(|place| hindsight[place]);
    let differing = (0..own.len()).filter(|row| seen(*row) != honest[*row]).count();
    assert!(differing > 0, "nothing became known in four months: the test says nothing");
    forged(at, |row, _| seen(row));
    let said = format!("found {} values that are not what the facts give", 2 * differing);
    refused(at, &[&CHECK[..], &["--all"]].concat(), 1, &said);
    refused(at, &[&CHECK[..], &["--all"]].concat(), 1, "(recomputed with all later facts taken away)");
}

#[test]
fn what_is_recorded_later_in_a_ledger_changes_no_feature_and_what_was_recorded_before_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("features.yaml"), FEATURES).unwrap();
    let code = "91110101MA00000U27";
    // In China it is this day or the next one.
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let today = hengxin_core::date::Date::from_days(i32::try_from(seconds / 86_400).unwrap());
    let delivered = format!("all={today}");
    let header = "CF_XDR_MC,CF_XDR_SHXYM,CF_WSH,CF_CFLB,CF_NR_FK,CF_JDRQ,CF_GSJZQ,CF_CFJG";
    let record = |name: &str, rows: &[(&str, &str)]| -> String {
        let rows: Vec<String> = rows
            .iter()
            .map(|(number, fine)| format!("甲公司,{code},{number},罚款,{fine},2026-01-05,2099/12/31,某局"))
            .collect();
        std::fs::write(at.join(name), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        done(at, &["ingest", name, "--data", "d", "--deliver", &delivered]);
        let export = format!("{name}.dataset");
        done(at, &["dataset", "export", "--out", &export, "--data", "d"]);
        lineage(at, &format!("{export}/dataset.json"))["known_at"].as_str().unwrap().to_owned()
    };
    let first = record("first.csv", &[("one", "1")]);
    // A late record, and a correction of the first.
    let second = record("second.csv", &[("one", "3"), ("two", "0.5")]);
    let points = format!("subject,as_of,known_at\n{code},{today},{first}\n{code},{today},{second}\n");
    std::fs::write(at.join("points.csv"), points).unwrap();
    let make = ["features", "make", "features.yaml", "--points", "points.csv", "--delay-days", "2"];
    done(at, &[&make[..], &["--data", "d", "--out", "history.parquet"]].concat());
    assert_eq!(fines(at, "history.parquet"), [Some(1_000_000), Some(3_500_000)]);
    // The shipped standard has the same reading; the engine says of it what the table does.
    let today = today.to_string();
    for (known_at, expected) in [(&first, "10000 yuan"), (&second, "35000 yuan")] {
        let ask = [
            "explain",
            code,
            "--standard",
            "public-comprehensive",
            "--as-of",
            &today,
            "--known-at",
            known_at,
        ];
        let told: Value =
            serde_json::from_str(&done(at, &[&ask[..], &["--data", "d", "--json"]].concat())).unwrap();
        let line = told["lines"].as_array().unwrap().iter().find(|line| line["id"] == "fines").unwrap();
        assert_eq!(line["reading"], expected);
    }
    let check = ["features", "check", "history.parquet", "--features", "features.yaml"];
    let told = done(at, &[&check[..], &["--data", "d", "--all"]].concat());
    assert!(told.contains("with all later facts taken away"), "{told}");
    // The ledger goes on: the same points give the same bytes, and from the ledger's dataset the same values.
    let before = read(at, "history.parquet");
    record("third.csv", &[("three", "9")]);
    done(at, &[&make[..], &["--data", "d", "--out", "again.parquet"]].concat());
    assert!(read(at, "again.parquet") == before);
    let told = done(at, &[&check[..], &["--data", "d", "--all"]].concat());
    assert!(told.contains("2 of 2 rows"), "{told}");
    let told = done(at, &[&check[..], &["--dataset", "third.csv.dataset", "--all"]].concat());
    assert!(
        told.contains("of another source than the table's") && told.contains("every value is equal"),
        "{told}"
    );
    // A source that ends before the points knows nothing of them.
    refused(
        at,
        &[&check[..], &["--dataset", "first.csv.dataset"]].concat(),
        2,
        "the last one the source knows of",
    );
}

#[test]
fn relatives_and_results_are_read_and_the_check_says_what_it_did_not_do() {
    let folder = prepared();
    let at = folder.path();
    let head = FEATURES.split("features:\n").next().unwrap();
    let text = format!(
        "{head}features:\n  - {{id: shared, title: x, source: {{project: x}}, reading: {{related: {{by: responsible-person, depth: 1, \
         combine: sum, reading: {{in_force: abnormal-operation}}}}}}}}\n  - {{id: score, title: x, source: {{project: x}}, \
         reading: {{result: {{standard: public-comprehensive, take: score}}}}}}\n"
    );
    std::fs::write(at.join("features.yaml"), text).unwrap();
    done(at, &MAKE);
    let lineage = lineage(at, "history.lineage.json");
    let editions: Vec<&Value> =
        lineage["standards"].as_array().unwrap().iter().map(|s| &s["edition"]).collect();
    assert_eq!(editions, ["2019.1", "2026.1"]);
    assert!(lineage["columns"][1]["known"].as_u64().unwrap() > 0);
    let told = done(at, &[&CHECK[..], &["--all"]].concat());
    assert!(
        told.contains("relatives are looked at") && told.contains("every value is equal, recomputed"),
        "{told}"
    );
}

#[test]
fn a_file_with_faults_is_shown_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text =
        FEATURES.replace("title: Years", "titel: Years").replace("attribute: size", "attribute: weight");
    std::fs::write(at.join("features.yaml"), text).unwrap();
    let (code, told, _) = hengxin(at, &["features", "show", "features.yaml"]);
    assert_eq!(code, Some(2));
    for said in ["features.yaml:10:", "unknown-key: found `titel`", "features.yaml:12:", "found `weight`"] {
        assert!(told.contains(said), "`{said}` in: {told}");
    }
    std::fs::write(at.join("features.yaml"), FEATURES).unwrap();
    assert!(done(at, &["features", "show", "features.yaml"]).contains("attribute: size"));
}

/// Counts are whole numbers in the table, so that readers need no conversion.
#[test]
fn counts_are_whole_numbers_and_what_is_unknown_is_null() {
    let folder = prepared();
    let at = folder.path();
    done(at, &MAKE);
    let reader = batches(at, "history.parquet");
    let (mut nulls, mut rows) = (0, 0);
    for batch in reader {
        let column: &Int64Array = batch.column_by_name("age").unwrap().as_primitive::<Int64Type>();
        nulls += column.null_count() as u64;
        rows += column.len() as u64;
    }
    let lineage = lineage(at, "history.lineage.json");
    assert_eq!(lineage["rows"]["written"], rows);
    assert_eq!(lineage["columns"][4]["known"], rows - nulls);
}
