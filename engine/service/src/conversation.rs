//! Connections of browsers and of others who speak plain HTTP, each with limits of time.
//!
//! `axum::serve` sets none, so that who sends a byte a second, or nothing at all, would hold a connection for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http_body::{Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long the head of a request may take, and how long a connection without a request under way is kept.
const SILENCE: Duration = Duration::from_secs(10);
/// Oldest connection: whoever sends slowly on purpose does not hold one for ever.
const OLDEST: Duration = Duration::from_secs(15 * 60);
/// How long what is under way may take when a connection ends: a form and its answer.
const LAST_WORD: Duration = Duration::from_secs(60);
/// Requests at once on a connection of HTTP/2: each may hold a form. A page and its files are fewer.
const AT_ONCE: u32 = 16;

/// What is spoken on a connection. It is known before anything is read: who had to find out would wait for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Serves each connection on its own, with the pages that `meet` has for it, until `stopped` is over; then finishes what
/// is under way.
pub(crate) async fn each<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    mut connections: mpsc::Receiver<io::Result<C>>,
    meet: impl Fn(&C) -> (Router, Speaks),
    stopped: impl Future<Output = ()>,
) {
    let (closing, _) = watch::channel(false);
    let mut served = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            connection = connections.recv() => match connection {
                Some(Ok(connection)) => {
                    let (pages, speaks) = meet(&connection);
                    served.spawn(converse(connection, speaks, pages, closing.subscribe()));
                }
                // The one that failed is gone; the next may do better.
                Some(Err(_)) => {}
                None => break,
            },
            Some(_) = served.join_next() => {}
            () = &mut stopped => break,
        }
    }
    drop(connections);
    // Those that listen finish what they are at; nobody may be left.
    let _ = closing.send(true);
    while served.join_next().await.is_some() {}
}

/// Serves one connection until it says nothing for [`SILENCE`], is old, or the service stops.
async fn converse<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connection: C,
    speaks: Speaks,
    pages: Router,
    mut closing: watch::Receiver<bool>,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE);
    server
        .http2()
        .timer(TokioTimer::new())
        // Pings find out who is gone without a word.
        .keep_alive_interval(Some(SILENCE))
        .keep_alive_timeout(SILENCE)
        .max_concurrent_streams(AT_ONCE)
        .max_header_list_size(16 << 10);
    let server = match speaks {
        Speaks::One => server.http1_only(),
        Speaks::Two => server.http2_only(),
    };
    let (under_way, watched) = watch::channel(0);
    let under_way = Arc::new(under_way);
    let pages = pages.layer(from_fn(move |request, next| counted(Turn::begin(&under_way), request, next)));
    let conversation = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(pages));
    tokio::pin!(conversation);
    tokio::select! {
        // Whoever hangs up or says what is no request is gone; there is nobody to tell.
        _ = &mut conversation => return,
        () = silence(watched) => {}
        () = tokio::time::sleep(OLDEST) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
    conversation.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(LAST_WORD, conversation).await;
}

/// Waits until no request has been under way for [`SILENCE`]. HTTP/2 has no limit of its own: a peer that answers pings and
/// asks nothing would stay.
async fn silence(mut under_way: watch::Receiver<usize>) {
    loop {
        let silent = *under_way.borrow_and_update() == 0;
        tokio::select! {
            // One that begins and ends at once has changed the count, too.
            changed = under_way.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(SILENCE), if silent => return,
        }
    }
}

/// A request under way, from its head to the end of its answer.
struct Turn(Arc<watch::Sender<usize>>);

impl Turn {
    fn begin(under_way: &Arc<watch::Sender<usize>>) -> Turn {
        under_way.send_modify(|count| *count += 1);
        Turn(Arc::clone(under_way))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn counted(turn: Turn, request: Request, next: Next) -> axum::response::Response {
    next.run(request).await.map(|body| Body::new(Counted { body, _turn: turn }))
}

/// An answer that is counted until it has been sent.
struct Counted {
    body: Body,
    _turn: Turn,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
