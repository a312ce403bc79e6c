//! Waiting for a server from code that blocks.
//!
//! The conversation with the server lives on one thread of its own. Whoever asks something parks until the answer is
//! there, so that the ledger can be used from any thread, one that carries out async tasks included: the blocking
//! clients of this protocol start a runtime inside the caller's, which panics there.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::address::Address;
use super::tls::Tls;
use crate::db::{Error, Result};

/// The thread, started when the first connection is made and kept as long as the process lives.
static DRIVER: OnceLock<Runtime> = OnceLock::new();

fn driver() -> Result<&'static Runtime> {
    if let Some(driver) = DRIVER.get() {
        return Ok(driver);
    }
    let driver = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("hengxin-postgres")
        .enable_all()
        .build()
        .map_err(|error| Error::Unreachable { detail: format!("no thread for the connection: {error}") })?;
    Ok(DRIVER.get_or_init(|| driver))
}

/// Connects; the conversation goes on until the client is dropped.
pub(super) fn connect(address: &Address) -> Result<Client> {
    let (config, tls) = (address.config.clone(), Tls::of(address)?);
    let connected = driver()?.spawn(async move {
        let (client, conversation) = config.connect(tls).await?;
        tokio::spawn(async move {
            // How it ended is told to whoever waits for an answer.
            let _ = conversation.await;
        });
        Ok(client)
    });
    match wait(connected) {
        Ok(client) => client.map_err(Error::Postgres),
        Err(error) => Err(Error::Unreachable { detail: format!("the attempt was cut off: {error}") }),
    }
}

/// Parks the thread until `future` is done. It must need nothing of a runtime but to be woken.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
