//! Hash chains and their signed heads.

use std::collections::HashMap;

use iap_core::ids::EntryId;
use sha2::{Digest as _, Sha256};

use super::Report;
use crate::{
    BadColumn, Ids, Row, Snapshot, StoreError,
    ledger::{GENESIS, Head, JournalRow, hash_posting},
};

/// Which streams have a chain, and how many batches of each are stored.
pub struct Streams {
    chained: HashMap<i64, bool>,
    batches: HashMap<i64, i64>,
}

impl Streams {
    pub async fn read(snapshot: &mut Snapshot) -> Result<Self, StoreError> {
        let mut streams = Self { chained: HashMap::new(), batches: HashMap::new() };
        for row in snapshot.rows("SELECT id, chained FROM stream", &[]).await? {
            streams.chained.insert(row.int(0)?, row.int(1)? != 0);
        }
        for row in snapshot.rows("SELECT stream, count(*) FROM posting_batch GROUP BY stream", &[]).await? {
            streams.batches.insert(row.int(0)?, row.int(1)?);
        }
        Ok(streams)
    }

    /// Whether an id comes from a stream with a chain. One that is not known has one.
    pub fn is_chained(&self, id: i64) -> bool {
        self.chained.get(&Ids::stream_of(id)).copied().unwrap_or(true)
    }
}

/// A batch as it is stored.
struct Stored {
    number: i64,
    first: i64,
    last: i64,
    postings: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

/// Follows the chains while postings are read in order of entry and number.
pub struct Chain<'a> {
    streams: &'a Streams,
    stream: i64,
    /// Number and hash of the batch before.
    number: i64,
    hash: Vec<u8>,
    /// Entry, postings and hash so far of the batch that is read.
    open: Option<(i64, i64, Sha256)>,
    /// The batch that ends with the entry that is read.
    closing: Option<Stored>,
    seen: HashMap<i64, i64>,
}

impl<'a> Chain<'a> {
    pub fn new(streams: &'a Streams) -> Self {
        let hash = GENESIS.to_vec();
        Self { streams, stream: -1, number: 0, hash, open: None, closing: None, seen: HashMap::new() }
    }

    /// Takes the next posting; its batch, if its entry is the batch's last one, is in `row` from column `at` on.
    pub fn take(&mut self, posting: &JournalRow, row: &Row, at: usize, report: &mut Report) -> Result<(), BadColumn> {
        if self.closing.as_ref().is_some_and(|batch| batch.last != posting.entry) {
            self.close(report);
        }
        let stream = Ids::stream_of(posting.entry);
        if stream != self.stream {
            self.end_stream(report);
            (self.stream, self.number, self.hash) = (stream, 0, GENESIS.to_vec());
        }
        if !self.streams.is_chained(posting.entry) {
            return Ok(());
        }
        let (_, postings, hash) = self.open.get_or_insert_with(|| {
            let mut hash = Sha256::new();
            hash.update(&self.hash);
            (posting.entry, 0, hash)
        });
        *postings += 1;
        hash_posting(hash, posting);
        if self.closing.is_none()
            && let Some(number) = row.opt_int(at)?
        {
            self.closing = Some(Stored {
                number,
                first: row.int(at + 1)?,
                last: posting.entry,
                postings: row.int(at + 2)?,
                previous_hash: row.bytes(at + 3)?,
                hash: row.bytes(at + 4)?,
            });
        }
        Ok(())
    }

    fn close(&mut self, report: &mut Report) {
        let Some(stored) = self.closing.take() else { return };
        let Some((first, postings, hash)) = self.open.take() else { return };
        report.batches += 1;
        *self.seen.entry(self.stream).or_default() += 1;
        let name = format!("batch {} of stream {}", stored.number, self.stream);
        let (first_id, stored_first) = (EntryId(first), EntryId(stored.first));
        if stored.number != self.number + 1 {
            report.differ(format!("{name}: it follows batch {}, so batches are missing or added", self.number));
        } else if stored.first != first {
            report.differ(format!(
                "{name}: its first entry is stored as {stored_first}, the postings make it {first_id}"
            ));
        } else if stored.postings != postings {
            report.differ(format!("{name}: {} postings are stored, {postings} are there", stored.postings));
        } else if stored.previous_hash != self.hash {
            report.differ(format!("{name}: the hash before it is not that of batch {}", self.number));
        } else if stored.hash.as_slice() != hash.finalize().as_slice() {
            let last = EntryId(stored.last);
            report
                .differ(format!("{name}: its postings, {first_id} to {last}, are not those that its hash was made of"));
        }
        (self.number, self.hash) = (stored.number, stored.hash);
    }

    fn end_stream(&mut self, report: &mut Report) {
        self.close(report);
        if let Some((first, postings, _)) = self.open.take() {
            let stream = self.stream;
            report.differ(format!("stream {stream}: {postings} postings from {} on are in no batch", EntryId(first)));
        }
    }

    /// After the last posting: what is stored beyond the postings.
    pub fn end(mut self, report: &mut Report) {
        self.end_stream(report);
        let mut streams: Vec<_> = self.streams.batches.iter().collect();
        streams.sort_unstable();
        for (stream, stored) in streams {
            let seen = self.seen.get(stream).copied().unwrap_or(0);
            if seen != *stored {
                report.differ(format!("stream {stream}: {stored} batches are stored, {seen} end with a posting"));
            }
        }
    }
}

/// Checks the signatures of heads, and that they are of the batches that are stored.
pub async fn compare_heads(
    snapshot: &mut Snapshot,
    public_key: Option<[u8; 32]>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let sql = "SELECT h.stream, h.number, h.hash, h.public_key, h.signature, h.signed_at, b.hash
               FROM chain_head h LEFT JOIN posting_batch b ON b.stream = h.stream AND b.number = h.number
               ORDER BY h.stream, h.number";
    snapshot
        .scan(sql, &[], |row| {
            report.heads += 1;
            let head = Head { stream: row.int(0)?, number: row.int(1)?, hash: row.bytes(2)?, signed_at: row.int(5)? };
            let (stored_key, signature, batch) = (row.bytes(3)?, row.bytes(4)?, row.opt_bytes(6)?);
            let name = format!("signed head {} of stream {}", head.number, head.stream);
            match batch {
                None => report.differ(format!("{name}: its batch is missing")),
                Some(hash) if hash != head.hash => report.differ(format!("{name}: its batch has another hash now")),
                Some(_) => {}
            }
            if public_key.is_some_and(|key| key.as_slice() != stored_key) {
                report.differ(format!("{name}: it is signed by another key than the given one"));
            } else if !head.is_signed(&stored_key, &signature) {
                report.differ(format!("{name}: its signature is wrong"));
            }
            if !keys.contains(&stored_key) {
                keys.push(stored_key);
            }
            Ok(())
        })
        .await?;
    let hex = |key: &Vec<u8>| key.iter().map(|byte| format!("{byte:02x}")).collect();
    report.keys = keys.iter().map(hex).collect();
    Ok(())
}
