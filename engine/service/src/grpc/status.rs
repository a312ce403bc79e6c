//! From a [`Problem`] to a gRPC status with machine-readable details: the reason, the fields, when to retry.

use std::collections::HashMap;
use std::time::Duration;

use hengxin_standard::NoEdition;
use hengxin_store::{Error as LedgerError, LaboratoryError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::problem::Problem;
use crate::typesetter::SettingError;

/// The domain of every `ErrorInfo` of this service.
pub const DOMAIN: &str = "hengxin";

/// Longer lists of violations are cut; the message says how many there are.
const LISTED: usize = 40;
/// Lists that take more bytes are cut. Statuses travel in headers, of which common clients take 8 KiB in all, and
/// there a byte of a detail becomes four thirds of one and a Chinese character of the message nine bytes.
const LISTED_BYTES: usize = 3000;
/// Longer texts are cut, for the same reason: in characters and in bytes.
const LONGEST: usize = 300;
const LONGEST_BYTES: usize = 450;

/// A status with a reason and nothing else.
pub(super) fn refuse(code: Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(
        code,
        shorten(message),
        ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()),
    )
}

/// Code and reason of a problem.
pub(super) fn classify(problem: &Problem) -> (Code, &'static str) {
    match problem {
        Problem::Invalid(..) => (Code::InvalidArgument, "INVALID_REQUEST"),
        Problem::UnknownEnterprise { .. } => (Code::NotFound, "ENTERPRISE_NOT_FOUND"),
        Problem::UnknownEvaluation { .. } => (Code::NotFound, "EVALUATION_NOT_FOUND"),
        Problem::UnknownReport { .. } => (Code::NotFound, "REPORT_NOT_FOUND"),
        Problem::ReportShowsMore { .. } => (Code::PermissionDenied, "REPORT_SHOWS_MORE"),
        Problem::ReportTooLarge { .. } => (Code::ResourceExhausted, "ANSWER_TOO_LARGE"),
        Problem::NotSet(error) => classify_setting(error),
        Problem::NoLoadedRun { .. } => (Code::NotFound, "NO_LOADED_RUN"),
        Problem::RunReplaced { .. } => (Code::Aborted, "RUN_REPLACED"),
        Problem::NotInRun { .. } => (Code::NotFound, "ENTERPRISE_NOT_IN_RUN"),
        Problem::NoRunner => (Code::FailedPrecondition, "NO_RUNS_HERE"),
        Problem::NoLaboratory => (Code::FailedPrecondition, "NO_LABORATORY_HERE"),
        Problem::NotHandedOver { .. } => (Code::FailedPrecondition, "MODEL_NOT_HANDED_OVER"),
        Problem::NoEdition(NoEdition::Unknown { what: "field", .. }) => (Code::NotFound, "FIELD_NOT_FOUND"),
        Problem::NoEdition(NoEdition::Unknown { .. }) => (Code::NotFound, "STANDARD_NOT_FOUND"),
        Problem::NoEdition(NoEdition::UnknownEdition { .. }) => (Code::NotFound, "EDITION_NOT_FOUND"),
        Problem::NoEdition(NoEdition::Expired { .. }) => (Code::FailedPrecondition, "STANDARD_EXPIRED"),
        Problem::NoEdition(NoEdition::NotYet { .. }) => {
            (Code::FailedPrecondition, "STANDARD_NOT_YET_IN_FORCE")
        }
        Problem::Ledger(error) => classify_ledger(error),
        Problem::Damaged { .. } => (Code::DataLoss, "LEDGER_DAMAGED"),
        Problem::Overloaded { .. } => (Code::Unavailable, "OVERLOADED"),
        Problem::Defect => (Code::Internal, "DEFECT"),
    }
}

fn classify_setting(error: &SettingError) -> (Code, &'static str) {
    match error {
        SettingError::None => (Code::FailedPrecondition, "NO_TYPESETTER_HERE"),
        SettingError::Refused(_) => (Code::FailedPrecondition, "REPORT_NOT_SET"),
        SettingError::Busy => (Code::Unavailable, "OVERLOADED"),
        SettingError::TooSlow { .. } => (Code::DeadlineExceeded, "TYPESETTER_TOO_SLOW"),
        SettingError::Failed(_) => (Code::Internal, "TYPESETTER_FAILED"),
    }
}

