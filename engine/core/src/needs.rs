//! What a plan looks at of a subject's file, so that who fills files may leave the rest out.
//!
//! Read off the checked standard and those it depends on. It says what *can* be looked at, not what some file makes it
//! look at: a column that is not needed never changes a result, its horizon included, whatever it holds. Evidence and
//! the facts' ids, classes, days and repairs are not asked about here; every evaluation needs those.

use crate::features::FeaturePlan;
use crate::picker::Lifecycle;
use crate::plan::{Nested, Plan};
use crate::reading::Input;
use crate::reading::related::Related;
use crate::selection::Selection;
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
        let mut needs = Needs::of_selections(&standard.selections, &standard.related, standard.lifecycle);
        let mut visit = |input| needs.widen(input);
        for indicator in &standard.indicators {
            indicator.reading.inputs(&mut visit);
            indicator.rule.inputs(&mut visit);
        }
        let rules = standard.eligibility.iter().map(|rule| &rule.exclude_when);
        let cases = standard.scale.iter().flat_map(|scale| scale.base.cases.iter().map(|(when, _)| when));
        for condition in rules.chain(cases).chain(standard.findings.iter().map(|finding| &finding.when)) {
            condition.inputs(&mut visit);
        }
        needs
    }
    /// What a set of features looks at.
    pub(crate) fn of_features(plan: &FeaturePlan) -> Needs {
        let set = &plan.set;
        let mut needs = Needs::of_selections(&set.selections, &set.related, set.lifecycle);
        for feature in &set.features {
            feature.reading.inputs(&mut |input| needs.widen(input));
        }
        plan.nested.iter().fold(needs, |needs, nested| match nested {
            Nested::Plan(plan) => needs.and(Needs::of(plan)),
            Nested::NoEdition | Nested::Given(_) => needs,
        })
    }

    /// What is looked at to pick facts, and on related subjects.
    fn of_selections(selections: &[Selection], related: &[Related], lifecycle: Lifecycle) -> Needs {
        let mut all = selections.iter().chain(related.iter().flat_map(|related| &related.selections));
        let mut needs = Needs {
            ends_on: all.any(|selection| selection.in_force),
            number: false,
            reference: false,
            publicity_until: !lifecycle.past_publicity_counts,
            objections: lifecycle.objection_suspends,
            related: !related.is_empty(),
        };
        for related in related {
            related.reading.inputs(&mut |input| needs.widen(input));
        }
        needs
    }

    fn widen(&mut self, input: Input) {
        match input {
            Input::Number => self.number = true,
            Input::Reference => self.reference = true,
            // Needed by every evaluation; read from the registration, from files of their own, and from plans that are asked
            // themselves.
            Input::Day | Input::Registration | Input::Related | Input::Result => {}
        }
    }
}
