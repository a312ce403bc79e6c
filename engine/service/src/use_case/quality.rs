//! How well source units deliver: how soon, how completely, with how many errors and duplicates.
//!
//! Permits and penalties (双公示) are to be published within seven working days of the decision (发改办财金〔2018〕424号); here
//! that is the yardstick for records of every kind, from the day of the fact to the day it was recorded.
//!
//! Whose a fact is, it says itself: its data source unit, else its authority. Rows that became no facts are known by their
//! submission alone, see [`Quality`].

use std::collections::{BTreeMap, HashMap};

use hengxin_core::date::{Date, Moment};
use hengxin_core::vocabulary::{Code, Vocabulary};
use hengxin_store::{QuarantineStatus, Quarantined, Snapshot, Submitted, Supplied};

use crate::engine::{Engine, begin_of, day_of};
use crate::problem::{Answer, Problem};

/// Working days within which a record is timely.
pub const TIMELY_DAYS: u32 = 7;
/// What working days are.
pub const CALENDAR: &str = "Monday to Friday: public holidays and the days worked in exchange are not known to this program, \
                            so that days around them count as if they were ordinary";
/// Facts looked at in one question: about what can be read while somebody waits.
const FACTS_MAX: u64 = 1_000_000;
/// Reasons told of each unit.
const REASONS_MAX: usize = 10;
/// Fields that say whose a record is, the first before the second.
const UNIT_FIELDS: [&str; 2] = ["source_unit", "authority"];

/// How well one unit delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// New facts.
    pub accepted: u64,
    /// Rows on record already: of the unit all facts of their submission name, else of whoever sent it.
    pub duplicates: u64,
    /// Facts that replaced an earlier version.
    pub corrected: u64,
    /// Rows kept aside, each once however often it came unchanged: of the unit that stands in them, else of whoever sent them.
    pub quarantined: u64,
    /// Of these, those nothing became of.
    pub open: u64,
    /// New facts recorded within [`TIMELY_DAYS`].
    pub timely: u64,
    /// New facts recorded later.
    pub late: u64,
    /// Fields filled in, over all facts.
    pub filled: u64,
    /// Fields there are, over all facts.
    pub fields: u64,
    /// Why rows were kept aside, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// How many new facts were recorded after how many working days.
    days: BTreeMap<u32, u64>,
}

impl Quality {
    /// Rows handed in.
    pub fn rows(&self) -> u64 {
        self.accepted + self.duplicates + self.corrected + self.quarantined
    }

    /// The lower median of working days. `None` without new facts.
    pub fn median_days(&self) -> Option<u32> {
        let half = (self.timely + self.late).div_ceil(2);
        let mut passed = 0;
        self.days.iter().find_map(|(days, count)| {
            passed += count;
            (passed >= half).then_some(*days)
        })
    }
}

/// Everything told of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// By unit; an empty name: nobody was named.
    pub units: BTreeMap<String, Quality>,
    /// The moment from which on all was counted.
    pub from: Moment,
    /// Whether the period has more before it.
    pub cut: bool,
}

/// Looks at everything recorded on the days `from` to `to`. `None` once `stopped` says that nobody waits any longer.
///
/// # Errors
/// A period that ends before it begins, or a failing ledger.
pub fn summary(
    engine: &Engine,
    from: Option<Date>,
    to: Option<Date>,
    stopped: impl Fn() -> bool,
) -> Answer<Option<Summary>> {
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        return Err(Problem::invalid("from", format!("found `{from}`, expected no day after `to`, {to}")));
    }
    let snapshot = engine.snapshot(None)?;
    let begin = from.map_or(Moment(0), begin_of);
    let end = to.map_or(Moment(i64::MAX), |to| begin_of(to.plus_days(1)));
    let supply = snapshot.supply(begin, end, FACTS_MAX)?;
    let mut counting = Counting::new(engine.ledger().vocabulary());
    let done = counting.count(&snapshot, &supply, &stopped)?;
    Ok(done.then(|| Summary { units: counting.finish(), from: supply.from, cut: supply.cut }))
}

/// Units by their place in a list, so that a name is kept once.
struct Counting<'v> {
    vocabulary: &'v Vocabulary,
    places: HashMap<String, usize>,
    units: Vec<Unit>,
    submissions: HashMap<Moment, Submission>,
}

#[derive(Default)]
struct Unit {
    quality: Quality,
    reasons: HashMap<String, u64>,
}

