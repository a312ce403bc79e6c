//! Histories in Parquet files: what is read, what is refused, and that order changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use hengxin_models::SplitMix64;
use hengxin_models::history::{
    Codes, Description, Feature, Finding, Fine, History, HistoryError, Kind, Label, Split, Table, Value,
};
use parquet::arrow::ArrowWriter;

fn write(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let path = folder.join(name);
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)));
    let batch = batch.expect("columns of one length");
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path
}

fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn target() -> (&'static str, ArrayRef) {
    ("y", Arc::new(Int32Array::from(vec![0, 1, 0, 1])))
}

fn by_y() -> Description {
    Description::of_target("y", Label::Number(1.0))
}

fn encode(files: &[PathBuf], description: Description) -> Result<Table, HistoryError> {
    let history = History::open(files, description)?;
    history.encode(&Split::none(history.rows.len()), 2)
}

#[track_caller]
fn refused(columns: Vec<(&str, ArrayRef)>, description: Description, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "h.parquet", columns);
    let error = encode(&[file], description).expect_err("refused").to_string();
    let error = error.replace(&folder.path().display().to_string(), "");
    assert_eq!(error, expected);
}

#[test]
fn every_type_becomes_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    for value in [Some("b"), None, Some("a"), Some("b")] {
        dictionary.append_option(value);
    }
    let file = write(
        folder.path(),
        "h.parquet",
        vec![
            target(),
            ("n", numbers(&[3.0, f64::NAN, -999.0, 1.0])),
            ("t", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]))),
            ("d", Arc::new(Date32Array::from(vec![0, 10, 20, 30]))),
            ("s", Arc::new(StringArray::from(vec![Some("x"), Some("?"), None, Some("y")]))),
            ("k", Arc::new(dictionary.finish())),
            ("c", Arc::new(Int32Array::from(vec![7, 7, 8, 9]))),
        ],
    );
    let mut description = by_y();
    let special = |label| Feature { special: vec![label], ..Feature::default() };
    description.columns.insert("n".into(), special(Label::Number(-999.0)));
    description.columns.insert("s".into(), special(Label::Text("?".into())));
    description.columns.insert("c".into(), Feature { kind: Some(Kind::Categorical), ..Feature::default() });
    let table = encode(&[file], description).expect("a table");
    let codes: Vec<(&str, Vec<usize>)> = table
        .columns
        .iter()
        .map(|c| (c.layout.column.as_str(), (0..c.codes.len()).map(|row| c.codes.at(row)).collect()))
        .collect();
    assert_eq!(
        codes,
        [
            ("n", vec![4, 0, 1, 3]),
            ("t", vec![3, 0, 2, 3]),
            ("d", vec![2, 3, 4, 5]),
            ("s", vec![3, 1, 0, 4]),
            ("k", vec![3, 0, 2, 3]),
            ("c", vec![2, 2, 3, 4]),
        ]
    );
    assert_eq!(table.columns[2].layout.fine, Fine::Numeric { edges: vec![10.0, 20.0, 30.0] });
    assert_eq!(table.columns[0].layout.code(Value::Number(2.0)), 3, "2 lies below the edge at 3");
}

#[test]
fn bad_targets_are_refused() {
    let y = |values: Vec<Option<i32>>| vec![("y", Arc::new(Int32Array::from(values)) as ArrayRef)];
    refused(y(vec![Some(1), Some(1)]), by_y(), "target `y` holds `1` only, expected two classes");
    refused(
        y(vec![Some(1), Some(0), Some(2)]),
        by_y(),
        "target `y` holds `0` (1 rows), `1` (1 rows), `2` (1 rows), expected `1` and one other value",
    );
    refused(
        y(vec![Some(3), Some(0)]),
        by_y(),
        "target `y` holds `0` (1 rows), `3` (1 rows), expected `1` and one other value",
    );
    refused(
        y(vec![Some(1), None]),
        by_y(),
        "`/h.parquet`: row 2: column `y` holds `nothing`, expected one of two values",
    );
    refused(y(vec![Some(1), Some(0)]), by_y(), "the history has no feature");
    refused(y(vec![]), by_y(), "the history has no row");
}

