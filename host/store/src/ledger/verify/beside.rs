//! What stands beside the postings: notes of entries, and payouts by their ids.

use std::collections::BTreeMap;

use iap_core::ids::EntryId;

use super::Report;
use crate::{Snapshot, StoreError};

/// A note is of an entry that is there, and payouts that did not come back are what was paid out.
pub async fn compare(snapshot: &mut Snapshot, report: &mut Report) -> Result<(), StoreError> {
    let sql = "SELECT entry_id FROM entry_note e
               WHERE NOT EXISTS (SELECT 1 FROM posting p WHERE p.entry_id = e.entry_id AND p.n = 0) ORDER BY entry_id";
    snapshot
        .scan(sql, &[], |row| {
            report.differ(format!("{}: it has a note and no postings", EntryId(row.int(0)?)));
            Ok(())
        })
        .await?;
    let mut paid: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    for row in snapshot.rows("SELECT vendor_name, currency, paid_out FROM vendor_balance", &[]).await? {
        paid.entry((row.text(0)?, row.text(1)?)).or_default().0 = row.int(2)?;
    }
    let sql = "SELECT vendor_name, currency, CAST(sum(amount) AS BIGINT) FROM payout WHERE returned_at IS NULL
               GROUP BY vendor_name, currency";
    for row in snapshot.rows(sql, &[]).await? {
        paid.entry((row.text(0)?, row.text(1)?)).or_default().1 = row.int(2)?;
    }
    for ((vendor, currency), (stored, made)) in paid.into_iter().filter(|(_, (stored, made))| stored != made) {
        report.differ(format!("vendor {vendor}, {currency}: {stored} paid out are stored, its payouts make {made}"));
    }
    Ok(())
}
