//! Reads the results of a run's folder: `run.json`, then its shards, one subject after another.
//!
//! Whatever is not as `docs/runs.md` lays it down is refused with file, row and column. A shard is read whole, so that
//! it can be checked against its digest before anything of it is believed; shards are small.

use std::collections::VecDeque;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, UInt8Type};
use arrow_array::{Array, ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray, UInt8Array};
use arrow_schema::DataType;
use hengxin_core::date::{Date, Moment};
use hengxin_core::grade::Grade;
use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use serde::Deserialize;

use super::result_row::{OutcomeKind, ResultRow, ResultRows, StandardResult};
use super::run_side::{Named, RunSide};
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::moment;
use crate::place::Place;

const MANIFEST: &str = "run.json";
const FORMAT: &str = "hengxin-run";
const VERSION: u32 = 1;

/// What is read of a run's manifest. Keys that are not named here are left to others.
#[derive(Clone, Debug, Deserialize)]
pub struct RunManifest {
    format: String,
    version: u32,
    /// Id of the run.
    pub id: String,
    /// The day the results are for.
    #[serde(with = "moment::date_as_text")]
    pub as_of: Date,
    /// What was known by this moment counted.
    #[serde(with = "moment::as_text")]
    pub known_at: Moment,
    /// Where its facts come from.
    pub source: RunSource,
    /// Editions of standards.
    pub standards: Vec<RunStandard>,
    /// Editions of tier policies.
    pub policies: Vec<RunPolicy>,
    /// Subjects of all shards.
    pub subjects: u64,
    /// Its shards, in the order of subjects.
    pub shards: Vec<RunShard>,
}

/// Where a run's facts come from.
#[derive(Clone, Debug, Deserialize)]
pub struct RunSource {
    /// `dataset` or `ledger`.
    pub kind: String,
    /// Its place.
    pub place: String,
    /// Its digest.
    pub digest: String,
}

/// An edition of a standard in a run.
#[derive(Clone, Debug, Deserialize)]
pub struct RunStandard {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Digest.
    pub digest: String,
}

/// An edition of a tier policy in a run.
#[derive(Clone, Debug, Deserialize)]
pub struct RunPolicy {
    /// The field of supervision.
    pub field: String,
    /// Id of the policy.
    pub policy: String,
    /// Edition.
    pub edition: String,
    /// Digest.
    pub digest: String,
}

/// A shard of results.
#[derive(Clone, Debug, Deserialize)]
pub struct RunShard {
    /// Its file in the run's folder.
    pub file: String,
    /// Subjects in it.
    pub subjects: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl RunManifest {
    /// Reads and checks the manifest of a run.
    ///
    /// # Errors
    /// When there is none, it is of another format or version, or contradicts itself.
    pub fn read(place: &Place) -> Result<RunManifest> {
        let file = place.name_of(MANIFEST);
        let bytes = place.read(MANIFEST)?.ok_or_else(|| {
            Error::content(
                &file,
                "no such file",
                "the manifest of a finished run (`hengxin rescore` makes one)",
            )
        })?;
        let differs = |found: String, expected: String| Err(Error::content(&file, found, expected));
        // Format and version first: what else an unknown version says means nothing here.
        let value: serde_json::Value = serde_json::from_slice(&bytes)
            .map_err(|e| Error::content(&file, e.to_string(), "the manifest of a run"))?;
        if value["format"] != FORMAT {
            return differs(format!("format {}", value["format"]), format!("format \"{FORMAT}\""));
        }
        if value["version"] != VERSION {
            return differs(
                format!("version {}", value["version"]),
                format!("version {VERSION}, the only one this program knows"),
            );
        }
        let manifest: RunManifest = serde_json::from_value(value)
            .map_err(|e| Error::content(&file, e.to_string(), "the manifest of a run"))?;
        debug_assert!(manifest.format == FORMAT && manifest.version == VERSION);
        let sum: u128 = manifest.shards.iter().map(|s| u128::from(s.subjects)).sum();
        if sum != u128::from(manifest.subjects) {
            return differs(
                format!("{} subjects", manifest.subjects),
                format!("{sum} subjects, the sum of its shards"),
            );
        }
        Ok(manifest)
    }
}

/// The results of a run's folder.
pub struct RunRows {
    place: Place,
    side: RunSide,
    shards: VecDeque<RunShard>,
    open: Option<OpenShard>,
    current: Option<ResultRow>,
}

struct OpenShard {
    name: String,
    reader: ParquetRecordBatchReader,
    columns: Option<Columns>,
    /// Row of the batch at hand, and rows of the batches before it.
    at: usize,
    before: u64,
    expected: u64,
}

impl std::fmt::Debug for RunRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunRows").field("run", &self.side.id).finish_non_exhaustive()
    }
}

