//! The explanation of one evaluation as lines in reading order, and its ranked reasons.
//!
//! The kernel tells what moved the sum; this module puts it in the order of the document. Lines that are no sums add
//! up to the score exactly, because nothing is computed here but sums and one difference per clipped indicator.

use hengxin_core::date::Date;
use hengxin_core::fact::{FactId, Facts};
use hengxin_core::kernel::Evaluation;
use hengxin_core::number::Points;
use hengxin_core::picker::Standing;
use hengxin_core::quantity::Gives;
use hengxin_core::reading::{Measured, Unknown};
use hengxin_core::scope::Source;
use hengxin_core::standard::Standard;
use hengxin_core::trace::{Adjustment, Explanation, IndicatorLine};
use hengxin_core::vocabulary::CodeId;
use hengxin_store::OwnedFile;

use crate::outline::{Branch, Child, Outline};

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The base.
    Base,
    /// An indicator, before its own floor and cap.
    Indicator,
    /// A floor or cap of an indicator or dimension.
    Clip,
    /// Weights of a group.
    Weighting,
    /// Unknown members left out of a group.
    Renormalised,
    /// A dimension: a sum.
    Dimension,
    /// The ends of the scale.
    ScaleClip,
    /// The rounding of the score.
    Rounding,
    /// The score: a sum.
    Score,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub kind: Kind,
    /// Id of the indicator or dimension; empty for the whole.
    pub id: String,
    /// Title.
    pub title: String,
    /// 0 for the whole, 1 for top-level dimensions.
    pub depth: u32,
    /// A sum or a summand; `None` when left out.
    pub points: Option<Points>,
    /// The most it could be, where that is stated.
    pub max: Option<Points>,
    /// What was measured, for a reader.
    pub reading: Option<String>,
    /// Why nothing was.
    pub unknown: Option<Unknown>,
    /// Where its figures come from.
    pub source: Option<Source>,
    /// The facts looked at.
    pub evidence: Vec<Piece>,
}

/// A fact as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The fact.
    pub fact: FactId,
    /// When it occurred.
    pub occurred_on: Date,
    /// Its code.
    pub code: CodeId,
    /// What it alone changed, where that is told.
    pub effect: Option<Points>,
    /// Whether it counted.
    pub standing: Standing,
}

/// A reason, the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A finding that decided the grade, by place.
    Finding(usize),
    /// An indicator below its maximum, by place.
    Indicator {
        /// Its place.
        place: usize,
        /// Points below the maximum.
        lost: Points,
        /// Points earned.
        points: Points,
    },
}

/// A short name of a reason for not knowing.
pub const fn unknown_id(unknown: Unknown) -> &'static str {
    unknown.id()
}

/// The same in words.
pub const fn unknown_words(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::NotDelivered => "a register it reads was not delivered through the date",
        Unknown::NoRecord => "no record to measure",
        Unknown::ZeroDivisor => "nothing to divide by: none of what it is a share or mean of",
        Unknown::NotRegistered => "no registration on the date, or the attribute is not in it",
        Unknown::NoResult => "the other standard gave no such result",
    }
}

/// A short name of why a fact did not count; empty when it did.
pub const fn standing_id(standing: Standing) -> &'static str {
    match standing {
        Standing::Counts => "",
        Standing::Repaired => "repaired",
        Standing::PastPublicity => "past-publicity",
        Standing::UnderObjection => "under-objection",
    }
}

/// Where each fact stands in its file: evidence names facts by id, and a file may hold tens of thousands.
struct Places<'f> {
    file: &'f OwnedFile,
    by_id: Vec<(FactId, usize)>,
}

impl<'f> Places<'f> {
    fn of(file: &'f OwnedFile) -> Places<'f> {
        let ids = file.columns.as_facts().id.iter().copied();
        let mut by_id: Vec<(FactId, usize)> = ids.zip(0..).collect();
        by_id.sort_unstable();
        Places { file, by_id }
    }

    fn piece(&self, fact: FactId, effect: Option<Points>, standing: Standing) -> Option<Piece> {
        let found = self.by_id.binary_search_by_key(&fact, |(id, _)| *id).ok()?;
        let (_, i) = *self.by_id.get(found)?;
        let facts: Facts<'_> = self.file.columns.as_facts();
        let class = self.file.classes.class(*facts.class.get(i)?)?;
        Some(Piece { fact, occurred_on: *facts.occurred_on.get(i)?, code: class.code, effect, standing })
    }
}

/// The lines of an evaluation, each dimension after what it is made of.
pub fn lines(
    standard: &Standard,
    outline: &Outline,
    evaluation: &Evaluation,
    explanation: &Explanation,
    file: &OwnedFile,
) -> Vec<Line> {
    let mut writer = Writer { standard, explanation, places: Places::of(file), lines: Vec::new() };
    writer.adjusted(Adjustment::Base, Kind::Base, None, 0);
    for branch in &outline.0 {
        writer.branch(branch, 1);
    }
    writer.adjusted(Adjustment::Weighted(None), Kind::Weighting, None, 0);
    writer.adjusted(Adjustment::Renormalised(None), Kind::Renormalised, None, 0);
    writer.adjusted(Adjustment::ScaleClip, Kind::ScaleClip, None, 0);
    writer.adjusted(Adjustment::Rounding, Kind::Rounding, None, 0);
    if let Some(score) = evaluation.outcome.score() {
        let max = standard.scale.as_ref().map(|s| s.max);
        writer.lines.push(Line { points: Some(score), max, ..blank(Kind::Score, 0) });
    }
    writer.lines
}

/// Findings that decided, in document order, then indicators by points lost.
pub fn reasons(standard: &Standard, evaluation: &Evaluation, explanation: &Explanation) -> Vec<Reason> {
    let findings =
        (0..standard.findings.len()).filter(|i| evaluation.decided >> i & 1 == 1).map(Reason::Finding);
    let indicators = explanation.ranked(standard).into_iter().filter_map(|(place, lost)| {
        let points = explanation.indicators.iter().find(|line| line.indicator == place)?.points?;
        Some(Reason::Indicator { place, lost, points })
    });
    findings.chain(indicators).collect()
}

/// The facts a finding looked at.
pub fn finding_evidence(explanation: &Explanation, finding: usize, file: &OwnedFile) -> Vec<Piece> {
    let places = Places::of(file);
    let facts = explanation.findings.get(finding).map(Vec::as_slice).unwrap_or_default();
    facts.iter().filter_map(|fact| places.piece(*fact, None, Standing::Counts)).collect()
}

struct Writer<'a> {
    standard: &'a Standard,
    explanation: &'a Explanation,
    places: Places<'a>,
    lines: Vec<Line>,
}

