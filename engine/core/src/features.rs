//! Features for training: readings without rules, measured by the kernel's own functions.
//!
//! A feature set is a dated edition like a standard, with the readings of `docs/standard-format.md` §4 and §5 and nothing
//! that turns them into points. It is taken apart by the same [`Reading`] code and measured by the same picking as an
//! indicator, so that what a model learned from and what it is served with cannot drift apart (`docs/features.md`).

use std::collections::HashSet;
use std::sync::Arc;

use crate::blank::Registers;
use crate::date::Date;
use crate::document::{self, Check, Faults, Fields, Node, Value};
use crate::fact::{Classes, Dossier};
use crate::kernel::{Manner, Workbench, evaluate_nested, measure_related, nested_benches};
use crate::needs::Needs;
use crate::number::Rounding;
use crate::picker::{Lifecycle, Picker};
use crate::plan::{self, Nested};
use crate::quantity::{Gives, Watch};
use crate::reading::related::Related;
use crate::reading::{Look, Measured, NestedResult, Reading};
use crate::region::RegionCode;
use crate::relation::Reach;
use crate::scope::{Peers, Scope, Source};
use crate::selection::Selection;
use crate::standard::{parse_effective, parse_lifecycle};
use crate::vocabulary::{CodeId, Vocabulary};

/// Names that a table of features has for itself.
pub const RESERVED: [&str; 3] = ["subject", "as_of", "known_at"];

/// One feature.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Id, unique in the set: the name of its column.
    pub id: String,
    /// Title.
    pub title: String,
    /// Where it comes from, or why the project has it.
    pub source: Source,
    /// Its reading as written, on one line.
    pub words: String,
    /// What the reading gives: a quantity or a category.
    pub gives: Gives,
    pub(crate) reading: Reading,
}

/// A checked edition of features.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    /// Id; one for all editions.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// What is to be known about it.
    pub note: Option<String>,
    /// First and last as-of date it may be measured on; [`Date::FOREVER`] when open.
    pub effective: (Date, Date),
    /// Which facts count.
    pub lifecycle: Lifecycle,
    /// How quotients round.
    pub rounding: Rounding,
    /// The features, in document order.
    pub features: Vec<Feature>,
    /// Ids of the standards whose results it reads.
    pub depends: Vec<String>,
    pub(crate) selections: Vec<Selection>,
    pub(crate) related: Vec<Related>,
    /// As [`Standard::lags`](crate::standard::Standard).
    pub(crate) lags: Vec<i32>,
}

impl FeatureSet {
    /// Takes a document apart and checks it.
    ///
    /// # Errors
    /// All faults of the document at once.
    pub fn parse(node: &Node, vocabulary: &Vocabulary, peers: &Peers) -> Result<FeatureSet, Faults> {
        let mut scope = Scope {
            vocabulary,
            peers,
            effective: (Date::BEFORE_ALL, Date::FOREVER),
            selections: Vec::new(),
            related: Vec::new(),
            depends: Vec::new(),
            faults: Faults::default(),
        };
        match parse(node, &mut scope) {
            Some(set) if scope.faults.is_empty() => Ok(set),
            Some(_) | None => Err(scope.faults),
        }
    }
}

fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<FeatureSet> {
    let mut f = Fields::open(node, "a feature set", &mut scope.faults)?;
    let id = f.need_text("feature_set", &mut scope.faults);
    let edition = f.need_text("edition", &mut scope.faults);
    let title = f.need_text("title", &mut scope.faults);
    let remarks = f.take_text("note", &mut scope.faults).map(str::to_owned);
    let effective =
        f.need("effective", &mut scope.faults).and_then(|n| parse_effective(n, &mut scope.faults));
    if let Some(effective) = effective {
        scope.effective = effective;
    }
    let lifecycle = f.take("lifecycle").map(|n| parse_lifecycle(n, &mut scope.faults)).unwrap_or_default();
    let rounding = match f.take("rounding") {
        Some(n) => {
            document::name(n, "a rounding", &Rounding::NAMES, &mut scope.faults).map(Rounding::from_index)
        }
        None => Some(Rounding::default()),
    };
    let items = f
        .need("features", &mut scope.faults)
        .and_then(|n| document::list(n, "features", &mut scope.faults))
        .unwrap_or_default();
    let mut features = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for item in items {
        if let Some(id) = item.child("id").filter(|id| id.text().is_some_and(|text| !seen.insert(text))) {
            scope.faults.node(id, Check::DuplicateKey, "each id once in a file");
        }
        features.extend(parse_feature(item, scope));
    }
    f.finish(&mut scope.faults);
    Some(FeatureSet {
        id: id?.to_owned(),
        edition: edition?.to_owned(),
        title: title?.to_owned(),
        note: remarks,
        effective: effective?,
        lifecycle,
        rounding: rounding?,
        features,
        depends: std::mem::take(&mut scope.depends),
        selections: std::mem::take(&mut scope.selections),
        related: std::mem::take(&mut scope.related),
        lags: scope.vocabulary.registers.iter().map(|r| r.lag_days).collect(),
    })
}

fn parse_feature(node: &Node, scope: &mut Scope<'_>) -> Option<Feature> {
    let mut f = Fields::open(node, "a feature", &mut scope.faults)?;
    let id = f.need("id", &mut scope.faults).and_then(|n| parse_id(n, &mut scope.faults));
    let title = f.need_text("title", &mut scope.faults);
    let source = Source::need(&mut f, &mut scope.faults);
    let reading_node = f.need("reading", &mut scope.faults);
    let reading = reading_node.and_then(|n| Reading::parse(n, scope));
    if let (Some(node), Some((_, Gives::Events))) = (reading_node, &reading) {
        let expected = "a quantity or a category; `count` gives how many events there are";
        scope.faults.node(node, Check::UnitMismatch, expected);
    }
    f.finish(&mut scope.faults);
    let (reading, gives) = reading?;
    Some(Feature {
        id: id?,
        title: title?.to_owned(),
        source: source?,
        words: reading_node.map(|n| one_line(n, true)).unwrap_or_default(),
        gives,
        reading,
    })
}

