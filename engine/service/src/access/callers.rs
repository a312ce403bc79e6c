//! Who asks: machines by the name in their certificate, people by a signed token.
//!
//! The transport has checked the certificate's chain, dates and revocation already; here its name is looked up. A token
//! (JWT, RFC 7519) is checked here: signature by a key of the key set, issuer, audience, dates. Algorithms are those of
//! public keys only: a token signed with `none` or with a shared secret is refused whatever it says.

use std::path::Path;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{AccessError, Caller, parse};

/// What comes with a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// The client's certificate, DER, checked by the transport.
    pub certificate: Option<&'a [u8]>,
    /// The header `authorization`.
    pub authorization: Option<&'a str>,
}

/// Why nobody knows who asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Neither certificate nor token.
    #[error("found neither a client certificate nor a token, expected one of the two")]
    Nothing,
    /// A certificate that cannot be read or has no name.
    #[error("the client certificate has no name, expected one in its alternative names or its subject")]
    Nameless,
    /// A certificate of somebody who is no caller.
    #[error("the client certificate is of `{0}`, who is no caller of this service")]
    NoCaller(String),
    /// A token where none are taken.
    #[error("found a token, but this service takes none")]
    NoTokens,
    /// A token that is not believed.
    #[error("the token is not valid: {0}")]
    Token(String),
}

/// What `callers.json` says.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    tokens: Option<TokensForm>,
    certificates: Vec<Machine>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensForm {
    issuer: String,
    audience: String,
    /// A file beside `callers.json` with the key set (JWKS, RFC 7517).
    keys: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    name: String,
    department: String,
    roles: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    regions: Vec<String>,
    #[serde(default)]
    calls_per_second: Option<u32>,
    #[serde(default)]
    exported_rows_per_day: Option<u64>,
}

/// What a token says.
#[derive(Debug, serde::Deserialize)]
struct Claims {
    sub: String,
    department: String,
    roles: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    regions: Vec<String>,
    #[serde(default)]
    calls_per_second: Option<u32>,
    #[serde(default)]
    exported_rows_per_day: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Callers {
    machines: Vec<Machine>,
    tokens: Option<(TokensForm, JwkSet)>,
}

impl Callers {
    pub(super) fn read(folder: &Path) -> Result<Callers, AccessError> {
        let path = folder.join("callers.json");
        let form: Form = parse(&path)?;
        let mut names: Vec<&str> = form.certificates.iter().map(|machine| machine.name.as_str()).collect();
        names.sort_unstable();
        if let Some(name) = names
            .windows(2)
            .find_map(|pair| matches!(pair, [one, other] if one == other).then(|| pair.first()).flatten())
        {
            let detail = format!("`{name}` a second time, expected each name once");
            return Err(AccessError::Fault { path, detail });
        }
        let tokens = match form.tokens {
            None => None,
            Some(tokens) => {
                // Only what lies in the folder is looked at again when it changes.
                if Path::new(&tokens.keys).file_name() != Some(tokens.keys.as_ref()) {
                    let detail =
                        format!("keys: found `{}`, expected the name of a file in this folder", tokens.keys);
                    return Err(AccessError::Fault { path, detail });
                }
                let path = folder.join(&tokens.keys);
                let keys: JwkSet = parse(&path)?;
                if keys.keys.is_empty() {
                    return Err(AccessError::Fault {
                        path,
                        detail: "found no keys, expected at least one".to_owned(),
                    });
                }
                Some((tokens, keys))
            }
        };
        Ok(Callers { machines: form.certificates, tokens })
    }

    /// A token says more than the certificate of the machine it comes from: people ask through gateways.
    pub(super) fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, Unknown> {
        match (credentials.authorization, credentials.certificate) {
            (Some(header), _) => self.by_token(header),
            (None, Some(certificate)) => self.by_certificate(certificate),
            (None, None) => Err(Unknown::Nothing),
        }
    }

    fn by_certificate(&self, der: &[u8]) -> Result<Caller, Unknown> {
        let name = name_of(der).ok_or(Unknown::Nameless)?;
        let machine = self.machines.iter().find(|machine| machine.name == name);
        let machine = machine.ok_or(Unknown::NoCaller(name))?;
        Ok(Caller {
            name: machine.name.clone(),
            department: machine.department.clone(),
            roles: machine.roles.clone(),
            fields: machine.fields.clone(),
            regions: machine.regions.clone(),
            calls_per_second: machine.calls_per_second,
            exported_rows_per_day: machine.exported_rows_per_day,
        })
    }

    fn by_token(&self, header: &str) -> Result<Caller, Unknown> {
        let (settings, keys) = self.tokens.as_ref().ok_or(Unknown::NoTokens)?;
        let bad = |why: &str| Unknown::Token(why.to_owned());
        let token = header
            .strip_prefix("Bearer ")
            .ok_or_else(|| bad("found another scheme, expected `authorization: Bearer TOKEN`"))?;
        let head = jsonwebtoken::decode_header(token).map_err(|error| Unknown::Token(error.to_string()))?;
        if !matches!(head.alg, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256) {
            return Err(Unknown::Token(format!(
                "signed with {:?}, expected EdDSA, ES256 or RS256",
                head.alg
            )));
        }
        let key = match &head.kid {
            Some(id) => keys.find(id).ok_or_else(|| bad("signed with a key that is not in the key set"))?,
            None => only(keys).ok_or_else(|| bad("it names no key, expected `kid` in its head"))?,
        };
        let key = DecodingKey::from_jwk(key).map_err(|error| Unknown::Token(error.to_string()))?;
        let mut expected = Validation::new(head.alg);
        expected.set_issuer(&[&settings.issuer]);
        expected.set_audience(&[&settings.audience]);
        expected.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        expected.validate_nbf = true;
        expected.leeway = 0;
        let claims: Claims = jsonwebtoken::decode(token, &key, &expected)
            .map_err(|error| Unknown::Token(error.to_string()))?
            .claims;
        Ok(Caller {
            name: claims.sub,
            department: claims.department,
            roles: claims.roles,
            fields: claims.fields,
            regions: claims.regions,
            calls_per_second: claims.calls_per_second,
            exported_rows_per_day: claims.exported_rows_per_day,
        })
    }
}

fn only(keys: &JwkSet) -> Option<&Jwk> {
    match keys.keys.as_slice() {
        [key] => Some(key),
        _ => None,
    }
}

/// The first DNS name among the alternative names, or else the common name.
fn name_of(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let alternative = certificate.subject_alternative_name().ok().flatten().and_then(|names| {
        names.value.general_names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
    });
    alternative.or_else(|| {
        let name = certificate.subject().iter_common_name().next()?;
        name.as_str().ok().map(str::to_owned)
    })
}
