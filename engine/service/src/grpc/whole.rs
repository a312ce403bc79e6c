//! A request that was cut off is no request that ended.
//!
//! The transport takes an error `CANCELLED` in the stream of a client for the end of that stream. Half a submission
//! would be recorded as a whole one, unless its handler happened to be dropped first.

use std::pin::Pin;

use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Bytes, Context, Poll};

/// See the module.
struct Whole(Body);

/// The body, with an error at its end when it was cut off.
pub fn whole(body: Body) -> Body {
    Body::new(Whole(body))
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let cut_off = || Status::aborted("the request was cut off before its end");
        match Pin::new(&mut self.0).poll_frame(context) {
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(cut_off()))),
            Poll::Ready(None) if !http_body::Body::is_end_stream(&self.0) => {
                Poll::Ready(Some(Err(cut_off())))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.0)
    }
}
