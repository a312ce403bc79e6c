//! What all use cases share: the catalogue, the ledger, the clock, and what is resolved once per standard and date.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hengxin_core::date::{Date, Moment};
use hengxin_core::kernel::Workbench;
use hengxin_core::plan::Plan;
use hengxin_core::relation::Reach;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::uscc::Uscc;
use hengxin_standard::{Catalogue, Edition, NoEdition, PolicyEdition};
use hengxin_store::{ChangePosition, Clock, LaboratoryBook, Ledger, RunBook, Snapshot, SystemClock, Writer};

use crate::directory::Directory;
use crate::outline::{Outline, PolicyOutline};
use crate::page::Tokens;
use crate::problem::{Answer, Problem};
use crate::use_case::export::mark::Marks;
use crate::use_case::job::next_change;
use crate::use_case::overview::Overviews;
use crate::use_case::tier::Decision;

/// Standards and policies resolved on dates, kept at most. Past that all are resolved anew: a service is asked about
/// few dates, and only somebody who walks through history meets the limit.
const PLANS: usize = 256;
/// Locks of the index of decisions; a power of two well above the number of threads.
const SHARDS: usize = 64;
/// China Standard Time, where an instant becomes a date.
const OFFSET_MICROS: i64 = 8 * 3_600 * 1_000_000;
const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// How an engine is set up.
#[derive(Clone)]
pub struct EngineOptions {
    /// Where "now" and "today" come from. Default the machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Most tier decisions kept in memory per policy, about 0.5 KB each: so many for today, and as many again for all
    /// other dates together. Default 2,000,000.
    pub decisions_max: usize,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions { clock: Arc::new(SystemClock), decisions_max: 2_000_000 }
    }
}

impl std::fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineOptions").field("decisions_max", &self.decisions_max).finish_non_exhaustive()
    }
}

/// Answers questions about enterprises. Blocking: it reads the ledger on the calling thread.
pub struct Engine {
    catalogue: Arc<Catalogue>,
    ledger: Ledger,
    /// `None` for an engine that only reads.
    writer: Option<Writer>,
    clock: Arc<dyn Clock>,
    decisions_max: usize,
    tokens: Tokens,
    marks: Marks,
    /// Opened with the first run or schedule.
    book: Mutex<Option<RunBook>>,
    laboratory: Mutex<Option<LaboratoryBook>>,
    /// The last moment anything was recorded, as far as this process has seen.
    watermark: AtomicI64,
    prepared: RwLock<HashMap<Date, Vec<Arc<Prepared>>>>,
    policies: RwLock<HashMap<Date, Vec<Arc<PreparedPolicy>>>>,
    overviews: Overviews,
    directory: Directory,
}

/// The day of a moment in China Standard Time.
pub fn day_of(moment: Moment) -> Date {
    let days = moment.0.saturating_add(OFFSET_MICROS).div_euclid(DAY_MICROS);
    Date::from_days(i32::try_from(days).unwrap_or(i32::MAX - 1))
}

/// The moment a day begins in China Standard Time.
pub fn begin_of(day: Date) -> Moment {
    Moment(i64::from(day.days()).saturating_mul(DAY_MICROS).saturating_sub(OFFSET_MICROS))
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// An edition resolved on one date.
pub struct Prepared {
    /// The standard.
    pub standard: Arc<Standard>,
    /// SHA-256 over the edition and those it may read, in hexadecimal.
    pub digest: String,
    /// Its tree as written.
    pub outline: Outline,
    /// Which related subjects it and the standards it reads look at.
    pub reach: Reach,
    /// The date.
    pub as_of: Date,
    plan: Arc<Plan>,
    benches: Mutex<Vec<Workbench>>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} on {}", self.standard.id, self.standard.edition, self.as_of)
    }
}

impl Prepared {
    /// Buffers of their own for one evaluation. Those that are lent remember what each class of the ledger selects;
    /// a supposed fact may bring a class under a number the ledger gives to another one later.
    pub fn with_own_bench<T>(&self, work: impl FnOnce(&mut Workbench) -> T) -> T {
        work(&mut Workbench::new(Arc::clone(&self.plan)))
    }

    /// Lends the buffers for one evaluation; they never influence a result.
    pub fn with_bench<T>(&self, work: impl FnOnce(&mut Workbench) -> T) -> T {
        let idle = self.benches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut bench = idle.unwrap_or_else(|| Workbench::new(Arc::clone(&self.plan)));
        let result = work(&mut bench);
        self.benches.lock().unwrap_or_else(PoisonError::into_inner).push(bench);
        result
    }
}

