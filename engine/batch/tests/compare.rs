//! Two run folders, written by hand, compared: what adds up, what the page shows, and what is refused.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod runs;

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema};
use hengxin_batch::compare::{
    Comparison, FieldSide, Frame, Limits, MoversFile, Named, RegionDepth, ResultRows as _, RunManifest,
    RunRows, RunSide, StandardSide, Tally, html,
};
use hengxin_batch::digest::sha256;
use hengxin_batch::place::Place;
use hengxin_standard::Catalogue;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use runs::{FIELD, Row, good, write};

fn side(manifest: &RunManifest) -> RunSide {
    let catalogue = Catalogue::shipped().unwrap();
    let standard = |run: &hengxin_batch::compare::RunStandard| {
        StandardSide::new(&catalogue.pinned(&run.id, &run.edition).unwrap().standard, run.digest.clone())
    };
    let policy = catalogue.policies().find(|p| p.policy.field == FIELD.0).unwrap();
    let sizes = ["large", "medium", "small", "micro"].map(|id| Named { id: id.into(), title: id.into() });
    RunSide {
        id: manifest.id.clone(),
        as_of: manifest.as_of,
        known_at: manifest.known_at,
        source: (manifest.source.kind.clone(), manifest.source.place.clone()),
        source_digest: manifest.source.digest.clone(),
        subjects: manifest.subjects,
        standards: manifest.standards.iter().map(standard).collect(),
        fields: vec![FieldSide::new(&policy.policy, policy.digest.clone())],
        sizes: sizes.to_vec(),
    }
}

fn rows(folder: &Path) -> hengxin_batch::Result<(RunSide, RunRows)> {
    let place = Place::from(folder);
    let manifest = RunManifest::read(&place)?;
    let side = side(&manifest);
    Ok((side.clone(), RunRows::open(place, &manifest, side)?))
}

#[test]
fn two_folders_become_one_comparison() {
    let folder = tempfile::tempdir().unwrap();
    // Whoever wants to look at the folders and the page gives a place for them.
    let kept = std::env::var("HENGXIN_RUNS").ok().map(std::path::PathBuf::from);
    let at = kept.as_deref().unwrap_or(folder.path());
    let before: Vec<Row> = (0..200).map(good).collect();
    let after = (10..210).map(|n| match n {
        10..30 => Row { public: "C", score: 7_123_400 + i128::from(n), tier: 2, ..good(n) },
        30..33 => Row { findings: Some("serious-list"), public: "D", risk: "D", tier: 4, ..good(n) },
        33 => Row { public: "-", risk: "-", tier: 0, ..good(n) },
        _ => good(n),
    });
    let after: Vec<Row> = after.collect();
    let parts = |rows: &[Row]| rows.chunks(77).map(<[Row]>::to_vec).collect::<Vec<_>>();
    write(&at.join("a"), "run-a", &parts(&before), |_| {});
    write(&at.join("b"), "run-b", &parts(&after), |_| {});
    let ((first, mut a), (second, mut b)) = (rows(&at.join("a")).unwrap(), rows(&at.join("b")).unwrap());
    let mut tally = Tally::new(Frame::new(first, second).unwrap().into(), RegionDepth::City, 5);
    let list = at.join("movers.parquet");
    let mut sink = MoversFile::create(&list).unwrap();
    tally.add_all(&mut a, &mut b, None, Some(&mut sink)).unwrap();
    sink.finish().unwrap();
    let limits = Limits { unscored: Some("0.4%".parse().unwrap()), ..Limits::default() };
    let comparison = Comparison::new(&tally, &limits, 10);

    let told: Value = serde_json::from_str(&comparison.to_json()).unwrap();
    assert_eq!(
        told["population"],
        json!({"before": 200, "after": 200, "both": 190, "only_before": 10, "only_after": 10, "either": 210})
    );
    for axis in told["axes"].as_array().unwrap() {
        let cells =
            axis["matrix"]["cells"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        assert_eq!(cells.map(|n| n.as_u64().unwrap()).sum::<u64>(), 210, "{}", axis["id"]);
    }
    assert_eq!(told["axes"][0]["moves"], json!({"worse": 23, "better": 0, "other": 1, "same": 166}));
    assert_eq!(told["axes"][0]["matrix"]["cells"][0], json!([156 + 10, 20, 0, 3, 1, 10]));
    // Tier 1 samples 1 %, tier 2 3 %, tier 4 20 % and one inspection more: exactly.
    assert_eq!(told["axes"][0]["workload"]["least_before"], "2");
    assert_eq!(told["axes"][0]["workload"]["least_after"], "5.96");
    let clause = &told["clauses"][0];
    assert_eq!((&clause["kind"], &clause["worse"]), (&json!("score"), &json!(20)));
    assert_eq!(told["movers"]["listed"][0]["to"], "4");
    assert_eq!(told["gate"]["passed"], false);
    let rows = parquet::file::reader::SerializedFileReader::try_from(list.as_path()).unwrap();
    let rows = parquet::file::reader::FileReader::metadata(&rows).file_metadata().num_rows();
    assert_eq!(told["movers"]["total"].as_i64(), Some(rows));

    let page = html::page(&comparison);
    for words in ["监管级别", "&lt;10", "示例 sample", "公共信用", "210", "Wilson", "run-b"] {
        assert!(page.contains(words), "{words}");
    }
}

#[track_caller]
fn refused(shards: &[Vec<Row>], change: impl FnOnce(&mut Value), expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "run", shards, change);
    let walked = rows(folder.path()).and_then(|(_, mut rows)| {
        while rows.current().is_some() {
            rows.advance()?;
        }
        Ok(())
    });
    let found = walked.unwrap_err().to_string();
    assert!(found.contains(expected), "{found}");
}

