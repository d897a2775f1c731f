//! Who acts for a vendor.

use iap_core::Time;

use crate::{Row, Statement, Store, StoreError};

/// Somebody who acts for a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Its id: the subject of a vendor's tokens.
    pub id: i64,
    /// The vendor.
    pub vendor: String,
    /// Address in lower case.
    pub email: String,
    /// `owner`, `developer` or `finance`.
    pub role: String,
    /// When a code that was mailed there came back.
    pub confirmed_at: Option<Time>,
}

/// See [`Store::members`].
pub struct Members<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT id, vendor_name, email, role, confirmed_at FROM vendor_member ", $clause)
    };
}

fn read(row: &Row) -> Result<MemberRow, StoreError> {
    Ok(MemberRow {
        id: row.int(0)?,
        vendor: row.text(1)?,
        email: row.text(2)?,
        role: row.text(3)?,
        confirmed_at: row.opt_int(4)?.map(Time),
    })
}

impl Members<'_> {
    /// By id.
    pub async fn get(&self, id: i64) -> Result<Option<MemberRow>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// Of a vendor, by address.
    pub async fn of_vendor(&self, vendor: &str) -> Result<Vec<MemberRow>, StoreError> {
        let rows = self.0.read(select!("WHERE vendor_name = ?1 ORDER BY email"), vec![vendor.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// With an address, at any vendor.
    pub async fn by_email(&self, email: &str) -> Result<Vec<MemberRow>, StoreError> {
        let rows = self.0.read(select!("WHERE email = ?1 ORDER BY vendor_name"), vec![email.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// With an address, at a vendor.
    pub async fn find(&self, vendor: &str, email: &str) -> Result<Option<MemberRow>, StoreError> {
        let row = self.0.read_one(select!("WHERE vendor_name = ?1 AND email = ?2"), vec![vendor.into(), email.into()]);
        row.await?.map(|row| read(&row)).transpose()
    }

    /// Adds a member who has not confirmed its address, or gives one who has not another role. Touches no row of one who has.
    pub fn invite(id: i64, vendor: &str, email: &str, role: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO vendor_member (id, vendor_name, email, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (vendor_name, email) DO UPDATE SET role = excluded.role WHERE vendor_member.confirmed_at IS NULL",
            vec![id.into(), vendor.into(), email.into(), role.into(), at.into()],
        )
        .expecting(1)
    }

    /// Its address is confirmed: a code that was mailed there came back.
    pub fn confirm(vendor: &str, email: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE vendor_member SET confirmed_at = ?3 WHERE vendor_name = ?1 AND email = ?2 AND confirmed_at IS NULL",
            vec![vendor.into(), email.into(), at.into()],
        )
        .expecting(1)
    }

    /// Removes a member, but not the last owner who has confirmed its address: goes after
    /// [`VendorProfiles::lock`](super::VendorProfiles::lock) in the same commit, so that two owners cannot both be the last but one.
    pub fn remove(id: i64, vendor: &str) -> Vec<Statement> {
        let member = || vec![id.into(), vendor.into()];
        vec![
            Statement::new("DELETE FROM device_login WHERE member_id = ?1", vec![id.into()]),
            Statement::new(
                "DELETE FROM vendor_member WHERE id = ?1 AND vendor_name = ?2 AND (role <> 'owner' OR confirmed_at IS NULL OR EXISTS (
                     SELECT 1 FROM vendor_member o WHERE o.vendor_name = ?2 AND o.id <> ?1 AND o.role = 'owner' AND o.confirmed_at IS NOT NULL))",
                member(),
            )
            .expecting(1),
        ]
    }

    /// Removes all members of a vendor that was never confirmed.
    pub fn remove_all(vendor: &str) -> Statement {
        Statement::new("DELETE FROM vendor_member WHERE vendor_name = ?1", vec![vendor.into()])
    }
}
