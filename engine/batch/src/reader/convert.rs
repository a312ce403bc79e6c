//! Columns of a batch, converted: types, dictionaries and nulls are decided here, once per batch or entry, never per
//! subject.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{ClassId, FactId, NO_NUMBER, Registration};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;

use super::rows::Rows;
use super::{ClassBook, ShardFile};
use crate::columns::{self, Coded};
use crate::digest::{RowPrint, fingerprint, registration_print};
use crate::error::{Error, Result};

/// "No class of the vocabulary."
const NO_CLASS: ClassId = ClassId::MAX;

/// What is kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Converter {
    /// The dictionary of classes last met, and what its entries are.
    classes: Option<(ArrayRef, Vec<ClassId>)>,
    known_from: Vec<i64>,
    known_until: Vec<i64>,
    established_on: Vec<Date>,
}

/// A batch, and where its rows stand in the shard, for messages.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub shard: &'a ShardFile,
    pub columns: &'a RecordBatch,
    /// Number of its first row.
    pub first: u64,
}

impl<'a> Batch<'a> {
    /// A column that says something; one that is absent or all null says nothing.
    fn present(self, name: &str) -> Option<&'a ArrayRef> {
        self.columns.column_by_name(name).filter(|c| c.null_count() < c.len())
    }

    fn required(self, name: &str) -> Result<&'a ArrayRef> {
        let column = self.columns.column_by_name(name).ok_or_else(|| self.shard.lost(name))?;
        if column.null_count() > 0 {
            let row = (0..column.len()).find(|row| column.is_null(*row)).unwrap_or(0);
            return Err(self.refused(name, "a value in every row")((row, "nothing".to_owned())));
        }
        Ok(column)
    }

    fn refused(self, column: &str, expected: &str) -> impl Fn((usize, String)) -> Error {
        move |(row, found)| self.shard.row_error(self.first + row as u64, column, found, expected)
    }
}

/// The rows of a batch that are not known at the moment, ascending.
#[derive(Debug, Default)]
pub(super) struct Dead {
    pub rows: Vec<u32>,
    /// Those of them that became known only later.
    pub unborn: Vec<u32>,
}

impl Converter {
    /// Fills `rows` with the batch, and `dead` with the rows of it that are not known at `known_at`.
    pub fn convert(
        &mut self,
        batch: Batch<'_>,
        book: &mut ClassBook,
        known_at: Moment,
        rows: &mut Rows,
        dead: &mut Dead,
    ) -> Result<()> {
        let n = batch.columns.num_rows();
        rows.clear();
        self.classes(batch, book, rows)?;
        columns::dates(batch.required("occurred_on")?, Date::FOREVER, &mut rows.occurred_on)
            .map_err(batch.refused("occurred_on", "a day"))?;
        for (name, out) in [
            ("ends_on", &mut rows.ends_on),
            ("publicity_until", &mut rows.publicity_until),
            ("repaired_on", &mut rows.repaired_on),
            ("established_on", &mut self.established_on),
        ] {
            match batch.present(name) {
                Some(column) => {
                    columns::dates(column, Date::FOREVER, out).map_err(batch.refused(name, "a day"))?;
                }
                None => constant(out, Date::FOREVER, n),
            }
        }
        match batch.present("number") {
            Some(column) => columns::numbers(column, NO_NUMBER, &mut rows.number)
                .map_err(batch.refused("number", "a number of 64 bits"))?,
            None => constant(&mut rows.number, NO_NUMBER, n),
        }
        constant(&mut rows.reference, 0, n);
        if let Some(column) = batch.present("reference") {
            let texts: &StringArray = column.as_string::<i32>();
            for row in present_rows(column) {
                rows.reference[row] = fingerprint(texts.value(row)).max(1);
            }
        }
        prints(rows, book);
        self.registrations(batch, book, rows)?;
        objections(batch, rows)?;
        self.dead(batch, known_at, dead)
    }

    fn classes(&mut self, batch: Batch<'_>, book: &mut ClassBook, rows: &mut Rows) -> Result<()> {
        let class = Coded::of(batch.required("class")?);
        let known = match &self.classes {
            Some((values, ids)) if values.to_data().ptr_eq(&class.values.to_data()) => ids,
            _ => {
                let texts: &StringArray = class.values.as_string::<i32>();
                // An entry no row uses is no fault: only what a row says is.
                let ids = texts.iter().map(|text| book.id(text.unwrap_or_default()).unwrap_or(NO_CLASS));
                let ids = ids.collect();
                &self.classes.insert((Arc::clone(class.values), ids)).1
            }
        };
        rows.class.extend(class.keys.values().iter().map(|k| known[usize::try_from(*k).unwrap_or(0)]));
        match rows.class.iter().position(|id| *id == NO_CLASS) {
            None => Ok(()),
            Some(row) => {
                let found = book.id(class.text(row).unwrap_or_default()).err().unwrap_or_default();
                Err(batch.refused("class", "a class of the vocabulary")((row, found)))
            }
        }
    }

