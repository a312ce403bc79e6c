//! Features by another way: everything that came to be known later, or happened later, is taken away before the readings see
//! the file.
//!
//! The usual way gives the readings a file with later facts in it or beside it and trusts the cut: rows by `known_from` and
//! `known_until` while a shard is decoded, entries by `recorded_at` in the ledger, days by the picking of the kernel. Here
//! the history of one subject is cut by hand, row by row, and what is left holds nothing later that could show. A feature
//! that knows the future differs.

use std::collections::HashMap;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{
    Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow, NO_NUMBER,
    NO_REFERENCE, Registration,
};
use hengxin_core::reading::Measured;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Shape, Vocabulary};

use super::dataset::{ranges, rows_of};
use super::plans::Benches;
use super::points::Point;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::reader::ClassBook;
use crate::row::Row;
use crate::rows;

/// A delivery, and when it became known.
pub type KnownDelivery = (Delivery, Moment);

/// All rows of one subject through time, in the order of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// The rows.
    pub rows: &'a [Row],
    /// The classes they speak of.
    pub classes: &'a Classes,
    /// The vocabulary of the classes.
    pub vocabulary: &'a Vocabulary,
    /// All deliveries there ever were.
    pub deliveries: &'a [KnownDelivery],
}

impl Whole<'_> {
    /// What the features give at `point` when everything later is taken away. Related subjects are not looked at.
    pub fn measure(&self, point: Point, benches: &mut Benches<'_>) -> Vec<Measured> {
        let Point { subject, as_of, known_at } = point;
        let (mut facts, mut registrations) = (Vec::new(), Vec::new());
        let mut references: HashMap<&str, u32> = HashMap::new();
        let known = self.rows.iter().filter(|row| row.known_from <= known_at && known_at < row.known_until);
        for (row, id) in known.filter(|row| row.occurred_on <= as_of).zip(0u64..) {
            if self.is_registration(row) {
                registrations.push(self.registration(row, FactId(id)));
                continue;
            }
            let next = u32::try_from(references.len() + 1).unwrap_or(u32::MAX);
            let reference =
                row.reference.as_deref().map_or(NO_REFERENCE, |text| *references.entry(text).or_insert(next));
            let later = |day: Date| if day > as_of { Date::FOREVER } else { day };
            facts.push(FactRow {
                id: FactId(id),
                class: row.class,
                occurred_on: row.occurred_on,
                ends_on: row.ends_on,
                number: row.number,
                reference,
                repaired_on: later(row.repaired_on),
                publicity_until: row.publicity_until,
                objections: row
                    .objections
                    .iter()
                    .filter(|(from, _)| *from <= as_of)
                    .map(|(from, until)| (*from, later(*until)))
                    .collect(),
            });
        }
        registrations.sort_by_key(|r: &Registration| r.since);
        let columns = FactColumns::from_rows(facts);
        let deliveries = self.deliveries.iter().filter(|(_, known_from)| *known_from <= known_at);
        let until_then = |d: &Delivery| Delivery { through: d.through.min(as_of), ..*d };
        let deliveries = Deliveries::new(deliveries.map(|(delivery, _)| until_then(delivery)).collect());
        let file = CreditFile {
            subject,
            facts: columns.as_facts(),
            registrations: &registrations,
            deliveries: &deliveries,
        };
        benches.measure(as_of, self.classes, &Dossier { file, related: &[] }).to_vec()
    }

    fn is_registration(&self, row: &Row) -> bool {
        let class = self.classes.class(row.class);
        class.is_some_and(|class| self.vocabulary.code(class.code).shape == Shape::Registration)
    }

    fn registration(&self, row: &Row, fact: FactId) -> Registration {
        let attribute = |id: &str| {
            let class = self.classes.class(row.class)?;
            let position = self.vocabulary.code(class.code).class_position(id)?;
            // Index of the value plus one; 0 when absent.
            u16::try_from(class.values.get(position)?.checked_sub(1)?).ok()
        };
        let said = row.registration.unwrap_or_default();
        Registration {
            fact,
            since: row.occurred_on,
            established_on: said.established_on,
            legal_form: attribute("legal_form"),
            size: attribute("size"),
            status: attribute("status"),
            region: said.region,
            industry: said.industry,
            capital: Some(row.number).filter(|number| *number != NO_NUMBER),
        }
    }
}

/// All deliveries of a dataset, with when they became known.
///
/// # Errors
/// A register or region nobody declared.
pub fn deliveries(dataset: &Dataset) -> Result<Vec<KnownDelivery>> {
    let manifest = &dataset.manifest;
    let all = manifest.known_deliveries(&dataset.vocabulary, crate::moment::STILL)?;
    Ok(all.into_iter().zip(manifest.deliveries.iter().map(|d| d.recorded_at)).collect())
}

/// Hands over all rows of `subjects`, which ascend, one subject after another; of whom there are none, no rows.
///
/// # Errors
/// As reading the shards; a row with a value that cannot be.
pub fn histories(
    dataset: &Dataset,
    subjects: &[Uscc],
    book: &mut ClassBook,
    mut work: impl FnMut(&ClassBook, Uscc, &[Row]),
) -> Result<()> {
    for shard in &dataset.manifest.shards {
        let start = subjects.partition_point(|s| s.as_str() < shard.first.as_str());
        let end = subjects.partition_point(|s| s.as_str() <= shard.last.as_str());
        let Some(here) = subjects.get(start..end).filter(|here| !here.is_empty()) else { continue };
        let file = dataset.shard(shard)?;
        let found = ranges(&rows_of(&file)?, here.iter().copied());
        let (mut all, mut bad) = (Vec::new(), Vec::new());
        file.batches(rows::columns(), Some(&found), |batch, _| {
            all.extend(rows::of(batch, book, &mut bad).into_iter().map(|(_, row)| row));
            Ok(())
        })?;
        if let Some(value) = bad.first() {
            let place = format!("{}, column `{}`", file.name(), value.column);
            return Err(Error::content(place, value.found.clone(), value.expected));
        }
        for rows in all.chunk_by(|a, b| a.subject == b.subject) {
            if let Some(first) = rows.first() {
                work(book, first.subject, rows);
            }
        }
    }
    Ok(())
}
