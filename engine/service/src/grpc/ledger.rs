//! `LedgerService`.

use std::time::Instant;

use hengxin_core::document::nearest;
use hengxin_core::draft::Draft;
use hengxin_core::fact::Delivery;
use hengxin_core::vocabulary::{CodeId, Disclosure};
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_server::LedgerService;
use hengxin_store::{Job, Outcome, RequestKey};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

use super::admission::Sight;
use super::convert::ledger::{details, fact, found, source_quality};
use super::convert::{date, timestamp};
use super::deadline::{Deadline, exceeded};
use super::decode;
use super::gate::Gate;
use super::mask::{masked_codes, shown_fact};
use super::parse::{Future, Reader};
use super::refusal::{fitting, worded};
use super::scoring::row;
use super::status::status;
use super::supervision::{basis, tier_wanted};
use crate::engine::Engine;
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::enterprises;
use crate::use_case::facts;
use crate::use_case::overview::From;
use crate::use_case::quality;
use crate::use_case::search::{self, Wanted, WantedTiers};
use crate::use_case::submit::{self, DeliveryRow, FACTS_MAX, Found};

const METHOD: &str = "hengxin.v1.LedgerService/SubmitFacts";
/// Most facts in one message.
const MESSAGE_FACTS_MAX: usize = 10_000;
/// Most deliveries in one submission.
const DELIVERIES_MAX: usize = 10_000;
/// Longest name of a submitter, in characters.
const SOURCE_LONGEST: usize = 200;

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    gate: Gate,
}

impl Ledger {
    pub(super) fn new(gate: Gate) -> Ledger {
        Ledger { gate }
    }
}

#[tonic::async_trait]
impl LedgerService for Ledger {
    async fn submit_facts(
        &self,
        request: Request<Streaming<v1::SubmitFactsRequest>>,
    ) -> Result<Response<v1::SubmitFactsResponse>, Status> {
        let session = self.gate.session::<v1::SubmitFactsRequest, _>(&request).await?;
        let mut messages = request.into_inner();
        let mut submission = Submission::default();
        while let Some(message) = messages.next().await {
            let mut message = message.map_err(worded)?;
            self.gate.admit_part(&session, &message).await?;
            if message.source.is_empty() {
                session.speaks_for().clone_into(&mut message.source);
            }
            // Checking a large message takes a while; it is done where that hurts nobody.
            submission = self.gate.run(move |engine| submission.take(engine, message)).await?;
        }
        let job = self.gate.run(move |engine| submission.job(engine)).await?;
        let bytes = self.gate.write(job).await?;
        let answer = decode(&bytes, "the answer kept for a request");
        answer.map_err(|problem| status(&problem)).and_then(fitting)
    }

    async fn list_facts(
        &self,
        request: Request<v1::ListFactsRequest>,
    ) -> Result<Response<v1::ListFactsResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request, sight)).await.and_then(fitting)
    }

    async fn get_enterprise(
        &self,
        request: Request<v1::GetEnterpriseRequest>,
    ) -> Result<Response<v1::GetEnterpriseResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| get(engine, &request, sight)).await.and_then(fitting)
    }

    async fn search_enterprises(
        &self,
        request: Request<v1::SearchEnterprisesRequest>,
    ) -> Result<Response<v1::SearchEnterprisesResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| search(engine, &request)).await.and_then(fitting)
    }

    async fn summarize_sources(
        &self,
        request: Request<v1::SummarizeSourcesRequest>,
    ) -> Result<Response<v1::SummarizeSourcesResponse>, Status> {
        let deadline = Deadline::of(request.extensions());
        let (request, _) = self.gate.admit(request).await?;
        let found = self.gate.run(move |engine| sources(engine, &request, deadline)).await?;
        found.ok_or_else(|| exceeded(deadline.allowed)).and_then(fitting)
    }
}

fn sources(
    engine: &Engine,
    request: &v1::SummarizeSourcesRequest,
    deadline: Deadline,
) -> Answer<Option<v1::SummarizeSourcesResponse>> {
    let mut reader = Reader::new(engine);
    let mut day = |field: &str, text: &str| {
        if text.is_empty() { Some(None) } else { reader.date(field, text, Future::Allowed).map(Some) }
    };
    let (from, to) = (day("from", &request.from), day("to", &request.to));
    let (from, to) = reader.finish((|| Some((from?, to?)))())?;
    let found = quality::summary(engine, from, to, || Instant::now() >= deadline.at)?;
    Ok(found.map(|found| v1::SummarizeSourcesResponse {
        sources: found.units.iter().map(|(name, quality)| source_quality(name, quality)).collect(),
        timely_days: quality::TIMELY_DAYS,
        calendar: quality::CALENDAR.to_owned(),
        cut: found.cut,
        counted_from: found.cut.then(|| timestamp(found.from)),
    }))
}

