//! What would change the tier of an enterprise: the facts that count, how long they do, and the fewest repairs.
//!
//! Sets of repairs are tried in the columns of the file, where a repair is a day; what is told of the chosen set is computed
//! anew with the repairs as records, by the code that simulates. The two agree, or there is no answer.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::draft::Draft;
use hengxin_core::fact::{FactId, Facts};
use hengxin_core::kernel::Workbench;
use hengxin_core::number::Points;
use hengxin_core::picker::Standing;
use hengxin_core::standard::Standard;
use hengxin_core::trace::Explanation;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, Mark, Polarity, Shape, Vocabulary};
use hengxin_core::what_if::{self, End};
use hengxin_store::FactRecord;

use super::course::{Course, Day, Outcome, Point};
use super::evaluate::{View, assess_supposed};
use super::simulate::change;
use super::submit::{self, Found, Row};
use super::{facts, trace};
use crate::engine::{Engine, PreparedPolicy, Wanted};
use crate::problem::{Answer, Problem};

/// How far ahead it is looked when nobody says.
pub const MONTHS: i32 = 36;
/// Furthest it is looked ahead, in months.
pub const MONTHS_MAX: i32 = trace::MONTHS_MAX;
/// The field of a fact that holds the number of its document.
pub const DOCUMENT_NUMBER: &str = "document_number";
/// Most sets of repairs that are tried in the columns of a file.
const BUDGET: u64 = 100_000;
/// Most facts that are looked at for that, those of each set counted anew: a long file is tried with fewer sets.
const FACTS_BUDGET: u64 = 200_000_000;
/// The same where a standard looks at the records of repairs themselves, so that each set has to be tried with them.
const BUDGET_AS_RECORDS: u64 = 1_000;

/// A question about an enterprise.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom it is about.
    pub subject: Uscc,
    /// The field of supervision.
    pub field: &'a str,
    /// The date; not in the future.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// How many months are looked ahead.
    pub months: i32,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// The policy.
    pub policy: Arc<PreparedPolicy>,
    /// The moment it rests on.
    pub known_at: Moment,
    /// As it is.
    pub present: Point,
    /// The facts that count, by day and id.
    pub records: Vec<Record>,
    /// The fewest repairs.
    pub fewest: Fewest,
}

/// A fact that counts.
#[derive(Clone, Debug)]
pub struct Record {
    /// The fact.
    pub fact: FactId,
    /// Its code.
    pub code: CodeId,
    /// Day it occurred or began.
    pub occurred_on: Date,
    /// Number of its document, as delivered; empty: none.
    pub document_number: String,
    /// Where it counts, the public standard first.
    pub counts_in: Vec<CountsIn>,
    /// First day on which it counts nowhere; `None`: not within the months.
    pub counts_until: Option<Date>,
    /// What it would be if it alone were repaired; `None` when it cannot be.
    pub if_repaired: Option<Point>,
}

/// A place where a fact counts.
#[derive(Clone, Debug)]
pub struct CountsIn {
    /// The standard.
    pub standard: Arc<Standard>,
    /// Which part of it.
    pub part: Part,
    /// What the fact alone changes there, where that is told.
    pub effect: Option<Points>,
}

/// A part of a standard that looks at facts, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An indicator.
    Indicator(usize),
    /// A finding, and whether it applies.
    Finding(usize, bool),
}

/// How the search for the fewest repairs ended.
#[derive(Clone, Debug)]
pub enum Fewest {
    /// It is in the lightest tier, or has none.
    NothingLighter,
    /// Something lighter was looked for.
    Searched {
        /// What was found; `None`: nothing.
        found: Option<(Vec<FactId>, Point)>,
        /// Without a find: whether every set was tried.
        every_set: bool,
        /// All sets of up to so many repairs were tried.
        tried_through: usize,
        /// What everything repaired would give.
        if_all_repaired: Point,
    },
}

/// A repair that can be made.
struct Repair {
    /// Place of the fact in its file.
    place: usize,
    fact: FactId,
    /// The repair as a record.
    draft: Draft,
}

