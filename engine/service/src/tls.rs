//! Encryption, and certificates that can be exchanged while the service runs.
//!
//! Every connection is set up with the certificates as they are then: files are looked at every few seconds, and when one
//! has changed all are read again. Files with a fault leave the last good ones in force. A handshake has ten seconds, so
//! that clients who say nothing hold no connection.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::grpc::connections::{Connection, Listener};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at once; further connections wait in the system's queue.
const HANDSHAKES: usize = 256;

/// Certificates, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose clients are let in; `None` lets in clients without a certificate.
    pub client_authority: Option<PathBuf>,
    /// Certificates these authorities have revoked (CRL).
    pub client_revocations: Option<PathBuf>,
    /// Let clients in without a certificate too, who then need a token.
    pub client_optional: bool,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}`: {detail}", .path.display())]
    Fault {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        detail: String,
    },
}

/// The certificates in force.
pub(crate) struct Certificates {
    files: Tls,
    protocols: &'static [&'static [u8]],
    current: RwLock<(Vec<Option<SystemTime>>, Arc<ServerConfig>)>,
}

/// What is spoken with programs.
const GRPC: &[&[u8]] = &[b"h2"];
/// What is spoken with browsers.
const WEB: &[&[u8]] = &[b"h2", b"http/1.1"];

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]: what is wrong with them.
    pub(crate) fn read(files: &Tls) -> Result<Certificates, TlsError> {
        Certificates::speaking(GRPC, files.clone())
    }

    /// The same for people: a browser may show a certificate, and need not, for who has none signs in with a token.
    ///
    /// # Errors
    /// As [`Certificates::read`].
    pub(crate) fn read_for_people(files: &Tls) -> Result<Certificates, TlsError> {
        Certificates::speaking(WEB, Tls { client_optional: true, ..files.clone() })
    }

    fn speaking(protocols: &'static [&'static [u8]], files: Tls) -> Result<Certificates, TlsError> {
        let current = (times(&files), Arc::new(configure(&files, protocols)?));
        Ok(Certificates { files, protocols, current: RwLock::new(current) })
    }

    fn now(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// When the certificate of this service expires.
    pub(crate) fn expiry(&self) -> Option<SystemTime> {
        let chain = certificates(&self.files.certificate).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    /// Reads the files again when one has changed; whether one had.
    ///
    /// # Errors
    /// [`TlsError`], once for each change; the last good certificates stay.
    pub(crate) fn look_again(&self) -> Result<bool, TlsError> {
        let found = times(&self.files);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.0 == found {
            return Ok(false);
        }
        current.0 = found;
        current.1 = Arc::new(configure(&self.files, self.protocols)?);
        Ok(true)
    }
}

fn times(files: &Tls) -> Vec<Option<SystemTime>> {
    let optional = [&files.client_authority, &files.client_revocations].into_iter().flatten();
    let all = [&files.certificate, &files.key].into_iter().chain(optional);
    all.map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok()).collect()
}

fn configure(files: &Tls, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let fault = |path: &Path, detail: String| TlsError::Fault { path: path.to_owned(), detail };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&files.certificate, error.to_string()))?;
    let builder = match &files.client_authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| fault(path, error.to_string()))?;
            }
            let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            if let Some(path) = &files.client_revocations {
                let lists: Vec<CertificateRevocationListDer<'static>> =
                    CertificateRevocationListDer::pem_slice_iter(&read(path)?)
                        .collect::<Result<_, _>>()
                        .map_err(|error| fault(path, format!("{error}, expected revocation lists as PEM")))?;
                // A list says nothing of authorities above the one that issued it.
                verifier = verifier.with_crls(lists).only_check_end_entity_revocation();
            }
            if files.client_optional {
                verifier = verifier.allow_unauthenticated();
            }
            let verifier = verifier.build().map_err(|error| fault(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| fault(&files.key, format!("{error}, expected a private key as PEM")))?;
    let mut config = builder.with_single_cert(certificates(&files.certificate)?, key).map_err(|error| {
        fault(&files.certificate, format!("{error}, expected the certificate of the key"))
    })?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |detail: String| TlsError::Fault { path: path.to_owned(), detail };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(format!("{error}, expected certificates as PEM")))?;
    if found.is_empty() {
        Err(fault("found no certificate, expected at least one as PEM".to_owned()))
    } else {
        Ok(found)
    }
}

/// Accepts connections and shakes hands, each on its own, until nobody takes them any more.
pub(crate) fn accept(
    listener: Listener,
    certificates: Arc<Certificates>,
) -> mpsc::Receiver<io::Result<TlsStream<Connection>>> {
    let (ready, connections) = mpsc::channel(64);
    let turns = Arc::new(Semaphore::new(HANDSHAKES));
    tokio::spawn(async move {
        loop {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let Ok(stream) = accepted else {
                // Out of file descriptors, or the peer is gone already: the next one may do better.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (ready, acceptor) = (ready.clone(), TlsAcceptor::from(certificates.now()));
            tokio::spawn(async move {
                let _turn = turn;
                match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let _ = ready.send(Ok(stream)).await;
                    }
                    Ok(Err(error)) => tracing::info!(target: "hengxin::tls", "handshake refused: {error}"),
                    Err(_) => tracing::info!(target: "hengxin::tls", "handshake took too long"),
                }
            });
        }
    });
    connections
}
