//! What can be wrong with a history or a card: each is an error or a finding that names it, never a number that says nothing.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use hengxin_models::SplitMix64;
use hengxin_models::history::{Codes, History};
use hengxin_models::model::Model;
use hengxin_models::plan::Plan;
use hengxin_models::scoring::{encode, score};
use hengxin_models::training::{Trained, TrainingError, split, train};
use hengxin_models::validation::{Request, Subject, validate};
use parquet::arrow::ArrowWriter;

const ROWS: usize = 2000;
const SEED: u64 = 8;

type Columns = Vec<(&'static str, ArrayRef)>;

/// One honest feature, a target that it foretells in part, and a month.
fn honest() -> Columns {
    let mut random = SplitMix64(SEED);
    let x: Vec<f64> = (0..ROWS).map(|_| random.unit()).collect();
    let y = x.iter().map(|x| i32::from(random.unit() < 0.1 + 0.4 * x)).collect::<Vec<i32>>();
    let month = (0..ROWS).map(|row| 202_401 + i32::try_from(row % 6).expect("small")).collect::<Vec<i32>>();
    vec![
        ("y", Arc::new(Int32Array::from(y))),
        ("x", Arc::new(Float64Array::from(x))),
        ("month", Arc::new(Int32Array::from(month))),
    ]
}

fn target(columns: &Columns) -> Vec<i32> {
    columns[0].1.as_any().downcast_ref::<Int32Array>().expect("numbers").values().to_vec()
}

fn with(name: &'static str, column: ArrayRef) -> Columns {
    let mut columns = honest();
    columns.push((name, column));
    columns
}

fn write(folder: &Path, columns: Columns) -> PathBuf {
    let path = folder.join("history.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)));
    let batch = batch.expect("columns of one length");
    let file = std::fs::File::create(&path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path
}

fn plan(change: impl FnOnce(&mut serde_json::Value)) -> Plan {
    let mut document = serde_json::json!({
        "id": "credit", "edition": "1", "title": "Credit",
        "history": {"target": {"column": "y", "default": 1}, "month": "month", "decimals": 4},
        "split": {"rows": {"share": 0.3, "seed": 42}},
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}
    });
    change(&mut document);
    serde_json::from_value(document).expect("a plan")
}

fn trained(columns: Columns, plan: &Plan) -> Result<Trained, TrainingError> {
    let folder = tempfile::tempdir().expect("a folder");
    train(&[write(folder.path(), columns)], plan, 2)
}

/// The history cannot be used, and the message says why.
#[track_caller]
fn refused(columns: Columns, plan: &Plan, said: &str) {
    let Err(problem) = trained(columns, plan) else { panic!("a model, expected `{said}`") };
    assert!(problem.to_string().contains(said), "{problem}");
}

/// There is a model, and it says what is odd; the odd column is not in it when `out` is given its reason.
#[track_caller]
fn found(columns: Columns, said: &str, out: Option<(&str, &str)>) {
    let model = trained(columns, &plan(|_| {})).expect("a model").model;
    assert!(model.findings.iter().any(|finding| finding.contains(said)), "{:?}", model.findings);
    if let Some((column, reason)) = out {
        let left = model.left_out.iter().find(|left| left.column == column);
        assert!(left.is_some_and(|left| left.reason.contains(reason)), "{:?}", model.left_out);
        assert!(!model.columns().contains(&column));
    }
}

#[test]
fn an_honest_history_has_nothing_to_tell() {
    let model = trained(honest(), &plan(|_| {})).expect("a model").model;
    assert_eq!((model.findings, model.features.len()), (vec![], 1), "seed {SEED}");
}

#[test]
fn one_class_only_is_refused() {
    let mut columns = honest();
    columns[0].1 = Arc::new(Int32Array::from(vec![0; ROWS]));
    refused(columns, &plan(|_| {}), "target `y` holds `0` only, expected two classes");
    // Both classes, but one of them on one side of the split only.
    let mut columns = honest();
    let late = (0..ROWS).map(|row| i32::from(row % 6 == 5 && row % 4 == 1));
    columns[0].1 = Arc::new(Int32Array::from(late.collect::<Vec<_>>()));
    let by_month = plan(|p| p["split"] = serde_json::json!({"from-month": "2024-06"}));
    refused(columns, &by_month, "the rows that learn are 1667 with 0 defaults and 1667 others by weight");
}

#[test]
fn a_label_of_three_values_is_refused() {
    let mut columns = honest();
    let mut y = target(&columns);
    y[7] = 2;
    columns[0].1 = Arc::new(Int32Array::from(y));
    refused(columns, &plan(|_| {}), "`2` (1 rows), expected `1` and one other value");
}

#[test]
fn a_constant_column_is_found_and_left_out() {
    let same = Arc::new(Float64Array::from(vec![4.5; ROWS]));
    found(
        with("same", same),
        "`same` is `4.5` wherever it is known",
        Some(("same", "information value of 0.0000")),
    );
}

#[test]
fn a_column_without_values_is_found_and_left_out() {
    let empty = Arc::new(Float64Array::from(vec![None; ROWS]));
    let reason = Some(("empty", "information value of 0.0000"));
    found(with("empty", empty), "`empty` is missing in all learning rows", reason);
}

#[test]
fn the_target_hidden_in_a_feature_is_found() {
    let y = target(&honest());
    let name = y.iter().map(|y| if *y == 1 { "closed" } else { "open" }).collect::<Vec<_>>();
    let said = "`leak` tells defaults from the rest without error: the target may be hidden in it";
    found(with("leak", Arc::new(StringArray::from(name))), said, None);
    // In a number, of which no two are alike: by where it lies.
    let mut random = SplitMix64(SEED);
    let number: Vec<f64> = y.iter().map(|y| f64::from(*y) + 0.9 * random.unit()).collect();
    found(with("leak", Arc::new(Float64Array::from(number))), "`leak` tells defaults from the rest", None);
    // In what is missing.
    let date: Vec<Option<f64>> = y.iter().map(|y| (*y == 1).then(|| random.unit())).collect();
    found(with("leak", Arc::new(Float64Array::from(date))), "`leak` tells defaults from the rest", None);
}

#[test]
fn the_target_hidden_in_features_together_is_refused_unless_a_ridge_holds_it() {
    // The class is what most of three say, none of which tells it alone.
    let mut columns = honest();
    let mut random = SplitMix64(SEED);
    let says: Vec<[f64; 3]> = (0..ROWS).map(|_| [0; 3].map(|_| (random.unit() * 2.0).floor())).collect();
    let most = says.iter().map(|says| i32::from(says.iter().sum::<f64>() >= 2.0));
    columns[0].1 = Arc::new(Int32Array::from(most.collect::<Vec<_>>()));
    for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
        columns
            .push((name, Arc::new(Float64Array::from(says.iter().map(|says| says[at]).collect::<Vec<_>>()))));
    }
    let bare = plan(|p| p["regression"] = serde_json::json!({"ridge": 0, "bounds": "none"}));
    refused(columns.clone(), &bare, "the classes can be told apart without error (by ");
    assert!(trained(columns, &plan(|_| {})).is_ok());
}

#[test]
fn an_id_is_no_hidden_target() {
    let ids = (0..ROWS).map(|row| format!("loan {row}")).collect::<Vec<_>>();
    let model = trained(with("id", Arc::new(StringArray::from(ids))), &plan(|_| {})).expect("a model").model;
    assert!(!model.findings.iter().any(|finding| finding.contains("hidden")), "{:?}", model.findings);
}

#[test]
fn ten_thousand_categories_are_found() {
    let times = 6;
    let repeat = |column: &ArrayRef| -> ArrayRef {
        let parts: Vec<&dyn arrow_array::Array> = vec![column.as_ref(); times];
        let rows = parts.iter().map(|part| part.len()).sum::<usize>();
        match column.as_any().downcast_ref::<Int32Array>() {
            Some(numbers) => {
                Arc::new(Int32Array::from_iter_values(numbers.values().iter().copied().cycle().take(rows)))
            }
            None => {
                let numbers = column.as_any().downcast_ref::<Float64Array>().expect("numbers");
                Arc::new(Float64Array::from_iter_values(numbers.values().iter().copied().cycle().take(rows)))
            }
        }
    };
    let mut columns: Columns = honest().iter().map(|(name, column)| (*name, repeat(column))).collect();
    let names = (0..ROWS * times).map(|row| format!("street {}", row % 11_000)).collect::<Vec<_>>();
    columns.push(("street", Arc::new(StringArray::from(names))));
    let model = trained(columns, &plan(|p| p["split"] = "none".into())).expect("a model").model;
    assert!(model.findings.contains(&"`street` has 11000 categories".to_owned()), "{:?}", model.findings);
}

#[test]
fn an_infinity_is_refused_in_training_and_in_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let card = trained(honest(), &plan(|_| {})).expect("a model").model.card().expect("a card");
    let mut columns = honest();
    let mut x: Vec<f64> = vec![0.5; ROWS];
    x[4] = f64::NEG_INFINITY;
    columns[1].1 = Arc::new(Float64Array::from(x));
    let said = "row 5: column `x` holds `-inf`, expected a finite number";
    refused(columns.clone(), &plan(|_| {}), said);
    let problem = score(&[write(folder.path(), columns)], &card, 1).expect_err("refused").to_string();
    assert!(problem.contains(said), "{problem}");
}

