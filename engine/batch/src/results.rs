//! What a run says of its subjects, column by column.
//!
//! Columns from the kernel to the file and back: a province has millions of lines, and a line of its own for each would
//! cost more than the evaluation.

use std::ops::Range;

use hengxin_core::date::Date;
use hengxin_core::grade::Grade;
use hengxin_core::industry::IndustryCode;
use hengxin_core::kernel::{Evaluation, Outcome};
use hengxin_core::number::Points;
use hengxin_core::region::RegionCode;
use hengxin_core::tier::Tier;
use hengxin_core::uscc::Uscc;
use serde::{Deserialize, Serialize};

/// How an evaluation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With a grade, or with nothing found where that means no grade.
    Graded,
    /// Too little is known.
    CannotScore,
    /// Not evaluated.
    NotEligible,
}

impl Kind {
    /// All, in the order of their numbers.
    pub const ALL: [Kind; 3] = [Kind::Graded, Kind::CannotScore, Kind::NotEligible];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Graded => "graded",
            Kind::CannotScore => "cannot-score",
            Kind::NotEligible => "not-eligible",
        }
    }
}

impl From<Outcome> for Kind {
    fn from(outcome: Outcome) -> Kind {
        match outcome {
            Outcome::Graded { .. } => Kind::Graded,
            Outcome::CannotScore { .. } => Kind::CannotScore,
            Outcome::NotEligible(_) => Kind::NotEligible,
        }
    }
}

/// What one standard gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// How it came out.
    pub kind: Vec<Kind>,
    /// The scores.
    pub score: Vec<Option<Points>>,
    /// The grades.
    pub grade: Vec<Option<Grade>>,
    /// Findings, a bit each by their place in the standard.
    pub findings: Vec<u64>,
    /// How many indicators are unknown.
    pub unknown: Vec<u16>,
}

impl Given {
    pub(crate) fn push(&mut self, evaluation: &Evaluation) {
        self.kind.push(Kind::from(evaluation.outcome));
        self.score.push(evaluation.outcome.score());
        self.grade.push(evaluation.outcome.grade());
        self.findings.push(evaluation.findings);
        self.unknown.push(evaluation.unknown);
    }

    fn append(&mut self, from: &Given, range: &Range<usize>) {
        self.kind.extend_from_slice(&from.kind[range.clone()]);
        self.score.extend_from_slice(&from.score[range.clone()]);
        self.grade.extend_from_slice(&from.grade[range.clone()]);
        self.findings.extend_from_slice(&from.findings[range.clone()]);
        self.unknown.extend_from_slice(&from.unknown[range.clone()]);
    }
}

/// What one policy gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    /// The tiers.
    pub tier: Vec<Option<Tier>>,
    /// Those of the previous run.
    pub previous: Vec<Option<Tier>>,
}

/// A subject that cannot be evaluated, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Whom.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// Results, a row a subject, ascending; all columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The subjects.
    pub subject: Vec<Uscc>,
    /// Where they are registered on the date.
    pub region: Vec<Option<RegionCode>>,
    /// Their industries on the date.
    pub industry: Vec<Option<IndustryCode>>,
    /// Their sizes on the date: index of the value in the vocabulary.
    pub size: Vec<Option<u16>>,
    /// When they were established.
    pub established_on: Vec<Option<Date>>,
    /// Per standard of the job.
    pub standards: Vec<Given>,
    /// Per policy of the job.
    pub fields: Vec<Tiers>,
    /// First later date on which anything here can change without a new fact.
    pub horizon: Vec<Option<Date>>,
    /// The same, deliveries left out of account.
    pub facts_horizon: Vec<Option<Date>>,
    /// Fingerprint of the facts they were computed from.
    pub digest: Vec<u64>,
    /// Those of them that could not be evaluated. Not among the columns of a file: its head and the run's manifest have
    /// them.
    pub quarantine: Vec<Quarantined>,
}

impl Results {
    /// No results, with room for `rows` of them.
    pub fn new(standards: usize, fields: usize, rows: usize) -> Results {
        Results {
            subject: Vec::with_capacity(rows),
            digest: Vec::with_capacity(rows),
            standards: vec![Given::default(); standards],
            fields: vec![Tiers::default(); fields],
            ..Results::default()
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.subject.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.subject.is_empty()
    }

    /// Adds rows of others by the same standards and policies.
    pub fn append(&mut self, from: &Results, range: Range<usize>) {
        self.subject.extend_from_slice(&from.subject[range.clone()]);
        self.region.extend_from_slice(&from.region[range.clone()]);
        self.industry.extend_from_slice(&from.industry[range.clone()]);
        self.size.extend_from_slice(&from.size[range.clone()]);
        self.established_on.extend_from_slice(&from.established_on[range.clone()]);
        for (to, from) in self.standards.iter_mut().zip(&from.standards) {
            to.append(from, &range);
        }
        for (to, from) in self.fields.iter_mut().zip(&from.fields) {
            to.tier.extend_from_slice(&from.tier[range.clone()]);
            to.previous.extend_from_slice(&from.previous[range.clone()]);
        }
        self.horizon.extend_from_slice(&from.horizon[range.clone()]);
        self.facts_horizon.extend_from_slice(&from.facts_horizon[range.clone()]);
        self.digest.extend_from_slice(&from.digest[range]);
    }
}
