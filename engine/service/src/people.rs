//! A second port, for people: pages that ask the services from within the process.
//!
//! Whoever makes the pages gets the services as they stand behind the socket, with every layer a call from outside goes
//! through: who asks, what the rules say, what is masked, the audit trail, limits and deadlines are the same. The pages
//! know nothing that the services would not tell the person who looks at them.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use http_body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Context, Poll, Service, http};
use tonic::transport::server::{Connected as _, TcpConnectInfo, TlsConnectInfo};
use tower::util::BoxCloneSyncService;

use crate::grpc::connections::{Connection, Listener};
use crate::tls::{self, Certificates};

/// How long the head of a request may take, and how long a connection may wait for its next one.
const HEADERS: Duration = Duration::from_secs(10);
/// Oldest connection: whoever sends slowly on purpose does not hold one for ever.
const OLDEST: Duration = Duration::from_secs(15 * 60);
/// How long what is under way may take when a connection ends: a form and its answer.
const LAST_WORD: Duration = Duration::from_secs(60);

/// The services, from within the process.
#[derive(Clone)]
pub struct Local(BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>);

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Local {
    pub(crate) fn new<S>(services: S) -> Local
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        Local(BoxCloneSyncService::new(services))
    }
}

impl Service<http::Request<Body>> for Local {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.call(request.map(|body| Body::new(Within { body, ended: false }))))
    }
}

/// The message of a call from within. A body from a socket knows when it has ended; one made here must be told, or it is
/// taken for one that was cut off.
struct Within {
    body: Body,
    ended: bool,
}

impl http_body::Body for Within {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None) = frame {
            self.ended = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.ended || http_body::Body::is_end_stream(&self.body)
    }
}

/// Makes the pages over the services.
pub type MakePages = Arc<dyn Fn(Local) -> Router + Send + Sync>;

/// The port for people.
#[derive(Clone)]
pub struct People {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether there is no service without them; else a port that is taken is told and done without.
    pub required: bool,
    /// What to show there.
    pub pages: MakePages,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Who is at the other end of a connection, as far as the transport knows.
#[derive(Clone, Debug)]
pub struct Visitor {
    certified: Option<TlsConnectInfo<TcpConnectInfo>>,
}

impl Visitor {
    /// Lets a call be made in the name of whoever is at the other end: with the certificate shown, if there was one.
    pub fn accompany<T>(&self, call: &mut tonic::Request<T>) {
        if let Some(certified) = &self.certified {
            call.extensions_mut().insert(certified.clone());
        }
    }

    /// Whether a certificate was shown.
    pub fn is_certified(&self) -> bool {
        self.certified.as_ref().is_some_and(|info| info.peer_certs().is_some())
    }
}

/// Serves the pages until `stopped` is over, and finishes what is under way.
pub(crate) async fn serve(
    listener: Listener,
    certificates: Option<Arc<Certificates>>,
    pages: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    match certificates {
        Some(certificates) => {
            let visitor = |stream: &TlsStream<Connection>| {
                let speaks =
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Speaks::Two } else { Speaks::One };
                (Visitor { certified: Some(stream.connect_info()) }, speaks)
            };
            each(tls::accept(listener, certificates), visitor, pages, stopped).await;
        }
        None => {
            // No browser speaks HTTP/2 without TLS.
            let visitor = |_: &Connection| (Visitor { certified: None }, Speaks::One);
            each(listener.plain(), visitor, pages, stopped).await;
        }
    }
}

/// What is spoken on a connection. It is known before anything is read: who had to find out would wait for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// HTTP/1.1.
    One,
    /// HTTP/2.
    Two,
}

/// Serves each connection on its own.
async fn each<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    mut connections: mpsc::Receiver<io::Result<C>>,
    visitor: impl Fn(&C) -> (Visitor, Speaks),
    pages: Router,
    stopped: impl Future<Output = ()>,
) {
    let (closing, _) = watch::channel(false);
    let mut served = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            connection = connections.recv() => match connection {
                Some(Ok(connection)) => {
                    let (visitor, speaks) = visitor(&connection);
                    let pages = pages.clone().layer(Extension(ConnectInfo(visitor)));
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

/// Serves one connection: requests that begin within [`HEADERS`], until it is old or the service stops.
async fn converse<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connection: C,
    speaks: Speaks,
    pages: Router,
    mut closing: watch::Receiver<bool>,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Between requests, too: a connection that is kept open and says nothing is closed as soon.
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(HEADERS))
        .keep_alive_timeout(HEADERS)
        .max_header_list_size(16 << 10);
    let server = match speaks {
        Speaks::One => server.http1_only(),
        Speaks::Two => server.http2_only(),
    };
    let conversation = server.serve_connection(TokioIo::new(connection), TowerToHyperService::new(pages));
    tokio::pin!(conversation);
    tokio::select! {
        // Whoever hangs up or says what is no request is gone; there is nobody to tell.
        _ = &mut conversation => return,
        () = tokio::time::sleep(OLDEST) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
    conversation.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(LAST_WORD, conversation).await;
}
