//! Batches of a Parquet file to rows, each looked at by itself: for checking and sorting, where every bad row is told,
//! not only the first.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::NO_NUMBER;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::class_text;
use crate::columns::{self, Coded};
use crate::digest::Fingerprint;
use crate::moment::STILL;
use crate::reader::ClassBook;
use crate::row::{Registered, Row};
use crate::schema::COLUMNS;

/// One value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    /// Row in the batch, from 0.
    pub(crate) row: usize,
    pub(crate) column: &'static str,
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

/// Reads the rows of a batch. Those with a bad value are left out and told.
pub(crate) fn of(batch: &RecordBatch, book: &mut ClassBook, bad: &mut Vec<BadValue>) -> Vec<(usize, Row)> {
    let n = batch.num_rows();
    let before = bad.len();
    let mut reading = Reading { batch, bad };
    let subject = reading.subjects();
    let class = reading.classes(book);
    let day = |d: Date| d;
    let occurred_on = reading.dates("occurred_on", true);
    let [ends_on, publicity_until, repaired_on, established_on] =
        ["ends_on", "publicity_until", "repaired_on", "established_on"].map(|c| reading.dates(c, false));
    let known_from = reading.instants("known_from", true);
    let known_until = reading.instants("known_until", false);
    let number = reading.numbers();
    let fact = batch.column_by_name("fact").map(|column| {
        reading.required(column, "fact", "the id of a record");
        let mut out = Vec::new();
        columns::fact_ids(column, &mut out);
        out
    });
    let region = reading.coded("region", "a region of six digits (GB/T 2260)", |text| {
        let digits = text.parse::<u32>().ok().filter(|_| text.len() == 6)?;
        RegionCode::from_digits(digits).ok()
    });
    let industry = reading.coded("industry", "an industry code (GB/T 4754)", |text| text.parse().ok());
    let objections = reading.coded("objections", "`from/until` of each, joined by `;`", objections);
    let [reference, related, text] = ["reference", "related", "text"].map(|c| reading.texts(c));
    let mut spoiled = vec![false; n];
    for value in &reading.bad[before..] {
        spoiled[value.row] = true;
    }
    let mut rows = Vec::with_capacity(n);
    for i in (0..n).filter(|i| !spoiled[*i]) {
        let (Some(subject), Some(class)) = (subject[i], class[i]) else { continue };
        let mut row = Row::new(subject, 0, class, occurred_on[i], Moment(known_from[i]));
        row.ends_on = day(ends_on[i]);
        row.publicity_until = publicity_until[i];
        row.repaired_on = repaired_on[i];
        row.number = number[i];
        row.known_until = Moment(known_until[i]);
        row.reference = reference[i].map(Box::from);
        row.related = related[i].map(Box::from);
        row.text = text[i].map(Box::from);
        row.objections.clone_from(objections[i].as_ref().unwrap_or(&Vec::new()));
        if book.registration(class).is_some() {
            row.registration = Some(Registered {
                established_on: Some(established_on[i]).filter(|d| *d != Date::FOREVER),
                region: region[i],
                industry: industry[i],
            });
        }
        if row.known_until <= row.known_from {
            let found = format!(
                "{}, not after known_from {}",
                crate::moment::to_text(row.known_until),
                crate::moment::to_text(row.known_from)
            );
            let expected = "a moment after known_from, or nothing";
            reading.bad.push(BadValue { row: i, column: "known_until", found, expected });
            continue;
        }
        row.fact = match &fact {
            Some(ids) => ids[i],
            None => content_id(&row, book),
        };
        rows.push((i, row));
    }
    rows
}

/// An id for a row that has none: a digest of all it says, so that the same row gets the same id everywhere.
fn content_id(row: &Row, book: &ClassBook) -> u64 {
    let mut print = Fingerprint::default();
    if let Some(class) = book.classes().class(row.class) {
        print.add_text(&class_text::to_text(book.vocabulary(), class));
    }
    for day in [row.occurred_on, row.ends_on, row.publicity_until, row.repaired_on] {
        print.add(u64::from(day.days().cast_unsigned()));
    }
    print.add(row.number.cast_unsigned());
    print.add(row.known_from.0.cast_unsigned());
    for text in [&row.reference, &row.related, &row.text] {
        print.add(u64::from(text.is_some()));
        print.add_text(text.as_deref().unwrap_or_default());
    }
    print.add_text(&format!("{:?} {:?}", row.objections, row.registration));
    print.value()
}

struct Reading<'a> {
    batch: &'a RecordBatch,
    bad: &'a mut Vec<BadValue>,
}

