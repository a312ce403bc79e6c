//! What services say is in English. On Chinese pages everything that goes wrong is said in Chinese; what the service said
//! stands behind it, folded up, for whoever has to look for the cause.

mod draft;
mod field;
mod kept_aside;
mod whole;

use hengxin_proto::v1::StandardFault;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::words::Language;

/// One thing that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// In the language of the page.
    pub(crate) words: String,
    /// As the service said it; empty when that is what `words` are.
    pub(crate) original: String,
}

impl Said {
    /// What the pages say themselves.
    pub(crate) fn own(words: &str) -> Said {
        Said { words: words.to_owned(), original: String::new() }
    }
}

/// What a refusal says: each fault of the request, or the whole.
pub(crate) fn said(l: Language, status: &Status) -> Vec<Said> {
    let details = status.get_error_details();
    let faults = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let own = status.message().split_once(": ").filter(|(field, _)| field::title(field).is_some());
    let faults: Vec<(&str, &str)> = match own {
        // What the pages themselves find has no details, and the form of one that has.
        Some(fault) if faults.is_empty() => vec![fault],
        Some(_) | None => faults.iter().map(|fault| (&*fault.field, &*fault.description)).collect(),
    };
    if faults.is_empty() {
        return vec![told(l, status.message(), || whole::chinese(status))];
    }
    let told = faults
        .into_iter()
        .map(|(field, found)| told(l, &format!("{field}: {found}"), || field::chinese(field, found)));
    told.collect()
}

/// The same as one line, for places that have no room for more.
pub(crate) fn line(l: Language, status: &Status) -> String {
    let all: Vec<String> = said(l, status).into_iter().map(|said| said.words).collect();
    all.join(l.say("；", "; "))
}

/// How a run went, where there is something to tell; empty where there is not.
pub(crate) fn of_run(l: Language, detail: &str) -> Said {
    if detail.is_empty() {
        return Said::own("");
    }
    told(l, detail, || "有情况说明，详见原文".to_owned())
}

/// What is wrong with a draft at one place, by the check that found it.
pub(crate) fn of_draft(l: Language, fault: &StandardFault) -> Said {
    let original = format!("found {}, expected {}", fault.found, fault.expected);
    told(l, &original, || draft::chinese(&fault.check, &fault.found))
}

/// Why a row was kept aside, as it is counted.
pub(crate) fn kept_aside(l: Language, reason: &str) -> Said {
    told(l, reason, || kept_aside::chinese(reason))
}

fn told(l: Language, original: &str, chinese: impl FnOnce() -> String) -> Said {
    match l {
        Language::English => Said::own(original),
        Language::Chinese => Said { words: chinese(), original: original.to_owned() },
    }
}

/// What stands between backticks, in order.
fn quoted(said: &str) -> impl Iterator<Item = &str> {
    said.split('`').skip(1).step_by(2)
}

/// The number that stands after `start`.
fn number_after<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).filter(|number| !number.is_empty())
}