/// A tier policy resolved on one date, with the decisions made by it.
pub struct PreparedPolicy {
    /// The policy.
    pub policy: Arc<TierPolicy>,
    /// SHA-256 of its file, in hexadecimal.
    pub digest: String,
    /// What its text says beyond the checked form.
    pub outline: PolicyOutline,
    /// The date.
    pub as_of: Date,
    /// The public standard on the date; `None` when no edition is in force.
    pub public: Option<Arc<Prepared>>,
    /// The industry's own; `None` when there is none or no edition is in force.
    pub industry: Option<Arc<Prepared>>,
    /// First later date on which another edition of the policy or of its standards begins.
    pub changes: Option<Date>,
    decided: Vec<Mutex<Shard>>,
    /// Decisions kept by each shard; 0 once the policy is forgotten.
    shard_max: AtomicUsize,
}

impl std::fmt::Debug for PreparedPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} on {}", self.policy.id, self.policy.edition, self.as_of)
    }
}

/// Decisions that rest on everything known at one moment.
#[derive(Default)]
struct Shard {
    known_at: Option<Moment>,
    decisions: HashMap<Uscc, Arc<Decision>>,
}

impl PreparedPolicy {
    /// The decision on `subject` as known at `known_at`, if it is at hand.
    pub fn decided(&self, subject: Uscc, known_at: Moment) -> Option<Arc<Decision>> {
        let shard = self.shard(subject).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.known_at != Some(known_at) {
            return None;
        }
        shard.decisions.get(&subject).cloned()
    }

    /// Keeps a decision for the next question. Those of an earlier moment make room.
    pub fn keep(&self, decision: &Arc<Decision>) {
        let mut shard = self.shard(decision.subject).lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock, so that nothing is kept after the policy was forgotten.
        let most = self.shard_max.load(Ordering::Acquire);
        if most == 0 {
            return;
        }
        if shard.known_at != Some(decision.known_at) || shard.decisions.len() >= most {
            // A replay of the past must not push out the present.
            if shard.known_at > Some(decision.known_at) {
                return;
            }
            shard.known_at = Some(decision.known_at);
            shard.decisions.clear();
        }
        shard.decisions.insert(decision.subject, Arc::clone(decision));
    }

