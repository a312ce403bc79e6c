//! One log line per call: method, status, time taken. No addresses, codes, names or texts of requests.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Instant;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tower::Layer;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObserveLayer;

impl<S> Layer<S> for ObserveLayer {
    type Service = ObserveService<S>;

    fn layer(&self, inner: S) -> ObserveService<S> {
        ObserveService { inner }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct ObserveService<S> {
    inner: S,
}

impl<S> Service<http::Request<Body>> for ObserveService<S>
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
        if !tracing::enabled!(tracing::Level::INFO) {
            return Box::pin(self.inner.call(request));
        }
        let method = known_method(request.uri().path()).unwrap_or("unknown").to_owned();
        let begun = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            // An error is answered in the head; a success states its code at the end of the body, as 0.
            let code = answer
                .as_ref()
                .ok()
                .and_then(|a| a.headers().get("grpc-status")?.to_str().ok()?.parse::<i32>().ok())
                .unwrap_or(0);
            tracing::info!(target: "hengxin::call", method = %method, code, micros, "call");
            answer
        })
    }
}

/// The path of a method, unless a client made it up: then it may hold anything.
fn known_method(path: &str) -> Option<&str> {
    static METHODS: OnceLock<HashSet<String>> = OnceLock::new();
    let name = path.strip_prefix('/')?;
    METHODS.get_or_init(methods).contains(name).then_some(name)
}

/// All methods there are, by the descriptors that reflection serves.
fn methods() -> HashSet<String> {
    let sets = [hengxin_proto::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let sets = sets.into_iter().filter_map(|bytes| FileDescriptorSet::decode(bytes).ok());
    let mut methods: HashSet<String> = sets
        .flat_map(|set| set.file)
        .flat_map(|file| {
            let package = file.package().to_owned();
            file.service.into_iter().map(move |service| (package.clone(), service))
        })
        .flat_map(|(package, service)| {
            let name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{name}/{}", method.name()))
        })
        .collect();
    let reflection = ["v1", "v1alpha"];
    let name = |version| format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
    methods.extend(reflection.map(name));
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_can_exist_are_named() {
        assert_eq!(
            known_method("/hengxin.v1.ScoringService/Evaluate"),
            Some("hengxin.v1.ScoringService/Evaluate")
        );
        assert_eq!(known_method("/grpc.health.v1.Health/Check"), Some("grpc.health.v1.Health/Check"));
        for path in [
            "/hengxin.v1.ScoringService/914403001922038216",
            "/hengxin.v1.914403001922038216/Evaluate",
            "/hengxin.v1.ScoringService/ZhangSan",
            "/a/b",
            "",
            "/",
            "/hengxin.v1.X/张三",
        ] {
            assert_eq!(known_method(path), None, "{path}");
        }
    }
}
