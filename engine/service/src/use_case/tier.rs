//! The supervision tier of an enterprise in a field.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::grade::Grade;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::relation::Reach;
use hengxin_core::tier::{self, Standing, Tier, TierDecision};
use hengxin_core::uscc::Uscc;
use hengxin_store::{Command, Job, OwnedDossier, Results, Snapshot, Stored, TierFilter, TierRecord};
use sha2::{Digest as _, Sha256};

use super::evaluate::{Assessed, View, assess, dossier};
use crate::engine::{Engine, Prepared, PreparedPolicy, Wanted};
use crate::hex::unhex;
use crate::outline::Direction;
use crate::page::{Filter, Listing, Position};
use crate::problem::Answer;

/// A question about a tier.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom it is about.
    pub subject: Uscc,
    /// The field of supervision.
    pub field: &'a str,
    /// Which edition of the policy.
    pub edition: Wanted<'a>,
    /// The date.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// How much is wanted of the evaluations behind it.
    pub view: View,
}

/// A tier with what it rests on.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whom it is about.
    pub subject: Uscc,
    /// The policy on its date.
    pub policy: Arc<PreparedPolicy>,
    /// The moment it rests on.
    pub known_at: Moment,
    /// Digest of everything that was looked at.
    pub facts_digest: [u8; 32],
    /// The tier and how it came about.
    pub decision: TierDecision,
    /// The public result; `None` when no edition is in force.
    pub public: Option<SideResult>,
    /// The industry's own result; `None` likewise, and when the policy names none.
    pub industry: Option<SideResult>,
    /// Region the subject is registered in on the date.
    pub region: Option<RegionCode>,
    /// Industry likewise.
    pub industry_code: Option<IndustryCode>,
}

/// One of the two results.
#[derive(Clone, Debug)]
pub struct SideResult {
    /// Digest of everything that was looked at for it.
    pub facts_digest: [u8; 32],
    /// The result.
    pub assessed: Assessed,
}

fn side(prepared: &Arc<Prepared>, dossier: &Arc<OwnedDossier>, view: View) -> SideResult {
    SideResult { facts_digest: dossier.digest(), assessed: assess(prepared, dossier, view) }
}

fn both(first: [u8; 32], second: [u8; 32]) -> [u8; 32] {
    if first == second {
        return first;
    }
    Sha256::new()
        .chain_update(b"hengxin decision 1\n")
        .chain_update(first)
        .chain_update(second)
        .finalize()
        .into()
}

impl Decision {
    /// First later date on which it can change without a new fact; `None`: never.
    pub fn horizon(&self) -> Option<Date> {
        let results = [&self.public, &self.industry]
            .into_iter()
            .flatten()
            .filter_map(|side| side.assessed.evaluation.horizon);
        let own = self.policy.policy.effective.1;
        let ends = (own < Date::FOREVER && own >= self.policy.as_of).then(|| own.plus_days(1));
        results.chain(ends).chain(self.policy.changes).min()
    }

    /// Grade ids of the public and the industry result, as the policy's table names them.
    pub fn grades(&self) -> (Option<&str>, Option<&str>) {
        (grade(self.public.as_ref()), grade(self.industry.as_ref()))
    }

    /// In a worst-of policy: the tiers of the two grades alone.
    pub fn worst_of(&self) -> (Option<Tier>, Option<Tier>) {
        let find = |table: &[(String, Tier)], grade: Option<&str>| {
            table.iter().find(|(name, _)| name == grade.unwrap_or("none")).map(|(_, tier)| *tier)
        };
        let (public, industry) = self.grades();
        (find(&self.policy.outline.public_tiers, public), find(&self.policy.outline.industry_tiers, industry))
    }

    /// What an override that applies asks for, and whether the tier would be another without it.
    pub fn override_effect(&self, place: usize) -> Option<(Tier, Direction, bool)> {
        let (tier, direction) = *self.policy.outline.overrides.get(place)?;
        let decided = self.decision.tier == Some(tier) && self.decision.by_method != Some(tier);
        Some((tier, direction, decided))
    }
}

fn grade(side: Option<&SideResult>) -> Option<&str> {
    let assessed = &side?.assessed;
    let grade: Grade = assessed.evaluation.outcome.grade()?;
    Some(assessed.prepared.standard.grades.id(grade))
}

/// Decides, or gives what was decided from the same knowledge before. Both are equal.
///
/// # Errors
/// No such field or edition, nobody of that code, or a failing ledger.
pub fn tier(engine: &Engine, question: &Question<'_>) -> Answer<Arc<Decision>> {
    let policy = engine.policy(question.field, question.edition, question.as_of)?;
    if let Some(found) = at_hand(engine, &policy, question) {
        return Ok(found);
    }
    let snapshot = engine.snapshot(question.known_at)?;
    decide_in(&snapshot, &policy, question.subject, question.view)
}