#[test]
fn bad_values_are_refused_with_their_place() {
    let inf = numbers(&[1.0, 2.0, f64::INFINITY, 0.0]);
    refused(
        vec![target(), ("x", inf)],
        by_y(),
        "`/h.parquet`: row 3: column `x` holds `inf`, expected a finite number, or an infinity declared special",
    );
    let weighted = Description { weight: Some("w".into()), ..by_y() };
    refused(
        vec![target(), ("w", numbers(&[1.0, -1.0, 1.0, 1.0]))],
        weighted,
        "`/h.parquet`: row 2: column `w` holds `-1`, expected a weight from 0 to 65536",
    );
    let monthly = Description { month: Some("m".into()), ..by_y() };
    refused(
        vec![target(), ("m", Arc::new(Int32Array::from(vec![202_401, 202_413, 202_402, 202_403])))],
        monthly,
        "`/h.parquet`: row 2: column `m` holds `202413`, expected a date, `yyyymm`, `yyyy-mm` or `yyyy-mm-dd`",
    );
    let excluded = Description { exclude: vec!["z".into()], ..by_y() };
    refused(vec![target()], excluded, "`/h.parquet` has no column `z`; it has `y`");
}

#[test]
fn an_infinity_may_be_special() {
    let folder = tempfile::tempdir().expect("a folder");
    let x = numbers(&[1.0, 2.0, f64::INFINITY, 0.0]);
    let file = write(folder.path(), "h.parquet", vec![target(), ("x", x)]);
    let mut description = by_y();
    let special = vec![Label::Number(f64::INFINITY)];
    description.columns.insert("x".into(), Feature { special, ..Feature::default() });
    let table = encode(&[file], description).expect("a table");
    assert_eq!(table.columns[0].codes, Codes::Narrow(vec![4, 5, 1, 3]));
}

#[test]
fn useless_and_suspicious_columns_are_findings() {
    let folder = tempfile::tempdir().expect("a folder");
    let n = 12_000;
    let rows = 12_000;
    let y: Vec<i32> = (0..n).map(|i| i32::from(i % 5 == 0)).collect();
    let file = write(
        folder.path(),
        "h.parquet",
        vec![
            ("y", Arc::new(Int32Array::from(y.clone()))),
            ("empty", Arc::new(Float64Array::from(vec![None; rows]))),
            ("same", Arc::new(Int32Array::from(vec![4; rows]))),
            (
                "many",
                Arc::new(StringArray::from((0..n).map(|i| format!("k{}", i % 10_000)).collect::<Vec<_>>())),
            ),
            ("leak", Arc::new(Int32Array::from(y.iter().map(|y| 7 - y).collect::<Vec<_>>()))),
        ],
    );
    let table = encode(&[file], by_y()).expect("a table");
    assert_eq!(
        table.findings,
        [
            Finding::AllMissing { column: "empty".into() },
            Finding::Constant { column: "same".into(), value: "4".into() },
            Finding::ManyCategories { column: "many".into(), found: 10_000 },
            Finding::Separates { column: "leak".into(), error: 0.0 },
        ]
    );
    assert!(matches!(table.columns[2].codes, Codes::Wide(_)));
}

#[test]
fn row_order_files_and_threads_change_no_layout() {
    let folder = tempfile::tempdir().expect("a folder");
    let seed = 11;
    let mut random = SplitMix64(seed);
    let mut rows: Vec<(i32, f64, String)> = (0..5000)
        .map(|_| {
            let x = libm_exp(8.0 * random.unit());
            (i32::from(random.below(9) == 0), x, format!("c{}", random.below(40)))
        })
        .collect();
    let file = |name: &str, rows: &[(i32, f64, String)]| {
        write(
            folder.path(),
            name,
            vec![
                ("y", Arc::new(Int32Array::from(rows.iter().map(|r| r.0).collect::<Vec<_>>()))),
                ("x", numbers(&rows.iter().map(|r| r.1).collect::<Vec<_>>())),
                ("c", Arc::new(StringArray::from(rows.iter().map(|r| r.2.clone()).collect::<Vec<_>>()))),
            ],
        )
    };
    let read = |files: &[PathBuf], threads| {
        let history = History::open(files, by_y()).expect("a history");
        let split = Split::none(history.rows.len());
        let table = history.encode(&split, threads).expect("a table");
        let counts: Vec<_> = table.columns.iter().map(|c| c.counts(&history.rows, &split.learn)).collect();
        let layouts: Vec<_> = table.columns.into_iter().map(|c| c.layout).collect();
        (layouts, counts)
    };
    let whole = read(&[file("whole.parquet", &rows)], 1);
    for i in (1..rows.len()).rev() {
        rows.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
    }
    let (a, b) = rows.split_at(1234);
    let parts = read(&[file("a.parquet", a), file("b.parquet", b)], 3);
    assert!(whole == parts, "seed {seed}");
}

fn libm_exp(x: f64) -> f64 {
    x.exp()
}
