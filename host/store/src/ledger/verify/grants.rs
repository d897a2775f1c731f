//! Each grant against its postings.

use iap_core::{
    ids::{AccountId, EntryId, GrantId},
    ledger::{Book, EntryKind, Grant, Tally},
};

use super::{Progress, Report, Stage, chain::Streams, credits};
use crate::{Row, Snapshot, StoreError, ledger::read_grant};

/// Columns as [`read_grant`] takes them, then those of postings.
const SQL: &str = "SELECT id, kind, amount, available, held, consumed, expired, refunded, voided, transferred, expires_at, price, currency,
                          tax, fee_bps, breakage_to, recognized, earned, lapsed, returned, vendor_due, tax_returned, charged_back, origin_id, moved,
                          account_id, created_at, repaid, 0 AS side, 0 AS entry_id, 0 AS n, 0 AS posted, 0 AS debit, 0 AS credit
                   FROM credit_grant
                   UNION ALL
                   SELECT grant_id, '', amount, 0, 0, 0, 0, 0, 0, 0, 0, 0, currency, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0,
                          account_id, 0, 0, 1, entry_id, n, kind, debit, credit
                   FROM posting WHERE grant_id IS NOT NULL
                   ORDER BY 1, 29";
/// Columns of the grant itself.
const OWN: usize = 28;

/// One grant as it is read: its row first, then its postings.
struct Seen {
    id: i64,
    stored: Option<(AccountId, Grant)>,
    tally: Tally,
    charged_back: bool,
}

/// Compares all grants.
pub async fn compare(
    snapshot: &mut Snapshot,
    streams: &Streams,
    report: &mut Report,
    progress: &mut (impl FnMut(Stage, u64) + Send),
) -> Result<(), StoreError> {
    let mut current: Option<Seen> = None;
    let mut progress = Progress { stage: Stage::Grants, rows: 0, tell: progress };
    snapshot
        .scan(SQL, &[], |row| {
            progress.row();
            let id = row.int(0)?;
            if current.as_ref().is_none_or(|seen| seen.id != id) {
                let begun = Seen { id, stored: None, tally: Tally::default(), charged_back: false };
                if let Some(done) = current.replace(begun) {
                    done.compare(streams, report);
                }
            }
            let Some(seen) = &mut current else { return Ok(()) };
            if row.int(OWN)? == 0 {
                match read_grant(&Row(row.0[..OWN].to_vec())) {
                    Ok(stored) => seen.stored = Some(stored),
                    Err(bad) => report.differ(format!("{}: {bad}", GrantId(id))),
                }
                return Ok(());
            }
            seen.take(row, report)
        })
        .await?;
    if let Some(done) = current {
        done.compare(streams, report);
    }
    Ok(())
}

impl Seen {
    fn take(&mut self, row: &Row, report: &mut Report) -> Result<(), StoreError> {
        let (grant, entry) = (GrantId(self.id), EntryId(row.int(OWN + 1)?));
        let (account, currency) = (AccountId(row.int(25)?), row.opt_text(12)?);
        if let Some((stored, state)) = &self.stored {
            if *stored != account {
                report.differ(format!("{entry}: it is of {account} and moves {grant} of {stored}"));
            }
            let own = state.price.map(|price| price.currency);
            if currency.as_deref().is_some_and(|code| own.is_none_or(|own| own.as_str() != code)) {
                report.differ(format!(
                    "{entry}: it books {} of {grant}, which was not paid in it",
                    currency.unwrap_or_default()
                ));
            }
        }
        if row.int(OWN + 3)? == EntryKind::Chargeback.number() {
            self.charged_back = true;
        }
        let books = (Book::from_number(row.int(OWN + 4)?), Book::from_number(row.int(OWN + 5)?));
        // Unknown books were named when postings were read by themselves.
        if let (Some(debit), Some(credit)) = books
            && let Err(wrong) = self.tally.add(debit, credit, row.int(2)?)
        {
            report.differ(format!("{entry} of {grant}: {wrong}"));
        }
        Ok(())
    }

    fn compare(self, streams: &Streams, report: &mut Report) {
        let grant = GrantId(self.id);
        let Some((_, stored)) = self.stored else {
            report.differ(format!("{grant}: it has postings and no row"));
            return;
        };
        report.grants += 1;
        for (name, stored, made) in self.tally.differences(&stored) {
            let (stored, made) =
                if is_money(name) { (stored.to_string(), made.to_string()) } else { (credits(stored), credits(made)) };
            report.differ(format!("{grant}: {name} is stored as {stored}, its postings make {made}"));
        }
        // Credits that were used before prices were followed have theirs recognized nowhere.
        if streams.is_chained(self.id) {
            for found in Tally::contradictions(&stored) {
                report.differ(format!("{grant}: {found}"));
            }
        }
        let has_price = stored.price.is_some_and(|price| 0 < price.minor);
        if stored.charged_back != self.charged_back && (self.charged_back || has_price) {
            let (stored, made) = (stored.charged_back, self.charged_back);
            report.differ(format!("{grant}: charged back is stored as {stored}, its postings make it {made}"));
        }
    }
}

fn is_money(column: &str) -> bool {
    ["price", "tax", "recognized", "earned", "lapsed", "returned", "moved", "vendor_due", "tax_returned"]
        .contains(&column)
}
