//! `LogService`.

use hengxin_proto::v1;
use hengxin_proto::v1::log_service_server::LogService;
use serde::Serialize;
use tonic::{Request, Response, Status};

use super::gate::Gate;
use super::parse::{self, Future, Reader};
use super::refusal::fitting;
use crate::engine::Engine;
use crate::problem::{Answer, Problem};
use crate::use_case::receipt;

/// See the module.
#[derive(Debug)]
pub(super) struct Log {
    gate: Gate,
}

impl Log {
    pub(super) fn new(gate: Gate) -> Log {
        Log { gate }
    }
}

#[tonic::async_trait]
impl LogService for Log {
    async fn get_tree_head(
        &self,
        request: Request<v1::GetTreeHeadRequest>,
    ) -> Result<Response<v1::GetTreeHeadResponse>, Status> {
        let (v1::GetTreeHeadRequest {}, _) = self.gate.admit(request).await?;
        self.gate.run(head).await.and_then(fitting)
    }

    async fn prove_consistency(
        &self,
        request: Request<v1::ProveConsistencyRequest>,
    ) -> Result<Response<v1::ProveConsistencyResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| consistency(engine, &request)).await.and_then(fitting)
    }

    async fn issue_evaluation_receipt(
        &self,
        request: Request<v1::IssueEvaluationReceiptRequest>,
    ) -> Result<Response<v1::IssueEvaluationReceiptResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| of_evaluation(engine, &request)).await.and_then(fitting)
    }

    async fn issue_tier_receipt(
        &self,
        request: Request<v1::IssueTierReceiptRequest>,
    ) -> Result<Response<v1::IssueTierReceiptResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| of_tier(engine, &request)).await.and_then(fitting)
    }
}

fn head(engine: &Engine) -> Answer<v1::GetTreeHeadResponse> {
    let snapshot = engine.snapshot(None)?;
    let log = snapshot.log();
    let none = || hengxin_store::Error::NoEntry { found: "entries yet".to_owned() };
    Ok(v1::GetTreeHeadResponse {
        head: log.head(None)?.ok_or_else(none)?,
        public_key: log.key()?.to_string(),
    })
}

fn consistency(
    engine: &Engine,
    request: &v1::ProveConsistencyRequest,
) -> Answer<v1::ProveConsistencyResponse> {
    let snapshot = engine.snapshot(None)?;
    // A head of another log, or one nobody signed, is the caller's mistake; a head that is ours and does not fit is not.
    let key = snapshot.log().key()?;
    hengxin_log::TreeHead::open(&request.earlier, &key).map_err(|error| {
        Problem::invalid("earlier", format!("{error}, expected a signed head of this log"))
    })?;
    let proof = snapshot.log().prove_consistency(&request.earlier)?;
    Ok(v1::ProveConsistencyResponse { proof: json(&proof)? })
}

fn of_evaluation(
    engine: &Engine,
    request: &v1::IssueEvaluationReceiptRequest,
) -> Answer<v1::IssueEvaluationReceiptResponse> {
    let (subject, id) =
        parse::evaluation_name(&request.name).map_err(|description| Problem::invalid("name", description))?;
    let receipt = receipt::of_evaluation(engine, subject, id)?;
    Ok(v1::IssueEvaluationReceiptResponse { receipt: json(&receipt)? })
}

fn of_tier(engine: &Engine, request: &v1::IssueTierReceiptRequest) -> Answer<v1::IssueTierReceiptResponse> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let read = (|| Some((subject?, field?, as_of?, known_at?)))();
    let (subject, field, as_of, known_at) = reader.finish(read)?;
    let receipt = super::tier_receipt(engine, subject, field, as_of, known_at)?;
    Ok(v1::IssueTierReceiptResponse { receipt: json(&receipt)? })
}

fn json(value: &impl Serialize) -> Answer<String> {
    serde_json::to_string_pretty(value).map_err(|_| Problem::Defect)
}
