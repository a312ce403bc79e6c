//! How results are laid out in Parquet (`docs/runs.md`).

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal64Type, Int32Type, UInt8Type, UInt16Type, UInt64Type};
use arrow_array::{
    Array as _, ArrayRef, Date32Array, Decimal64Array, DictionaryArray, Int32Array, RecordBatch, StringArray,
    StructArray, UInt8Array, UInt16Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use hengxin_core::date::Date;
use hengxin_core::industry::IndustryCode;
use hengxin_core::number::Points;
use hengxin_core::region::RegionCode;
use hengxin_core::standard::Standard;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

use parquet::arrow::ProjectionMask;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::digest::Fingerprint;
use crate::job::Job;
use crate::results::{Kind, Results};
use crate::schema::coded_text;

/// The columns a job's results are written in.
#[derive(Debug)]
pub struct Layout {
    schema: SchemaRef,
    standards: Vec<Arc<Standard>>,
    policies: Vec<String>,
    sizes: Vec<String>,
}

/// The same in all rows of a file.
const EDITION: &str = "edition";

fn standard_fields() -> Fields {
    Fields::from(vec![
        Field::new(EDITION, coded_text(), false),
        Field::new("outcome", coded_text(), false),
        Field::new("score", DataType::Decimal64(18, 4), true),
        Field::new("grade", coded_text(), true),
        Field::new("findings", coded_text(), true),
        Field::new("unknown", DataType::UInt16, false),
    ])
}

fn field_fields() -> Fields {
    Fields::from(vec![
        Field::new(EDITION, coded_text(), false),
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

    /// Results in the columns of a file.
    pub fn encode(&self, results: &Results) -> RecordBatch {
        let n = results.len();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(results.subject.iter().map(Uscc::as_str))),
            coded(&results.region, |r| format!("{:06}", r.digits())),
            coded(&results.industry, ToString::to_string),
            coded(&results.size, |s| self.sizes.get(usize::from(*s)).cloned().unwrap_or_default()),
            dates(&results.established_on),
        ];
        for (standard, given) in self.standards.iter().zip(&results.standards) {
            let score = given.score.iter().map(|score| score.map(Points::ten_thousandths));
            let score = score.collect::<Decimal64Array>().with_precision_and_scale(18, 4);
            let kinds = given.kind.iter().map(|kind| *kind as i32);
            let findings: Vec<Option<u64>> =
                given.findings.iter().map(|bits| Some(*bits).filter(|bits| *bits != 0)).collect();
            let arrays: Vec<ArrayRef> = vec![
                constant(&standard.edition, n),
                Arc::new(dictionary(
                    kinds.collect::<Vec<i32>>().into(),
                    Kind::ALL.map(|kind| kind.name().to_owned()).to_vec(),
                )),
                Arc::new(score.unwrap_or_else(|e| unreachable!("18 digits with 4 places is a decimal: {e}"))),
                coded(&given.grade, |g| standard.grades.id(*g).to_owned()),
                coded(&findings, |bits| findings_text(standard, *bits)),
                Arc::new(UInt16Array::from_iter_values(given.unknown.iter().copied())),
            ];
            columns.push(Arc::new(structure(standard_fields(), arrays)));
        }
        for (edition, tiers) in self.policies.iter().zip(&results.fields) {
            let arrays: Vec<ArrayRef> = vec![
                constant(edition, n),
                Arc::new(tiers.tier.iter().copied().collect::<UInt8Array>()),
                Arc::new(tiers.previous.iter().copied().collect::<UInt8Array>()),
            ];
            columns.push(Arc::new(structure(field_fields(), arrays)));
        }
        columns.extend([
            dates(&results.horizon),
            dates(&results.facts_horizon),
            Arc::new(UInt64Array::from_iter_values(results.digest.iter().copied())) as ArrayRef,
        ]);
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .unwrap_or_else(|e| unreachable!("every column has the type and length of the schema: {e}"))
    }

    /// How a file of results is encoded. Codes ascend and editions are all the same: what each has in common with the
    /// one before it is not written. Dictionaries carry the other texts.
    pub fn properties(&self, notes: Vec<KeyValue>) -> WriterProperties {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by(format!("hengxin {}", env!("CARGO_PKG_VERSION")))
            .set_column_dictionary_enabled(ColumnPath::from("digest"), false)
            .set_key_value_metadata(Some(notes));
        let structures = self.schema.fields().iter().filter(|f| matches!(f.data_type(), DataType::Struct(_)));
        let editions = structures.map(|f| ColumnPath::new(vec![f.name().clone(), EDITION.to_owned()]));
        for path in editions.chain([ColumnPath::from("subject")]) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY);
        }
        properties.build()
    }

    /// No results yet, of this layout.
    pub fn results(&self, rows: usize) -> Results {
        Results::new(self.standards.len(), self.policies.len(), rows)
    }

    /// The columns of a file that [`Layout::decode`] wants: all but the editions, which the run's manifest says too.
    ///
    /// # Errors
    /// A file of other standards or policies.
    pub fn mask(
        &self,
        schema: &Schema,
        descriptor: &SchemaDescriptor,
    ) -> std::result::Result<ProjectionMask, String> {
        if schema.fields() != self.schema.fields() {
            return Err("columns of other standards or policies".to_owned());
        }
        let wanted = |path: &[String]| path.last().is_none_or(|name| name != EDITION);
        let leaves = descriptor.columns().iter().enumerate();
        let leaves = leaves.filter(|(_, leaf)| wanted(leaf.path().parts())).map(|(i, _)| i);
        Ok(ProjectionMask::leaves(descriptor, leaves))
    }

    /// Adds the rows of a file to results: what [`Layout::encode`] wrote, read with [`Layout::mask`].
    ///
    /// # Errors
    /// What is not as this layout writes it.
    pub fn decode(&self, batch: &RecordBatch, results: &mut Results) -> std::result::Result<(), String> {
        let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("no column `{name}`"));
        let subjects: &StringArray = column("subject")?.as_string::<i32>();
        for subject in subjects.iter().flatten() {
            results.subject.push(subject.parse().map_err(|e| format!("{e}"))?);
        }
        decoded(column("region")?, &mut results.region, |t| {
            RegionCode::from_digits(t.parse().map_err(|_| format!("region `{t}`"))?)
                .map_err(|e| e.to_string())
        })?;
        decoded(column("industry")?, &mut results.industry, |t| {
            t.parse::<IndustryCode>().map_err(|e| e.to_string())
        })?;
        decoded(column("size")?, &mut results.size, |t| {
            let place = self.sizes.iter().position(|s| s == t).and_then(|i| u16::try_from(i).ok());
            place.ok_or_else(|| format!("size `{t}`"))
        })?;
        for (name, days) in [
            ("established_on", &mut results.established_on),
            ("horizon", &mut results.horizon),
            ("facts_horizon", &mut results.facts_horizon),
        ] {
            days.extend(
                column(name)?.as_primitive::<Date32Type>().iter().map(|day| day.map(Date::from_days)),
            );
        }
        results.digest.extend_from_slice(column("digest")?.as_primitive::<UInt64Type>().values());
        for (standard, given) in self.standards.iter().zip(&mut results.standards) {
            let of = column(&format!("standard:{}", standard.id))?.as_struct();
            let inner = |name: &str| of.column_by_name(name).ok_or_else(|| format!("no `{name}`"));
            let mut kinds = Vec::with_capacity(batch.num_rows());
            decoded(inner("outcome")?, &mut kinds, |t| {
                Kind::ALL.into_iter().find(|k| k.name() == t).ok_or_else(|| format!("outcome `{t}`"))
            })?;
            for kind in kinds {
                given.kind.push(kind.ok_or("no outcome")?);
            }
            decoded(inner("grade")?, &mut given.grade, |t| {
                standard.grades.find(t).ok_or_else(|| format!("grade `{t}`"))
            })?;
            let mut findings = Vec::with_capacity(batch.num_rows());
            decoded(inner("findings")?, &mut findings, |t| {
                t.split(';').try_fold(0u64, |bits, id| {
                    let place = standard.findings.iter().position(|f| f.id == id);
                    Ok::<u64, String>(bits | 1 << place.ok_or_else(|| format!("finding `{id}`"))?)
                })
            })?;
            given.findings.extend(findings.into_iter().map(Option::unwrap_or_default));
            let scores = inner("score")?.as_primitive::<Decimal64Type>().iter();
            given.score.extend(scores.map(|score| score.map(Points::from_ten_thousandths)));
            given.unknown.extend_from_slice(inner("unknown")?.as_primitive::<UInt16Type>().values());
        }
        let fields = self.schema.fields().iter().filter(|f| f.name().starts_with("field:"));
        for (field, tiers) in fields.zip(&mut results.fields) {
            let of = column(field.name())?.as_struct();
            let inner = |name: &str| of.column_by_name(name).ok_or_else(|| format!("no `{name}`"));
            tiers.tier.extend(inner("tier")?.as_primitive::<UInt8Type>());
            tiers.previous.extend(inner("previous_tier")?.as_primitive::<UInt8Type>());
        }
        Ok(())
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

