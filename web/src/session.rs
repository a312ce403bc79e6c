//! What a browser keeps for us: who its person is, what for, in which language, and the secret of its forms.
//!
//! Nothing is kept on the server, so that several servers serve one person and a restart signs nobody out. The token is
//! the one the person was given; every call shows it anew, and a session ends when the token does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::words::Language;

const TOKEN: &str = "hengxin-token";
const PURPOSE: &str = "hengxin-purpose";
const BASIS: &str = "hengxin-basis";
const LANGUAGE: &str = "hengxin-language";
const FORM: &str = "hengxin-form";

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The token; empty when nobody signed in.
    pub(crate) token: String,
    /// What for.
    pub(crate) purpose: String,
    /// On what legal basis.
    pub(crate) basis: String,
    /// In which language.
    pub(crate) language: Language,
    /// What forms of this browser must bring back; empty before the first page.
    pub(crate) form: String,
}

impl Session {
    /// From the cookies of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Session {
        let mut session = Session::default();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        for pair in cookies.flat_map(|line| line.split(';')) {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            match name {
                TOKEN => value.clone_into(&mut session.token),
                PURPOSE => value.clone_into(&mut session.purpose),
                BASIS => value.clone_into(&mut session.basis),
                LANGUAGE => session.language = Language::of(value),
                FORM => value.clone_into(&mut session.form),
                _ => {}
            }
        }
        session
    }
}

/// What is read of a token here: only to offer a beginning. Whether it is true, the service decides.
#[derive(serde::Deserialize)]
struct Claims {
    #[serde(default)]
    regions: Vec<String>,
}

impl Session {
    /// The region the token speaks of, when it is not the nation: where lists begin, because a list of more would be refused.
    pub(crate) fn home(&self) -> Option<String> {
        let payload = self.token.split('.').nth(1)?;
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        claims.regions.into_iter().next().filter(|region| region != "100000")
    }
}

/// Cookies to be set.
pub(crate) struct Cookies {
    encrypted: bool,
    lines: Vec<String>,
}

impl Cookies {
    /// None yet. Those of an encrypted connection never travel without.
    pub(crate) fn new(encrypted: bool) -> Cookies {
        Cookies { encrypted, lines: Vec::new() }
    }

    /// Who the person is, until the browser is closed or the token ends.
    pub(crate) fn signed_in(self, token: &str, purpose: &str, basis: &str) -> Cookies {
        self.set(TOKEN, token, "").set(PURPOSE, purpose, "").set(BASIS, basis, "")
    }

    /// Nobody any more.
    pub(crate) fn signed_out(self) -> Cookies {
        let gone = "; Max-Age=0";
        self.set(TOKEN, "", gone).set(PURPOSE, "", gone).set(BASIS, "", gone).set(FORM, "", gone)
    }

    /// In which language, for a year.
    pub(crate) fn language(self, language: Language) -> Cookies {
        self.set(LANGUAGE, language.say("zh", "en"), "; Max-Age=31536000")
    }

    /// What forms of this browser must bring back.
    pub(crate) fn form(self, secret: &str) -> Cookies {
        self.set(FORM, secret, "")
    }

    /// Values are of characters that need no quotes: whoever calls has looked.
    fn set(mut self, name: &str, value: &str, more: &str) -> Cookies {
        let secure = if self.encrypted { "; Secure" } else { "" };
        self.lines.push(format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}"));
        self
    }

    /// Puts them into an answer.
    pub(crate) fn into_headers(self, headers: &mut HeaderMap) {
        for line in self.lines {
            // A value a header cannot hold is not set; the next page then says that nobody signed in.
            if let Ok(value) = HeaderValue::from_str(&line) {
                headers.append(header::SET_COOKIE, value);
            }
        }
    }
}

/// Whether a text can stand in a cookie as it is.
pub(crate) fn fits_cookie(text: &str) -> bool {
    text.len() <= 3500
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_read_again() {
        let mut headers = HeaderMap::new();
        Cookies::new(true).signed_in("a.b.c", "supervision", "statutory-duty").into_headers(&mut headers);
        let set: Vec<String> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .map(|v| v.to_str().expect("text").to_owned())
            .collect();
        assert!(set.iter().all(|line| line.contains("HttpOnly; SameSite=Strict; Secure")), "{set:?}");
        let back = set.iter().filter_map(|line| line.split(';').next()).collect::<Vec<_>>().join("; ");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&back).expect("text"));
        let session = Session::of(&headers);
        assert_eq!((session.token.as_str(), session.purpose.as_str()), ("a.b.c", "supervision"));
    }

    #[test]
    fn lists_begin_at_home_and_a_token_that_is_none_has_no_home() {
        let of = |claims: &str| Session {
            token: format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)),
            ..Session::default()
        };
        assert_eq!(of(r#"{"regions": ["330100", "330200"]}"#).home().as_deref(), Some("330100"));
        for none in [r#"{"regions": ["100000"]}"#, "{}", "no"] {
            assert_eq!(of(none).home(), None, "{none}");
        }
        assert_eq!(Session::default().home(), None);
    }

    #[test]
    fn what_would_end_a_cookie_early_does_not_fit() {
        assert!(fits_cookie("eyJh.eyJz.c2ln"));
        for bad in ["a;b", "a b", "a\nb", "中"] {
            assert!(!fits_cookie(bad), "{bad:?}");
        }
    }
}
