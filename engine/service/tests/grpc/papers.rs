//! A service with access rules: certificates, tokens, a folder of rules, and who asks for what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_service::{Access, Config, Tls};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PKCS_ED25519, RevokedCertParams, SerialNumber,
};
use serde_json::json;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Status};

use crate::rig::{Rig, fact, registration};

pub(crate) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
pub(crate) const HANGZHOU: &str = "330106";

/// A folder of certificates and rules.
pub(crate) struct Papers {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) own: CertifiedIssuer<'static, KeyPair>,
    pub(crate) clients: CertifiedIssuer<'static, KeyPair>,
    pub(crate) tokens: KeyPair,
}

pub(crate) fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
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
                machine("nation", "regulator", &["100000"], &["*"]),
                machine("narrow", "regulator", &["330100"], &["environment"]),
                machine("operator", "operator", &[], &[]),
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

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn pair(
        issuer: &CertifiedIssuer<'static, KeyPair>,
        name: &str,
        serial: u64,
    ) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.serial_number = Some(SerialNumber::from(serial));
        (parameters.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
    }

    pub(crate) fn revoke(&self, serials: &[u64]) {
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

    pub(crate) fn tls(&self) -> Tls {
        let path = |name: &str| self.folder.path().join(name);
        Tls {
            certificate: path("server.pem"),
            key: path("server.key"),
            client_authority: Some(path("clients.pem")),
            client_revocations: Some(path("revoked.pem")),
            client_optional: true,
        }
    }

    pub(crate) async fn serve(&self) -> Rig {
        self.serve_with(|_| {}).await
    }

    pub(crate) async fn serve_with(&self, change: impl FnOnce(&mut Config)) -> Rig {
        let access = Arc::new(Access::ruled(&self.rules()).unwrap());
        let tls = self.tls();
        Rig::with(move |_, config| {
            config.tls = Some(tls);
            config.access = access;
            change(config);
        })
        .await
    }

    pub(crate) fn channel(&self, rig: &Rig, identity: Option<(String, String)>) -> Channel {
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(self.own.pem()));
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let address = rig.address.replace("http://", "https://");
        Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect_lazy()
    }

    pub(crate) fn machine(&self, rig: &Rig, name: &str) -> Channel {
        self.channel(rig, Some(Papers::pair(&self.clients, name, 7)))
    }

    pub(crate) fn token(&self, change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut claims = json!({
            "sub": "li", "department": "market regulation", "roles": ["regulator"], "regions": ["330000"], "fields": ["*"],
            "iss": "https://id.example", "aud": "hengxin", "exp": 4_000_000_000_u64,
        });
        change(&mut claims);
        signed(&self.tokens, &claims)
    }
}

pub(crate) fn signed(key: &KeyPair, claims: &serde_json::Value) -> String {
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&key.serialize_der())).unwrap()
}

/// A request with a purpose and a legal basis.
pub(crate) fn asked<T>(message: T, purpose: &'static str, basis: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("hengxin-purpose", purpose.parse().unwrap());
    request.metadata_mut().insert("hengxin-legal-basis", basis.parse().unwrap());
    request
}

pub(crate) fn supervising<T>(message: T) -> Request<T> {
    asked(message, "supervision", "statutory-duty")
}

pub(crate) fn granting<T>(message: T) -> Request<T> {
    asked(message, "credit-granting", "consent")
}

pub(crate) fn facts_of(subject: Uscc) -> v1::ListFactsRequest {
    v1::ListFactsRequest { parent: subject.to_string(), ..v1::ListFactsRequest::default() }
}

pub(crate) async fn supply(
    papers: &Papers,
    rig: &Rig,
    id: &str,
    facts: Vec<v1::FactInput>,
) -> Result<(), Status> {
    supply_all(papers, rig, id, facts, Vec::new()).await
}

pub(crate) async fn supply_all(
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

pub(crate) fn consent(subject: Uscc, from: &str, until: &str) -> v1::FactInput {
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

pub(crate) fn identified(subject: Uscc) -> v1::FactInput {
    let mut input = registration(subject, "甲公司", HANGZHOU, "C1411");
    input
        .fields
        .push(v1::FieldInput { id: "representative_id".to_owned(), value: "11010519491231002X".to_owned() });
    input
}
