//! A client of `SupervisionService.ExportTiers`, which checks what it receives.

use hengxin_proto::v1;
use hengxin_proto::v1::export_tiers_response::Part;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use serde_json::{Value, json};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Request, Streaming};

use super::{ClientError, moment};
use crate::grpc::MESSAGE_MAX;
use crate::grpc::export::row_of;
use crate::use_case::export::row::{FileDigest, marked_line};

/// Who asks, where, and what for.
#[derive(Clone, Default)]
pub struct Asking {
    /// `http://host:port` or `https://host:port`.
    pub address: String,
    /// The authority of the service's certificate, PEM. Needed with `https`.
    pub authority: Option<Vec<u8>>,
    /// The caller's certificate and key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// A person's token.
    pub token: Option<String>,
    /// What for.
    pub purpose: String,
    /// On what legal basis.
    pub legal_basis: String,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Which tiers to export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOrder {
    /// Field of supervision.
    pub field: String,
    /// Only this tier; 0 for all.
    pub tier: u32,
    /// Only within this region; empty for all.
    pub region: String,
    /// Only of this industry; empty for all.
    pub industry: String,
    /// Of the loaded run; else the decisions on record.
    pub from_run: bool,
}

/// An export that is under way.
#[derive(Debug)]
pub struct ExportStream {
    /// What the service says of it before the first row.
    pub head: Value,
    /// Rows there were when it began.
    pub expected: u64,
    /// Rows received so far.
    pub rows: u64,
    stream: Streaming<v1::ExportTiersResponse>,
    digest: FileDigest,
}

impl ExportStream {
    /// Begins an export.
    ///
    /// # Errors
    /// When nobody answers there, and what the service refuses.
    pub async fn begin(asking: &Asking, order: ExportOrder) -> Result<ExportStream, ClientError> {
        let channel = channel(asking).await?;
        let mut client = SupervisionServiceClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
        let ExportOrder { field, tier, region, industry, from_run } = order;
        let basis = if from_run { v1::TierBasis::Run } else { v1::TierBasis::Live }.into();
        let mut request = Request::new(v1::ExportTiersRequest { field, tier, region, industry, basis });
        let headers = request.metadata_mut();
        headers.insert("hengxin-purpose", header("purpose", &asking.purpose)?);
        headers.insert("hengxin-legal-basis", header("legal basis", &asking.legal_basis)?);
        if let Some(token) = &asking.token {
            headers.insert("authorization", header("token", &format!("Bearer {token}"))?);
        }
        let mut stream = client.export_tiers(request).await?.into_inner();
        match stream.message().await?.and_then(|first| first.part) {
            Some(Part::Head(head)) => Ok(ExportStream {
                expected: head.rows_expected,
                head: told(head),
                rows: 0,
                stream,
                digest: FileDigest::default(),
            }),
            Some(Part::Rows(_) | Part::End(_)) | None => Err(broken("it does not begin with its head")),
        }
    }

    /// The next lines of the file, each with its end; `None` once all rows are here and the digest agrees.
    ///
    /// # Errors
    /// When the service ends it early, and when what came is not what the service says it sent.
    pub async fn lines(&mut self) -> Result<Option<Vec<String>>, ClientError> {
        match self.stream.message().await?.and_then(|next| next.part) {
            Some(Part::Rows(rows)) => {
                let lines: Vec<String> = rows
                    .rows
                    .into_iter()
                    .map(|tier| {
                        let (row, mark) = row_of(tier);
                        marked_line(&row.line(), &mark)
                    })
                    .collect();
                for line in &lines {
                    self.digest.add(line);
                }
                self.rows += u64::try_from(lines.len()).unwrap_or(u64::MAX);
                Ok(Some(lines))
            }
            Some(Part::End(end)) => {
                if end.rows != self.rows {
                    return Err(broken(&format!("{} rows came, expected {}", self.rows, end.rows)));
                }
                let digest = std::mem::take(&mut self.digest).end();
                if digest != end.digest {
                    return Err(broken(&format!("the rows have digest {digest}, expected {}", end.digest)));
                }
                self.head["rows"] = json!(end.rows);
                self.head["digest"] = json!(digest);
                Ok(None)
            }
            Some(Part::Head(_)) => Err(broken("it begins a second time")),
            None => Err(broken("it ends without its last message, so rows are missing")),
        }
    }
}

fn broken(what: &str) -> ClientError {
    ClientError::System(format!("the export is not whole: {what}"))
}

fn header(what: &str, text: &str) -> Result<MetadataValue<Ascii>, ClientError> {
    // Other bytes can be sent, and are not read.
    let value = text.is_ascii().then(|| text.parse().ok()).flatten();
    value.ok_or_else(|| {
        ClientError::Refused(format!(
            "{what}: found what no header can hold, expected ASCII without controls"
        ))
    })
}

async fn channel(asking: &Asking) -> Result<Channel, ClientError> {
    let address = &asking.address;
    if !address.starts_with("https://") {
        return super::channel(address).await;
    }
    let expected = "expected the certificate of the service's authority beside it";
    let authority = asking
        .authority
        .as_ref()
        .ok_or_else(|| ClientError::Refused(format!("found `{address}`, {expected}")))?;
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    if let Some((certificate, key)) = &asking.identity {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    super::connected(address, |endpoint| endpoint.tls_config(tls)).await
}

fn told(head: v1::ExportHead) -> Value {
    let asked = head.request.unwrap_or_default();
    json!({
        "number": head.number, "caller": head.caller, "department": head.department, "purpose": head.purpose,
        "legal_basis": head.legal_basis, "begun_at": moment(head.begun_at), "field": asked.field, "tier": asked.tier,
        "region": asked.region, "industry": asked.industry, "run": head.run, "rows_expected": head.rows_expected,
    })
}
