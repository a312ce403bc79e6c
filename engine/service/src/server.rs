//! The server: socket, TLS, layers, health, reflection, and a shutdown that drains.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::ServiceBuilder;

use crate::access::Access;
use crate::conductor::RunSetup;
use crate::engine::Engine;
use crate::grpc::connections::Listener;
use crate::grpc::{
    DeadlineLayer, Hands, Load, News, ObserveLayer, PlaceLayer, RefusalLayer, SERVICES, routes,
};
use crate::laboratory::LaboratorySetup;
use crate::metrics::{self, Metrics, Page};
use crate::people::{self, Local, People};
use crate::tasks::{Conducting, Modelling, look_again, look_at_files, prepare};
use crate::tls::{self, Certificates, Tls, TlsError};
use crate::traces::{TraceSetup, Traces, TracesError};
use crate::typesetter::Typesetter;

/// Oldest connection: whose certificate has expired or was revoked meanwhile is not let in again. Calls under way are
/// finished first.
const CONNECTION_AGE: Duration = Duration::from_secs(15 * 60);

/// How long a shutdown waits at the most for the last spans to be sent: they are worth no more.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Encryption; `None` for plain text, which suits only loopback.
    pub tls: Option<Tls>,
    /// Who may ask for what.
    pub access: Arc<Access>,
    /// How much is taken on at once.
    pub load: Load,
    /// Whether clients may ask which services there are.
    pub reflection: bool,
    /// How long a shutdown waits for requests and pages under way.
    pub drain: Duration,
    /// How long health says `NOT_SERVING` before connections are closed, so that balancers look elsewhere first.
    pub notice: Duration,
    /// Where `GET /metrics` is answered, in plain text; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where spans of calls are sent; `None`: nowhere.
    pub traces: Option<TraceSetup>,
    /// Pages for people on a port of their own; `None`: none.
    pub people: Option<People>,
    /// How runs are carried out; `None`: not here.
    pub runs: Option<RunSetup>,
    /// How studies of a laboratory are carried out; `None`: not here.
    pub laboratory: Option<LaboratorySetup>,
    /// The program that sets reports as documents; `None`: none are set here.
    pub typesetter: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            address: SocketAddr::from(([127, 0, 0, 1], 50_051)),
            tls: None,
            access: Arc::new(Access::open()),
            load: Load::default(),
            reflection: true,
            drain: Duration::from_secs(20),
            notice: Duration::ZERO,
            metrics: None,
            traces: None,
            people: None,
            runs: None,
            laboratory: None,
            typesetter: None,
        }
    }
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Spans cannot be sent to what was named.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The descriptors the program was built with cannot be served.
    #[error("cannot offer reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the transport failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// A service that has its socket and waits to be run.
