//! Reading requests: every field checked, everything wrong reported at once.
#![expect(clippy::option_option, reason = "outside: whether it could be read; inside: whether it was stated")]

use hengxin_core::date::{Date, Moment};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use prost_types::Timestamp;

use crate::engine::Engine;
use crate::page::{self, Filter, Listing, Position};
use crate::problem::{Answer, Problem, Violation};
use crate::use_case::evaluate::View;

/// Longest name of an enterprise that is sent back as it came, in characters. Proper ones have 30.
const ECHO_LONGEST: usize = 60;

/// Whether a date may lie in the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Future {
    /// An evaluation of a day that has not come would change without notice.
    Refused,
    /// A simulation may look ahead.
    Allowed,
}

/// A resource name of a standard, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StandardName {
    pub(super) id: String,
    /// Empty when none is stated.
    pub(super) edition: String,
}

/// Collects violations while a request is read.
pub(super) struct Reader<'e> {
    engine: &'e Engine,
    /// In front of every field: where in the request the message stands that is read.
    within: &'static str,
    violations: Vec<Violation>,
}

impl<'e> Reader<'e> {
    pub(super) fn new(engine: &'e Engine) -> Reader<'e> {
        Reader::within(engine, "")
    }

    /// For a message within a request, such as `settings.`.
    pub(super) fn within(engine: &'e Engine, within: &'static str) -> Reader<'e> {
        Reader { engine, within, violations: Vec::new() }
    }

    pub(super) fn refuse(&mut self, field: &str, description: impl Into<String>) {
        let field = format!("{}{field}", self.within);
        self.violations.push(Violation { field, description: description.into() });
    }

    /// The value, unless anything was wrong. `None` without a violation cannot be; it would be a defect.
    pub(super) fn finish<T>(self, value: Option<T>) -> Answer<T> {
        if !self.violations.is_empty() {
            return Err(Problem::violations(self.violations));
        }
        value.ok_or(Problem::Defect)
    }

    /// `enterprises/{code}` or the bare code.
    pub(super) fn enterprise(&mut self, field: &str, text: &str) -> Option<Uscc> {
        match enterprise(text) {
            Ok(code) => Some(code),
            Err(description) => {
                self.refuse(field, description);
                None
            }
        }
    }

    /// A date; the empty text is today.
    pub(super) fn date(&mut self, field: &str, text: &str, future: Future) -> Option<Date> {
        let today = self.engine.today();
        if text.is_empty() {
            return Some(today);
        }
        match text.parse::<Date>() {
            Ok(date) if date > today && future == Future::Refused => {
                self.refuse(field, format!("found `{date}`, expected a date no later than today, {today}"));
                None
            }
            Ok(date) => Some(date),
            Err(problem) => {
                self.refuse(field, problem.to_string());
                None
            }
        }
    }

    /// A moment; absent means everything recorded so far.
    pub(super) fn known_at(&mut self, stamp: Option<Timestamp>) -> Option<Option<Moment>> {
        let Some(stamp) = stamp else { return Some(None) };
        let nanos = u32::try_from(stamp.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
        // Years 1 to 9999, as the type of the field is declared.
        let seconds = (-62_135_596_800..=253_402_300_799).contains(&stamp.seconds).then_some(stamp.seconds);
        let (Some(seconds), Some(nanos)) = (seconds, nanos) else {
            self.refuse(
                "known_at",
                "found a malformed timestamp, expected years 1 to 9999 and nanos below 1000000000",
            );
            return None;
        };
        // Moments have whole microseconds: what was recorded by the moment is what was recorded by its microsecond.
        let moment = Moment(seconds * 1_000_000 + i64::from(nanos / 1000));
        // Moments of the ledger only ascend, even when the clock stands still: the last one may be ahead of it.
        if moment > self.engine.now() && moment > self.engine.watermark() {
            self.refuse("known_at", "found a moment in the future, expected one that has passed");
            return None;
        }
        Some(Some(moment))
    }

    pub(super) fn view(&mut self, view: i32) -> Option<View> {
        match v1::EvaluationView::try_from(view) {
            Ok(v1::EvaluationView::Unspecified | v1::EvaluationView::Basic) => Some(View::Basic),
            Ok(v1::EvaluationView::Full) => Some(View::Full),
            Err(_) => {
                self.refuse(
                    "view",
                    format!("found `{view}`, expected EVALUATION_VIEW_BASIC or EVALUATION_VIEW_FULL"),
                );
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required<'t>(&mut self, field: &str, text: &'t str, what: &str) -> Option<&'t str> {
        if text.is_empty() {
            self.refuse(field, format!("found nothing, expected {what}"));
            return None;
        }
        Some(text)
    }

    /// `standards/{id}`, `standards/{id}/editions/{edition}` or the bare id.
    pub(super) fn standard(&mut self, field: &str, text: &str) -> Option<StandardName> {
        let text = self.required(field, text, "the id of a standard, or `standards/{id}`")?;
        let found = match text.strip_prefix("standards/") {
            None => Some((text, "")),
            Some(rest) => match rest.split_once('/') {
                None => Some((rest, "")),
                Some((id, rest)) => rest.strip_prefix("editions/").map(|edition| (id, edition)),
            },
        };
        match found {
            Some((id, edition)) if !id.is_empty() && !id.contains('/') && !edition.contains('/') => {
                Some(StandardName { id: id.to_owned(), edition: edition.to_owned() })
            }
            Some(_) | None => {
                self.refuse(
                    field,
                    format!(
                        "found `{}`, expected `standards/{{id}}` or `standards/{{id}}/editions/{{edition}}`",
                        cut(text)
                    ),
                );
                None
            }
        }
    }

    /// A standard and, in its own field, an edition.
    pub(super) fn standard_and_edition(&mut self, standard: &str, edition: &str) -> Option<StandardName> {
        let mut name = self.standard("standard", standard)?;
        match (name.edition.is_empty(), edition.is_empty()) {
            (true, _) => edition.clone_into(&mut name.edition),
            (false, false) if name.edition != edition => {
                self.refuse(
                    "edition",
                    format!(
                        "found `{}`, expected `{}` as in `standard`, or nothing",
                        cut(edition),
                        name.edition
                    ),
                );
                return None;
            }
            (false, _) => {}
        }
        Some(name)
    }

    /// The id of a write.
    pub(super) fn request_id(&mut self, id: &str) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=36).contains(&id.len()) && id.bytes().all(plain) {
            return Some(id.to_owned());
        }
        let found = if id.is_empty() { "nothing".to_owned() } else { format!("`{}`", cut(id)) };
        self.refuse(
            "request_id",
            format!("found {found}, expected 1 to 36 ASCII letters, digits, `-` or `_`, such as a UUID: a write needs one"),
        );
        None
    }

