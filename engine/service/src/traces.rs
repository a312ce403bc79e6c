//! Spans of calls, sent to a collector of OpenTelemetry when one is named.
//!
//! ```text
//! observe (a span for each call), gate, places (one for each thing a call waits for) ▶ bounded queue ▶ OTLP over gRPC
//! ```
//!
//! Names follow the OpenTelemetry conventions for RPC and HTTP. Attributes are methods that exist, codes and addresses of
//! this service: nothing that a client sent, so no code, name or text of an enterprise can be in one. Of a caller's trace
//! only its numbers are taken (`traceparent`); `tracestate` and baggage are texts, and left alone.
//!
//! The queue drops spans rather than hold a call up, and a collector that cannot be reached is told once in the log.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use opentelemetry::context::FutureExt as _;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter};

/// Where spans go, and of how many calls.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSetup {
    /// Where a collector listens for OTLP over gRPC, such as `http://127.0.0.1:4317`.
    pub collector: String,
    /// Share of calls that are traced, 0 to 1. Where a caller's own trace says whether it is recorded, that counts.
    pub ratio: f64,
}

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
#[error("no spans can be sent to `{collector}`: {why}")]
pub struct TracesError {
    /// What was named as the collector.
    collector: String,
    /// What is wrong with it.
    why: String,
}

/// What makes spans and sends them; by default nothing does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(Option<Sending>);

#[derive(Clone, Debug)]
struct Sending {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Needs a runtime around it, which carries the connection to the collector. Nothing is connected yet.
    pub(crate) fn new(setup: &TraceSetup) -> Result<Traces, TracesError> {
        let failed = |why| TracesError { collector: setup.collector.clone(), why };
        if !["http://", "https://"].iter().any(|scheme| setup.collector.starts_with(scheme)) {
            return Err(failed("expected `http://` or `https://`, a host and a port".to_owned()));
        }
        if !(0.0..=1.0).contains(&setup.ratio) {
            return Err(failed(format!("found {} as the share of calls, expected 0 to 1", setup.ratio)));
        }
        let exporter = OtlpExporter::builder().with_tonic().with_endpoint(setup.collector.as_str());
        let exporter = exporter.build().map_err(|error| failed(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Telling { inner: exporter, failing: AtomicBool::new(false) })
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(setup.ratio))))
            .with_resource(resource())
            .build();
        let tracer = provider.tracer("hengxin");
        Ok(Traces(Some(Sending { provider, tracer })))
    }

    /// Begins the span of a call that came with these headers, in which `within` then finds itself.
    ///
    /// `method` is one that exists, or `None`. A page that asks a service from within has a span already, which is the parent.
    pub(crate) fn begin_call(
        &self,
        method: Option<&'static str>,
        headers: &HeaderMap,
        server: SocketAddr,
    ) -> Option<Context> {
        let attributes = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method.unwrap_or(crate::metrics::OTHER)),
        ];
        self.begin(method.unwrap_or("grpc").to_owned(), attributes, headers, server)
    }

    fn begin(
        &self,
        name: String,
        mut attributes: Vec<KeyValue>,
        headers: &HeaderMap,
        server: SocketAddr,
    ) -> Option<Context> {
        let Sending { tracer, .. } = self.0.as_ref()?;
        let around = Context::current();
        let parent = if around.has_active_span() {
            around
        } else {
            TraceContextPropagator::new().extract_with_context(&around, &Parent(headers))
        };
        attributes.push(KeyValue::new("server.address", server.ip().to_string()));
        attributes.push(KeyValue::new("server.port", i64::from(server.port())));
        let span = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = span.start_with_context(tracer, &parent);
        Some(parent.with_span(span).with_value(tracer.clone()))
    }

    /// Gives every page a span, which is the parent of those of the calls it makes.
    pub(crate) fn of_pages(&self, pages: Router, server: SocketAddr) -> Router {
        match self.0 {
            Some(_) => pages.layer(from_fn_with_state((self.clone(), server), page)),
            None => pages,
        }
    }

    /// Sends what is in the queue, and waits for it no longer than `patience`. Blocks.
    pub(crate) fn end(&self, patience: Duration) {
        if let Some(Sending { provider, .. }) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(patience)
        {
            tracing::warn!(target: "hengxin::server", "the last spans were not sent: {error}");
        }
    }
}

