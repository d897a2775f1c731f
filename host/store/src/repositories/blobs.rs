//! Documents with a time to live: their bytes in sealed chunks.
//!
//! Whoever stores a document seals it (the key is the host's), so nothing here sees it in the clear. A large one
//! goes in by several transactions and can be read when the last of them is through.

use iap_core::{
    Time,
    ids::{AccountId, BlobId, ServiceId},
};

use crate::{Row, Statement, Store, StoreError};

/// A document, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// Its id.
    pub id: BlobId,
    /// Whose plugin may see it.
    pub service: ServiceId,
    /// For whom; nobody in particular if `None`.
    pub account: Option<AccountId>,
    /// Media type.
    pub content_type: String,
    /// Bytes in the clear.
    pub size: i64,
    /// From which its key is derived.
    pub salt: Vec<u8>,
    /// When it goes.
    pub expires_at: Time,
}

/// Bytes that documents of a service take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobUsage {
    /// All of the service.
    pub service: i64,
    /// Those of one account.
    pub account: i64,
}

/// See [`Store::blobs`].
pub struct Blobs<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<BlobRow, StoreError> {
    Ok(BlobRow {
        id: BlobId(row.int(0)?),
        service: ServiceId(row.int(1)?),
        account: row.opt_int(2)?.map(AccountId),
        content_type: row.text(3)?,
        size: row.int(4)?,
        salt: row.bytes(5)?,
        expires_at: Time(row.int(6)?),
    })
}

impl Blobs<'_> {
    /// A document of a service, seen by an account of it.
    pub async fn get(
        &self,
        id: BlobId,
        service: ServiceId,
        account: Option<AccountId>,
    ) -> Result<Option<BlobRow>, StoreError> {
        let sql = "SELECT id, service_id, account_id, content_type, size, salt, expires_at FROM blob
                   WHERE id = ?1 AND service_id = ?2 AND account_id IS NOT DISTINCT FROM ?3 AND complete = 1 AND expires_at > ?4";
        let params = vec![id.into(), service.into(), account.into(), self.0.clock().now().into()];
        self.0.read_one(sql, params).await?.map(|row| read(&row)).transpose()
    }

    /// Its sealed chunks from number `first` to `last`, in order; a missing one is missing here.
    pub async fn chunks(&self, id: BlobId, first: i64, last: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let sql = "SELECT number, sealed FROM blob_chunk WHERE blob_id = ?1 AND number >= ?2 AND number <= ?3 ORDER BY number";
        let rows = self.0.read(sql, vec![id.into(), first.into(), last.into()]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.bytes(1)?))).collect()
    }

    /// Bytes that a service has, and of them those of an account or of nobody.
    pub async fn usage(&self, service: ServiceId, account: Option<AccountId>) -> Result<BlobUsage, StoreError> {
        let sql = "SELECT account_id, bytes FROM blob_usage WHERE service_id = ?1 AND account_id IN (0, ?2)";
        let mut usage = BlobUsage::default();
        for row in self.0.read(sql, vec![service.into(), account.map_or(-1, |account| account.0).into()]).await? {
            match row.int(0)? {
                0 => usage.service = row.int(1)?,
                _ => usage.account = row.int(1)?,
            }
        }
        Ok(usage)
    }

    /// Begins a document. With `complete` it can be read when this is through; otherwise it goes at `expires_at` unless
    /// [`Blobs::complete`] comes before.
    pub fn begin(row: &BlobRow, complete: bool, expires_at: Time) -> Statement {
        Statement::new(
            "INSERT INTO blob (id, service_id, account_id, content_type, size, salt, complete, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            vec![
                row.id.into(),
                row.service.into(),
                row.account.into(),
                row.content_type.as_str().into(),
                row.size.into(),
                row.salt.clone().into(),
                complete.into(),
                expires_at.into(),
            ],
        )
    }

    /// After [`Blobs::begin`] in its transaction: refuses if a service has more than `most` bytes now. Exact, whoever
    /// else stores at the same time: the row that counts is this transaction's until it commits.
    pub fn within(service: ServiceId, most: i64) -> Statement {
        Statement::new(
            "UPDATE blob_usage SET bytes = bytes WHERE service_id = ?1 AND account_id = 0 AND bytes <= ?2",
            vec![service.into(), most.into()],
        )
        .expecting(1)
    }

    /// A sealed chunk of a document.
    pub fn chunk(id: BlobId, number: i64, sealed: Vec<u8>) -> Statement {
        Statement::new("INSERT INTO blob_chunk VALUES (?1, ?2, ?3)", vec![id.into(), number.into(), sealed.into()])
    }

    /// All of a document's chunks are there.
    pub fn complete(id: BlobId, expires_at: Time) -> Statement {
        Statement::new(
            "UPDATE blob SET complete = 1, expires_at = ?2 WHERE id = ?1",
            vec![id.into(), expires_at.into()],
        )
        .expecting(1)
    }

    /// Deletes a document.
    pub fn delete(id: BlobId) -> Statement {
        Statement::new("DELETE FROM blob WHERE id = ?1", vec![id.into()])
    }

    /// Deletes what is past its time, at most `limit` documents.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM blob WHERE id IN (SELECT id FROM blob WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2 /* postgres: FOR UPDATE SKIP LOCKED */)",
            vec![now.into(), limit.into()],
        )
    }
}