/// An id is the name of a column in every tool that reads the table.
fn parse_id(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = document::text(node, faults)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good =
        text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain);
    if !good {
        let expected = "at most 64 of a-z, 0-9, `-` and `_`, a letter first";
        faults.node(node, Check::WrongShape, expected);
        return None;
    }
    if RESERVED.contains(&text) {
        let expected = format!("another name than the table's own `{}`", RESERVED.join("`, `"));
        faults.node(node, Check::DuplicateKey, expected);
        return None;
    }
    Some(text.to_owned())
}

/// A part of a document as its author could have written it on one line.
fn one_line(node: &Node, bare: bool) -> String {
    match &node.value {
        Value::Scalar(text) => text.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| one_line(item, false)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", key.text, one_line(value, false)))
                .collect();
            if bare { entries.join(", ") } else { format!("{{{}}}", entries.join(", ")) }
        }
    }
}

/// A feature set on one date.
#[derive(Clone, Debug)]
pub struct FeaturePlan {
    /// The features.
    pub set: Arc<FeatureSet>,
    /// The date.
    pub as_of: Date,
    /// Per [`FeatureSet::depends`]: where that result comes from.
    pub(crate) nested: Vec<Nested>,
}

impl FeaturePlan {
    /// Resolves `set` on `as_of`.
    ///
    /// # Panics
    /// When `nested` has another length than [`FeatureSet::depends`]: the caller resolved another set.
    pub fn resolve(set: Arc<FeatureSet>, as_of: Date, nested: Vec<Nested>) -> FeaturePlan {
        assert_eq!(nested.len(), set.depends.len(), "one result per dependency of `{}`", set.id);
        FeaturePlan { set, as_of, nested }
    }

    /// Which columns of the facts, and whether related subjects, can influence a feature.
    pub fn needs(&self) -> Needs {
        Needs::of_features(self)
    }

    /// The relations it follows, with those of the standards it reads.
    pub fn reach(&self) -> Reach {
        plan::reach(&self.set.related, &self.nested)
    }

    /// The codes whose facts are read of related subjects, ascending.
    pub fn related_codes(&self) -> Vec<CodeId> {
        plan::related_codes(&self.set.related, &self.nested)
    }
}

/// Buffers for measuring the features of one plan, reused from file to file.
#[derive(Clone, Debug)]
pub struct FeatureBench {
    plan: Arc<FeaturePlan>,
    own: Picker,
    related: Vec<Picker>,
    nested: Vec<Option<Workbench>>,
    results: Vec<Option<NestedResult>>,
    related_measured: Vec<Measured>,
    /// The registers as the last file saw them: the next one is often of the same deliveries and region.
    registers: Option<((u64, Option<RegionCode>), Registers)>,
    measured: Vec<Measured>,
}

impl FeatureBench {
    /// Buffers for `plan`.
    pub fn new(plan: Arc<FeaturePlan>) -> FeatureBench {
        let set = &plan.set;
        FeatureBench {
            own: Picker::new(&set.selections, plan.as_of),
            related: set.related.iter().map(|r| Picker::new(&r.selections, plan.as_of)).collect(),
            nested: nested_benches(&plan.nested),
            results: Vec::new(),
            related_measured: Vec::new(),
            registers: None,
            measured: Vec::new(),
            plan,
        }
    }
}

/// What each feature gives on one dossier, in the order of the set. `classes` must hold every class of its facts.
///
/// A value is exactly what an indicator with the same reading, lifecycle and rounding is told by
/// [`evaluate`](crate::kernel::evaluate).
pub fn measure<'b>(bench: &'b mut FeatureBench, classes: &Classes, dossier: &Dossier<'_>) -> &'b [Measured] {
    let FeatureBench { plan, own, related, nested, results, related_measured, registers, measured } = bench;
    let set: &FeatureSet = &plan.set;
    // When a value changes next is the business of whoever evaluates again; a feature is of one date.
    let mut due = Date::FOREVER;
    evaluate_nested(&plan.nested, nested, results, classes, dossier, &mut due);
    let FeatureSet { lifecycle, rounding, lags, .. } = set;
    let manner = Manner { related: &set.related, lifecycle: *lifecycle, rounding: *rounding, lags };
    measure_related(related, related_measured, manner, plan.as_of, classes, dossier, &mut due);
    own.admit(&set.selections, classes.as_slice());
    own.pick(set.lifecycle, &dossier.file.facts, &mut due);
    let registration = dossier.file.registration(plan.as_of);
    let deliveries = dossier.file.deliveries;
    let region = registration.and_then(|r| r.region);
    let now = (deliveries.number(), region);
    let known = registers.take().filter(|(seen, _)| *seen == now);
    let (_, registers) = registers.insert(
        known.unwrap_or_else(|| (now, Registers::new(&set.selections, lags, deliveries, region, plan.as_of))),
    );
    let look = Look {
        as_of: plan.as_of,
        classes: classes.as_slice(),
        hits: &own.hits,
        delivered: &registers.delivered,
        columns: &dossier.file.facts,
        registration,
        results,
        related: related_measured,
        rounding: set.rounding,
        group: None,
    };
    measured.clear();
    measured.extend(set.features.iter().map(|f| f.reading.measure(&look, Watch::Every, &mut due)));
    measured
}