struct Submission {
    /// Who sent it.
    sender: usize,
    duplicates: u64,
    /// The unit its facts name: none so far, one, or several.
    named: Named,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Nobody,
    One(usize),
    Several,
}

impl<'v> Counting<'v> {
    fn new(vocabulary: &'v Vocabulary) -> Counting<'v> {
        Counting { vocabulary, places: HashMap::new(), units: Vec::new(), submissions: HashMap::new() }
    }

    fn unit(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.units.len());
        self.units.push(Unit::default());
        self.units.len() - 1
    }

    /// Whether all was counted.
    fn count(
        &mut self,
        snapshot: &Snapshot,
        supply: &hengxin_store::Supply,
        stopped: &impl Fn() -> bool,
    ) -> Answer<bool> {
        snapshot.each_submission(supply, |submission| self.submission(submission))?;
        let (mut looked_at, mut fault, mut over) = (0u32, None, stopped());
        let mut go_on = |done: bool| {
            looked_at = looked_at.wrapping_add(1);
            over = over || (looked_at.is_multiple_of(1024) && stopped());
            done && !over
        };
        snapshot.each_supplied(supply, |fact| {
            let counted = self.fact(&fact);
            let sound = counted.is_some();
            if !sound {
                fault = Some(fact.recorded_at);
            }
            go_on(sound)
        })?;
        if let Some(at) = fault {
            let detail = format!("a fact recorded at {} is no object of texts", at.0);
            return Err(Problem::Damaged { detail });
        }
        snapshot.each_kept_aside(supply, |row| {
            self.aside(&row);
            go_on(true)
        })?;
        Ok(!over)
    }

    fn submission(&mut self, submission: Submitted) {
        let sender = match (submission.actor.is_empty(), &submission.file) {
            (true, Some(file)) => self.unit(file),
            (_, _) => self.unit(&submission.actor),
        };
        let entry = Submission { sender, duplicates: submission.duplicates, named: Named::Nobody };
        self.submissions.insert(submission.recorded_at, entry);
    }

    fn sender(&self, at: Moment) -> Option<usize> {
        self.submissions.get(&at).map(|submission| submission.sender)
    }

    fn fact(&mut self, fact: &Supplied) -> Option<()> {
        let code = self.vocabulary.code(fact.code);
        let texts: BTreeMap<String, String> = serde_json::from_str(&fact.body).ok()?;
        let named = UNIT_FIELDS.iter().find_map(|id| texts.get(*id));
        let place = match named {
            Some(name) => self.unit(name.trim()),
            None => self.sender(fact.recorded_at).unwrap_or_else(|| self.unit("")),
        };
        if let Some(submission) = self.submissions.get_mut(&fact.recorded_at) {
            submission.named = match submission.named {
                Named::Nobody => Named::One(place),
                Named::One(other) if other == place => Named::One(place),
                Named::One(_) | Named::Several => Named::Several,
            };
        }
        let quality = &mut self.units.get_mut(place)?.quality;
        quality.filled += u64::try_from(texts.len()).unwrap_or(0);
        quality.fields += u64::try_from(code.fields.len()).unwrap_or(0);
        if fact.corrects {
            // The fact it corrects was in time or not.
            quality.corrected += 1;
            return Some(());
        }
        quality.accepted += 1;
        let days = working_days(fact.occurred_on, day_of(fact.recorded_at));
        *quality.days.entry(days).or_default() += 1;
        *(if days <= TIMELY_DAYS { &mut quality.timely } else { &mut quality.late }) += 1;
        Some(())
    }

    fn aside(&mut self, row: &Quarantined) {
        let code = row.row.code.as_deref().and_then(|id| self.vocabulary.code_id(id));
        let named =
            code.and_then(|code| unit_in(self.vocabulary.code(code), &row.row.cells)).map(str::to_owned);
        let place = match (named, self.sender(row.recorded_at)) {
            (Some(name), _) => self.unit(&name),
            (None, Some(sender)) => sender,
            (None, None) => self.unit(row.source.as_deref().unwrap_or_default()),
        };
        let Some(unit) = self.units.get_mut(place) else { return };
        unit.quality.quarantined += 1;
        unit.quality.open += u64::from(row.status == QuarantineStatus::Open);
        for reason in &row.row.reasons {
            *unit.reasons.entry(kind_of(reason)).or_default() += 1;
        }
    }

