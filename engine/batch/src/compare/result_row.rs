//! One subject's results as plain values, and where they come from.

use hengxin_core::date::Date;
use hengxin_core::grade::Grade;
use hengxin_core::industry::IndustryCode;
use hengxin_core::kernel::Outcome;
use hengxin_core::number::Points;
use hengxin_core::region::RegionCode;
use hengxin_core::tier::Tier;
use hengxin_core::uscc::Uscc;

use crate::error::Result;

/// What a run says of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// The subject.
    pub subject: Uscc,
    /// Where it is registered; `None`: not known.
    pub region: Option<RegionCode>,
    /// Its industry; `None`: not known.
    pub industry: Option<IndustryCode>,
    /// Its size, by place in [`RunSide::sizes`](super::RunSide::sizes); `None`: not known.
    pub size: Option<usize>,
    /// The day it was established; `None`: not known.
    pub established_on: Option<Date>,
    /// Results, in the order of [`RunSide::standards`](super::RunSide::standards).
    pub standards: Vec<StandardResult>,
    /// Tiers, in the order of [`RunSide::fields`](super::RunSide::fields); `None`: the policy says nothing.
    pub tiers: Vec<Option<Tier>>,
}

/// What one standard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardResult {
    /// What kind of result it is.
    pub outcome: OutcomeKind,
    /// The score; `None`: there is none.
    pub score: Option<Points>,
    /// The grade; `None`: there is none.
    pub grade: Option<Grade>,
    /// Findings that apply, a bit each by their place in [`StandardSide::findings`](super::StandardSide::findings).
    pub findings: u64,
}

/// Kinds of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Evaluated.
    Graded,
    /// Too little is known; a veto may still give a grade.
    CannotScore,
    /// Not evaluated.
    NotEligible,
}

impl OutcomeKind {
    /// The words of a result file, in the order of [`OutcomeKind::place`].
    pub const NAMES: [&'static str; 3] = ["graded", "cannot-score", "not-eligible"];

    /// The kind of an outcome.
    pub fn of(outcome: Outcome) -> OutcomeKind {
        match outcome {
            Outcome::Graded { .. } => OutcomeKind::Graded,
            Outcome::CannotScore { .. } => OutcomeKind::CannotScore,
            Outcome::NotEligible(_) => OutcomeKind::NotEligible,
        }
    }

    /// The kind of a word; `None`: it is none of them.
    pub fn from_name(name: &str) -> Option<OutcomeKind> {
        let all = [OutcomeKind::Graded, OutcomeKind::CannotScore, OutcomeKind::NotEligible];
        OutcomeKind::NAMES.iter().position(|n| *n == name).map(|i| all[i])
    }

    /// Its place in [`OutcomeKind::NAMES`].
    pub const fn place(self) -> usize {
        match self {
            OutcomeKind::Graded => 0,
            OutcomeKind::CannotScore => 1,
            OutcomeKind::NotEligible => 2,
        }
    }
}

/// Results one after another, subjects ascending, each once.
pub trait ResultRows {
    /// The row it stands at; `None` after the last one.
    fn current(&self) -> Option<&ResultRow>;

    /// Goes on to the next row.
    ///
    /// # Errors
    /// What the source finds wrong: damaged files, subjects out of order, values nobody declared.
    fn advance(&mut self) -> Result<()>;
}

/// Results in memory.
#[derive(Clone, Debug)]
pub struct RowsInMemory {
    rows: Vec<ResultRow>,
    at: usize,
}

impl RowsInMemory {
    /// Rows in any order, each subject at most once.
    pub fn new(mut rows: Vec<ResultRow>) -> RowsInMemory {
        rows.sort_by_key(|row| row.subject);
        RowsInMemory { rows, at: 0 }
    }
}

impl ResultRows for RowsInMemory {
    fn current(&self) -> Option<&ResultRow> {
        self.rows.get(self.at)
    }

    fn advance(&mut self) -> Result<()> {
        self.at += 1;
        Ok(())
    }
}
