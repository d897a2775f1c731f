//! Deliveries to hooks that were answered well, to answer them the same again.

use iap_core::{Time, ids::ServiceId};

use crate::{Statement, Store, StoreError};

/// What a delivery was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// HTTP status.
    pub status: i64,
    /// `[[name, value], …]` as JSON.
    pub headers: String,
    /// Body.
    pub body: Vec<u8>,
}

/// See [`Store::hook_deliveries`].
pub struct HookDeliveries<'a>(pub(super) &'a Store);

impl HookDeliveries<'_> {
    /// What the delivery with a digest was answered, if its time is not up.
    pub async fn get(&self, digest: &str) -> Result<Option<HookAnswer>, StoreError> {
        let sql = "SELECT status, headers, body FROM hook_delivery WHERE digest = ?1 AND expires_at > ?2";
        let Some(row) = self.0.read_one(sql, vec![digest.into(), self.0.clock().now().into()]).await? else {
            return Ok(None);
        };
        Ok(Some(HookAnswer { status: row.int(0)?, headers: row.text(1)?, body: row.bytes(2)? }))
    }

    /// Records what a delivery was answered. Of two at the same time only one is: the other is refused whole, with
    /// what it wanted stored.
    pub fn record(digest: &str, service: ServiceId, answer: &HookAnswer, now: Time, expires_at: Time) -> Statement {
        Statement::new(
            "INSERT INTO hook_delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (digest) DO UPDATE SET status = excluded.status, headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at
             WHERE hook_delivery.expires_at <= ?7",
            vec![
                digest.into(),
                service.into(),
                answer.status.into(),
                answer.headers.as_str().into(),
                answer.body.clone().into(),
                expires_at.into(),
                now.into(),
            ],
        )
        .expecting(1)
    }

    /// Forgets those whose time is up, at most `limit`.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM hook_delivery WHERE digest IN (SELECT digest FROM hook_delivery WHERE expires_at <= ?1 LIMIT ?2)",
            vec![now.into(), limit.into()],
        )
    }
}