fn classify_ledger(error: &LedgerError) -> (Code, &'static str) {
    match error {
        LedgerError::RequestReused { .. } => (Code::AlreadyExists, "REQUEST_ID_REUSED"),
        LedgerError::RequestForm { .. } | LedgerError::Nul => (Code::InvalidArgument, "INVALID_REQUEST"),
        LedgerError::RunInProgress { .. } => (Code::FailedPrecondition, "RUN_IN_PROGRESS"),
        LedgerError::UnknownRun { .. } => (Code::NotFound, "RUN_NOT_FOUND"),
        LedgerError::RunFinished { .. } => (Code::FailedPrecondition, "RUN_FINISHED"),
        LedgerError::NotAPrevious { .. } => (Code::FailedPrecondition, "NO_PREVIOUS_RUN"),
        LedgerError::LockLost { .. } => (Code::Aborted, "RUN_TAKEN_OVER"),
        LedgerError::RunCancelled { .. } => (Code::Aborted, "RUN_CANCELLED"),
        LedgerError::WrongResults { .. } => (Code::FailedPrecondition, "WRONG_RESULTS"),
        LedgerError::UnknownSchedule { .. } => (Code::NotFound, "SCHEDULE_NOT_FOUND"),
        LedgerError::ScheduleExists { .. } => (Code::AlreadyExists, "SCHEDULE_EXISTS"),
        LedgerError::Laboratory(refused) => classify_laboratory(refused),
        LedgerError::UnknownSubject { .. } => (Code::NotFound, "ENTERPRISE_NOT_FOUND"),
        LedgerError::UnknownQuarantine { .. } => (Code::NotFound, "QUARANTINE_NOT_FOUND"),
        LedgerError::TooManyRelated { .. } => (Code::FailedPrecondition, "TOO_MANY_RELATED"),
        LedgerError::Busy { .. } | LedgerError::Undone { .. } => (Code::Unavailable, "LEDGER_BUSY"),
        LedgerError::Unreachable { .. } => (Code::Unavailable, "LEDGER_UNREACHABLE"),
        LedgerError::Overloaded { .. } => (Code::Unavailable, "OVERLOADED"),
        LedgerError::Stopped => (Code::Unavailable, "STOPPING"),
        LedgerError::Full => (Code::ResourceExhausted, "DISK_FULL"),
        LedgerError::Corrupt { .. } => (Code::DataLoss, "LEDGER_DAMAGED"),
        LedgerError::Altered { .. } | LedgerError::Backwards { .. } => (Code::DataLoss, "LEDGER_ALTERED"),
        LedgerError::NoEntry { .. } => (Code::NotFound, "LOG_ENTRY_NOT_FOUND"),
        LedgerError::ReadOnly => (Code::FailedPrecondition, "LEDGER_READ_ONLY"),
        LedgerError::Missing { .. }
        | LedgerError::Exists { .. }
        | LedgerError::Foreign { .. }
        | LedgerError::Newer { .. }
        | LedgerError::Older { .. }
        | LedgerError::KeyMissing { .. }
        | LedgerError::KeyWrong { .. }
        | LedgerError::Address(_)
        | LedgerError::Vocabulary { .. } => (Code::FailedPrecondition, "LEDGER_UNUSABLE"),
        LedgerError::Io { .. } | LedgerError::Engine(_) => (Code::Internal, "LEDGER_FAILED"),
    }
}

fn classify_laboratory(refused: &LaboratoryError) -> (Code, &'static str) {
    match refused {
        LaboratoryError::UnknownHistory { .. } => (Code::NotFound, "HISTORY_NOT_FOUND"),
        LaboratoryError::UnknownStudy { .. } => (Code::NotFound, "STUDY_NOT_FOUND"),
        LaboratoryError::UnknownModel { .. } => (Code::NotFound, "MODEL_NOT_FOUND"),
        LaboratoryError::UnknownColumn { .. } => (Code::NotFound, "COLUMN_NOT_FOUND"),
        LaboratoryError::HistoryExists { .. } => (Code::AlreadyExists, "HISTORY_EXISTS"),
        LaboratoryError::ModelExists { .. } => (Code::AlreadyExists, "MODEL_EXISTS"),
        LaboratoryError::NoOutcomes { .. } => (Code::FailedPrecondition, "NO_OUTCOMES"),
        LaboratoryError::NoFigures { .. } => (Code::FailedPrecondition, "STUDY_NOT_SUCCEEDED"),
        LaboratoryError::State { .. } => (Code::FailedPrecondition, "MODEL_STATE"),
        LaboratoryError::LearnedFrom { .. } => (Code::FailedPrecondition, "LEARNED_FROM"),
        LaboratoryError::SmallBin { .. } => (Code::FailedPrecondition, "SMALL_BINS"),
        LaboratoryError::SamePerson { .. } => (Code::PermissionDenied, "SAME_PERSON"),
        LaboratoryError::BudgetSpent { .. } => (Code::ResourceExhausted, "BUDGET_SPENT"),
        LaboratoryError::NotHeld { .. } => (Code::Aborted, "STUDY_TAKEN_OVER"),
    }
}

