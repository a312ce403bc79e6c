//! Signed notes: a text and, beneath it, who signed it.
//!
//! The format is that of the Go checksum database and of transparency logs since (<https://c2sp.org/signed-note>): the
//! text ends with a line feed, an empty line follows, then lines `— NAME BASE64` whose bytes are a key id of four bytes
//! and an Ed25519 signature over the text. A public key is one line, `NAME+ID+BASE64`, that can be read out on the
//! telephone; a private key is one line too.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// The algorithm byte of Ed25519 in the format.
const ED25519_ID: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";
/// What begins a line that holds a signature: an em dash and a blank.
const DASH: &str = "\u{2014} ";

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no key.
    #[error("found {found}, expected `{expected}`")]
    Form {
        /// What it is instead, never the text of a private key.
        found: String,
        /// The form expected.
        expected: &'static str,
    },
    /// The text contradicts itself.
    #[error("the key id is {found}, expected {expected} for this name and key: a character is wrong")]
    Id {
        /// The id the text states.
        found: String,
        /// The id it must have.
        expected: String,
    },
    /// Names must not be empty or hold blanks or plus signs.
    #[error("key name `{0}`: expected some text without blanks and plus signs")]
    Name(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// Why a note is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is no signed note.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// Nobody signed it with this key.
    #[error("not signed by `{expected}`: found signatures of {}", names(.found))]
    Unsigned {
        /// The name and id of the key asked for.
        expected: String,
        /// The names and ids found.
        found: Vec<String>,
    },
    /// The signature does not belong to the text.
    #[error("the signature of `{0}` does not belong to this text: text or signature was changed")]
    Signature(String),
}

fn names(found: &[String]) -> String {
    if found.is_empty() {
        "nobody".to_owned()
    } else {
        found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// A private key with its name.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.label())
    }
}

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    id: [u8; 4],
    key: [u8; 32],
}

