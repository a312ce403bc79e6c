//! The one pass: counts subject by subject, and parts counted on several threads add up to the same.
//!
//! Memory depends on the editions (grades, tiers, clauses), on regions and on the bound of the list of movers, never on
//! the number of subjects.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attribution::{AppliedFinding, Explainer, FieldTold, Side, Told, of_grade, of_tier};
use super::axis::{Axis, AxisKind, Direction, Matrix, grade_place, tier_place};
use super::breakdown::{Breakdown, RegionDepth};
use super::clause::{Clause, ClauseKind};
use super::distribution::Distribution;
use super::movers::{Mover, MoverSink, Sample};
use super::result_row::{ResultRow, ResultRows};
use super::run_side::{FieldSide, RunSide, StandardSide};
use crate::error::{Error, Result};

/// What is compared: both runs and the axes they share.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The first run.
    pub before: RunSide,
    /// The second run.
    pub after: RunSide,
    /// Fields, then standards, in the order of the second run.
    pub axes: Vec<Axis>,
    /// Ids of fields and standards that only one run has: not compared.
    pub not_shared: Vec<String>,
    /// Per axis of a field: the axes of the results it looks at, the industry's first.
    looks_at: Vec<Vec<usize>>,
}

impl Frame {
    /// The axes two runs share.
    ///
    /// # Errors
    /// When they share none.
    pub fn new(before: RunSide, after: RunSide) -> Result<Frame> {
        let mut axes = Vec::new();
        let mut not_shared = Vec::new();
        let fields = |side: &RunSide| side.fields.iter().map(|f| f.field.clone()).collect::<Vec<_>>();
        let standards = |side: &RunSide| side.standards.iter().map(|s| s.id.clone()).collect::<Vec<_>>();
        for (b, a) in pairs("field", &fields(&before), &fields(&after), &mut not_shared) {
            axes.push(Axis::of_field((b, a), &before.fields[b], &after.fields[a]));
        }
        for (b, a) in pairs("standard", &standards(&before), &standards(&after), &mut not_shared) {
            axes.push(Axis::of_standard((b, a), &before.standards[b], &after.standards[a]));
        }
        if axes.is_empty() {
            let list = |side: &RunSide| [fields(side), standards(side)].concat().join("`, `");
            return Err(Error::Refused(format!(
                "the runs share no field and no standard: found `{}` in run {} and `{}` in run {}",
                list(&before),
                before.id,
                list(&after),
                after.id
            )));
        }
        let looks_at = axes
            .iter()
            .map(|axis| match axis.kind {
                AxisKind::Standard { .. } => Vec::new(),
                AxisKind::Field { after: place, .. } => {
                    let field = &after.fields[place];
                    let ids = field.industry.iter().chain([&field.public]).map(|id| format!("standard:{id}"));
                    ids.filter_map(|id| axes.iter().position(|axis| axis.id == id)).collect()
                }
            })
            .collect();
        Ok(Frame { before, after, axes, not_shared, looks_at })
    }

    /// The field of an axis on both sides; `None`: it is an axis of grades.
    pub fn field(&self, axis: &Axis) -> Option<(&FieldSide, &FieldSide)> {
        match axis.kind {
            AxisKind::Field { before, after } => {
                Some((&self.before.fields[before], &self.after.fields[after]))
            }
            AxisKind::Standard { .. } => None,
        }
    }

    /// The standard of an axis on both sides; `None`: it is an axis of tiers.
    pub fn standard(&self, axis: &Axis) -> Option<(&StandardSide, &StandardSide)> {
        match axis.kind {
            AxisKind::Standard { before, after } => {
                Some((&self.before.standards[before], &self.after.standards[after]))
            }
            AxisKind::Field { .. } => None,
        }
    }
}

/// Places of the ids that both lists have; the others are noted.
fn pairs(what: &str, before: &[String], after: &[String], other: &mut Vec<String>) -> Vec<(usize, usize)> {
    let lone = |ids: &[String], others: &[String], run: &str| {
        let lone = ids.iter().filter(|id| !others.contains(id));
        lone.map(|id| format!("{what}:{id} ({run} run only)")).collect::<Vec<_>>()
    };
    other.extend(lone(before, after, "first"));
    other.extend(lone(after, before, "second"));
    let place = |id: &String| before.iter().position(|b| b == id);
    after.iter().enumerate().filter_map(|(a, id)| Some((place(id)?, a))).collect()
}

