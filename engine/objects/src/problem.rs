//! What a store's refusal means: what was found, and what was expected. `object_store` hands on the server's text, which
//! names requests and not causes.

use std::error::Error as _;
use std::io::{Error, ErrorKind};

/// Whom a client speaks to, for messages.
#[derive(Debug)]
pub struct Server {
    /// `AWS_ENDPOINT_URL`; Amazon's own when not set.
    pub endpoint: Option<String>,
    /// `AWS_REGION`; the store's default when not set.
    pub region: Option<String>,
    /// The bucket.
    pub bucket: String,
}

impl Server {
    fn name(&self) -> String {
        let region = self.region.as_deref().unwrap_or("us-east-1");
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("Amazon S3 in {region}"),
        }
    }

    /// No answer in time.
    pub fn silent(&self) -> Error {
        Error::new(
            ErrorKind::TimedOut,
            format!("no answer from {} in time; the same command goes on when it answers again", self.name()),
        )
    }

    /// What the store's refusal means.
    pub fn problem(&self, problem: &object_store::Error) -> Error {
        let text = chain(problem);
        let told = Told::of(&text);
        let (name, bucket) = (self.name(), &self.bucket);
        if told.code == Some("NoSuchBucket") {
            let what = format!("found no bucket `{bucket}` at {name}, expected one that is made already");
            return Error::new(ErrorKind::NotFound, what);
        }
        match problem {
            object_store::Error::AlreadyExists { .. } => ErrorKind::AlreadyExists.into(),
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                let what = format!(
                    "{name} denies access ({}), expected credentials that may list, read and write in bucket `{bucket}`",
                    told.words()
                );
                Error::new(ErrorKind::PermissionDenied, what)
            }
            _ if text.contains("Received redirect without LOCATION")
                || told.code == Some("PermanentRedirect") =>
            {
                let what = format!("bucket `{bucket}` is not at {name}; set AWS_REGION to where it is");
                Error::new(ErrorKind::InvalidInput, what)
            }
            _ if told.code.is_some() => Error::other(format!("{name} refuses: {}", told.words())),
            _ if text.contains("operation timed out") => self.silent(),
            _ => {
                let what = format!("no connection to {name} ({})", root(problem));
                Error::new(ErrorKind::NotConnected, what)
            }
        }
    }
}

/// Whether the object is not there, in a bucket that is.
pub fn is_absent(problem: &object_store::Error) -> bool {
    matches!(problem, object_store::Error::NotFound { .. })
        && Told::of(&chain(problem)).code != Some("NoSuchBucket")
}

/// Whether the store cannot write on a condition.
pub fn is_unconditional(problem: &object_store::Error) -> bool {
    match problem {
        object_store::Error::NotImplemented { .. } => true,
        problem => Told::of(&chain(problem)).code == Some("NotImplemented"),
    }
}

/// An endpoint without TLS that nobody allowed.
pub fn unencrypted(endpoint: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!(
            "found the endpoint {endpoint}, which is not encrypted, expected https:// or AWS_ALLOW_HTTP=true"
        ),
    )
}

/// Only one half of a key is set.
pub fn half_a_key(id: bool) -> Error {
    let (found, missing) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    let (found, missing) = if id { (found, missing) } else { (missing, found) };
    Error::new(ErrorKind::InvalidInput, format!("found {found} without {missing}, expected both"))
}

/// No credentials anywhere.
pub fn no_credentials(why: &str) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        format!(
            "found no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and this machine has no role \
             ({why}); expected either. Profiles in ~/.aws are not read"
        ),
    )
}

/// Variables of the environment that cannot be used.
pub fn settings(problem: object_store::Error) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("the store cannot be asked as set by AWS_*: {}", root(&problem)),
    )
}

/// The last cause: the others repeat each other.
pub fn root(problem: &object_store::Error) -> String {
    let mut last: &dyn std::error::Error = problem;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn chain(problem: &object_store::Error) -> String {
    let mut text = problem.to_string();
    let mut cause = problem.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// The code and the words of the server's answer, which is XML within a text.
struct Told<'t> {
    code: Option<&'t str>,
    message: Option<&'t str>,
}

impl<'t> Told<'t> {
    fn of(text: &'t str) -> Told<'t> {
        let element = |name: &str| {
            let begin = text.find(&format!("<{name}>"))? + name.len() + 2;
            let rest = text.get(begin..)?;
            rest.get(..rest.find(&format!("</{name}>"))?)
        };
        Told { code: element("Code"), message: element("Message") }
    }

    fn words(&self) -> String {
        let given: Vec<&str> = [self.code, self.message].into_iter().flatten().collect();
        if given.is_empty() { "without saying why".to_owned() } else { given.join(": ") }
    }
}