#[test]
fn a_negative_weight_is_refused() {
    let mut weight = vec![1.0; ROWS];
    weight[9] = -0.5;
    let weighted = plan(|p| p["history"]["weight"] = "w".into());
    let said = "row 10: column `w` holds `-0.5`, expected a weight from 0 to 65536";
    refused(with("w", Arc::new(Float64Array::from(weight))), &weighted, said);
}

#[test]
fn a_date_that_knows_the_future_is_found() {
    // Days since 1970: the first of the month of the row, and for every tenth default the day of it, half a year later.
    let y = target(&honest());
    let day = |row: usize| [19_723, 19_754, 19_783, 19_814, 19_844, 19_875][row % 6];
    let late = |row: usize| y[row] == 1 && row.is_multiple_of(10);
    let days: Vec<i32> = (0..ROWS).map(|row| day(row) + if late(row) { 180 } else { 0 }).collect();
    let said = |rows: usize| format!("has a date after the month of the row in {rows} learning rows");
    let none = plan(|p| p["split"] = "none".into());
    let rows = (0..ROWS).filter(|row| late(*row)).count();
    let check = |column: ArrayRef, expected: Option<usize>| {
        let model = trained(with("seen", column), &none).expect("a model").model;
        match expected {
            Some(rows) => assert!(model.findings[0].contains(&said(rows)), "{:?}", model.findings),
            None => assert_eq!(model.findings, Vec::<String>::new()),
        }
    };
    check(Arc::new(Date32Array::from(days.clone())), Some(rows));
    check(Arc::new(Date32Array::from((0..ROWS).map(day).collect::<Vec<_>>())), None);
    // The same written as texts and as numbers of eight digits.
    let written = |row: usize| if late(row) { "2024-12-01" } else { "2023-12-24" };
    check(Arc::new(StringArray::from((0..ROWS).map(written).collect::<Vec<_>>())), Some(rows));
    let digits = |row: usize| {
        if late(row) { 20_241_201 } else { 20_231_200 + 1 + i32::try_from(row % 28).expect("small") }
    };
    check(Arc::new(Int32Array::from((0..ROWS).map(digits).collect::<Vec<_>>())), Some(rows));
    // Sums of money are no dates.
    let money = |row: usize| 150_000 + i32::try_from(row).expect("small") * 37;
    check(Arc::new(Int32Array::from((0..ROWS).map(money).collect::<Vec<_>>())), None);
    // Without months nobody can tell, and that is told.
    let blind = plan(|p| {
        p["history"]["month"] = serde_json::Value::Null;
        p["history"]["exclude"] = serde_json::json!(["month"]);
    });
    let model = trained(with("seen", Arc::new(Date32Array::from(days))), &blind).expect("a model").model;
    assert!(
        model.findings[0].contains("`seen` holds dates, and the history names no month"),
        "{:?}",
        model.findings
    );
}