impl RunRows {
    /// Opens a run's results at their first row. `side` describes the standards and fields that are read; every one of
    /// them must have its column.
    ///
    /// # Errors
    /// Those of reading the first row.
    pub fn open(place: Place, manifest: &RunManifest, side: RunSide) -> Result<RunRows> {
        let shards = manifest.shards.clone().into();
        let mut rows = RunRows { place, side, shards, open: None, current: None };
        rows.advance()?;
        Ok(rows)
    }

    /// The next shard, checked against its digest; `None` after the last.
    fn next_shard(&mut self) -> Result<Option<OpenShard>> {
        let Some(shard) = self.shards.pop_front() else { return Ok(None) };
        let name = self.place.name_of(&shard.file);
        let bytes = self
            .place
            .read(&shard.file)?
            .ok_or_else(|| Error::content(&name, "no such file", "the shard its manifest names"))?;
        let found = sha256(&bytes);
        if found != shard.sha256 {
            let expected = format!("SHA-256 {}, as the run's manifest says", shard.sha256);
            return Err(Error::content(name, format!("SHA-256 {found}"), expected));
        }
        let fail = |e| Error::parquet(&name, e);
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new_with_options(bytes::Bytes::from(bytes), options)
                .map_err(fail)?;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        if rows != shard.subjects {
            let expected = format!("{} rows, one a subject, as the run's manifest says", shard.subjects);
            return Err(Error::content(name, format!("{rows} rows"), expected));
        }
        let mut wanted: Vec<String> =
            ["subject", "region", "industry", "size", "established_on"].map(str::to_owned).to_vec();
        wanted.extend(self.side.standards.iter().map(|s| format!("standard:{}", s.id)));
        wanted.extend(self.side.fields.iter().map(|f| format!("field:{}", f.field)));
        let mut places = Vec::new();
        for column in &wanted {
            let place = builder.schema().index_of(column).map_err(|_| {
                Error::content(format!("{name}, column `{column}`"), "no such column", "one, as of every run")
            })?;
            places.push(place);
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        let reader = builder.with_projection(mask).build().map_err(fail)?;
        Ok(Some(OpenShard { name, reader, columns: None, at: 0, before: 0, expected: rows }))
    }

    fn next(&mut self) -> Result<Option<ResultRow>> {
        loop {
            let Some(shard) = &mut self.open else {
                self.open = self.next_shard()?;
                if self.open.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if let Some(columns) = &shard.columns {
                if shard.at < columns.subject.len() {
                    let row = columns.row(shard.at, &self.side).map_err(|(column, found, expected)| {
                        let row = shard.before + shard.at as u64 + 1;
                        let file = format!("{}, row {row}, column `{column}`", shard.name);
                        Error::content(file, found, expected)
                    })?;
                    shard.at += 1;
                    return Ok(Some(row));
                }
                shard.before += columns.subject.len() as u64;
            }
            match shard.reader.next() {
                Some(batch) => {
                    let batch = batch
                        .map_err(|e| Error::parquet(&shard.name, parquet::errors::ParquetError::from(e)))?;
                    let columns = Columns::of(&batch, &self.side).map_err(|(column, found, expected)| {
                        Error::content(format!("{}, column `{column}`", shard.name), found, expected)
                    })?;
                    (shard.columns, shard.at) = (Some(columns), 0);
                }
                None if shard.before != shard.expected => {
                    let expected = format!("{} rows, as its footer says", shard.expected);
                    return Err(Error::content(&shard.name, format!("{} rows", shard.before), expected));
                }
                None => self.open = None,
            }
        }
    }
}

impl ResultRows for RunRows {
    fn current(&self) -> Option<&ResultRow> {
        self.current.as_ref()
    }

    fn advance(&mut self) -> Result<()> {
        let last = self.current.take().map(|row| row.subject);
        let next = self.next()?;
        if let (Some(last), Some(next)) = (last, &next)
            && last >= next.subject
        {
            let name = self.open.as_ref().map_or(String::new(), |shard| {
                format!("{}, row {}, column `subject`", shard.name, shard.before + shard.at as u64)
            });
            let found = format!("`{}` after `{last}`", next.subject);
            return Err(Error::content(
                name,
                found,
                "subjects in ascending order, each once in the whole run",
            ));
        }
        self.current = next;
        Ok(())
    }
}

/// (column, found, expected).
type Fault = (String, String, String);

/// The columns of a batch, typed.
struct Columns {
    subject: StringArray,
    region: StringArray,
    industry: StringArray,
    size: StringArray,
    established_on: Date32Array,
    standards: Vec<StandardColumns>,
    fields: Vec<FieldColumns>,
}

struct StandardColumns {
    edition: StringArray,
    outcome: StringArray,
    score: Decimal128Array,
    grade: StringArray,
    findings: StringArray,
}

struct FieldColumns {
    edition: StringArray,
    tier: UInt8Array,
}

/// A column, or a field of a struct column named `of.name`.
struct Found<'a> {
    name: String,
    array: &'a ArrayRef,
}

impl Found<'_> {
    fn wrong(&self, expected: &str) -> Fault {
        (self.name.clone(), format!("type {}", self.array.data_type()), expected.to_owned())
    }

