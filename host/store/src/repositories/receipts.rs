//! What a receipt says of a call beside the call's own row.

use iap_core::{
    ids::{CallId, GrantId},
    ledger::{GrantKind, Hold},
};

use crate::{
    Store, StoreError,
    ledger::{hold_columns, read_hold},
};

/// See [`Store::receipts`].
pub struct Receipts<'a>(pub(crate) &'a Store);

/// The service of a call, and the release that served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Name of the service.
    pub service: String,
    /// Version and digest of the release, if a plugin served it.
    pub release: Option<(String, String)>,
}

impl Receipts<'_> {
    /// The holds of a call, in the order in which they were authorized.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn holds(&self, call: CallId) -> Result<Vec<Hold>, StoreError> {
        let sql = concat!(hold_columns!(), "WHERE call_id = ?1 ORDER BY id");
        let rows = self.0.read(sql, vec![call.into()]).await?;
        rows.iter().map(|row| Ok(read_hold(row)?)).collect()
    }

    /// Where a grant came from.
    ///
    /// # Errors
    ///
    /// The database fails, or has no such grant.
    pub async fn grant_kind(&self, grant: GrantId) -> Result<GrantKind, StoreError> {
        let row = self.0.read_one("SELECT kind FROM credit_grant WHERE id = ?1", vec![grant.into()]).await?;
        let row = row.ok_or_else(|| StoreError::Engine(format!("{grant} is named by a hold and not there")))?;
        Ok(row.parse(0, |word| word.parse().ok())?)
    }

    /// What served a call.
    ///
    /// # Errors
    ///
    /// The database fails, or has no such call.
    pub async fn served(&self, call: CallId) -> Result<Served, StoreError> {
        let sql = "SELECT s.name, r.version, r.digest FROM call c JOIN account a ON a.id = c.account_id
                   JOIN service s ON s.id = a.service_id LEFT JOIN release r ON r.id = c.release_id WHERE c.id = ?1";
        let row = self.0.read_one(sql, vec![call.into()]).await?;
        let row = row.ok_or_else(|| StoreError::Engine(format!("{call} is not there")))?;
        Ok(Served { service: row.text(0)?, release: row.opt_text(1)?.zip(row.opt_text(2)?) })
    }
}