/// A submission while its messages come in.
#[derive(Default)]
struct Submission {
    id: Option<String>,
    source: String,
    drafts: Vec<Draft>,
    deliveries: Vec<Delivery>,
    /// Rows taken so far, sound or not: places in messages of violations count from here.
    facts: usize,
    delivered: usize,
    found: Found,
    /// Over what was submitted, however it was cut into messages.
    digest: Sha256,
}

impl Submission {
    fn take(mut self, engine: &Engine, message: v1::SubmitFactsRequest) -> Answer<Submission> {
        match &self.id {
            None => {
                let mut reader = Reader::new(engine);
                let id = reader.request_id(&message.request_id);
                if message.source.chars().count() > SOURCE_LONGEST {
                    reader.refuse(
                        "source",
                        format!("found a longer text, expected at most {SOURCE_LONGEST} characters"),
                    );
                }
                self.id = Some(reader.finish(id)?);
                self.digest.update(message.source.as_bytes());
                self.source = message.source;
            }
            Some(id) => {
                if !message.request_id.is_empty() && message.request_id != *id {
                    return Err(Problem::invalid(
                        "request_id",
                        "found another one than in the first message, expected the same or none",
                    ));
                }
                if !message.source.is_empty() && message.source != self.source {
                    return Err(Problem::invalid(
                        "source",
                        "found another one than in the first message, expected the same or none",
                    ));
                }
            }
        }
        if message.facts.len() > MESSAGE_FACTS_MAX || self.facts + message.facts.len() > FACTS_MAX {
            let expected = format!(
                "found more, expected at most {MESSAGE_FACTS_MAX} in a message and {FACTS_MAX} in a submission"
            );
            return Err(Problem::invalid("facts", expected));
        }
        if self.delivered + message.deliveries.len() > DELIVERIES_MAX {
            let expected = format!("found more, expected at most {DELIVERIES_MAX} in a submission");
            return Err(Problem::invalid("deliveries", expected));
        }
        let today = engine.today();
        for input in message.facts {
            self.stamp(1, &input.encode_to_vec());
            let path = format!("facts[{}]", self.facts);
            self.facts += 1;
            self.drafts.extend(submit::check(
                engine.ledger(),
                today,
                &path,
                &row(input),
                None,
                &mut self.found,
            ));
        }
        for input in message.deliveries {
            self.stamp(2, &input.encode_to_vec());
            let path = format!("deliveries[{}]", self.delivered);
            self.delivered += 1;
            let input =
                DeliveryRow { register: input.register, region: input.region, through: input.through };
            let vocabulary = engine.ledger().vocabulary();
            self.deliveries.extend(submit::check_delivery(vocabulary, today, &path, &input, &mut self.found));
        }
        Ok(self)
    }

    fn stamp(&mut self, kind: u8, bytes: &[u8]) {
        self.digest.update([kind]);
        self.digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.digest.update(bytes);
    }

    fn job(self, engine: &Engine) -> Answer<Job> {
        let Some(id) = self.id else {
            return Err(Problem::invalid(
                "request_id",
                "found an empty stream, expected a first message with `request_id`",
            ));
        };
        if !self.found.is_empty() {
            return Err(self.found.problem());
        }
        if self.facts > 0 && self.delivered > 0 {
            return Err(Problem::invalid(
                "deliveries",
                "found facts and deliveries, expected either: submit them one after the other",
            ));
        }
        if self.facts == 0 && self.delivered == 0 {
            return Err(Problem::invalid("facts", "found nothing, expected facts or deliveries"));
        }
        let key = RequestKey { id, method: METHOD.to_owned(), digest: self.digest.finalize().into() };
        let count = u64::try_from(self.deliveries.len()).unwrap_or(0);
        let respond = move |outcome: &Outcome| response(outcome, count).encode_to_vec();
        Ok(if self.facts > 0 {
            submit::facts_job(engine, self.drafts, self.source, key, respond)
        } else {
            submit::deliveries_job(self.deliveries, self.source, key, respond)
        })
    }
}

fn response(outcome: &Outcome, deliveries: u64) -> v1::SubmitFactsResponse {
    match outcome {
        Outcome::Appended(report) => v1::SubmitFactsResponse {
            accepted: report.accepted,
            duplicates: report.duplicate,
            corrected: report.corrected,
            deliveries: 0,
            recorded_at: Some(timestamp(report.recorded_at)),
            quarantined: report.quarantined,
        },
        Outcome::Delivered(moment) => v1::SubmitFactsResponse {
            deliveries,
            recorded_at: Some(timestamp(*moment)),
            ..v1::SubmitFactsResponse::default()
        },
        Outcome::Recorded(_) | Outcome::Issued(_) | Outcome::Audited => v1::SubmitFactsResponse::default(),
    }
}

