//! One subject's results, and how a shard of them is laid out in Parquet (`docs/runs.md`).

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal64Type, Int32Type, UInt8Type, UInt16Type, UInt64Type};
use arrow_array::{
    Array as _, ArrayRef, Date32Array, Decimal64Array, DictionaryArray, Int32Array, RecordBatch, StringArray,
    StructArray, UInt8Array, UInt16Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use hengxin_core::date::Date;
use hengxin_core::grade::Grade;
use hengxin_core::industry::IndustryCode;
use hengxin_core::kernel::{Evaluation, Outcome};
use hengxin_core::number::Points;
use hengxin_core::region::RegionCode;
use hengxin_core::standard::Standard;
use hengxin_core::tier::Tier;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

use crate::job::Job;
use crate::schema::coded_text;

/// How an evaluation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With a grade, or with nothing found where that means no grade.
    Graded,
    /// Too little is known.
    CannotScore,
    /// Not evaluated.
    NotEligible,
}

impl Kind {
    /// All, in the order of their names in a file's dictionary.
    pub const ALL: [Kind; 3] = [Kind::Graded, Kind::CannotScore, Kind::NotEligible];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Graded => "graded",
            Kind::CannotScore => "cannot-score",
            Kind::NotEligible => "not-eligible",
        }
    }
}

/// What one standard gave for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result1 {
    /// How it came out.
    pub kind: Kind,
    /// The score.
    pub score: Option<Points>,
    /// The grade.
    pub grade: Option<Grade>,
    /// Findings, a bit each by their place in the standard.
    pub findings: u64,
    /// How many indicators are unknown.
    pub unknown: u16,
}

impl From<&Evaluation> for Result1 {
    fn from(evaluation: &Evaluation) -> Result1 {
        let kind = match evaluation.outcome {
            Outcome::Graded { .. } => Kind::Graded,
            Outcome::CannotScore { .. } => Kind::CannotScore,
            Outcome::NotEligible(_) => Kind::NotEligible,
        };
        Result1 {
            kind,
            score: evaluation.outcome.score(),
            grade: evaluation.outcome.grade(),
            findings: evaluation.findings,
            unknown: evaluation.unknown,
        }
    }
}

/// What a run says of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The subject.
    pub subject: Uscc,
    /// Where it is registered on the date.
    pub region: Option<RegionCode>,
    /// Its industry on the date.
    pub industry: Option<IndustryCode>,
    /// Its size on the date: index of the value in the vocabulary.
    pub size: Option<u16>,
    /// When it was established.
    pub established_on: Option<Date>,
    /// Per standard of the job.
    pub results: Vec<Result1>,
    /// Per policy of the job: the tier, and that of the previous run.
    pub tiers: Vec<(Option<Tier>, Option<Tier>)>,
    /// First later date on which anything here can change without a new fact.
    pub horizon: Option<Date>,
    /// The same, deliveries left out of account.
    pub facts_horizon: Option<Date>,
    /// Fingerprint of the facts it was computed from.
    pub digest: u64,
}

/// The names lines of a job are written with.
#[derive(Debug)]
pub struct Layout {
    schema: SchemaRef,
    standards: Vec<Arc<Standard>>,
    policies: Vec<String>,
    sizes: Vec<String>,
}

fn standard_fields() -> Fields {
    Fields::from(vec![
        Field::new("edition", coded_text(), false),
        Field::new("outcome", coded_text(), false),
        Field::new("score", DataType::Decimal64(18, 4), true),
        Field::new("grade", coded_text(), true),
        Field::new("findings", coded_text(), true),
        Field::new("unknown", DataType::UInt16, false),
    ])
}

fn field_fields() -> Fields {
    Fields::from(vec![
        Field::new("edition", coded_text(), false),
        Field::new("tier", DataType::UInt8, true),
        Field::new("previous_tier", DataType::UInt8, true),
    ])
}

/// Ids of the sizes of enterprises, by index.
pub fn sizes(vocabulary: &Vocabulary) -> Vec<String> {
    let code = vocabulary.code(vocabulary.registration());
    let values = code.field("size").map(|(_, field)| field.values()).unwrap_or_default();
    values.iter().map(|v| v.id.clone()).collect()
}

impl Layout {
    /// The layout of a job's results.
    pub fn new(job: &Job, vocabulary: &Vocabulary) -> Layout {
        let mut fields = vec![
            Field::new("subject", DataType::Utf8, false),
            Field::new("region", coded_text(), true),
            Field::new("industry", coded_text(), true),
            Field::new("size", coded_text(), true),
            Field::new("established_on", DataType::Date32, true),
        ];
        for standard in &job.standards {
            let name = format!("standard:{}", standard.plan.standard.id);
            fields.push(Field::new(name, DataType::Struct(standard_fields()), false));
        }
        for policy in &job.policies {
            let name = format!("field:{}", policy.policy.field);
            fields.push(Field::new(name, DataType::Struct(field_fields()), false));
        }
        fields.extend([
            Field::new("horizon", DataType::Date32, true),
            Field::new("facts_horizon", DataType::Date32, true),
            Field::new("digest", DataType::UInt64, false),
        ]);
        Layout {
            schema: Arc::new(Schema::new(fields)),
            standards: job.standards.iter().map(|s| Arc::clone(&s.plan.standard)).collect(),
            policies: job.policies.iter().map(|p| p.policy.edition.clone()).collect(),
            sizes: sizes(vocabulary),
        }
    }