    pub(super) fn region(&mut self, text: &str) -> Option<Option<RegionCode>> {
        self.optional("region", text)
    }

    pub(super) fn industry(&mut self, text: &str) -> Option<Option<IndustryCode>> {
        self.optional("industry", text)
    }

    fn optional<T>(&mut self, field: &str, text: &str) -> Option<Option<T>>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        if text.is_empty() {
            return Some(None);
        }
        match text.parse() {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                self.refuse(field, problem.to_string());
                None
            }
        }
    }

    /// Size and start of a page.
    pub(super) fn page(
        &mut self,
        size: i32,
        token: &str,
        listing: Listing,
        filter: &Filter,
    ) -> Option<(usize, Option<Position>)> {
        let size = page::size(size).map_err(|description| self.refuse("page_size", description)).ok();
        let position = self.token("page_token", token, listing, filter);
        Some((size?, position?))
    }

    /// Where to go on; `None` inside for the beginning.
    pub(super) fn token(
        &mut self,
        field: &str,
        token: &str,
        listing: Listing,
        filter: &Filter,
    ) -> Option<Option<Position>> {
        let position = self.engine.tokens().open(listing, filter, token);
        position.map_err(|problem| self.refuse(field, problem.to_string())).ok()
    }
}

/// `enterprises/{code}` or the bare code; what is wrong with it otherwise.
pub(super) fn enterprise(text: &str) -> Result<Uscc, String> {
    let code = text.strip_prefix("enterprises/").unwrap_or(text);
    if let Ok(code) = code.parse() {
        return Ok(code);
    }
    let defects = Uscc::defects(code);
    let mut description: Vec<String> = defects.iter().take(3).map(ToString::to_string).collect();
    if defects.len() > 3 {
        description.push(format!("{} more defects", defects.len() - 3));
    }
    let mut description = description.join("; ");
    let near = Uscc::suggest(code);
    if !near.is_empty() {
        let near: Vec<String> = near.iter().take(3).map(|code| format!("`{code}`")).collect();
        description.push_str(&format!("; did you mean {}?", near.join(" or ")));
    }
    Err(description)
}

/// `enterprises/{code}/evaluations/{id}`.
pub(super) fn evaluation_name(text: &str) -> Result<(Uscc, u64), String> {
    let expected = || format!("found `{}`, expected `enterprises/{{code}}/evaluations/{{id}}`", cut(text));
    let rest = text.strip_prefix("enterprises/").ok_or_else(expected)?;
    let (code, id) = rest.split_once("/evaluations/").ok_or_else(expected)?;
    // One resource has one name: no leading zeros or signs.
    let number: u64 = id.parse().map_err(|_| expected())?;
    if number.to_string() != id {
        return Err(expected());
    }
    // The bare code: what stands before it has been taken off once already.
    if code.contains('/') {
        return Err(expected());
    }
    Ok((enterprise(code)?, number))
}

/// A text as it is sent back: one that is far too long is cut.
pub(super) fn echo(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(ECHO_LONGEST) {
        text.truncate(end);
    }
    text
}

/// A text as an error quotes it.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_code_is_explained_with_what_was_meant() {
        let problem = enterprise("enterprises/91440300192203821G").expect_err("check character");
        assert!(problem.contains("character 18") && problem.contains("expected `6`"), "{problem}");
        let problem = enterprise("914403001922083216").expect_err("exchanged");
        assert!(problem.contains("did you mean `914403001922038216`?"), "{problem}");
        assert!(enterprise("914403001922038216").is_ok());
    }

    #[test]
    fn a_name_of_an_evaluation_has_one_form() {
        let name = "enterprises/914403001922038216/evaluations/12";
        assert_eq!(evaluation_name(name).map(|(_, id)| id), Ok(12));
        for other in [
            "",
            "12",
            "enterprises/914403001922038216/evaluations/012",
            "enterprises/914403001922038216/evaluations/+1",
            "enterprises/914403001922038216/evaluations/",
        ] {
            assert!(evaluation_name(other).is_err(), "{other}");
        }
    }
}
