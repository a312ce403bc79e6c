//! A second port, for people: pages that ask the services from within the process.
//!
//! Whoever makes the pages gets the services as they stand behind the socket, with every layer a call from outside goes
//! through: who asks, what the rules say, what is masked, the audit trail, limits and deadlines are the same. The pages
//! know nothing that the services would not tell the person who looks at them.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use http_body::Frame;
use tokio_rustls::server::TlsStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Context, Poll, Service, http};
use tonic::transport::server::{Connected as _, TcpConnectInfo, TlsConnectInfo};
use tower::util::BoxCloneSyncService;

use crate::conversation::{self, Speaks};
use crate::grpc::connections::{Connection, Listener};
use crate::tls::{self, Certificates};

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
    let shown_to = move |visitor| pages.clone().layer(Extension(ConnectInfo(visitor)));
    match certificates {
        Some(certificates) => {
            let meet = |stream: &TlsStream<Connection>| {
                let speaks =
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Speaks::Two } else { Speaks::One };
                (shown_to(Visitor { certified: Some(stream.connect_info()) }), speaks)
            };
            conversation::each(tls::accept(listener, certificates), meet, stopped).await;
        }
        None => {
            // No browser speaks HTTP/2 without TLS.
            let meet = |_: &Connection| (shown_to(Visitor { certified: None }), Speaks::One);
            conversation::each(listener.plain(), meet, stopped).await;
        }
    }
}
