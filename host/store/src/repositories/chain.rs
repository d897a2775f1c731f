//! Hash chains over postings and their signed heads.

use iap_core::ids::EntryId;

use crate::{
    Ids, Statement, Store, StoreError,
    ledger::{Head, Link},
};

/// Chains of streams.
pub struct Chain<'a>(pub(crate) &'a Store);

impl Chain<'_> {
    /// The newest batch of a stream, if it has one: its number and hash.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn newest(&self, stream: i64) -> Result<Option<Link>, StoreError> {
        let sql = "SELECT number, hash FROM posting_batch WHERE stream = ?1 ORDER BY last_entry DESC LIMIT 1";
        self.link(sql, vec![stream.into()]).await
    }

    /// The batch that an entry is in; none for one from before there were chains.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn of_entry(&self, entry: EntryId) -> Result<Option<Link>, StoreError> {
        let sql = "SELECT number, hash FROM posting_batch WHERE stream = ?1 AND ?2 <= last_entry AND first_entry <= ?2
                   ORDER BY last_entry LIMIT 1";
        self.link(sql, vec![Ids::stream_of(entry.0).into(), entry.0.into()]).await
    }

    async fn link(&self, sql: &'static str, params: Vec<crate::Value>) -> Result<Option<Link>, StoreError> {
        let Some(row) = self.0.read_one(sql, params).await? else { return Ok(None) };
        let hash = row.bytes(1)?.try_into();
        let hash = hash.map_err(|_| StoreError::Engine("the hash of a batch is not 32 bytes long".to_owned()))?;
        Ok(Some(Link { number: row.int(0)?, hash }))
    }

    /// Number of the newest signed head of a stream; 0 if there is none.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn newest_head(&self, stream: i64) -> Result<i64, StoreError> {
        let sql = "SELECT number FROM chain_head WHERE stream = ?1 ORDER BY number DESC LIMIT 1";
        let row = self.0.read_one(sql, vec![stream.into()]).await?;
        Ok(row.map(|row| row.int(0)).transpose()?.unwrap_or(0))
    }

    /// Keeps a signed head.
    pub fn keep(head: &Head, public_key: &[u8], signature: &[u8]) -> Statement {
        Statement::new(
            "INSERT INTO chain_head (stream, number, hash, public_key, signature, signed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
            vec![
                head.stream.into(),
                head.number.into(),
                head.hash.clone().into(),
                public_key.to_vec().into(),
                signature.to_vec().into(),
                head.signed_at.into(),
            ],
        )
    }
}