/// Answers.
///
/// # Errors
/// An unknown field, no policy in force, nobody of that code, or a failing ledger.
pub fn what_if(engine: &Engine, question: &Question<'_>) -> Answer<WhatIf> {
    let policy = engine.policy(question.field, Wanted::InForce, question.as_of)?;
    let mut course =
        Course::begin(engine, question.subject, question.field, question.known_at, question.as_of)?;
    let mut day = course.resolve(question.as_of)?;
    let present = day.evaluate(None);
    let Some(known) = day.sides.iter().flatten().next().map(|side| Arc::clone(&side.known)) else {
        // No edition of either standard is in force: nothing counts.
        let fewest = unmoved(&present);
        let known_at = course.known_at();
        return Ok(WhatIf { policy, known_at, present, records: Vec::new(), fewest });
    };
    let file = &known.dossier.file;
    let columns = file.columns.as_facts();
    let mut reached: Vec<usize> = Vec::new();
    let mut counting: Vec<usize> = Vec::new();
    for side in day.sides.iter().flatten() {
        reached.extend(what_if::within_reach(&side.bench, &columns));
        counting.extend(what_if::counting(&side.bench));
    }
    for places in [&mut reached, &mut counting] {
        places.sort_unstable();
        places.dedup();
    }
    let code_of = |place: usize| {
        let class = file.classes.class(*columns.class.get(place)?)?;
        Some(class.code)
    };
    let standing = facts::standing(course.snapshot(), question.subject)?;
    let repairs = repairs(engine, question, &standing, &reached, &columns);
    let places_in = places_in(&day);
    let until =
        counts_until(&mut course, question, counting.iter().filter_map(|i| columns.id.get(*i).copied()))?;
    let mut trial = Trial::new(engine, question, day, &standing, &repairs, &columns);
    let groups = trial.groups(&columns, &reached);
    let mut alone: HashMap<FactId, Point> = HashMap::new();
    for group in &groups {
        let Some(first) = group.first() else { continue };
        let point = trial.reached(&[*first])?;
        let members = group.iter().filter_map(|repair| repairs.get(*repair));
        alone.extend(members.map(|repair| (repair.fact, point.clone())));
    }
    let numbers: HashMap<FactId, &str> = standing
        .iter()
        .filter_map(|record| {
            let (_, number) = record.fields.iter().find(|(id, _)| id == DOCUMENT_NUMBER)?;
            Some((record.id, number.as_str()))
        })
        .collect();
    let mut records: Vec<Record> = reached
        .iter()
        .filter_map(|place| {
            let fact = *columns.id.get(*place)?;
            Some(Record {
                fact,
                code: code_of(*place)?,
                occurred_on: *columns.occurred_on.get(*place)?,
                document_number: numbers.get(&fact).copied().unwrap_or_default().to_owned(),
                counts_in: places_in.get(&fact).cloned().unwrap_or_default(),
                counts_until: until.get(&fact).copied(),
                if_repaired: alone.get(&fact).cloned(),
            })
        })
        .collect();
    records.sort_by_key(|record| (record.occurred_on, record.fact));
    let fewest = if present.tier.is_none_or(|tier| tier <= 1) {
        Fewest::NothingLighter
    } else {
        trial.fewest(&present, &groups)?
    };
    Ok(WhatIf { policy, known_at: course.known_at(), present, records, fewest })
}

fn unmoved(present: &Point) -> Fewest {
    if present.tier.is_none_or(|tier| tier <= 1) {
        return Fewest::NothingLighter;
    }
    let if_all_repaired = present.clone();
    Fewest::Searched { found: None, every_set: true, tried_through: 0, if_all_repaired }
}

/// The repairs that can be made of facts within reach, by day and id of the facts: of adverse ones that a record of repair
/// can name.
fn repairs(
    engine: &Engine,
    question: &Question<'_>,
    standing: &[FactRecord],
    reached: &[usize],
    columns: &Facts<'_>,
) -> Vec<Repair> {
    let ledger = engine.ledger();
    let vocabulary: &Vocabulary = ledger.vocabulary();
    let mark = vocabulary.codes.iter().find(|code| code.shape == Shape::Mark(Mark::Repair));
    let records: HashMap<FactId, &FactRecord> = standing.iter().map(|record| (record.id, record)).collect();
    let mut repairs = Vec::new();
    for place in reached {
        let Some(fact) = columns.id.get(*place) else { continue };
        let Some(record) = records.get(fact) else { continue };
        let code = vocabulary.code(record.code);
        // Marks, relations and registrations are no conduct, whatever their polarity.
        let conduct = matches!(code.shape, Shape::Event | Shape::Status | Shape::Measure);
        let (Some(mark), true) = (mark, conduct && code.polarity == Polarity::Adverse) else { continue };
        let Some((of, fields)) = &mark.target else { continue };
        let text = |field: usize| {
            let id = &code.fields.get(field)?.id;
            record.fields.iter().find(|(known, _)| known == id).map(|(_, text)| text.clone())
        };
        let field = |place: usize| mark.fields.get(place).map(|field| field.id.clone());
        let mut row = Row { code: mark.id.clone(), fields: Vec::new() };
        row.fields.extend(field(*of).map(|id| (id, code.id.clone())));
        row.fields.extend(field(mark.occurred_on).map(|id| (id, question.as_of.to_string())));
        for (place, key) in fields.iter().zip(&code.key) {
            row.fields.extend(field(*place).zip(text(*key)));
        }
        let key: Vec<String> = code.key.iter().map(|key| text(*key).unwrap_or_default()).collect();
        let subject = question.subject.to_string();
        let mut found = Found::default();
        let draft = submit::check(ledger, question.as_of, "repair", &row, Some(&subject), &mut found);
        // A record that the fields of a repair cannot name is not repaired.
        if let Some(draft) = draft.filter(|d| d.target == Some((record.code, key.join("\u{1f}")))) {
            repairs.push(Repair { place: *place, fact: *fact, draft });
        }
    }
    repairs.sort_by_key(|repair| (columns.occurred_on.get(repair.place).copied(), repair.fact));
    repairs
}