    /// Lets go of all decisions. They name their policy and the policy holds them: neither would ever be freed.
    fn forget(&self) {
        self.shard_max.store(0, Ordering::Release);
        for shard in &self.decided {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    fn shard(&self, subject: Uscc) -> &Mutex<Shard> {
        // Characters 9 to 16 tell organisations apart; the last characters are checks, which spread evenly.
        let bytes = subject.as_bytes();
        let spread = bytes.iter().fold(0usize, |n, byte| n.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        &self.decided[spread % SHARDS]
    }
}

/// Which edition is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one in force on the date.
    InForce,
    /// This one, in force or not.
    Pinned(&'a str),
}

impl<'a> Wanted<'a> {
    /// The empty text means the one in force.
    pub fn of(edition: &'a str) -> Wanted<'a> {
        if edition.is_empty() { Wanted::InForce } else { Wanted::Pinned(edition) }
    }
}

impl Engine {
    /// An engine over a catalogue and a ledger opened for writing.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn open(catalogue: Arc<Catalogue>, ledger: Ledger, options: EngineOptions) -> Answer<Arc<Engine>> {
        let writer = Writer::start(&ledger)?;
        Engine::over(catalogue, ledger, Some(writer), options)
    }

    /// An engine that only answers; the ledger may be opened for reading.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn read_only(
        catalogue: Arc<Catalogue>,
        ledger: Ledger,
        options: EngineOptions,
    ) -> Answer<Arc<Engine>> {
        Engine::over(catalogue, ledger, None, options)
    }

    fn over(
        catalogue: Arc<Catalogue>,
        ledger: Ledger,
        writer: Option<Writer>,
        options: EngineOptions,
    ) -> Answer<Arc<Engine>> {
        let watermark = ledger.watermark()?;
        // A secret of this ledger that tells nothing of its key.
        let tokens = Tokens::new(&ledger.protector().secret("page tokens"));
        let marks = Marks::of(&ledger);
        Ok(Arc::new(Engine {
            catalogue,
            ledger,
            writer,
            clock: options.clock,
            decisions_max: options.decisions_max,
            tokens,
            marks,
            book: Mutex::new(None),
            laboratory: Mutex::new(None),
            watermark: AtomicI64::new(watermark.0),
            prepared: RwLock::default(),
            policies: RwLock::default(),
            overviews: Overviews::default(),
            directory: Directory::default(),
        }))
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The one writer of this process.
    ///
    /// # Errors
    /// In an engine that only reads.
    pub fn writer(&self) -> Answer<&Writer> {
        Ok(self.writer.as_ref().ok_or(hengxin_store::Error::ReadOnly)?)
    }

    /// Finishes the writes that wait and takes no more.
    pub fn stop_writing(&self) {
        if let Some(writer) = &self.writer {
            writer.stop();
        }
    }

    /// Counts of tiers, kept from question to question.
    pub(crate) fn overviews(&self) -> &Overviews {
        &self.overviews
    }

    /// The directory of enterprises. Made while serving only: [`Engine::keep_directory`].
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Makes the directory, or notes what was recorded since. Called while serving, in the background.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn keep_directory(&self) -> Answer<()> {
        if !self.directory.is_behind(self.watermark()) {
            return Ok(());
        }
        self.directory.catch_up(&self.snapshot(None)?)
    }

    /// The seal of page tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The marks of bulk exports.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Today in China Standard Time.
    pub fn today(&self) -> Date {
        day_of(self.now())
    }

    /// The last moment anything was recorded, as far as this process has seen: what an answer rests on when no moment
    /// is asked for. [`Engine::look_again`] sees what other processes wrote.
    pub fn watermark(&self) -> Moment {
        Moment(self.watermark.load(Ordering::Acquire))
    }

    /// The moment a run looks at facts when none is asked for: of the ledger, the last at which anything was recorded; of a
    /// dataset, whose rows were recorded elsewhere, the present.
    pub fn moment_of_run(&self, dataset: Option<&str>) -> Moment {
        if dataset.is_some() { self.now() } else { self.watermark() }
    }

    /// Takes note of what was recorded at `moment`.
    pub fn seen(&self, moment: Moment) {
        self.watermark.fetch_max(moment.0, Ordering::AcqRel);
    }

    /// Looks for what other processes recorded. Cheap; called a few times a second while serving.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn look_again(&self) -> Answer<()> {
        self.seen(self.ledger.watermark()?);
        Ok(())
    }

    /// Where the changes of tiers on record end, whoever recorded them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_change(&self) -> Answer<ChangePosition> {
        Ok(self.ledger.snapshot(None)?.last_change()?)
    }

    /// Works with the book of runs and schedules.
    ///
    /// # Errors
    /// In an engine that only reads, and those of `work`.
    pub fn book<T>(&self, work: impl FnOnce(&mut RunBook) -> hengxin_store::Result<T>) -> Answer<T> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let book = match &mut *book {
            Some(book) => book,
            none => none.insert(self.ledger.run_book()?),
        };
        Ok(work(book)?)
    }

    /// Works with the book of the laboratory.
    ///
    /// # Errors
    /// In an engine that only reads, and those of `work`.
    pub fn laboratory<T>(
        &self,
        work: impl FnOnce(&mut LaboratoryBook) -> hengxin_store::Result<T>,
    ) -> Answer<T> {
        let mut book = self.laboratory.lock().unwrap_or_else(PoisonError::into_inner);
        let book = match &mut *book {
            Some(book) => book,
            none => none.insert(self.ledger.laboratory_book()?),
        };
        Ok(work(book)?)
    }