/// A decision in memory that answers the question without touching the ledger.
pub fn at_hand(engine: &Engine, policy: &PreparedPolicy, question: &Question<'_>) -> Option<Arc<Decision>> {
    match question.view {
        View::Full => None,
        View::Basic => {
            let watermark = engine.watermark();
            // By a moment later than this, others may have written what has not been noticed yet.
            let known_at = question.known_at.unwrap_or(watermark);
            (known_at <= watermark).then(|| policy.decided(question.subject, known_at))?
        }
    }
}

/// Decides in a view of the ledger that is open already.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn decide_in(
    snapshot: &Snapshot,
    policy: &Arc<PreparedPolicy>,
    subject: Uscc,
    view: View,
) -> Answer<Arc<Decision>> {
    if view == View::Basic
        && let Some(found) = policy.decided(subject, snapshot.known_at())
    {
        return Ok(found);
    }
    let none = Reach::default();
    let reach =
        |prepared: &Option<Arc<Prepared>>| prepared.as_ref().map_or(none.clone(), |p| p.reach.clone());
    let (first, second) = (reach(&policy.public), reach(&policy.industry));
    let own = Arc::new(dossier(snapshot, subject, &first)?);
    // Each result says what it was computed from, exactly as when it is asked for alone.
    let theirs =
        if first == second { Arc::clone(&own) } else { Arc::new(dossier(snapshot, subject, &second)?) };
    let public = policy.public.as_ref().map(|prepared| side(prepared, &own, view));
    let industry = policy.industry.as_ref().map(|prepared| side(prepared, &theirs, view));
    let facts_digest = both(own.digest(), theirs.digest());
    let dossier = own;
    let decision =
        tier::classify(&policy.policy, public.as_ref().map(standing), industry.as_ref().map(standing));
    let file = dossier.file.as_file();
    let registration = file.registration(policy.as_of);
    let decision = Arc::new(Decision {
        subject,
        policy: Arc::clone(policy),
        known_at: snapshot.known_at(),
        facts_digest,
        decision,
        region: registration.and_then(|r| r.region),
        industry_code: registration.and_then(|r| r.industry),
        public,
        industry,
    });
    if view == View::Basic {
        policy.keep(&decision);
    }
    Ok(decision)
}

fn standing(side: &SideResult) -> Standing<'_> {
    let assessed = &side.assessed;
    Standing { standard: &assessed.prepared.standard, evaluation: &assessed.evaluation }
}

/// One page of the tiers on record.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Stored<TierRecord>>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Lists the tiers last stored for a field.
///
/// # Errors
/// An unknown field, or a failing ledger.
pub fn list(
    engine: &Engine,
    wanted: &TierFilter,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    // Says which fields there are.
    engine.known_field(&wanted.field)?;
    let snapshot = engine.snapshot(None)?;
    let after = after.and_then(|position| position.after.parse().ok());
    let mut found = snapshot.current_tiers(wanted, after, size.saturating_add(1))?;
    let more = found.len() > size;
    found.truncate(size);
    let next = match found.last() {
        Some(last) if more => {
            let position = Position { known_at: snapshot.known_at(), after: last.record.subject.to_string() };
            engine.tokens().seal(Listing::Tiers, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows: found, next })
}

/// How many decisions are recorded in one transaction by [`record_all`].
const CHUNK: usize = 1000;

/// Decides for every enterprise of the ledger and records the decisions, so that they can be listed. Recording twice
/// from the same knowledge records once. Gives the number of enterprises.
///
/// `encode` writes the body kept with each; `progress` hears the number done so far.
///
/// # Errors
/// An unknown field, or a failing ledger. What was recorded before stays recorded.
pub fn record_all(
    engine: &Engine,
    field: &str,
    as_of: Date,
    encode: impl Fn(&Decision) -> Vec<u8>,
    mut progress: impl FnMut(u64),
) -> Answer<u64> {
    let policy = engine.policy(field, Wanted::InForce, as_of)?;
    let known_at = engine.watermark();
    let mut after = None;
    let mut done = 0u64;
    loop {
        let snapshot = engine.snapshot(Some(known_at))?;
        let subjects = snapshot.subjects(after, CHUNK)?;
        let Some(last) = subjects.last() else { return Ok(done) };
        after = Some(last.code);
        let mut results = Results::default();
        for subject in &subjects {
            let decision = decide_in(&snapshot, &policy, subject.code, View::Basic)?;
            results.tiers.push(record(&decision, encode(&decision)));
        }
        done += u64::try_from(subjects.len()).unwrap_or(0);
        drop(snapshot);
        let job = Job { request: None, command: Command::Record(results), respond: Box::new(|_| Vec::new()) };
        engine.writer()?.call(job)?;
        progress(done);
    }
}

/// What is put on record of a decision.
pub fn record(decision: &Decision, body: Vec<u8>) -> TierRecord {
    let policy = &decision.policy.policy;
    TierRecord {
        subject: decision.subject,
        field: policy.field.clone(),
        policy: policy.id.clone(),
        edition: policy.edition.clone(),
        policy_digest: unhex(&decision.policy.digest),
        as_of: decision.policy.as_of,
        known_at: decision.known_at,
        tier: decision.decision.tier.map(u16::from),
        public: None,
        industry: None,
        region: decision.region,
        industry_code: decision.industry_code,
        body,
    }
}
