//! Who may ask for what: callers by certificate and token, the shipped rules, masks, and the audit trail.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::{Access, Tls};
use hengxin_store::Decision;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PKCS_ED25519, RevokedCertParams, SerialNumber,
};
use serde_json::json;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Code, Request, Status};

use crate::rig::{Rig, code, fact, penalty, refusal, registration};

pub(crate) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
pub(crate) const HANGZHOU: &str = "330106";

/// A folder of certificates and rules.
pub(crate) struct Papers {
    folder: tempfile::TempDir,
    own: CertifiedIssuer<'static, KeyPair>,
    clients: CertifiedIssuer<'static, KeyPair>,
    tokens: KeyPair,
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

impl Papers {
    pub(crate) fn new() -> Papers {
        let papers = Papers {
            folder: tempfile::tempdir().unwrap(),
            own: issuer("own authority"),
            clients: issuer("authority of clients"),
            tokens: KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        };
        let (certificate, key) = Papers::pair(&papers.own, "localhost", 1);
        papers.write("server.pem", &certificate);
        papers.write("server.key", &key);
        papers.write("clients.pem", &papers.clients.pem());
        papers.revoke(&[]);
        std::fs::create_dir(papers.rules()).unwrap();
        for file in ["schema.cedarschema", "rules.cedar", "purposes.json"] {
            std::fs::copy(Path::new(SHIPPED).join(file), papers.rules().join(file)).unwrap();
        }
        let machine = |name: &str, role: &str, regions: &[&str], fields: &[&str]| json!({"name": name, "department": format!("{name}'s department"), "roles": [role], "regions": regions, "fields": fields});
        let callers = json!({
            "tokens": {"issuer": "https://id.example", "audience": "hengxin", "keys": "keys.json"},
            "certificates": [
                machine("regulator", "regulator", &["330100"], &["*"]),
                machine("elsewhere", "regulator", &["440000"], &["*"]),
                machine("bank", "bank", &[], &[]),
                machine("supplier", "supplier", &["100000"], &[]),
            ],
        });
        papers.write("access/callers.json", &callers.to_string());
        let x = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            papers.tokens.public_key_raw(),
        );
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": x}]});
        papers.write("access/keys.json", &keys.to_string());
        papers
    }

    pub(crate) fn rules(&self) -> PathBuf {
        self.folder.path().join("access")
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn pair(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str, serial: u64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.serial_number = Some(SerialNumber::from(serial));
        (parameters.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
    }

    fn revoke(&self, serials: &[u64]) {
        let now = rcgen::date_time_ymd(2026, 1, 1);
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: rcgen::date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("revoked.pem", &list.signed_by(&self.clients).unwrap().pem().unwrap());
    }

    fn tls(&self) -> Tls {
        let path = |name: &str| self.folder.path().join(name);
        Tls {
            certificate: path("server.pem"),
            key: path("server.key"),
            client_authority: Some(path("clients.pem")),
            client_revocations: Some(path("revoked.pem")),
            client_optional: true,
        }
    }

    async fn serve(&self) -> Rig {
        let access = Arc::new(Access::ruled(&self.rules()).unwrap());
        let tls = self.tls();
        Rig::with(move |_, config| {
            config.tls = Some(tls);
            config.access = access;
        })
        .await
    }

    fn channel(&self, rig: &Rig, identity: Option<(String, String)>) -> Channel {
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(self.own.pem()));
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let address = rig.address.replace("http://", "https://");
        Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect_lazy()
    }

    fn machine(&self, rig: &Rig, name: &str) -> Channel {
        self.channel(rig, Some(Papers::pair(&self.clients, name, 7)))
    }

    fn token(&self, change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut claims = json!({
            "sub": "li", "department": "market regulation", "roles": ["regulator"], "regions": ["330000"], "fields": ["*"],
            "iss": "https://id.example", "aud": "hengxin", "exp": 4_000_000_000_u64,
        });
        change(&mut claims);
        signed(&self.tokens, &claims)
    }
}

fn signed(key: &KeyPair, claims: &serde_json::Value) -> String {
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&key.serialize_der())).unwrap()
}

