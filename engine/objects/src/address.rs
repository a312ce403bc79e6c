//! Addresses: `s3://bucket/prefix`.

use object_store::path::Path;

/// How an address begins.
const SCHEME: &str = "s3://";

/// A bucket, and a prefix in it. The prefix may be empty: the whole bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) bucket: String,
    prefix: Path,
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Another scheme, or none.
    #[error("found `{0}`, expected s3://BUCKET/PREFIX")]
    Scheme(String),
    /// No bucket, or one with characters that no bucket's name has.
    #[error("found bucket `{bucket}` in `{text}`, expected letters, digits, `.`, `-` and `_`")]
    Bucket {
        /// What stands for the bucket.
        bucket: String,
        /// The whole.
        text: String,
    },
    /// Empty parts, `.`, `..`, control characters.
    #[error("found `{text}`, expected parts of names between `/`: {why}")]
    Prefix {
        /// The whole.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl std::str::FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Address, BadAddress> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| BadAddress::Scheme(text.to_owned()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if bucket.is_empty() || !bucket.chars().all(known) {
            return Err(BadAddress::Bucket { bucket: bucket.to_owned(), text: text.to_owned() });
        }
        let bad = |why: String| BadAddress::Prefix { text: text.to_owned(), why };
        // `Path::parse` would take a `/` off the front in silence.
        if prefix.starts_with('/') {
            return Err(bad("it begins with an empty one".to_owned()));
        }
        let prefix = Path::parse(prefix).map_err(|e| bad(e.to_string()))?;
        Ok(Address { bucket: bucket.to_owned(), prefix })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}", self.bucket)?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Address {
    /// The path of an object below it. Names come from manifests too, which may be anybody's: one that leads out of
    /// the prefix is refused.
    pub(crate) fn object(&self, name: &str) -> Result<Path, BadAddress> {
        let bad = |why: String| BadAddress::Prefix { text: name.to_owned(), why };
        if name.is_empty() || name.starts_with('/') {
            return Err(bad("it names no object".to_owned()));
        }
        let name = Path::parse(name).map_err(|e| bad(e.to_string()))?;
        Ok(self.prefix.parts().chain(name.parts()).collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        let found = text.parse::<Address>();
        let told =
            found.as_ref().map(|a| (a.to_string(), a.object("results/a b.parquet").unwrap().to_string()));
        match (told, expected) {
            (Ok(found), Ok((address, object))) => assert_eq!(found, (address.to_owned(), object.to_owned())),
            (Err(problem), Err(said)) => assert!(problem.to_string().contains(said), "{problem}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn an_address_is_a_bucket_and_perhaps_a_prefix() {
        check("s3://b/x/y", Ok(("s3://b/x/y", "x/y/results/a b.parquet")));
        check("s3://b/x/", Ok(("s3://b/x", "x/results/a b.parquet")));
        check("s3://b", Ok(("s3://b", "results/a b.parquet")));
        check("s3://b/", Ok(("s3://b", "results/a b.parquet")));
        check("s3://b/浙江 省", Ok(("s3://b/浙江 省", "浙江 省/results/a b.parquet")));
        check("s3://", Err("found bucket ``"));
        check("s3:///x", Err("found bucket ``"));
        check("s3://user:key@b/x", Err("found bucket `user:key@b`"));
        check("gs://b/x", Err("expected s3://BUCKET/PREFIX"));
        check("s3://b//x", Err("empty"));
        check("s3://b/x//y", Err("empty"));
        check("s3://b/../y", Err(".."));
    }

    #[test]
    fn no_name_leads_out_of_the_prefix() {
        let address: Address = "s3://b/x".parse().unwrap();
        for name in ["../y", "a/../../y", "/y", ""] {
            assert!(address.object(name).is_err(), "{name}");
        }
    }
}
