//! A service on a free port of loopback, with a small catalogue, a fresh ledger and a clock that stands still.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::Duration;

use hengxin_core::date::Moment;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::report_service_client::ReportServiceClient;
use hengxin_proto::v1::rescoring_service_client::RescoringServiceClient;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_proto::v1::standard_service_client::StandardServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::{Config, Engine, EngineOptions, ServeError, bind};
use hengxin_standard::Catalogue;
use hengxin_store::{Clock, Ledger, Options, Place};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// 2026-06-30, noon in China.
pub(crate) const NOON: i64 = 1_782_792_000_000_000;
pub(crate) const TODAY: &str = "2026-06-30";
pub(crate) const FIELD: &str = "test-field";

/// A clock the test moves, and holds: who asks a held clock waits.
#[derive(Debug)]
pub(crate) struct TestClock {
    now: AtomicI64,
    held: RwLock<()>,
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let _free = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Moment(self.now.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(crate) fn at(moment: i64) -> Arc<TestClock> {
        Arc::new(TestClock { now: AtomicI64::new(moment), held: RwLock::new(()) })
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_micros()).expect("a short time"), Ordering::SeqCst);
    }

    pub(crate) fn set(&self, moment: i64) {
        self.now.store(moment, Ordering::SeqCst);
    }

    /// Holds the clock until what is given is dropped.
    pub(crate) fn hold(self: &Arc<TestClock>) -> Held {
        let clock = Arc::clone(self);
        let (release, released) = mpsc::channel::<()>();
        let (hold, held) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _held = clock.held.write().unwrap_or_else(PoisonError::into_inner);
            let _ = hold.send(());
            // Until the other end is gone.
            let _ = released.recv();
        });
        held.recv().expect("the clock is held");
        Held { release: Some(release), thread: Some(thread) }
    }
}

/// A held clock. Its thread has the lock, so that this can be kept while a test waits.
pub(crate) struct Held {
    release: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) struct Rig {
    pub(crate) channel: Channel,
    pub(crate) address: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) path: PathBuf,
    pub(crate) metrics: Option<std::net::SocketAddr>,
    pub(crate) people: Option<std::net::SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), ServeError>>>,
    pub(crate) folder: Arc<TempDir>,
}

/// The catalogue of these tests.
pub(crate) fn catalogue() -> Arc<Catalogue> {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = vec![
        file("vocabulary.yaml", include_str!("../../../../standards/vocabulary.yaml")),
        file("public-test/2024.1.yaml", include_str!("standards/public-2024.yaml")),
        file("public-test/2026.1.yaml", include_str!("standards/public-2026.yaml")),
        file("industry-test/2026.1.yaml", include_str!("standards/industry-2026.yaml")),
        file("policies/test-field/2026.1.yaml", include_str!("standards/policy-2026.yaml")),
    ];
    match Catalogue::from_files(files) {
        Ok(catalogue) => Arc::new(catalogue),
        Err(problem) => panic!("{problem}"),
    }
}

impl Rig {
    pub(crate) async fn new() -> Rig {
        Rig::with(|_, _| {}).await
    }

    /// A rig whose options a test changes.
    pub(crate) async fn with(change: impl FnOnce(&mut Options, &mut Config)) -> Rig {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Rig::at(folder, TestClock::at(NOON), change).await
    }

    /// The service ended and begun anew: another engine over the same file.
    pub(crate) async fn restarted(mut self) -> Rig {
        self.stop().await.expect("joined").expect("a clean end");
        let Rig { folder, clock, engine, .. } = self;
        drop(engine);
        Rig::at(folder, clock, |_, _| {}).await
    }

    /// A service over whatever the folder holds.
    pub(crate) async fn at(
        folder: Arc<TempDir>,
        clock: Arc<TestClock>,
        change: impl FnOnce(&mut Options, &mut Config),
    ) -> Rig {
        Rig::over(catalogue(), folder, clock, change).await
    }

