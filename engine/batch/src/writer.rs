//! Rows in order to shards: encodes one shard after another and writes the manifest last.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Date32Array, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::SchemaRef;
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{ClassId, Classes, NO_NUMBER};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::class_text;
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::manifest::Shard;
use crate::moment::STILL;
use crate::place::Place;
use crate::row::Row;
use crate::schema;

/// Rows encoded in one go.
const BATCH: usize = 65_536;
/// Most rows of a row group; a multiple of what is read in one go.
const GROUP: usize = 16 * BATCH;

/// Encodes the rows of one shard. Rows must come in the order of [`Row::order`].
pub struct ShardWriter {
    writer: ArrowWriter<Vec<u8>>,
    schema: SchemaRef,
    pending: Vec<Row>,
    class_texts: Vec<String>,
    first: Option<Uscc>,
    last: Option<Row>,
    subjects: u64,
    rows: u64,
    superseded: u64,
    changed_at: Moment,
}

impl std::fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// How shards are encoded. Dictionaries carry the repeated texts and few distinct values; columns of numbers that
/// ascend or are all different are packed as differences.
fn properties() -> WriterProperties {
    let sorted = |column| SortingColumn { column_idx: column, descending: false, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_page_size_limit(64 << 20)
        .set_data_page_size_limit(1 << 20)
        .set_data_page_row_count_limit(BATCH)
        .set_write_batch_size(8192)
        .set_max_row_group_row_count(Some(GROUP))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_created_by(format!("hengxin {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "hengxin.facts".to_owned(),
            schema::VERSION.to_string(),
        )]))
        .set_sorting_columns(Some(vec![sorted(0), sorted(2), sorted(15)]));
    for (column, encoding) in [
        ("fact", Encoding::PLAIN),
        ("text", Encoding::PLAIN),
        ("reference", Encoding::DELTA_LENGTH_BYTE_ARRAY),
    ] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(column), false)
            .set_column_encoding(ColumnPath::from(column), encoding);
    }
    properties.build()
}