/// A request with a purpose and a legal basis.
fn asked<T>(message: T, purpose: &'static str, basis: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("hengxin-purpose", purpose.parse().unwrap());
    request.metadata_mut().insert("hengxin-legal-basis", basis.parse().unwrap());
    request
}

fn supervising<T>(message: T) -> Request<T> {
    asked(message, "supervision", "statutory-duty")
}

fn granting<T>(message: T) -> Request<T> {
    asked(message, "credit-granting", "consent")
}

fn facts_of(subject: Uscc) -> v1::ListFactsRequest {
    v1::ListFactsRequest { parent: subject.to_string(), ..v1::ListFactsRequest::default() }
}

async fn supply(papers: &Papers, rig: &Rig, id: &str, facts: Vec<v1::FactInput>) -> Result<(), Status> {
    supply_all(papers, rig, id, facts, Vec::new()).await
}

async fn supply_all(
    papers: &Papers,
    rig: &Rig,
    id: &str,
    facts: Vec<v1::FactInput>,
    deliveries: Vec<v1::DeliveryInput>,
) -> Result<(), Status> {
    let message = v1::SubmitFactsRequest {
        request_id: id.to_owned(),
        facts,
        deliveries,
        ..v1::SubmitFactsRequest::default()
    };
    let mut client = LedgerServiceClient::new(papers.machine(rig, "supplier"));
    let request = asked(tokio_stream::once(message), "record-keeping", "statutory-duty");
    client.submit_facts(request).await.map(drop)
}

fn consent(subject: Uscc, from: &str, until: &str) -> v1::FactInput {
    fact(
        "credit-consent",
        &[
            ("subject_code", subject.as_str()),
            ("grantee", "bank's department"),
            ("scope", "credit-granting"),
            ("from", from),
            ("until", until),
        ],
    )
}