    /// A service over another catalogue.
    pub(crate) async fn over(
        catalogue: Arc<Catalogue>,
        folder: Arc<TempDir>,
        clock: Arc<TestClock>,
        change: impl FnOnce(&mut Options, &mut Config),
    ) -> Rig {
        let path = folder.path().join("ledger.db");
        let mut options = Options {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            busy_wait: Duration::from_secs(5),
            ..Options::default()
        };
        let mut config = Config { address: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        change(&mut options, &mut config);
        // A folder with an address in it has its ledger on a server.
        let place = match std::fs::read_to_string(folder.path().join("address")) {
            Ok(address) => Place::parse(&address, folder.path().join("ledger.key")).expect("an address"),
            Err(_) => Place::from(&path),
        };
        let ledger =
            Ledger::open_or_create(place, Arc::clone(&catalogue.vocabulary), options).expect("a ledger");
        let engine_options =
            EngineOptions { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..EngineOptions::default() };
        let engine = Engine::open(catalogue, ledger, engine_options).expect("an engine");
        let tls = config.tls.is_some();
        let bound = bind(config, Arc::clone(&engine)).expect("a free port");
        let address = format!("http://{}", bound.address());
        let (metrics, people) = (bound.metrics_address(), bound.people_address());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(bound.run(async {
            let _ = stopped.await;
        }));
        let endpoint = Channel::from_shared(address.clone()).expect("an address");
        let channel =
            if tls { endpoint.connect_lazy() } else { endpoint.connect().await.expect("a connection") };
        Rig {
            channel,
            address,
            engine,
            clock,
            path,
            metrics,
            people,
            stop: Some(stop),
            served: Some(served),
            folder,
        }
    }

    pub(crate) fn scoring(&self) -> ScoringServiceClient<Channel> {
        ScoringServiceClient::new(self.channel.clone())
    }

    pub(crate) fn rescoring(&self) -> RescoringServiceClient<Channel> {
        RescoringServiceClient::new(self.channel.clone())
    }

    pub(crate) fn supervision(&self) -> SupervisionServiceClient<Channel> {
        SupervisionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn ledger(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.channel.clone())
    }

    pub(crate) fn reports(&self) -> ReportServiceClient<Channel> {
        ReportServiceClient::new(self.channel.clone())
    }

    pub(crate) fn standards(&self) -> StandardServiceClient<Channel> {
        StandardServiceClient::new(self.channel.clone())
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) -> JoinHandle<Result<(), ServeError>> {
        let _ = self.stop.take().expect("not stopped before").send(());
        self.served.take().expect("not stopped before")
    }

    /// Submits in one message.
    pub(crate) async fn submit(
        &self,
        id: &str,
        facts: Vec<v1::FactInput>,
    ) -> Result<v1::SubmitFactsResponse, Status> {
        let message = v1::SubmitFactsRequest {
            request_id: id.to_owned(),
            source: "test".to_owned(),
            facts,
            deliveries: vec![],
        };
        let answer = self.ledger().submit_facts(tokio_stream::once(message)).await?;
        Ok(answer.into_inner())
    }

    /// Registers enterprises, and says that all registers they need are delivered nationally through today.
    pub(crate) async fn registered(&self, codes: &[Uscc]) {
        let facts = codes.iter().map(|code| registration(*code, "甲公司", "330106", "C1411")).collect();
        self.submit("registered", facts).await.expect("registrations");
        self.delivered().await;
    }

    /// Says that the registers the test standards read are delivered nationally through today.
    pub(crate) async fn delivered(&self) {
        let registers = [
            "registration",
            "administrative-penalties",
            "abnormal-operation",
            "serious-dishonesty",
            "relations",
        ];
        let deliveries = registers
            .iter()
            .map(|register| v1::DeliveryInput {
                register: (*register).to_owned(),
                region: "100000".to_owned(),
                through: TODAY.to_owned(),
            })
            .collect();
        let message = v1::SubmitFactsRequest {
            request_id: "delivered".to_owned(),
            source: "test".to_owned(),
            facts: vec![],
            deliveries,
        };
        self.ledger().submit_facts(tokio_stream::once(message)).await.expect("deliveries");
    }

    /// Evaluates by the public standard with everything told.
    pub(crate) async fn evaluated(&self, code: Uscc) -> v1::Evaluation {
        let answer = self.scoring().evaluate(question(code)).await.expect("an evaluation");
        answer.into_inner().evaluation.expect("present")
    }
}

pub(crate) fn question(code: Uscc) -> v1::EvaluateRequest {
    v1::EvaluateRequest {
        enterprise: format!("enterprises/{code}"),
        standard: "public-test".to_owned(),
        view: v1::EvaluationView::Full.into(),
        ..v1::EvaluateRequest::default()
    }
}

/// The n-th of many codes, ascending.
pub(crate) fn code(n: u32) -> Uscc {
    let region = RegionCode::from_digits(330_106).expect("a region");
    let body = format!("MB{n:06}");
    Uscc::assemble(*b"91", region, body.as_bytes().try_into().expect("eight")).expect("a code")
}

pub(crate) fn fact(kind: &str, fields: &[(&str, &str)]) -> v1::FactInput {
    let field =
        |(id, value): &(&str, &str)| v1::FieldInput { id: (*id).to_owned(), value: (*value).to_owned() };
    v1::FactInput { code: kind.to_owned(), fields: fields.iter().map(field).collect() }
}

pub(crate) fn registration(code: Uscc, name: &str, region: &str, industry: &str) -> v1::FactInput {
    fact(
        "registration",
        &[
            ("subject_code", code.as_str()),
            ("subject_name", name),
            ("changed_on", "2020-01-01"),
            ("established_on", "2020-01-01"),
            ("status", "active"),
            ("region", region),
            ("industry", industry),
        ],
    )
}

pub(crate) fn penalty(code: Uscc, number: &str, on: &str) -> v1::FactInput {
    fact(
        "administrative-penalty",
        &[
            ("subject_code", code.as_str()),
            ("subject_name", "甲公司"),
            ("document_number", number),
            ("kinds", "fine"),
            ("fine", "1.5"),
            ("decided_on", on),
            ("authority", "某局"),
        ],
    )
}

pub(crate) fn repair(code: Uscc, number: &str, on: &str) -> v1::FactInput {
    fact(
        "credit-repair",
        &[
            ("subject_code", code.as_str()),
            ("target_code", "administrative-penalty"),
            ("document_number", number),
            ("authority", "某局"),
            ("repaired_on", on),
        ],
    )
}

/// Checks code and reason of a refusal; gives its details.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> (String, ErrorDetails) {
    let status = answer.expect_err("a refusal");
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().expect("an ErrorInfo");
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "hengxin"), "{status:?}");
    (status.message().to_owned(), details)
}

/// The one violation a refused request is told of.
#[track_caller]
pub(crate) fn violation<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) -> String {
    let (_, details) = refusal(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let mut found = violations(&details);
    assert_eq!(found.len(), 1, "{found:?}");
    let (named, description) = found.remove(0);
    assert_eq!(named, field, "{description}");
    description
}

/// Fields and descriptions of a `BadRequest`.
pub(crate) fn violations(details: &ErrorDetails) -> Vec<(String, String)> {
    let found = details.bad_request().map(|b| b.field_violations.clone()).unwrap_or_default();
    found.into_iter().map(|v| (v.field, v.description)).collect()
}
