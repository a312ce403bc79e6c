//! Consent of an enterprise to a company that asks: a fact on record like any other.
//!
//! A consent names who may ask, and holds from its day to its end or its withdrawal, both days included. It is looked up
//! as known at the moment of the call: one that ended yesterday no longer counts, and a withdrawal counts at once.

use hengxin_core::date::Date;
use hengxin_core::uscc::Uscc;
use hengxin_store::{FactStatus, Snapshot};

use crate::problem::Answer;

/// The fact code of a consent in the vocabulary.
pub const CONSENT: &str = "credit-consent";

/// Whether `subject` consents on the day that `department` asks for this purpose.
///
/// # Errors
/// A failing ledger.
pub(crate) fn consented(
    snapshot: &Snapshot,
    vocabulary: &hengxin_core::vocabulary::Vocabulary,
    subject: Uscc,
    department: &str,
    purpose: &str,
    today: Date,
) -> Answer<bool> {
    let Some(code) = vocabulary.code_id(CONSENT) else { return Ok(false) };
    let says = |record: &hengxin_store::FactRecord, field: &str, expected: &str| {
        record.fields.iter().any(|(id, value)| id == field && value == expected)
    };
    let holds = |record: &hengxin_store::FactRecord| {
        record.code == code
            && matches!(record.status, FactStatus::Standing)
            && record.occurred_on <= today
            && today <= record.ends_on
            && says(record, "grantee", department)
            && says(record, "scope", purpose)
    };
    Ok(snapshot.facts(subject)?.iter().any(holds))
}
