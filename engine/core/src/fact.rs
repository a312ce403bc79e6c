//! What is known about one subject, as columns the kernel can read fast.
//!
//! The ledger cuts facts at a known-at moment, resolves corrections and withdrawals, and lays what is left out in
//! columns sorted by day, those of one day in the order of their records. The cut at an as-of date is then a prefix. Descriptive text stays behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::date::Date;
use crate::industry::IndustryCode;
use crate::region::RegionCode;
use crate::uscc::Uscc;
use crate::vocabulary::{CodeId, RegisterId};

/// A fact's place in the ledger; also what breaks ties between facts of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId(pub u64);

/// A distinct combination of code and enumerated attributes.
///
/// Filters are decided once per class, never per fact. `values` is aligned with the code's
/// [`class_fields`](crate::vocabulary::Code::class_fields): for an enumeration, index of the value plus one, 0 when
/// absent; for a set, a bit per value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// The fact code.
    pub code: CodeId,
    /// One entry per enumerated field.
    pub values: Box<[u64]>,
}

/// Index into [`Classes`].
pub type ClassId = u32;

/// The dictionary of classes seen so far. Ids are dense and never change their meaning; any number fits.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    all: Vec<Class>,
    index: HashMap<Class, ClassId>,
}

impl Classes {
    /// The id of `class`, new if it was not seen before.
    ///
    /// # Panics
    /// Past 2³² classes.
    pub fn intern(&mut self, class: Class) -> ClassId {
        if let Some(id) = self.index.get(&class) {
            return *id;
        }
        let id = ClassId::try_from(self.all.len()).expect("fewer than 2^32 combinations of attributes");
        self.all.push(class.clone());
        self.index.insert(class, id);
        id
    }

    /// All classes, by id.
    pub fn as_slice(&self) -> &[Class] {
        &self.all
    }

    /// The class with this id.
    pub fn class(&self, id: ClassId) -> Option<&Class> {
        self.all.get(usize::try_from(id).ok()?)
    }
}

/// "This fact has no number."
pub const NO_NUMBER: i64 = i64::MIN;
/// "This fact has no reference."
pub const NO_REFERENCE: u32 = 0;

/// The facts of one subject, column by column, all of one length, sorted by day; those of one day in the
/// order of `docs/standard-format.md` §3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Fact ids.
    pub id: &'a [FactId],
    /// Class of each fact.
    pub class: &'a [ClassId],
    /// The day it happened or began.
    pub occurred_on: &'a [Date],
    /// Last day in force; [`Date::FOREVER`] when open.
    pub ends_on: &'a [Date],
    /// The fact's number (fen, a count, or ten-thousandths, as its field says), or [`NO_NUMBER`].
    pub number: &'a [i64],
    /// Dictionary id of the reference, or [`NO_REFERENCE`]. Only equality matters.
    pub reference: &'a [u32],
    /// First day on which it no longer counts because of repair; [`Date::FOREVER`] when never.
    pub repaired_on: &'a [Date],
    /// Last day of publicity; [`Date::FOREVER`] when none is set.
    pub publicity_until: &'a [Date],
    /// Objections, sorted by fact: few facts have one.
    pub objections: &'a [Objection],
}

impl Facts<'_> {
    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }
}

/// A fact is under objection from `from` until the day before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Index of the fact in its columns.
    pub fact: u32,
    /// First day.
    pub from: Date,
    /// First day after; [`Date::FOREVER`] while open.
    pub until: Date,
}

/// [`Facts`] that own their columns: what loaders fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactColumns {
    /// See [`Facts::id`].
    pub id: Vec<FactId>,
    /// See [`Facts::class`].
    pub class: Vec<ClassId>,
    /// See [`Facts::occurred_on`].
    pub occurred_on: Vec<Date>,
    /// See [`Facts::ends_on`].
    pub ends_on: Vec<Date>,
    /// See [`Facts::number`].
    pub number: Vec<i64>,
    /// See [`Facts::reference`].
    pub reference: Vec<u32>,
    /// See [`Facts::repaired_on`].
    pub repaired_on: Vec<Date>,
    /// See [`Facts::publicity_until`].
    pub publicity_until: Vec<Date>,
    /// See [`Facts::objections`].
    pub objections: Vec<Objection>,
}

