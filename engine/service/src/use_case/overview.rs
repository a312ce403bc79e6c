//! How many enterprises are in which tier: of a field, a region, an industry, and of what lies one level below.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hengxin_core::grade::GradeName;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_store::{GradedCounts, LoadedRun, Snapshot, TierCount, TierMove};

use super::loaded::loaded_run;
use crate::engine::{Engine, PreparedPolicy, Wanted};
use crate::problem::Answer;

/// Fields whose counts are kept, those of runs apart.
const FIELDS_MAX: usize = 32;
/// Rows of counts kept in all, 32 bytes each. A field with more is counted anew for every question.
const ROWS_MAX: usize = 4_000_000;

/// Which tiers are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The decisions on record.
    Decisions,
    /// The loaded run.
    Run,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Field of supervision.
    pub field: &'a str,
    /// Only within this region.
    pub region: Option<RegionCode>,
    /// Only of this industry.
    pub industry: Option<IndustryCode>,
    /// Which tiers.
    pub from: From,
}

/// How many are in each tier: all tiers of the policy, lightest first, then those it does not have, then none.
pub type Shares = Vec<(Option<u16>, u64)>;

/// The answer.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The policy in force today, for titles; `None` when none is.
    pub policy: Option<Arc<PreparedPolicy>>,
    /// All of them.
    pub tiers: Shares,
    /// By region one level below, by code, those whose region is unknown first. Tiers nobody is in are left out.
    pub regions: BTreeMap<Option<RegionCode>, Shares>,
    /// By industry one level below, likewise.
    pub industries: BTreeMap<Option<IndustryCode>, Shares>,
    /// By grade of the public evaluation, best first, then those the standard in force does not know, then none. Of a
    /// run only.
    pub public_grades: Vec<(Option<GradeName>, u64)>,
    /// By grade of the industry's own evaluation.
    pub industry_grades: Vec<(Option<GradeName>, u64)>,
    /// Who moved since the run before: from, to, how many.
    pub moves: BTreeMap<(Option<u16>, Option<u16>), u64>,
    /// The run.
    pub run: Option<LoadedRun>,
}

/// Everything counted of one field, from which every part of it is answered.
#[derive(Debug)]
struct Counted {
    field: String,
    from: From,
    /// The run, or the last decision on record.
    through: u64,
    counts: GradedCounts,
    moves: Vec<TierMove>,
}

impl Counted {
    fn rows(&self) -> usize {
        self.counts.counts.len() + self.moves.len()
    }
}

/// What was counted last, the latest at the end.
#[derive(Debug, Default)]
pub struct Overviews {
    kept: Mutex<Vec<Arc<Counted>>>,
    /// Held while counting, so that many who ask at once have it counted once.
    counting: Mutex<()>,
}

impl Overviews {
    fn find(&self, field: &str, from: From, through: u64) -> Option<Arc<Counted>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|c| c.field == field && c.from == from && c.through == through)?;
        let found = kept.remove(place);
        kept.push(Arc::clone(&found));
        Some(found)
    }

    fn keep(&self, counted: &Arc<Counted>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|c| c.field != counted.field || c.from != counted.from);
        kept.push(Arc::clone(counted));
        let mut rows: usize = kept.iter().map(|c| c.rows()).sum();
        while !kept.is_empty() && (kept.len() > FIELDS_MAX || rows > ROWS_MAX) {
            rows -= kept.remove(0).rows();
        }
    }
}

/// Counts.
///
/// # Errors
/// An unknown field, no loaded run when that is asked for, or a failing ledger.
pub fn overview(engine: &Engine, question: &Question<'_>) -> Answer<Overview> {
    engine.known_field(question.field)?;
    let snapshot = engine.snapshot(None)?;
    let run = match question.from {
        From::Decisions => None,
        From::Run => Some(loaded_run(&snapshot, question.field)?),
    };
    let counted = counted(engine, &snapshot, question, run.as_ref())?;
    drop(snapshot);
    let policy = engine.policy(question.field, Wanted::InForce, engine.today()).ok();
    Ok(answer(&counted, question, policy, run))
}

/// Counts the loaded runs of all fields ahead of the first question.
///
/// # Errors
/// A failing ledger.
pub fn prepare(engine: &Engine) -> Answer<()> {
    for edition in engine.catalogue().policies() {
        let question =
            Question { field: &edition.policy.field, region: None, industry: None, from: From::Run };
        let snapshot = engine.snapshot(None)?;
        if let Some(run) = snapshot.loaded_run(question.field)? {
            counted(engine, &snapshot, &question, Some(&run))?;
        }
    }
    Ok(())
}