/// How many moved because of one clause, on one axis.
#[derive(Clone, Debug)]
pub struct ClauseCount {
    /// The axis, by its place.
    pub axis: usize,
    /// The clause.
    pub clause: Arc<Clause>,
    /// How many moved in each of [`Direction::MOVES`].
    pub moves: [u64; 3],
}

/// Counts.
#[derive(Clone, Debug)]
pub struct Tally {
    /// What is compared.
    pub frame: Arc<Frame>,
    /// Per axis.
    pub matrices: Vec<Matrix>,
    /// Per axis; empty for tiers.
    pub scores: Vec<Distribution>,
    /// Per axis of grades: outcomes of the first and the second run, by place of
    /// [`OutcomeKind`](super::OutcomeKind).
    pub outcomes: Vec<[[u64; 3]; 2]>,
    /// Moves by region, industry, size and age.
    pub breakdown: Breakdown,
    /// Subjects in both runs, in the first only, in the second only.
    pub population: [u64; 3],
    /// Movers for which reasons were told.
    pub explained: u64,
    sample: Sample,
    clauses: BTreeMap<(usize, ClauseKind, String, String), ClauseCount>,
    /// Per axis, of the subject at hand.
    directions: Vec<Direction>,
}

impl Tally {
    /// Nothing counted yet. `movers` is the most that are listed.
    pub fn new(frame: Arc<Frame>, depth: RegionDepth, movers: usize) -> Tally {
        let axes = frame.axes.len();
        Tally {
            matrices: frame.axes.iter().map(|a| Matrix::new(a.before.len(), a.after.len())).collect(),
            scores: vec![Distribution::default(); axes],
            outcomes: vec![[[0; 3]; 2]; axes],
            breakdown: Breakdown::new(axes, depth, frame.after.as_of),
            population: [0; 3],
            explained: 0,
            sample: Sample::new(movers),
            clauses: BTreeMap::new(),
            directions: vec![Direction::Same; axes],
            frame,
        }
    }

