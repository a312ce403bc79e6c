//! What the deliveries of registers say to a run, apart from everything else.
//!
//! Deliveries come every day; were their effect mixed into the subjects' own horizons, every delivery would make
//! everyone due. So a subject is evaluated with deliveries that say only *delivered* or *not* on the date, and the day
//! on which one grows stale is added afterwards, by region.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_core::fact::{Deliveries, Delivery};
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::{RegisterId, Vocabulary};

/// What the registers of a job say for subjects of one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Fingerprint of which registers count as delivered.
    pub delivered: u64,
    /// First later day on which one of them grows stale.
    pub stale_on: Option<Date>,
}

/// Deliveries on one date.
#[derive(Clone, Debug)]
pub struct DeliveredOn {
    as_of: Date,
    registers: Vec<(RegisterId, i32)>,
    all: Deliveries,
    settled: Deliveries,
    /// The registers and regions that count as delivered, ascending.
    counting: Vec<(RegisterId, RegionCode)>,
    stale_anywhere: Option<Date>,
}

impl DeliveredOn {
    /// The deliveries in `list`, as the registers of a job see them on `as_of`.
    pub fn new(
        list: &[Delivery],
        registers: &[RegisterId],
        vocabulary: &Vocabulary,
        as_of: Date,
    ) -> DeliveredOn {
        let lag = |register: RegisterId| vocabulary.register(register).lag_days;
        let counts = |d: &&Delivery| d.through.plus_days(lag(d.register)) >= as_of;
        let settled = list.iter().filter(counts).map(|d| Delivery { through: Date::FOREVER, ..*d }).collect();
        let looked_at = list.iter().filter(|d| registers.contains(&d.register)).filter(counts);
        let mut counting: Vec<_> = looked_at.clone().map(|d| (d.register, d.region)).collect();
        counting.sort_unstable();
        counting.dedup();
        let stale = looked_at.map(|d| d.through.plus_days(lag(d.register) + 1));
        let stale_anywhere = stale.filter(|stale| *stale < Date::FOREVER).min();
        DeliveredOn {
            as_of,
            registers: registers.iter().map(|r| (*r, lag(*r))).collect(),
            all: Deliveries::new(list.to_vec()),
            settled: Deliveries::new(settled),
            counting,
            stale_anywhere,
        }
    }

    /// Whether the same registers count as delivered in the same regions.
    pub fn agrees(&self, other: &DeliveredOn) -> bool {
        self.counting == other.counting
    }

    /// First later day on which any delivery grows stale, wherever it is from. For subjects whose relatives are registered
    /// anywhere: no later than the first that matters.
    pub fn stale_anywhere(&self) -> Option<Date> {
        self.stale_anywhere
    }

    /// Deliveries that say *delivered* or *not* on the date, and never grow stale.
    pub fn settled(&self) -> &Deliveries {
        &self.settled
    }

    /// The standing for subjects of a region.
    pub fn standing(&self, region: Option<RegionCode>) -> Standing {
        let mut print = crate::digest::Fingerprint::default();
        let mut stale_on: Option<Date> = None;
        for (register, lag) in &self.registers {
            let through = self.all.through(*register, region).map(|through| through.plus_days(*lag));
            let stale = through.filter(|through| *through >= self.as_of).map(|through| through.plus_days(1));
            print.add(u64::from(stale.is_some()));
            if let Some(stale) = stale.filter(|s| *s < Date::FOREVER) {
                stale_on = Some(stale_on.map_or(stale, |earlier| earlier.min(stale)));
            }
        }
        Standing { delivered: print.value(), stale_on }
    }
}

/// [`DeliveredOn::standing`], each region asked for once.
#[derive(Debug, Default)]
pub struct Standings {
    by_region: HashMap<Option<RegionCode>, Standing>,
    /// The last one asked for: the next subject is often of the same region.
    last: Option<(Option<RegionCode>, Standing)>,
}

impl Standings {
    /// The standing for a region.
    pub fn of(&mut self, on: &DeliveredOn, region: Option<RegionCode>) -> Standing {
        if let Some((last, standing)) = self.last
            && last == region
        {
            return standing;
        }
        let standing = *self.by_region.entry(region).or_insert_with(|| on.standing(region));
        self.last = Some((region, standing));
        standing
    }
}
