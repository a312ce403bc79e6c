//! What comes over the wire, and the folder that says who may send it.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process, thread};

use hengxin_core::date::Moment;
use hengxin_proto::v1;
use hengxin_service::access::{Access, Call, Caller, Credentials, Resource};
use hengxin_service::page::{Filter, Listing, Position, TokenError, Tokens};
use prost::Message;

use super::text;

/// The files of a sound folder; the key is made for this.
const RULES: [(&str, &str); 5] = [
    ("schema.cedarschema", include_str!("../../policies/schema.cedarschema")),
    ("rules.cedar", include_str!("../../policies/rules.cedar")),
    ("purposes.json", include_str!("../../policies/purposes.json")),
    (
        "callers.json",
        r#"{"tokens": {"issuer": "https://id.example", "audience": "hengxin", "keys": "keys.json"}, "certificates": [
        {"name": "regulator", "department": "d", "roles": ["regulator"], "regions": ["330100"], "fields": ["*"]}]}"#,
    ),
    (
        "keys.json",
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig",
        "x": "_RckOFqgx1tk-3jNYC-h2ZH96_drE8WO1wLqyDXp9hg"}]}"#,
    ),
];

/// The access rules of a sound folder with one file in the place of another, or of itself; the folder is gone again.
fn ruled(changed: &str, text: &str) -> Result<Access, String> {
    let folder: PathBuf =
        env::temp_dir().join(format!("hengxin-fuzz-{}-{:?}", process::id(), thread::current().id()));
    fs::create_dir_all(&folder).expect("made");
    for (name, sound) in RULES {
        fs::write(folder.join(name), if name == changed { text } else { sound }).expect("written");
    }
    let read = Access::ruled(&folder).map_err(|problem| problem.to_string());
    fs::remove_dir_all(&folder).expect("removed");
    read
}

/// The name of a file in a folder of access rules, a line feed, and its text.
pub(crate) fn access_rules(input: &[u8]) -> bool {
    let input = text(input);
    let Some((name, text)) = input.split_once('\n') else { return false };
    if !RULES.iter().any(|(known, _)| *known == name) {
        return false;
    }
    let access = match ruled(name, text) {
        Ok(access) => access,
        Err(problem) => {
            assert!(!problem.is_empty());
            return false;
        }
    };
    let mut caller = Caller::local();
    caller.roles = vec!["regulator".to_owned(), "bank".to_owned()];
    caller.regions = vec!["330100".to_owned()];
    let enterprise = Resource::Enterprise {
        code: "91110000600037341L".to_owned(),
        region: Some("330106".to_owned()),
        consent: true,
    };
    for resource in [Resource::Service, Resource::Territory("330000".to_owned()), enterprise] {
        let call = Call {
            action: "SupervisionService.GetTier",
            purpose: "supervision".to_owned(),
            basis: "statutory-duty".to_owned(),
            field: "food-production".to_owned(),
            report: "public",
            own_report: true,
            resource,
        };
        let _ = access.decide(&caller, &call);
    }
    true
}

/// The header `authorization`, or a client's certificate in DER.
pub(crate) fn credentials(input: &[u8]) -> bool {
    static ACCESS: LazyLock<Access> =
        LazyLock::new(|| ruled("", "").unwrap_or_else(|problem| panic!("{problem}")));
    let header = text(input);
    let by_token = ACCESS.identify(&Credentials { certificate: None, authorization: Some(&header) });
    let by_certificate = ACCESS.identify(&Credentials { certificate: Some(input), authorization: None });
    by_token.is_ok() || by_certificate.is_ok()
}

/// A token as it comes; and the input as the key of a row, sealed, opened, and opened where it does not belong.
pub(crate) fn page_tokens(input: &[u8]) -> bool {
    static TOKENS: LazyLock<Tokens> = LazyLock::new(|| Tokens::new(b"made for this"));
    let (text, filter) = (text(input), Filter::of(["region", "330106"]));
    let opened = TOKENS.open(Listing::Facts, &filter, &text);
    if text.len() < 1000 {
        let position = Position { known_at: Moment(1_795_809_675_489_845), after: text };
        let token = TOKENS.seal(Listing::Facts, &filter, &position);
        assert_eq!(TOKENS.open(Listing::Facts, &filter, &token), Ok(Some(position)));
        assert_eq!(TOKENS.open(Listing::Tiers, &filter, &token), Err(TokenError::OtherListing));
        let other = Filter::of(["region", "330107"]);
        assert_eq!(TOKENS.open(Listing::Facts, &other, &token), Err(TokenError::OtherListing));
        let cut = token.get(..token.len() - 1).unwrap_or_default();
        assert_eq!(TOKENS.open(Listing::Facts, &filter, cut), Err(TokenError::Foreign));
    }
    matches!(opened, Ok(Some(_)))
}

/// Whether bytes are a message; what was read can be written and read again.
fn is<M: Message + Default>(bytes: &[u8]) -> bool {
    let Ok(message) = M::decode(bytes) else { return false };
    let written = message.encode_to_vec();
    let again = M::decode(written.as_slice()).expect("what is written is read");
    assert_eq!(again.encode_to_vec(), written);
    true
}

macro_rules! requests {
    ($($name:ident)*) => {
        /// Every request by name.
        const REQUESTS: &[(&str, fn(&[u8]) -> bool)] = &[$((stringify!($name), is::<v1::$name>)),*];
    };
}

requests! {
    SubmitFactsRequest ListFactsRequest GetEnterpriseRequest SearchEnterprisesRequest GetTreeHeadRequest
    ProveConsistencyRequest IssueEvaluationReceiptRequest IssueTierReceiptRequest ListHistoriesRequest
    StartTrainingRequest StartValidationRequest StartComparisonRequest StartMonitoringRequest GetStudyRequest
    ListStudiesRequest WatchStudyRequest ReadReportRequest GetModelRequest ListModelsRequest ApproveModelRequest
    RetireModelRequest FetchModelRequest ListReleasesRequest StartRunRequest GetRunRequest ListRunsRequest
    CancelRunRequest WatchRunRequest CreateScheduleRequest ListSchedulesRequest PauseScheduleRequest
    ResumeScheduleRequest DeleteScheduleRequest EvaluateRequest BatchEvaluateRequest GetEvaluationRequest
    ListEvaluationsRequest SimulateEvaluationRequest ListStandardsRequest GetStandardRequest CheckStandardRequest
    CompareStandardsRequest GetTierRequest BatchGetTiersRequest ListTiersRequest WatchTiersRequest
    SummarizeTiersRequest SummarizeSourcesRequest TraceTierRequest WhatIfRequest IssueReportRequest GetReportRequest
    ListReportsRequest RenderReportRequest VerifyReportRequest ExportTiersRequest
}

/// A message as each request there is. What the service makes of requests it has decoded:
/// `engine/service/tests/grpc/hostile.rs`.
pub(crate) fn requests(input: &[u8]) -> bool {
    REQUESTS.iter().filter(|(_, is)| is(input)).count() > 0
}

/// Requests of the contract that are not among [`REQUESTS`].
pub fn forgotten_requests() -> Vec<String> {
    let set = hengxin_proto::FILE_DESCRIPTOR_SET;
    // Names stand in the descriptors as they are; nothing else of the contract ends so.
    let names = String::from_utf8_lossy(set);
    let words = names.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.ends_with("Request"));
    let mut forgotten: Vec<String> = words
        .filter(|word| word.len() > "Request".len() && !REQUESTS.iter().any(|(known, _)| known == word))
        .map(str::to_owned)
        .collect();
    forgotten.sort();
    forgotten.dedup();
    forgotten
}