fn list(engine: &Engine, request: &v1::ListFactsRequest, sight: Sight) -> Answer<v1::ListFactsResponse> {
    let known =
        request.known_at.map(|stamp| format!("{}.{}", stamp.seconds, stamp.nanos)).unwrap_or_default();
    let parts =
        [request.parent.as_str(), known.as_str()].into_iter().chain(request.codes.iter().map(String::as_str));
    let filter = Filter::of(parts);
    let vocabulary = engine.ledger().vocabulary();
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("parent", &request.parent);
    let known_at = reader.known_at(request.known_at);
    let mut codes = Vec::new();
    for (i, id) in request.codes.iter().enumerate() {
        match vocabulary.code_id(id) {
            Some(code) => codes.push(code),
            None => {
                let ids: Vec<&str> = vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
                let near =
                    nearest(id, &ids).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let found: String = id.chars().take(60).collect();
                reader.refuse(&format!("codes[{i}]"), format!("found `{found}`, expected a fact code{near}"));
            }
        }
    }
    let page = reader.page(request.page_size, &request.page_token, Listing::Facts, &filter);
    let read = (|| Some((subject?, known_at?, page?)))();
    let (subject, known_at, (size, after)) = reader.finish(read)?;
    // What is not shown is left out before anything is counted, sorted or cut into pages. Of codes that are all masked
    // nothing is left, which is not the same as none asked for.
    let mut nothing = false;
    if sight < Disclosure::NotPublic {
        let all =
            (0..vocabulary.codes.len()).filter_map(|place| vocabulary.code_id(&vocabulary.codes[place].id));
        let wanted: Vec<CodeId> = if codes.is_empty() { all.collect() } else { codes };
        codes = wanted.into_iter().filter(|code| vocabulary.code(*code).disclosure <= sight).collect();
        nothing = codes.is_empty();
    }
    let masked_codes = masked_codes(vocabulary, sight);
    let mut page = facts::list(engine, subject, &codes, known_at, size, after.as_ref(), &filter)?;
    if nothing {
        page.rows.clear();
        page.next.clear();
    }
    Ok(v1::ListFactsResponse {
        facts: page
            .rows
            .iter()
            .map(|record| shown_fact(fact(vocabulary, record), vocabulary, sight))
            .collect(),
        masked_codes,
        next_page_token: page.next,
        known_at: Some(timestamp(page.known_at)),
    })
}

fn get(
    engine: &Engine,
    request: &v1::GetEnterpriseRequest,
    sight: Sight,
) -> Answer<v1::GetEnterpriseResponse> {
    let mut reader = Reader::new(engine);
    let code = reader.enterprise("name", &request.name);
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let read = (|| Some((code?, as_of?, known_at?)))();
    let (code, as_of, known_at) = reader.finish(read)?;
    let mut found = enterprises::get(engine, code, as_of, known_at)?;
    let vocabulary = engine.ledger().vocabulary();
    found.counts.retain(|(code, _)| vocabulary.code(*code).disclosure <= sight);
    let mut enterprise = details(vocabulary, &found);
    if sight == Disclosure::Public {
        // They speak of another enterprise, too.
        enterprise.conflicts.clear();
    }
    // Without a registration the name comes from some other fact, which may be masked.
    if sight < Disclosure::NotPublic && enterprise.registration.is_none() {
        enterprise.display_name.clear();
    }
    enterprise.masked_codes = masked_codes(vocabulary, sight);
    Ok(v1::GetEnterpriseResponse {
        enterprise: Some(enterprise),
        basis: Some(v1::Basis { as_of: date(as_of), known_at: Some(timestamp(found.known_at)) }),
    })
}

fn search(engine: &Engine, request: &v1::SearchEnterprisesRequest) -> Answer<v1::SearchEnterprisesResponse> {
    let (tier_text, basis_text) = (request.tier.to_string(), request.basis.to_string());
    let parts = [&request.query, &request.region, &request.industry, &request.field, &tier_text, &basis_text];
    let filter = Filter::of(parts.map(String::as_str));
    let mut reader = Reader::new(engine);
    if request.query.chars().count() > 100 {
        reader.refuse("query", "found a longer text, expected at most 100 characters");
    }
    let region = reader.region(&request.region);
    let industry = reader.industry(&request.industry);
    let tier = tier_wanted(&mut reader, request.tier);
    basis(&mut reader, request.basis);
    if request.field.is_empty() && request.tier > 0 {
        reader.refuse("field", "found nothing, expected the field of supervision that `tier` belongs to");
    }
    let page = reader.page(request.page_size, &request.page_token, Listing::Enterprises, &filter);
    let read = (|| Some((region?, industry?, tier?, page?)))();
    let (region, industry, tier, (size, after)) = reader.finish(read)?;
    let from = if request.basis() == v1::TierBasis::Run { From::Run } else { From::Decisions };
    let tiers = (!request.field.is_empty()).then_some(WantedTiers { field: &request.field, from, tier });
    let wanted = Wanted { text: &request.query, region, industry, tiers };
    let page = search::search(engine, &wanted, size, after.as_ref(), &filter)?;
    Ok(v1::SearchEnterprisesResponse {
        enterprises: page.rows.iter().map(found).collect(),
        next_page_token: page.next,
    })
}