/// One fact on its way into [`FactColumns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    /// Ledger id.
    pub id: FactId,
    /// Class.
    pub class: ClassId,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force, or [`Date::FOREVER`].
    pub ends_on: Date,
    /// Number, or [`NO_NUMBER`].
    pub number: i64,
    /// Reference id, or [`NO_REFERENCE`].
    pub reference: u32,
    /// Repair date, or [`Date::FOREVER`].
    pub repaired_on: Date,
    /// Last day of publicity, or [`Date::FOREVER`].
    pub publicity_until: Date,
    /// Objections (from, until).
    pub objections: Vec<(Date, Date)>,
}

impl FactColumns {
    /// Sorts `rows` by day and lays them out. Rows of one day stay in the order given: that of their records (§3 of
    /// the format), never that of their arrival.
    pub fn from_rows(mut rows: Vec<FactRow>) -> FactColumns {
        rows.sort_by_key(|row| row.occurred_on);
        let mut columns = FactColumns::default();
        for (i, row) in rows.into_iter().enumerate() {
            columns.id.push(row.id);
            columns.class.push(row.class);
            columns.occurred_on.push(row.occurred_on);
            columns.ends_on.push(row.ends_on);
            columns.number.push(row.number);
            columns.reference.push(row.reference);
            columns.repaired_on.push(row.repaired_on);
            columns.publicity_until.push(row.publicity_until);
            let fact = u32::try_from(i).unwrap_or(u32::MAX);
            columns.objections.extend(row.objections.into_iter().map(|(from, until)| Objection {
                fact,
                from,
                until,
            }));
        }
        columns
    }

    /// Borrowed columns.
    pub fn as_facts(&self) -> Facts<'_> {
        Facts {
            id: &self.id,
            class: &self.class,
            occurred_on: &self.occurred_on,
            ends_on: &self.ends_on,
            number: &self.number,
            reference: &self.reference,
            repaired_on: &self.repaired_on,
            publicity_until: &self.publicity_until,
            objections: &self.objections,
        }
    }
}

/// The subject's registration from one day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The ledger entry it comes from.
    pub fact: FactId,
    /// From this day.
    pub since: Date,
    /// 成立日期.
    pub established_on: Option<Date>,
    /// 法律形式: index of the value in the vocabulary.
    pub legal_form: Option<u16>,
    /// 规模: index of the value.
    pub size: Option<u16>,
    /// 登记状态: index of the value.
    pub status: Option<u16>,
    /// 所在地 (not the registering body's region in the code).
    pub region: Option<RegionCode>,
    /// 行业.
    pub industry: Option<IndustryCode>,
    /// 注册资本, fen.
    pub capital: Option<i64>,
}

/// Which registers were delivered, for which region, through which day.
///
/// Kept by register, the way the kernel asks.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    by_register: Vec<Vec<(RegionCode, Date)>>,
    /// What tells these deliveries from others without comparing them; 0 for none at all.
    // INVARIANT: equal numbers mean equal deliveries. Every `new` takes a number of its own, and nothing changes what
    // was made; copies keep the number because they are equal. Nothing else may be read from it.
    number: u64,
}

/// The number of the next [`Deliveries`]. No result depends on it: it only tells one from another.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl PartialEq for Deliveries {
    fn eq(&self, other: &Deliveries) -> bool {
        self.by_register == other.by_register
    }
}

impl Eq for Deliveries {}

/// One register is complete for one region through one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The register.
    pub register: RegisterId,
    /// The region it is complete for; the national code for everywhere.
    pub region: RegionCode,
    /// The last day it is complete through.
    pub through: Date,
}

