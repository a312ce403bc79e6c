//! One log line, one measurement and, where traces are sent, one span per call: method, status, time taken. No addresses,
//! codes, names or texts of requests.
//!
//! A call has ended when the last byte of its answer is handed to the connection, or when nobody wants it any more; a
//! stream says how it ended in its trailers, so bodies are looked through.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http_body::{Frame, SizeHint};
use opentelemetry::Context as Trace;
use opentelemetry::context::FutureExt as _;
use prost::Message as _;
use prost_types::FileDescriptorSet;

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Context, Poll, Service, http};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::Layer;

use super::status::DOMAIN;
use crate::metrics::{Metrics, OTHER};
use crate::traces::{self, Traces};

/// See the module.
#[derive(Clone, Debug)]
pub struct ObserveLayer {
    metrics: Arc<Metrics>,
    traces: Traces,
    server: SocketAddr,
}

impl ObserveLayer {
    pub fn new(metrics: Arc<Metrics>, traces: Traces, server: SocketAddr) -> ObserveLayer {
        for method in known_methods().iter().filter(|method| method.starts_with("hengxin.")) {
            metrics.expect(method);
        }
        ObserveLayer { metrics, traces, server }
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = ObserveService<S>;

    fn layer(&self, inner: S) -> ObserveService<S> {
        ObserveService { inner, layer: self.clone() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ObserveService<S> {
    inner: S,
    layer: ObserveLayer,
}

impl<S> Service<http::Request<Body>> for ObserveService<S>
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = known_method(request.uri().path());
        let ObserveLayer { metrics, traces, server } = &self.layer;
        let trace = traces.begin_call(method, request.headers(), *server);
        let mut call = Call::begin(method.unwrap_or(OTHER), Arc::clone(metrics), trace.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = match trace {
                Some(trace) => answer.with_context(trace).await,
                None => answer.await,
            };
            let (head, body) = answer?.into_parts();
            // An error is answered in the head; everything else says how it ended after its body.
            call.heard(&head.headers);
            Ok(http::Response::from_parts(head, Body::new(Answer { body, call })))
        })
    }
}

/// A call under way; it has ended when this is dropped.
struct Call {
    method: &'static str,
    begun: Instant,
    /// How it ended; a call that is dropped without a status was given up by its client.
    code: Code,
    reason: Option<String>,
    metrics: Arc<Metrics>,
    /// Its span; `None` when none are sent.
    trace: Option<Trace>,
}

impl Call {
    fn begin(method: &'static str, metrics: Arc<Metrics>, trace: Option<Trace>) -> Call {
        metrics.begun(method);
        Call { method, begun: Instant::now(), code: Code::Cancelled, reason: None, metrics, trace }
    }

    fn heard(&mut self, headers: &http::HeaderMap) {
        let Some(status) = Status::from_header_map(headers) else { return };
        self.code = status.code();
        if self.code != Code::Ok {
            // What others than this program refuse gives no reason that is known to be harmless.
            let details = status.get_error_details();
            let info = details.error_info().filter(|info| info.domain == DOMAIN);
            self.reason = Some(info.map_or_else(|| "UNSTATED".to_owned(), |info| info.reason.clone()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let (method, code) = (self.method, self.code as i32);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(target: "hengxin::call", method = %method, code, micros, "call");
        if let Some(trace) = &self.trace {
            traces::end_call(trace, name(self.code), is_fault(self.code));
        }
        self.metrics.ended(method, name(self.code), self.reason.take(), took);
    }
}

/// The body of an answer, watched for the status at its end.
struct Answer {
    body: Body,
    call: Call,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.heard(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A code as the conventions write it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether the conventions take a code for a fault of the server, and not for one of its client.
const fn is_fault(code: Code) -> bool {
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => false,
    }
}

/// The path of a method, unless a client made it up: then it may hold anything.
fn known_method(path: &str) -> Option<&'static str> {
    known_methods().get(path.strip_prefix('/')?).map(String::as_str)
}

fn known_methods() -> &'static HashSet<String> {
    static METHODS: OnceLock<HashSet<String>> = OnceLock::new();
    METHODS.get_or_init(methods)
}

/// All methods there are, by the descriptors that reflection serves.
fn methods() -> HashSet<String> {
    let sets = [hengxin_proto::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let sets = sets.into_iter().filter_map(|bytes| FileDescriptorSet::decode(bytes).ok());
    let mut methods: HashSet<String> = sets
        .flat_map(|set| set.file)
        .flat_map(|file| {
            let package = file.package().to_owned();
            file.service.into_iter().map(move |service| (package.clone(), service))
        })
        .flat_map(|(package, service)| {
            let name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{name}/{}", method.name()))
        })
        .collect();
    let reflection = ["v1", "v1alpha"];
    let name = |version| format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    methods.extend(reflection.map(name));
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_can_exist_are_named() {
        assert_eq!(
            known_method("/hengxin.v1.ScoringService/Evaluate"),
            Some("hengxin.v1.ScoringService/Evaluate")
        );
        assert_eq!(known_method("/grpc.health.v1.Health/Check"), Some("grpc.health.v1.Health/Check"));
        for path in [
            "/hengxin.v1.ScoringService/914403001922038216",
            "/hengxin.v1.914403001922038216/Evaluate",
            "/hengxin.v1.ScoringService/ZhangSan",
            "/a/b",
            "",
            "/",
            "/hengxin.v1.X/张三",
        ] {
            assert_eq!(known_method(path), None, "{path}");
        }
    }
}
