//! Databases that have been seen or declared.

use iap_core::{Time, ids::DatabaseId};

use crate::{Row, Statement, Store, StoreError};

/// What the operator says of a database. Words as in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// `odoo_online`, `odoo_sh`, `on_premise` or `undeclared`.
    pub hosting: String,
    /// `community`, `enterprise` or `unknown`.
    pub edition: String,
    /// Whether an Enterprise subscription runs.
    pub subscription_valid: bool,
    /// `production`, `demo`, `training`, `educational` or `one_app_free`.
    pub purpose: String,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Where callbacks may go.
    pub base_url: Option<String>,
}

/// A database.
#[derive(Clone, Debug)]
pub struct DatabaseRow {
    /// Its id here.
    pub id: DatabaseId,
    /// Its own name for itself. No secret, proves nothing.
    pub dbuuid: String,
    /// What the operator said, or the defaults.
    pub declaration: Declaration,
    /// When it was first seen.
    pub first_seen_at: Time,
    /// When it was declared; `None` if only seen.
    pub declared_at: Option<Time>,
}

/// See [`Store::databases`].
pub struct Databases<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT id, dbuuid, hosting, edition, subscription_valid, purpose, country, base_url, first_seen_at, declared_at FROM database ", $clause)
    };
}

fn read(row: &Row) -> Result<DatabaseRow, StoreError> {
    Ok(DatabaseRow {
        id: DatabaseId(row.int(0)?),
        dbuuid: row.text(1)?,
        declaration: Declaration {
            hosting: row.text(2)?,
            edition: row.text(3)?,
            subscription_valid: row.int(4)? != 0,
            purpose: row.text(5)?,
            country: row.opt_text(6)?,
            base_url: row.opt_text(7)?,
        },
        first_seen_at: Time(row.int(8)?),
        declared_at: row.opt_int(9)?.map(Time),
    })
}

impl Databases<'_> {
    /// By id.
    pub async fn get(&self, id: DatabaseId) -> Result<Option<DatabaseRow>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// By its dbuuid.
    pub async fn by_dbuuid(&self, dbuuid: &str) -> Result<Option<DatabaseRow>, StoreError> {
        self.0.read_one(select!("WHERE dbuuid = ?1"), vec![dbuuid.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// A page in the order they were first seen, after an id.
    pub async fn page(&self, after: DatabaseId, limit: i64) -> Result<Vec<DatabaseRow>, StoreError> {
        self.0
            .read(select!("WHERE id > ?1 ORDER BY id LIMIT ?2"), vec![after.into(), limit.into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// The same, only those that were declared (`Some(true)`) or only seen (`Some(false)`).
    pub async fn page_by_declared(
        &self,
        after: DatabaseId,
        declared: Option<bool>,
        limit: i64,
    ) -> Result<Vec<DatabaseRow>, StoreError> {
        let params = vec![after.into(), declared.into(), limit.into()];
        let rows = self
            .0
            .read(
                select!("WHERE id > ?1 AND (CAST(?2 AS BIGINT) IS NULL OR CASE WHEN declared_at IS NULL THEN 0 ELSE 1 END = ?2) ORDER BY id LIMIT ?3"),
                params,
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Records a database that was seen; nothing if it is known already.
    pub fn seen(&self, id: DatabaseId, dbuuid: &str, hosting: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO database (id, dbuuid, hosting, edition, subscription_valid, purpose, first_seen_at)
             VALUES (?1, ?2, ?3, 'unknown', 0, 'production', ?4) ON CONFLICT (dbuuid) DO NOTHING",
            vec![id.into(), dbuuid.into(), hosting.into(), at.into()],
        )
    }

    /// Declares a database, seen before or not.
    pub fn declare(&self, id: DatabaseId, dbuuid: &str, declaration: &Declaration, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO database (id, dbuuid, hosting, edition, subscription_valid, purpose, country, base_url, first_seen_at, declared_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
             ON CONFLICT (dbuuid) DO UPDATE SET hosting = excluded.hosting, edition = excluded.edition,
                 subscription_valid = excluded.subscription_valid, purpose = excluded.purpose, country = excluded.country,
                 base_url = excluded.base_url, declared_at = excluded.declared_at",
            vec![
                id.into(),
                dbuuid.into(),
                declaration.hosting.clone().into(),
                declaration.edition.clone().into(),
                declaration.subscription_valid.into(),
                declaration.purpose.clone().into(),
                declaration.country.clone().into(),
                declaration.base_url.clone().into(),
                at.into(),
            ],
        )
    }
}