    fn text(&self) -> std::result::Result<StringArray, Fault> {
        self.array.as_string_opt::<i32>().cloned().ok_or_else(|| self.wrong("text (UTF8)"))
    }

    fn child<'b>(&'b self, name: &str) -> std::result::Result<Found<'b>, Fault> {
        let fields = self.array.as_struct_opt().ok_or_else(|| self.wrong("a group of columns (struct)"))?;
        let full = format!("{}.{name}", self.name);
        match fields.column_by_name(name) {
            Some(array) if fields.null_count() == 0 => Ok(Found { name: full, array }),
            Some(_) => {
                Err((self.name.clone(), "rows without a value".to_owned(), "a value in every row".to_owned()))
            }
            None => Err((full, "no such field".to_owned(), "one".to_owned())),
        }
    }
}

impl Columns {
    fn of(batch: &RecordBatch, side: &RunSide) -> std::result::Result<Columns, Fault> {
        let column = |name: &str| {
            let array = batch
                .column_by_name(name)
                .ok_or_else(|| (name.to_owned(), "no such column".to_owned(), "one".to_owned()))?;
            Ok::<Found<'_>, Fault>(Found { name: name.to_owned(), array })
        };
        let day = column("established_on")?;
        let standards = side.standards.iter().map(|standard| {
            let all = column(&format!("standard:{}", standard.id))?;
            let score = all.child("score")?;
            if !matches!(score.array.data_type(), DataType::Decimal128(_, 4)) {
                return Err(score.wrong("a decimal with 4 places (DECIMAL(18,4))"));
            }
            Ok(StandardColumns {
                edition: all.child("edition")?.text()?,
                outcome: all.child("outcome")?.text()?,
                score: score.array.as_primitive::<Decimal128Type>().clone(),
                grade: all.child("grade")?.text()?,
                findings: all.child("findings")?.text()?,
            })
        });
        let fields = side.fields.iter().map(|field| {
            let all = column(&format!("field:{}", field.field))?;
            let tier = all.child("tier")?;
            let numbers = tier.array.as_primitive_opt::<UInt8Type>().cloned();
            Ok(FieldColumns {
                edition: all.child("edition")?.text()?,
                tier: numbers.ok_or_else(|| tier.wrong("a whole number (UINT_8)"))?,
            })
        });
        let days = day.array.as_primitive_opt::<Date32Type>().cloned();
        Ok(Columns {
            subject: column("subject")?.text()?,
            region: column("region")?.text()?,
            industry: column("industry")?.text()?,
            size: column("size")?.text()?,
            established_on: days.ok_or_else(|| day.wrong("a date (DATE)"))?,
            standards: standards.collect::<std::result::Result<_, Fault>>()?,
            fields: fields.collect::<std::result::Result<_, Fault>>()?,
        })
    }

