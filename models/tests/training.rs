//! From a plan to a model, by public data and by tables made for one fault.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use common::Set;
use hengxin_models::SplitMix64;
use hengxin_models::model::Model;
use hengxin_models::plan::Plan;
use hengxin_models::scoring::score;
use hengxin_models::training::{Record, Trained, train};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

fn plan(change: impl FnOnce(&mut serde_json::Value)) -> Plan {
    let mut document = serde_json::json!({
        "id": "credit", "edition": "2026.1", "title": "Credit",
        "history": {"target": {"column": "creditability", "default": "bad"}},
        "split": "none",
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}
    });
    change(&mut document);
    serde_json::from_value(document).expect("a plan")
}

/// Numbers where every cell is one, texts otherwise.
fn columns(set: &Set) -> Vec<(String, ArrayRef)> {
    let of = |cells: &Vec<String>| -> ArrayRef {
        let numbers: Option<Vec<Option<f64>>> = cells
            .iter()
            .map(|cell| if cell.is_empty() || cell == "?" { Some(None) } else { cell.parse().ok().map(Some) })
            .collect();
        match numbers {
            Some(numbers) => Arc::new(Float64Array::from(numbers)),
            None => Arc::new(StringArray::from(cells.clone())),
        }
    };
    set.names.iter().cloned().zip(set.columns.iter().map(of)).collect()
}

fn write(folder: &Path, name: &str, columns: Vec<(String, ArrayRef)>, group: usize) -> PathBuf {
    let path = folder.join(name);
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)));
    let batch = batch.expect("columns of one length");
    let file = std::fs::File::create(&path).expect("a file");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    path
}

fn taken(column: &ArrayRef, order: &[usize]) -> ArrayRef {
    if let Some(texts) = column.as_any().downcast_ref::<StringArray>() {
        return Arc::new(
            order.iter().map(|row| texts.is_valid(*row).then(|| texts.value(*row))).collect::<StringArray>(),
        );
    }
    let numbers = column.as_any().downcast_ref::<Float64Array>().expect("numbers");
    Arc::new(
        order.iter().map(|row| numbers.is_valid(*row).then(|| numbers.value(*row))).collect::<Float64Array>(),
    )
}

#[test]
fn a_model_read_back_scores_as_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sets = vec![common::german()];
    sets.extend(common::polish());
    sets.extend(common::card_defaults());
    for set in sets {
        let file = write(folder.path(), set.name, columns(&set), 700);
        let plan = plan(|p| {
            p["history"]["target"] = serde_json::json!({"column": set.target, "default": set.default});
            p["split"] = serde_json::json!({"rows": {"share": 0.3, "seed": 42}});
        });
        let Trained { model, scores, .. } = train(std::slice::from_ref(&file), &plan, 2).expect("a model");
        let read = Model::read(model.to_json().as_bytes()).expect("a model");
        assert_eq!(read, model, "{}", set.name);
        assert_eq!(read.fit.outcome, "converged");
        let (again, surprises) = score(&[file], &read.card().expect("a card"), 2).expect("scores");
        assert!(again == scores, "{}: every row earns the points it earned in training", set.name);
        println!("{}: {} rows, {} features, {surprises:?}", set.name, scores.len(), model.features.len());
    }
}

#[test]
fn the_order_of_rows_and_columns_and_the_number_of_threads_leave_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = common::german();
    let given = columns(&set);
    let plans = [
        serde_json::json!({"stepwise": {"enter": 0.05, "leave": 0.1}}),
        serde_json::json!({"lasso": "bic"}),
        serde_json::json!({"lasso": {"fixed": 0.004}, "correlation_max": null}),
    ]
    .map(|selection| plan(|p| p["selection"] = selection));
    let first = [write(folder.path(), "first.parquet", given.clone(), 1000)];
    let expected = plans.each_ref().map(|plan| train(&first, plan, 1).expect("a model").model.to_json());
    for (seed, threads, group) in [(1, 1, 100), (2, 2, 7), (3, 3, 1000)] {
        let mut random = SplitMix64(seed);
        let mut order: Vec<usize> = (0..1000).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
        }
        let mut shuffled: Vec<(String, ArrayRef)> =
            given.iter().map(|(name, column)| (name.clone(), taken(column, &order))).collect();
        shuffled.reverse();
        let halves = [(0, 400), (400, 600)].map(|(from, rows)| {
            let part = shuffled.iter().map(|(name, column)| (name.clone(), column.slice(from, rows)));
            write(folder.path(), &format!("{seed}-{from}.parquet"), part.collect(), group)
        });
        for (plan, expected) in plans.iter().zip(&expected) {
            let found = train(&halves, plan, threads).expect("a model").model.to_json();
            assert!(found == *expected, "seed {seed}, {threads} threads");
        }
    }
}

