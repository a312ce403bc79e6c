//! Before a call is carried out: who asks, may they, and the audit trail.
//!
//! Every request message says here which method it belongs to and whom it is about; a handler gets at a message only
//! through [`Gate::admit`] (or, message by message, [`Gate::admit_part`]), so no call passes without a decision. The
//! decision, and that the call was made, are on disk before the call is carried out; when they cannot be written, the
//! call is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Disclosure;
use hengxin_proto::v1;
use hengxin_store::{Call as AuditCall, Command, Decision, Job, ReportKind};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Code, Request, Status};

use super::gate::Gate;
use super::limits::Strangers;
use super::parse;
use super::report::FIELDS_MAX;
use super::status::{refuse, status};
use crate::access::{Access, Call, Caller, Credentials, Permission, Refusal, Resource, consented};
use crate::engine::Engine;
use crate::problem::{Answer, Problem};
use crate::traces::within;

/// Headers in which a caller says what for, and on what basis.
const PURPOSE: &str = "hengxin-purpose";
const BASIS: &str = "hengxin-legal-basis";
/// Longest text of a header that is taken.
const LONGEST: usize = 100;
/// Codes that one entry of the audit trail names. Beyond them it gives their number.
const NAMED: usize = 1000;

/// Whom and what a message is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    enterprises: Vec<String>,
    /// The regions of lists and deliveries; an empty text for the nation.
    territories: Vec<String>,
    /// Fields of supervision; none when it is about none in particular.
    fields: Vec<String>,
    /// A report: which, or what is to be issued.
    report: Option<Reported>,
    /// Who is said to act: the caller, and nobody else.
    person: Option<String>,
    /// For whom records are said to be handed in: the caller or its department.
    source: Option<String>,
}

/// A report a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reported {
    /// One to issue: its kind, as rules call it.
    New(&'static str),
    /// One that was issued: its number.
    Issued(String),
    /// One that was issued, looked up.
    Known {
        kind: &'static str,
        /// Whether it was issued for the caller's department.
        own: bool,
    },
}

impl About {
    fn one(enterprise: &str) -> About {
        About::many(std::slice::from_ref(&enterprise))
    }

    fn many(enterprises: &[impl AsRef<str>]) -> About {
        // A resource name may go on after the code.
        let code = |text: &str| {
            let rest = text.strip_prefix("enterprises/").unwrap_or(text);
            rest.split('/').next().unwrap_or_default().to_owned()
        };
        About {
            enterprises: enterprises.iter().map(|text| code(text.as_ref())).collect(),
            ..About::default()
        }
    }

    fn list(region: &str) -> About {
        About { territories: vec![region.to_owned()], ..About::default() }
    }

    fn by(person: &str) -> About {
        About { person: Some(person.to_owned()), ..About::default() }
    }

    /// The field is a caller's text, and goes into the audit trail.
    fn in_field(self, field: &str) -> About {
        let field: String = parse::cut(field).chars().filter(|c| !c.is_control()).collect();
        About { fields: if field.is_empty() { Vec::new() } else { vec![field] }, ..self }
    }

    /// A report to issue. Of the fields of an evaluation report the caller must be responsible for each; those of a special
    /// report are not fields of supervision.
    fn issued(request: &v1::IssueReportRequest) -> About {
        let about = About::one(&request.enterprise);
        let (kind, fields) = match request.kind() {
            v1::ReportKind::Unspecified => ("", Vec::new()),
            v1::ReportKind::Public => ("public", Vec::new()),
            v1::ReportKind::Special => ("special", Vec::new()),
            // Too many are refused later; until then it is a report of all.
            v1::ReportKind::Evaluation if request.fields.len() > FIELDS_MAX => ("evaluation", Vec::new()),
            v1::ReportKind::Evaluation => {
                let all = request.fields.iter().flat_map(|field| About::default().in_field(field).fields);
                ("evaluation", all.collect())
            }
        };
        About { fields, report: Some(Reported::New(kind)), ..about }
    }

