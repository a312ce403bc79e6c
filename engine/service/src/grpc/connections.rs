//! Connections: at most so many at once, further ones are closed at once, and one that says nothing is closed soon.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::metrics::{Counted, Metrics};

/// How long a plain connection may say nothing at its beginning. Keep-alive looks after it from then on.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Takes connections up while there is room for them.
pub(crate) struct Listener {
    socket: TcpListener,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A connection; it makes room when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    _room: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Listener {
    pub(crate) fn new(listener: TcpListener, most: usize, metrics: Arc<Metrics>) -> Listener {
        let room = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Listener { socket: listener, room, metrics }
    }

    /// The next connection there is room for.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        loop {
            let (stream, _) = self.socket.accept().await?;
            let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
                // Closed by being dropped: the client learns at once, where in the queue of the system it would wait.
                self.metrics.connection_refused();
                continue;
            };
            // Small answers go out at once; a socket that refuses is about to fail anyway.
            let _ = stream.set_nodelay(true);
            return Ok(Connection { stream, _room: room, _counted: self.metrics.connected() });
        }
    }

    /// Accepts connections without encryption until nobody takes them any more.
    pub(crate) fn plain(self) -> mpsc::Receiver<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(64);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept() => accepted,
                    () = ready.closed() => return,
                };
                let Ok(connection) = accepted else {
                    // Out of file descriptors, or the peer is gone already: the next one may do better.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let ready = ready.clone();
                tokio::spawn(async move {
                    let said = tokio::time::timeout(FIRST_WORD, connection.stream.readable()).await;
                    if matches!(said, Ok(Ok(()))) {
                        // Nobody there means that the service has stopped.
                        let _ = ready.send(Ok(connection)).await;
                    }
                });
            }
        });
        connections
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