    /// The Arrow schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Lines as columns.
    pub fn encode(&self, lines: &[Line]) -> RecordBatch {
        let dates = |of: fn(&Line) -> Option<Date>| -> ArrayRef {
            Arc::new(lines.iter().map(|l| of(l).map(Date::days)).collect::<Date32Array>())
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(lines.iter().map(|l| l.subject.as_str()))),
            coded(lines.iter().map(|l| l.region), |r| format!("{:06}", r.digits())),
            coded(lines.iter().map(|l| l.industry), ToString::to_string),
            coded(lines.iter().map(|l| l.size), |s| {
                self.sizes.get(usize::from(*s)).cloned().unwrap_or_default()
            }),
            dates(|l| l.established_on),
        ];
        for (i, standard) in self.standards.iter().enumerate() {
            let results = || lines.iter().map(move |l| &l.results[i]);
            let score = results().map(|r| r.score.map(Points::ten_thousandths)).collect::<Decimal64Array>();
            let arrays: Vec<ArrayRef> = vec![
                constant(&standard.edition, lines.len()),
                coded(results().map(|r| Some(r.kind.name())), |name| (*name).to_owned()),
                Arc::new(
                    score
                        .with_precision_and_scale(18, 4)
                        .unwrap_or_else(|e| unreachable!("18 digits with 4 places is a decimal: {e}")),
                ),
                coded(results().map(|r| r.grade), |g| standard.grades.id(*g).to_owned()),
                coded(results().map(|r| (r.findings != 0).then_some(r.findings)), |bits| {
                    findings_text(standard, *bits)
                }),
                Arc::new(UInt16Array::from_iter_values(results().map(|r| r.unknown))),
            ];
            columns.push(Arc::new(structure(standard_fields(), arrays)));
        }
        for (i, edition) in self.policies.iter().enumerate() {
            let arrays: Vec<ArrayRef> = vec![
                constant(edition, lines.len()),
                Arc::new(lines.iter().map(|l| l.tiers[i].0).collect::<UInt8Array>()),
                Arc::new(lines.iter().map(|l| l.tiers[i].1).collect::<UInt8Array>()),
            ];
            columns.push(Arc::new(structure(field_fields(), arrays)));
        }
        columns.extend([
            dates(|l| l.horizon),
            dates(|l| l.facts_horizon),
            Arc::new(UInt64Array::from_iter_values(lines.iter().map(|l| l.digest))) as ArrayRef,
        ]);
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .unwrap_or_else(|e| unreachable!("every column has the type and length of the schema: {e}"))
    }

    /// Columns as lines; what [`Layout::encode`] wrote.
    ///
    /// # Errors
    /// What is not as this layout writes it.
    pub fn decode(&self, batch: &RecordBatch) -> std::result::Result<Vec<Line>, String> {
        if batch.schema().fields() != self.schema.fields() {
            return Err("columns of other standards or policies".to_owned());
        }
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("no column `{name}`"));
        let subjects: &StringArray = column("subject")?.as_string::<i32>();
        let regions = decoded(column("region")?, |t| {
            RegionCode::from_digits(t.parse().map_err(|_| format!("region `{t}`"))?)
                .map_err(|e| e.to_string())
        })?;
        let industries =
            decoded(column("industry")?, |t| t.parse::<IndustryCode>().map_err(|e| e.to_string()))?;
        let size_of = |t: &str| self.sizes.iter().position(|s| s == t).and_then(|i| u16::try_from(i).ok());
        let sizes = decoded(column("size")?, |t| size_of(t).ok_or_else(|| format!("size `{t}`")))?;
        let date = |name: &str| column(name).map(arrow_array::cast::AsArray::as_primitive::<Date32Type>);
        let (established, horizon, facts_horizon) =
            (date("established_on")?, date("horizon")?, date("facts_horizon")?);
        let digests = column("digest")?.as_primitive::<UInt64Type>();
        let mut standards = Vec::new();
        for standard in &self.standards {
            let of = column(&format!("standard:{}", standard.id))?.as_struct();
            let inner = |name: &str| of.column_by_name(name).ok_or_else(|| format!("no `{name}`"));
            let kinds = decoded(inner("outcome")?, |t| {
                Kind::ALL.into_iter().find(|k| k.name() == t).ok_or_else(|| format!("outcome `{t}`"))
            })?;
            let grades =
                decoded(inner("grade")?, |t| standard.grades.find(t).ok_or_else(|| format!("grade `{t}`")))?;
            let findings = decoded(inner("findings")?, |t| {
                t.split(';').try_fold(0u64, |bits, id| {
                    let place = standard.findings.iter().position(|f| f.id == id);
                    Ok::<u64, String>(bits | 1 << place.ok_or_else(|| format!("finding `{id}`"))?)
                })
            })?;
            let scores = inner("score")?.as_primitive::<Decimal64Type>();
            let unknown = inner("unknown")?.as_primitive::<UInt16Type>();
            standards.push((kinds, scores, grades, findings, unknown));
        }
        let mut tiers = Vec::new();
        for field in self.schema.fields().iter().filter(|f| f.name().starts_with("field:")) {
            let of = column(field.name())?.as_struct();
            let inner = |name: &str| of.column_by_name(name).ok_or_else(|| format!("no `{name}`"));
            tiers.push((
                inner("tier")?.as_primitive::<UInt8Type>(),
                inner("previous_tier")?.as_primitive::<UInt8Type>(),
            ));
        }
        let day = |array: &Date32Array, row: usize| {
            (!array.is_null(row)).then(|| Date::from_days(array.value(row)))
        };
        let tier = |array: &UInt8Array, row: usize| (!array.is_null(row)).then(|| array.value(row));
        (0..batch.num_rows())
            .map(|row| {
                let results = standards.iter().map(|(kinds, scores, grades, findings, unknown)| {
                    Ok::<Result1, String>(Result1 {
                        kind: kinds[row].ok_or("no outcome")?,
                        score: (!scores.is_null(row))
                            .then(|| Points::from_ten_thousandths(scores.value(row))),
                        grade: grades[row],
                        findings: findings[row].unwrap_or(0),
                        unknown: unknown.value(row),
                    })
                });
                Ok(Line {
                    subject: subjects.value(row).parse().map_err(|e| format!("{e}"))?,
                    region: regions[row],
                    industry: industries[row],
                    size: sizes[row],
                    established_on: day(established, row),
                    results: results.collect::<std::result::Result<_, _>>()?,
                    tiers: tiers.iter().map(|(now, before)| (tier(now, row), tier(before, row))).collect(),
                    horizon: day(horizon, row),
                    facts_horizon: day(facts_horizon, row),
                    digest: digests.value(row),
                })
            })
            .collect()
    }
}

