//! A modeller's way by the command line on German Credit: train, repeat, validate, score.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod command;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use command::{done, refused};

/// German Credit as Parquet; `change` gets the number of a row, a column and its cell, and may alter it.
fn altered(at: &Path, name: &str, change: impl Fn(usize, &str, &str) -> String) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/data/german-credit/germancredit.csv");
    let mut reader = csv::Reader::from_path(data).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for (row, record) in reader.records().enumerate() {
        for ((cell, column), name) in record.unwrap().iter().zip(&mut columns).zip(&names) {
            column.push(change(row, name, cell));
        }
    }
    let arrays = names.iter().zip(columns).map(|(name, cells)| {
        let numbers: Option<Vec<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
        let array: ArrayRef = match numbers {
            Some(numbers) => Arc::new(Float64Array::from(numbers)),
            None => Arc::new(StringArray::from(cells)),
        };
        (name, array)
    });
    let batch = RecordBatch::try_from_iter(arrays).unwrap();
    let file = std::fs::File::create(at.join(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// German Credit as Parquet, with a plan for it.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    altered(folder.path(), "german.parquet", |_, _, cell| cell.to_owned());
    let plan = json!({
        "id": "german-credit", "edition": "2026.1", "title": "German Credit",
        "history": {"target": {"column": "creditability", "default": "bad"}, "decimals": 4},
        "split": {"rows": {"share": 0.3, "seed": 42}},
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}
    });
    std::fs::write(folder.path().join("plan.json"), plan.to_string()).unwrap();
    folder
}

const TRAIN: [&str; 6] = ["train", "plan.json", "--history", "german.parquet", "--out", "model"];

#[test]
fn a_model_is_trained_and_the_same_model_again() {
    let folder = prepared();
    let at = folder.path();
    let told = done(at, &TRAIN);
    assert!(
        told.contains("700 rows learned (210 defaults), 300 held out") && told.contains("converged"),
        "{told}"
    );
    let again =
        done(at, &["train", "--from-record", "model/record.json", "--out", "again", "--threads", "3"]);
    assert!(again.contains("the same model, byte for byte"), "{again}");
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    for name in ["model.json", "bins.parquet", "scores.parquet"] {
        assert!(read(&format!("model/{name}")) == read(&format!("again/{name}")), "{name}");
    }
    let model: Value = serde_json::from_slice(&read("model/model.json")).unwrap();
    let features = model["features"].as_array().unwrap();
    assert!(
        features.iter().all(|feature| feature["coefficient"].as_f64().unwrap() < 0.0),
        "safer is never riskier"
    );
    let rows =
        SerializedFileReader::new(std::fs::File::open(at.join("model/scores.parquet")).unwrap()).unwrap();
    assert_eq!(rows.metadata().file_metadata().num_rows(), 1000);
    // One byte of the data is another.
    let mut bytes = read("german.parquet");
    bytes[100] ^= 1;
    std::fs::write(at.join("german.parquet"), bytes).unwrap();
    refused(
        at,
        &["train", "--from-record", "model/record.json", "--out", "x"],
        2,
        "that of the file the model was made of",
    );
}

