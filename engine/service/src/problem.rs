//! Why a use case gives no answer: one enum, told apart by who has to act. The gRPC status follows from it.

use hengxin_core::uscc::Uscc;
use hengxin_standard::NoEdition;
use hengxin_store::Error as LedgerError;

use crate::typesetter::SettingError;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, such as `enterprise` or `facts[3].decided_on`.
    pub field: String,
    /// What was found and what was expected.
    pub description: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// The request itself is wrong: everything that is, at once.
    #[error("{}", summary(.0, *.1))]
    Invalid(Vec<Violation>, usize),
    /// Nothing was known of the enterprise at the moment asked about.
    #[error("enterprise `{code}` is not in the ledger, expected one with at least one fact recorded by then")]
    UnknownEnterprise {
        /// The code.
        code: Uscc,
    },
    /// No such stored evaluation.
    #[error("no stored evaluation `{name}`")]
    UnknownEvaluation {
        /// The name asked for.
        name: String,
    },
    /// No such report.
    #[error("no report `{number}`")]
    UnknownReport {
        /// The number asked for.
        number: String,
    },
    /// A report that shows more than the caller may see.
    #[error("report `{number}` shows records that are not shown to you")]
    ReportShowsMore {
        /// Its number.
        number: String,
    },
    /// A report that could be issued, and never be sent.
    #[error("the report has {size} bytes, expected at most {most}: ask for fewer fields or a shorter period")]
    ReportTooLarge {
        /// Its size.
        size: usize,
        /// The largest that is issued.
        most: usize,
    },
    /// A report cannot be set as a document.
    #[error(transparent)]
    NotSet(#[from] SettingError),
    /// No run is loaded for the field.
    #[error("no run of field `{field}` is loaded, expected one that has succeeded")]
    NoLoadedRun {
        /// The field.
        field: String,
    },
    /// Another run was loaded while one was read.
    #[error("run {run} was replaced by run {by} meanwhile: begin anew")]
    RunReplaced {
        /// The run that was read.
        run: u64,
        /// The one that answers now.
        by: u64,
    },
    /// The loaded run does not have the enterprise.
    #[error("enterprise `{code}` is not in run {run}, expected one of its enterprises")]
    NotInRun {
        /// The code.
        code: Uscc,
        /// The run.
        run: u64,
    },
    /// This service carries no runs out.
    #[error("this service carries out no runs, expected one that was started with a place for results")]
    NoRunner,
    /// This service carries no studies out.
    #[error("this service trains no models, expected one that was started with a laboratory")]
    NoLaboratory,
    /// A model cannot be handed over.
    #[error("model `{name}` cannot be handed over: {why}")]
    NotHandedOver {
        /// `{model}/editions/{edition}`.
        name: String,
        /// Why.
        why: String,
    },
    /// No edition of the standard or policy answers.
    #[error(transparent)]
    NoEdition(#[from] NoEdition),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A stored result does not fit what it claims to be.
    #[error("{detail}; restore the ledger from a backup")]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// Too many requests wait for the ledger.
    #[error("{waiting} requests are waiting for the ledger already, expected fewer: try again later")]
    Overloaded {
        /// How many.
        waiting: usize,
    },
    /// A defect of this program.
    #[error("the request could not be finished because of a defect in the engine")]
    Defect,
}

impl Problem {
    /// A single violation.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Problem {
        Problem::Invalid(vec![Violation { field: field.into(), description: description.into() }], 1)
    }

    /// Whether it concerns one enterprise of many, so that a batch goes on. The ledger fails for all of them alike.
    pub fn of_one_enterprise(&self) -> bool {
        matches!(
            self,
            Problem::Invalid(..)
                | Problem::UnknownEnterprise { .. }
                | Problem::NotInRun { .. }
                | Problem::Ledger(LedgerError::TooManyRelated { .. })
        )
    }

    /// Several violations, of which the first are listed.
    pub fn violations(violations: Vec<Violation>) -> Problem {
        let all = violations.len();
        Problem::Invalid(violations, all)
    }
}

fn summary(violations: &[Violation], all: usize) -> String {
    match violations {
        [] => "the request is not valid".to_owned(),
        [one] if all == 1 => format!("{}: {}", one.field, one.description),
        [first, ..] => {
            // However long the first is, the number of all is not cut off.
            let description: String = first.description.chars().take(100).collect();
            format!("{}: {description} (and {} more)", first.field, all.saturating_sub(1))
        }
    }
}

/// What an answer gives or why there is none.
pub type Answer<T> = std::result::Result<T, Problem>;
