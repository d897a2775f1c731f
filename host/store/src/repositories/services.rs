//! Vendors, services and the releases that served.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// A service of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Its id.
    pub id: ServiceId,
    /// Wire name.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// Its vendor.
    pub vendor: String,
    /// `first_party` or `third_party`: a property of the vendor.
    pub vendor_kind: String,
    /// `plugin` or `remote`.
    pub kind: String,
    /// One unit of credits.
    pub unit: String,
    /// Packs of a remote service, as JSON.
    pub packs: String,
    /// Why the operator stopped it, if so.
    pub suspended: Option<String>,
    /// When its vendor gave it up, if so: nothing is sold since.
    pub discontinued_at: Option<Time>,
    /// When it ends, if it was given up.
    pub ends_at: Option<Time>,
    /// When it had ended, and what was unused was refunded.
    pub ended_at: Option<Time>,
}

/// See [`Store::services`].
pub struct Services<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT s.id, s.name, s.title, s.vendor_name, v.kind, s.kind, s.unit, s.packs, s.suspended, s.discontinued_at, s.ends_at, s.ended_at FROM service s JOIN vendor v ON v.name = s.vendor_name ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<ServiceRow, StoreError> {
    Ok(ServiceRow {
        id: ServiceId(row.int(0)?),
        name: row.text(1)?,
        title: row.text(2)?,
        vendor: row.text(3)?,
        vendor_kind: row.text(4)?,
        kind: row.text(5)?,
        unit: row.text(6)?,
        packs: row.text(7)?,
        suspended: row.opt_text(8)?,
        discontinued_at: row.opt_int(9)?.map(Time),
        ends_at: row.opt_int(10)?.map(Time),
        ended_at: row.opt_int(11)?.map(Time),
    })
}

impl Services<'_> {
    /// All, by name.
    pub async fn all(&self) -> Result<Vec<ServiceRow>, StoreError> {
        self.0.read(select!("ORDER BY s.name"), vec![]).await?.iter().map(read).collect()
    }

    /// By wire name.
    pub async fn by_name(&self, name: &str) -> Result<Option<ServiceRow>, StoreError> {
        self.0.read_one(select!("WHERE s.name = ?1"), vec![name.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// The remote service that a service key opens, by the key's hash.
    pub async fn by_key(&self, key_hash: &str) -> Result<Option<ServiceRow>, StoreError> {
        self.0
            .read_one(select!("WHERE s.key_hash = ?1"), vec![key_hash.into()])
            .await?
            .map(|row| read(&row))
            .transpose()
    }

    /// Records a vendor, or what the operator now says of it; one that signed up keeps its title.
    pub fn vendor(&self, name: &str, title: &str, kind: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO vendor (name, title, kind, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET title = CASE WHEN vendor.organisation IS NULL THEN excluded.title ELSE vendor.title END, kind = excluded.kind",
            vec![name.into(), title.into(), kind.into(), at.into()],
        )
    }

    /// Records a plugin's service, or what its newest release says. Touches no row where the name
    /// belongs to another vendor or a remote service.
    pub fn plugin(&self, id: ServiceId, name: &str, title: &str, vendor: &str, unit: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (?1, ?2, ?3, ?4, 'plugin', ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, unit = excluded.unit
                 WHERE service.vendor_name = excluded.vendor_name AND service.kind = 'plugin'",
            vec![id.into(), name.into(), title.into(), vendor.into(), unit.into(), at.into()],
        )
        .expecting(1)
    }

    /// Registers a remote service with the hash of its key, or gives it a new key. Touches no row
    /// where the name belongs to another vendor or a plugin.
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    pub fn remote(
        &self,
        id: ServiceId,
        name: &str,
        title: &str,
        vendor: &str,
        unit: &str,
        packs: &str,
        key_hash: &str,
        at: Time,
    ) -> Statement {
        Statement::new(
            "INSERT INTO service (id, name, title, vendor_name, kind, unit, packs, key_hash, created_at) VALUES (?1, ?2, ?3, ?4, 'remote', ?5, ?6, ?7, ?8)
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, unit = excluded.unit, packs = excluded.packs, key_hash = excluded.key_hash
                 WHERE service.vendor_name = excluded.vendor_name AND service.kind = 'remote'",
            vec![id.into(), name.into(), title.into(), vendor.into(), unit.into(), packs.into(), key_hash.into(), at.into()],
        )
        .expecting(1)
    }

    /// Records a release; its number for calls is found by [`Services::release_id`].
    pub fn release(&self, service: ServiceId, version: &str, digest: &str, files: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO release (id, service_id, version, digest, created_at, files) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (service_id, digest) DO UPDATE SET files = excluded.files WHERE release.source = 'embedded' AND release.files IS NULL",
            vec![self.0.ids().next().into(), service.into(), version.into(), digest.into(), at.into(), files.into()],
        )
    }

    /// Stops a service, or lets it go on.
    pub fn suspend(service: ServiceId, reason: Option<&str>) -> Statement {
        Statement::new("UPDATE service SET suspended = ?2 WHERE id = ?1", vec![service.into(), reason.into()])
            .expecting(1)
    }

    /// Its vendor gives it up.
    pub fn discontinue(service: ServiceId, at: Time, ends_at: Time) -> Statement {
        Statement::new(
            "UPDATE service SET discontinued_at = ?2, ends_at = ?3 WHERE id = ?1 AND ended_at IS NULL",
            vec![service.into(), at.into(), ends_at.into()],
        )
        .expecting(1)
    }

    /// It has ended, and what was unused was refunded.
    pub fn ended(service: ServiceId, at: Time) -> Statement {
        Statement::new(
            "UPDATE service SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
            vec![service.into(), at.into()],
        )
    }

    /// Number of a recorded release.
    pub async fn release_id(&self, service: ServiceId, digest: &str) -> Result<Option<i64>, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT id FROM release WHERE service_id = ?1 AND digest = ?2",
                vec![service.into(), digest.into()],
            )
            .await?;
        row.map(|row| row.int(0).map_err(StoreError::from)).transpose()
    }
}
