//! What the kernel tells while it works: nothing in batch, everything for one enterprise.
//!
//! The kernel is generic over a [`Trace`]; with [`Silent`] the telling is compiled away.

use crate::date::Date;
use crate::fact::FactId;
use crate::kernel::slots_of;
use crate::number::Points;
use crate::picker::{Picker, Standing};
use crate::reading::{Look, Measured};
use crate::standard::Standard;

/// Listens to an evaluation.
pub trait Trace {
    /// Whether anything is told.
    const FULL: bool;
    /// An indicator was measured, in document order.
    fn indicator(&mut self, line: IndicatorLine);
    /// The running sum moved for another reason than an indicator's points.
    fn adjust(&mut self, adjustment: Adjustment, points: Points);
    /// A finding was decided upon; the facts it looked at.
    fn finding(&mut self, finding: usize, evidence: Vec<FactId>);
}

/// Tells nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Trace for Silent {
    const FULL: bool = false;
    fn indicator(&mut self, _line: IndicatorLine) {}
    fn adjust(&mut self, _adjustment: Adjustment, _points: Points) {}
    fn finding(&mut self, _finding: usize, _evidence: Vec<FactId>) {}
}

/// One indicator's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndicatorLine {
    /// Its place in the standard.
    pub indicator: usize,
    /// What was measured.
    pub measured: Measured,
    /// Points before its own floor and cap; `None` when it is left out.
    pub raw: Option<Points>,
    /// Points after them.
    pub points: Option<Points>,
    /// The facts it looked at.
    pub evidence: Vec<Evidence>,
}

/// One fact an indicator looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The fact.
    pub fact: FactId,
    /// Whether it counts, and why not.
    pub standing: Standing,
    /// What it alone changed, where points are earned event by event. Together they are the indicator's raw points
    /// less those of no event.
    pub effect: Option<Points>,
}

/// Why the running sum moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The base of the scale.
    Base,
    /// Weights of a dimension's children, or of the top group (`None`).
    Weighted(Option<usize>),
    /// Excluded children of a dimension, or of the top group.
    Renormalised(Option<usize>),
    /// A dimension's floor or cap.
    DimensionClip(usize),
    /// The scale's least or greatest score.
    ScaleClip,
    /// The one rounding of the score.
    Rounding,
}

/// The whole story of one evaluation. The points of `adjustments` and `indicators` add up to the score exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// Indicators, in document order.
    pub indicators: Vec<IndicatorLine>,
    /// Everything else that moved the sum, in the order it happened.
    pub adjustments: Vec<(Adjustment, Points)>,
    /// Per finding of the standard: the facts it looked at.
    pub findings: Vec<Vec<FactId>>,
}

impl Trace for Explanation {
    const FULL: bool = true;

    fn indicator(&mut self, line: IndicatorLine) {
        self.indicators.push(line);
    }

    fn adjust(&mut self, adjustment: Adjustment, points: Points) {
        self.adjustments.push((adjustment, points));
    }

    fn finding(&mut self, _finding: usize, evidence: Vec<FactId>) {
        self.findings.push(evidence);
    }
}

impl Explanation {
    /// The sum of all lines: the score, when there is one.
    pub fn total(&self) -> Points {
        let indicators = self.indicators.iter().filter_map(|line| line.points);
        indicators.chain(self.adjustments.iter().map(|(_, points)| *points)).sum()
    }

    /// Indicators by how far they stay below their maximum, most first; ties in document order. Those at their
    /// maximum are left out. As reason codes of a scorecard: points below the best.
    pub fn ranked(&self, standard: &Standard) -> Vec<(usize, Points)> {
        let mut ranked: Vec<(usize, Points)> = self
            .indicators
            .iter()
            .filter_map(|line| {
                let max = standard.indicators.get(line.indicator)?.max;
                let lost = max.minus(line.points?);
                (lost > Points::ZERO).then_some((line.indicator, lost))
            })
            .collect();
        ranked.sort_by_key(|(i, lost)| (std::cmp::Reverse(*lost), *i));
        ranked
    }
}

/// What one file holds for each slot, whether it counts or not: what evidence is taken from.
pub(crate) struct Looked {
    /// Per slot: the facts in its window, in order.
    of_slot: Vec<Vec<u32>>,
    /// Per fact; one that is in no window is not asked about.
    standing: Vec<Standing>,
}

impl Looked {
    pub fn new(standard: &Standard, look: &Look<'_>, picker: &Picker) -> Looked {
        let facts = look.columns;
        let known = facts.occurred_on.partition_point(|d| *d <= look.as_of);
        let mut of_slot = vec![Vec::new(); look.hits.len()];
        let mut standing = Vec::with_capacity(known);
        for i in 0..known {
            let index = u32::try_from(i).unwrap_or(u32::MAX);
            let mut looked_at = false;
            for slot in picker.slots_of(facts.class[i]) {
                if picker.in_window(slot, facts.occurred_on[i], facts.ends_on[i]) {
                    of_slot[slot].push(index);
                    looked_at = true;
                }
            }
            let mut due = Date::FOREVER;
            standing.push(if looked_at {
                standard.lifecycle.standing(facts, i, look.as_of, &mut due)
            } else {
                Standing::Counts
            });
        }
        Looked { of_slot, standing }
    }

    /// The facts an indicator looked at, in order: those that count with their effect, and those of its windows that
    /// do not count any more, with the reason.
    pub fn evidence(
        &self,
        standard: &Standard,
        indicator: usize,
        measured: Measured,
        look: &Look<'_>,
    ) -> Vec<Evidence> {
        let slots = slots_of(standard, indicator);
        let mut effects: Vec<(u32, Points)> = Vec::new();
        if let ([slot], Measured::Known(_), Some(indicator)) =
            (slots.as_slice(), measured, standard.indicators.get(indicator))
        {
            let hits = &look.hits[*slot];
            if let Some(each) = indicator.rule.effects(hits.len(), look) {
                effects = hits.iter().copied().zip(each).collect();
            }
        }
        let mut facts: Vec<u32> = slots.iter().flat_map(|slot| &self.of_slot[*slot]).copied().collect();
        facts.sort_unstable();
        facts.dedup();
        let mut evidence = Vec::new();
        for index in facts {
            let i = index as usize;
            let standing = self.standing[i];
            // A fact that counts but was dropped by `last` is no evidence.
            let hit = || slots.iter().any(|slot| look.hits[*slot].binary_search(&index).is_ok());
            if standing != Standing::Counts || hit() {
                let effect = effects.binary_search_by_key(&index, |(fact, _)| *fact);
                let effect = effect.ok().map(|found| effects[found].1);
                evidence.push(Evidence { fact: look.columns.id[i], standing, effect });
            }
        }
        evidence
    }
}

/// The facts a finding's condition selected.
pub(crate) fn finding_evidence(standard: &Standard, finding: usize, look: &Look<'_>) -> Vec<FactId> {
    let mut hits: Vec<u32> = Vec::new();
    if let Some(finding) = standard.findings.get(finding) {
        finding.when.slots(&mut |slot| hits.extend_from_slice(&look.hits[slot]));
    }
    hits.sort_unstable();
    hits.dedup();
    hits.into_iter().map(|i| look.columns.id[i as usize]).collect()
}
