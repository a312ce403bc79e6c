//! Carries studies out while the service is up, one by one, and takes over what the dead left.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hengxin_store::{Error as LedgerError, Finished, LaboratoryError, LockWatch, StudyClaim};

use crate::engine::Engine;
use crate::heart::{Heart, holder};
use crate::laboratory::{LaboratorySetup, StudyOrder};
use crate::problem::{Answer, Problem};

/// Longest time between two beats.
const BEAT: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Studies {
    engine: Arc<Engine>,
    setup: LaboratorySetup,
    watch: Mutex<LockWatch>,
    begun: Instant,
    stopping: AtomicBool,
}

impl Studies {
    pub(crate) fn new(engine: Arc<Engine>, setup: LaboratorySetup) -> Studies {
        let stopping = AtomicBool::new(false);
        Studies { engine, setup, watch: Mutex::default(), begun: Instant::now(), stopping }
    }

    /// Lets no study begin. One under way goes on to its end, or is begun again by whoever finds it.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Puts studies back into the queue whose holder has not been heard of.
    ///
    /// # Errors
    /// A failing ledger.
    pub(crate) fn turn(&self) -> Answer<()> {
        let locks = self.engine.snapshot(None)?.study_locks()?;
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = watch.stale(locks, self.begun.elapsed(), self.setup.patience);
        drop(watch);
        for lock in stale {
            if let Some(study) = self.engine.laboratory(|book| book.take_over(&lock))? {
                tracing::warn!(target: "hengxin::laboratory", study = study.id, "{}: {}", study.state.id(), study.detail);
            }
        }
        Ok(())
    }

    /// Carries out the oldest study that waits; whether there was one.
    ///
    /// # Errors
    /// A failing ledger.
    pub(crate) fn work(&self) -> Answer<bool> {
        if self.stopping.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let holder = holder();
        let Some(claim) = self.engine.laboratory(|book| book.claim(&holder))? else { return Ok(false) };
        let study = claim.study.id;
        tracing::info!(target: "hengxin::laboratory", study, kind = claim.study.kind.id(), "begun");
        let ended = match self.carry_out(&claim) {
            Ok(Ok(done)) => match self.engine.laboratory(|book| book.finish(&claim, &done)) {
                // Another training was first to make this edition.
                Err(Problem::Ledger(LedgerError::Laboratory(
                    refused @ LaboratoryError::ModelExists { .. },
                ))) => self.engine.laboratory(|book| book.fail(&claim, &refused.to_string())),
                other => other,
            },
            Ok(Err(why)) => self.engine.laboratory(|book| book.fail(&claim, &why)),
            Err(problem) => self.engine.laboratory(|book| book.fail(&claim, &problem.to_string())),
        };
        match ended {
            // Whoever took it over says what becomes of it.
            Err(Problem::Ledger(LedgerError::Laboratory(LaboratoryError::NotHeld { .. }))) => {
                tracing::warn!(target: "hengxin::laboratory", study, "taken over by another process");
                Ok(true)
            }
            Err(problem) => Err(problem),
            Ok(study) => {
                tracing::info!(target: "hengxin::laboratory", study = study.id, "{}: {}", study.state.id(), study.detail);
                Ok(true)
            }
        }
    }

    fn carry_out(&self, claim: &StudyClaim) -> Answer<Result<Finished, String>> {
        let order = self.order(claim)?;
        let heart = Heart::<String>::default();
        Ok(std::thread::scope(|scope| {
            scope.spawn(|| self.keep_beating(claim, &heart));
            let stage = |stage: &str| heart.set(stage.to_owned());
            let carried = AssertUnwindSafe(|| self.setup.modeller.carry_out(&order, &stage));
            let done = std::panic::catch_unwind(carried)
                .unwrap_or_else(|_| Err("a defect in the trainer ended the study".to_owned()));
            heart.stop();
            done
        }))
    }

    fn order(&self, claim: &StudyClaim) -> Answer<StudyOrder> {
        let study = claim.study.clone();
        let snapshot = self.engine.snapshot(None)?;
        let lost = |what: &str| Problem::Damaged { detail: format!("study {} has no {what}", study.id) };
        let model = |name: &Option<String>| match name {
            None => Ok(None),
            Some(name) => snapshot.model(name)?.map(Some).ok_or_else(|| lost("model")),
        };
        Ok(StudyOrder {
            history: snapshot.history_of_laboratory(&study.history)?.ok_or_else(|| lost("history"))?,
            model: model(&study.model)?,
            challenger: model(&study.challenger)?,
            folder: self.setup.folder.join(format!("study-{}", study.id)),
            study,
        })
    }

    fn keep_beating(&self, claim: &StudyClaim, heart: &Heart<String>) {
        let pause = BEAT.min(self.setup.patience / 10);
        while !heart.pause(pause) {
            let stage = heart.told();
            // Who has lost the study learns it when it ends; a busy ledger may pass before anybody loses patience.
            if let Err(problem) = self.engine.laboratory(|book| book.beat(claim, &stage)) {
                tracing::warn!(target: "hengxin::laboratory", study = claim.study.id, "no beat: {problem}");
            }
        }
    }
}