#[test]
fn rows_on_both_sides_of_the_split_are_found_in_the_report() {
    let folder = tempfile::tempdir().expect("a folder");
    // The second half is the first once more, month and all.
    let halved = |column: &ArrayRef| -> ArrayRef {
        match column.as_any().downcast_ref::<Int32Array>() {
            Some(n) => Arc::new(Int32Array::from_iter_values(
                n.values().iter().copied().take(ROWS / 2).cycle().take(ROWS),
            )),
            None => {
                let n = column.as_any().downcast_ref::<Float64Array>().expect("numbers");
                Arc::new(Float64Array::from_iter_values(
                    n.values().iter().copied().take(ROWS / 2).cycle().take(ROWS),
                ))
            }
        }
    };
    let file = write(folder.path(), honest().iter().map(|(name, column)| (*name, halved(column))).collect());
    let model = train(std::slice::from_ref(&file), &plan(|_| {}), 2).expect("a model").model;
    let card = model.card().expect("a card");
    let history = History::open(std::slice::from_ref(&file), model.plan.history.clone()).expect("a history");
    let sides = split(&history.rows, &model.plan.split).expect("sides");
    let (codes, _) = encode(&[file], &card, 2).expect("codes");
    let subject = Subject {
        name: "twice",
        card: &card,
        codes: &codes.iter().collect::<Vec<&Codes>>(),
        rows: &history.rows,
        split: &sides,
        labels: &[],
        digests: &history.digests().expect("digests"),
    };
    let request: Request = serde_json::from_str(r#"{"limits": {"duplicates_max": 0}}"#).expect("a request");
    let report = validate(&subject, &request).expect("a report");
    let learns = |row: u32| sides.learn.binary_search(&row).is_ok();
    let half = u32::try_from(ROWS / 2).expect("small");
    let twice = sides.hold.iter().filter(|row| learns((**row + half) % (2 * half))).count();
    assert!(twice > 100);
    let said = format!("{twice} held-out rows equal a learning row: held-out figures may be too good");
    assert!(report.findings.contains(&said), "{:?}", report.findings);
    assert!(!report.passed());
}

#[test]
fn a_column_renamed_since_training_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = trained(honest(), &plan(|_| {})).expect("a model").model;
    let mut columns = honest();
    columns[1].0 = "x_new";
    let file = write(folder.path(), columns);
    let problem = score(std::slice::from_ref(&file), &model.card().expect("a card"), 1).expect_err("refused");
    assert!(problem.to_string().ends_with("has no column `x`; it has `y`, `x_new`, `month`"), "{problem}");
    let problem = train(&[file], &plan(|p| p["history"]["columns"] = serde_json::json!({"x": {}})), 1);
    let Err(problem) = problem else { panic!("a model of a column that is not there") };
    assert!(problem.to_string().contains("has no column `x`"), "{problem}");
}

