//! Writes run folders as `docs/runs.md` lays them down, by hand, so that a reader is not tested against its own writer.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray, StructArray, UInt8Array, UInt16Array,
};
use arrow_schema::{Field, Schema};
use hengxin_batch::digest::sha256;
use hengxin_core::uscc::Uscc;
use hengxin_standard::Catalogue;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

pub const PUBLIC: (&str, &str) = ("public-comprehensive", "2026.1");
pub const RISK: (&str, &str) = ("samr-credit-risk", "2022.1");
pub const FIELD: (&str, &str) = ("market-regulation", "2026.1");

/// One subject as a test writes it: grades, score of the public standard, tier.
#[derive(Clone)]
pub struct Row {
    pub n: u32,
    pub public: &'static str,
    pub score: i128,
    pub risk: &'static str,
    pub tier: u8,
    pub findings: Option<&'static str>,
}

pub fn subject(n: u32) -> String {
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

pub fn shard(rows: &[Row]) -> Vec<u8> {
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
pub fn write(folder: &Path, id: &str, shards: &[Vec<Row>], change: impl FnOnce(&mut Value)) {
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

/// Graded A by both standards, in tier 1.
pub fn good(n: u32) -> Row {
    Row { n, public: "A", score: 9_000_000, risk: "A", tier: 1, findings: None }
}
