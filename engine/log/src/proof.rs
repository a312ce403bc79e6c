//! Proofs: that an entry is in a log, or that a log went on from where it was.
//!
//! What a proof file holds is enough to check it with the public key alone, without the log.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sha2::digest::Output;

use crate::head::{HeadError, TreeHead};
use crate::note::VerifyingKey;
use crate::tree::Hash;

/// The hashes of a proof, in the order of RFC 6962 §2.1.1 and §2.1.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proof(Vec<String>);

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A signed head in it.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A hash in it is none.
    #[error("hash {place} of the proof is `{found}`, expected 32 bytes in base64")]
    Hash {
        /// Which, from 1.
        place: usize,
        /// What it says.
        found: String,
    },
    /// The hashes do not lead to the root.
    #[error(
        "entry {position} is not in the tree of {size} entries: the proof does not lead from it to the root"
    )]
    NotIncluded {
        /// The entry.
        position: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The later tree does not begin with the earlier one.
    #[error(
        "the tree of {later} entries does not begin with the tree of {earlier}: entries of the earlier were changed or removed"
    )]
    Rewritten {
        /// Size of the earlier tree.
        earlier: u64,
        /// Size of the later.
        later: u64,
    },
    /// The later head is smaller.
    #[error("the log went backwards: found {later} entries, expected at least the {earlier} it had before")]
    Backwards {
        /// Size of the earlier tree.
        earlier: u64,
        /// Size of the later.
        later: u64,
    },
}

/// A proof with all that is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "proof", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProofFile {
    /// An entry is in the tree of a head.
    Inclusion {
        /// The entry, as its leaf hash is computed over it.
        entry: String,
        /// Its position, from 0.
        position: u64,
        /// The hashes.
        hashes: Proof,
        /// The signed head.
        head: String,
    },
    /// The tree of a head begins with that of an earlier one.
    Consistency {
        /// The earlier signed head.
        earlier: String,
        /// The later signed head.
        later: String,
        /// The hashes.
        hashes: Proof,
    },
}

/// What a proof file shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The entry is in the tree of this head.
    Included {
        /// Its position, from 0.
        position: u64,
        /// The head.
        head: TreeHead,
    },
    /// The later tree begins with the earlier.
    Continued {
        /// The earlier head.
        earlier: TreeHead,
        /// The later head.
        later: TreeHead,
    },
}

impl ProofFile {
    /// Checks signatures and hashes.
    ///
    /// # Errors
    /// [`ProofError`]: the first thing that is wrong.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Shown, ProofError> {
        match self {
            ProofFile::Inclusion { entry, position, hashes, head } => {
                let head = TreeHead::open(head, key)?;
                hashes.included(entry.as_bytes(), *position, &head)?;
                Ok(Shown::Included { position: *position, head })
            }
            ProofFile::Consistency { earlier, later, hashes } => {
                let (earlier, later) = (TreeHead::open(earlier, key)?, TreeHead::open(later, key)?);
                hashes.consistent(&earlier, &later)?;
                Ok(Shown::Continued { earlier, later })
            }
        }
    }
}

impl From<&[Hash]> for Proof {
    fn from(hashes: &[Hash]) -> Proof {
        Proof(hashes.iter().map(Hash::to_string).collect())
    }
}

impl Proof {
    fn digests(&self) -> Result<Vec<Output<Sha256>>, ProofError> {
        let digest = |(index, text): (usize, &String)| {
            let hash: Hash = text.parse().map_err(|found| ProofError::Hash { place: index + 1, found })?;
            Ok(hash.0.into())
        };
        self.0.iter().enumerate().map(digest).collect()
    }

    /// Whether `entry` stands at `position` in the tree of `head`.
    ///
    /// # Errors
    /// [`ProofError::NotIncluded`], [`ProofError::Hash`].
    pub fn included(&self, entry: &[u8], position: u64, head: &TreeHead) -> Result<(), ProofError> {
        let proof = InclusionProof::<Sha256>::from_digests(self.digests()?.iter());
        root(head)
            .verify_inclusion(&entry, position, &proof)
            .map_err(|_| ProofError::NotIncluded { position, size: head.size })
    }

    /// Whether the tree of `later` begins with that of `earlier`. The empty tree begins every tree.
    ///
    /// # Errors
    /// [`ProofError::Backwards`], [`ProofError::Rewritten`], [`ProofError::Hash`].
    pub fn consistent(&self, earlier: &TreeHead, later: &TreeHead) -> Result<(), ProofError> {
        let (old, new) = (earlier.size, later.size);
        if new < old {
            return Err(ProofError::Backwards { earlier: old, later: new });
        }
        let rewritten = ProofError::Rewritten { earlier: old, later: new };
        if old == 0 || old == new {
            let same = old == 0 || earlier.root == later.root;
            return if same { Ok(()) } else { Err(rewritten) };
        }
        let proof = ConsistencyProof::<Sha256>::from_digests(self.digests()?.iter());
        root(later).verify_consistency(&root(earlier), &proof).map_err(|_| rewritten)
    }
}

