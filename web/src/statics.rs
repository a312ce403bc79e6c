//! Files that pages load: built into the program, each with the digest it had when it was taken over.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file: name, kind, content.
type File = (&'static str, &'static str, &'static [u8]);

const FILES: [File; 3] = [
    ("console.css", "text/css; charset=utf-8", include_bytes!("../static/console.css")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../static/htmx.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../static/icon.svg")),
];

/// Serves one.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, *content).into_response()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// What `static/README.md` says of every file from elsewhere.
    #[test]
    fn files_from_elsewhere_have_the_digest_they_were_taken_over_with() {
        let told = include_str!("../static/README.md");
        for (name, _, content) in FILES.iter().filter(|(name, ..)| name.starts_with("htmx")) {
            let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(told.contains(&digest), "{name}: {digest} does not stand in static/README.md");
        }
    }
}