#[test]
fn a_lasso_says_what_it_kept_and_why_others_went() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = common::german();
    let file = [write(folder.path(), "german.parquet", columns(&set), 1000)];
    let choose = |lasso: serde_json::Value| {
        let plan = plan(|p| p["selection"] = serde_json::json!({"lasso": lasso}));
        train(&file, &plan, 2).expect("a model").model
    };
    let (loose, strict) =
        (choose(serde_json::json!({"fixed": 0.002})), choose(serde_json::json!({"fixed": 0.06})));
    assert!(strict.features.len() >= 2 && strict.features.len() < loose.features.len());
    assert!(strict.columns().iter().all(|column| loose.columns().contains(column)));
    let reason = "has no coefficient in the lasso at λ 6.000e-2";
    let gone = strict.left_out.iter().filter(|left| left.reason == reason).count();
    let idle = strict.left_out.iter().filter(|left| left.reason == "would count the wrong way round").count();
    let kept = strict.features.len() + idle;
    let said = format!("the lasso keeps {kept} of {} features at λ 6.000e-2", kept + gone);
    assert!(
        strict.findings[0].starts_with(&said) && strict.findings[0].contains("it converged"),
        "{:?}",
        strict.findings
    );
    // What stays is fitted without the price.
    assert_eq!(strict.fit.outcome, "converged");
    let bic = choose("bic".into());
    println!("{:?} {} features", bic.findings, bic.features.len());
    assert!(bic.findings[0].contains(" of 60); it converged"), "{:?}", bic.findings);
    let folds = plan(|p| p["selection"] = serde_json::json!({"lasso": {"folds": {"count": 5, "seed": 1}}}));
    let problem = train(&file, &folds, 2).err().expect("refused").to_string();
    assert!(problem.starts_with("`selection.lasso`: folds are of groups"), "{problem}");
    let wide = plan(|p| p["selection"] = serde_json::json!({"lasso": {"fixed": 1e3}}));
    let problem = train(&file, &wide, 2).err().expect("refused").to_string();
    assert!(problem.contains("no feature is taken") && problem.contains("the lasso keeps 0 of"), "{problem}");
}

/// A table of one feature and a target, and what training says about it.
#[track_caller]
fn refused(x: ArrayRef, y: Vec<i32>, change: impl FnOnce(&mut serde_json::Value), expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let y: ArrayRef = Arc::new(Int32Array::from(y));
    let file = write(folder.path(), "h.parquet", vec![("x".into(), x), ("y".into(), y)], 1000);
    let plan = plan(|p| {
        p["history"]["target"] = serde_json::json!({"column": "y", "default": 1});
        change(p);
    });
    let problem = train(&[file], &plan, 2).err().expect("refused").to_string();
    assert!(problem.contains(expected), "{problem}");
}

fn numbers(of: impl Fn(i32) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..400).map(of)))
}

#[test]
fn what_cannot_be_learned_from_is_said() {
    let y = |of: fn(i32) -> i32| (0..400).map(of).collect::<Vec<i32>>();
    let plain = |_: &mut serde_json::Value| {};
    refused(numbers(f64::from), y(|_| 0), plain, "`y`");
    refused(numbers(f64::from), y(|i| i % 3), plain, "expected `1` and one other value");
    refused(numbers(|_| 7.0), y(|i| i % 2), plain, "`x` has an information value of 0.0000");
    refused(numbers(|_| f64::NAN), y(|i| i % 2), plain, "no feature is taken");
    refused(numbers(|i| if i == 5 { f64::INFINITY } else { 1.0 }), y(|i| i % 2), plain, "row 6");
    refused(numbers(|i| f64::from(i % 2)), y(|i| i % 2), plain, "the target may be hidden in it");
    let late = |p: &mut serde_json::Value| p["split"] = serde_json::json!({"from-month": "2026-01"});
    refused(numbers(f64::from), y(|i| i % 2), late, "`split` needs `history.month`");
}

#[test]
fn a_table_with_renamed_columns_is_not_scored() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = common::german();
    let file = write(folder.path(), "a.parquet", columns(&set), 1000);
    let model = train(&[file], &plan(|_| {}), 2).expect("a model").model;
    let renamed = columns(&set).into_iter().map(|(name, column)| (format!("old_{name}"), column));
    let renamed = write(folder.path(), "b.parquet", renamed.collect(), 1000);
    let problem = score(&[renamed], &model.card().expect("a card"), 1).expect_err("refused").to_string();
    assert!(problem.contains("has no column") && problem.contains("old_"), "{problem}");
}

#[test]
fn what_no_learning_row_had_is_counted_and_earns_what_the_rule_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = common::german();
    let file = write(folder.path(), "a.parquet", columns(&set), 1000);
    let model = train(&[file], &plan(|_| {}), 2).expect("a model").model;
    let strange = columns(&set).into_iter().map(|(name, column)| {
        let strange: ArrayRef = match column.as_any().downcast_ref::<StringArray>() {
            Some(texts) => Arc::new(StringArray::from(vec!["of another kind"; texts.len()])),
            None => column,
        };
        (name, strange)
    });
    let strange = write(folder.path(), "b.parquet", strange.collect(), 1000);
    let (_, surprises) = score(&[strange], &model.card().expect("a card"), 2).expect("scores");
    assert!(!surprises.is_empty() && surprises.iter().all(|s| s.unseen == 1000), "{surprises:?}");
}

#[test]
fn a_damaged_model_is_refused_by_feature() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "a.parquet", columns(&common::german()), 1000);
    let trained = train(std::slice::from_ref(&file), &plan(|_| {}), 2).expect("a model");
    let record = Record::of(&[file], &trained).expect("a record");
    assert_eq!((record.rows, record.model.len(), record.files[0].sha256.len()), (1000, 64, 64));
    let check = |change: &dyn Fn(&mut serde_json::Value), expected: &str| {
        let mut document = serde_json::to_value(&trained.model).expect("JSON");
        change(&mut document);
        let text = serde_json::to_vec(&document).expect("JSON");
        let problem = Model::read(&text).expect_err("refused").to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    check(&|d| d["version"] = 2.into(), "expected `hengxin-model` version 1");
    check(&|d| d["baze"] = 2.into(), "unknown field `baze`");
    check(
        &|d| {
            let bins = d["features"][0]["bins"].as_array_mut().expect("bins");
            bins.retain(|bin| bin.get("missing").is_none());
        },
        "0 bins of missing values, expected one",
    );
}