pub struct Bound {
    config: Config,
    engine: Arc<Engine>,
    listener: std::net::TcpListener,
    address: SocketAddr,
    metrics: Option<std::net::TcpListener>,
    people: Option<(std::net::TcpListener, SocketAddr)>,
    certificates: Option<Arc<Certificates>>,
    traces: Traces,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Takes the socket and reads the certificates. Needs a runtime around it.
///
/// # Errors
/// [`ServeError::Bind`], [`ServeError::Tls`] and [`ServeError::Traces`].
pub fn bind(config: Config, engine: Arc<Engine>) -> Result<Bound, ServeError> {
    let certificates = config.tls.as_ref().map(Certificates::read).transpose()?.map(Arc::new);
    let traces = config.traces.as_ref().map(Traces::new).transpose()?.unwrap_or_default();
    let (listener, address) = listen(config.address)?;
    let metrics = config.metrics.map(|address| listen(address).map(|(listener, _)| listener)).transpose()?;
    let people = match config.people.as_ref().map(|people| (people, listen(people.address))) {
        None => None,
        Some((_, Ok(taken))) => Some(taken),
        Some((people, Err(error))) if people.required => return Err(error),
        Some((_, Err(error))) => {
            tracing::warn!(target: "hengxin::server", "no console: {error}");
            None
        }
    };
    Ok(Bound { config, engine, listener, address, metrics, people, certificates, traces })
}

fn listen(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Bind { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let taken = listener.local_addr().map_err(failed)?;
    Ok((listener, taken))
}

/// Serves until `shutdown` is over, then drains.
///
/// # Errors
/// As [`bind`] and [`Bound::run`].
pub async fn serve(
    config: Config,
    engine: Arc<Engine>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    bind(config, engine)?.run(shutdown).await
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `GET /metrics` is answered.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Where people find pages.
    pub fn people_address(&self) -> Option<SocketAddr> {
        self.people.as_ref().map(|(_, address)| *address)
    }

    /// Serves until `shutdown` is over. Then health says `NOT_SERVING`, no further connections are taken, requests
    /// and pages under way are finished within [`Config::drain`], and queued writes reach the disk.
    ///
    /// # Errors
    /// When TLS or reflection cannot be set up, or the transport fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Bound { config, engine, listener, address, people, certificates, traces, .. } = self;
        let metrics_listener = self.metrics;
        let people_certificates =
            config.tls.as_ref().filter(|_| people.is_some()).map(Certificates::read_for_people);
        let people_certificates = people_certificates.transpose()?.map(Arc::new);
        let failed = |source| ServeError::Bind { address, source };
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let metrics = Arc::new(Metrics::default());
        let counted = metrics_listener.map(tokio::net::TcpListener::from_std).transpose().map_err(failed)?;
        let page = Page::new(&metrics, Arc::clone(&engine), certificates.clone());
        let counted = counted.map(|listener| tokio::spawn(metrics::serve(listener, page)));
        let server = Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .tcp_keepalive(Some(Duration::from_secs(60)))
            .max_concurrent_streams(1024)
            .http2_max_header_list_size(16 << 10)
            .max_connection_age(CONNECTION_AGE);
        let (mut health, health_service) = tonic_health::server::health_reporter();
        set_all(&health, ServingStatus::Serving).await;
        let (news, heard) = watch::channel(News::default());
        let news = Arc::new(news);
        let conducting = config.runs.clone().map(|setup| Conducting::begin(&engine, setup));
        let wake = conducting.as_ref().map(|conducting| Arc::clone(&conducting.wake));
        let modelling = config.laboratory.clone().map(|setup| Modelling::begin(&engine, setup));
        let trainer = modelling.as_ref().map(|modelling| modelling.trainer.clone());
        let access = Arc::clone(&config.access);
        let typesetter = config.typesetter.clone().map(|program| Arc::new(Typesetter::new(program)));
        let hands = Hands { wake, trainer, typesetter };
        let exports = Arc::new(RwLock::new(()));
        let (reading, counting) = (Arc::clone(&exports), Arc::clone(&metrics));
        let mut services = routes(Arc::clone(&engine), config.load, heard, hands, reading, access, counting)
            .add_service(health_service);
        if config.reflection {
            // Both versions: grpcio's own reflection client still asks for the older one.
            services =
                services.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
        }
        let (stop, stopped) = oneshot::channel::<()>();
        // One stack for calls from the socket and from within.
        let layers = ServiceBuilder::new()
            .layer(ObserveLayer::new(Arc::clone(&metrics), traces.clone(), address))
            .layer(RefusalLayer)
            .layer(DeadlineLayer)
            .layer(PlaceLayer);
        let (close, closed) = oneshot::channel::<()>();
        let mut visited = match (people, &config.people) {
            (Some((listener, _)), Some(people)) => {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
                let listener = Listener::new(listener, config.load.connections, Arc::clone(&metrics));
                let local = Local::new(layers.clone().service(services.clone().prepare()));
                let pages = traces.of_pages((people.pages)(local), address);
                let closed = async {
                    // A sender that is gone means the same.
                    let _ = closed.await;
                };
                let certificates = people_certificates.clone();
                Some(tokio::spawn(people::serve(listener, certificates, pages, closed)))
            }
            _ => None,
        };
        let router = server.layer(layers).add_routes(services);
        let stopped = async {
            // A sender that is gone means the same.
            let _ = stopped.await;
        };
        let listener = Listener::new(listener, config.load.connections, Arc::clone(&metrics));
        let serving = async {
            match &certificates {
                Some(certificates) => {
                    let connections = ReceiverStream::new(tls::accept(listener, Arc::clone(certificates)));
                    router.serve_with_incoming_shutdown(connections, stopped).await
                }
                None => {
                    let connections = ReceiverStream::new(listener.plain());
                    router.serve_with_incoming_shutdown(connections, stopped).await
                }
            }
        };
        tokio::pin!(serving);
        let all_certificates = [certificates.clone(), people_certificates];
        let files = tokio::spawn(look_at_files(all_certificates, Arc::clone(&config.access)));
        let looking = tokio::spawn(look_again(Arc::clone(&engine), Arc::clone(&news)));
        let preparing = tokio::spawn(prepare(Arc::clone(&engine), news.subscribe()));
        tracing::info!(target: "hengxin::server", %address, tls = config.tls.is_some(), "serving");
        let ended = tokio::select! {
            result = &mut serving => Some(result),
            () = shutdown => None,
        };
        let result = match ended {
            Some(result) => result,
            None => {
                set_all(&health, ServingStatus::NotServing).await;
                tracing::info!(target: "hengxin::server", "draining");
                // Still serving while balancers take notice.
                let early = tokio::time::timeout(config.notice, &mut serving).await;
                match early {
                    Ok(result) => result,
                    Err(_) => {
                        // Who watches tiers or health would keep the connection open for ever.
                        news.send_modify(|news| news.stopping = true);
                        for service in SERVICES.iter().chain(&[""]) {
                            health.clear_service_status(service).await;
                        }
                        // The server may have ended by itself meanwhile; then nobody listens.
                        let _ = stop.send(());
                        let _ = close.send(());
                        let until = tokio::time::Instant::now() + config.drain;
                        let pages = async {
                            if let Some(visited) = &mut visited {
                                // A panic there is in the log of panics.
                                let _ = visited.await;
                            }
                        };
                        let all = async { tokio::join!(&mut serving, pages).0 };
                        let drained = tokio::time::timeout_at(until, all).await;
                        // How many rows went out is written after the last connection is gone, too.
                        if drained.is_err() || tokio::time::timeout_at(until, exports.write()).await.is_err()
                        {
                            tracing::warn!(target: "hengxin::server", "some requests were cut off by the shutdown");
                        }
                        drained.unwrap_or(Ok(()))
                    }
                }
            }
        };
        looking.abort();
        preparing.abort();
        files.abort();
        if let Some(counted) = counted {
            counted.abort();
        }
        if let Some(visited) = visited {
            visited.abort();
        }
        if let Some(conducting) = conducting {
            conducting.end(config.drain).await;
        }
        if let Some(modelling) = modelling {
            modelling.end(config.drain).await;
        }
        // Waits for the disk, so not on this thread. A panic there has been answered to its callers already.
        let _ = tokio::task::spawn_blocking(move || engine.stop_writing()).await;
        let patience = config.drain.min(LAST_SPANS);
        let _ = tokio::task::spawn_blocking(move || traces.end(patience)).await;
        tracing::info!(target: "hengxin::server", "stopped");
        Ok(result?)
    }
}

/// What clients may ask about: our services and health.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(hengxin_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

async fn set_all(health: &HealthReporter, status: ServingStatus) {
    // The whole first: who hears of one service and asks about the whole is told the same.
    for service in [""].iter().chain(&SERVICES) {
        health.set_service_status(service, status).await;
    }
}