impl Writer<'_> {
    /// Writes a dimension's members and itself; its value, or `None` when all of it is left out.
    fn branch(&mut self, branch: &Branch, depth: u32) -> Option<Points> {
        let mut parts: Vec<Option<Points>> = Vec::new();
        for child in &branch.children {
            parts.push(match child {
                Child::Branch(inner) => self.branch(inner, depth + 1),
                Child::Indicator(place) => self.indicator(*place, depth + 1),
            });
        }
        let place = Some(branch.dimension);
        let weighted = self.adjusted(Adjustment::Weighted(place), Kind::Weighting, place, depth);
        let renormalised = self.adjusted(Adjustment::Renormalised(place), Kind::Renormalised, place, depth);
        let clipped = self.adjusted(Adjustment::DimensionClip(branch.dimension), Kind::Clip, place, depth);
        let known = parts.iter().any(Option::is_some);
        let sum: Points = parts.into_iter().chain([weighted, renormalised, clipped]).flatten().sum();
        let dimension = self.standard.dimensions.get(branch.dimension)?;
        self.lines.push(Line {
            id: dimension.id.clone(),
            title: dimension.title.clone(),
            points: known.then_some(sum),
            max: dimension.max,
            ..blank(Kind::Dimension, depth)
        });
        known.then_some(sum)
    }

    fn indicator(&mut self, place: usize, depth: u32) -> Option<Points> {
        let told: &IndicatorLine = self.explanation.indicators.iter().find(|line| line.indicator == place)?;
        let indicator = self.standard.indicators.get(place)?;
        let (reading, unknown) = match told.measured {
            Measured::Known(value) => (Some(display(&indicator.gives, value)), None),
            Measured::Unknown(why) => (None, Some(why)),
        };
        let evidence =
            told.evidence.iter().filter_map(|e| self.places.piece(e.fact, e.effect, e.standing)).collect();
        self.lines.push(Line {
            id: indicator.id.clone(),
            title: indicator.title.clone(),
            points: told.raw,
            max: Some(indicator.max),
            reading,
            unknown,
            source: Some(indicator.source.clone()),
            evidence,
            ..blank(Kind::Indicator, depth)
        });
        if let (Some(raw), Some(points)) = (told.raw, told.points)
            && raw != points
        {
            let difference = points.ten_thousandths().saturating_sub(raw.ten_thousandths());
            self.lines.push(Line {
                id: indicator.id.clone(),
                title: indicator.title.clone(),
                points: Some(Points::from_ten_thousandths(difference)),
                source: Some(indicator.source.clone()),
                ..blank(Kind::Clip, depth)
            });
        }
        told.points
    }

    /// Writes the line of an adjustment, if it was told; its points.
    fn adjusted(
        &mut self,
        adjustment: Adjustment,
        kind: Kind,
        dimension: Option<usize>,
        depth: u32,
    ) -> Option<Points> {
        let (_, points) = self.explanation.adjustments.iter().find(|(told, _)| *told == adjustment)?;
        let dimension = dimension.and_then(|i| self.standard.dimensions.get(i));
        let source = match kind {
            Kind::Base => self.standard.scale.as_ref().and_then(|s| s.base_source.clone()),
            Kind::Indicator
            | Kind::Clip
            | Kind::Weighting
            | Kind::Renormalised
            | Kind::Dimension
            | Kind::ScaleClip
            | Kind::Rounding
            | Kind::Score => None,
        };
        self.lines.push(Line {
            id: dimension.map(|d| d.id.clone()).unwrap_or_default(),
            title: dimension.map(|d| d.title.clone()).unwrap_or_default(),
            points: Some(*points),
            source,
            ..blank(kind, depth)
        });
        Some(*points)
    }
}

fn blank(kind: Kind, depth: u32) -> Line {
    Line {
        kind,
        id: String::new(),
        title: String::new(),
        depth,
        points: None,
        max: None,
        reading: None,
        unknown: None,
        source: None,
        evidence: Vec::new(),
    }
}

fn display(gives: &Gives, value: i64) -> String {
    match gives {
        Gives::Quantity(unit) => unit.display(value),
        Gives::Category(names) => {
            usize::try_from(value).ok().and_then(|i| names.get(i)).cloned().unwrap_or_default()
        }
        Gives::Events => value.to_string(),
    }
}
