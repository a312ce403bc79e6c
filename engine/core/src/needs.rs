//! What a plan looks at of a subject's file, so that who fills files may leave the rest out.
//!
//! Read off the checked standard and those it depends on. It says what *can* be looked at, not what some file makes it
//! look at: a column that is not needed never changes a result, its horizon included, whatever it holds. Evidence and
//! the facts' ids, classes, days and repairs are not asked about here; every evaluation needs those.

use crate::plan::{Nested, Plan};
use crate::reading::Input;
use crate::standard::Standard;

/// Which columns of [`Facts`](crate::fact::Facts), and whether related subjects, can influence a plan's result.
///
/// A column that is not needed may be filled with its "nothing" value, as each field says; it still has to be there.
#[expect(clippy::struct_excessive_bools, reason = "one answer for each column; they do not hang together")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The last day in force; else [`Date::FOREVER`](crate::date::Date::FOREVER) will do.
    pub ends_on: bool,
    /// The number; else [`NO_NUMBER`](crate::fact::NO_NUMBER) will do.
    pub number: bool,
    /// The reference; else [`NO_REFERENCE`](crate::fact::NO_REFERENCE) will do.
    pub reference: bool,
    /// The last day of publicity; else [`Date::FOREVER`](crate::date::Date::FOREVER) will do.
    pub publicity_until: bool,
    /// Objections; else there need be none.
    pub objections: bool,
    /// The files of related subjects; else [`Dossier::related`](crate::fact::Dossier::related) may be empty. The
    /// columns above are also those of the related files.
    pub related: bool,
}

impl Needs {
    /// Everything that this or the other needs: for files that several plans are evaluated on.
    #[must_use]
    pub fn and(self, other: Needs) -> Needs {
        Needs {
            ends_on: self.ends_on || other.ends_on,
            number: self.number || other.number,
            reference: self.reference || other.reference,
            publicity_until: self.publicity_until || other.publicity_until,
            objections: self.objections || other.objections,
            related: self.related || other.related,
        }
    }

    pub(crate) fn of(plan: &Plan) -> Needs {
        plan.nested.iter().fold(Needs::of_standard(&plan.standard), |needs, nested| match nested {
            Nested::Plan(plan) => needs.and(Needs::of(plan)),
            Nested::NoEdition | Nested::Given(_) => needs,
        })
    }

    fn of_standard(standard: &Standard) -> Needs {
        let related = standard.related.iter();
        let mut selections =
            standard.selections.iter().chain(related.clone().flat_map(|related| &related.selections));
        let mut needs = Needs {
            ends_on: selections.any(|selection| selection.in_force),
            number: false,
            reference: false,
            publicity_until: !standard.lifecycle.past_publicity_counts,
            objections: standard.lifecycle.objection_suspends,
            related: !standard.related.is_empty(),
        };
        let mut visit = |input| match input {
            Input::Number => needs.number = true,
            Input::Reference => needs.reference = true,
            // Read from the registration, from files of their own, and from plans that are asked themselves.
            Input::Registration | Input::Related | Input::Result => {}
        };
        for indicator in &standard.indicators {
            indicator.reading.inputs(&mut visit);
            indicator.rule.inputs(&mut visit);
        }
        for related in related {
            related.reading.inputs(&mut visit);
        }
        let rules = standard.eligibility.iter().map(|rule| &rule.exclude_when);
        let cases = standard.scale.iter().flat_map(|scale| scale.base.cases.iter().map(|(when, _)| when));
        for condition in rules.chain(cases).chain(standard.findings.iter().map(|finding| &finding.when)) {
            condition.inputs(&mut visit);
        }
        needs
    }
}
