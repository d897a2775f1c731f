//! Secrets of services, sealed: what they say is not known here.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// A secret that was set.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// `[[secrets]]` name.
    pub name: String,
    /// Sealed value.
    pub sealed: Vec<u8>,
    /// Which key sealed it.
    pub key_id: String,
    /// Who set it.
    pub author: String,
    /// When.
    pub set_at: Time,
}

/// A secret with its service.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretOf {
    /// Its service.
    pub service: ServiceId,
    /// Wire name of it.
    pub service_name: String,
    /// The secret.
    pub row: SecretRow,
}

/// See [`Store::service_secrets`].
pub struct ServiceSecrets<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        name: row.text(0)?,
        sealed: row.bytes(1)?,
        key_id: row.text(2)?,
        author: row.text(3)?,
        set_at: Time(row.int(4)?),
    })
}

impl ServiceSecrets<'_> {
    /// Of a service, by name.
    pub async fn of(&self, service: ServiceId) -> Result<Vec<SecretRow>, StoreError> {
        let sql = "SELECT name, sealed, key_id, author, set_at FROM service_secret WHERE service_id = ?1 ORDER BY name";
        self.0.read(sql, vec![service.into()]).await?.iter().map(read).collect()
    }

    /// How many a key has sealed.
    pub async fn count_of_key(&self, key_id: &str) -> Result<i64, StoreError> {
        let row = self.0.read_one("SELECT count(*) FROM service_secret WHERE key_id = ?1", vec![key_id.into()]).await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }

    /// At most `limit` that other keys have sealed, after a service's number and a name.
    pub async fn of_other_keys(
        &self,
        key_id: &str,
        after: (i64, &str),
        limit: i64,
    ) -> Result<Vec<SecretOf>, StoreError> {
        let sql = "SELECT c.name, c.sealed, c.key_id, c.author, c.set_at, c.service_id, s.name
                   FROM service_secret c JOIN service s ON s.id = c.service_id
                   WHERE c.key_id <> ?1 AND (c.service_id > ?2 OR (c.service_id = ?2 AND c.name > ?3))
                   ORDER BY c.service_id, c.name LIMIT ?4";
        let params = vec![key_id.into(), after.0.into(), after.1.into(), limit.into()];
        let rows = self.0.read(sql, params).await?;
        let of = |row: &Row| -> Result<SecretOf, StoreError> {
            Ok(SecretOf { service: ServiceId(row.int(5)?), service_name: row.text(6)?, row: read(row)? })
        };
        rows.iter().map(of).collect()
    }

    /// Sets one.
    pub fn set(service: ServiceId, row: SecretRow) -> Statement {
        Statement::new(
            "INSERT INTO service_secret (service_id, name, sealed, key_id, author, set_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (service_id, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, author = excluded.author, set_at = excluded.set_at",
            vec![
                service.into(),
                row.name.into(),
                row.sealed.into(),
                row.key_id.into(),
                row.author.into(),
                row.set_at.into(),
            ],
        )
    }

    /// Seals one anew, unless it was set meanwhile.
    pub fn reseal(service: ServiceId, row: &SecretRow, sealed: Vec<u8>, key_id: &str) -> Statement {
        Statement::new(
            "UPDATE service_secret SET sealed = ?4, key_id = ?5 WHERE service_id = ?1 AND name = ?2 AND sealed = ?3",
            vec![service.into(), row.name.clone().into(), row.sealed.clone().into(), sealed.into(), key_id.into()],
        )
    }

    /// Takes one away, if it is set.
    pub fn unset(service: ServiceId, name: &str) -> Statement {
        Statement::new(
            "DELETE FROM service_secret WHERE service_id = ?1 AND name = ?2",
            vec![service.into(), name.into()],
        )
    }
}
