//! What happened to services and releases, and the number by which hosts see it.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// Something that happened to a service or one of its releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEventRow {
    /// Its id, rising within a host's start.
    pub id: i64,
    /// The version of the release that it is about.
    pub version: Option<String>,
    /// `submitted`, `approved`, `rollout`, `stopped`, …
    pub kind: String,
    /// In words.
    pub detail: String,
    /// Who did it: `operator`, `host`, or an address.
    pub author: String,
    /// When.
    pub at: Time,
}

/// See [`Store::catalog_events`].
pub struct CatalogEvents<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<CatalogEventRow, StoreError> {
    Ok(CatalogEventRow {
        id: row.int(0)?,
        version: row.opt_text(1)?,
        kind: row.text(2)?,
        detail: row.text(3)?,
        author: row.text(4)?,
        at: Time(row.int(5)?),
    })
}

impl CatalogEvents<'_> {
    /// The newest of a service.
    pub async fn of_service(&self, service: ServiceId, most: i64) -> Result<Vec<CatalogEventRow>, StoreError> {
        let sql = "SELECT e.id, r.version, e.kind, e.detail, e.author, e.at FROM catalog_event e LEFT JOIN release r ON r.id = e.release_id
                   WHERE e.service_id = ?1 ORDER BY e.at DESC, e.id DESC LIMIT CAST(?2 AS BIGINT)";
        self.0.read(sql, vec![service.into(), most.into()]).await?.iter().map(read).collect()
    }

    /// Number of the last change that hosts must see.
    pub async fn version(&self) -> Result<i64, StoreError> {
        let row = self.0.read_one("SELECT version FROM catalog_version WHERE id = 1", vec![]).await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }

    /// Records what happened, and has all hosts look.
    pub fn record(
        &self,
        service: ServiceId,
        release: Option<i64>,
        kind: &str,
        detail: &str,
        author: &str,
        at: Time,
    ) -> [Statement; 2] {
        [
            Statement::new(
                "INSERT INTO catalog_event (id, service_id, release_id, kind, detail, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                vec![
                    self.0.ids().next().into(),
                    service.into(),
                    release.into(),
                    kind.into(),
                    detail.into(),
                    author.into(),
                    at.into(),
                ],
            ),
            Self::changed(),
        ]
    }

    /// Has all hosts look at the catalog anew.
    pub fn changed() -> Statement {
        Statement::new("UPDATE catalog_version SET version = version + 1 WHERE id = 1", vec![])
    }
}
