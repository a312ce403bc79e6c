//! A standard resolved for one as-of date: windows become dates, dependencies become plans.
//!
//! Made once per standard and date, never per enterprise.

use std::sync::Arc;

use crate::date::Date;
use crate::needs::Needs;
use crate::reading::NestedResult;
use crate::reading::related::Related;
use crate::relation::Reach;
use crate::standard::Standard;
use crate::vocabulary::{CodeId, RegisterId};

/// A standard on one date.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The standard.
    pub standard: Arc<Standard>,
    /// The date.
    pub as_of: Date,
    /// Per [`Standard::depends`]: where that result comes from.
    pub(crate) nested: Vec<Nested>,
    /// First later date on which the edition itself, or one it depends on, may change.
    pub(crate) until: Date,
}

/// Where the result of another standard comes from.
#[derive(Clone, Debug)]
pub enum Nested {
    /// Evaluated on the same file.
    Plan(Arc<Plan>),
    /// No edition is in force.
    NoEdition,
    /// Given: cases state it, so that a standard can be tested alone.
    Given(NestedResult),
}

impl Plan {
    /// Resolves `standard` on `as_of`.
    ///
    /// `nested` has one entry per [`Standard::depends`]. `next_change` is the first date after `as_of` on which
    /// another edition of any of the standards involved begins; [`Date::FOREVER`] when none is known.
    ///
    /// # Panics
    /// When `nested` has another length: the caller resolved another standard.
    pub fn resolve(standard: Arc<Standard>, as_of: Date, nested: Vec<Nested>, next_change: Date) -> Plan {
        assert_eq!(nested.len(), standard.depends.len(), "one result per dependency of `{}`", standard.id);
        let own = standard.effective.1.plus_days(1);
        let until = nested.iter().fold(own.min(next_change), |until, nested| match nested {
            Nested::Plan(plan) => until.min(plan.until),
            Nested::NoEdition | Nested::Given(_) => until,
        });
        // An edition already over ends in the past; that is no date to wait for.
        let until = if until > as_of { until } else { Date::FOREVER };
        Plan { standard, as_of, nested, until }
    }

    /// First later date on which the edition, or one it depends on, may change; `None` when none is known.
    pub fn until(&self) -> Option<Date> {
        (self.until < Date::FOREVER).then_some(self.until)
    }

    /// The registers whose delivery can influence a result of this plan, ascending.
    pub fn registers(&self) -> Vec<RegisterId> {
        let own = self.standard.selections.iter();
        let related = self.standard.related.iter().flat_map(|r| r.selections.iter());
        let mut registers: Vec<RegisterId> =
            own.chain(related).flat_map(|s| s.registers.iter().copied()).collect();
        for nested in &self.nested {
            if let Nested::Plan(plan) = nested {
                registers.extend(plan.registers());
            }
        }
        registers.sort_unstable();
        registers.dedup();
        registers
    }

    /// The plans whose results this one reads, with those that they read.
    pub fn inner(&self) -> Vec<Arc<Plan>> {
        let mut inner = Vec::new();
        for nested in &self.nested {
            if let Nested::Plan(plan) = nested {
                inner.push(Arc::clone(plan));
                inner.extend(plan.inner());
            }
        }
        inner
    }

    /// The relations this plan follows, with those of the standards it reads.
    pub fn reach(&self) -> Reach {
        reach(&self.standard.related, &self.nested)
    }

    /// The codes whose facts are read of related subjects, ascending.
    pub fn related_codes(&self) -> Vec<CodeId> {
        related_codes(&self.standard.related, &self.nested)
    }

    /// Which columns of the facts, and whether related subjects, can influence a result of this plan.
    pub fn needs(&self) -> Needs {
        Needs::of(self)
    }
}

/// The plans among what a plan reads.
pub(crate) fn nested_plans(nested: &[Nested]) -> impl Iterator<Item = &Plan> {
    nested.iter().filter_map(|nested| match nested {
        Nested::Plan(plan) => Some(&**plan),
        Nested::NoEdition | Nested::Given(_) => None,
    })
}

/// The relations that readings of related subjects follow, with those of the plans read.
pub(crate) fn reach(related: &[Related], nested: &[Nested]) -> Reach {
    let mut reach = Reach::default();
    for related in related {
        reach.widen(&Reach { kinds: vec![related.kind], depth: related.depth });
    }
    nested_plans(nested).for_each(|plan| reach.widen(&plan.reach()));
    reach
}

/// The codes whose facts are read of related subjects, ascending.
pub(crate) fn related_codes(related: &[Related], nested: &[Nested]) -> Vec<CodeId> {
    let own = related.iter().flat_map(|related| related.selections.iter());
    let mut codes: Vec<CodeId> = own.flat_map(|selection| selection.codes.iter().copied()).collect();
    codes.extend(nested_plans(nested).flat_map(Plan::related_codes));
    codes.sort_unstable();
    codes.dedup();
    codes
}
