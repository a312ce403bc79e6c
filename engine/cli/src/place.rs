//! Where a dataset or a run lies, as it is given on a command line or in a manifest: a folder, or `s3://bucket/prefix`.

use std::ffi::OsStr;
use std::path::Path;

use hengxin_batch::place::Place;

use crate::failure::Failure;

/// The place of a text. Only `s3://` is asked for over the network; every other `scheme://` is refused, so that none is
/// taken for the name of a folder.
pub fn place(text: impl AsRef<OsStr>) -> Result<Place, Failure> {
    let text = text.as_ref();
    let Some(scheme) = scheme(text) else { return Ok(Place::Folder(text.into())) };
    let text = text.to_string_lossy();
    if scheme != "s3" {
        return Err(Failure::Input(format!("found `{text}`, expected a folder or s3://BUCKET/PREFIX")));
    }
    bucket(&text)
}

#[cfg(feature = "object-stores")]
fn bucket(text: &str) -> Result<Place, Failure> {
    use anyhow::Context as _;
    use hengxin_objects::{Address, Bucket};
    let address: Address = text.parse().map_err(|e| Failure::Input(format!("{e}")))?;
    let bucket = Bucket::open(address).with_context(|| text.to_owned())?;
    Ok(Place::Objects(std::sync::Arc::new(bucket)))
}

#[cfg(not(feature = "object-stores"))]
fn bucket(text: &str) -> Result<Place, Failure> {
    Err(Failure::Input(format!(
        "found `{text}`, expected a folder: this program was built without the feature `object-stores`"
    )))
}

/// Refuses an address where only a folder will do.
pub fn only_a_folder(argument: &str, path: &Path) -> Result<(), Failure> {
    match scheme(path.as_os_str()) {
        None => Ok(()),
        Some(_) => Err(Failure::Input(format!("{argument}: found `{}`, expected a folder", path.display()))),
    }
}

/// What stands before `://`.
fn scheme(text: &OsStr) -> Option<&str> {
    let (scheme, _) = text.to_str()?.split_once("://")?;
    let known = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    (!scheme.is_empty() && scheme.chars().all(known)).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (place(text), expected) {
            (Ok(found), Ok(address)) => assert_eq!(found.address(), address),
            (Err(problem), Err(said)) => assert!(problem.text().contains(said), "{}", problem.text()),
            (found, _) => panic!("{text}: {:?}", found.map(|p| p.address()).map_err(|f| f.text())),
        }
    }

    #[test]
    fn what_is_no_address_is_a_folder() {
        for folder in ["province", "/srv/province", "./s3:/x", "a/b://c", "://x"] {
            check(folder, Ok(folder));
        }
    }

    #[test]
    fn an_unknown_scheme_is_no_folder() {
        for address in ["gs://b/x", "file:///srv/x", "S3://b/x"] {
            check(address, Err("expected a folder or s3://BUCKET/PREFIX"));
        }
        let fault = if cfg!(feature = "object-stores") { "empty" } else { "without the feature" };
        check("s3://b//x", Err(fault));
    }
}