    /// Counts one subject: its row in each run that has it.
    ///
    /// # Errors
    /// A row that does not fit its run's standards and fields; what the explainer and the sink refuse.
    pub fn add(
        &mut self,
        before: Option<&ResultRow>,
        after: Option<&ResultRow>,
        explainer: Option<&mut dyn Explainer>,
        sink: Option<&mut dyn MoverSink>,
    ) -> Result<()> {
        let frame = Arc::clone(&self.frame);
        for (row, side) in [(before, &frame.before), (after, &frame.after)] {
            row.map_or(Ok(()), |row| fits(row, side))?;
        }
        let mut moved = false;
        for (i, axis) in frame.axes.iter().enumerate() {
            let (from, to) = places(&frame, axis, before, after);
            self.matrices[i].add(from, to);
            self.directions[i] = axis.direction(from, to);
            moved |= self.directions[i] != Direction::Same;
            if let AxisKind::Standard { before: b, after: a } = axis.kind {
                let results = (before.map(|row| row.standards[b]), after.map(|row| row.standards[a]));
                for (side, result) in [results.0, results.1].into_iter().enumerate() {
                    if let Some(result) = result {
                        self.outcomes[i][side][result.outcome.place()] += 1;
                    }
                }
                if let (Some(old), Some(new)) =
                    (results.0.and_then(|r| r.score), results.1.and_then(|r| r.score))
                {
                    self.scores[i].add(old, new);
                }
            }
        }
        match (before, after) {
            (Some(before), Some(after)) => {
                self.population[0] += 1;
                self.breakdown.add(after, &self.directions);
                if moved { self.movers(before, after, explainer, sink) } else { Ok(()) }
            }
            (Some(_), None) => {
                self.population[1] += 1;
                Ok(())
            }
            (None, Some(_)) => {
                self.population[2] += 1;
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn movers(
        &mut self,
        before: &ResultRow,
        after: &ResultRow,
        explainer: Option<&mut dyn Explainer>,
        mut sink: Option<&mut dyn MoverSink>,
    ) -> Result<()> {
        let frame = Arc::clone(&self.frame);
        let told = explainer.map_or(Ok(None), |explainer| explainer.explain(after.subject))?;
        self.explained += u64::from(told.is_some());
        let told = told.unwrap_or_else(|| (by_row(&frame, true, before), by_row(&frame, false, after)));
        for (i, axis) in frame.axes.iter().enumerate() {
            let direction = self.directions[i];
            let Some(place) = direction.place() else { continue };
            let (from, to) = places(&frame, axis, Some(before), Some(after));
            let (cause, scores) = match axis.kind {
                AxisKind::Standard { before: b, after: a } => (
                    of_grade(&told.0.standards[b], &told.1.standards[a], direction),
                    (before.standards[b].score, after.standards[a].score),
                ),
                AxisKind::Field { before: b, after: a } => {
                    let results =
                        frame.looks_at[i].iter().filter_map(|other| match frame.axes[*other].kind {
                            AxisKind::Standard { before: b, after: a } => {
                                Some((&told.0.standards[b], &told.1.standards[a], self.directions[*other]))
                            }
                            AxisKind::Field { .. } => None,
                        });
                    let results: Vec<_> = results.collect();
                    let cause = of_tier(&told.0.fields[b], &told.1.fields[a], direction, &results);
                    (cause, (None, None))
                }
            };
            let (kind, document, id) = cause.key();
            let counted = self
                .clauses
                .entry((i, kind, document.to_owned(), id.to_owned()))
                .or_insert_with(|| ClauseCount { axis: i, clause: Arc::clone(&cause), moves: [0; 3] });
            counted.moves[place] += 1;
            let distance = axis.distance(from, to);
            let mover =
                Mover { subject: after.subject, axis: i, from, to, direction, distance, scores, cause };
            if let Some(sink) = sink.as_deref_mut() {
                sink.take(axis, &mover)?;
            }
            self.sample.add(mover);
        }
        Ok(())
    }

    /// Counts all subjects of two sources.
    ///
    /// # Errors
    /// Those of the sources and of [`Tally::add`].
    pub fn add_all(
        &mut self,
        before: &mut dyn ResultRows,
        after: &mut dyn ResultRows,
        mut explainer: Option<&mut dyn Explainer>,
        mut sink: Option<&mut dyn MoverSink>,
    ) -> Result<()> {
        loop {
            let (first, second) = (before.current(), after.current());
            let (has_first, has_second) = match (first, second) {
                (None, None) => return Ok(()),
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some(a), Some(b)) => (a.subject <= b.subject, b.subject <= a.subject),
            };
            self.add(
                first.filter(|_| has_first),
                second.filter(|_| has_second),
                // Spelt out, because a borrow inside an `Option` is not renewed by itself.
                match &mut explainer {
                    Some(explainer) => Some(&mut **explainer),
                    None => None,
                },
                match &mut sink {
                    Some(sink) => Some(&mut **sink),
                    None => None,
                },
            )?;
            if has_first {
                before.advance()?;
            }
            if has_second {
                after.advance()?;
            }
        }
    }

    /// Adds the counts of other subjects of the same two runs.
    pub fn merge(&mut self, other: Tally) {
        self.matrices.iter_mut().zip(&other.matrices).for_each(|(a, b)| a.merge(b));
        self.scores.iter_mut().zip(&other.scores).for_each(|(a, b)| a.merge(b));
        let outcomes = self.outcomes.iter_mut().flatten().flatten();
        outcomes.zip(other.outcomes.iter().flatten().flatten()).for_each(|(a, b)| *a += b);
        self.breakdown.merge(&other.breakdown);
        self.population.iter_mut().zip(other.population).for_each(|(a, b)| *a += b);
        self.explained += other.explained;
        self.sample.merge(other.sample);
        for (key, count) in other.clauses {
            match self.clauses.get_mut(&key) {
                Some(mine) => mine.moves.iter_mut().zip(count.moves).for_each(|(a, b)| *a += b),
                None => {
                    self.clauses.insert(key, count);
                }
            }
        }
    }

    /// Subjects of either run.
    pub fn union(&self) -> u64 {
        self.population.iter().sum()
    }

    /// How many of both runs moved on an axis, by [`Direction::MOVES`].
    pub fn moves(&self, axis: usize) -> [u64; 3] {
        let mut moves = [0; 3];
        for (from, row) in self.matrices[axis].rows().enumerate() {
            for (to, n) in row.iter().enumerate() {
                if let Some(place) = self.frame.axes[axis].direction(from, to).place() {
                    moves[place] += n;
                }
            }
        }
        moves
    }

    /// Clauses by how many they moved, most first; of equals by axis, document and id.
    pub fn clauses(&self) -> Vec<&ClauseCount> {
        let mut all: Vec<&ClauseCount> = self.clauses.values().collect();
        all.sort_by_key(|count| std::cmp::Reverse(count.moves.iter().sum::<u64>()));
        all
    }

    /// The movers kept, furthest first, and how many there were.
    pub fn movers_listed(&self) -> (Vec<Mover>, u64) {
        (self.sample.clone().into_sorted(), self.sample.total())
    }
}

/// The states of a subject on an axis.
fn places(
    frame: &Frame,
    axis: &Axis,
    before: Option<&ResultRow>,
    after: Option<&ResultRow>,
) -> (usize, usize) {
    let absent = axis.absent();
    let place = |row: &ResultRow, side: &RunSide, place: usize| match axis.kind {
        AxisKind::Field { .. } => tier_place(side.fields[place].tiers.len(), row.tiers[place]),
        AxisKind::Standard { .. } => grade_place(side.standards[place].grades.len(), &row.standards[place]),
    };
    let (AxisKind::Field { before: b, after: a } | AxisKind::Standard { before: b, after: a }) = axis.kind;
    (
        before.map_or(absent.0, |row| place(row, &frame.before, b)),
        after.map_or(absent.1, |row| place(row, &frame.after, a)),
    )
}

/// Whether a row has a result for every standard and field, and only grades and tiers that there are.
fn fits(row: &ResultRow, side: &RunSide) -> Result<()> {
    let wrong = |found: String, expected: String| {
        Err(Error::content(format!("run {}, subject {}", side.id, row.subject), found, expected))
    };
    if (row.standards.len(), row.tiers.len()) != (side.standards.len(), side.fields.len()) {
        return wrong(
            format!("{} results and {} tiers", row.standards.len(), row.tiers.len()),
            format!("{} results and {} tiers", side.standards.len(), side.fields.len()),
        );
    }
    for (result, standard) in row.standards.iter().zip(&side.standards) {
        if let Some(grade) = result.grade.filter(|g| usize::from(*g) >= standard.grades.len()) {
            return wrong(format!("grade {grade}"), format!("a grade of `{}`", standard.id));
        }
    }
    for (tier, field) in row.tiers.iter().zip(&side.fields) {
        if let Some(tier) = tier.filter(|t| *t == 0 || usize::from(*t) > field.tiers.len()) {
            return wrong(format!("tier {tier}"), format!("a tier of `{}`", field.policy));
        }
    }
    Ok(())
}

/// What the results alone tell: no points and no overrides.
fn by_row(frame: &Frame, first: bool, row: &ResultRow) -> Told {
    let side = if first { &frame.before } else { &frame.after };
    let standards = row.standards.iter().zip(&side.standards).map(|(result, standard)| {
        let applies = |(i, _): &(usize, _)| *i < 64 && result.findings >> i & 1 == 1;
        let applied = standard.findings.iter().enumerate().filter(applies);
        Side {
            standard: standard.id.clone(),
            outcome: result.outcome,
            score: result.score,
            grade: result.grade,
            points: Vec::new(),
            findings: applied
                .map(|(_, f)| AppliedFinding { clause: Arc::clone(&f.clause), decided: f.moves })
                .collect(),
            excluded_by: None,
            bands: Arc::clone(&standard.bands),
        }
    });
    let fields = row.tiers.iter().zip(&side.fields).map(|(tier, field)| {
        // The method is a reason only where it differs; where it does not, an override that nobody told of did it.
        let same = |f: &FieldSide| f.field == field.field && f.digest == field.digest;
        let unchanged = frame.before.fields.iter().any(same) && frame.after.fields.iter().any(same);
        let unexplained = || Arc::new(Clause::of_document(ClauseKind::Unexplained, &field.policy));
        FieldTold {
            tier: *tier,
            by_method: *tier,
            overrides: Vec::new(),
            method: if unchanged { unexplained() } else { Arc::clone(&field.method) },
        }
    });
    Told { standards: standards.collect(), fields: fields.collect() }
}
