//! Documents with a time to live.

use iap_core::{
    Time,
    ids::{AccountId, BlobId, ServiceId},
};

use crate::{Row, Statement, Store, StoreError};

/// A document, without its bytes.
#[derive(Clone, Debug)]
pub struct BlobRow {
    /// Its id.
    pub id: BlobId,
    /// Media type.
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// When it goes.
    pub expires_at: Time,
}

/// See [`Store::blobs`].
pub struct Blobs<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<BlobRow, StoreError> {
    Ok(BlobRow {
        id: BlobId(row.int(0)?),
        content_type: row.text(1)?,
        size: row.int(2)?,
        expires_at: Time(row.int(3)?),
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
        let sql = "SELECT id, content_type, length(bytes), expires_at FROM blob
                   WHERE id = ?1 AND service_id = ?2 AND account_id IS NOT DISTINCT FROM ?3 AND expires_at > ?4";
        let params = vec![id.into(), service.into(), account.into(), self.0.clock().now().into()];
        self.0.read_one(sql, params).await?.map(|row| read(&row)).transpose()
    }

    /// At most `length` bytes of it from `offset`.
    pub async fn read(&self, id: BlobId, offset: i64, length: i64) -> Result<Vec<u8>, StoreError> {
        // Places in bytes are 32 bits wide on PostgreSQL, and nothing stored is as long as that.
        let [offset, length] = [offset, length].map(|place| place.clamp(0, i64::from(i32::MAX) - 1));
        let sql = "SELECT substr(bytes, CAST(?2 AS INTEGER) + 1, CAST(?3 AS INTEGER)) FROM blob WHERE id = ?1";
        let row = self.0.read_one(sql, vec![id.into(), offset.into(), length.into()]).await?;
        row.map_or(Ok(Vec::new()), |row| row.bytes(0).map_err(StoreError::from))
    }

    /// Bytes that a service has.
    pub async fn usage(&self, service: ServiceId) -> Result<i64, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT CAST(coalesce(sum(length(bytes)), 0) AS BIGINT) FROM blob WHERE service_id = ?1",
                vec![service.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }

    /// Stores a document.
    pub fn put(
        id: BlobId,
        service: ServiceId,
        account: Option<AccountId>,
        content_type: &str,
        bytes: Vec<u8>,
        expires_at: Time,
    ) -> Statement {
        Statement::new(
            "INSERT INTO blob VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vec![id.into(), service.into(), account.into(), content_type.into(), bytes.into(), expires_at.into()],
        )
    }

    /// Deletes a document.
    pub fn delete(id: BlobId) -> Statement {
        Statement::new("DELETE FROM blob WHERE id = ?1", vec![id.into()])
    }

    /// Deletes what is past its time, at most `limit`.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM blob WHERE id IN (SELECT id FROM blob WHERE expires_at <= ?1 LIMIT ?2)",
            vec![now.into(), limit.into()],
        )
    }
}
