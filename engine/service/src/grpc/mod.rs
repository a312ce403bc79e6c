//! The gRPC surface: the only place that names protobuf types.

mod admission;
pub mod client;
pub(crate) mod connections;
mod convert;
mod deadline;
mod export;
mod gate;
mod ledger;
mod limits;
mod log;
mod mask;
mod model;
mod observe;
mod overview;
mod parse;
mod places;
mod refusal;
mod report;
mod report_here;
mod rescoring;
mod row_limits;
mod scoring;
mod standard;
mod status;
mod supervision;
mod what_if;
mod whole;

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;
use hengxin_log::Receipt;
use hengxin_proto::v1::ledger_service_server::LedgerServiceServer;
use hengxin_proto::v1::log_service_server::LogServiceServer;
use hengxin_proto::v1::model_service_server::ModelServiceServer;
use hengxin_proto::v1::report_service_server::ReportServiceServer;
use hengxin_proto::v1::rescoring_service_server::RescoringServiceServer;
use hengxin_proto::v1::scoring_service_server::ScoringServiceServer;
use hengxin_proto::v1::standard_service_server::StandardServiceServer;
use hengxin_proto::v1::supervision_service_server::SupervisionServiceServer;
use hengxin_store::RequestKey;
use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, RwLock, watch};
use tonic::service::Routes;

pub(crate) use deadline::DeadlineLayer;
pub(crate) use observe::ObserveLayer;
pub(crate) use places::PlaceLayer;
pub(crate) use refusal::RefusalLayer;

use crate::access::Access;
use crate::engine::{Engine, Wanted};
use crate::metrics::Metrics;
use crate::problem::{Answer, Problem};
use crate::typesetter::Typesetter;
use crate::use_case::evaluate::View;
use crate::use_case::{receipt, tier};
pub(crate) use admission::actions;
use gate::Gate;
pub use gate::Load;
pub(crate) use gate::News;
pub(crate) use model::Trainer;
pub use report_here::{IssuedReport, ReportOrder, issue_report, issued_report, verified_report};

/// Largest message in and out, in bytes.
pub(crate) const MESSAGE_MAX: usize = 4 << 20;

/// Names of all services, for health.
pub(crate) const SERVICES: [&str; 8] = [
    "hengxin.v1.LedgerService",
    "hengxin.v1.LogService",
    "hengxin.v1.ModelService",
    "hengxin.v1.ReportService",
    "hengxin.v1.RescoringService",
    "hengxin.v1.ScoringService",
    "hengxin.v1.StandardService",
    "hengxin.v1.SupervisionService",
];

/// Who carries out what the services order; `None` when nobody does.
#[derive(Default)]
pub(crate) struct Hands {
    /// Wakes whoever carries runs out.
    pub(crate) wake: Option<Arc<Notify>>,
    /// Carries studies out.
    pub(crate) trainer: Option<Trainer>,
    /// Sets documents.
    pub(crate) typesetter: Option<Arc<Typesetter>>,
}

/// All services over an engine. `exports` is read by every bulk export until its end is on record.
pub(crate) fn routes(
    engine: Arc<Engine>,
    load: Load,
    news: watch::Receiver<News>,
    hands: Hands,
    exports: Arc<RwLock<()>>,
    access: Arc<Access>,
    metrics: Arc<Metrics>,
) -> Routes {
    let Hands { wake, trainer, typesetter } = hands;
    let gate = Gate::new(engine, load, news, exports, access, metrics);
    macro_rules! limited {
        ($server:ident, $service:expr) => {
            $server::new($service)
                .max_decoding_message_size(MESSAGE_MAX)
                .max_encoding_message_size(MESSAGE_MAX)
        };
    }
    Routes::new(limited!(ScoringServiceServer, scoring::Scoring::new(gate.clone())))
        .add_service(limited!(SupervisionServiceServer, supervision::Supervision::new(gate.clone())))
        .add_service(limited!(LedgerServiceServer, ledger::Ledger::new(gate.clone())))
        .add_service(limited!(LogServiceServer, log::Log::new(gate.clone())))
        .add_service(limited!(RescoringServiceServer, rescoring::Rescoring::new(gate.clone(), wake)))
        .add_service(limited!(ReportServiceServer, report::Reports::new(gate.clone(), typesetter)))
        .add_service(limited!(ModelServiceServer, model::Models::new(gate.clone(), trainer)))
        .add_service(limited!(StandardServiceServer, standard::Standard::new(gate)))
}

/// Decides the tier of every enterprise in a field and records it, so that lists have something to show. Gives the
/// number of enterprises; `progress` hears how many are done.
///
/// # Errors
/// An unknown field, no policy in force, or a failing ledger.
pub fn record_tiers(engine: &Engine, field: &str, as_of: Date, progress: impl FnMut(u64)) -> Answer<u64> {
    let vocabulary = engine.ledger().vocabulary();
    let encode = |decision: &tier::Decision| {
        convert::tier::decision(vocabulary, decision, View::Basic).encode_to_vec()
    };
    tier::record_all(engine, field, as_of, encode, progress)
}

/// The signed receipt of a tier, whose decision is put on record first.
///
/// # Errors
/// As [`crate::use_case::receipt::of_tier`].
pub fn tier_receipt(
    engine: &Engine,
    subject: Uscc,
    field: &str,
    as_of: Date,
    known_at: Option<Moment>,
) -> Answer<Receipt> {
    let vocabulary = engine.ledger().vocabulary();
    let encode = |decision: &tier::Decision| {
        convert::tier::decision(vocabulary, decision, View::Basic).encode_to_vec()
    };
    let edition = Wanted::InForce;
    let question = tier::Question { subject, field, edition, as_of, known_at, view: View::Basic };
    receipt::of_tier(engine, &question, encode)
}

/// The key of a unary write: id and digest of the whole request. There are no maps in our messages, so that equal
/// requests have equal encodings.
fn request_key(id: String, method: &str, request: &impl Message) -> RequestKey {
    RequestKey { id, method: method.to_owned(), digest: Sha256::digest(request.encode_to_vec()).into() }
}

/// A message kept in the ledger.
fn decode<M: Message + Default>(bytes: &[u8], what: &str) -> Answer<M> {
    M::decode(bytes).map_err(|error| Problem::Damaged { detail: format!("{what} cannot be read: {error}") })
}