/// Ends the span of a call, with its code as the conventions write it.
pub(crate) fn end_call(call: &Context, code: &'static str, failed: bool) {
    let span = call.span();
    span.set_attribute(KeyValue::new("rpc.response.status_code", code));
    if failed {
        span.set_attribute(KeyValue::new("error.type", code));
        span.set_status(Status::error(""));
    }
    span.end();
}

/// Has `work` done within a span of its own, if the call is traced; a child of the span it is called in.
///
/// Streams are told from tasks of their own, where there is no call around, and so have no children for each message.
pub(crate) async fn within<T, E>(
    name: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let traced = Context::map_current(|around| {
        let tracer = around.get::<SdkTracer>()?;
        let span = tracer.span_builder(name).with_kind(SpanKind::Internal);
        Some(around.with_span(span.start_with_context(tracer, around)))
    });
    let Some(context) = traced else { return work.await };
    let done = work.with_context(context.clone()).await;
    if done.is_err() {
        context.span().set_status(Status::error(""));
    }
    context.span().end();
    done
}

/// A page: the address that was asked for may hold a code, so only the pattern it fits is told.
async fn page(
    State((traces, server)): State<(Traces, SocketAddr)>,
    request: Request,
    next: Next,
) -> Response {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => crate::metrics::OTHER,
    };
    let mut attributes = vec![KeyValue::new("http.request.method", method)];
    let mut name = if method == crate::metrics::OTHER { "HTTP" } else { method }.to_owned();
    if let Some(route) = request.extensions().get::<MatchedPath>() {
        attributes.push(KeyValue::new("http.route", route.as_str().to_owned()));
        name = format!("{name} {}", route.as_str());
    }
    let Some(context) = traces.begin(name, attributes, request.headers(), server) else {
        return next.run(request).await;
    };
    let response = next.run(request).with_context(context.clone()).await;
    let span = context.span();
    let status = response.status();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        span.set_status(Status::error(""));
    }
    span.end();
    response
}

/// Of a caller's headers only the numbers of its trace.
struct Parent<'h>(&'h HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if key == "traceparent" { self.0.get(key)?.to_str().ok() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// Who sends the spans: this program, unless the environment says it otherwise in the ways of the conventions.
fn resource() -> Resource {
    let own = [
        KeyValue::new("service.name", "hengxin"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let resource = Resource::builder_empty()
        .with_attributes(own)
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name),
        Ok(_) | Err(_) => resource,
    }
    .build()
}

/// An exporter that says once that it fails, and once that it does no longer.
#[derive(Debug)]
struct Telling<E> {
    inner: E,
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.inner.export(batch).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => {
                tracing::warn!(target: "hengxin::server", "spans are lost until the collector takes them: {error}");
            }
            Ok(()) if failed_before => {
                tracing::info!(target: "hengxin::server", "the collector takes spans again");
            }
            Ok(()) | Err(_) => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::OTelSdkError;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Fails as long as it is told to.
    #[derive(Debug)]
    struct Failing(Arc<AtomicBool>);

    impl SpanExporter for Failing {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            let failed = OTelSdkError::InternalFailure("nobody there".to_owned());
            if self.0.load(Ordering::Relaxed) { Err(failed) } else { Ok(()) }
        }
    }

    /// Keeps the levels of what is logged.
    #[derive(Clone, Default)]
    struct Levels(Arc<Mutex<Vec<tracing::Level>>>);

    impl Subscriber for Levels {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "hengxin::server"
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            self.0.lock().expect("no panic before").push(*event.metadata().level());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_collector_that_fails_is_told_once_and_once_that_it_does_no_longer() {
        let levels = Levels::default();
        let _here = tracing::subscriber::set_default(levels.clone());
        let fails = Arc::new(AtomicBool::new(true));
        let telling = Telling { inner: Failing(Arc::clone(&fails)), failing: AtomicBool::new(false) };
        for failing in [false, true, true, true, false, false, true] {
            fails.store(failing, Ordering::Relaxed);
            assert_eq!(telling.export(Vec::new()).await.is_err(), failing);
        }
        let told = levels.0.lock().expect("no panic before").clone();
        assert_eq!(told, [tracing::Level::WARN, tracing::Level::INFO, tracing::Level::WARN]);
    }
}
