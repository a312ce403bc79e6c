//! A feature set on every day that is asked about, and what one thread needs to measure it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, Dossier};
use hengxin_core::features::{FeatureBench, FeaturePlan, measure};
use hengxin_core::needs::Needs;
use hengxin_core::reading::Measured;
use hengxin_core::relation::Reach;
use hengxin_core::vocabulary::CodeId;

/// A feature set on some days.
#[derive(Clone, Debug)]
pub struct Plans {
    by_day: BTreeMap<Date, (Arc<FeaturePlan>, Reach)>,
}

impl Plans {
    /// Those of `days`, each resolved once.
    pub fn new(days: impl Iterator<Item = Date>, plan: impl Fn(Date) -> Arc<FeaturePlan>) -> Plans {
        let mut by_day = BTreeMap::new();
        for day in days {
            by_day.entry(day).or_insert_with(|| {
                let plan = plan(day);
                let reach = plan.reach();
                (plan, reach)
            });
        }
        Plans { by_day }
    }

    /// The relations followed on one day; `None` for a day that was not asked about.
    pub fn reach(&self, day: Date) -> Option<&Reach> {
        self.by_day.get(&day).map(|(_, reach)| reach)
    }

    /// The relations followed on any day.
    pub fn reach_of_all(&self) -> Reach {
        let mut all = Reach::default();
        self.by_day.values().for_each(|(_, reach)| all.widen(reach));
        all
    }

    /// The columns read on any day.
    pub fn needs(&self) -> Needs {
        self.by_day.values().map(|(plan, _)| plan.needs()).fold(Needs::default(), Needs::and)
    }

    /// The codes read of relatives on any day, ascending.
    pub fn related_codes(&self) -> Vec<CodeId> {
        let mut codes: Vec<CodeId> =
            self.by_day.values().flat_map(|(plan, _)| plan.related_codes()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// The buffers of one thread, a bench a day.
#[derive(Debug)]
pub struct Benches<'p> {
    plans: &'p Plans,
    by_day: HashMap<Date, FeatureBench>,
}

impl<'p> Benches<'p> {
    /// None yet. All dossiers that are measured on them must have the same numbers of classes.
    pub fn new(plans: &'p Plans) -> Benches<'p> {
        Benches { plans, by_day: HashMap::new() }
    }

    /// What the features give of a dossier as of a day; nothing for a day that was not asked about.
    pub fn measure(&mut self, as_of: Date, classes: &Classes, dossier: &Dossier<'_>) -> &[Measured] {
        let Some((plan, _)) = self.plans.by_day.get(&as_of) else { return &[] };
        let bench = self.by_day.entry(as_of).or_insert_with(|| FeatureBench::new(Arc::clone(plan)));
        measure(bench, classes, dossier)
    }
}