impl Deliveries {
    /// Those known at the moment of the cut.
    pub fn new(deliveries: Vec<Delivery>) -> Deliveries {
        let mut by_register: Vec<Vec<(RegionCode, Date)>> = Vec::new();
        for Delivery { register, region, through } in deliveries {
            let register = usize::from(register.0);
            if by_register.len() <= register {
                by_register.resize(register + 1, Vec::new());
            }
            // Of several for one region the latest says it all.
            match by_register[register].iter_mut().find(|(known, _)| *known == region) {
                Some((_, known)) => *known = through.max(*known),
                None => by_register[register].push((region, through)),
            }
        }
        for regions in &mut by_register {
            regions.sort_unstable();
        }
        // Only that it differs matters, not its order: no other memory hangs on it.
        Deliveries { by_register, number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed) }
    }

    /// The same with every delivery that is `fresh` complete for ever, for days that have not come: a register that is
    /// delivered goes on being delivered, and one that is not does not begin.
    #[must_use]
    pub fn going_on(&self, fresh: impl Fn(RegisterId, Date) -> bool) -> Deliveries {
        let all = self.by_register.iter().zip(0u16..).flat_map(|(regions, register)| {
            regions.iter().map(move |(region, through)| (RegisterId(register), *region, *through))
        });
        Deliveries::new(
            all.map(|(register, region, through)| Delivery {
                register,
                region,
                through: if fresh(register, through) { Date::FOREVER } else { through },
            })
            .collect(),
        )
    }

    /// A number that other deliveries do not have, so that what was concluded from these can be found again.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The last day through which `register` is complete for a subject in `region`. `None` when nothing was
    /// delivered; a subject without a region has only national deliveries.
    pub fn through(&self, register: RegisterId, region: Option<RegionCode>) -> Option<Date> {
        self.by_register
            .get(usize::from(register.0))?
            .iter()
            .filter(|(known, _)| known.is_national() || region.is_some_and(|r| known.contains(r)))
            .map(|(_, through)| *through)
            .max()
    }
}

/// Everything known at one moment about one subject: the kernel's input.
#[derive(Clone, Copy, Debug)]
pub struct CreditFile<'a> {
    /// Whose file it is.
    pub subject: Uscc,
    /// Facts of every code but the registration, past and future, sorted.
    pub facts: Facts<'a>,
    /// Registrations sorted by (since, fact).
    pub registrations: &'a [Registration],
    /// Deliveries.
    pub deliveries: &'a Deliveries,
}

impl<'a> CreditFile<'a> {
    /// The registration in force on `as_of`: the last one that began on or before it.
    pub fn registration(&self, as_of: Date) -> Option<&'a Registration> {
        self.registration_and_next(as_of).0
    }

    /// The registration in force on `as_of`, and the day of the one after it.
    pub(crate) fn registration_and_next(&self, as_of: Date) -> (Option<&'a Registration>, Option<Date>) {
        let n = self.registrations.partition_point(|r| r.since <= as_of);
        let next = self.registrations.get(n).map(|r| r.since);
        (n.checked_sub(1).and_then(|i| self.registrations.get(i)), next)
    }
}

/// A subject's file and those of its related subjects.
#[derive(Clone, Copy, Debug)]
pub struct Dossier<'a> {
    /// The subject itself.
    pub file: CreditFile<'a>,
    /// Subjects reached by relations, each with the kind of the first step and the number of steps.
    pub related: &'a [Related<'a>],
}

/// A related subject.
#[derive(Clone, Copy, Debug)]
pub struct Related<'a> {
    /// Kind of relation (index in the relation code's kinds). Only paths of one kind are followed.
    pub kind: u16,
    /// Steps from the subject, 1 to 3.
    pub depth: u8,
    /// The first day from which the whole path holds.
    pub since: Date,
    /// The last day on which the whole path holds.
    pub until: Date,
    /// Its file.
    pub file: CreditFile<'a>,
}
