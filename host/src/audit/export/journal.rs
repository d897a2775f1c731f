//! A journal for plain-text accounting: one transaction an entry, debits above zero and credits below.
//!
//! A service's credits are a commodity with its name; their accounts are `credits:SERVICE:ACCOUNT:BOOK`. Money is in
//! `money:service:SERVICE:BOOK` and `money:vendor:VENDOR:BOOK`. Each commodity is declared with its decimals, since `1.000`
//! is a thousand to some.

use std::io::{Result, Write};

use iap_core::{ids::EntryId, money::Currency};
use iap_store::{Snapshot, StoreError};

use super::Line;
use crate::clock::rfc3339;

pub struct Journal<W: Write> {
    to: W,
    entry: i64,
}

impl<W: Write> Journal<W> {
    pub async fn begin(mut to: W, snapshot: &mut Snapshot) -> anyhow::Result<Self> {
        writeln!(to, "; Postings of an IAP ledger. Check it with: hledger check -f FILE")?;
        for row in snapshot.rows("SELECT name FROM service ORDER BY name", &[]).await? {
            writeln!(to, "commodity \"{0}\"\n  format 1000.000000 \"{0}\"", row.text(0)?)?;
        }
        let sql = "SELECT DISTINCT currency FROM ledger_total WHERE currency <> '' ORDER BY currency";
        for row in snapshot.rows(sql, &[]).await? {
            let currency = Currency::try_from(row.text(0)?).map_err(|error| StoreError::Engine(error.to_string()))?;
            let zeros = "0".repeat(usize::try_from(currency.digits())?);
            writeln!(to, "commodity {currency}\n  format 1000.{zeros} {currency}")?;
        }
        Ok(Self { to, entry: 0 })
    }

    pub fn line(&mut self, line: &Line) -> Result<()> {
        let to = &mut self.to;
        if line.entry != self.entry {
            self.entry = line.entry;
            let (at, id) = (rfc3339(line.at), EntryId(line.entry));
            let day = at.split('T').next().unwrap_or(&at);
            let whose = line.account.map(|account| account.to_string()).or_else(|| line.vendor.clone());
            writeln!(to, "\n{day} * ({id}) {} {}  ; at: {at}", line.kind, whose.unwrap_or_default())?;
            if let Some(reason) = &line.reason {
                // One line, whatever is stored: what follows must stay a posting.
                writeln!(to, "    ; reason: {}", reason.replace(char::is_control, " "))?;
            }
        }
        let (commodity, place) = match (&line.currency, &line.vendor, line.account) {
            (None, _, Some(account)) => {
                (format!("\"{0}\"", line.service), format!("credits:{}:{account}", line.service))
            }
            (Some(currency), Some(vendor), _) => (currency.clone(), format!("money:vendor:{vendor}")),
            (currency, ..) => (currency.clone().unwrap_or_default(), format!("money:service:{}", line.service)),
        };
        let mut note = String::new();
        for (name, id) in [("grant", line.grant.map(|id| id.to_string())), ("hold", line.hold.map(|id| id.to_string()))]
        {
            if let Some(id) = id {
                note.push_str(if note.is_empty() { "  ; " } else { ", " });
                note.push_str(name);
                note.push_str(": ");
                note.push_str(&id);
            }
        }
        let amount = &line.amount;
        writeln!(to, "    {place}:{}  {amount} {commodity}{note}", line.debit)?;
        writeln!(to, "    {place}:{}  -{amount} {commodity}", line.credit)
    }

    pub fn end(mut self) -> Result<()> {
        self.to.flush()
    }
}