impl<'a> Reading<'a> {
    fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        self.batch.column_by_name(name)
    }

    fn bad(&mut self, row: usize, column: &'static str, found: String, expected: &'static str) {
        self.bad.push(BadValue { row, column, found, expected });
    }

    fn required(&mut self, column: &ArrayRef, name: &'static str, expected: &'static str) {
        if column.null_count() > 0 {
            for row in (0..column.len()).filter(|row| column.is_null(*row)) {
                self.bad(row, name, "nothing".to_owned(), expected);
            }
        }
    }

    fn subjects(&mut self) -> Vec<Option<Uscc>> {
        let n = self.batch.num_rows();
        let Some(column) = self.column("subject") else { return vec![None; n] };
        let expected = "a valid unified social credit code";
        self.required(column, "subject", expected);
        let fixed = column.as_fixed_size_binary_opt();
        let coded = fixed.is_none().then(|| Coded::of(column));
        let mut last: Option<(&[u8], Option<Uscc>)> = None;
        let mut codes = Vec::with_capacity(n);
        for row in 0..n {
            let bytes = match (fixed, &coded) {
                (Some(fixed), _) if !fixed.is_null(row) => fixed.value(row),
                (None, Some(coded)) => coded.text(row).unwrap_or_default().as_bytes(),
                _ => &[],
            };
            let known = last.filter(|(known, code)| *known == bytes && code.is_some());
            let code = match known {
                Some((_, code)) => code,
                None => match Uscc::from_bytes(bytes) {
                    Ok(code) => Some(code),
                    Err(e) => {
                        if !column.is_null(row) {
                            let found = format!("`{}`: {e}", String::from_utf8_lossy(bytes));
                            self.bad(row, "subject", found, expected);
                        }
                        None
                    }
                },
            };
            last = Some((bytes, code));
            codes.push(code);
        }
        codes
    }

    fn classes(&mut self, book: &mut ClassBook) -> Vec<Option<u32>> {
        let n = self.batch.num_rows();
        let Some(column) = self.column("class") else { return vec![None; n] };
        let expected = "a class of the vocabulary";
        self.required(column, "class", expected);
        let coded = Coded::of(column);
        let texts = coded.values.as_string::<i32>();
        let known: Vec<Result<u32, String>> =
            texts.iter().map(|text| book.id(text.unwrap_or_default())).collect();
        let mut classes = Vec::with_capacity(n);
        for row in 0..n {
            classes.push(if coded.keys.is_null(row) {
                None
            } else {
                match &known[usize::try_from(coded.keys.value(row)).unwrap_or(0)] {
                    Ok(id) => Some(*id),
                    Err(found) => {
                        self.bad(row, "class", found.clone(), expected);
                        None
                    }
                }
            });
        }
        classes
    }

    /// Converts a column at once, or when that fails value by value.
    fn converted<T: Copy>(
        &mut self,
        name: &'static str,
        absent: T,
        expected: &'static str,
        convert: impl Fn(&ArrayRef, &mut Vec<T>) -> Result<(), columns::BadRow>,
    ) -> Vec<T> {
        let n = self.batch.num_rows();
        let Some(column) = self.column(name) else { return vec![absent; n] };
        let mut out = Vec::with_capacity(n);
        if convert(column, &mut out).is_ok() {
            return out;
        }
        let mut all = Vec::with_capacity(n);
        for row in 0..n {
            match convert(&column.slice(row, 1), &mut out) {
                Ok(()) => all.push(out.first().copied().unwrap_or(absent)),
                Err((_, found)) => {
                    self.bad(row, name, found, expected);
                    all.push(absent);
                }
            }
        }
        all
    }

    fn dates(&mut self, name: &'static str, required: bool) -> Vec<Date> {
        if let Some(column) = self.column(name).filter(|_| required) {
            self.required(column, name, "a day");
        }
        self.converted(name, Date::FOREVER, "a day", |c, out| columns::dates(c, Date::FOREVER, out))
    }

    fn instants(&mut self, name: &'static str, required: bool) -> Vec<i64> {
        if let Some(column) = self.column(name).filter(|_| required) {
            self.required(column, name, "a moment");
        }
        self.converted(name, STILL.0, "a moment", |c, out| columns::instants(c, STILL.0, out))
    }

    fn numbers(&mut self) -> Vec<i64> {
        self.converted("number", NO_NUMBER, "a number of 64 bits", |c, out| {
            columns::numbers(c, NO_NUMBER, out)
        })
    }

    fn coded<T: Clone>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<Option<T>> {
        let n = self.batch.num_rows();
        let Some(column) = self.column(name).filter(|c| c.null_count() < n) else { return vec![None; n] };
        let coded = Coded::of(column);
        let texts = coded.values.as_string::<i32>();
        let values: Vec<Option<T>> = texts.iter().map(|text| text.and_then(&read)).collect();
        let mut all = Vec::with_capacity(n);
        for row in 0..n {
            let text = coded.text(row);
            let value =
                text.and_then(|_| values[usize::try_from(coded.keys.value(row)).unwrap_or(0)].clone());
            if let (None, Some(text)) = (&value, text) {
                self.bad(row, name, format!("`{text}`"), expected);
            }
            all.push(value);
        }
        all
    }

    fn texts(&mut self, name: &'static str) -> Vec<Option<&'a str>> {
        let n = self.batch.num_rows();
        match self.column(name) {
            Some(column) => column.as_string::<i32>().iter().collect(),
            None => vec![None; n],
        }
    }
}

fn objections(text: &str) -> Option<Vec<(Date, Date)>> {
    let one = |one: &str| {
        let (from, until) = one.split_once('/')?;
        let until = if until.is_empty() { Date::FOREVER } else { until.parse().ok()? };
        Some((from.parse().ok()?, until))
    };
    text.split(';').map(one).collect()
}

/// Pairs of rows of one subject that say different things about one record at the same moment.
pub(crate) fn contradictions<'r>(rows: impl Iterator<Item = &'r Row>) -> Vec<(usize, usize)> {
    let mut order: Vec<(u64, Moment, Moment, usize)> =
        rows.enumerate().map(|(i, row)| (row.fact, row.known_from, row.known_until, i)).collect();
    order.sort_unstable();
    let overlap = |pair: &&[(u64, Moment, Moment, usize)]| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2;
    order.windows(2).filter(overlap).map(|pair| (pair[0].3, pair[1].3)).collect()
}

/// All columns.
pub(crate) fn columns() -> &'static [&'static str] {
    &COLUMNS
}
