//! Between async requests and the blocking engine: a limited number at work. How many come this far, and who is refused
//! before, is the business of [`super::places`].
//!
//! Writes queue up before the one writer instead and take no turn while they wait: when another process holds the
//! ledger for a long ingest, questions are answered all the same.

use std::sync::Arc;
use std::time::Duration;

use hengxin_store::{ChangePosition, Job};
use tokio::sync::{RwLock, Semaphore, oneshot, watch};
use tonic::{Request, Status};

use super::limits::{Limits, Strangers};
use super::places::Places;
use super::row_limits::RowLimits;
use super::status::status;
use crate::access::Access;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::problem::{Answer, Problem};
use crate::traces::within;
use crate::use_case::submit;

/// How much is taken on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests that read the ledger at once. More than the processors can serve would not read faster, and each holds
    /// a connection.
    pub at_work: usize,
    /// Calls under way at once, whatever they wait for. Enough that one commit holds the audit entries of many.
    pub under_way: usize,
    /// Calls that wait until fewer are under way; more are refused at once.
    pub waiting: usize,
    /// How long one of them waits before it is refused.
    pub patience: Duration,
    /// Connections open at once; further ones are closed at once.
    pub connections: usize,
    /// Rows a day a caller gets by bulk export, unless `callers.json` says otherwise of it.
    pub exported_rows_per_day: u64,
}

impl Default for Load {
    fn default() -> Load {
        // Answers come from memory or the page cache: a thread a processor keeps all busy, one more each covers a wait
        // for the disk.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Load {
            at_work: 2 * processors,
            under_way: 64 * processors,
            waiting: 1024,
            // A caller that is refused hears of it within 50 ms, of which some pass on the way.
            patience: Duration::from_millis(20),
            connections: 2000,
            // A field of a large city once.
            exported_rows_per_day: 1_000_000,
        }
    }
}

/// What streams that stay open wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Where the changes of tiers on record end.
    pub(crate) last_change: ChangePosition,
    /// The service shuts down.
    pub(crate) stopping: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    engine: Arc<Engine>,
    news: watch::Receiver<News>,
    turns: Arc<Semaphore>,
    places: Places,
    access: Arc<Access>,
    limits: Arc<Limits>,
    rows: Arc<RowLimits>,
    exports: Arc<RwLock<()>>,
    strangers: Arc<Strangers>,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub(super) fn new(
        engine: Arc<Engine>,
        load: Load,
        news: watch::Receiver<News>,
        exports: Arc<RwLock<()>>,
        access: Arc<Access>,
        metrics: Arc<Metrics>,
    ) -> Gate {
        let turns = load.at_work.clamp(1, Semaphore::MAX_PERMITS);
        let turns = Arc::new(Semaphore::new(turns));
        let (limits, strangers) = (Arc::default(), Arc::default());
        let rows = Arc::new(RowLimits::new(load.exported_rows_per_day));
        Gate {
            engine,
            news,
            turns,
            places: Places::new(load),
            access,
            limits,
            rows,
            exports,
            strangers,
            metrics,
        }
    }

    /// The engine, for what does not block.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The access rules.
    pub(super) fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// How often callers may call.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many rows callers may take out by bulk export.
    pub(super) fn row_limits(&self) -> &Arc<RowLimits> {
        &self.rows
    }

    /// Read by every bulk export until its end is on record.
    pub(super) fn exports(&self) -> &Arc<RwLock<()>> {
        &self.exports
    }

    /// How often refused calls of callers nobody knows are put on record.
    pub(super) fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// Lets a call begin, or refuses it because too many have.
    pub(super) async fn begin<T>(&self, request: &Request<T>) -> Result<(), Status> {
        within("hengxin.place", self.places.take(request.extensions()))
            .await
            .map_err(|problem| status(&problem))
    }

    /// What is counted.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What streams that stay open wait for.
    pub(super) fn news(&self) -> watch::Receiver<News> {
        self.news.clone()
    }

    /// Has a write done; the bytes of its answer. A caller that gives up meanwhile does not stop it.
    pub(super) async fn write(&self, job: Job) -> Result<Vec<u8>, Status> {
        within("hengxin.write", self.commit(job)).await
    }

    /// [`Gate::write`], without a span.
    pub(super) async fn commit(&self, job: Job) -> Result<Vec<u8>, Status> {
        let (done, answer) = oneshot::channel();
        let waits = self.metrics.write_waits();
        let reply = move |answer| {
            drop(waits);
            // Nobody waiting any longer is no failure of the write.
            let _ = done.send(answer);
        };
        let writer = self.engine.writer().map_err(|problem| status(&problem))?;
        writer.submit(job, reply).map_err(|error| status(&error.into()))?;
        let answer = answer.await.unwrap_or(Err(hengxin_store::Error::Stopped));
        let answer = answer.map_err(|error| status(&error.into()))?;
        self.work(move |engine| submit::note(engine, answer)).await
    }

    /// Runs `work` on a thread that may block. A caller that gives up meanwhile does not stop it: a write goes on.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, Status>
    where
        T: Send + 'static,
        W: FnOnce(&Engine) -> Answer<T> + Send + 'static,
    {
        within("hengxin.use_case", self.work(work)).await
    }

    /// [`Gate::run`], without a span.
    pub(super) async fn work<T, W>(&self, work: W) -> Result<T, Status>
    where
        T: Send + 'static,
        W: FnOnce(&Engine) -> Answer<T> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| status(&Problem::Defect))?;
        let engine = Arc::clone(&self.engine);
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&engine)
        });
        match answer.await {
            Ok(answer) => answer.map_err(|problem| status(&problem)),
            // The thread panicked; what it was told is in the log of panics.
            Err(_) => Err(status(&Problem::Defect)),
        }
    }
}
