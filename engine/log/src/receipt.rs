//! Receipts: what was decided about whom, from what, signed, and where it stands in the log.
//!
//! A receipt is given to the enterprise it is about, or laid before a court. It can be checked with the public key
//! alone: the signature belongs to the statement, the statement is what the entry of the log says, and the entry is in
//! the tree of the signed head. With a ledger at hand the statement can be computed again too; that is not done here.

use serde::{Deserialize, Serialize};

use crate::head::TreeHead;
use crate::note::{NoteError, SigningKey, VerifyingKey};
use crate::proof::{Proof, ProofError};

/// What a receipt states. Dates are `YYYY-MM-DD`, moments RFC 3339, digests SHA-256 in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What kind of result: `evaluation` or `tier`.
    pub kind: String,
    /// Its id in the ledger.
    pub id: u64,
    /// Whom it is about.
    pub subject: String,
    /// The standard, or the policy, by id.
    pub standard: String,
    /// Its edition.
    pub edition: String,
    /// Its digest.
    pub standard_digest: String,
    /// The field of supervision, of a tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Digest of the facts it was computed from, of an evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts_digest: Option<String>,
    /// The day it speaks of.
    pub as_of: String,
    /// The moment whose knowledge it rests on.
    pub known_at: String,
    /// When it was recorded.
    pub recorded_at: String,
    /// The result in short: grade and score, or the tier.
    pub result: String,
    /// The version of the program that wrote the receipt.
    pub engine_version: String,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// What it states.
    pub statement: Statement,
    /// The entry of the log.
    pub entry: String,
    /// Its position, from 0.
    pub position: u64,
    /// The hashes from the entry to the root.
    pub hashes: Proof,
    /// The signed tree head.
    pub head: String,
    /// The signature over all of the above.
    pub signature: String,
}