impl ShardWriter {
    /// An empty shard.
    ///
    /// # Errors
    /// When the encoder cannot be made.
    pub fn new() -> Result<ShardWriter> {
        let schema = schema::schema();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties()))
            .map_err(|e| Error::parquet("a new shard", e))?;
        Ok(ShardWriter {
            writer,
            schema,
            pending: Vec::with_capacity(BATCH),
            class_texts: Vec::new(),
            first: None,
            last: None,
            subjects: 0,
            rows: 0,
            superseded: 0,
            changed_at: Moment(0),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A row out of order, or one that was known at the same time as another version of its record.
    pub fn push(&mut self, row: Row, vocabulary: &Vocabulary, classes: &Classes) -> Result<()> {
        if let Some(last) = &self.last {
            if last.order() >= row.order() {
                return Err(Error::content(
                    "rows of a shard",
                    format!(
                        "{} {} {:016x} after {} {} {:016x}",
                        row.subject, row.occurred_on, row.fact, last.subject, last.occurred_on, last.fact
                    ),
                    "rows ascending by subject, day, fact and moment, each once",
                ));
            }
            self.subjects += u64::from(last.subject != row.subject);
        } else {
            self.first = Some(row.subject);
            self.subjects = 1;
        }
        self.rows += 1;
        self.superseded += u64::from(row.known_until != STILL);
        self.changed_at = self.changed_at.max(row.known_from);
        if row.known_until != STILL {
            self.changed_at = self.changed_at.max(row.known_until);
        }
        // Of the last row only its order is asked for.
        self.last = Some(Row::new(row.subject, row.fact, 0, row.occurred_on, row.known_from));
        self.pending.push(row);
        if self.pending.len() == BATCH {
            self.flush(vocabulary, classes)?;
        }
        Ok(())
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn flush(&mut self, vocabulary: &Vocabulary, classes: &Classes) -> Result<()> {
        let rows = std::mem::take(&mut self.pending);
        for class in &classes.as_slice()[self.class_texts.len()..] {
            self.class_texts.push(class_text::to_text(vocabulary, class));
        }
        let batch = encode(&rows, &self.schema, &self.class_texts);
        self.writer.write(&batch).map_err(|e| Error::parquet("a new shard", e))?;
        self.pending = rows;
        self.pending.clear();
        Ok(())
    }

    /// Writes the shard under `file`. `None` for a shard without rows: nothing is written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(
        mut self,
        vocabulary: &Vocabulary,
        classes: &Classes,
        place: &Place,
        file: String,
    ) -> Result<Option<Shard>> {
        let (Some(first), Some(last)) = (self.first, self.last.as_ref().map(|r| r.subject)) else {
            return Ok(None);
        };
        if !self.pending.is_empty() {
            self.flush(vocabulary, classes)?;
        }
        let bytes = self.writer.into_inner().map_err(|e| Error::parquet(&file, e))?;
        let shard = Shard {
            first: first.to_string(),
            last: last.to_string(),
            subjects: self.subjects,
            rows: self.rows,
            changed_at: self.changed_at,
            superseded_rows: self.superseded,
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
            file,
        };
        place.write(&shard.file, bytes)?;
        Ok(Some(shard))
    }
}

/// The file of shard number `n`.
pub fn shard_file(n: usize) -> String {
    format!("shards/{n:06}.parquet")
}

fn encode(rows: &[Row], schema: &SchemaRef, class_texts: &[String]) -> RecordBatch {
    let date = |of: fn(&Row) -> Date| -> ArrayRef {
        let present = |row: &Row| Some(of(row)).filter(|d| *d != Date::FOREVER).map(Date::days);
        Arc::new(rows.iter().map(present).collect::<Date32Array>())
    };
    let text = |of: fn(&Row) -> Option<&str>| -> ArrayRef {
        let mut builder = StringBuilder::with_capacity(rows.len(), 0);
        for row in rows {
            builder.append_option(of(row));
        }
        Arc::new(builder.finish())
    };
    let moment = |of: fn(&Row) -> Moment| -> ArrayRef {
        let present = |row: &Row| Some(of(row)).filter(|m| *m != STILL).map(|m| m.0);
        let array: TimestampMicrosecondArray = rows.iter().map(present).collect();
        Arc::new(array.with_timezone("UTC"))
    };
    let registered = |row: &Row| row.registration.unwrap_or_default();
    let columns = schema::COLUMNS.map(|name| -> ArrayRef {
        match name {
            "subject" => subjects(rows),
            "class" => class_column(rows, class_texts),
            "occurred_on" => {
                Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| r.occurred_on.days())))
            }
            "ends_on" => date(|r| r.ends_on),
            "publicity_until" => date(|r| r.publicity_until),
            "repaired_on" => date(|r| r.repaired_on),
            "number" => {
                let present = |row: &Row| Some(row.number).filter(|n| *n != NO_NUMBER);
                Arc::new(rows.iter().map(present).collect::<Int64Array>())
            }
            "known_from" => moment(|r| r.known_from),
            "known_until" => moment(|r| r.known_until),
            "reference" => text(|r| r.reference.as_deref()),
            "objections" => coded(rows.iter().map(|r| objections_text(&r.objections))),
            "established_on" => {
                let days = rows.iter().map(|r| registered(r).established_on.map(Date::days));
                Arc::new(days.collect::<Date32Array>())
            }
            "region" => {
                coded(rows.iter().map(|r| registered(r).region.map(|x| format!("{:06}", x.digits()))))
            }
            "industry" => coded(rows.iter().map(|r| registered(r).industry.map(|x| x.to_string()))),
            "related" => text(|r| r.related.as_deref()),
            "fact" => Arc::new(UInt64Array::from_iter_values(rows.iter().map(|r| r.fact))),
            _ => text(|r| r.text.as_deref()),
        }
    });
    RecordBatch::try_new(Arc::clone(schema), columns.to_vec())
        .unwrap_or_else(|e| unreachable!("every column has the type and length of the schema: {e}"))
}

/// `from/until` of each objection, joined by `;`; no end is left out.
fn objections_text(objections: &[(Date, Date)]) -> Option<String> {
    let one = |(from, until): &(Date, Date)| match *until {
        Date::FOREVER => format!("{from}/"),
        until => format!("{from}/{until}"),
    };
    (!objections.is_empty()).then(|| objections.iter().map(one).collect::<Vec<_>>().join(";"))
}

fn subjects(rows: &[Row]) -> ArrayRef {
    let (mut keys, mut texts) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut last = None;
    for row in rows {
        if last != Some(row.subject) {
            last = Some(row.subject);
            texts.push(row.subject.as_str());
        }
        keys.push(i32::try_from(texts.len()).unwrap_or(i32::MAX) - 1);
    }
    dictionary(keys.into(), &texts)
}

fn class_column(rows: &[Row], class_texts: &[String]) -> ArrayRef {
    let mut numbers: HashMap<ClassId, i32> = HashMap::new();
    let mut texts: Vec<&str> = Vec::new();
    let keys = rows.iter().map(|row| {
        *numbers.entry(row.class).or_insert_with(|| {
            texts.push(class_texts.get(row.class as usize).map_or("", String::as_str));
            i32::try_from(texts.len()).unwrap_or(i32::MAX) - 1
        })
    });
    let keys: Int32Array = keys.collect::<Vec<i32>>().into();
    dictionary(keys, &texts)
}

fn coded(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<Vec<_>>().iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
}

fn dictionary(keys: Int32Array, texts: &[&str]) -> ArrayRef {
    let values = Arc::new(StringArray::from_iter_values(texts));
    Arc::new(
        DictionaryArray::<Int32Type>::try_new(keys, values)
            .unwrap_or_else(|e| unreachable!("every key was made for a text: {e}")),
    )
}
