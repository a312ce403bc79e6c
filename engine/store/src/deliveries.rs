//! Which registers were delivered, as known at a moment: small, asked for with every file, therefore kept in memory.
//!
//! Of several deliveries of one register for one region only the last day counts, and a subject is concerned only by
//! regions that contain its own. So what a file gets is a handful of rows, shared by all subjects of a region.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{Deliveries, Delivery};
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::{RegisterId, Vocabulary};

use crate::db::Connection;
use crate::error::{Error, Result};

/// What is kept for at most so many moments and sets of regions.
const KEPT: usize = 8192;

#[derive(Debug, Default)]
pub(crate) struct DeliveryBook(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// All deliveries read so far, in the order recorded.
    all: Vec<(Moment, Delivery)>,
    /// Everything recorded up to here has been read.
    read_to: Option<Moment>,
    /// By number of deliveries known: last day per region and register.
    states: HashMap<usize, Arc<State>>,
    /// By number of deliveries known and regions concerned.
    files: HashMap<(usize, Vec<RegionCode>), Arc<KnownDeliveries>>,
}

/// The deliveries that concern one file.
#[derive(Debug)]
pub(crate) struct KnownDeliveries {
    pub(crate) deliveries: Deliveries,
    /// Canonical text: what goes into the digest of a file.
    pub(crate) canonical: String,
}

type State = BTreeMap<RegionCode, Vec<(RegisterId, Date)>>;

impl DeliveryBook {
    /// What was delivered for subjects registered in `regions`, as known at `known_at`.
    ///
    /// `watermark` is the last moment visible to `connection`.
    pub(crate) fn known(
        &self,
        connection: &Connection,
        vocabulary: &Vocabulary,
        watermark: Moment,
        known_at: Moment,
        mut regions: Vec<RegionCode>,
    ) -> Result<Arc<KnownDeliveries>> {
        regions.sort_unstable();
        regions.dedup();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.read_to.is_none_or(|read_to| read_to < watermark) {
            inner.read(connection, vocabulary, watermark)?;
        }
        let known = inner.all.partition_point(|(recorded_at, _)| *recorded_at <= known_at);
        let asked = (known, regions);
        if let Some(found) = inner.files.get(&asked) {
            return Ok(Arc::clone(found));
        }
        let state = inner.state(known);
        let mut list = Vec::new();
        for (region, registers) in state.iter() {
            if region.is_national() || asked.1.iter().any(|own| region.contains(*own)) {
                list.extend(registers.iter().map(|(register, through)| Delivery {
                    register: *register,
                    region: *region,
                    through: *through,
                }));
            }
        }
        list.sort_unstable_by_key(|delivery| (delivery.register, delivery.region));
        let mut canonical = String::new();
        for Delivery { register, region, through } in &list {
            let register = &vocabulary.register(*register).id;
            // Writing to a string cannot fail.
            let _ = writeln!(canonical, "{register} {region} {}", through.days());
        }
        let deliveries = Arc::new(KnownDeliveries { deliveries: Deliveries::new(list), canonical });
        if inner.files.len() >= KEPT {
            inner.files.clear();
        }
        inner.files.insert(asked, Arc::clone(&deliveries));
        Ok(deliveries)
    }
}

/// All deliveries recorded up to a moment, in the order recorded.
pub(crate) fn all(
    connection: &Connection,
    vocabulary: &Vocabulary,
    known_at: Moment,
) -> Result<Vec<(Delivery, Moment)>> {
    let found = since(connection, vocabulary, 0, known_at)?;
    Ok(found.into_iter().map(|(recorded_at, delivery)| (delivery, recorded_at)).collect())
}

/// Deliveries after the first `read`, up to a moment.
fn since(
    connection: &Connection,
    vocabulary: &Vocabulary,
    read: usize,
    until: Moment,
) -> Result<Vec<(Moment, Delivery)>> {
    let mut statement = connection.prepare_cached(
        "SELECT recorded_at, register, region, through FROM deliveries
         WHERE id > ?1 AND recorded_at <= ?2 ORDER BY id",
    )?;
    let mut rows = statement.query((i64::try_from(read).unwrap_or(i64::MAX), until.0))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let register: String = row.get(1)?;
        let digits: u32 = row.get(2)?;
        let delivery = Delivery {
            register: vocabulary.register_id(&register).ok_or_else(|| Error::Vocabulary {
                found: format!("deliveries of register `{register}`"),
                edition: vocabulary.edition.clone(),
            })?,
            region: RegionCode::from_digits(digits).map_err(|error| Error::corrupt(error.to_string()))?,
            through: Date::from_days(row.get(3)?),
        };
        found.push((Moment(row.get(0)?), delivery));
    }
    Ok(found)
}

impl Inner {
    fn read(&mut self, connection: &Connection, vocabulary: &Vocabulary, watermark: Moment) -> Result<()> {
        // Ids are dense and ascend with the moment, so what was read so far is also how far it was read.
        let mut found = since(connection, vocabulary, self.all.len(), watermark)?;
        self.all.append(&mut found);
        self.read_to = Some(watermark);
        Ok(())
    }

    fn state(&mut self, known: usize) -> Arc<State> {
        if let Some(state) = self.states.get(&known) {
            return Arc::clone(state);
        }
        let mut state = State::new();
        for (_, delivery) in &self.all[..known] {
            let registers = state.entry(delivery.region).or_default();
            match registers.iter_mut().find(|(register, _)| *register == delivery.register) {
                Some((_, through)) => *through = delivery.through.max(*through),
                None => registers.push((delivery.register, delivery.through)),
            }
        }
        let state = Arc::new(state);
        if self.states.len() >= 16 {
            self.states.clear();
        }
        self.states.insert(known, Arc::clone(&state));
        state
    }
}