    /// Gathers the registrations among the rows, and gives them their own fingerprints.
    fn registrations(&self, batch: Batch<'_>, book: &ClassBook, rows: &mut Rows) -> Result<()> {
        let region = batch.present("region").map(|column| {
            Texts::of(column, |text| {
                let digits = text.parse::<u32>().ok().filter(|_| text.len() == 6);
                digits.and_then(|d| RegionCode::from_digits(d).ok())
            })
        });
        let industry = batch.present("industry").map(|column| {
            // Its fingerprint is taken once for each text too.
            Texts::of(column, |text| {
                text.parse().ok().map(|code: IndustryCode| (code, fingerprint(&code.to_string())))
            })
        });
        for row in 0..rows.class.len() {
            let Some(attributes) = book.registration(rows.class[row]) else { continue };
            let region = region.as_ref().map(|texts| texts.at(row)).transpose();
            let region = region.map_err(batch.refused("region", "a region of six digits (GB/T 2260)"))?;
            let industry = industry.as_ref().map(|texts| texts.at(row)).transpose();
            let industry = industry.map_err(batch.refused("industry", "an industry code (GB/T 4754)"))?;
            let registration = Registration {
                fact: FactId(0),
                since: rows.occurred_on[row],
                established_on: Some(self.established_on[row]).filter(|day| *day != Date::FOREVER),
                legal_form: attributes.legal_form,
                size: attributes.size,
                status: attributes.status,
                region: region.flatten(),
                industry: industry.flatten().map(|(code, _)| code),
                capital: Some(rows.number[row]).filter(|n| *n != NO_NUMBER),
            };
            let print = industry.flatten().map_or(0, |(_, print)| print);
            rows.print[row] = registration_print(&registration, print);
            rows.registrations.push(row, registration);
        }
        Ok(())
    }

    fn dead(&mut self, batch: Batch<'_>, known_at: Moment, dead: &mut Dead) -> Result<()> {
        dead.rows.clear();
        dead.unborn.clear();
        let from = &mut self.known_from;
        from.clear();
        // It is not read when the shard's statistics say that everything was known.
        if batch.columns.column_by_name("known_from").is_some() {
            columns::instants(batch.required("known_from")?, i64::MAX, from)
                .map_err(batch.refused("known_from", "a moment"))?;
        }
        let until = &mut self.known_until;
        match batch.present("known_until") {
            Some(column) => columns::instants(column, i64::MAX, until)
                .map_err(batch.refused("known_until", "a moment"))?,
            None => until.clear(),
        }
        let known_at = known_at.0;
        // Most batches have none: that is seen without a branch per row.
        let late = from.iter().fold(i64::MIN, |last, at| last.max(*at)) > known_at;
        let over = until.iter().fold(i64::MAX, |first, at| first.min(*at)) <= known_at;
        if late || over {
            let is_unborn = |row: usize| from.get(row).is_some_and(|from| *from > known_at);
            let is_over = |row: usize| until.get(row).is_some_and(|until| *until <= known_at);
            for row in 0..batch.columns.num_rows() {
                let unborn = is_unborn(row);
                if unborn || is_over(row) {
                    let row = u32::try_from(row).unwrap_or(u32::MAX);
                    dead.rows.push(row);
                    if unborn {
                        dead.unborn.push(row);
                    }
                }
            }
        }
        Ok(())
    }
}

fn constant<T: Clone>(out: &mut Vec<T>, value: T, n: usize) {
    out.clear();
    out.resize(n, value);
}

/// The rows that have a value.
fn present_rows(column: &ArrayRef) -> Box<dyn Iterator<Item = usize> + '_> {
    match column.nulls() {
        Some(nulls) => Box::new(nulls.valid_indices()),
        None => Box::new(0..column.len()),
    }
}

fn prints(rows: &mut Rows, book: &ClassBook) {
    let of_class = book.prints();
    let columns = rows.class.iter().zip(&rows.occurred_on).zip(&rows.ends_on).zip(&rows.number);
    let columns = columns.zip(&rows.repaired_on).zip(&rows.publicity_until).zip(&rows.reference);
    rows.print.extend(columns.map(
        |((((((class, occurred_on), ends_on), number), repaired_on), publicity_until), reference)| {
            RowPrint {
                class: of_class[*class as usize],
                occurred_on: *occurred_on,
                ends_on: *ends_on,
                number: *number,
                repaired_on: *repaired_on,
                publicity_until: *publicity_until,
                reference: *reference,
            }
            .value()
        },
    ));
}

fn objections(batch: Batch<'_>, rows: &mut Rows) -> Result<()> {
    let Some(column) = batch.present("objections") else { return Ok(()) };
    let coded = Coded::of(column);
    for row in present_rows(column) {
        let Some(text) = coded.text(row) else { continue };
        for one in text.split(';') {
            let (from, until) = read_objection(one).ok_or_else(|| {
                let found = (row, format!("`{text}`"));
                batch.refused("objections", "`from/until` of each, joined by `;`")(found)
            })?;
            rows.objections.push(row, (from, until));
        }
    }
    Ok(())
}

fn read_objection(text: &str) -> Option<(Date, Date)> {
    let (from, until) = text.split_once('/')?;
    let until = if until.is_empty() { Date::FOREVER } else { until.parse().ok()? };
    Some((from.parse().ok()?, until))
}

/// A coded text column, each distinct text read once.
struct Texts<'a, T> {
    coded: Coded<'a>,
    values: Vec<Option<T>>,
}

impl<'a, T: Copy> Texts<'a, T> {
    fn of(column: &'a ArrayRef, read: impl Fn(&str) -> Option<T>) -> Texts<'a, T> {
        let coded = Coded::of(column);
        let values = coded.values.as_string::<i32>().iter().map(|text| text.and_then(&read)).collect();
        Texts { coded, values }
    }

    /// The value of a row, or the row with the text that is none.
    fn at(&self, row: usize) -> std::result::Result<Option<T>, (usize, String)> {
        match self.coded.text(row) {
            None => Ok(None),
            Some(text) => {
                let key = usize::try_from(self.coded.keys.value(row)).unwrap_or(0);
                self.values[key].map(Some).ok_or_else(|| (row, format!("`{text}`")))
            }
        }
    }
}
