//! What an auditor is handed: keys, signed notes, tree heads, proofs, receipts.
//!
//! No fuzzer finds a signature. Where one is asked for, the input is signed first, so that what lies behind the signature is
//! reached: an auditor's program must not fall over a log that signs nonsense either.

use std::sync::LazyLock;

use hengxin_log::{ProofFile, Receipt, SigningKey, TreeHead, VerifyingKey};

use super::text;

/// Made for this; it signs nothing else.
const SECRET: &str = "PRIVATE+KEY+log+d0ef8fb5+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::parse(SECRET).unwrap_or_else(|problem| panic!("{problem}")));

/// Public and private keys.
pub(crate) fn keys(input: &[u8]) -> bool {
    let text = text(input);
    let public = text.parse::<VerifyingKey>();
    if let Ok(key) = &public {
        assert_eq!(key.to_string().parse().as_ref(), Ok(key));
    }
    let private = SigningKey::parse(&text);
    if let Ok(key) = &private {
        assert_eq!(key.public().open(&key.sign("text\n")), Ok("text\n"));
    }
    public.is_ok() || private.is_ok()
}

/// Signed notes: as they are, and with the signature of the key in place of theirs.
pub(crate) fn notes(input: &[u8]) -> bool {
    let note = text(input);
    let opened = KEY.public().open(&note).is_ok();
    let signed = format!("{note}\n");
    assert_eq!(KEY.public().open(&KEY.sign(&signed)), Ok(signed.as_str()), "what is signed is believed");
    opened
}

/// The text of a tree head, signed here.
pub(crate) fn heads(input: &[u8]) -> bool {
    let signed = KEY.sign(&text(input));
    match TreeHead::open(&signed, KEY.public()) {
        Ok(head) => {
            assert_eq!(TreeHead::open(&head.sign(&KEY), KEY.public()), Ok(head));
            true
        }
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            false
        }
    }
}

/// Proofs and receipts: as they are, and with their heads signed here.
pub(crate) fn proofs(input: &[u8]) -> bool {
    proof(input) | receipt(input)
}

fn proof(input: &[u8]) -> bool {
    let Ok(file) = serde_json::from_slice::<ProofFile>(input) else { return false };
    let as_it_is = file.verify(KEY.public()).is_ok();
    let signed = match file {
        ProofFile::Inclusion { entry, position, hashes, head } => {
            ProofFile::Inclusion { entry, position, hashes, head: KEY.sign(&head) }
        }
        ProofFile::Consistency { earlier, later, hashes } => {
            ProofFile::Consistency { earlier: KEY.sign(&earlier), later: KEY.sign(&later), hashes }
        }
    };
    as_it_is | signed.verify(KEY.public()).is_ok()
}

fn receipt(input: &[u8]) -> bool {
    let Ok(receipt) = serde_json::from_slice::<Receipt>(input) else { return false };
    let as_it_is = receipt.verify(KEY.public()).is_ok();
    let Receipt { statement, entry, position, hashes, head, signature: _ } = receipt;
    let signed = Receipt::sign(&KEY, statement, entry, position, hashes, KEY.sign(&head));
    as_it_is | signed.verify(KEY.public()).is_ok()
}