/// Why a receipt is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Its own signature.
    #[error("receipt: {0}")]
    Signature(#[from] NoteError),
    /// Its place in the log.
    #[error("receipt: {0}")]
    Proof(#[from] ProofError),
    /// It states something else than the entry it points at.
    #[error("receipt: {field} is `{stated}`, but the entry of the log says `{logged}`")]
    Contradiction {
        /// What of the statement.
        field: &'static str,
        /// What it says.
        stated: String,
        /// What the entry says.
        logged: String,
    },
}

impl Receipt {
    /// Signs a receipt.
    pub fn sign(
        key: &SigningKey,
        statement: Statement,
        entry: String,
        position: u64,
        hashes: Proof,
        head: String,
    ) -> Receipt {
        let mut receipt = Receipt { statement, entry, position, hashes, head, signature: String::new() };
        key.signature_line(&receipt.text()).trim_end().clone_into(&mut receipt.signature);
        receipt
    }

    /// The text that is signed: the receipt without its signature, as JSON on one line. Field order is that of the
    /// types here, so the text does not depend on how the receipt was laid out on its way.
    fn text(&self) -> String {
        let unsigned = Receipt { signature: String::new(), ..self.clone() };
        // Text and numbers always can be written.
        let json = serde_json::to_string(&unsigned).unwrap_or_else(|_| unreachable!("plain data"));
        format!("hengxin receipt\n{json}\n")
    }

    /// Checks the signature and the place in the log; gives the signed head.
    ///
    /// # Errors
    /// [`ReceiptError`]: the first thing that is wrong.
    pub fn verify(&self, key: &VerifyingKey) -> Result<TreeHead, ReceiptError> {
        let text = self.text();
        let note = format!("{text}\n{}\n", self.signature);
        let signed = key.open(&note)?;
        if signed != text {
            return Err(NoteError::Form("a signature within the text").into());
        }
        self.agree()?;
        let head = TreeHead::open(&self.head, key).map_err(ProofError::from)?;
        self.hashes.included(self.entry.as_bytes(), self.position, &head)?;
        Ok(head)
    }
}

/// The entry of a result, as far as a statement repeats it.
#[derive(Deserialize)]
struct Entry {
    table: String,
    row: Row,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
    #[serde(alias = "policy")]
    standard: String,
    edition: String,
    #[serde(alias = "policy_digest")]
    standard_digest: String,
    facts_digest: Option<String>,
    field: Option<String>,
    grade: Option<String>,
    tier: Option<u64>,
}

impl Receipt {
    /// The statement repeats what the entry says. Whom it is about stands in the entry by a number of the ledger, and is
    /// vouched for by the signature alone.
    fn agree(&self) -> Result<(), ReceiptError> {
        let differ = |field, stated: &str, logged: String| {
            Err(ReceiptError::Contradiction { field, stated: stated.to_owned(), logged })
        };
        let Ok(Entry { table, row }) = serde_json::from_str::<Entry>(&self.entry) else {
            return differ("kind", &self.statement.kind, self.entry.chars().take(60).collect());
        };
        let said = &self.statement;
        let result = match table.as_str() {
            "evaluations" => row.grade.clone(),
            _ => Some(row.tier.map_or_else(|| "no tier".to_owned(), |tier| format!("tier {tier}"))),
        };
        let kind = match table.as_str() {
            "evaluations" => "evaluation",
            "tiers" => "tier",
            other => return differ("kind", &said.kind, other.to_owned()),
        };
        let facts = row.facts_digest.or_else(|| said.facts_digest.clone()).unwrap_or_default();
        for (field, stated, logged) in [
            ("kind", said.kind.as_str(), kind.to_owned()),
            ("id", &said.id.to_string(), row.id.to_string()),
            ("standard", &said.standard, row.standard),
            ("edition", &said.edition, row.edition),
            ("standard_digest", &said.standard_digest, row.standard_digest),
            ("facts_digest", said.facts_digest.as_deref().unwrap_or_default(), facts),
            ("field", said.field.as_deref().unwrap_or_default(), row.field.unwrap_or_default()),
        ] {
            if stated != logged {
                return differ(field, stated, logged);
            }
        }
        match result {
            Some(result) if result != said.result && !said.result.split(' ').any(|word| word == result) => {
                differ("result", &said.result, result)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::tree::{inclusion, tests as trees};

    const ENTRY: &str = r#"{"table":"tiers","row":{"id":7,"subject":3,"field":"food","policy":"food","edition":"2025-01","policy_digest":"0000000000000000000000000000000000000000000000000000000000000000","tier":2}}"#;

    fn receipt(key: &SigningKey) -> Receipt {
        let entries = vec![b"zero".to_vec(), ENTRY.as_bytes().to_vec(), b"two".to_vec()];
        let (kept, roots) = trees::grow(&entries);
        let Ok(hashes) = inclusion(&kept, 3, 1);
        let head = TreeHead { origin: "log".to_owned(), number: 1, size: 3, root: roots[3], at: 5 };
        let statement = Statement {
            kind: "tier".to_owned(),
            id: 7,
            subject: "91350211M000100Y43".to_owned(),
            standard: "food".to_owned(),
            edition: "2025-01".to_owned(),
            standard_digest: "00".repeat(32),
            field: Some("food".to_owned()),
            facts_digest: None,
            as_of: "2026-01-01".to_owned(),
            known_at: "2026-01-01T00:00:00Z".to_owned(),
            recorded_at: "2026-01-01T00:00:01Z".to_owned(),
            result: "tier 2".to_owned(),
            engine_version: "0.1.0".to_owned(),
        };
        Receipt::sign(key, statement, ENTRY.to_owned(), 1, Proof::from(hashes.as_slice()), head.sign(key))
    }

    #[test]
    fn a_receipt_is_believed_with_the_public_key_alone() {
        let key = SigningKey::generate("log").unwrap();
        let json = serde_json::to_string_pretty(&receipt(&key)).unwrap();
        let read: Receipt = serde_json::from_str(&json).unwrap();
        assert_eq!(read.verify(key.public()).unwrap().size, 3);
    }

    #[test]
    fn nothing_in_a_receipt_can_be_changed() {
        let key = SigningKey::generate("log").unwrap();
        let good = receipt(&key);
        let changed = |change: fn(&mut Receipt)| {
            let mut receipt = good.clone();
            change(&mut receipt);
            receipt.verify(key.public())
        };
        for change in [
            (|r| "tier 1".clone_into(&mut r.statement.result)) as fn(&mut Receipt),
            |r| "two".clone_into(&mut r.entry),
            |r| r.position = 2,
            |r| r.head = r.head.replacen('3', "4", 1),
            |r| r.statement.field = None,
        ] {
            let error = changed(change).unwrap_err();
            assert!(matches!(error, ReceiptError::Signature(NoteError::Signature(_))), "{error}");
        }
        let other = SigningKey::generate("log").unwrap();
        assert!(good.verify(other.public()).is_err());
    }

    #[test]
    fn an_entry_that_is_not_in_the_tree_is_refused_even_when_signed() {
        let key = SigningKey::generate("log").unwrap();
        let Receipt { statement, position, hashes, head, .. } = receipt(&key);
        let forged = Receipt::sign(
            &key,
            statement,
            ENTRY.replace("\"subject\":3", "\"subject\":4"),
            position,
            hashes,
            head,
        );
        assert!(matches!(
            forged.verify(key.public()),
            Err(ReceiptError::Proof(ProofError::NotIncluded { .. }))
        ));
    }

    #[test]
    fn a_statement_that_contradicts_its_entry_is_refused_even_when_signed() {
        let key = SigningKey::generate("log").unwrap();
        for (change, field) in [
            ((|s| "tier 1".clone_into(&mut s.result)) as fn(&mut Statement), "result"),
            (|s| s.id = 8, "id"),
            (|s| "evaluation".clone_into(&mut s.kind), "kind"),
            (|s| "2026-01".clone_into(&mut s.edition), "edition"),
            (|s| s.field = Some("tax".to_owned()), "field"),
        ] {
            let Receipt { mut statement, entry, position, hashes, head, .. } = receipt(&key);
            change(&mut statement);
            let error = Receipt::sign(&key, statement, entry, position, hashes, head)
                .verify(key.public())
                .unwrap_err();
            assert!(
                matches!(error, ReceiptError::Contradiction { field: found, .. } if found == field),
                "{error}"
            );
        }
    }
}
