//! How calls of releases end, by minute.

use iap_core::Time;

use crate::{Statement, Store, StoreError};

/// See [`Store::release_health`].
pub struct ReleaseHealth<'a>(pub(super) &'a Store);

impl ReleaseHealth<'_> {
    /// Calls and failures of a release since a moment.
    pub async fn since(&self, release: i64, since: Time) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT CAST(coalesce(sum(calls), 0) AS BIGINT), CAST(coalesce(sum(failures), 0) AS BIGINT) FROM release_health
                   WHERE release_id = ?1 AND minute >= ?2";
        let row = self.0.read_one(sql, vec![release.into(), (since.millis() / 60_000).into()]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Adds what a host has counted.
    pub fn add(release: i64, minute: i64, calls: i64, failures: i64) -> Statement {
        Statement::new(
            "INSERT INTO release_health (release_id, minute, calls, failures) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (release_id, minute) DO UPDATE SET calls = release_health.calls + excluded.calls,
                                                            failures = release_health.failures + excluded.failures",
            vec![release.into(), minute.into(), calls.into(), failures.into()],
        )
    }

    /// Forgets what is older.
    pub fn sweep(before: Time) -> Statement {
        Statement::new("DELETE FROM release_health WHERE minute < ?1", vec![(before.millis() / 60_000).into()])
    }
}
