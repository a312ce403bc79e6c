//! Calls under way: at most so many, and a bounded queue in which none waits long.
//!
//! A call takes its place once its message has been read (a client that sends slowly holds none) and before anything is
//! done for it, and keeps it until its handler is done. One that gets no place within the patience of the service is
//! refused: a caller who is told soon can go elsewhere, one whose answer comes late has given up. So a call is refused
//! before it begins, or it is carried out; under load the calls under way are answered as fast as ever.
//!
//! Streams and watches wait for a place once, at their beginning, and do not keep it: most of their time they wait for
//! their client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tower::Layer;

use super::deadline::is_unary;
use super::gate::Load;
use crate::problem::{Answer, Problem};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
    patience: Duration,
}

/// Where a call keeps its place.
#[derive(Clone, Debug, Default)]
struct Place(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

/// Counts a waiting call, also when its caller gives up.
struct Waiting<'p>(&'p AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(super) fn new(load: Load) -> Places {
        Places {
            free: Arc::new(Semaphore::new(load.under_way.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
            waiting_max: load.waiting,
            patience: load.patience,
        }
    }

    /// Takes a place for the call of these extensions, or refuses it.
    pub(super) async fn take(&self, extensions: &http::Extensions) -> Answer<()> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        if let Some(Place(place)) = extensions.get() {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        }
        Ok(())
    }

    async fn wait(&self) -> Answer<OwnedSemaphorePermit> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Waiting(&self.waiting);
        if waiting >= self.waiting_max {
            return Err(Problem::Overloaded { waiting });
        }
        match tokio::time::timeout(self.patience, Arc::clone(&self.free).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| Problem::Defect),
            Err(_) => Err(Problem::Overloaded { waiting: self.waiting.load(Ordering::Relaxed) }),
        }
    }
}

/// Gives every call that has one answer somewhere to keep its place until that answer is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlaceLayer;

impl<S> Layer<S> for PlaceLayer {
    type Service = PlaceService<S>;

    fn layer(&self, inner: S) -> PlaceService<S> {
        PlaceService { inner }
    }
}

/// See [`PlaceLayer`].
#[derive(Clone, Debug)]
pub(crate) struct PlaceService<S> {
    inner: S,
}

impl<S> Service<http::Request<Body>> for PlaceService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<http::Response<Body>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if !is_unary(request.uri().path()) {
            return Box::pin(self.inner.call(request));
        }
        let place = Place::default();
        request.extensions_mut().insert(place.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let _place = place;
            answer.await
        })
    }
}