    /// A report that was issued. Whom it is about is looked up before anything is decided.
    fn numbered(number: &str) -> About {
        About { report: Some(Reported::Issued(number.to_owned())), ..About::default() }
    }

    /// With a report's number looked up. Of one nobody knows nothing is known: that is for whoever may ask about nothing in
    /// particular, which is nobody.
    fn looked_up(mut self, engine: &Engine, caller: &Caller) -> Answer<About> {
        if let Some(Reported::Issued(number)) = &self.report
            && let Some(record) = engine.ledger().snapshot(None)?.report(number)?
        {
            self.enterprises = vec![record.subject.to_string()];
            if record.kind == ReportKind::Evaluation {
                self.fields.clone_from(&record.fields);
            }
            self.report =
                Some(Reported::Known { kind: record.kind.id(), own: record.issued_for == caller.department });
        }
        Ok(self)
    }
}

/// A request message.
pub(super) trait Concerns {
    /// Service and method, as rules call the action.
    const ACTION: &'static str;

    /// Whom and what it is about.
    fn about(&self) -> About;
}

macro_rules! concerns {
    ($($message:ident: $action:literal, |$request:ident| $about:expr;)*) => {
        $(impl Concerns for v1::$message {
            const ACTION: &'static str = $action;

            fn about(&self) -> About {
                let $request = self;
                $about
            }
        })*

        /// Actions of all messages above.
        #[cfg(test)]
        const CONCERNED: &[&str] = &[$($action),*];
    };
}

