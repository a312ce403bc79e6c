//! Forms: each brings back a secret of its browser, so that no other site can send one in a person's name.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use tonic::Status;

use crate::ask::Asking;
use crate::session::Cookies;

/// Random characters, for secrets of forms and ids of requests.
///
/// # Errors
/// When the system has no random numbers.
pub(crate) fn random() -> Result<String, Status> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Status::internal(format!("no random numbers: {error}")))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Gives the browser a secret for its forms, if it has none.
///
/// # Errors
/// As [`random`].
pub(crate) fn prepare(asking: &mut Asking, headers: &mut HeaderMap) -> Result<(), Status> {
    if asking.session.form.is_empty() {
        asking.session.form = random()?;
        Cookies::new(asking.setup().encrypted).form(&asking.session.form).into_headers(headers);
    }
    Ok(())
}

/// Refuses a form that did not come from a page of this browser.
///
/// # Errors
/// When it does not bring the secret back.
pub(crate) fn expect(asking: &Asking, brought: &str) -> Result<(), Status> {
    if !brought.is_empty() && brought == asking.session.form {
        return Ok(());
    }
    Err(Status::aborted(
        "the form is from an earlier session or another page: go back, load it anew, and send it again",
    ))
}