#[test]
fn a_model_is_validated_and_a_limit_that_is_not_kept_fails_the_command() {
    let folder = prepared();
    let at = folder.path();
    done(at, &TRAIN);
    let validate = ["validate", "model/model.json", "--history", "german.parquet", "--out", "validation"];
    let told = done(at, &validate);
    assert!(told.contains("AUC") && told.contains("report.html"), "{told}");
    let page = std::fs::read_to_string(at.join("validation/report.html")).unwrap();
    assert!(page.contains("</html>") && !page.contains("<script"), "one page without script");
    assert!(
        std::fs::read_to_string(at.join("validation/model-card.md"))
            .unwrap()
            .contains("German Credit 2026.1")
    );
    let limits = |text: &str| std::fs::write(at.join("request.json"), text).unwrap();
    let asked = [&validate[..], &["--request", "request.json"]].concat();
    limits(r#"{"limits": {"auc_min": 0.7, "psi_max": 0.25}, "segments": ["housing"]}"#);
    assert!(done(at, &asked).contains("expected at least 0.7"));
    let told = done(at, &[&asked[..], &["--challengers"]].concat());
    assert!(told.contains("boosted trees (forust)") && told.contains("random forest"), "{told}");
    let page = std::fs::read_to_string(at.join("validation/report.html")).unwrap();
    assert!(page.contains("The price of interpretability") && page.contains("one tree (linfa-trees)"));
    let report: Value =
        serde_json::from_slice(&std::fs::read(at.join("validation/report.json")).unwrap()).unwrap();
    assert_eq!(report["challengers"].as_array().unwrap().len(), 5);
    limits(r#"{"limits": {"auc_min": 0.7, "ks_min": 0.99}}"#);
    refused(at, &asked, 1, "not to be approved: KS is");
    limits(r#"{"limits": {"auc_mim": 0.7}}"#);
    refused(at, &asked, 2, "request.json: unknown field `auc_mim`");
    limits(r#"{"segments": ["nowhere"]}"#);
    refused(at, &asked, 2, "has no column `nowhere`");
}

#[test]
fn rows_are_scored_by_a_model_and_wrong_files_are_named() {
    let folder = prepared();
    let at = folder.path();
    done(at, &TRAIN);
    let told =
        done(at, &["score-history", "model/model.json", "german.parquet", "--out", "s.parquet", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["rows"], &told["not_seen_in_training"]), (&json!(1000), &json!([])));
    refused(at, &["score-history", "plan.json", "german.parquet", "--out", "s"], 2, "plan.json: ");
    refused(
        at,
        &["score-history", "model/model.json", "plan.json", "--out", "s"],
        2,
        "`plan.json` cannot be read as Parquet",
    );
    refused(at, &["score-history", "model/model.json", "nope", "--out", "s"], 2, "`nope` cannot be opened");
    std::fs::write(at.join("bad.json"), r#"{"id": 3}"#).unwrap();
    refused(
        at,
        &["train", "bad.json", "--history", "german.parquet", "--out", "x"],
        2,
        "bad.json: invalid type",
    );
    refused(at, &["train", "--out", "x"], 2, "--history <FILE>...");
}

/// The first row of the history, recorded and explained by the engine.
#[test]
fn a_trained_model_is_served_as_a_standard() {
    let folder = prepared();
    let at = folder.path();
    done(at, &TRAIN);
    let export = ["export", "model/model.json", "--as", "standard", "--from", "2026-01-01", "--out", "std"];
    done(at, &export);
    refused(at, &export, 2, "expected a new folder");
    assert!(done(at, &["standards", "check", "std"]).contains("without faults"));
    let model: Value = serde_json::from_slice(&std::fs::read(at.join("model/model.json")).unwrap()).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/data/german-credit/germancredit.csv");
    let mut reader = csv::Reader::from_path(data).unwrap();
    let names = reader.headers().unwrap().clone();
    let first = reader.records().next().unwrap().unwrap();
    for (place, feature) in (1..).zip(model["features"].as_array().unwrap()) {
        let column = names.iter().position(|name| feature["column"] == name).unwrap();
        let name = format!("input-{place}");
        let text =
            format!("subject_code,observed_on,value\n91330199MAY0005780,2026-06-01,\"{}\"\n", &first[column]);
        std::fs::write(at.join("value.csv"), text).unwrap();
        let place = ["--data", "d", "--standards", "std", "--deliver", "model-inputs=2026-06-30"];
        done(at, &[&["ingest", "--as", &name, "value.csv"], &place[..]].concat());
    }
    let ask = ["explain", "91330199MAY0005780", "--standard", "german-credit", "--as-of", "2026-06-30"];
    let told = done(at, &[&ask[..], &["--data", "d", "--standards", "std"]].concat());
    let scores = std::fs::File::open(at.join("model/scores.parquet")).unwrap();
    let row = SerializedFileReader::new(scores).unwrap().get_row_iter(None).unwrap().next().unwrap().unwrap();
    let score = row.get_column_iter().find(|(name, _)| *name == "score").unwrap().1.to_string();
    let score: f64 = score.parse().unwrap();
    assert!(told.contains(&format!("score {score},")), "{score}: {told}");
    assert!(told.contains("points below the most: status_of_existing_checking_account"), "{told}");
    let sql = done(at, &["export", "model/model.json", "--as", "sql", "--table", "t"]);
    assert!(sql.contains("FROM t") && sql.contains("AS score"), "{sql}");
    let pmml = done(at, &["export", "model/model.json", "--as", "pmml"]);
    assert!(pmml.contains("<Scorecard modelName=\"german-credit\""), "{pmml}");
    done(at, &["export", "model/model.json", "--as", "pmml", "--out", "score.pmml"]);
    assert_eq!(std::fs::read_to_string(at.join("score.pmml")).unwrap(), pmml);
}

#[test]
fn a_model_in_service_is_watched_for_what_has_moved() {
    let folder = prepared();
    let at = folder.path();
    let plan = std::fs::read_to_string(at.join("plan.json")).unwrap();
    let mut all: Value = serde_json::from_str(&plan).unwrap();
    all["split"] = "none".into();
    std::fs::write(at.join("all.json"), all.to_string()).unwrap();
    done(at, &["train", "all.json", "--history", "german.parquet", "--out", "model"]);
    let watch = |file: &str, more: &[&str]| -> Value {
        let mut arguments = vec!["monitor", "model/model.json", "--history", file, "--json"];
        arguments.extend(more);
        serde_json::from_str(&done(at, &arguments)).unwrap()
    };
    // On the very rows it learned from nothing has moved, to the last bit.
    let same = watch("german.parquet", &[]);
    assert_eq!(same["score"]["index"].as_f64(), Some(0.0), "{}", same["score"]);
    assert_eq!(same["size"]["rows"], 1000);
    for feature in same["features"].as_array().unwrap() {
        assert_eq!((feature["shift"]["index"].as_f64(), feature["unseen"].as_u64()), (Some(0.0), Some(0)));
    }
    // Every second enterprise has now a checking account that nobody had, and outcomes are not there at all.
    altered(at, "moved.parquet", |row, column, cell| match column {
        "status_of_existing_checking_account" if row % 2 == 0 => "a new kind".to_owned(),
        "creditability" => "unknown".to_owned(),
        _ => cell.to_owned(),
    });
    refused(at, &["monitor", "model/model.json", "--history", "moved.parquet"], 2, "creditability");
    let moved = watch("moved.parquet", &["--no-outcome"]);
    assert!(moved["outcomes"].is_null());
    let account = moved["features"].as_array().unwrap().iter().find(|f| f["unseen"] == 500).unwrap();
    assert_eq!(account["feature"], "status_of_existing_checking_account");
    assert!(account["shift"]["index"].as_f64().unwrap() > 0.25);
    let findings = moved["findings"].to_string();
    assert!(findings.contains("500 rows have a value") && findings.contains("shifted far"), "{findings}");
    std::fs::write(at.join("limits.json"), r#"{"limits": {"csi_max": 0.25}}"#).unwrap();
    let limited = ["monitor", "model/model.json", "--history", "moved.parquet", "--no-outcome", "--request"];
    refused(at, &[limited.as_slice(), &["limits.json"]].concat(), 1, "worst feature `status_of_existing");
    // A limit that nobody looks at would seem to be kept.
    std::fs::write(at.join("blind.json"), r#"{"limits": {"auc_min": 0.7}}"#).unwrap();
    refused(at, &[limited.as_slice(), &["blind.json"]].concat(), 2, "expected nothing while the outcomes");
    // Outcomes turned round: the probabilities no longer fit.
    altered(at, "turned.parquet", |_, column, cell| match (column, cell) {
        ("creditability", "bad") => "good".to_owned(),
        ("creditability", _) => "bad".to_owned(),
        _ => cell.to_owned(),
    });
    let turned = watch("turned.parquet", &[]);
    assert!(turned["outcomes"]["auc"]["value"].as_f64().unwrap() < 0.3);
    assert!(turned["findings"].to_string().contains("do not fit"), "{}", turned["findings"]);
}

#[test]
fn a_challenger_is_compared_on_the_same_rows() {
    let folder = prepared();
    let at = folder.path();
    done(at, &TRAIN);
    let plan: Value = serde_json::from_slice(&std::fs::read(at.join("plan.json")).unwrap()).unwrap();
    let mut less = plan.clone();
    less["id"] = json!("less");
    less["history"]["exclude"] = json!(["status_of_existing_checking_account", "credit_history"]);
    std::fs::write(at.join("less.json"), less.to_string()).unwrap();
    done(at, &["train", "less.json", "--history", "german.parquet", "--out", "less"]);
    let contest = ["contest", "less/model.json", "model/model.json", "--history", "german.parquet"];
    let told = done(at, &[contest.as_slice(), &["--out", "contest.json"]].concat());
    assert!(told.contains("the challenger ranks better"), "{told}");
    let found: Value = serde_json::from_slice(&std::fs::read(at.join("contest.json")).unwrap()).unwrap();
    let auc = |which: &str| found[which]["auc"]["value"].as_f64().unwrap();
    let gap = auc("challenger_performance") - auc("champion_performance");
    assert!((found["auc"]["auc"]["value"].as_f64().unwrap() - gap).abs() < 1e-12);
    let mut other = plan;
    other["history"]["target"]["default"] = json!("good");
    std::fs::write(at.join("other.json"), other.to_string()).unwrap();
    done(at, &["train", "other.json", "--history", "german.parquet", "--out", "other"]);
    let contest = ["contest", "model/model.json", "other/model.json", "--history", "german.parquet"];
    refused(at, &contest, 2, "expected those of the champion");
}
