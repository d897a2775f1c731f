//! What of a service changes without a release: packs, texts, icon, price tables. Each change is kept.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    /// Its id.
    pub id: i64,
    /// Its service.
    pub service: ServiceId,
    /// `packs`, `texts`, `icon` or `prices`.
    pub kind: String,
    /// JSON.
    pub value: String,
    /// Who made it.
    pub author: String,
    /// When it was made.
    pub created_at: Time,
    /// From when on it counts.
    pub effective_at: Time,
}

/// See [`Store::revisions`].
pub struct Revisions<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT id, service_id, kind, value, author, created_at, effective_at FROM service_revision ", $clause)
    };
}

fn read(row: &Row) -> Result<RevisionRow, StoreError> {
    Ok(RevisionRow {
        id: row.int(0)?,
        service: ServiceId(row.int(1)?),
        kind: row.text(2)?,
        value: row.text(3)?,
        author: row.text(4)?,
        created_at: Time(row.int(5)?),
        effective_at: Time(row.int(6)?),
    })
}

impl Revisions<'_> {
    /// All of a service, the newest first.
    pub async fn of_service(&self, service: ServiceId) -> Result<Vec<RevisionRow>, StoreError> {
        let rows =
            self.0.read(select!("WHERE service_id = ?1 ORDER BY created_at DESC, id DESC"), vec![service.into()]);
        rows.await?.iter().map(read).collect()
    }

    /// The last one of a kind that was set for a service.
    pub async fn last(&self, service: ServiceId, kind: &str) -> Result<Option<RevisionRow>, StoreError> {
        let params = vec![service.into(), kind.into()];
        let row = self
            .0
            .read_one(select!("WHERE service_id = ?1 AND kind = ?2 ORDER BY created_at DESC, id DESC LIMIT 1"), params);
        row.await?.map(|row| read(&row)).transpose()
    }

    /// The last one of each kind and service that counts, and all of prices and packs, in the order in which they begin to count.
    pub async fn that_count(&self, since: Time) -> Result<Vec<RevisionRow>, StoreError> {
        let sql = select!(
            "r WHERE kind IN ('prices', 'packs') OR effective_at >= ?1 OR NOT EXISTS (SELECT 1 FROM service_revision n WHERE n.service_id = r.service_id
             AND n.kind = r.kind AND n.effective_at <= ?1 AND (n.effective_at > r.effective_at OR (n.effective_at = r.effective_at AND n.id > r.id)))
             ORDER BY service_id, kind, effective_at, id"
        );
        self.0.read(sql, vec![since.into()]).await?.iter().map(read).collect()
    }

    /// Adds one.
    pub fn add(
        &self,
        service: ServiceId,
        kind: &str,
        value: &str,
        author: &str,
        at: Time,
        effective_at: Time,
    ) -> Statement {
        Statement::new(
            "INSERT INTO service_revision (id, service_id, kind, value, author, created_at, effective_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                self.0.ids().next().into(),
                service.into(),
                kind.into(),
                value.into(),
                author.into(),
                at.into(),
                effective_at.into(),
            ],
        )
    }
}