    fn row(&self, i: usize, side: &RunSide) -> std::result::Result<ResultRow, Fault> {
        let subject: Uscc = parsed(&self.subject, i, "subject", "a valid unified social credit code")?
            .ok_or_else(|| missing("subject", "a unified social credit code"))?;
        let size = text(&self.size, i).map(|id| place(&side.sizes, id, "size", "a size of the vocabulary"));
        let standards = self.standards.iter().zip(&side.standards).map(|(columns, standard)| {
            let name = |field: &str| format!("standard:{}.{field}", standard.id);
            same_edition(&columns.edition, i, &standard.edition, || name("edition"))?;
            let outcome = text(&columns.outcome, i).unwrap_or_default();
            let outcome = OutcomeKind::from_name(outcome).ok_or_else(|| {
                (
                    name("outcome"),
                    format!("`{outcome}`"),
                    format!("one of `{}`", OutcomeKind::NAMES.join("`, `")),
                )
            })?;
            let score = columns.score.is_valid(i).then(|| columns.score.value(i));
            let score = score.map(|n| {
                let n = i64::try_from(n).map_err(|_| (name("score"), n.to_string(), "a score".to_owned()))?;
                Ok::<Points, Fault>(Points::from_ten_thousandths(n))
            });
            let edition = || format!("{} {}", standard.id, standard.edition);
            let grade = text(&columns.grade, i).map(|id| {
                let place =
                    place(&standard.grades, id, &name("grade"), &format!("a grade of {}", edition()))?;
                Grade::try_from(place).map_err(|_| (name("grade"), format!("`{id}`"), "a grade".to_owned()))
            });
            let ids = text(&columns.findings, i).unwrap_or_default().split(';').filter(|id| !id.is_empty());
            let mut findings = ids.map(|id| {
                let place = standard.findings.iter().take(64).position(|f| f.clause.id == id);
                place.map(|place| 1u64 << place).ok_or_else(|| {
                    (
                        name("findings"),
                        format!("`{id}`"),
                        format!("ids of findings of {}, joined by `;`", edition()),
                    )
                })
            });
            Ok(StandardResult {
                outcome,
                score: score.transpose()?,
                grade: grade.transpose()?,
                // A finding named twice applies once.
                findings: findings.try_fold(0, |bits, bit| Ok::<u64, Fault>(bits | bit?))?,
            })
        });
        let tiers = self.fields.iter().zip(&side.fields).map(|(columns, field)| {
            let name = |part: &str| format!("field:{}.{part}", field.field);
            same_edition(&columns.edition, i, &field.edition, || name("edition"))?;
            let tier = columns.tier.is_valid(i).then(|| columns.tier.value(i));
            match tier {
                Some(tier) if tier == 0 || usize::from(tier) > field.tiers.len() => {
                    let expected =
                        format!("a tier from 1 to {}, those of {}", field.tiers.len(), field.policy);
                    Err((name("tier"), tier.to_string(), expected))
                }
                tier => Ok(tier),
            }
        });
        let day = self.established_on.is_valid(i).then(|| self.established_on.value(i));
        Ok(ResultRow {
            subject,
            region: parsed(&self.region, i, "region", "a region of six digits")?,
            industry: parsed(&self.industry, i, "industry", "a code of GB/T 4754 such as C1411")?,
            size: size.transpose()?,
            established_on: day.map(Date::from_days),
            standards: standards.collect::<std::result::Result<_, Fault>>()?,
            tiers: tiers.collect::<std::result::Result<_, Fault>>()?,
        })
    }
}

fn text(array: &StringArray, i: usize) -> Option<&str> {
    array.is_valid(i).then(|| array.value(i))
}

fn missing(column: &str, expected: &str) -> Fault {
    (column.to_owned(), "nothing".to_owned(), expected.to_owned())
}

fn parsed<T: std::str::FromStr>(
    array: &StringArray,
    i: usize,
    column: &str,
    expected: &str,
) -> std::result::Result<Option<T>, Fault>
where
    T::Err: std::fmt::Display,
{
    let parse = |text: &str| {
        text.parse().map_err(|e| (column.to_owned(), format!("`{text}`: {e}"), expected.to_owned()))
    };
    text(array, i).map(parse).transpose()
}

fn place(named: &[Named], id: &str, column: &str, expected: &str) -> std::result::Result<usize, Fault> {
    named.iter().position(|n| n.id == id).ok_or_else(|| {
        let ids: Vec<&str> = named.iter().map(|n| n.id.as_str()).collect();
        (column.to_owned(), format!("`{id}`"), format!("{expected}, one of `{}`", ids.join("`, `")))
    })
}

fn same_edition(
    array: &StringArray,
    i: usize,
    edition: &str,
    column: impl Fn() -> String,
) -> std::result::Result<(), Fault> {
    match text(array, i) {
        Some(found) if found == edition => Ok(()),
        found => {
            let found = format!("edition `{}`", found.unwrap_or_default());
            Err((column(), found, format!("edition `{edition}`, as the run's manifest says")))
        }
    }
}