    fn finish(mut self) -> BTreeMap<String, Quality> {
        for submission in self.submissions.values() {
            let place = match submission.named {
                Named::One(unit) => unit,
                Named::Nobody | Named::Several => submission.sender,
            };
            if let Some(unit) = self.units.get_mut(place) {
                unit.quality.duplicates += submission.duplicates;
            }
        }
        let mut units: Vec<Option<Unit>> = self.units.into_iter().map(Some).collect();
        let taken = self.places.into_iter().filter_map(|(name, place)| {
            let Unit { mut quality, reasons } = units.get_mut(place)?.take()?;
            quality.reasons = reasons.into_iter().collect();
            quality.reasons.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
            quality.reasons.truncate(REASONS_MAX);
            // Who only sent what others are named in has delivered nothing itself.
            (quality.rows() > 0).then_some((name, quality))
        });
        taken.collect()
    }
}

/// Whose a row is that could not be read as a fact: what stands in the column of its unit.
fn unit_in<'c>(code: &Code, cells: &'c [(String, String)]) -> Option<&'c str> {
    UNIT_FIELDS.iter().find_map(|id| {
        let (_, field) = code.field(id)?;
        let (_, cell) = cells.iter().find(|(column, _)| field.is_named(column.trim()))?;
        Some(cell.trim()).filter(|name| !name.is_empty())
    })
}

/// A reason without what stood in the row, so that equal faults are counted together and nothing is told of anybody.
fn kind_of(reason: &str) -> String {
    let Some((before, rest)) = reason.split_once("found `") else { return reason.to_owned() };
    // What was found may hold anything; what was expected comes after it.
    let after = rest.find("`, expected").or_else(|| rest.find('`'));
    after.map_or_else(|| reason.to_owned(), |at| format!("{before}found `…{}", &rest[at..]))
}

/// Working days after `from`, up to and with `to`; 0 when `to` is no later.
fn working_days(from: Date, to: Date) -> u32 {
    // Monday to Friday up to a day, counted from a Monday: the first day of all was a Thursday.
    let up_to = |day: Date| {
        let days = i64::from(day.days()) + 3;
        days.div_euclid(7) * 5 + (days.rem_euclid(7) + 1).min(5)
    };
    u32::try_from(up_to(to) - up_to(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn working_days_leave_weekends_out_on_either_side() {
        // 2026-11-27 is a Friday.
        for (from, to, expected) in [
            ("2026-11-27", "2026-11-27", 0),
            ("2026-11-27", "2026-11-28", 0),
            ("2026-11-27", "2026-11-30", 1),
            ("2026-11-28", "2026-11-30", 1),
            ("2026-11-23", "2026-11-27", 4),
            ("2026-11-27", "2026-12-08", 7),
            ("2026-11-27", "2026-12-09", 8),
            ("2026-11-27", "2027-11-27", 260),
            ("2026-11-27", "2026-11-20", 0),
            ("1969-12-29", "1970-01-05", 5),
        ] {
            assert_eq!(working_days(day(from), day(to)), expected, "{from} to {to}");
        }
        // Day by day over two years, against counting.
        let (first, mut counted) = (day("1969-06-01"), 0);
        for n in 1..730 {
            let to = first.plus_days(n);
            counted += u32::from((to.days() + 3).rem_euclid(7) < 5);
            assert_eq!(working_days(first, to), counted, "{to}");
        }
    }

    #[test]
    fn reasons_are_counted_by_what_is_wrong_and_not_by_what_was_found() {
        for (reason, expected) in [
            ("处罚金额: found `1,0`, expected a decimal", "处罚金额: found `…`, expected a decimal"),
            ("x: found `a`b`, expected `c`", "x: found `…`, expected `c`"),
            ("found 2 cells, expected 8", "found 2 cells, expected 8"),
            ("found `open", "found `open"),
        ] {
            assert_eq!(kind_of(reason), expected);
        }
    }

    #[test]
    fn the_median_is_the_lower_of_the_two_in_the_middle() {
        let of = |days: &[(u32, u64)]| {
            let days: BTreeMap<u32, u64> = days.iter().copied().collect();
            Quality { timely: days.values().sum(), days, ..Quality::default() }.median_days()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(3, 1)]), Some(3));
        assert_eq!(of(&[(1, 1), (9, 1)]), Some(1));
        assert_eq!(of(&[(1, 1), (4, 1), (9, 1)]), Some(4));
        assert_eq!(of(&[(0, 2), (9, 3)]), Some(9));
    }
}
