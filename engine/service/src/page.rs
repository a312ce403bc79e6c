//! Page tokens: where a listing stands, sealed so that nobody can make one up.
//!
//! A token holds the key of the last row shown, the moment all pages of the listing rest on and a digest of the
//! filter, under an HMAC with a key of this ledger. So pages neither skip nor repeat rows while others write, and a
//! token with another filter, of another listing or from another ledger is refused. It gives no rights.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hengxin_core::date::Moment;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Rows of a page when none is asked for.
pub const DEFAULT_SIZE: usize = 50;
/// Most rows of a page; larger requests are answered with this many.
pub const GREATEST_SIZE: usize = 1000;

const VERSION: u8 = 1;
const SEAL: usize = 16;
const FILTER: usize = 8;
/// Longer texts are no tokens of ours.
const LONGEST: usize = 2048;

/// Bytes of a page. Rows past it wait for the next page, however many were asked for: a message holds 4 MiB, and the
/// estimates of rows are rough.
pub const GREATEST_BYTES: usize = 2 << 20;

/// How many of `sizes` fit on a page: at least one.
pub fn fitting(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut room = GREATEST_BYTES;
    let fits = |size: &usize| {
        let left = room.checked_sub(*size);
        room = left.unwrap_or(0);
        left.is_some()
    };
    sizes.into_iter().take_while(fits).count().max(1)
}

/// Which listing a token belongs to. Numbers are part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Stored evaluations of an enterprise.
    Evaluations = 1,
    /// Facts of an enterprise.
    Facts = 2,
    /// Enterprises found.
    Enterprises = 3,
    /// Current tiers.
    Tiers = 4,
    /// Editions of standards.
    Standards = 5,
    /// Changes of tiers.
    Changes = 6,
    /// Runs.
    Runs = 7,
    /// Schedules.
    Schedules = 8,
    /// Tiers of a loaded run.
    RunTiers = 9,
    /// Registered histories.
    Histories = 10,
    /// Studies.
    Studies = 11,
    /// Models.
    Models = 12,
    /// Numbers that left a laboratory.
    Releases = 13,
    /// Reports on an enterprise.
    Reports = 14,
}

/// Everything that decides which rows a listing shows, as text; the order of parts matters.
#[derive(Clone, Debug)]
pub struct Filter([u8; FILTER]);

impl Filter {
    /// A digest of `parts`.
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p str>) -> Filter {
        let mut hash = Sha256::new();
        for part in parts {
            // The length in front keeps `ab`, `c` apart from `a`, `bc`.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let full: [u8; 32] = hash.finalize().into();
        let mut short = [0; FILTER];
        short.copy_from_slice(&full[..FILTER]);
        Filter(short)
    }
}

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The moment all pages rest on.
    pub known_at: Moment,
    /// Key of the last row shown, as the listing writes it.
    pub after: String,
}

/// Why a text is not a token of this listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not made by this ledger, or altered.
    #[error(
        "found a token this ledger did not give, expected `next_page_token` of the page before, unchanged"
    )]
    Foreign,
    /// Made for another listing or filter.
    #[error("found a token of a listing with other parameters, expected those of the first page")]
    OtherListing,
}

