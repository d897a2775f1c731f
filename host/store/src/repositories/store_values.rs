//! What plugins keep: small values by key, per service or per database.

use iap_core::{Time, ids::ServiceId};

use crate::{Statement, Store, StoreError};

/// See [`Store::store_values`]. `database` is 0 for what all databases of a service share.
pub struct StoreValues<'a>(pub(super) &'a Store);

impl StoreValues<'_> {
    /// The value under a key, unless its time is up.
    pub async fn get(&self, service: ServiceId, database: i64, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let params = vec![service.into(), database.into(), key.into(), self.0.clock().now().into()];
        let sql =
            "SELECT value FROM store_value WHERE service_id = ?1 AND database_id = ?2 AND key = ?3 AND expires_at > ?4";
        self.0.read_one(sql, params).await?.map(|row| row.bytes(0).map_err(StoreError::from)).transpose()
    }

    /// Keys with a prefix, in order, after one.
    pub async fn list(
        &self,
        service: ServiceId,
        database: i64,
        prefix: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let params = vec![
            service.into(),
            database.into(),
            prefix.into(),
            after.into(),
            self.0.clock().now().into(),
            limit.into(),
        ];
        let sql = "SELECT key FROM store_value WHERE service_id = ?1 AND database_id = ?2 AND key >= ?3 AND substr(key, 1, length(?3)) = ?3
                   AND key > ?4 AND expires_at > ?5 ORDER BY key LIMIT ?6";
        self.0.read(sql, params).await?.iter().map(|row| row.text(0).map_err(StoreError::from)).collect()
    }

    /// Bytes used by keys and values.
    pub async fn usage(&self, service: ServiceId, database: i64) -> Result<i64, StoreError> {
        let sql = "SELECT bytes FROM store_usage WHERE service_id = ?1 AND database_id = ?2";
        let row = self.0.read_one(sql, vec![service.into(), database.into()]).await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }

    /// Sets a value.
    pub fn set(service: ServiceId, database: i64, key: &str, value: Vec<u8>, expires_at: Time) -> Statement {
        Statement::new(
            "INSERT INTO store_value VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (service_id, database_id, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
            vec![service.into(), database.into(), key.into(), value.into(), expires_at.into()],
        )
    }

    /// Deletes a value.
    pub fn delete(service: ServiceId, database: i64, key: &str) -> Statement {
        Statement::new(
            "DELETE FROM store_value WHERE service_id = ?1 AND database_id = ?2 AND key = ?3",
            vec![service.into(), database.into(), key.into()],
        )
    }

    /// Sets (or deletes, if none) a value where the present one is as expected; touches one row if so.
    pub fn compare_and_set(
        service: ServiceId,
        database: i64,
        key: &str,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        expires_at: Time,
        now: Time,
    ) -> Statement {
        let place = [service.into(), database.into(), key.into()];
        match (expected, value) {
            (None, Some(value)) => Statement::new(
                "INSERT INTO store_value VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (service_id, database_id, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
                     WHERE store_value.expires_at <= ?6",
                place.into_iter().chain([value.into(), expires_at.into(), now.into()]).collect(),
            ),
            (Some(expected), Some(value)) => Statement::new(
                "UPDATE store_value SET value = ?5, expires_at = ?6 WHERE service_id = ?1 AND database_id = ?2 AND key = ?3 AND value = ?4 AND expires_at > ?7",
                place.into_iter().chain([expected.into(), value.into(), expires_at.into(), now.into()]).collect(),
            ),
            (Some(expected), None) => Statement::new(
                "DELETE FROM store_value WHERE service_id = ?1 AND database_id = ?2 AND key = ?3 AND value = ?4 AND expires_at > ?5",
                place.into_iter().chain([expected.into(), now.into()]).collect(),
            ),
            // Absent stays absent: touches a row only where there is none, so it is asked the other way round.
            (None, None) => Statement::new(
                "DELETE FROM store_value WHERE service_id = ?1 AND database_id = ?2 AND key = ?3 AND expires_at <= ?4",
                place.into_iter().chain([now.into()]).collect(),
            ),
        }
    }

    /// Deletes what is past its time, at most `limit`.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM store_value WHERE (service_id, database_id, key) IN
                 (SELECT service_id, database_id, key FROM store_value WHERE expires_at <= ?1 AND expires_at < 9223372036854775807 LIMIT ?2)",
            vec![now.into(), limit.into()],
        )
    }
}