/// The status of a problem.
pub(super) fn status(problem: &Problem) -> Status {
    let (code, reason) = classify(problem);
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata(problem));
    match problem {
        Problem::Invalid(violations, _) => {
            let mut room = LISTED_BYTES;
            for violation in violations.iter().take(LISTED) {
                let (field, description) = (shorten(&violation.field), shorten(&violation.description));
                // With what the encoding puts around the two texts.
                let Some(left) = room.checked_sub(field.len() + description.len() + 10) else { break };
                room = left;
                details.add_bad_request_violation(field, description);
            }
        }
        Problem::NoEdition(NoEdition::Expired { id, .. } | NoEdition::NotYet { id, .. }) => {
            details.set_precondition_failure(vec![]);
            details.add_precondition_failure_violation(
                reason,
                format!("standards/{id}"),
                shorten(&problem.to_string()),
            );
        }
        Problem::Ledger(LedgerError::RequestForm { .. } | LedgerError::RequestReused { .. }) => {
            details.add_bad_request_violation("request_id", shorten(&problem.to_string()));
        }
        Problem::UnknownEnterprise { .. }
        | Problem::UnknownEvaluation { .. }
        | Problem::UnknownReport { .. }
        | Problem::ReportShowsMore { .. }
        | Problem::ReportTooLarge { .. }
        | Problem::NotSet(_)
        | Problem::NoLoadedRun { .. }
        | Problem::RunReplaced { .. }
        | Problem::NotInRun { .. }
        | Problem::NoRunner
        | Problem::NoLaboratory
        | Problem::NotHandedOver { .. }
        | Problem::NoEdition(_)
        | Problem::Ledger(_)
        | Problem::Damaged { .. }
        | Problem::Overloaded { .. }
        | Problem::Defect => {}
    }
    if code == Code::Unavailable {
        details.set_retry_info(Some(Duration::from_millis(500)));
    }
    if matches!(code, Code::DataLoss | Code::Internal | Code::ResourceExhausted)
        || matches!(problem, Problem::Ledger(LedgerError::Unreachable { .. }))
    {
        tracing::error!(target: "hengxin::ledger", reason, "a request failed: {problem}");
    }
    // Paths and messages of the machine are for the operator's log, not for the caller.
    let message = match problem {
        Problem::Ledger(LedgerError::Io { .. } | LedgerError::Engine(_)) => "the ledger failed".to_owned(),
        Problem::Ledger(LedgerError::Unreachable { .. }) => {
            "the database of the ledger does not answer; a write under way may or may not have been kept"
                .to_owned()
        }
        other => other.to_string(),
    };
    Status::with_error_details(code, shorten(&message), details)
}

/// One entry at most: an error, too, has one encoding.
fn metadata(problem: &Problem) -> HashMap<String, String> {
    let entry = match problem {
        Problem::NoEdition(NoEdition::Expired { last, .. }) => Some(("last_day", last.to_string())),
        Problem::NoEdition(NoEdition::NotYet { first, .. }) => Some(("first_day", first.to_string())),
        Problem::NoEdition(NoEdition::Unknown { known, .. } | NoEdition::UnknownEdition { known, .. }) => {
            Some(("known", shorten(&known.join(","))))
        }
        Problem::Ledger(LedgerError::RunInProgress { run, .. } | LedgerError::RunFinished { run, .. }) => {
            Some(("run", format!("runs/{run}")))
        }
        _ => None,
    };
    entry.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST && text.len() <= LONGEST_BYTES {
        return text.to_owned();
    }
    let mut room = LONGEST_BYTES;
    let fits = |c: &char| {
        room = room.saturating_sub(c.len_utf8());
        room > '…'.len_utf8()
    };
    text.chars().take(LONGEST - 1).take_while(fits).chain("…".chars()).collect()
}