fn dates(days: &[Option<Date>]) -> ArrayRef {
    Arc::new(days.iter().map(|day| day.map(Date::days)).collect::<Date32Array>())
}

fn constant(text: &str, n: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; n]);
    Arc::new(dictionary(keys, vec![text.to_owned()]))
}

/// Few distinct values as dictionary-coded texts, each made once.
fn coded<T: Copy + Eq + std::hash::Hash>(values: &[Option<T>], text: impl Fn(&T) -> String) -> ArrayRef {
    let mut numbers: HashMap<T, i32, BuildHasherDefault<Fingerprint>> = HashMap::default();
    let mut texts = Vec::new();
    let mut last: Option<(T, i32)> = None;
    let keys: Int32Array = values
        .iter()
        .map(|value| {
            let value = (*value)?;
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
    out: &mut Vec<Option<T>>,
    read: impl Fn(&str) -> std::result::Result<T, String>,
) -> std::result::Result<(), String> {
    let coded = column.as_dictionary::<Int32Type>();
    let texts: &StringArray = coded.values().as_string::<i32>();
    // A dictionary may hold entries no row uses; what they say is nobody's business.
    let values: Vec<Option<T>> = texts.iter().map(|text| text.and_then(|text| read(text).ok())).collect();
    for key in coded.keys() {
        let key = key.and_then(|key| usize::try_from(key).ok()).filter(|key| !texts.is_null(*key));
        out.push(match key {
            None => None,
            Some(key) => Some(match values[key] {
                Some(value) => value,
                None => read(texts.value(key))?,
            }),
        });
    }
    Ok(())
}