concerns! {
    GetEnterpriseRequest: "LedgerService.GetEnterprise", |r| About::one(&r.name);
    ListFactsRequest: "LedgerService.ListFacts", |r| About::one(&r.parent);
    SearchEnterprisesRequest: "LedgerService.SearchEnterprises", |r| About::list(&r.region).in_field(&r.field);
    SummarizeSourcesRequest: "LedgerService.SummarizeSources", |_r| About::list("");
    IssueReportRequest: "ReportService.IssueReport", |r| About::issued(r);
    ListReportsRequest: "ReportService.ListReports", |r| About::one(&r.parent);
    GetReportRequest: "ReportService.GetReport", |r| About::numbered(&r.number);
    RenderReportRequest: "ReportService.RenderReport", |r| About::numbered(&r.number);
    VerifyReportRequest: "ReportService.VerifyReport", |_r| About::default();
    SubmitFactsRequest: "LedgerService.SubmitFacts", |r| submitted(r);
    EvaluateRequest: "ScoringService.Evaluate", |r| About::one(&r.enterprise);
    BatchEvaluateRequest: "ScoringService.BatchEvaluate", |r| About::many(&r.enterprises);
    GetEvaluationRequest: "ScoringService.GetEvaluation", |r| About::one(&r.name);
    ListEvaluationsRequest: "ScoringService.ListEvaluations", |r| About::one(&r.parent);
    SimulateEvaluationRequest: "ScoringService.SimulateEvaluation", |r| About::one(&r.enterprise);
    GetTierRequest: "SupervisionService.GetTier", |r| About::one(&r.enterprise).in_field(&r.field);
    BatchGetTiersRequest: "SupervisionService.BatchGetTiers", |r| About::many(&r.enterprises).in_field(&r.field);
    ListTiersRequest: "SupervisionService.ListTiers", |r| About::list(&r.region).in_field(&r.field);
    SummarizeTiersRequest: "SupervisionService.SummarizeTiers", |r| About::list(&r.region).in_field(&r.field);
    TraceTierRequest: "SupervisionService.TraceTier", |r| About::one(&r.enterprise).in_field(&r.field);
    WhatIfRequest: "SupervisionService.WhatIf", |r| About::one(&r.enterprise).in_field(&r.field);
    ExportTiersRequest: "SupervisionService.ExportTiers", |r| About::list(&r.region).in_field(&r.field);
    WatchTiersRequest: "SupervisionService.WatchTiers", |r| About::list(&r.region).in_field(&r.field);
    IssueEvaluationReceiptRequest: "LogService.IssueEvaluationReceipt", |r| About::one(&r.name);
    IssueTierReceiptRequest: "LogService.IssueTierReceipt", |r| About::one(&r.enterprise).in_field(&r.field);
    GetTreeHeadRequest: "LogService.GetTreeHead", |_r| About::default();
    ProveConsistencyRequest: "LogService.ProveConsistency", |_r| About::default();
    StartRunRequest: "RescoringService.StartRun", |r| About::default().in_field(&r.field);
    GetRunRequest: "RescoringService.GetRun", |_r| About::default();
    ListRunsRequest: "RescoringService.ListRuns", |r| About::default().in_field(&r.field);
    CancelRunRequest: "RescoringService.CancelRun", |_r| About::default();
    WatchRunRequest: "RescoringService.WatchRun", |_r| About::default();
    CreateScheduleRequest: "RescoringService.CreateSchedule", |_r| About::default();
    ListSchedulesRequest: "RescoringService.ListSchedules", |_r| About::default();
    PauseScheduleRequest: "RescoringService.PauseSchedule", |_r| About::default();
    ResumeScheduleRequest: "RescoringService.ResumeSchedule", |_r| About::default();
    DeleteScheduleRequest: "RescoringService.DeleteSchedule", |_r| About::default();
    ListHistoriesRequest: "ModelService.ListHistories", |_r| About::default();
    StartTrainingRequest: "ModelService.StartTraining", |r| About::by(&r.person);
    StartValidationRequest: "ModelService.StartValidation", |r| About::by(&r.person);
    StartComparisonRequest: "ModelService.StartComparison", |r| About::by(&r.person);
    StartMonitoringRequest: "ModelService.StartMonitoring", |r| About::by(&r.person);
    GetStudyRequest: "ModelService.GetStudy", |_r| About::default();
    ListStudiesRequest: "ModelService.ListStudies", |_r| About::default();
    WatchStudyRequest: "ModelService.WatchStudy", |_r| About::default();
    ReadReportRequest: "ModelService.ReadReport", |r| About::by(&r.person);
    GetModelRequest: "ModelService.GetModel", |_r| About::default();
    ListModelsRequest: "ModelService.ListModels", |_r| About::default();
    ApproveModelRequest: "ModelService.ApproveModel", |r| About::by(&r.person);
    RetireModelRequest: "ModelService.RetireModel", |r| About::by(&r.person);
    FetchModelRequest: "ModelService.FetchModel", |r| About::by(&r.person);
    ListReleasesRequest: "ModelService.ListReleases", |_r| About::default();
    ListStandardsRequest: "StandardService.ListStandards", |_r| About::default();
    GetStandardRequest: "StandardService.GetStandard", |_r| About::default();
    CheckStandardRequest: "StandardService.CheckStandard", |_r| About::default();
    CompareStandardsRequest: "StandardService.CompareStandards", |r| About::many(&r.enterprises);
}

/// Whether calls of this action look at nothing of an enterprise, so that they leave no trail.
fn leaves_no_trail(action: &str) -> bool {
    matches!(
        action,
        "StandardService.ListStandards"
            | "StandardService.GetStandard"
            | "StandardService.CheckStandard"
            | "LogService.GetTreeHead"
            | "LogService.ProveConsistency"
    )
}

