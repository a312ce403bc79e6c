//! What a standard says of a file without facts, so that a file with some is only looked at where they matter.
//!
//! Most selections of most files are empty. A part of the standard that reads nothing but empty selections gives the
//! same for every such file whose registers are delivered alike; that is worked out once, by the same functions, and
//! kept. Which parts those are is for [`Readers`]; which deliveries are meant is told by their number and the region,
//! so nothing concluded from some deliveries is ever used under others.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::condition::{Condition, Truth};
use crate::date::Date;
use crate::fact::{Deliveries, Facts};
use crate::kernel::{IndicatorResult, measure_indicator};
use crate::number::Points;
use crate::plan::Plan;
use crate::readers::{Parts, Readers, contains, insert};
use crate::reading::{Look, Measured, Unknown};
use crate::region::RegionCode;
use crate::selection::Selection;
use crate::tree::{Indicator, WhenUnknown};

/// The answer for a file without facts, under one state of the registers.
#[derive(Clone, Debug)]
pub(crate) struct Blank {
    /// Per slot: whether all its registers are delivered.
    pub delivered: Vec<bool>,
    /// The first day on which one of them is stale.
    pub stale_on: Date,
    /// The parts to look at whatever facts there are; what stands here of them means nothing.
    pub always: Parts,
    /// Per indicator.
    pub indicators: Vec<IndicatorResult>,
    /// What the indicators come to together.
    pub tally: Tally,
    /// Per eligibility rule.
    pub rules: Vec<Truth>,
    /// Per case of the base.
    pub cases: Vec<Truth>,
    /// Findings that apply, a bit each.
    pub findings: u64,
    /// Findings about which too little is known, likewise.
    pub undetermined: u64,
}

/// What is known of the indicators together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many are unknown.
    pub unknown: u16,
    /// How many forbid a score.
    pub forbidding: u16,
    /// The maxima of those that are known and can earn, summed.
    pub known_max: Points,
}

impl Tally {
    pub fn add(&mut self, indicator: &Indicator, measured: Measured) {
        match measured {
            Measured::Known(_) => self.known_max = self.known_max.plus(indicator.max.max(Points::ZERO)),
            Measured::Unknown(_) => {
                self.unknown += 1;
                self.forbidding += u16::from(indicator.when_unknown == WhenUnknown::CannotScore);
            }
        }
    }

    /// Takes out what was added.
    pub fn remove(&mut self, indicator: &Indicator, measured: Measured) {
        match measured {
            Measured::Known(_) => self.known_max = self.known_max.minus(indicator.max.max(Points::ZERO)),
            Measured::Unknown(_) => {
                self.unknown -= 1;
                self.forbidding -= u16::from(indicator.when_unknown == WhenUnknown::CannotScore);
            }
        }
    }
}

impl Blank {
    fn new(plan: &Plan, readers: &Readers, registers: Registers) -> Blank {
        let standard = &plan.standard;
        let Registers { delivered, stale_on } = registers;
        let hits = vec![Vec::new(); standard.selections.len()];
        let columns = Facts::default();
        let look = Look {
            as_of: plan.as_of,
            classes: &[],
            hits: &hits,
            delivered: &delivered,
            columns: &columns,
            registration: None,
            results: &[],
            related: &[],
            rounding: standard.rounding,
            group: None,
        };
        let mut always = readers.always.clone();
        let unlooked = IndicatorResult { measured: Measured::Unknown(Unknown::NoRecord), points: None };
        let mut indicators = vec![unlooked; standard.indicators.len()];
        let mut tally = Tally::default();
        for (i, indicator) in standard.indicators.iter().enumerate() {
            let own = &mut always[readers.indicators.clone()];
            if !contains(own, i) {
                let mut due = Date::FOREVER;
                indicators[i] = measure_indicator(indicator, &look, &mut due).0;
                // What changes by itself one day has to say so for every file.
                if due < Date::FOREVER {
                    insert(own, i);
                }
            }
            tally.add(indicator, indicators[i].measured);
        }
        let truth = |condition: &Condition, own: &mut [u64], i: usize| {
            if contains(own, i) {
                return Truth::False;
            }
            let mut due = Date::FOREVER;
            let truth = condition.truth(&look, &mut due);
            if due < Date::FOREVER {
                insert(own, i);
            }
            truth
        };
        let rules = standard.eligibility.iter().enumerate();
        let rules =
            rules.map(|(i, rule)| truth(&rule.exclude_when, &mut always[readers.rules.clone()], i)).collect();
        let cases = standard.scale.iter().flat_map(|scale| &scale.base.cases).enumerate();
        let cases = cases.map(|(i, (when, _))| truth(when, &mut always[readers.cases.clone()], i)).collect();
        let (mut findings, mut undetermined) = (0, 0);
        for (i, finding) in standard.findings.iter().enumerate() {
            match truth(&finding.when, &mut always[readers.findings.clone()], i) {
                Truth::True => findings |= 1 << i,
                Truth::Unknown => undetermined |= 1 << i,
                Truth::False => {}
            }
        }
        Blank { delivered, stale_on, always, indicators, tally, rules, cases, findings, undetermined }
    }
}

