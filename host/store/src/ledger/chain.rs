//! The hash chain: each batch of postings is bound to all before it of its stream.

use sha2::{Digest, Sha256};

use super::JournalRow;

/// What the first batch of a stream follows.
pub const GENESIS: [u8; 32] = [0; 32];

/// Where a stream's chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Batches so far.
    pub number: i64,
    /// Hash of the last one.
    pub hash: [u8; 32],
}

impl Link {
    /// Of a stream without batches.
    pub const START: Self = Self { number: 0, hash: GENESIS };

    /// The link of the batch that follows, from its postings in order of entry and number.
    pub fn next<'a>(self, postings: impl Iterator<Item = &'a JournalRow>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.hash);
        for posting in postings {
            hash_posting(&mut hash, posting);
        }
        Self { number: self.number + 1, hash: hash.finalize().into() }
    }
}

/// Adds a posting: every column, integers as eight bytes (big endian, 0 for none), texts as their length and bytes.
pub fn hash_posting(hash: &mut Sha256, row: &JournalRow) {
    let text = |hash: &mut Sha256, text: &str| {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    };
    let numbers = [
        row.entry,
        row.n,
        row.kind,
        row.account.unwrap_or(0),
        row.grant.unwrap_or(0),
        row.hold.unwrap_or(0),
        row.debit,
        row.credit,
        row.amount,
        row.at,
        row.previous.unwrap_or(0),
    ];
    let mut bytes = [0; 88];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    hash.update(bytes);
    text(hash, row.vendor.as_deref().unwrap_or(""));
    text(hash, row.currency.as_deref().unwrap_or(""));
}
