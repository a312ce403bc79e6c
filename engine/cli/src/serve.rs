//! `hengxin serve`: the gRPC service over a data folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hengxin_service::{
    Access, Config, Engine, EngineOptions, LaboratorySetup, Load, RunSetup, ServeError, Tls, bind,
};
use tracing_subscriber::EnvFilter;

use crate::data::Place;
use crate::failure::Failure;
use crate::modeller::Here;
use crate::pages;
use crate::population::Population;
use crate::question::problem;
use crate::traces::Traces;

/// Serve gRPC over the ledger of a data folder.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin serve
  hengxin serve --data /srv/hengxin --listen 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key \\
    --client-ca clients.pem --access policies
  hengxin serve --tls-cert server.pem --tls-key server.key --client-ca clients.pem --access policies --log-json
  hengxin serve --tls-cert server.pem --tls-key server.key --client-ca clients.pem --access policies \\
    --console 0.0.0.0:8443 --console-url https://credit.example.cn
  grpcurl -plaintext 127.0.0.1:50051 list

Ctrl-C or SIGTERM drains: health says NOT_SERVING, requests under way are finished, queued writes reach the disk.
HENGXIN_LOG sets the log level, such as `warn` or `hengxin::call=info`.")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct Arguments {
    #[command(flatten)]
    socket: Socket,
    /// Certificate chain of the server, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let in only clients with a certificate of these authorities, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Certificates these authorities have revoked (CRL), PEM.
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    client_crl: Option<PathBuf>,
    /// Let clients in without a certificate, too; they need a token.
    #[arg(long, requires = "client_ca")]
    client_optional: bool,
    /// A folder of access rules: who may ask for what. Without one whoever reaches the service may ask for everything.
    #[arg(long, value_name = "FOLDER")]
    access: Option<PathBuf>,
    /// Serve without access rules beyond loopback.
    #[arg(long, conflicts_with = "access")]
    open_access: bool,
    /// Listen without TLS beyond loopback, behind a proxy that encrypts.
    #[arg(long, conflicts_with = "tls_cert")]
    plaintext: bool,
    /// Do not tell clients which services there are.
    #[arg(long)]
    no_reflection: bool,
    /// Seconds health says `NOT_SERVING` before a shutdown closes anything.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    notice: u64,
    /// Seconds a shutdown waits for requests under way.
    #[arg(long, default_value_t = 20, value_name = "SECONDS")]
    drain: u64,
    /// Connections open at once; further ones are closed at once.
    #[arg(long, default_value_t = 2000, value_name = "NUMBER")]
    connections: u32,
    /// Rows a day a caller gets by bulk export, unless `callers.json` says otherwise of it.
    #[arg(long, default_value_t = Load::default().exported_rows_per_day, value_name = "ROWS")]
    export_rows_per_day: u64,
    /// Answer `GET /metrics` there, in plain text, as Prometheus reads it.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    traces: Traces,
    /// Where people find the console, encrypted like gRPC when there is a certificate. Without this 127.0.0.1:8080, or none
    /// when that is taken.
    #[arg(long, value_name = "ADDRESS:PORT")]
    console: Option<SocketAddr>,
    /// No console.
    #[arg(long, conflicts_with = "console")]
    no_console: bool,
    /// Where others reach the console, for the QR code of reports, such as `https://credit.example.cn`.
    #[arg(long, default_value = "", value_name = "URL", hide_default_value = true)]
    console_url: String,
    /// The program that sets reports as PDF. Default `hengxin-typeset` beside this program, when it is there.
    #[arg(long, value_name = "PROGRAM")]
    typesetter: Option<PathBuf>,
    /// Make the data folder, or the file that --ledger names, when it is not there.
    #[arg(long)]
    create: bool,
    /// Logs as one JSON object a line.
    #[arg(long)]
    log_json: bool,
    #[command(flatten)]
    place: Place,
}