/// Seals and opens tokens.
#[derive(Clone)]
pub struct Tokens(Hmac<Sha256>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Tokens under a secret of the ledger.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn new(secret: &[u8]) -> Tokens {
        Tokens(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The token that goes on at `position`.
    pub fn seal(&self, listing: Listing, filter: &Filter, position: &Position) -> String {
        let mut token = vec![VERSION, listing as u8];
        token.extend_from_slice(&filter.0);
        token.extend_from_slice(&position.known_at.0.to_be_bytes());
        token.extend_from_slice(position.after.as_bytes());
        let seal = self.seal_of(&token);
        token.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position a token stands for; `None` for the empty text, the first page.
    ///
    /// # Errors
    /// When the text is not a token of this listing and filter.
    pub fn open(
        &self,
        listing: Listing,
        filter: &Filter,
        text: &str,
    ) -> Result<Option<Position>, TokenError> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > LONGEST {
            return Err(TokenError::Foreign);
        }
        let token = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Foreign)?;
        let split = token.len().checked_sub(SEAL).ok_or(TokenError::Foreign)?;
        let (body, seal) = token.split_at(split);
        let mut mac = self.0.clone();
        mac.update(body);
        // Compared in constant time, so that a seal cannot be found byte by byte.
        mac.verify_truncated_left(seal).map_err(|_| TokenError::Foreign)?;
        let [VERSION, kind, rest @ ..] = body else { return Err(TokenError::Foreign) };
        let (digest, rest) = rest.split_at_checked(FILTER).ok_or(TokenError::Foreign)?;
        let (moment, after) = rest.split_first_chunk::<8>().ok_or(TokenError::Foreign)?;
        if *kind != listing as u8 || digest != filter.0 {
            return Err(TokenError::OtherListing);
        }
        let after = std::str::from_utf8(after).map_err(|_| TokenError::Foreign)?;
        Ok(Some(Position { known_at: Moment(i64::from_be_bytes(*moment)), after: after.to_owned() }))
    }

    fn seal_of(&self, body: &[u8]) -> [u8; SEAL] {
        let mut mac = self.0.clone();
        mac.update(body);
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut seal = [0; SEAL];
        seal.copy_from_slice(&full[..SEAL]);
        seal
    }
}

/// How many rows to show for a requested size.
///
/// # Errors
/// What was expected, for a negative size.
pub fn size(requested: i32) -> Result<usize, String> {
    match usize::try_from(requested) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(GREATEST_SIZE)),
        Err(_) => Err(format!(
            "found `{requested}`, expected 0 for {DEFAULT_SIZE}, or a size of 1 to {GREATEST_SIZE}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position { known_at: Moment(1_764_000_000_000_000), after: "914403001922038216".to_owned() }
    }

    #[test]
    fn a_token_opens_only_with_its_own_listing_filter_and_key() {
        let tokens = Tokens::new(b"one ledger");
        let filter = Filter::of(["market-regulation", "330000"]);
        let token = tokens.seal(Listing::Tiers, &filter, &position());
        assert_eq!(tokens.open(Listing::Tiers, &filter, &token), Ok(Some(position())));
        assert_eq!(tokens.open(Listing::Facts, &filter, &token), Err(TokenError::OtherListing));
        let other = Filter::of(["market-regulation3", "30000"]);
        assert_eq!(tokens.open(Listing::Tiers, &other, &token), Err(TokenError::OtherListing));
        let elsewhere = Tokens::new(b"another ledger");
        assert_eq!(elsewhere.open(Listing::Tiers, &filter, &token), Err(TokenError::Foreign));
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let tokens = Tokens::new(b"key");
        let filter = Filter::of([]);
        let token = tokens.seal(Listing::Facts, &filter, &position());
        for place in 0..token.len() {
            let mut altered: Vec<u8> = token.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("still ASCII");
            assert_eq!(
                tokens.open(Listing::Facts, &filter, &altered),
                Err(TokenError::Foreign),
                "at {place}"
            );
        }
    }

    #[test]
    fn texts_that_were_never_tokens_are_refused_and_the_empty_one_is_the_first_page() {
        let tokens = Tokens::new(b"key");
        let filter = Filter::of([]);
        assert_eq!(tokens.open(Listing::Facts, &filter, ""), Ok(None));
        for text in ["x", "AAAA", "====", "信用", &"A".repeat(5000)] {
            assert_eq!(tokens.open(Listing::Facts, &filter, text), Err(TokenError::Foreign), "{text}");
        }
    }

    #[test]
    fn a_page_ends_before_it_grows_too_large_and_holds_at_least_one_row() {
        assert_eq!(fitting([GREATEST_BYTES - 1, 1, 1]), 2);
        assert_eq!(fitting([GREATEST_BYTES + 1, 1]), 1);
        assert_eq!(fitting([1; 10]), 10);
    }

    #[test]
    fn sizes_are_defaulted_capped_and_never_negative() {
        assert_eq!((size(0), size(1), size(1000), size(1001)), (Ok(50), Ok(1), Ok(1000), Ok(1000)));
        assert!(size(-1).expect_err("negative").contains("`-1`"));
    }
}