/// Every method there is, as rules call the action.
pub(crate) fn actions() -> impl Iterator<Item = String> {
    let set = FileDescriptorSet::decode(hengxin_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let ours = set.file.into_iter().filter(|file| file.package() == "hengxin.v1");
    ours.flat_map(|file| file.service).flat_map(|service| {
        let name = service.name().to_owned();
        service.method.into_iter().map(move |method| format!("{name}.{}", method.name()))
    })
}

/// Who asks and what for, of one call.
#[derive(Clone, Debug)]
pub(super) struct Session {
    caller: Caller,
    purpose: String,
    basis: String,
}

impl Session {
    /// For whom the caller acts, where the message does not say it: what a batch of facts is recorded under.
    pub(super) fn speaks_for(&self) -> &str {
        &self.caller.department
    }

    /// Who asks.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What for, and on what legal basis, as the caller said.
    pub(super) fn purpose(&self) -> (&str, &str) {
        (&self.purpose, &self.basis)
    }
}

/// The most that is shown of an enterprise's facts.
pub(super) type Sight = Disclosure;

impl Gate {
    /// Lets a call in, or refuses it; either is in the audit trail first. The message, and how much is shown.
    pub(super) async fn admit<M: Concerns>(&self, request: Request<M>) -> Result<(M, Sight), Status> {
        let session = self.session::<M, M>(&request).await?;
        let message = request.into_inner();
        let sight = self.admit_part(&session, &message).await?;
        Ok((message, sight))
    }

    /// Who asks, for a call whose messages are admitted one by one.
    pub(super) async fn session<M: Concerns, T>(&self, request: &Request<T>) -> Result<Session, Status> {
        self.begin(request).await?;
        let header = |name: &str| {
            let value =
                request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            value.chars().take(LONGEST).collect::<String>()
        };
        let certificates = request.peer_certs();
        let credentials = credentials(request, certificates.as_deref());
        let (purpose, basis) = (header(PURPOSE), header(BASIS));
        let identified = self.access().identify(&credentials);
        let session = |caller| Session { caller, purpose, basis };
        match identified {
            Ok(caller) => Ok(session(caller)),
            Err(refusal) => {
                if let Some(left_out) = self.strangers().on_record() {
                    let unknown = session(Caller { name: "unknown".to_owned(), ..Caller::local() });
                    let detail = match left_out {
                        0 => refusal.to_string(),
                        _ => {
                            format!("{refusal}; {left_out} calls of unknown callers before it have no entry")
                        }
                    };
                    let call = entry(M::ACTION, &unknown, &About::default(), Decision::Refused, detail);
                    self.put_stranger_on_record(call, left_out).await?;
                }
                Err(refused(&refusal))
            }
        }
    }

    /// Lets one message of a call in, or refuses it.
    pub(super) async fn admit_part<M: Concerns>(
        &self,
        session: &Session,
        message: &M,
    ) -> Result<Sight, Status> {
        // Who knows no callers has nothing to decide, and no trail could tell who it was.
        if !self.access().is_ruled() {
            return Ok(Disclosure::NotPublic);
        }
        if !self.limits().take(&session.caller) {
            let message = format!("`{}` calls more often than agreed: try again later", session.caller.name);
            return Err(refuse(Code::ResourceExhausted, "CALLER_LIMIT", &message));
        }
        let (access, asked, about) = (Arc::clone(self.access()), session.clone(), message.about());
        let decide = move |engine: &Engine| {
            let about = about.looked_up(engine, &asked.caller)?;
            Ok((decide(engine, &access, &asked, M::ACTION, &about)?, about))
        };
        let (decided, about) = within("hengxin.rules", self.work(decide)).await?;
        self.leave_trail(M::ACTION, session, &about, &decided).await?;
        decided.map(|permission| permission.sight).map_err(|refusal| refused(&refusal))
    }

    /// Lets anybody in, known or not, without a purpose and without a trail: for what says no more than the caller shows to
    /// know already. Known callers have their own limit; all others share one, so that nobody tries codes in bulk.
    pub(super) async fn admit_anybody<M: Concerns>(&self, request: Request<M>) -> Result<M, Status> {
        self.begin(&request).await?;
        if self.access().is_ruled() {
            let certificates = request.peer_certs();
            let caller = self.access().identify(&credentials(&request, certificates.as_deref())).ok();
            if !self.limits().take(caller.as_ref().unwrap_or(&Strangers::together())) {
                let most = Strangers::PER_SECOND;
                let message = format!("more than {most} calls a second of unknown callers: try again later");
                return Err(refuse(Code::ResourceExhausted, "CALLER_LIMIT", &message));
            }
        }
        Ok(request.into_inner())
    }

    /// Waits until the audit trail holds the call.
    async fn leave_trail(
        &self,
        action: &'static str,
        session: &Session,
        about: &About,
        decided: &Result<Permission, Refusal>,
    ) -> Result<(), Status> {
        if leaves_no_trail(action) && decided.is_ok() {
            return Ok(());
        }
        let (decision, detail) = match decided {
            Ok(permission) => (Decision::Allowed, permission.by.join(" ")),
            Err(refusal) => (Decision::Refused, refusal.to_string()),
        };
        self.put_on_record(entry(action, session, about, decision, detail)).await
    }

    /// What cannot be written is counted in the next entry, also where the caller does not wait for the answer.
    async fn put_stranger_on_record(&self, call: AuditCall, left_out: u64) -> Result<(), Status> {
        let gate = self.clone();
        let written = async move {
            let written = gate.put_on_record(call).await;
            if written.is_err() {
                gate.strangers().leave_out(left_out + 1);
            }
            written
        };
        let written = tokio::spawn(written.with_context(Context::current()));
        written.await.unwrap_or_else(|_| Err(status(&Problem::Defect)))
    }

    async fn put_on_record(&self, call: AuditCall) -> Result<(), Status> {
        let decision = call.decision;
        let job = Job { request: None, command: Command::Audit(call), respond: Box::new(|_| Vec::new()) };
        let written = within("hengxin.audit", self.commit(job)).await;
        match &written {
            Ok(_) => self.metrics().audited(decision.id()),
            Err(_) => self.metrics().audit_failed(),
        }
        written.map(drop).map_err(|failure| {
            let message =
                format!("the audit trail cannot be written, so the call is refused: {}", failure.message());
            refuse(Code::Unavailable, "AUDIT_UNAVAILABLE", &message)
        })
    }
}

fn entry(
    action: &'static str,
    session: &Session,
    about: &About,
    decision: Decision,
    detail: String,
) -> AuditCall {
    AuditCall {
        method: action.to_owned(),
        caller: session.caller.name.clone(),
        department: session.caller.department.clone(),
        purpose: session.purpose.clone(),
        basis: session.basis.clone(),
        subjects: subjects(&about.enterprises),
        decision,
        detail,
    }
}

/// What comes with a call.
fn credentials<'r, T, C: AsRef<[u8]>>(
    request: &'r Request<T>,
    certificates: Option<&'r Vec<C>>,
) -> Credentials<'r> {
    Credentials {
        certificate: certificates.and_then(|chain| chain.first()).map(AsRef::as_ref),
        authorization: request.metadata().get("authorization").and_then(|value| value.to_str().ok()),
    }
}