    /// A view of the ledger as known at `known_at`, or at the watermark.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn snapshot(&self, known_at: Option<Moment>) -> Answer<Snapshot> {
        Ok(self.ledger.snapshot(Some(known_at.unwrap_or_else(|| self.watermark())))?)
    }

    /// An edition of a standard, resolved on a date: once, however often it is asked for.
    ///
    /// # Errors
    /// When no edition answers.
    pub fn prepared(&self, id: &str, wanted: Wanted<'_>, as_of: Date) -> Answer<Arc<Prepared>> {
        let edition = match wanted {
            Wanted::InForce => self.catalogue.standard(id, as_of)?,
            Wanted::Pinned(edition) => self.catalogue.pinned(id, edition)?,
        };
        let known = self.prepared.read().unwrap_or_else(PoisonError::into_inner);
        let same = |p: &&Arc<Prepared>| Arc::ptr_eq(&p.standard, &edition.standard);
        if let Some(found) = known.get(&as_of).and_then(|list| list.iter().find(same)) {
            return Ok(Arc::clone(found));
        }
        drop(known);
        let prepared = Arc::new(self.prepare(edition, as_of));
        let mut known = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PLANS {
            known.clear();
        }
        known.entry(as_of).or_default().push(Arc::clone(&prepared));
        Ok(prepared)
    }

    /// An edition resolved on a date, and not kept: a draft, say.
    pub fn prepare(&self, edition: &Edition, as_of: Date) -> Prepared {
        let plan = self.catalogue.plan(edition, as_of);
        Prepared {
            standard: Arc::clone(&edition.standard),
            digest: edition.digest.clone(),
            outline: Outline::of(&edition.standard, &edition.text),
            reach: plan.reach(),
            as_of,
            plan,
            benches: Mutex::default(),
        }
    }

    /// Refuses a field nobody knows, naming those there are.
    ///
    /// # Errors
    /// For an unknown field.
    pub fn known_field(&self, field: &str) -> Answer<()> {
        match self.catalogue.policy(field, self.today()) {
            Err(unknown @ NoEdition::Unknown { .. }) => Err(unknown.into()),
            Ok(_)
            | Err(NoEdition::UnknownEdition { .. } | NoEdition::Expired { .. } | NoEdition::NotYet { .. }) => {
                Ok(())
            }
        }
    }

    /// The tier policy of a field, resolved on a date.
    ///
    /// # Errors
    /// When no edition answers.
    pub fn policy(&self, field: &str, wanted: Wanted<'_>, as_of: Date) -> Answer<Arc<PreparedPolicy>> {
        let known = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let in_force = |p: &TierPolicy| p.effective.0 <= as_of && as_of <= p.effective.1;
        let same = |p: &&Arc<PreparedPolicy>| {
            p.policy.field == field
                && match wanted {
                    Wanted::InForce => in_force(&p.policy),
                    Wanted::Pinned(edition) => p.policy.edition == edition,
                }
        };
        if let Some(found) = known.get(&as_of).and_then(|list| list.iter().find(same)) {
            return Ok(Arc::clone(found));
        }
        drop(known);
        let edition = self.policy_edition(field, wanted, as_of)?;
        let policy = Arc::clone(&edition.policy);
        let standard = |id: &str| match self.prepared(id, Wanted::InForce, as_of) {
            Ok(prepared) => Ok(Some(prepared)),
            // Policies name standards that exist; what may be missing is an edition in force on the date.
            Err(Problem::NoEdition(_)) => Ok(None),
            Err(other) => Err(other),
        };
        let today = self.today();
        let share = if as_of == today { self.decisions_max } else { self.decisions_max / PLANS };
        let prepared = Arc::new(PreparedPolicy {
            digest: edition.digest.clone(),
            outline: PolicyOutline::of(&edition.text),
            as_of,
            public: standard(&policy.public)?,
            industry: policy.industry.as_deref().map(standard).transpose()?.flatten(),
            changes: next_change(&self.catalogue, &policy, as_of),
            decided: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: AtomicUsize::new((share / SHARDS).max(1)),
            policy,
        });
        let mut known = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let full = known.len() >= PLANS;
        known.retain(|date, policies| {
            // Yesterday was asked about as often as today is now; nobody knows whether it will be again.
            let stays = *date == as_of || !(full || as_of == today);
            if !stays {
                for policy in policies.iter() {
                    policy.forget();
                }
            }
            stays
        });
        known.entry(as_of).or_default().push(Arc::clone(&prepared));
        Ok(prepared)
    }

    fn policy_edition(&self, field: &str, wanted: Wanted<'_>, as_of: Date) -> Answer<&PolicyEdition> {
        let edition = match wanted {
            Wanted::InForce => return Ok(self.catalogue.policy(field, as_of)?),
            Wanted::Pinned(edition) => edition,
        };
        let of_field: Vec<&PolicyEdition> =
            self.catalogue.policies().filter(|p| p.policy.field == field).collect();
        if of_field.is_empty() {
            // Says which fields there are.
            return Ok(self.catalogue.policy(field, as_of)?);
        }
        let known = of_field.iter().map(|p| p.policy.edition.clone()).collect();
        of_field.into_iter().find(|p| p.policy.edition == edition).ok_or_else(|| {
            NoEdition::UnknownEdition { id: field.to_owned(), edition: edition.to_owned(), known }.into()
        })
    }
}
