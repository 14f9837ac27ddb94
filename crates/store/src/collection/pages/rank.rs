//! Where a field stands among the others: bits that look random and are the same on every copy.
//!
//! The seeds are fixed, so whoever wants to can find fields whose first hash is the same. A trie that ran out of bits
//! there would degrade to a list; this one goes on with the bits of a hash for which nobody can.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use sha2::{Digest, Sha256};

/// Bits of a hash that one branch of the trie looks at.
pub(super) const BRANCH_BITS: u32 = 6;
/// Branches, one below the other, that one round of hashing serves.
pub(super) const ROUND_LEVELS: u32 = 10;
/// The first round's hash and the four words of a SHA-256.
pub(super) const ROUNDS: u32 = 5;
/// Branches below one another, at most. Fields that are equal so far down are equal in the whole SHA-256.
pub(super) const LEVELS_MAX: u32 = ROUNDS * ROUND_LEVELS;
/// The bits of a round; the lowest ones of a hash are left out, because no branch looks at them.
const ROUND_MASK: u64 = !(u64::MAX >> (BRANCH_BITS * ROUND_LEVELS));

/// How fields are hashed. Tests put another in its place, under which fields collide.
pub(crate) trait Rank {
    /// The field's hash in a round, 0 to 4.
    fn hash(field: &[u8], round: u32) -> u64;

    /// The bits of the field's hash in a round that its place depends on.
    fn bits(field: &[u8], round: u32) -> u64 {
        Self::hash(field, round) & ROUND_MASK
    }

    /// The order of two fields that do not differ in the rounds before `round`.
    fn order(one: &[u8], other: &[u8], round: u32) -> Ordering {
        let differing = (round..ROUNDS)
            .map(|round| Self::bits(one, round).cmp(&Self::bits(other, round)))
            .find(|order| order.is_ne());
        differing.unwrap_or_else(|| one.cmp(other))
    }
}

/// The rank of the product: fast hashing first, then hashing for which nobody finds collisions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldRank {}

impl Rank for FieldRank {
    fn hash(field: &[u8], round: u32) -> u64 {
        match round.checked_sub(1) {
            None => {
                let seeds = ahash::RandomState::with_seeds(0x6d6e_656d, 0x6f6e, 0x6861, 0x7368);
                let mut hasher = seeds.build_hasher();
                hasher.write(field);
                hasher.finish()
            }
            Some(word) => {
                let digest = Sha256::digest(field);
                let words = digest.as_chunks::<8>().0;
                words.get(word as usize).map_or(0, |bytes| u64::from_be_bytes(*bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_differ_and_leave_out_bits_that_no_branch_looks_at() {
        let rounds: Vec<u64> = (0..ROUNDS).map(|round| FieldRank::bits(b"field", round)).collect();
        for (at, bits) in rounds.iter().enumerate() {
            assert_eq!(bits & 0xf, 0);
            assert!(!rounds[..at].contains(bits));
        }
        assert_eq!(FieldRank::order(b"field", b"field", 0), Ordering::Equal);
        assert_eq!(FieldRank::order(b"field", b"fielc", ROUNDS), Ordering::Greater);
    }
}
