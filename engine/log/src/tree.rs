//! The Merkle tree of RFC 6962 §2.1, as nodes that a store keeps.
//!
//! Nodes are numbered as in an array-based tree (RFC 9420, appendix C): leaf `i` is node `2i`, a parent lies between
//! its children, and a node's level is the number of ones its number ends with. A node over a complete subtree never
//! changes, so a store only ever adds nodes: as many as there are leaves, and nearly as many parents. Nodes of the
//! ragged right edge are computed when asked for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256 hash. Shown and parsed as base64, as tree heads write it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Hash {
    type Err = String;

    /// The inverse of `Display`; the error is what was found.
    fn from_str(text: &str) -> Result<Hash, String> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Hash).ok_or_else(|| text.to_owned())
    }
}

/// The hash of an entry: `SHA-256(0x00 ‖ entry)`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash over two subtrees: `SHA-256(0x01 ‖ left ‖ right)`.
fn parent(left: Hash, right: Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the empty tree: the hash of nothing.
fn nothing() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Where the nodes over complete subtrees lie.
pub trait Nodes {
    /// Why a node cannot be given.
    type Error;

    /// The hash of node `id`.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    fn node(&self, id: u64) -> Result<Hash, Self::Error>;
}

/// The node over the `2^level` leaves from `first` on.
fn number(first: u64, level: u32) -> u64 {
    2 * first + (1 << level) - 1
}

/// The roots of the complete subtrees a tree consists of, largest first: all that is needed to add to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for every one in the binary form of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree over the first `size` leaves.
    ///
    /// # Errors
    /// Of `nodes`.
    pub fn load<N: Nodes>(nodes: &N, size: u64) -> Result<Frontier, N::Error> {
        let mut peaks = Vec::new();
        let mut first = 0;
        for level in (0..u64::BITS - 1).rev() {
            if size >> level & 1 == 1 {
                peaks.push(nodes.node(number(first, level))?);
                first += 1 << level;
            }
        }
        Ok(Frontier { size, peaks })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; `keep` is handed every node this completes, by number.
    ///
    /// # Errors
    /// Of `keep`; the frontier must not be used further then.
    pub fn push<E>(&mut self, leaf: Hash, mut keep: impl FnMut(u64, Hash) -> Result<(), E>) -> Result<(), E> {
        let position = self.size;
        keep(number(position, 0), leaf)?;
        let mut hash = leaf;
        // Each one the position ends with is a complete subtree that the new one makes up a pair with.
        for level in 0..position.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = parent(left, hash);
            }
            let first = position + 1 - (2 << level);
            keep(number(first, level + 1), hash)?;
        }
        self.peaks.push(hash);
        self.size += 1;
        Ok(())
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| parent(left, right)).unwrap_or_else(nothing)
    }
}

/// The root of the tree over the first `size` leaves.
///
/// # Errors
/// Of `nodes`.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    Frontier::load(nodes, size).map(|frontier| frontier.root())
}

/// The hashes that show that leaf `position` is in the tree over the first `size` leaves: `PATH(m, D[n])` of RFC 6962
/// §2.1.1. Empty for a position beyond.
///
/// # Errors
/// Of `nodes`.
pub fn inclusion<N: Nodes>(nodes: &N, size: u64, position: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    let (mut first, mut leaves) = (0, if position < size { size } else { 1 });
    while leaves > 1 {
        let half = half(leaves);
        if position < first + half {
            path.push(range(nodes, first + half, leaves - half)?);
            leaves = half;
        } else {
            path.push(range(nodes, first, half)?);
            first += half;
            leaves -= half;
        }
    }
    path.reverse();
    Ok(path)
}

/// The hashes that show that the tree over the first `size` leaves begins with that over the first `old`:
/// `PROOF(m, D[n])` of RFC 6962 §2.1.2. Empty when `old` is 0 or beyond `size`: there is nothing to show then.
///
/// # Errors
/// Of `nodes`.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if old == 0 || old >= size {
        return Ok(path);
    }
    let (mut first, mut leaves) = (0, size);
    // Down to the subtree at whose end the old tree ends.
    while first + leaves != old {
        let half = half(leaves);
        if old <= first + half {
            path.push(range(nodes, first + half, leaves - half)?);
            leaves = half;
        } else {
            path.push(range(nodes, first, half)?);
            first += half;
            leaves -= half;
        }
    }
    // Whoever checks the proof knows the old root already when that subtree is the whole old tree.
    if first > 0 {
        path.push(range(nodes, first, leaves)?);
    }
    path.reverse();
    Ok(path)
}

/// The largest power of two below `leaves`, which is at least 2.
fn half(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root over `leaves` leaves from `first` on, where a subtree of that size begins.
fn range<N: Nodes>(nodes: &N, first: u64, leaves: u64) -> Result<Hash, N::Error> {
    if leaves.is_power_of_two() {
        return nodes.node(number(first, leaves.ilog2()));
    }
    let half = half(leaves);
    Ok(parent(nodes.node(number(first, half.ilog2()))?, range(nodes, first + half, leaves - half)?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::convert::Infallible;

    use super::*;

    /// Nodes in memory. A node that was never kept, or is kept twice, is a fault of the tree: it panics.
    #[derive(Default)]
    pub(crate) struct Kept(pub(crate) RefCell<HashMap<u64, Hash>>);

    impl Nodes for Kept {
        type Error = Infallible;

        fn node(&self, id: u64) -> Result<Hash, Infallible> {
            Ok(*self.0.borrow().get(&id).unwrap_or_else(|| panic!("node {id} was never kept")))
        }
    }

    pub(crate) fn grow(entries: &[Vec<u8>]) -> (Kept, Vec<Hash>) {
        let (kept, mut frontier) = (Kept::default(), Frontier::default());
        let mut roots = vec![frontier.root()];
        for entry in entries {
            let keep = |id, hash| -> Result<(), Infallible> {
                assert!(kept.0.borrow_mut().insert(id, hash).is_none(), "node {id} is kept twice");
                Ok(())
            };
            let Ok(()) = frontier.push(leaf_hash(entry), keep);
            roots.push(frontier.root());
        }
        (kept, roots)
    }

    /// Inputs and roots of the reference implementation of RFC 6962: <https://github.com/google/certificate-transparency>,
    /// `cpp/merkletree/merkle_tree_test.cc`.
    pub(crate) fn reference() -> (Vec<Vec<u8>>, Vec<&'static str>) {
        let entries = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = vec![
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let bytes = |text: &str| {
            (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
        };
        (entries.iter().map(|text| bytes(text)).collect(), roots)
    }

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        let (entries, expected) = reference();
        let (_, roots) = grow(&entries);
        let hex = |hash: &Hash| hash.0.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&roots[0]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(roots[1..].iter().map(hex).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_frontier_loaded_from_the_nodes_goes_on_as_the_one_that_made_them() {
        let entries: Vec<Vec<u8>> = (0u8..67).map(|n| vec![n; usize::from(n % 5)]).collect();
        let (kept, roots) = grow(&entries);
        for (size, expected) in roots.iter().enumerate() {
            let Ok(found) = root(&kept, size as u64);
            assert_eq!(found, *expected, "{size} leaves");
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = leaf_hash(b"entry");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("AAAA".parse::<Hash>(), Err("AAAA".to_owned()));
    }
}