/// Texts that are no codes are left out: what stands there may be anything.
fn subjects(enterprises: &[String]) -> String {
    let codes = enterprises.iter().filter(|text| text.parse::<Uscc>().is_ok());
    let mut named: Vec<&str> = codes.take(NAMED).map(String::as_str).collect();
    let more = format!("+{}", enterprises.len().saturating_sub(NAMED));
    if enterprises.len() > NAMED {
        named.push(&more);
    }
    named.join(" ")
}

/// A call about several enterprises is permitted when it is for each of them; the least is shown that is shown of any.
fn decide(
    engine: &Engine,
    access: &Access,
    session: &Session,
    action: &'static str,
    about: &About,
) -> Answer<Result<Permission, Refusal>> {
    let caller = &session.caller;
    let other = |named: &&String| **named != caller.name;
    let another = about.person.iter().find(other);
    let another =
        another.or_else(|| about.source.iter().filter(other).find(|source| **source != caller.department));
    if let Some(found) = another {
        return Ok(Err(Refusal::Person { found: parse::cut(found), expected: caller.name.clone() }));
    }
    let (report, own_report) = match &about.report {
        Some(Reported::New(kind)) => (*kind, true),
        Some(Reported::Known { kind, own }) => (*kind, *own),
        Some(Reported::Issued(_)) | None => ("", false),
    };
    let call = |resource, field: &str| Call {
        action,
        purpose: session.purpose.clone(),
        basis: session.basis.clone(),
        field: field.to_owned(),
        report,
        own_report,
        resource,
    };
    let none = [String::new()];
    let fields = if about.fields.is_empty() { &none[..] } else { &about.fields };
    if about.enterprises.is_empty() && about.territories.is_empty() {
        return Ok(access.decide(caller, &call(Resource::Service, fields.first().map_or("", String::as_str))));
    }
    let regions = about.territories.iter().cloned().map(|region| Ok(Resource::Territory(region)));
    // One after another: a caller who may ask for nothing costs no more than the first.
    let resources = regions.chain(enterprises(engine, caller, &session.purpose, &about.enterprises)?);
    let mut all: Option<Permission> = None;
    for resource in resources {
        let resource = resource?;
        for field in fields {
            match access.decide(caller, &call(resource.clone(), field)) {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(permission) => match &mut all {
                    None => all = Some(permission),
                    Some(so_far) => {
                        so_far.sight = so_far.sight.min(permission.sight);
                        so_far.by.retain(|rule| permission.by.contains(rule));
                    }
                },
            }
        }
    }
    Ok(all.ok_or(Refusal::NotPermitted { action, caller: caller.name.clone(), about: String::new() }))
}

