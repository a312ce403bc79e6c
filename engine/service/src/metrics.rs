//! What the service counts about itself, as Prometheus reads it.
//!
//! ```text
//! grpc (calls, refusals, the trail), server (connections) ─ count ▶ Metrics ─ text ▶ GET /metrics on a port of its own
//! ```
//!
//! Names follow the OpenTelemetry conventions for RPC where these have one. Labels are methods that exist, codes, reasons and
//! decisions of this program: nothing that a client sent, so no code, name or text of an enterprise can be in one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hengxin_log::TreeHead;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::conversation::{self, Speaks};
use crate::engine::Engine;
use crate::grpc::connections::{Connection, Listener};
use crate::problem::{Answer, Problem};
use crate::tls::Certificates;

/// Upper ends of the classes of durations, in seconds: those of the conventions, and two for answers from memory.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];

/// Most connections at once to the port of the figures: a few programs ask for them now and then.
const CONNECTIONS: usize = 64;

/// How a method is called that does not exist: the word of the OpenTelemetry conventions.
pub(crate) const OTHER: &str = "_OTHER";

/// A call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    rpc_method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    decision: &'static str,
}

/// Counts of one service.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    durations: Durations,
    under_way: Family<Method, Gauge>,
    refused: Family<Reason, Counter>,
    audited: Family<Decided, Counter>,
    audit_failures: Counter,
    writes_waiting: Gauge,
    connections: Gauge,
    connections_refused: Counter,
}

/// A family of histograms; its own type because `Family` has no default for them.
#[derive(Clone, Debug)]
struct Durations(Family<Ended, Histogram, fn() -> Histogram>);

impl Default for Durations {
    fn default() -> Durations {
        Durations(Family::new_with_constructor(|| Histogram::new(SECONDS)))
    }
}

impl Metrics {
    /// Has a method told of before it is called, so that a rate of its calls begins at nothing.
    pub(crate) fn expect(&self, method: &'static str) {
        drop(self.durations.0.get_or_create(&Ended { rpc_method: method, rpc_response_status_code: "OK" }));
    }

    /// A call begins.
    pub(crate) fn begun(&self, method: &'static str) {
        self.under_way.get_or_create(&Method { rpc_method: method }).inc();
    }

    /// A call has ended; `reason` when it was refused with one. Reasons come from this program alone.
    pub(crate) fn ended(
        &self,
        method: &'static str,
        code: &'static str,
        reason: Option<String>,
        took: Duration,
    ) {
        self.under_way.get_or_create(&Method { rpc_method: method }).dec();
        let ended = Ended { rpc_method: method, rpc_response_status_code: code };
        self.durations.0.get_or_create(&ended).observe(took.as_secs_f64());
        if let Some(reason) = reason {
            self.refused.get_or_create(&Reason { reason }).inc();
        }
    }

    /// An entry of the audit trail is on disk.
    pub(crate) fn audited(&self, decision: &'static str) {
        self.audited.get_or_create(&Decided { decision }).inc();
    }

    /// An entry of the audit trail could not be written.
    pub(crate) fn audit_failed(&self) {
        self.audit_failures.inc();
    }

    /// Counts a write as waiting until what is given is dropped.
    pub(crate) fn write_waits(&self) -> Counted {
        Counted::new(&self.writes_waiting)
    }

    /// Counts a connection as open until what is given is dropped.
    pub(crate) fn connected(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// A connection was closed at once.
    pub(crate) fn connection_refused(&self) {
        self.connections_refused.inc();
    }
}

/// One of a gauge.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Counted {
        gauge.inc();
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Everything that is told to who asks.
pub(crate) struct Page {
    registry: Registry,
    engine: Arc<Engine>,
    certificates: Option<Arc<Certificates>>,
    watermark_age: Gauge<f64, AtomicU64>,
    log_entries: Gauge,
    certificate_expiry: Gauge,
}

impl Page {
    pub(crate) fn new(
        metrics: &Metrics,
        engine: Arc<Engine>,
        certificates: Option<Arc<Certificates>>,
    ) -> Page {
        let mut registry = Registry::default();
        registry.register_with_unit(
            "rpc_server_call_duration",
            "How long calls took, from their head to the end of their answer",
            Unit::Seconds,
            metrics.durations.0.clone(),
        );
        registry.register("hengxin_calls_under_way", "Calls not yet answered", metrics.under_way.clone());
        registry.register("hengxin_calls_refused", "Calls refused, by reason", metrics.refused.clone());
        registry.register(
            "hengxin_audit_entries",
            "Entries of the audit trail written by this process",
            metrics.audited.clone(),
        );
        registry.register(
            "hengxin_audit_failures",
            "Calls refused because the audit trail could not be written",
            metrics.audit_failures.clone(),
        );
        registry.register(
            "hengxin_writes_waiting",
            "Writes not yet on disk, entries of the audit trail among them",
            metrics.writes_waiting.clone(),
        );
        registry.register("hengxin_connections", "Open connections", metrics.connections.clone());
        registry.register(
            "hengxin_connections_refused",
            "Connections closed at once because as many as allowed were open",
            metrics.connections_refused.clone(),
        );
        let (watermark_age, log_entries, certificate_expiry) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register_with_unit(
            "hengxin_ledger_watermark_age",
            "Time since anything was last recorded about enterprises; NaN for an empty ledger",
            Unit::Seconds,
            watermark_age.clone(),
        );
        registry.register(
            "hengxin_log_entries",
            "Entries of the log under its newest signed head",
            log_entries.clone(),
        );
        if certificates.is_some() {
            registry.register_with_unit(
                "hengxin_certificate_expiry_timestamp",
                "When the certificate of this service expires, in seconds since 1970",
                Unit::Seconds,
                certificate_expiry.clone(),
            );
        }
        Page { registry, engine, certificates, watermark_age, log_entries, certificate_expiry }
    }

    /// The text. Reads the ledger, so not for async code.
    fn text(&self) -> Answer<String> {
        let watermark = self.engine.watermark();
        let micros = self.engine.now().0.saturating_sub(watermark.0);
        self.watermark_age.set(if watermark.0 == 0 { f64::NAN } else { micros as f64 / 1e6 });
        let snapshot = self.engine.snapshot(None)?;
        let log = snapshot.log();
        let entries = match log.head(None)? {
            Some(note) => {
                TreeHead::open(&note, &log.key()?)
                    .map_err(|error| Problem::Damaged {
                        detail: format!("the newest head of the log: {error}"),
                    })?
                    .size
            }
            None => 0,
        };
        self.log_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        if let Some(expiry) = self.certificates.as_ref().and_then(|certificates| certificates.expiry()) {
            let since = expiry.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.certificate_expiry.set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        Ok(text)
    }
}

/// Answers `GET /metrics` until the task is aborted.
pub(crate) async fn serve(listener: tokio::net::TcpListener, page: Page) {
    let router = Router::new().route("/metrics", get(metrics)).with_state(Arc::new(page));
    // Counts of its own: whoever looks at the figures is none of them.
    let listener = Listener::new(listener, CONNECTIONS, Arc::new(Metrics::default()));
    let meet = |_: &Connection| (router.clone(), Speaks::One);
    conversation::each(listener.plain(), meet, std::future::pending()).await;
}

async fn metrics(State(page): State<Arc<Page>>) -> Response {
    match tokio::task::spawn_blocking(move || page.text()).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Ok(Err(problem)) => {
            tracing::warn!(target: "hengxin::server", "the ledger gives no metrics: {problem}");
            (StatusCode::SERVICE_UNAVAILABLE, "the ledger cannot be read\n").into_response()
        }
        // A panic there is in the log of panics.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
