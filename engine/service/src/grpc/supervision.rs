//! `SupervisionService`.

use hengxin_proto::v1;
use hengxin_proto::v1::batch_tier::Result as BatchResult;
use hengxin_proto::v1::supervision_service_server::SupervisionService;
use hengxin_store::TierFilter;
use tonic::{Request, Response, Status};

use super::convert::tier::{decision, summary};
use super::convert::{date, item_error, timestamp};
use super::gate::Gate;
use super::parse::{self, Future, Reader};
use super::status::status;
use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::evaluate::View;
use crate::use_case::tier::{self, Question};

/// Most enterprises in one batch: their decisions fit into one message.
const BATCH_MAX: usize = 500;

/// See the module.
#[derive(Debug)]
pub(super) struct Supervision {
    gate: Gate,
}

impl Supervision {
    pub(super) fn new(gate: Gate) -> Supervision {
        Supervision { gate }
    }
}

#[tonic::async_trait]
impl SupervisionService for Supervision {
    async fn get_tier(
        &self,
        request: Request<v1::GetTierRequest>,
    ) -> Result<Response<v1::GetTierResponse>, Status> {
        let request = request.into_inner();
        // What was decided before from the same knowledge is answered on the spot: no disk, no other thread.
        if let Some(answer) = at_hand(self.gate.engine(), &request).map_err(|problem| status(&problem))? {
            return Ok(Response::new(answer));
        }
        self.gate.run(move |engine| get(engine, &request)).await.map(Response::new)
    }

    async fn batch_get_tiers(
        &self,
        request: Request<v1::BatchGetTiersRequest>,
    ) -> Result<Response<v1::BatchGetTiersResponse>, Status> {
        let request = request.into_inner();
        self.gate.run(move |engine| batch(engine, request)).await.map(Response::new)
    }

    async fn list_tiers(
        &self,
        request: Request<v1::ListTiersRequest>,
    ) -> Result<Response<v1::ListTiersResponse>, Status> {
        let request = request.into_inner();
        self.gate.run(move |engine| list(engine, &request)).await.map(Response::new)
    }
}

fn question<'r>(engine: &Engine, request: &'r v1::GetTierRequest) -> Answer<Question<'r>> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let view = reader.view(request.view);
    let edition = Wanted::of(&request.edition);
    let read = (|| {
        Some(Question {
            subject: subject?,
            field: field?,
            edition,
            as_of: as_of?,
            known_at: known_at?,
            view: view?,
        })
    })();
    reader.finish(read)
}

fn at_hand(engine: &Engine, request: &v1::GetTierRequest) -> Answer<Option<v1::GetTierResponse>> {
    let question = question(engine, request)?;
    let policy = engine.policy(question.field, question.edition, question.as_of)?;
    let found = tier::at_hand(engine, &policy, &question);
    Ok(found.map(|found| v1::GetTierResponse {
        decision: Some(decision(engine.ledger().vocabulary(), &found, View::Basic)),
    }))
}

fn get(engine: &Engine, request: &v1::GetTierRequest) -> Answer<v1::GetTierResponse> {
    let question = question(engine, request)?;
    let found = tier::tier(engine, &question)?;
    let decision = decision(engine.ledger().vocabulary(), &found, question.view);
    Ok(v1::GetTierResponse { decision: Some(decision) })
}

fn batch(engine: &Engine, request: v1::BatchGetTiersRequest) -> Answer<v1::BatchGetTiersResponse> {
    let mut reader = Reader::new(engine);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    if !(1..=BATCH_MAX).contains(&request.enterprises.len()) {
        reader
            .refuse("enterprises", format!("found {}, expected 1 to {BATCH_MAX}", request.enterprises.len()));
    }
    let read = (|| Some((field?, as_of?, known_at?)))();
    let (field, as_of, known_at) = reader.finish(read)?;
    let policy = engine.policy(field, Wanted::of(&request.edition), as_of)?;
    let snapshot = engine.snapshot(known_at)?;
    let vocabulary = engine.ledger().vocabulary();
    let mut tiers = Vec::with_capacity(request.enterprises.len());
    for enterprise in request.enterprises {
        let result = parse::enterprise(&enterprise)
            .map_err(|description| Problem::invalid("enterprises", description))
            .and_then(|subject| tier::decide_in(&snapshot, &policy, subject, View::Basic));
        let result = match result {
            Ok(found) => BatchResult::Decision(decision(vocabulary, &found, View::Basic)),
            Err(problem) if problem.of_one_enterprise() => BatchResult::Error(item_error(&problem)),
            // The ledger fails for all of them alike.
            Err(problem) => return Err(problem),
        };
        tiers.push(v1::BatchTier { enterprise: parse::echo(enterprise), result: Some(result) });
    }
    let basis = v1::Basis { as_of: date(as_of), known_at: Some(timestamp(snapshot.known_at())) };
    Ok(v1::BatchGetTiersResponse { tiers, basis: Some(basis) })
}

fn list(engine: &Engine, request: &v1::ListTiersRequest) -> Answer<v1::ListTiersResponse> {
    let tier_text = request.tier.to_string();
    let filter = Filter::of([request.field.as_str(), &tier_text, &request.region, &request.industry]);
    let mut reader = Reader::new(engine);
    let field = reader.required("field", &request.field, "a field of supervision");
    let tier = match u16::try_from(request.tier) {
        Ok(tier) if tier <= 255 => Some((tier > 0).then_some(tier)),
        Ok(_) | Err(_) => {
            reader.refuse(
                "tier",
                format!("found `{}`, expected 0 for all, or a tier of the field", request.tier),
            );
            None
        }
    };
    let region = reader.region(&request.region);
    let industry = reader.industry(&request.industry);
    let page = reader.page(request.page_size, &request.page_token, Listing::Tiers, &filter);
    let read = (|| Some((field?, tier?, region?, industry?, page?)))();
    let (field, tier, region, industry, (size, after)) = reader.finish(read)?;
    let wanted = TierFilter { field: field.to_owned(), tier, region, industry };
    let page = tier::list(engine, &wanted, size, after.as_ref(), &filter)?;
    Ok(v1::ListTiersResponse { tiers: page.rows.iter().map(summary).collect(), next_page_token: page.next })
}
