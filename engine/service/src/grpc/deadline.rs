//! Deadlines: what a client gives in `grpc-timeout`, capped, answered as `DEADLINE_EXCEEDED`.
//!
//! The transport has a time-out of its own that answers `CANCELLED`, which tells a client that *it* hung up. This layer
//! fires first: it looks at the same header, and its clock starts earlier.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::{Code, Status};
use tower::Layer;

use super::status::refuse;

/// When the answer to a unary request must be on its way at the latest, whatever the client allows.
pub const UNARY_LONGEST: Duration = Duration::from_secs(30);
/// The same for a stream as a whole.
pub const STREAM_LONGEST: Duration = Duration::from_secs(300);

/// The same for a bulk export: a million rows over a slow line.
pub const EXPORT_LONGEST: Duration = Duration::from_secs(3_600);

/// The same for a watch, which lasts as long as the client likes.
pub const WATCH_LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// How long a client that reads slowly is waited for to tell it how a stream ended.
pub const LAST_WORD: Duration = Duration::from_secs(10);

/// Methods that stay open.
const WATCHES: [&str; 3] = [
    "/hengxin.v1.SupervisionService/WatchTiers",
    "/hengxin.v1.RescoringService/WatchRun",
    "/hengxin.v1.ModelService/WatchStudy",
];
/// Methods whose request or response is a stream.
const STREAMS: [&str; 2] =
    ["/hengxin.v1.ScoringService/BatchEvaluate", "/hengxin.v1.LedgerService/SubmitFacts"];

/// The bulk export.
const EXPORT: &str = "/hengxin.v1.SupervisionService/ExportTiers";

/// Whether a method of ours takes one message and gives one.
pub fn is_unary(path: &str) -> bool {
    path.starts_with("/hengxin.") && !WATCHES.contains(&path) && !STREAMS.contains(&path) && path != EXPORT
}

/// When a request ends; handlers of streams look at it between messages.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// How long that was from the beginning.
    pub allowed: Duration,
}

impl Deadline {
    /// That of a request.
    pub fn of(extensions: &http::Extensions) -> Deadline {
        extensions.get().copied().unwrap_or_else(|| Deadline::after(STREAM_LONGEST))
    }

    /// Sends the answers of a stream until `work` is done or this has passed; a failure, or the passing, is the last word.
    pub async fn hold<T>(
        self,
        work: impl Future<Output = Result<(), Status>>,
        answers: &mpsc::Sender<Result<T, Status>>,
    ) {
        let last = match tokio::time::timeout_at(self.at.into(), work).await {
            Ok(Ok(())) => return,
            Ok(Err(status)) => status,
            Err(_) => exceeded(self.allowed),
        };
        // A client that is gone, or reads no further, needs no last word.
        let _ = tokio::time::timeout(LAST_WORD, answers.send(Err(last))).await;
    }

    fn after(allowed: Duration) -> Deadline {
        // Instants past the range of the clock cannot happen with a cap of a year.
        Deadline { at: Instant::now() + allowed, allowed }
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
}

impl<S> Service<http::Request<Body>> for DeadlineService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<http::Response<Body>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path();
        // Health and reflection are watched for as long as the client likes.
        if !path.starts_with("/hengxin.") {
            return Box::pin(self.inner.call(request));
        }
        let longest = match path {
            _ if WATCHES.contains(&path) => WATCH_LONGEST,
            EXPORT => EXPORT_LONGEST,
            _ if STREAMS.contains(&path) => STREAM_LONGEST,
            _ => UNARY_LONGEST,
        };
        let asked = match request.headers().get("grpc-timeout").map(|value| parse(value.as_bytes())) {
            None => longest,
            Some(Some(asked)) => asked,
            Some(None) => {
                let status = refuse(
                    Code::InvalidArgument,
                    "MALFORMED_TIMEOUT",
                    "found a malformed grpc-timeout, expected 1 to 8 digits and one of H, M, S, m, u, n",
                );
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        let allowed = asked.min(longest);
        let deadline = Deadline::after(allowed);
        request.extensions_mut().insert(deadline);
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Counted from above, not from here: the transport's clock runs already.
            match tokio::time::timeout_at(deadline.at.into(), answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(exceeded(allowed).into_http()),
            }
        })
    }
}

/// The status of a request that took longer than allowed.
pub fn exceeded(allowed: Duration) -> Status {
    refuse(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        &format!(
            "no answer within {} ms; a write may or may not have happened: retry it with the same request_id",
            allowed.as_millis()
        ),
    )
}

/// Reads `grpc-timeout`: at most eight digits and a unit. `None` when malformed.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = digits.iter().fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(n * 3600),
        b'M' => Duration::from_secs(n * 60),
        b'S' => Duration::from_secs(n),
        b'm' => Duration::from_millis(n),
        b'u' => Duration::from_micros(n),
        b'n' => Duration::from_nanos(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse(b"100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse(b"5S"), Some(Duration::from_secs(5)));
        for malformed in [&b""[..], b"S", b"5", b"5s", b"-5S", b"123456789S", b"1.5S", b" 5S"] {
            assert_eq!(parse(malformed), None, "{malformed:?}");
        }
    }
}
