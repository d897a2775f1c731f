//! Config values of services.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// A config value that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRow {
    /// `[[config]]` name.
    pub name: String,
    /// What it is set to.
    pub value: String,
    /// Who set it.
    pub author: String,
    /// When.
    pub set_at: Time,
}

/// See [`Store::service_configs`].
pub struct ServiceConfigs<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<ConfigRow, StoreError> {
    Ok(ConfigRow { name: row.text(0)?, value: row.text(1)?, author: row.text(2)?, set_at: Time(row.int(3)?) })
}

impl ServiceConfigs<'_> {
    /// Of a service, by name.
    pub async fn of(&self, service: ServiceId) -> Result<Vec<ConfigRow>, StoreError> {
        let sql = "SELECT name, value, author, set_at FROM service_config WHERE service_id = ?1 ORDER BY name";
        self.0.read(sql, vec![service.into()]).await?.iter().map(read).collect()
    }

    /// Sets one.
    pub fn set(service: ServiceId, row: ConfigRow) -> Statement {
        Statement::new(
            "INSERT INTO service_config (service_id, name, value, author, set_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (service_id, name) DO UPDATE SET value = excluded.value, author = excluded.author, set_at = excluded.set_at",
            vec![service.into(), row.name.into(), row.value.into(), row.author.into(), row.set_at.into()],
        )
    }

    /// Takes one away, if it is set.
    pub fn unset(service: ServiceId, name: &str) -> Statement {
        Statement::new(
            "DELETE FROM service_config WHERE service_id = ?1 AND name = ?2",
            vec![service.into(), name.into()],
        )
    }
}