fn root(head: &TreeHead) -> RootHash<Sha256> {
    RootHash::new(head.root.0.into(), head.size)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::note::SigningKey;
    use crate::tree::{consistency, inclusion, tests as trees};

    fn head(size: usize, root: Hash) -> TreeHead {
        TreeHead { origin: "log".to_owned(), number: 1, size: size as u64, root, at: 0 }
    }

    #[test]
    fn every_entry_of_every_tree_is_shown_and_no_other() {
        let entries: Vec<Vec<u8>> = (0u8..40).map(|n| vec![n]).collect();
        let (kept, roots) = trees::grow(&entries);
        for (size, root) in roots.iter().enumerate().skip(1) {
            for position in 0..size {
                let Ok(hashes) = inclusion(&kept, size as u64, position as u64);
                let (proof, head) = (Proof::from(hashes.as_slice()), head(size, *root));
                assert_eq!(proof.included(&entries[position], position as u64, &head), Ok(()));
                let (position, size) = (position as u64, size as u64);
                let not = ProofError::NotIncluded { position, size };
                assert_eq!(proof.included(b"another entry", position, &head), Err(not));
                assert!(proof.included(&entries[0], position + size, &head).is_err());
            }
        }
    }

    #[test]
    fn every_tree_goes_on_from_every_earlier_one_and_from_no_other() {
        let entries: Vec<Vec<u8>> = (0u8..40).map(|n| vec![n]).collect();
        let (kept, roots) = trees::grow(&entries);
        for new in 0..=entries.len() {
            for old in 0..=new {
                let Ok(hashes) = consistency(&kept, old as u64, new as u64);
                let proof = Proof::from(hashes.as_slice());
                let (earlier, later) = (head(old, roots[old]), head(new, roots[new]));
                assert_eq!(proof.consistent(&earlier, &later), Ok(()), "{old} to {new}");
                if old > 0 {
                    let changed = TreeHead { root: crate::leaf_hash(b"changed"), ..earlier.clone() };
                    let expected = ProofError::Rewritten { earlier: old as u64, later: new as u64 };
                    assert_eq!(proof.consistent(&changed, &later), Err(expected));
                }
                if old < new {
                    let expected = ProofError::Backwards { earlier: new as u64, later: old as u64 };
                    assert_eq!(proof.consistent(&later, &earlier), Err(expected));
                }
            }
        }
    }

    /// From the reference implementation, as the roots in `tree.rs`.
    #[test]
    fn proofs_are_those_of_the_reference_implementation() {
        let (entries, _) = trees::reference();
        let (kept, _) = trees::grow(&entries);
        let hex = |hashes: Vec<Hash>| -> Vec<String> {
            hashes.iter().map(|hash| hash.0.iter().take(4).map(|b| format!("{b:02x}")).collect()).collect()
        };
        // Leaf 6 of 8 (1-based): sibling leaf 5, the pair 7-8, the first half.
        let Ok(path) = inclusion(&kept, 8, 5);
        assert_eq!(hex(path), ["bc1a0643", "ca854ea1", "d37ee418"]);
        // From 6 to 8 leaves.
        let Ok(path) = consistency(&kept, 6, 8);
        assert_eq!(hex(path), ["0ebc5d34", "ca854ea1", "d37ee418"]);
    }

    #[test]
    fn a_proof_file_needs_the_public_key_alone() {
        let key = SigningKey::generate("log").unwrap();
        let entries: Vec<Vec<u8>> = (b'a'..=b'g').map(|letter| vec![letter]).collect();
        let (kept, roots) = trees::grow(&entries);
        let Ok(hashes) = inclusion(&kept, 7, 2);
        let file = ProofFile::Inclusion {
            entry: "c".to_owned(),
            position: 2,
            hashes: Proof::from(hashes.as_slice()),
            head: head(7, roots[7]).sign(&key),
        };
        let file: ProofFile = serde_json::from_str(&serde_json::to_string(&file).unwrap()).unwrap();
        assert!(matches!(file.verify(key.public()), Ok(Shown::Included { position: 2, .. })));
        let ProofFile::Inclusion { entry, position, hashes: Proof(mut hashes), head } = file else {
            panic!()
        };
        "?".clone_into(&mut hashes[1]);
        let file = ProofFile::Inclusion { entry, position, hashes: Proof(hashes), head };
        assert_eq!(file.verify(key.public()), Err(ProofError::Hash { place: 2, found: "?".to_owned() }));
    }
}