#[test]
fn what_is_no_run_is_refused_with_its_place() {
    let shards = [vec![good(1), good(2)], vec![good(3)]];
    refused(
        &shards,
        |m| m["format"] = json!("other"),
        "found format \"other\", expected format \"hengxin-run\"",
    );
    refused(&shards, |m| m["version"] = json!(2), "found version 2, expected version 1");
    refused(
        &shards,
        |m| m["subjects"] = json!(4),
        "found 4 subjects, expected 3 subjects, the sum of its shards",
    );
    refused(&shards, |m| m["as_of"] = json!("2026-13-01"), "expected the manifest of a run");
    refused(
        &shards,
        |m| m["shards"][1]["file"] = json!("results/9.parquet"),
        "9.parquet: found no such file",
    );
    refused(
        &shards,
        |m| m["shards"][0]["sha256"] = json!("00"),
        "expected SHA-256 00, as the run's manifest says",
    );
    let moved =
        |m: &mut Value| (m["shards"][0]["subjects"], m["shards"][1]["subjects"]) = (json!(1), json!(2));
    refused(&shards, moved, "000000.parquet: found 2 rows, expected 1 rows");
    let backwards = [vec![good(1), good(2)], vec![good(2)]];
    refused(&backwards, |_| {}, "000001.parquet, row 1, column `subject`: found `");
    let strange = [vec![good(1), Row { public: "E", ..good(2) }]];
    refused(
        &strange,
        |_| {},
        "row 2, column `standard:public-comprehensive.grade`: found `E`, expected a grade of",
    );
    let high = [vec![Row { tier: 7, ..good(2) }]];
    refused(&high, |_| {}, "column `field:market-regulation.tier`: found 7, expected a tier from 1 to 4");
    let finding = [vec![Row { findings: Some("serious-list;nothing"), ..good(2) }]];
    refused(&finding, |_| {}, "column `standard:public-comprehensive.findings`: found `nothing`");
}

#[test]
fn a_column_of_the_wrong_type_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "run", &[vec![good(1)]], |_| {});
    let numbers: ArrayRef = Arc::new(UInt8Array::from(vec![1]));
    let names = ["subject", "region", "industry", "size", "established_on"];
    let more = ["standard:public-comprehensive", "standard:samr-credit-risk", "field:market-regulation"];
    let names: Vec<&str> = names.into_iter().chain(more).collect();
    let fields = names.iter().map(|name| Field::new(*name, DataType::UInt8, true)).collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers; names.len()]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    let manifest = std::fs::read_to_string(folder.path().join("run.json")).unwrap();
    let old = sha256(&std::fs::read(folder.path().join("results/000000.parquet")).unwrap());
    std::fs::write(folder.path().join("run.json"), manifest.replace(&old, &sha256(&bytes))).unwrap();
    std::fs::write(folder.path().join("results/000000.parquet"), bytes).unwrap();
    let found = rows(folder.path()).map(|_| ()).unwrap_err().to_string();
    assert!(found.contains("column `subject`: found type UInt8, expected text (UTF8)"), "{found}");
}