/// Ids of the findings, joined by `;`.
pub fn findings_text(standard: &Standard, bits: u64) -> String {
    let set = standard.findings.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
    set.map(|(_, finding)| finding.id.as_str()).collect::<Vec<_>>().join(";")
}

fn structure(fields: Fields, arrays: Vec<ArrayRef>) -> StructArray {
    StructArray::try_new(fields, arrays, None)
        .unwrap_or_else(|e| unreachable!("every array has the type of its field: {e}"))
}

fn constant(text: &str, n: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; n]);
    Arc::new(dictionary(keys, vec![text.to_owned()]))
}

/// Few distinct values as dictionary-coded texts, each made once.
fn coded<T: Copy + Eq + std::hash::Hash>(
    values: impl Iterator<Item = Option<T>>,
    text: impl Fn(&T) -> String,
) -> ArrayRef {
    let mut numbers: HashMap<T, i32> = HashMap::new();
    let mut texts = Vec::new();
    let mut last: Option<(T, i32)> = None;
    let keys: Int32Array = values
        .map(|value| {
            let value = value?;
            if let Some((same, key)) = last
                && same == value
            {
                return Some(key);
            }
            let key = *numbers.entry(value).or_insert_with(|| {
                texts.push(text(&value));
                i32::try_from(texts.len()).unwrap_or(i32::MAX) - 1
            });
            last = Some((value, key));
            Some(key)
        })
        .collect();
    Arc::new(dictionary(keys, texts))
}

fn dictionary(keys: Int32Array, texts: Vec<String>) -> DictionaryArray<Int32Type> {
    DictionaryArray::try_new(keys, Arc::new(StringArray::from(texts)))
        .unwrap_or_else(|e| unreachable!("every key was made for a text: {e}"))
}

fn decoded<T: Copy>(
    column: &ArrayRef,
    read: impl Fn(&str) -> std::result::Result<T, String>,
) -> std::result::Result<Vec<Option<T>>, String> {
    let coded = column.as_dictionary::<Int32Type>();
    let texts: &StringArray = coded.values().as_string::<i32>();
    // A dictionary may hold entries no row uses; what they say is nobody's business.
    let values: Vec<Option<std::result::Result<T, String>>> = texts.iter().map(|t| t.map(&read)).collect();
    let value = |row: usize| {
        let key = usize::try_from(coded.keys().value(row)).unwrap_or(0);
        if coded.is_null(row) { Ok(None) } else { values[key].clone().transpose() }
    };
    (0..column.len()).map(value).collect()
}