/// Per fact: where it counts, the public standard first, then the industry's own, then those they read.
fn places_in(day: &Day) -> HashMap<FactId, Vec<CountsIn>> {
    let sides = || day.sides.iter().flatten();
    // Each with the related subjects of the side it is evaluated for.
    let own = sides().map(|side| (Arc::clone(side.bench.plan()), &side.known));
    let read = sides().flat_map(|side| side.bench.plan().inner().into_iter().map(move |p| (p, &side.known)));
    let mut told: Vec<Arc<Standard>> = Vec::new();
    let mut places: HashMap<FactId, Vec<CountsIn>> = HashMap::new();
    for (plan, known) in own.chain(read) {
        let standard = Arc::clone(&plan.standard);
        if told.iter().any(|known| Arc::ptr_eq(known, &standard)) {
            continue;
        }
        told.push(Arc::clone(&standard));
        let mut story = Explanation::default();
        let evaluation = known.evaluate(&mut Workbench::new(plan), false, None, &mut story);
        let mut counts = |fact: FactId, part: Part, effect: Option<Points>| {
            let place = CountsIn { standard: Arc::clone(&standard), part, effect };
            places.entry(fact).or_default().push(place);
        };
        for line in &story.indicators {
            for evidence in line.evidence.iter().filter(|e| e.standing == Standing::Counts) {
                counts(evidence.fact, Part::Indicator(line.indicator), evidence.effect);
            }
        }
        for (finding, facts) in story.findings.iter().enumerate() {
            let applies = evaluation.findings >> finding & 1 == 1;
            for fact in facts {
                counts(*fact, Part::Finding(finding, applies), None);
            }
        }
    }
    places
}

/// Per fact: the first day within the months on which it counts nowhere.
fn counts_until(
    course: &mut Course<'_>,
    question: &Question<'_>,
    counting: impl Iterator<Item = FactId>,
) -> Answer<HashMap<FactId, Date>> {
    let last = question.as_of.months_elapsed_on(question.months);
    let mut open: Vec<FactId> = counting.collect();
    let mut until = HashMap::new();
    let mut next = course.on(question.as_of)?.horizon;
    while let Some(on) = next.filter(|on| *on <= last && !open.is_empty()) {
        let day = course.on(on)?;
        open.retain(|fact| {
            let counts = day.counting.binary_search(fact).is_ok();
            if !counts {
                until.insert(*fact, on);
            }
            counts
        });
        next = day.horizon;
    }
    Ok(until)
}

/// Sets of repairs put to the test.
struct Trial<'a> {
    engine: &'a Engine,
    question: &'a Question<'a>,
    day: Day,
    standing: &'a [FactRecord],
    repairs: &'a [Repair],
    /// The days of repair on record, and as they are tried.
    on_record: Vec<Date>,
    tried: Vec<Date>,
    /// Whether a standard looks at records of repairs, so that the columns alone do not tell what one does.
    as_records: bool,
}