impl SigningKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::Random`].
    pub fn generate(name: &str) -> Result<SigningKey, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
        SigningKey::from_seed(name, seed)
    }

    fn from_seed(name: &str, seed: [u8; 32]) -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Form {
            found: "a seed that gives no key".to_owned(),
            expected: "32 bytes",
        })?;
        let key = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| KeyError::Form {
            found: "a public key of another length".to_owned(),
            expected: "32 bytes",
        })?;
        Ok(SigningKey { seed, pair, public: VerifyingKey::new(name, key)? })
    }

    /// The public half.
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The one line a key file holds. Whoever has it can sign.
    pub fn secret_text(&self) -> String {
        format!("{PRIVATE}{}+{}+{}", self.public.name, self.public.id_text(), encode(ED25519_ID, &self.seed))
    }

    /// Reads that line.
    ///
    /// # Errors
    /// [`KeyError::Form`], [`KeyError::Id`], [`KeyError::Name`].
    pub fn parse(text: &str) -> Result<SigningKey, KeyError> {
        const FORM: &str = "PRIVATE+KEY+NAME+ID+BASE64";
        let text = text.trim();
        let form = |found: &str| KeyError::Form { found: found.to_owned(), expected: FORM };
        let rest =
            text.strip_prefix(PRIVATE).ok_or_else(|| form("a text that does not begin `PRIVATE+KEY+`"))?;
        let (name, id, seed) = parts(rest).ok_or_else(|| form("a private key that is cut or not Ed25519"))?;
        let key = SigningKey::from_seed(name, seed)?;
        key.public.expect_id(id)?;
        Ok(key)
    }

    /// `text`, which must end with a line feed, with the signature beneath.
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.signature_line(text))
    }

    /// The line of the signature over `text`, with its line feed.
    pub fn signature_line(&self, text: &str) -> String {
        let mut bytes = self.public.id.to_vec();
        bytes.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{DASH}{} {}\n", self.public.name, STANDARD.encode(bytes))
    }
}

impl VerifyingKey {
    fn new(name: &str, key: [u8; 32]) -> Result<VerifyingKey, KeyError> {
        if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let digest = Sha256::new()
            .chain_update(name.as_bytes())
            .chain_update([b'\n', ED25519_ID])
            .chain_update(key)
            .finalize();
        Ok(VerifyingKey { name: name.to_owned(), id: [digest[0], digest[1], digest[2], digest[3]], key })
    }

    /// The key's name: that of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name and id, as messages call the key.
    pub fn label(&self) -> String {
        format!("{}+{}", self.name, self.id_text())
    }

    fn id_text(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn expect_id(&self, found: &str) -> Result<(), KeyError> {
        let expected = self.id_text();
        if found == expected { Ok(()) } else { Err(KeyError::Id { found: found.to_owned(), expected }) }
    }

    /// Checks a signed note and gives its text.
    ///
    /// # Errors
    /// [`NoteError`]: what is wrong with it.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let cut = note.rfind("\n\n").ok_or(NoteError::Form("no empty line between text and signatures"))?;
        let (text, lines) = (&note[..=cut], &note[cut + 2..]);
        let (mut found, mut believed) = (Vec::new(), None);
        for line in lines.lines() {
            let (name, signature) = line
                .strip_prefix(DASH)
                .and_then(|line| line.rsplit_once(' '))
                .ok_or(NoteError::Form("a line beneath the text is not `— NAME SIGNATURE`"))?;
            let bytes =
                STANDARD.decode(signature).map_err(|_| NoteError::Form("a signature is not base64"))?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(NoteError::Form("a signature is shorter than its key id"));
            };
            if name == self.name && *id == self.id {
                UnparsedPublicKey::new(&ED25519, &self.key)
                    .verify(text.as_bytes(), signature)
                    .map_err(|_| NoteError::Signature(self.label()))?;
                believed = Some(text);
            }
            let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            found.push(format!("{name}+{id}"));
        }
        believed.ok_or_else(|| NoteError::Unsigned { expected: self.label(), found })
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id_text(), encode(ED25519_ID, &self.key))
    }
}

impl std::str::FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<VerifyingKey, KeyError> {
        let text = text.trim();
        // Never quoted: what is mistaken for a public key may be a secret.
        let found = if text.starts_with(PRIVATE) {
            "a private key".to_owned()
        } else {
            format!("a text of {} characters", text.chars().count())
        };
        let form = KeyError::Form { found, expected: "NAME+ID+BASE64" };
        if text.starts_with(PRIVATE) {
            return Err(form);
        }
        let (name, id, key) = parts(text).ok_or(form)?;
        let key = VerifyingKey::new(name, key)?;
        key.expect_id(id)?;
        Ok(key)
    }
}

fn encode(algorithm: u8, key: &[u8; 32]) -> String {
    let mut bytes = vec![algorithm];
    bytes.extend_from_slice(key);
    STANDARD.encode(bytes)
}

/// Name, id and key of `NAME+ID+BASE64`.
fn parts(text: &str) -> Option<(&str, &str, [u8; 32])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = STANDARD.decode(key).ok()?;
    let (&algorithm, key) = bytes.split_first()?;
    if algorithm != ED25519_ID {
        return None;
    }
    Some((name, id, key.try_into().ok()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n\n\
                        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn a_note_signed_by_another_implementation_is_believed() {
        let key: VerifyingKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert!(key.open(NOTE).unwrap().ends_with("your problem is.\n"));
    }

    #[test]
    fn a_changed_letter_is_noticed() {
        let key: VerifyingKey = KEY.parse().unwrap();
        let changed = NOTE.replace("answer", "answar");
        assert_eq!(key.open(&changed), Err(NoteError::Signature("PeterNeumann+c74f20a3".to_owned())));
        let wrong = KEY.replace("ARpc", "ARpd");
        assert!(matches!(wrong.parse::<VerifyingKey>(), Err(KeyError::Id { .. })));
    }

    #[test]
    fn keys_are_read_as_they_are_written_and_told_apart() {
        let (ours, theirs) = (SigningKey::generate("log").unwrap(), SigningKey::generate("log").unwrap());
        let again = SigningKey::parse(&format!("{}\n", ours.secret_text())).unwrap();
        let note = again.sign("text\n");
        assert_eq!(ours.public().open(&note), Ok("text\n"));
        assert!(matches!(theirs.public().open(&note), Err(NoteError::Unsigned { .. })));
        assert_eq!(ours.public().to_string().parse(), Ok(ours.public().clone()));
    }

    #[test]
    fn what_is_no_key_or_note_is_refused_without_telling_secrets() {
        let secret = SigningKey::generate("log").unwrap().secret_text();
        let message = secret.parse::<VerifyingKey>().unwrap_err().to_string();
        assert_eq!(message, "found a private key, expected `NAME+ID+BASE64`");
        let cut = SigningKey::parse(&secret[..secret.len() - 8]).unwrap_err().to_string();
        assert!(!cut.contains("+A"), "{cut}");
        assert!(matches!(SigningKey::generate("two words"), Err(KeyError::Name(_))));
        let key = SigningKey::parse(&secret).unwrap();
        for (note, expected) in [
            ("", "no empty line"),
            ("text\n\nsomething", "not `— NAME SIGNATURE`"),
            ("text\n\n— log !!", "not base64"),
            ("text\n\n— log AAA=", "shorter"),
            (&format!("{}never signed", key.sign("text\n")), "not `— NAME SIGNATURE`"),
        ] {
            let found = key.public().open(note).unwrap_err().to_string();
            assert!(found.contains(expected), "{found}");
        }
    }
}
