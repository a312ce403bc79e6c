//! Between async requests and the blocking engine: a limited number at work, a limited number waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tonic::Status;

use super::status::status;
use crate::engine::Engine;
use crate::problem::{Answer, Problem};

/// Requests that read the ledger at once. More would not read faster, and each holds a connection.
const AT_WORK: usize = 16;
/// Requests that wait for their turn; more are refused at once instead of late.
const WAITING: usize = 4096;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    engine: Arc<Engine>,
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Counts a waiting request, also when its caller gives up.
struct Waiting<'g>(&'g AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(super) fn new(engine: Arc<Engine>) -> Gate {
        Gate { engine, turns: Arc::new(Semaphore::new(AT_WORK)), waiting: Arc::default() }
    }

    /// The engine, for what does not block.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Runs `work` on a thread that may block. A caller that gives up meanwhile does not stop it: a write goes on.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, Status>
    where
        T: Send + 'static,
        W: FnOnce(&Engine) -> Answer<T> + Send + 'static,
    {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => {
                let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
                let _counted = Waiting(&self.waiting);
                if waiting >= WAITING {
                    return Err(status(&Problem::Overloaded { waiting }));
                }
                Arc::clone(&self.turns).acquire_owned().await.map_err(|_| status(&Problem::Defect))?
            }
        };
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