fn counted(
    engine: &Engine,
    snapshot: &Snapshot,
    question: &Question<'_>,
    run: Option<&LoadedRun>,
) -> Answer<Arc<Counted>> {
    let (overviews, field, from) = (engine.overviews(), question.field, question.from);
    let through = match run {
        Some(run) => run.run,
        None => snapshot.last_tier()?,
    };
    if let Some(found) = overviews.find(field, from, through) {
        return Ok(found);
    }
    let _counting = overviews.counting.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = overviews.find(field, from, through) {
        return Ok(found);
    }
    let (counts, moves) = match run {
        Some(run) => (snapshot.count_run_tiers(run)?, snapshot.count_run_moves(run)?),
        None => (snapshot.count_tiers(field)?, Vec::new()),
    };
    let counted = Arc::new(Counted { field: field.to_owned(), from, through, counts, moves });
    overviews.keep(&counted);
    Ok(counted)
}

fn answer(
    counted: &Counted,
    question: &Question<'_>,
    policy: Option<Arc<PreparedPolicy>>,
    run: Option<LoadedRun>,
) -> Overview {
    let mut tiers: BTreeMap<Option<u16>, u64> = BTreeMap::new();
    let mut regions: BTreeMap<Option<RegionCode>, BTreeMap<Option<u16>, u64>> = BTreeMap::new();
    let mut industries: BTreeMap<Option<IndustryCode>, BTreeMap<Option<u16>, u64>> = BTreeMap::new();
    let (mut public, mut own): (BTreeMap<Option<u16>, u64>, BTreeMap<Option<u16>, u64>) = Default::default();
    let wide = question.region.unwrap_or(RegionCode::NATIONAL);
    for row in counted.counts.counts.iter().filter(|row| within(question, row.region, row.industry)) {
        let TierCount { region, industry, tier, public_grade, industry_grade, count } = *row;
        *tiers.entry(tier).or_default() += count;
        // `None` below a region that has nothing below it; a region that is unknown is a group of its own.
        let group = region.map(|region| region.below(wide));
        if let Some(group) = group.map_or(Some(None), |below| below.map(Some)) {
            *regions.entry(group).or_default().entry(tier).or_default() += count;
        }
        let group = industry.map(|industry| industry.below(question.industry));
        if let Some(group) = group.map_or(Some(None), |below| below.map(Some)) {
            *industries.entry(group).or_default().entry(tier).or_default() += count;
        }
        *public.entry(public_grade).or_default() += count;
        *own.entry(industry_grade).or_default() += count;
    }
    let known = policy.as_ref().map_or(0, |policy| policy.policy.tiers.len());
    for tier in (1..=known).filter_map(|tier| u16::try_from(tier).ok()) {
        tiers.entry(Some(tier)).or_default();
    }
    tiers.entry(None).or_default();
    let mut moves: BTreeMap<(Option<u16>, Option<u16>), u64> = BTreeMap::new();
    for row in counted.moves.iter().filter(|row| within(question, row.region, row.industry)) {
        *moves.entry((row.from, row.to)).or_default() += row.count;
    }
    let names = |side: Option<&Arc<crate::engine::Prepared>>| {
        side.map(|prepared| prepared.standard.grades.all.clone()).unwrap_or_default()
    };
    let sides =
        policy.as_ref().map(|policy| (names(policy.public.as_ref()), names(policy.industry.as_ref())));
    let (public_names, own_names) = sides.unwrap_or_default();
    let grades = |names, counts| run.as_ref().map(|_| graded(names, &counted.counts.grades, counts));
    Overview {
        public_grades: grades(public_names, public).unwrap_or_default(),
        industry_grades: grades(own_names, own).unwrap_or_default(),
        tiers: shares(tiers),
        regions: regions.into_iter().map(|(code, tiers)| (code, shares(tiers))).collect(),
        industries: industries.into_iter().map(|(code, tiers)| (code, shares(tiers))).collect(),
        policy,
        moves,
        run,
    }
}

fn within(question: &Question<'_>, region: Option<RegionCode>, industry: Option<IndustryCode>) -> bool {
    question.region.is_none_or(|wide| region.is_some_and(|found| wide.contains(found)))
        && question.industry.is_none_or(|wide| industry.is_some_and(|found| wide.contains(found)))
}

/// None last.
fn shares(mut tiers: BTreeMap<Option<u16>, u64>) -> Shares {
    let none = tiers.remove(&None);
    tiers.into_iter().chain(none.map(|count| (None, count))).collect()
}

fn graded(
    known: Vec<GradeName>,
    ids: &[String],
    mut counts: BTreeMap<Option<u16>, u64>,
) -> Vec<(Option<GradeName>, u64)> {
    let none = counts.remove(&None);
    let mut by_id: BTreeMap<&str, u64> = counts
        .into_iter()
        .filter_map(|(grade, count)| Some((ids.get(usize::from(grade?))?.as_str(), count)))
        .collect();
    let mut grades: Vec<(Option<GradeName>, u64)> = Vec::new();
    for name in known {
        let count = by_id.remove(name.id.as_str()).unwrap_or(0);
        grades.push((Some(name), count));
    }
    grades.extend(
        by_id.into_iter().map(|(id, count)| (Some(GradeName { id: id.to_owned(), title: None }), count)),
    );
    grades.extend(none.map(|count| (None, count)));
    grades
}
