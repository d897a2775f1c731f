//! Bearer tokens of vendors' members.

use iap_core::Time;

use super::VendorState;
use crate::{Row, Statement, Store, StoreError};

/// A member's token, without what opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorTokenRow {
    /// Its id.
    pub id: i64,
    /// Whose.
    pub member: i64,
    /// The member's address.
    pub email: String,
    /// The member's vendor.
    pub vendor: String,
    /// What it is for.
    pub title: String,
    /// What it may be used for, as a JSON list.
    pub scopes: String,
    /// When it was issued.
    pub created_at: Time,
    /// Until when it may be used.
    pub expires_at: Option<Time>,
}

/// A token to issue.
#[derive(Clone, Copy, Debug)]
pub struct NewVendorToken<'a> {
    /// Its id.
    pub id: i64,
    /// Hash of it.
    pub hash: &'a str,
    /// Whose.
    pub member: i64,
    /// What it is for.
    pub title: &'a str,
    /// What it may be used for, as a JSON list.
    pub scopes: &'a str,
    /// Until when it may be used.
    pub expires_at: Time,
}

/// See [`Store::vendor_tokens`].
pub struct VendorTokens<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT t.id, m.id, m.email, m.vendor_name, t.title, t.scopes, t.created_at, t.expires_at FROM token t JOIN vendor_member m ON m.id = t.subject WHERE t.kind = 'vendor' AND t.revoked_at IS NULL AND ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<VendorTokenRow, StoreError> {
    Ok(VendorTokenRow {
        id: row.int(0)?,
        member: row.int(1)?,
        email: row.text(2)?,
        vendor: row.text(3)?,
        title: row.text(4)?,
        scopes: row.text(5)?,
        created_at: Time(row.int(6)?),
        expires_at: row.opt_int(7)?.map(Time),
    })
}

impl VendorTokens<'_> {
    /// Those of a vendor that may be used now, newest first.
    pub async fn of_vendor(&self, vendor: &str, now: Time) -> Result<Vec<VendorTokenRow>, StoreError> {
        let sql = select!("m.vendor_name = ?1 AND (t.expires_at IS NULL OR ?2 < t.expires_at) ORDER BY t.id DESC");
        self.0.read(sql, vec![vendor.into(), now.into()]).await?.iter().map(read).collect()
    }

    /// One that is not revoked.
    pub async fn get(&self, id: i64) -> Result<Option<VendorTokenRow>, StoreError> {
        self.0.read_one(select!("t.id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// The one with a hash: its id, until when it may be used, and where the sign-up of its member's vendor stands.
    pub async fn held(&self, hash: &str) -> Result<Option<(i64, Option<Time>, VendorState)>, StoreError> {
        let sql = "SELECT t.id, t.expires_at, v.state FROM token t JOIN vendor_member m ON m.id = t.subject JOIN vendor v ON v.name = m.vendor_name WHERE t.kind = 'vendor' AND t.revoked_at IS NULL AND t.hash = ?1";
        let Some(row) = self.0.read_one(sql, vec![hash.into()]).await? else { return Ok(None) };
        Ok(Some((row.int(0)?, row.opt_int(1)?.map(Time), row.parse(2, VendorState::from_name)?)))
    }

    /// Issues one.
    pub fn issue(new: NewVendorToken<'_>, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO token (id, hash, kind, subject, created_at, title, scopes, expires_at) VALUES (?1, ?2, 'vendor', ?3, ?4, ?5, ?6, ?7)",
            vec![
                new.id.into(),
                new.hash.into(),
                new.member.into(),
                at.into(),
                new.title.into(),
                new.scopes.into(),
                new.expires_at.into(),
            ],
        )
    }

    /// Revokes one that is not revoked.
    pub fn revoke(id: i64, at: Time) -> Statement {
        Statement::new(
            "UPDATE token SET revoked_at = ?2 WHERE id = ?1 AND kind = 'vendor' AND revoked_at IS NULL",
            vec![id.into(), at.into()],
        )
        .expecting(1)
    }

    /// Revokes all of a member.
    pub fn revoke_all(member: i64, at: Time) -> Statement {
        Statement::new(
            "UPDATE token SET revoked_at = ?2 WHERE kind = 'vendor' AND subject = ?1 AND revoked_at IS NULL",
            vec![member.into(), at.into()],
        )
    }
}