/// Enterprises as rules see them: where they are registered, and whether they consent to the caller's department.
fn enterprises<'a>(
    engine: &'a Engine,
    caller: &'a Caller,
    purpose: &'a str,
    named: &'a [String],
) -> Answer<impl Iterator<Item = Answer<Resource>> + 'a> {
    // What anybody recorded up to now, at other servers too: a consent that was withdrawn counts no longer.
    let snapshot = engine.ledger().snapshot(None)?;
    let (today, vocabulary) = (engine.today(), engine.ledger().vocabulary());
    let distinct: BTreeSet<&String> = named.iter().collect();
    Ok(distinct.into_iter().map(move |text| {
        // A text that is no code, and a code nobody knows, are somewhere in the nation.
        let (region, consent) = match text.parse::<Uscc>() {
            Ok(code) => {
                let file = snapshot.credit_file(code)?;
                let region = file.as_ref().and_then(|file| file.as_file().registration(today)?.region);
                let consent = consented(&snapshot, vocabulary, code, &caller.department, purpose, today)?;
                (region.map(|region| region.to_string()), consent)
            }
            Err(_) => (None, false),
        };
        Ok(Resource::Enterprise { code: text.clone(), region, consent })
    }))
}

fn refused(refusal: &Refusal) -> Status {
    let (code, reason) = match refusal {
        Refusal::Unknown(_) => (Code::Unauthenticated, "CALLER_UNKNOWN"),
        Refusal::Purpose { .. } => (Code::InvalidArgument, "PURPOSE_UNKNOWN"),
        Refusal::Basis { .. } => (Code::InvalidArgument, "LEGAL_BASIS_UNKNOWN"),
        Refusal::NotPermitted { .. } => (Code::PermissionDenied, "NOT_PERMITTED"),
        Refusal::Person { .. } => (Code::PermissionDenied, "ANOTHER_PERSON"),
    };
    refuse(code, reason, &refusal.to_string())
}

/// The enterprises that submitted facts are about, and the regions of deliveries.
fn submitted(request: &v1::SubmitFactsRequest) -> About {
    let fields = request.facts.iter().flat_map(|fact| &fact.fields);
    let mut codes: Vec<&str> =
        fields.filter(|field| field.id == "subject_code").map(|field| field.value.trim()).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut territories: Vec<String> =
        request.deliveries.iter().map(|delivery| delivery.region.clone()).collect();
    territories.sort_unstable();
    territories.dedup();
    let source = (!request.source.is_empty()).then(|| request.source.clone());
    About { territories, source, ..About::many(&codes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_message_that_says_whom_it_is_about() {
        let mut declared: Vec<String> = actions().collect();
        let mut concerned: Vec<String> = CONCERNED.iter().map(|action| (*action).to_owned()).collect();
        declared.sort();
        concerned.sort();
        assert_eq!(declared, concerned);
    }

    #[test]
    fn an_enterprise_is_found_in_whatever_names_it() {
        for text in [
            "914403001922038216",
            "enterprises/914403001922038216",
            "enterprises/914403001922038216/evaluations/12",
        ] {
            assert_eq!(About::one(text).enterprises, ["914403001922038216"], "{text}");
        }
    }
}