fn identified(subject: Uscc) -> v1::FactInput {
    let mut input = registration(subject, "甲公司", HANGZHOU, "C1411");
    input
        .fields
        .push(v1::FieldInput { id: "representative_id".to_owned(), value: "11010519491231002X".to_owned() });
    input
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regulator_sees_all_of_its_region_and_nothing_elsewhere_and_both_are_on_record() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1)), penalty(code(1), "no 1", "2026-01-05")])
        .await
        .unwrap();
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let answer = regulator.list_facts(supervising(facts_of(code(1)))).await.unwrap().into_inner();
    assert_eq!(answer.facts.len(), 2);
    assert!(
        answer.masked_codes.is_empty() && answer.facts.iter().all(|f| f.fields.iter().all(|f| !f.masked))
    );
    let mut elsewhere = LedgerServiceClient::new(papers.machine(&rig, "elsewhere"));
    let refused = elsewhere.list_facts(supervising(facts_of(code(1)))).await;
    let (message, _) = refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    assert!(!message.contains(code(1).as_str()), "{message}");
    // Whether a code is known at all is not told either.
    let refused = elsewhere.list_facts(supervising(facts_of(code(2)))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    refusal(regulator.list_facts(facts_of(code(1))).await, Code::InvalidArgument, "PURPOSE_UNKNOWN");
    let wrong = regulator.list_facts(asked(facts_of(code(1)), "curiosity", "none")).await;
    let (message, _) = refusal(wrong, Code::InvalidArgument, "PURPOSE_UNKNOWN");
    assert!(message.contains("found `curiosity`, expected one of `supervision`"), "{message}");
    let wrong = regulator.list_facts(asked(facts_of(code(1)), "supervision", "consent")).await;
    refusal(wrong, Code::InvalidArgument, "LEGAL_BASIS_UNKNOWN");
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(None, 0, 100).unwrap();
    let told: Vec<_> = trail
        .iter()
        .map(|record| (record.call.caller.as_str(), record.call.method.as_str(), record.call.decision))
        .collect();
    let list = "LedgerService.ListFacts";
    let expected = [
        ("supplier", "LedgerService.SubmitFacts", Decision::Allowed),
        ("regulator", list, Decision::Allowed),
        ("elsewhere", list, Decision::Refused),
        ("elsewhere", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
        ("regulator", list, Decision::Refused),
    ];
    assert_eq!(told, expected);
    assert_eq!(trail[1].call.subjects, code(1).as_str());
    assert_eq!(trail[1].call.detail, "regulators-look-up");
    rig.engine.ledger().snapshot(None).unwrap().verify().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_sees_what_is_public_of_enterprises_that_consent_as_long_as_they_do() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let (willing, ended, silent) = (code(1), code(2), code(3));
    let mut facts: Vec<_> = [willing, ended, silent].into_iter().map(identified).collect();
    facts.extend([penalty(willing, "no 1", "2026-01-05"), consent(willing, "2026-01-01", "2026-06-30")]);
    facts.push(consent(ended, "2026-01-01", "2026-06-29"));
    facts.push(fact(
        "tax-credit-grade",
        &[
            ("subject_code", willing.as_str()),
            ("year", "2025"),
            ("grade", "A"),
            ("evaluated_on", "2026-04-01"),
        ],
    ));
    if let Err(error) = supply(&papers, &rig, "a", facts.clone()).await {
        facts.pop();
        println!("without the tax grade: {error}");
        supply(&papers, &rig, "b", facts).await.unwrap();
    }
    let mut bank = LedgerServiceClient::new(papers.machine(&rig, "bank"));
    let answer = bank.list_facts(granting(facts_of(willing))).await.unwrap().into_inner();
    let codes: Vec<&str> = answer.facts.iter().map(|fact| fact.code.as_str()).collect();
    assert_eq!(codes, ["registration", "administrative-penalty"]);
    assert!(answer.masked_codes.iter().any(|code| code == "credit-consent"));
    let id = answer.facts[0].fields.iter().find(|field| field.id == "representative_id").unwrap();
    assert!(id.masked && id.value.is_empty(), "{id:?}");
    // A page of one shows the same as the whole: nothing is counted that is not shown.
    let one = v1::ListFactsRequest { page_size: 1, ..facts_of(willing) };
    let page = bank.list_facts(granting(one)).await.unwrap().into_inner();
    assert_eq!((page.facts.len(), page.facts[0].code.as_str()), (1, "registration"));
    let request =
        v1::GetEnterpriseRequest { name: willing.to_string(), ..v1::GetEnterpriseRequest::default() };
    let shown = bank.get_enterprise(granting(request)).await.unwrap().into_inner().enterprise.unwrap();
    assert!(shown.fact_counts.iter().all(|count| count.code != "credit-consent"), "{shown:?}");
    for subject in [ended, silent, code(4)] {
        let refused = bank.list_facts(granting(facts_of(subject))).await;
        refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    }
    let refused = bank.list_facts(supervising(facts_of(willing))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
    // The day after the consent ends.
    rig.clock.advance(Duration::from_secs(12 * 3600));
    let refused = bank.list_facts(granting(facts_of(willing))).await;
    refusal(refused, Code::PermissionDenied, "NOT_PERMITTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_shows_a_bank_the_result_but_neither_readings_nor_facts() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let subject = code(1);
    let facts =
        vec![identified(subject), penalty(subject, "no 1", "2026-01-05"), consent(subject, "2026-01-01", "")];
    supply(&papers, &rig, "a", facts).await.unwrap();
    let delivered = |register: &&str| v1::DeliveryInput {
        register: (*register).to_owned(),
        region: "100000".to_owned(),
        through: crate::rig::TODAY.to_owned(),
    };
    let registers =
        ["registration", "administrative-penalties", "abnormal-operation", "serious-dishonesty", "relations"];
    supply_all(&papers, &rig, "b", Vec::new(), registers.iter().map(delivered).collect()).await.unwrap();
    let ask = || crate::rig::question(subject);
    let mut bank = ScoringServiceClient::new(papers.machine(&rig, "bank"));
    let masked = bank.evaluate(granting(ask())).await.unwrap().into_inner().evaluation.unwrap();
    let mut regulator = ScoringServiceClient::new(papers.machine(&rig, "regulator"));
    let whole = regulator.evaluate(supervising(ask())).await.unwrap().into_inner().evaluation.unwrap();
    assert!(masked.masked && !whole.masked);
    assert_eq!((&masked.score, &masked.grade, &masked.reasons), (&whole.score, &whole.grade, &whole.reasons));
    let lines = |evaluation: &v1::Evaluation| evaluation.explanation.clone().unwrap().lines;
    assert!(lines(&whole).iter().any(|line| !line.evidence.is_empty() && !line.reading.is_empty()));
    assert!(lines(&masked).iter().all(|line| line.evidence.is_empty() && line.reading.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_that_is_good_in_every_way_is_believed() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let ask = async |token: &str| {
        let mut client = LedgerServiceClient::new(papers.channel(&rig, None));
        let mut request = supervising(facts_of(code(1)));
        if !token.is_empty() {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        client.list_facts(request).await.map(tonic::Response::into_inner)
    };
    assert_eq!(ask(&papers.token(|_| {})).await.unwrap().facts.len(), 1);
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let good = papers.token(|_| {});
    let claims = good.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
    let hs256 = jsonwebtoken::encode(
        &Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) },
        &json!({"sub": "li"}),
        &EncodingKey::from_secret(papers.tokens.public_key_raw()),
    )
    .unwrap();
    for (token, expected) in [
        (String::new(), "neither a client certificate nor a token"),
        ("rubbish".to_owned(), "not valid"),
        (none, "not valid"),
        (hs256, "expected EdDSA, ES256 or RS256"),
        (signed(&other, &json!({"sub": "li"})), "InvalidSignature"),
        (papers.token(|claims| claims["exp"] = json!(1_000_000_000)), "ExpiredSignature"),
        (papers.token(|claims| claims["aud"] = json!("another")), "InvalidAudience"),
        (papers.token(|claims| claims["iss"] = json!("https://elsewhere")), "InvalidIssuer"),
        (papers.token(|claims| claims["nbf"] = json!(3_900_000_000_u64)), "ImmatureSignature"),
        (papers.token(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), "exp"),
        (papers.token(|claims| drop(claims.as_object_mut().unwrap().remove("roles"))), "roles"),
    ] {
        let (message, _) = refusal(ask(&token).await, Code::Unauthenticated, "CALLER_UNKNOWN");
        assert!(message.contains(expected), "{message}, expected {expected}");
    }
    let trail = rig.engine.ledger().snapshot(None).unwrap().audit(Some("unknown"), 0, 100).unwrap();
    assert_eq!(trail.len(), 11);
    assert!(trail.iter().all(|record| record.call.decision == Decision::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_others_of_strangers_and_revoked_ones_open_nothing() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let ask = async |channel: Channel| {
        let request = supervising(v1::ListStandardsRequest::default());
        v1::standard_service_client::StandardServiceClient::new(channel).list_standards(request).await
    };
    ask(papers.machine(&rig, "regulator")).await.unwrap();
    let stranger = ask(papers.machine(&rig, "stranger")).await;
    let (message, _) = refusal(stranger, Code::Unauthenticated, "CALLER_UNKNOWN");
    assert_eq!(message, "the client certificate is of `stranger`, who is no caller of this service");
    let forged = issuer("authority of clients");
    let forged = Papers::pair(&forged, "regulator", 9);
    assert!(ask(papers.channel(&rig, Some(forged))).await.is_err());
    let lost = Papers::pair(&papers.clients, "regulator", 42);
    ask(papers.channel(&rig, Some(lost.clone()))).await.unwrap();
    // Taken note of while the service runs.
    std::thread::sleep(Duration::from_millis(20));
    papers.revoke(&[42]);
    let revoked = async || {
        for _ in 0..100 {
            if ask(papers.channel(&rig, Some(lost.clone()))).await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(revoked().await, "the revoked certificate still opens");
    ask(papers.machine(&rig, "regulator")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_take_effect_while_the_service_runs_and_a_fault_leaves_the_last_good_ones() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
    let rules = papers.rules().join("rules.cedar");
    let good = std::fs::read_to_string(&rules).unwrap();
    // Beyond the coarsest clock of a file system.
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&rules, "@id(\"x\") permit (principal, action, resource) when { context.nothing == 1 };")
        .unwrap();
    let error = Access::ruled(&papers.rules()).unwrap_err().to_string();
    assert!(error.contains("*.cedar") && error.contains("nothing"), "{error}");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
    std::fs::write(&rules, good.replace("Role::\"regulator\"", "Role::\"inspector\"")).unwrap();
    let mut refused = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        refused = client.list_facts(supervising(facts_of(code(1)))).await.is_err();
        if refused {
            break;
        }
    }
    assert!(refused, "the new rules never took effect");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_put_on_record_is_refused() {
    let papers = Papers::new();
    let (access, tls) = (Arc::new(Access::ruled(&papers.rules()).unwrap()), papers.tls());
    let rig = Rig::with(move |options, config| {
        options.busy_wait = Duration::from_millis(200);
        config.tls = Some(tls);
        config.access = access;
    })
    .await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = client.list_facts(supervising(facts_of(code(1)))).await;
    let (message, _) = refusal(refused, Code::Unavailable, "AUDIT_UNAVAILABLE");
    assert!(message.contains("so the call is refused"), "{message}");
    other.execute_batch("ROLLBACK").unwrap();
    client.list_facts(supervising(facts_of(code(1)))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_in_the_name_of_others() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let submit = async |source: &str| {
        let message = v1::SubmitFactsRequest {
            request_id: format!("r-{}", source.len()),
            source: source.to_owned(),
            facts: vec![identified(code(1))],
            ..v1::SubmitFactsRequest::default()
        };
        let mut client = LedgerServiceClient::new(papers.machine(&rig, "supplier"));
        client
            .submit_facts(asked(tokio_stream::once(message), "record-keeping", "statutory-duty"))
            .await
            .map(drop)
    };
    refusal(submit("tax bureau").await, Code::PermissionDenied, "ANOTHER_PERSON");
    submit("supplier's department").await.unwrap();
    submit("").await.unwrap();
    // Two people approve a model: a caller who could use the name of its department, too, would be both.
    let approve = async |person: &str| {
        let token = papers.token(|claims| claims["roles"] = json!(["modeller"]));
        let request =
            v1::ApproveModelRequest { person: person.to_owned(), ..v1::ApproveModelRequest::default() };
        let mut request = asked(request, "joint-modelling", "agreement");
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let channel = papers.channel(&rig, None);
        v1::model_service_client::ModelServiceClient::new(channel).approve_model(request).await.map(drop)
    };
    for person in ["market regulation", "wang", ""] {
        refusal(approve(person).await, Code::PermissionDenied, "ANOTHER_PERSON");
    }
    let admitted = approve("li").await.unwrap_err();
    assert_ne!(admitted.code(), Code::PermissionDenied, "{admitted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_all_masked_give_nothing_and_marks_do_not_show() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    let subject = code(1);
    let facts = vec![
        identified(subject),
        penalty(subject, "no 1", "2026-01-05"),
        crate::rig::repair(subject, "no 1", "2026-02-01"),
        consent(subject, "2026-01-01", ""),
    ];
    supply(&papers, &rig, "a", facts).await.unwrap();
    let mut bank = LedgerServiceClient::new(papers.machine(&rig, "bank"));
    let only = v1::ListFactsRequest { codes: vec!["credit-consent".to_owned()], ..facts_of(subject) };
    let answer = bank.list_facts(granting(only)).await.unwrap().into_inner();
    assert!(answer.facts.is_empty() && answer.next_page_token.is_empty(), "{answer:?}");
    let penalties = |answer: v1::ListFactsResponse| {
        answer.facts.into_iter().find(|fact| fact.code == "administrative-penalty").unwrap()
    };
    let shown = penalties(bank.list_facts(granting(facts_of(subject))).await.unwrap().into_inner());
    assert_eq!(shown.repaired_on, "", "the repair is a limited fact");
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let shown = penalties(regulator.list_facts(supervising(facts_of(subject))).await.unwrap().into_inner());
    assert_eq!(shown.repaired_on, "2026-02-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_for_the_regions_of_the_caller() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut client = SupervisionServiceClient::new(papers.machine(&rig, "regulator"));
    let list = |region: &str| {
        let field = crate::rig::FIELD.to_owned();
        supervising(v1::ListTiersRequest {
            field,
            region: region.to_owned(),
            ..v1::ListTiersRequest::default()
        })
    };
    client.list_tiers(list("330106")).await.unwrap();
    for region in ["", "330000", "440000"] {
        refusal(client.list_tiers(list(region)).await, Code::PermissionDenied, "NOT_PERMITTED");
    }
}