/// The state of the registers of some selections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    /// Per slot: whether every register of its codes is delivered through the as-of date.
    pub delivered: Vec<bool>,
    /// The first day on which one of the delivered is stale.
    pub stale_on: Date,
}

impl Registers {
    pub fn new(
        selections: &[Selection],
        lags: &[i32],
        deliveries: &Deliveries,
        region: Option<RegionCode>,
        as_of: Date,
    ) -> Registers {
        let mut stale_on = Date::FOREVER;
        let delivered = selections.iter().map(|selection| {
            let mut all = true;
            for register in &selection.registers {
                let lag = lags.get(usize::from(register.0)).copied().unwrap_or(0);
                let through = deliveries.through(*register, region).map(|through| through.plus_days(lag));
                match through {
                    Some(through) if through >= as_of => stale_on = through.plus_days(1).min(stale_on),
                    Some(_) | None => all = false,
                }
            }
            all
        });
        Registers { delivered: delivered.collect(), stale_on }
    }
}

/// Deliveries, by their number, as a subject of a region sees them; 0 for none.
type Seen = (u64, u32);

/// A blank's place in [`Blanks`], as long as `forgotten` stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlankId {
    place: usize,
    forgotten: u64,
}

/// The blanks of one plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blanks {
    /// All different.
    all: Vec<Blank>,
    places: HashMap<Seen, usize, BuildHasherDefault<Mix>>,
    /// The last one asked for: in a batch the next subject is often of the same region.
    last: Option<(Seen, usize)>,
    /// How often everything was forgotten.
    forgotten: u64,
}

impl Blanks {
    /// How many deliveries and regions are remembered: a province has some hundred regions, but a ledger that is read
    /// while it grows has deliveries without end.
    const SEEN_MAX: usize = 4096;
    /// How many blanks are kept.
    const ALL_MAX: usize = 64;

    /// The place of the blank for subjects of `region` under `deliveries`, made when it is not there.
    pub fn find(
        &mut self,
        plan: &Plan,
        readers: &Readers,
        deliveries: &Deliveries,
        region: Option<RegionCode>,
    ) -> BlankId {
        let seen = (deliveries.number(), region.map_or(0, RegionCode::digits));
        let place = match self.last {
            Some((last, place)) if last == seen => place,
            Some(_) | None => match self.places.get(&seen) {
                Some(place) => *place,
                None => self.make(plan, readers, deliveries, region, seen),
            },
        };
        self.last = Some((seen, place));
        BlankId { place, forgotten: self.forgotten }
    }

    /// A blank that was just found.
    pub fn get(&self, id: BlankId) -> &Blank {
        &self.all[id.place]
    }

    #[cold]
    fn make(
        &mut self,
        plan: &Plan,
        readers: &Readers,
        deliveries: &Deliveries,
        region: Option<RegionCode>,
        seen: Seen,
    ) -> usize {
        let standard = &plan.standard;
        let registers = Registers::new(&standard.selections, &standard.lags, deliveries, region, plan.as_of);
        if self.places.len() >= Blanks::SEEN_MAX || self.all.len() >= Blanks::ALL_MAX {
            self.places.clear();
            self.all.clear();
            self.forgotten += 1;
        }
        // Regions by the hundred, and every moment of a growing ledger, see the registers in a few states.
        let alike =
            |blank: &Blank| blank.stale_on == registers.stale_on && blank.delivered == registers.delivered;
        let place = self.all.iter().position(alike).unwrap_or_else(|| {
            self.all.push(Blank::new(plan, readers, registers));
            self.all.len() - 1
        });
        self.places.insert(seen, place);
        place
    }
}

/// Hashes two small numbers. What is hashed is never chosen by an adversary: numbers of deliveries and regions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        // Fibonacci hashing; the fold brings the high bits down to where tables look.
        let mixed = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
