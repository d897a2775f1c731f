//! ed25519 keys that sign a vendor's releases.

use iap_core::Time;

use crate::{Row, Statement, Store, StoreError};

/// A key of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorKeyRow {
    /// In hexadecimal, small letters.
    pub public_key: String,
    /// Whose.
    pub vendor: String,
    /// What its owner calls it.
    pub title: String,
    /// When it was registered.
    pub created_at: Time,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

/// See [`Store::vendor_keys`].
pub struct VendorKeys<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT public_key, vendor_name, title, created_at, revoked_at FROM vendor_key ", $clause)
    };
}

fn read(row: &Row) -> Result<VendorKeyRow, StoreError> {
    Ok(VendorKeyRow {
        public_key: row.text(0)?,
        vendor: row.text(1)?,
        title: row.text(2)?,
        created_at: Time(row.int(3)?),
        revoked_at: row.opt_int(4)?.map(Time),
    })
}

impl VendorKeys<'_> {
    /// By key, revoked ones too.
    pub async fn get(&self, public_key: &str) -> Result<Option<VendorKeyRow>, StoreError> {
        let row = self.0.read_one(select!("WHERE public_key = ?1"), vec![public_key.into()]).await?;
        row.map(|row| read(&row)).transpose()
    }

    /// Of a vendor, revoked ones too, in the order they came.
    pub async fn of_vendor(&self, vendor: &str) -> Result<Vec<VendorKeyRow>, StoreError> {
        let sql = select!("WHERE vendor_name = ?1 ORDER BY created_at, public_key");
        self.0.read(sql, vec![vendor.into()]).await?.iter().map(read).collect()
    }

    /// Registers a key. Conflicts on `vendor_key.public_key` if it is known.
    pub fn add(public_key: &str, vendor: &str, title: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO vendor_key (public_key, vendor_name, title, created_at) VALUES (?1, ?2, ?3, ?4)",
            vec![public_key.into(), vendor.into(), title.into(), at.into()],
        )
    }

    /// Revokes a key that is not revoked.
    pub fn revoke(public_key: &str, vendor: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE vendor_key SET revoked_at = ?3 WHERE public_key = ?1 AND vendor_name = ?2 AND revoked_at IS NULL",
            vec![public_key.into(), vendor.into(), at.into()],
        )
        .expecting(1)
    }
}