#[test]
fn bins_that_do_not_cover_a_value_are_refused() {
    let kinds = StringArray::from((0..ROWS).map(|row| ["a", "b", "c"][row % 3]).collect::<Vec<_>>());
    let all = plan(|p| {
        p["selection"] = serde_json::json!({"information_value_min": 0});
        p["regression"] = serde_json::json!({"bounds": "none", "ridge": 1});
    });
    let model = trained(with("kind", Arc::new(kinds)), &all).expect("a model").model;
    let document: serde_json::Value = serde_json::from_str(&model.to_json()).expect("JSON");
    let place = |column: &str| model.columns().iter().position(|name| *name == column).expect("a feature");
    let check = |column: &str, change: &dyn Fn(&mut Vec<serde_json::Value>), said: &str| {
        let mut document = document.clone();
        change(document["features"][place(column)]["bins"].as_array_mut().expect("bins"));
        let problem = Model::read(document.to_string().as_bytes()).expect_err("refused").to_string();
        assert!(problem.contains(said), "{problem}");
    };
    assert!(model.features[place("x")].bins.len() > 4, "three ranges or more");
    check("x", &|bins| drop(bins.remove(1)), "expected bins that ascend without gaps");
    check("x", &|bins| drop(bins.remove(0)), "expected bins that ascend without gaps");
    check(
        "x",
        &|bins| bins[1]["range"][1] = bins[1]["range"][0].clone(),
        "expected bins that ascend without gaps",
    );
    check(
        "x",
        &|bins| bins.retain(|bin| bin["range"][1] != serde_json::Value::Null || bin["range"].is_null()),
        "no bin without an upper end",
    );
    check(
        "kind",
        &|bins| bins.retain(|bin| bin["unseen"].is_null()),
        "0 bins of unseen values, expected one",
    );
    check(
        "kind",
        &|bins| bins.retain(|bin| bin["missing"].is_null()),
        "0 bins of missing values, expected one",
    );
    check(
        "kind",
        &|bins| bins[0]["categories"] = serde_json::json!(["a", "b", "b"]),
        "in two bins, expected each",
    );
}
