//! Files other programs wrote: read, or refused with what is wrong with them.
//!
//! What pyarrow and `DuckDB` write is tested when `HENGXIN_PYTHON` names a Python that has both; otherwise that is skipped,
//! aloud.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, LargeStringArray, RecordBatch, StringArray};
use arrow_array::{TimestampMicrosecondArray, UInt64Array};
use hengxin_batch::sort::{Options, sort};
use hengxin_core::vocabulary::Vocabulary;
use parquet::arrow::ArrowWriter;

fn vocabulary() -> Arc<Vocabulary> {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    Arc::clone(&hengxin_standard::Catalogue::load(&standards).expect("the shipped standards").vocabulary)
}

const CODE: &str = "91110101MA00000U27";

fn good() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("fact", Arc::new(UInt64Array::from(vec![2, 1]))),
        ("subject", Arc::new(LargeStringArray::from(vec![CODE, CODE]))),
        ("class", Arc::new(StringArray::from(vec!["inspection;result=passed", "inspection;result=failed"]))),
        ("occurred_on", Arc::new(Date32Array::from(vec![20_001, 20_000]))),
        ("known_from", Arc::new(TimestampMicrosecondArray::from(vec![5, 5]))),
    ]
}

fn write(folder: &Path, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let path = folder.join("facts.parquet");
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path
}

fn sorted(path: &Path) -> Result<u64, String> {
    let out = tempfile::tempdir().expect("a folder");
    let options = Options { memory: 16 << 20, deliveries: Vec::new(), temporary: std::env::temp_dir() };
    let place = out.path().into();
    let done = sort(&[path.to_owned()], &vocabulary(), &options, &place, None, &|_| {});
    done.map(|(manifest, _)| manifest.rows)
        .map_err(|e| e.to_string().replace(&format!("{}", path.display()), "FILE"))
}

/// The message about a file in which one column is another.
#[track_caller]
fn check(column: &'static str, other: Option<ArrayRef>, message: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut columns = good();
    columns.retain(|(name, _)| *name != column);
    columns.extend(other.map(|other| (column, other)));
    let found = sorted(&write(folder.path(), columns)).expect_err("refused");
    assert_eq!(found, message);
}

#[test]
fn large_texts_and_missing_optional_columns_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(sorted(&write(folder.path(), good())), Ok(2));
    let mut columns = good();
    columns.retain(|(name, _)| *name != "fact");
    assert_eq!(sorted(&write(folder.path(), columns)), Ok(2), "rows without ids get some");
}

#[test]
fn a_missing_column_is_named() {
    check(
        "class",
        None,
        "FILE, column `class`: found no such column among `fact`, `subject`, `occurred_on`, `known_from`, expected a \
         column `class`",
    );
}

#[test]
fn a_column_of_the_wrong_type_is_named() {
    check(
        "occurred_on",
        Some(Arc::new(Int64Array::from(vec![1, 2]))),
        "FILE, column `occurred_on`: found type Int64, expected a date (DATE)",
    );
}

#[test]
fn an_undeclared_code_is_named_with_its_row() {
    check(
        "class",
        Some(Arc::new(StringArray::from(vec!["inspection;result=passed", "parking-ticket"]))),
        "FILE, row 2, column `class`: found fact code `parking-ticket`, which vocabulary 1 does not declare, expected \
         a class of the vocabulary",
    );
}

#[test]
fn a_wrong_code_is_named_with_its_row() {
    let codes = Arc::new(StringArray::from(vec![Some(CODE), None]));
    check(
        "subject",
        Some(codes),
        "FILE, row 2, column `subject`: found nothing, expected a valid unified social credit code",
    );
}

#[test]
fn a_day_and_a_moment_must_be_there_in_every_row() {
    check(
        "known_from",
        Some(Arc::new(TimestampMicrosecondArray::from(vec![None, Some(1)]))),
        "FILE, row 1, column `known_from`: found nothing, expected a moment",
    );
    let instants = TimestampMicrosecondArray::from(vec![0, 5]);
    check(
        "occurred_on",
        Some(Arc::new(instants)),
        "FILE, row 2, column `occurred_on`: found the instant 1970-01-01T00:00:00.000005Z instead of a day, expected \
         a day",
    );
}

#[test]
fn a_file_cut_short_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), good());
    let bytes = std::fs::read(&path).expect("bytes");
    std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("written");
    let found = sorted(&path).expect_err("refused");
    assert!(found.starts_with("FILE: ") && found.ends_with("; expected a whole Parquet file"), "{found}");
}

const SCRIPT: &str = r#"
import datetime, sys
import duckdb, pyarrow as pa, pyarrow.parquet as pq
folder = sys.argv[1]
code = "91110101MA00000U27"
moment = datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.timezone.utc)
columns = {
    "subject": pa.array([code] * 3, pa.large_string()),
    "class": pa.array(["inspection;result=passed"] * 3, pa.large_string()),
    "occurred_on": pa.array([datetime.date(2026, 1, 3), datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)]),
    "known_from": pa.array([moment] * 3, pa.timestamp("us", "UTC")),
    "number": pa.array([None, 5, 6], pa.int32()),
    "fact": pa.array([1, 2, 3], pa.uint64()),
    "ends_on": pa.array([None, datetime.date(2026, 2, 1), None]),
}
table = pa.table(columns)
pq.write_table(table, f"{folder}/plain.parquet", use_dictionary=False, compression="none")
pq.write_table(table, f"{folder}/v2.parquet", data_page_version="2.0", compression="zstd")
pq.write_table(table, f"{folder}/int96.parquet", use_deprecated_int96_timestamps=True, compression="snappy")
pq.write_table(table.cast(pa.schema([f.with_type(pa.string_view()) if f.type == pa.large_string() else f
                                     for f in table.schema])), f"{folder}/views.parquet")
duckdb.register("facts", table)
duckdb.sql(f"copy (select * from facts) to '{folder}/duckdb.parquet' (format parquet)")
"#;

#[test]
fn what_pyarrow_and_duckdb_write_is_read() {
    let Ok(python) = std::env::var("HENGXIN_PYTHON") else {
        eprintln!("skipped: HENGXIN_PYTHON names no Python with pyarrow and duckdb");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let ran = std::process::Command::new(python).arg("-c").arg(SCRIPT).arg(folder.path()).status();
    assert!(ran.expect("python starts").success(), "the script runs");
    let out = tempfile::tempdir().expect("a folder");
    let mut digests = Vec::new();
    for name in ["plain", "v2", "int96", "views", "duckdb"] {
        let path = folder.path().join(format!("{name}.parquet"));
        let options = Options { memory: 16 << 20, deliveries: Vec::new(), temporary: std::env::temp_dir() };
        let place = out.path().join(name).as_path().into();
        let (manifest, _) = sort(&[path], &vocabulary(), &options, &place, None, &|_| {}).expect(name);
        assert_eq!(manifest.rows, 3, "{name}");
        digests.push(manifest.shards[0].sha256.clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "however it was written, the dataset is the same");
}
