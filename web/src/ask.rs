//! Asking the services in the name of whoever looks at a page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::report_service_client::ReportServiceClient;
use hengxin_proto::v1::rescoring_service_client::RescoringServiceClient;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_proto::v1::standard_service_client::StandardServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::{Local, Visitor};
use tonic::metadata::AsciiMetadataValue;

use crate::problem::Fault;
use crate::session::Session;
use crate::{App, Setup, Shared};

/// How long a page waits for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever looks at a page, and the services.
#[derive(Clone)]
pub(crate) struct Asking {
    app: Shared,
    visitor: Option<Visitor>,
    /// What the browser keeps.
    pub(crate) session: Session,
    /// Path and query of the page, to come back to.
    pub(crate) here: String,
}

impl Asking {
    /// What the pages were told.
    pub(crate) fn setup(&self) -> &Setup {
        &self.app.setup
    }

    /// The field a page is about: the one asked for, else the first there is.
    pub(crate) fn field(&self, asked: &str) -> String {
        match (asked, self.setup().fields.first()) {
            ("", Some(first)) => first.id.clone(),
            (asked, _) => asked.to_owned(),
        }
    }

    /// Whether somebody is known to look.
    pub(crate) fn is_known(&self) -> bool {
        !self.setup().access.is_ruled()
            || !self.session.token.is_empty()
            || self.visitor.as_ref().is_some_and(Visitor::is_certified)
    }

    /// A message on its way, with who asks, what for, and how long is waited.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.request_for(message, &self.session.purpose, &self.session.basis)
    }

    /// The same for another purpose than the person signed in for.
    pub(crate) fn request_for<T>(&self, message: T, purpose: &str, basis: &str) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(PATIENCE);
        let headers = [
            (
                "authorization",
                if self.session.token.is_empty() {
                    String::new()
                } else {
                    format!("Bearer {}", self.session.token)
                },
            ),
            ("hengxin-purpose", purpose.to_owned()),
            ("hengxin-legal-basis", basis.to_owned()),
        ];
        for (name, value) in headers {
            // What cannot be a header was not set by us; the service then says what is missing.
            if let Some(value) = AsciiMetadataValue::try_from(value).ok().filter(|value| !value.is_empty()) {
                request.metadata_mut().insert(name, value);
            }
        }
        if let Some(visitor) = &self.visitor {
            visitor.accompany(&mut request);
        }
        request
    }

    fn local(&self) -> Local {
        self.app.local.clone()
    }

    /// `LedgerService`.
    pub(crate) fn ledger(&self) -> LedgerServiceClient<Local> {
        LedgerServiceClient::new(self.local())
    }

    /// `ScoringService`.
    pub(crate) fn scoring(&self) -> ScoringServiceClient<Local> {
        ScoringServiceClient::new(self.local())
    }

    /// `SupervisionService`.
    pub(crate) fn supervision(&self) -> SupervisionServiceClient<Local> {
        SupervisionServiceClient::new(self.local())
    }

    /// `StandardService`.
    pub(crate) fn standards(&self) -> StandardServiceClient<Local> {
        StandardServiceClient::new(self.local())
    }

    /// `RescoringService`.
    pub(crate) fn rescoring(&self) -> RescoringServiceClient<Local> {
        RescoringServiceClient::new(self.local())
    }

    /// `ReportService`.
    pub(crate) fn reports(&self) -> ReportServiceClient<Local> {
        ReportServiceClient::new(self.local())
    }
}

impl FromRequestParts<Arc<App>> for Asking {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Asking, Fault> {
        // A form that was sent has no page to come back to.
        let here = if parts.method == axum::http::Method::GET {
            parts.uri.clone()
        } else {
            axum::http::Uri::default()
        };
        let here = here.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let visitor =
            parts.extensions.get::<ConnectInfo<Visitor>>().map(|ConnectInfo(visitor)| visitor.clone());
        let mut session = Session::of(&parts.headers);
        if session.purpose.is_empty() {
            // Whoever comes with a certificate chooses no purpose: the first is that of supervision.
            if let Some(first) = app.setup.access.purposes().first() {
                session.purpose.clone_from(&first.id);
                session.basis = first.bases.first().cloned().unwrap_or_default();
            }
        }
        Ok(Asking { app: Arc::clone(app), visitor, session, here })
    }
}
