//! Signed-in browsers of vendors' members.

use iap_core::Time;

use crate::{Statement, Store, StoreError};

/// See [`Store::sessions`].
pub struct Sessions<'a>(pub(super) &'a Store);

impl Sessions<'_> {
    /// Whose session it is, by the hash of its secret.
    pub async fn email(&self, hash: &str, now: Time) -> Result<Option<String>, StoreError> {
        let sql = "SELECT email FROM session WHERE hash = ?1 AND ?2 < expires_at";
        let row = self.0.read_one(sql, vec![hash.into(), now.into()]).await?;
        row.map(|row| row.text(0).map_err(StoreError::from)).transpose()
    }

    /// Somebody signs in.
    pub fn open(hash: &str, email: &str, expires_at: Time, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO session (hash, email, authenticated_at, created_at, expires_at) VALUES (?1, ?2, ?4, ?4, ?3)",
            vec![hash.into(), email.into(), expires_at.into(), at.into()],
        )
    }

    /// Somebody signs out.
    pub fn close(hash: &str) -> Statement {
        Statement::new("DELETE FROM session WHERE hash = ?1", vec![hash.into()])
    }

    /// Deletes those that have expired, at most `limit`.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE expires_at <= ?1 LIMIT ?2)",
            vec![now.into(), limit.into()],
        )
    }
}
