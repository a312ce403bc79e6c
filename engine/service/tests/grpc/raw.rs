//! A client that knows HTTP/2 and nothing of gRPC: what it is told to send, it sends.

use std::time::Duration;

use h2::client::SendRequest;
use tokio::net::TcpStream;
use tonic::codegen::Bytes;
use tonic::codegen::http::{HeaderMap, Request};
use tonic::{Code, Status};

pub(crate) struct Raw(SendRequest<Bytes>);

/// What came back: body, and the status wherever it stood.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) body: Vec<u8>,
    pub(crate) status: Status,
    /// Size of head and trailers, each field with the 32 bytes HTTP/2 counts for it.
    pub(crate) headers: usize,
}

impl Raw {
    /// A connection of its own to `http://…`.
    pub(crate) async fn connect(address: &str) -> Raw {
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Raw(sender)
    }

    /// Begins a body and leaves it at that, until what is given is dropped.
    pub(crate) async fn begin(&self, path: &str, part: Vec<u8>) -> impl Drop + use<> {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let mut sender = self.0.clone().ready().await.unwrap();
        let (_, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from(part), false).unwrap();
        Begun(stream)
    }

    /// Sends a body as it is and waits for the end of the answer.
    pub(crate) async fn send(&self, path: &str, timeout: Option<&str>, body: Vec<u8>) -> Reply {
        self.send_with(path, timeout.map(|timeout| ("grpc-timeout", timeout)), body).await
    }

    /// The same with a further header.
    pub(crate) async fn send_with(&self, path: &str, header: Option<(&str, &str)>, body: Vec<u8>) -> Reply {
        let mut request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let mut sender = self.0.clone().ready().await.unwrap();
        let (answer, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        // A server that refuses early may have stopped listening.
        let _ = stream.send_data(Bytes::from(body), true);
        let whole = async {
            let (head, mut body) = answer.await.unwrap().into_parts();
            assert_eq!(head.status, 200);
            let mut bytes = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk.unwrap();
                let _ = body.flow_control().release_capacity(chunk.len());
                bytes.extend_from_slice(&chunk);
            }
            let trailers = body.trailers().await.unwrap();
            let found = status(&head.headers).or_else(|| status(trailers.as_ref()?));
            let fields = head.headers.iter().chain(trailers.iter().flatten());
            Reply {
                body: bytes,
                headers: fields.map(|(name, value)| name.as_str().len() + value.len() + 32).sum(),
                status: found.unwrap_or_else(|| Status::unknown("no status at all")),
            }
        };
        tokio::time::timeout(Duration::from_secs(20), whole).await.expect("an answer")
    }
}

/// A body that is not yet over.
struct Begun(h2::SendStream<Bytes>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_reset(h2::Reason::CANCEL);
    }
}

fn status(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

/// A message with the five bytes gRPC puts in front.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

/// Checks that a reply is one of the statuses a caller can act on.
#[track_caller]
pub(crate) fn sane(reply: &Reply, sent: &str) {
    let fine = [Code::Ok, Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition];
    assert!(fine.contains(&reply.status.code()), "{sent}: {reply:?}");
}
