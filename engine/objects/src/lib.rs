//! Datasets and runs in S3-compatible object stores: the client behind [`Place::Objects`](hengxin_batch::place::Place).
//!
//! A blocking face on `object_store`, with a small runtime of its own: scoring is work for processors and knows no
//! async. Objects are read and written whole; a shard is some megabytes. Every call ends within [`PATIENCE`], and its
//! error says what was found and what was expected.
//!
//! Keys, region and endpoint come from the customary variables of the environment (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …), never from an address, which stands in manifests.

mod address;
mod held;
mod problem;

use std::io::{Error, ErrorKind, Result};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use hengxin_batch::place::Objects;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreExt as _, PutMode, RetryConfig};
use tokio::runtime::Runtime;

pub use address::{Address, BadAddress};
use held::Held;
use problem::Server;

/// The longest a call takes, with everything that is tried again.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The longest that a machine is asked for credentials of its own.
const CREDENTIALS: Duration = Duration::from_secs(5);

/// A prefix of a bucket.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    address: Address,
    text: String,
    server: Server,
    held: Held,
}

impl Bucket {
    /// A client for an address. Nothing is asked of the store yet; of the machine, when the environment names no
    /// credentials.
    ///
    /// # Errors
    /// Variables of the environment that cannot be used, and no credentials.
    pub fn open(address: Address) -> Result<Bucket> {
        // Fails when one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder =
            AmazonS3Builder::from_env().with_bucket_name(&address.bucket).with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(200),
                    max_backoff: Duration::from_secs(5),
                    base: 2.0,
                },
                max_retries: 4,
                retry_timeout: Duration::from_secs(45),
            });
        let set = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).filter(|v| !v.is_empty());
        let endpoint = set(&builder, AmazonS3ConfigKey::S3Endpoint)
            .or_else(|| set(&builder, AmazonS3ConfigKey::Endpoint));
        let allow_http = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
        let keys = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey];
        let keys = keys.map(|key| set(&builder, key).is_some());
        if endpoint.as_ref().is_some_and(|e| e.starts_with("http://")) {
            if !set(&builder, allow_http).is_some_and(|v| yes(&v)) {
                return Err(problem::unencrypted(endpoint.as_deref().unwrap_or_default()));
            }
            if keys == [true, true] {
                // Nothing is spoken to but the endpoint, and not over TLS: a machine without certificates will do.
                let none = AmazonS3ConfigKey::Client(ClientConfigKey::NoSystemCertificates);
                builder = builder.with_config(none, "true");
            }
        }
        if keys == [true, false] || keys == [false, true] {
            return Err(problem::half_a_key(keys[0]));
        }
        let unsigned = set(&builder, AmazonS3ConfigKey::SkipSignature).is_some_and(|v| yes(&v));
        let region = set(&builder, AmazonS3ConfigKey::Region);
        let server = Server { endpoint, region, bucket: address.bucket.clone() };
        let store = builder.build().map_err(problem::settings)?;
        if keys == [false, false] && !unsigned {
            // Asked here, once and briefly: a machine that is none of a cloud is not waited for with every object.
            let provider = std::sync::Arc::clone(store.credentials());
            let found = wait(CREDENTIALS, async move { provider.get_credential().await })?;
            match found {
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(problem::no_credentials(&problem::root(&e))),
                None => return Err(problem::no_credentials("no answer from its metadata service")),
            }
        }
        let text = address.to_string();
        Ok(Bucket { store, address, text, server, held: Held::default() })
    }

    fn path(&self, name: &str) -> Result<Path> {
        self.address.object(name).map_err(|e| Error::new(ErrorKind::InvalidInput, e.to_string()))
    }

    /// One call to the store.
    fn ask<T: Send + 'static>(
        &self,
        call: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<object_store::Result<T>> {
        wait(PATIENCE, call)?.ok_or_else(|| self.server.silent())
    }

    fn write(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<object_store::Result<()>> {
        self.held.forget(name);
        let (store, path) = (self.store.clone(), self.path(name)?);
        let put = async move { store.put_opts(&path, bytes.into(), mode.into()).await };
        Ok(self.ask(put)?.map(|_| ()))
    }
}

impl Objects for Bucket {
    fn get(&self, name: &str) -> Result<Option<Bytes>> {
        if let Some(bytes) = self.held.find(name) {
            return Ok(Some(bytes));
        }
        let (store, path) = (self.store.clone(), self.path(name)?);
        match self.ask(async move { store.get(&path).await?.bytes().await })? {
            Ok(bytes) => {
                self.held.keep(name, &bytes);
                Ok(Some(bytes))
            }
            Err(e) if problem::is_absent(&e) => Ok(None),
            Err(e) => Err(self.server.problem(&e)),
        }
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.write(name, bytes, PutMode::Overwrite)?.map_err(|e| self.server.problem(&e))
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<()> {
        match self.write(name, bytes.clone(), PutMode::Create)? {
            Ok(()) => Ok(()),
            Err(e) if problem::is_unconditional(&e) => {
                // A store that cannot write on a condition: looking first leaves a moment in which two may write, and
                // is all there is.
                match self.get(name)? {
                    Some(_) => Err(ErrorKind::AlreadyExists.into()),
                    None => self.put(name, bytes),
                }
            }
            Err(e) => Err(self.server.problem(&e)),
        }
    }

    fn address(&self) -> &str {
        &self.text
    }
}

/// Whether a switch of the environment is on, in all the words `object_store` takes for it.
fn yes(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Waits for an answer; `None` when there was none in time. The call runs on threads of its own, so that this may be
/// asked from anywhere, also from within another runtime.
fn wait<T: Send + 'static>(
    patience: Duration,
    call: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>> {
    // One for the process, and never dropped: dropping it where another runtime is at work would be a panic.
    static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("hengxin-objects").enable_all().build()
    });
    let runtime =
        runtime.as_ref().map_err(|e| Error::new(e.kind(), format!("no threads to ask a store: {e}")))?;
    let (send, receive) = mpsc::channel();
    runtime.spawn(async move {
        // When nobody listens any more, nobody is to be told.
        let _ = send.send(tokio::time::timeout(patience, call).await.ok());
    });
    receive.recv().map_err(|_| Error::other("the client of the store ended without an answer"))
}
