//! What the transport refuses by itself, in the words of this service: with a reason, and the code that says whose
//! fault it is.
//!
//! A message that is too large or cannot be read never reaches a handler; the transport answers `OUT_OF_RANGE`
//! and `INTERNAL`. The first is `RESOURCE_EXHAUSTED` everywhere else, and the second would call the caller's fault ours.

use prost::Message;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::{Code, Response, Status};
use tower::Layer;

use super::MESSAGE_MAX;
use super::status::refuse;
use super::whole::whole;

/// An answer that fits into one message; clients take no larger one.
pub fn fitting<M: Message>(answer: M) -> Result<Response<M>, Status> {
    let size = answer.encoded_len();
    if size <= MESSAGE_MAX { Ok(Response::new(answer)) } else { Err(too_large(size)) }
}

/// The status of an answer that does not fit.
pub fn too_large(size: usize) -> Status {
    let message = format!(
        "the answer has {size} bytes, a message at most {MESSAGE_MAX}: ask for view BASIC, or for fewer at once"
    );
    refuse(Code::ResourceExhausted, "ANSWER_TOO_LARGE", &message)
}

/// A status of the transport, in our words; one of ours as it is.
pub fn worded(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    match status.code() {
        Code::OutOfRange => refuse(
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
            &format!("found a larger message, expected at most {MESSAGE_MAX} bytes: send it in parts"),
        ),
        Code::Internal => refuse(
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
            "found bytes that are no such message, expected the message of the method as protobuf",
        ),
        _ => status,
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusalLayer;

impl<S> Layer<S> for RefusalLayer {
    type Service = RefusalService<S>;

    fn layer(&self, inner: S) -> RefusalService<S> {
        RefusalService { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RefusalService<S> {
    inner: S,
}

impl<S> Service<http::Request<Body>> for RefusalService<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<http::Response<Body>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if !request.uri().path().starts_with("/hengxin.") {
            return Box::pin(self.inner.call(request));
        }
        let answer = self.inner.call(request.map(whole));
        Box::pin(async move {
            let answer = answer.await?;
            // A request that was refused is answered in the head alone.
            match Status::from_header_map(answer.headers()) {
                Some(status) if matches!(status.code(), Code::OutOfRange | Code::Internal) => {
                    let own = !status.details().is_empty();
                    Ok(if own { answer } else { worded(status).into_http() })
                }
                Some(_) | None => Ok(answer),
            }
        })
    }
}
