//! What goes on by itself while the service runs: files and the ledger are looked at again, answers are prepared, runs and
//! studies are carried out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::access::Access;
use crate::conductor::{Conductor, RunSetup};
use crate::engine::Engine;
use crate::grpc::{News, Trainer};
use crate::laboratory::LaboratorySetup;
use crate::studies::Studies;
use crate::tls::Certificates;
use crate::use_case::overview;

/// How often the ledger is asked what other processes wrote.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often certificates and access rules are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(2);

/// Longest time until schedules and the queue of runs are looked at again, so that a clock that was set is noticed.
const CONDUCT: Duration = Duration::from_millis(500);

/// Looks at certificates and access rules: what changes takes effect, what has a fault does not.
pub(crate) async fn look_at_files(certificates: [Option<Arc<Certificates>>; 2], access: Arc<Access>) {
    let mut turns = tokio::time::interval(LOOK_AT_FILES);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let (certificates, access) = (certificates.clone(), Arc::clone(&access));
        let looked = tokio::task::spawn_blocking(move || {
            for certificates in certificates.into_iter().flatten() {
                match certificates.look_again() {
                    Ok(true) => tracing::info!(target: "hengxin::tls", "certificates read again"),
                    Err(error) => {
                        tracing::error!(target: "hengxin::tls", "the last good certificates stay: {error}");
                    }
                    Ok(false) => {}
                }
            }
            match access.look_again() {
                Ok(true) => tracing::info!(target: "hengxin::access", "access rules read again"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(target: "hengxin::access", "the last good access rules stay: {error}");
                }
            }
        });
        // A panic there is in the log of panics; the next turn tries again.
        let _ = looked.await;
    }
}

/// Looks for what other processes recorded, and tells those who watch.
pub(crate) async fn look_again(engine: Arc<Engine>, news: Arc<watch::Sender<News>>) {
    let mut turns = tokio::time::interval(LOOK_AGAIN);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let engine = Arc::clone(&engine);
        let looked = tokio::task::spawn_blocking(move || {
            engine.look_again()?;
            engine.last_change()
        });
        match looked.await {
            Ok(Ok(last)) => {
                news.send_if_modified(|news| std::mem::replace(&mut news.last_change, last.clone()) != last);
            }
            Ok(Err(problem)) => {
                tracing::warn!(target: "hengxin::ledger", "cannot look for what others wrote: {problem}");
            }
            // A panic there is in the log of panics; the next turn tries again.
            Err(_) => {}
        }
    }
}

/// Prepares answers that would keep the first who asks waiting: the directory of enterprises, and the counts of runs.
pub(crate) async fn prepare(engine: Arc<Engine>, mut news: watch::Receiver<News>) {
    let mut turns = tokio::time::interval(LOOK_AGAIN);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut counted = None;
    loop {
        turns.tick().await;
        let engine = Arc::clone(&engine);
        let publication = news.borrow_and_update().last_change.publication;
        let new = counted != Some(publication);
        let prepared = tokio::task::spawn_blocking(move || {
            engine.keep_directory()?;
            if new { overview::prepare(&engine) } else { Ok(()) }
        });
        match prepared.await {
            Ok(Ok(())) => counted = Some(publication),
            Ok(Err(problem)) => {
                tracing::warn!(target: "hengxin::server", "answers are not prepared: {problem}");
            }
            // A panic there is in the log of panics; the next turn tries again.
            Err(_) => {}
        }
    }
}

/// The tasks that look after schedules and carry runs out.
pub(crate) struct Conducting {
    conductor: Arc<Conductor>,
    /// Wakes whoever carries runs out.
    pub(crate) wake: Arc<Notify>,
    ended: watch::Sender<bool>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Conducting {
    pub(crate) fn begin(engine: &Arc<Engine>, setup: RunSetup) -> Conducting {
        let conductor = Arc::new(Conductor::new(Arc::clone(engine), setup));
        let wake = Arc::new(Notify::new());
        let (ended, _) = watch::channel(false);
        // Two tasks: a run of hours must not keep schedules from firing.
        let turning = Arc::clone(&conductor);
        let turns = repeat(ended.subscribe(), None, move || turning.turn().map(|()| false));
        let working = Arc::clone(&conductor);
        let work = repeat(ended.subscribe(), Some(Arc::clone(&wake)), move || working.work());
        Conducting { conductor, wake, ended, tasks: [tokio::spawn(turns), tokio::spawn(work)] }
    }

    /// Lets a run under way give itself back. One that does not within `patience` is resumed once its lock is stale.
    pub(crate) async fn end(self, patience: Duration) {
        self.conductor.stop();
        let _ = self.ended.send(true);
        for task in self.tasks {
            if tokio::time::timeout(patience, task).await.is_err() {
                tracing::warn!(target: "hengxin::runs", "a run was cut off by the shutdown; it will be resumed");
            }
        }
    }
}

/// The tasks that carry studies out.
pub(crate) struct Modelling {
    studies: Arc<Studies>,
    /// Who carries studies out.
    pub(crate) trainer: Trainer,
    ended: watch::Sender<bool>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Modelling {
    pub(crate) fn begin(engine: &Arc<Engine>, setup: LaboratorySetup) -> Modelling {
        let trainer = Trainer { modeller: Arc::clone(&setup.modeller), wake: Arc::new(Notify::new()) };
        let studies = Arc::new(Studies::new(Arc::clone(engine), setup));
        let (ended, _) = watch::channel(false);
        let turning = Arc::clone(&studies);
        let turns = repeat(ended.subscribe(), None, move || turning.turn().map(|()| false));
        let working = Arc::clone(&studies);
        let work = repeat(ended.subscribe(), Some(Arc::clone(&trainer.wake)), move || working.work());
        Modelling { studies, trainer, ended, tasks: [tokio::spawn(turns), tokio::spawn(work)] }
    }

    /// Lets the study under way come to its end. One that does not within `patience` is begun again by whoever finds it.
    pub(crate) async fn end(self, patience: Duration) {
        self.studies.stop();
        let _ = self.ended.send(true);
        for task in self.tasks {
            if tokio::time::timeout(patience, task).await.is_err() {
                tracing::warn!(target: "hengxin::laboratory", "a study was cut off by the shutdown; it will be begun again");
            }
        }
    }
}

/// Works on a thread that may block, again at once while there is more to do, else after a while or when woken.
async fn repeat(
    mut ended: watch::Receiver<bool>,
    wake: Option<Arc<Notify>>,
    work: impl Fn() -> crate::problem::Answer<bool> + Send + Sync + 'static,
) {
    let work = Arc::new(work);
    let wake = wake.unwrap_or_default();
    while !*ended.borrow() {
        let work = Arc::clone(&work);
        let more = match tokio::task::spawn_blocking(move || work()).await {
            Ok(Ok(more)) => more,
            Ok(Err(problem)) => {
                tracing::warn!(target: "hengxin::server", "work that goes on by itself waits: {problem}");
                false
            }
            // A panic there is in the log of panics; the next turn tries again.
            Err(_) => false,
        };
        if !more {
            tokio::select! {
                () = tokio::time::sleep(CONDUCT) => {}
                () = wake.notified() => {}
                // The other end says so, or is gone.
                _ = ended.changed() => {}
            }
        }
    }
}
