//! Which part of what a vendor's services earn is the platform's, from when on.

use iap_core::{Time, revenue::ShareRow};

use crate::{Statement, Store, StoreError};

/// See [`Store::revenue_shares`].
pub struct RevenueShares<'a>(pub(super) &'a Store);

impl RevenueShares<'_> {
    /// All of a vendor, the latest first.
    pub async fn of_vendor(&self, vendor: &str) -> Result<Vec<ShareRow>, StoreError> {
        let sql = "SELECT service_name, from_at, fee_bps FROM revenue_share WHERE vendor_name = ?1 ORDER BY from_at DESC, service_name";
        let rows = self.0.read(sql, vec![vendor.into()]).await?;
        rows.iter()
            .map(|row| {
                let bps = row.int(2)?;
                let out_of_range = |_| StoreError::Engine(format!("a fee of {bps} basis points is stored"));
                Ok(ShareRow {
                    service: Some(row.text(0)?).filter(|service| !service.is_empty()),
                    from: Time(row.int(1)?),
                    fee_bps: u16::try_from(bps).map_err(out_of_range)?,
                })
            })
            .collect()
    }

    /// Adds one. Conflicts on `revenue_share` if there is one from that very moment.
    pub fn add(vendor: &str, share: &ShareRow, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO revenue_share (vendor_name, service_name, from_at, fee_bps, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![
                vendor.into(),
                share.service.clone().unwrap_or_default().into(),
                share.from.into(),
                i64::from(share.fee_bps).into(),
                at.into(),
            ],
        )
    }
}
