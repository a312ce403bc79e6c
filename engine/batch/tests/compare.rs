//! Two run folders, written by hand, compared: what adds up, what the page shows, and what is refused.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray, StructArray, UInt8Array, UInt16Array,
};
use arrow_schema::{DataType, Field, Schema};
use hengxin_batch::compare::{
    Comparison, FieldSide, Frame, Limits, MoversFile, Named, RegionDepth, ResultRows as _, RunManifest,
    RunRows, RunSide, StandardSide, Tally, html,
};
use hengxin_batch::digest::sha256;
use hengxin_batch::place::Place;
use hengxin_core::uscc::Uscc;
use hengxin_standard::Catalogue;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

const PUBLIC: (&str, &str) = ("public-comprehensive", "2026.1");
const RISK: (&str, &str) = ("samr-credit-risk", "2022.1");
const FIELD: (&str, &str) = ("market-regulation", "2026.1");

/// One subject as a test writes it: grades, score of the public standard, tier.
#[derive(Clone)]
struct Row {
    n: u32,
    public: &'static str,
    score: i128,
    risk: &'static str,
    tier: u8,
    findings: Option<&'static str>,
}

fn subject(n: u32) -> String {
    let body: [u8; 8] = format!("{n:08}").into_bytes().try_into().unwrap();
    Uscc::assemble(*b"91", "330106".parse().unwrap(), body).unwrap().to_string()
}

fn grouped(fields: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let fields = fields
        .into_iter()
        .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array));
    Arc::new(StructArray::from(fields.collect::<Vec<_>>()))
}

fn standard(rows: &[Row], edition: &str, grade: fn(&Row) -> &'static str, scored: bool) -> ArrayRef {
    let texts = |of: &dyn Fn(&Row) -> Option<&'static str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let editions: ArrayRef = Arc::new(StringArray::from(vec![edition; rows.len()]));
    let graded = |row: &Row| grade(row) != "-";
    let score = rows.iter().map(|row| Some(row.score).filter(|_| scored && graded(row)));
    let score: Decimal128Array = score.collect();
    grouped(vec![
        ("edition", editions),
        ("outcome", texts(&|row| Some(if graded(row) { "graded" } else { "cannot-score" }))),
        ("score", Arc::new(score.with_precision_and_scale(18, 4).unwrap())),
        ("grade", texts(&|row| Some(grade(row)).filter(|g| *g != "-"))),
        ("findings", texts(&|row| row.findings.filter(|_| scored))),
        ("unknown", Arc::new(UInt16Array::from(vec![0; rows.len()]))),
    ])
}

fn shard(rows: &[Row]) -> Vec<u8> {
    let text = |of: &dyn Fn(&Row) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let columns: Vec<(String, ArrayRef)> = vec![
        ("subject".into(), text(&|r| Some(subject(r.n)))),
        ("region".into(), text(&|r| (r.n % 5 > 0).then(|| format!("33{:02}06", r.n % 5)))),
        ("industry".into(), text(&|r| Some(if r.n.is_multiple_of(2) { "C1411" } else { "F51" }.to_owned()))),
        ("size".into(), text(&|r| r.n.is_multiple_of(3).then(|| "micro".to_owned()))),
        (
            "established_on".into(),
            Arc::new(rows.iter().map(|r| Some(10_000 + r.n.cast_signed() * 90)).collect::<Date32Array>()),
        ),
        (format!("standard:{}", PUBLIC.0), standard(rows, PUBLIC.1, |r| r.public, true)),
        (format!("standard:{}", RISK.0), standard(rows, RISK.1, |r| r.risk, false)),
        (
            format!("field:{}", FIELD.0),
            grouped(vec![
                ("edition", Arc::new(StringArray::from(vec![FIELD.1; rows.len()])) as ArrayRef),
                (
                    "tier",
                    Arc::new(rows.iter().map(|r| Some(r.tier).filter(|t| *t > 0)).collect::<UInt8Array>()),
                ),
                ("previous_tier", Arc::new(UInt8Array::from(vec![None; rows.len()]))),
            ]),
        ),
    ];
    let fields = columns.iter().map(|(name, a)| Field::new(name, a.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, a)| a).collect()).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn digest(catalogue: &Catalogue, (id, edition): (&str, &str)) -> String {
    catalogue.pinned(id, edition).unwrap().digest.clone()
}

/// Writes a run folder of these shards; `change` may spoil its manifest.
fn write(folder: &Path, id: &str, shards: &[Vec<Row>], change: impl FnOnce(&mut Value)) {
    let catalogue = Catalogue::shipped().unwrap();
    std::fs::create_dir_all(folder.join("results")).unwrap();
    let mut told = Vec::new();
    for (i, rows) in shards.iter().enumerate() {
        let (file, bytes) = (format!("results/{i:06}.parquet"), shard(rows));
        std::fs::write(folder.join(&file), &bytes).unwrap();
        told.push(json!({"file": file, "subjects": rows.len(), "sha256": sha256(&bytes), "digest": "later"}));
    }
    let policy = catalogue.policies().find(|p| p.policy.field == FIELD.0).unwrap();
    let named = |(id, edition)| json!({"id": id, "edition": edition, "digest": digest(&catalogue, (id, edition)), "status": "sample"});
    let mut manifest = json!({
        "format": "hengxin-run", "version": 1, "id": id, "as_of": "2026-11-01", "known_at": "2026-11-01T00:00:00Z",
        "source": {"kind": "dataset", "place": "world", "digest": "0f"},
        "standards": [named(PUBLIC), named(RISK)],
        "policies": [{"field": FIELD.0, "policy": policy.policy.id, "edition": FIELD.1, "digest": policy.digest,
                      "public": PUBLIC.0, "industry": RISK.0}],
        "subjects": shards.iter().map(Vec::len).sum::<usize>(), "shards": told, "timings": {"seconds": 1},
    });
    change(&mut manifest);
    std::fs::write(folder.join("run.json"), manifest.to_string()).unwrap();
}

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

fn good(n: u32) -> Row {
    Row { n, public: "A", score: 9_000_000, risk: "A", tier: 1, findings: None }
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