impl<'a> Trial<'a> {
    fn new(
        engine: &'a Engine,
        question: &'a Question<'a>,
        day: Day,
        standing: &'a [FactRecord],
        repairs: &'a [Repair],
        columns: &Facts<'_>,
    ) -> Trial<'a> {
        let vocabulary = engine.ledger().vocabulary();
        let marks = vocabulary.codes.iter().zip(0u16..);
        let marks =
            marks.filter(|(code, _)| code.shape == Shape::Mark(Mark::Repair)).map(|(_, id)| CodeId(id));
        let as_records =
            marks.into_iter().any(|mark| day.sides.iter().flatten().any(|s| what_if::reads(&s.bench, mark)));
        let on_record = columns.repaired_on.to_vec();
        Trial { engine, question, day, standing, repairs, tried: on_record.clone(), on_record, as_records }
    }

    /// The repairs in groups of which only the number matters.
    fn groups(&self, columns: &Facts<'_>, reached: &[usize]) -> Vec<Vec<usize>> {
        if self.as_records {
            return (0..self.repairs.len()).map(|repair| vec![repair]).collect();
        }
        let benches: Vec<&Workbench> = self.day.sides.iter().flatten().map(|side| &side.bench).collect();
        let mut groups = what_if::alike(&benches, columns, reached);
        for group in &mut groups {
            let repairs =
                group.iter().filter_map(|place| self.repairs.iter().position(|r| r.place == *place));
            *group = repairs.collect();
            group.sort_unstable();
        }
        groups.retain(|group| !group.is_empty());
        groups
    }

    /// What a set of repairs gives.
    fn reached(&mut self, repairs: &[usize]) -> Answer<Point> {
        if self.as_records { self.reached_as_records(repairs) } else { Ok(self.reached_in_columns(repairs)) }
    }

    fn reached_in_columns(&mut self, repairs: &[usize]) -> Point {
        let places = repairs.iter().filter_map(|repair| self.repairs.get(*repair)).map(|repair| repair.place);
        for place in places.clone() {
            if let Some(day) = self.tried.get_mut(place) {
                *day = self.question.as_of.min(*day);
            }
        }
        let point = self.day.evaluate(Some(&self.tried));
        for place in places {
            if let (Some(day), Some(on_record)) = (self.tried.get_mut(place), self.on_record.get(place)) {
                *day = *on_record;
            }
        }
        point
    }

    /// The same by records of repair, as a simulation supposes them.
    fn reached_as_records(&self, repairs: &[usize]) -> Answer<Point> {
        let vocabulary = self.engine.ledger().vocabulary();
        let drafts: Vec<Draft> =
            repairs.iter().filter_map(|repair| self.repairs.get(*repair)).map(|r| r.draft.clone()).collect();
        let policy = self.engine.policy(self.question.field, Wanted::InForce, self.question.as_of)?;
        let mut outcomes = [None, None];
        let prepared = [&policy.public, &policy.industry];
        for ((outcome, prepared), side) in outcomes.iter_mut().zip(prepared).zip(&self.day.sides) {
            let (Some(prepared), Some(side)) = (prepared, side) else { continue };
            let mut dossier = side.known.dossier.clone();
            change(vocabulary, self.standing, &[], &drafts, &mut dossier)?;
            let assessed = assess_supposed(prepared, &Arc::new(dossier), View::Basic);
            let standard = Arc::clone(&prepared.standard);
            *outcome = Some(Outcome { standard, evaluation: assessed.evaluation });
        }
        let [public, industry] = outcomes;
        Ok(Point::of(self.question.as_of, Some(&policy.policy), public, industry))
    }

    /// What a set of repairs gives by records, which the columns must have told.
    fn confirmed(&mut self, repairs: &[usize]) -> Answer<Point> {
        let (told, found) = (self.reached(repairs)?, self.reached_as_records(repairs)?);
        if told.says_the_same(&found) { Ok(found) } else { Err(Problem::Defect) }
    }

    fn fewest(&mut self, present: &Point, groups: &[Vec<usize>]) -> Answer<Fewest> {
        let facts = u64::try_from(self.on_record.len()).unwrap_or(u64::MAX).max(1);
        let budget = if self.as_records { BUDGET_AS_RECORDS } else { BUDGET.min(FACTS_BUDGET / facts) };
        let mut failed = None;
        let fewest = what_if::fewest(groups, budget, |repairs| {
            if failed.is_some() {
                return None;
            }
            let point = self.reached(repairs).map_err(|problem| failed = Some(problem)).ok()?;
            let lighter = point.tier.filter(|tier| Some(*tier) < present.tier)?;
            Some((Reverse(lighter), point.public.as_ref().and_then(Outcome::score)))
        });
        if let Some(problem) = failed {
            return Err(problem);
        }
        let all: Vec<usize> = (0..self.repairs.len()).collect();
        let if_all_repaired = self.confirmed(&all)?;
        let (found, every_set) = match fewest.end {
            End::Found { repairs, .. } => {
                let reached = self.confirmed(&repairs)?;
                let facts = repairs.iter().filter_map(|repair| self.repairs.get(*repair)).map(|r| r.fact);
                (Some((facts.collect(), reached)), false)
            }
            End::Impossible => (None, true),
            End::TooMany => (None, false),
        };
        Ok(Fewest::Searched { found, every_set, tried_through: fewest.tried_through, if_all_repaired })
    }
}