/// Where to listen.
#[derive(clap::Args)]
pub struct Socket {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:50051", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let address = arguments.socket.listen;
    let tls = match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authority: arguments.client_ca.clone(),
            client_revocations: arguments.client_crl.clone(),
            client_optional: arguments.client_optional,
        }),
        _ => None,
    };
    if tls.is_none() && !address.ip().is_loopback() && !arguments.plaintext {
        return Err(Failure::Input(format!(
            "--listen: found {address}, beyond this machine and without TLS; expected --tls-cert and --tls-key, or \
             --plaintext behind a proxy that encrypts"
        )));
    }
    if arguments.access.is_none() && !address.ip().is_loopback() && !arguments.open_access {
        return Err(Failure::Input(format!(
            "--listen: found {address}, beyond this machine and without access rules; expected --access, or \
             --open-access behind a gateway that decides who may ask for what"
        )));
    }
    if !arguments.no_console {
        expect_guarded(arguments, tls.is_some())?;
    }
    let access = match &arguments.access {
        Some(folder) => {
            Access::ruled(folder).map_err(|error| Failure::Input(format!("--access: {error}")))?
        }
        None => Access::open(),
    };
    let access = Arc::new(access);
    let traces = arguments.traces.setup(|name| std::env::var(name).ok()).map_err(Failure::Input)?;
    log(arguments.log_json);
    let today = crate::today()?;
    let catalogue = Arc::new(arguments.place.catalogue()?);
    if let Some(missing) = arguments.place.mistyped()?.filter(|_| !arguments.create) {
        return Err(Failure::Input(format!(
            "found nothing at `{}`, expected a ledger: `hengxin ingest` makes one, and --create an empty one",
            missing.display()
        )));
    }
    if let Some(address) = arguments.metrics.filter(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            target: "hengxin::server",
            "metrics on {address} are told unencrypted to whoever reaches the port: keep it on a private network"
        );
    }
    let new = !arguments.place.exists()?;
    let ledger = arguments.place.create(&catalogue)?;
    if new {
        tracing::warn!(target: "hengxin::server", "the ledger is new and empty: {}", arguments.place.file()?.display());
    }
    let typesetter = typesetter(arguments.typesetter.as_deref())?;
    let people = (!arguments.no_console).then(|| {
        let (address, url) = (arguments.console, &arguments.console_url);
        pages::people(&catalogue, today, &access, address, tls.is_some(), typesetter.is_some(), url)
    });
    let runner = Arc::new(Population::new(Arc::clone(&catalogue), ledger.clone()));
    let engine = Engine::open(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
    let config = Config {
        runs: Some(RunSetup::new(runner, arguments.place.runs())),
        laboratory: Some(LaboratorySetup::new(Arc::new(Here { threads: 0 }), arguments.place.laboratory())),
        address,
        access,
        tls,
        reflection: !arguments.no_reflection,
        drain: Duration::from_secs(arguments.drain),
        notice: Duration::from_secs(arguments.notice),
        metrics: arguments.metrics,
        traces,
        people,
        typesetter,
        load: Load {
            connections: arguments.connections as usize,
            exported_rows_per_day: arguments.export_rows_per_day,
            ..Load::default()
        },
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    until_stopped(config, engine, |address, console| {
        println!("serving hengxin.v1 on {address}; Ctrl-C stops");
        if let Some(console) = console {
            println!("console on {scheme}://{console}/");
        }
    })
}

/// Refuses a console that would be open to more people than gRPC is to programs.
fn expect_guarded(arguments: &Arguments, encrypted: bool) -> Result<(), Failure> {
    let Some(address) = arguments.console.filter(|address| !address.ip().is_loopback()) else {
        return Ok(());
    };
    if !encrypted && !arguments.plaintext {
        return Err(Failure::Input(format!(
            "--console: found {address}, beyond this machine and without TLS; expected --tls-cert and --tls-key, or \
             --plaintext behind a proxy that encrypts"
        )));
    }
    if arguments.access.is_none() && !arguments.open_access {
        return Err(Failure::Input(format!(
            "--console: found {address}, beyond this machine and without access rules; expected --access, or \
             --open-access behind a gateway that decides who may see what"
        )));
    }
    Ok(())
}

/// The program that sets reports: the one named, which must be there, or else the one beside this program, if any.
pub fn typesetter(named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    match named {
        Some(path) if path.is_file() => Ok(Some(path.to_owned())),
        Some(path) => Err(Failure::Input(format!(
            "--typesetter: found no file `{}`, expected a program",
            path.display()
        ))),
        None => {
            let beside = std::env::current_exe().ok().map(|own| own.with_file_name("hengxin-typeset"));
            Ok(beside.filter(|path| path.is_file()))
        }
    }
}

/// Serves until Ctrl-C or SIGTERM; `ready` hears the address, and that of the console, once they are taken.
pub fn until_stopped(
    config: Config,
    engine: Arc<Engine>,
    ready: impl FnOnce(SocketAddr, Option<SocketAddr>),
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the service")?;
    runtime.block_on(async {
        let stopped = stopped().context("cannot listen for signals")?;
        let bound = bind(config, engine).map_err(|error| match error {
            ServeError::Traces(error) => Failure::Input(error.to_string()),
            error => Failure::System(anyhow::Error::new(error)),
        })?;
        if let Some(address) = bound.metrics_address() {
            println!("metrics on http://{address}/metrics");
        }
        ready(bound.address(), bound.people_address());
        bound.run(stopped).await.map_err(|e| Failure::System(anyhow::Error::new(e)))
    })
}

/// Ends with the first Ctrl-C or SIGTERM. The listeners stand before this returns, so that no signal is missed.
#[cfg(unix)]
pub fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a way to hear the signal the process is ended by the system instead.
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Structured logs on standard error; no personal data reaches them.
fn log(as_json: bool) {
    let filter = EnvFilter::try_from_env("HENGXIN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber cannot be: this is the only place that sets one.
    if as_json {
        logs.json().init();
    } else {
        logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}
