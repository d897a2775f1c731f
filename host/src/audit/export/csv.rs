//! One line a posting.

use std::io::{Result, Write};

use iap_core::ids::EntryId;

use super::Line;
use crate::clock::rfc3339;

const COLUMNS: [&str; 14] = [
    "entry", "n", "at", "kind", "service", "account", "vendor", "grant", "hold", "asset", "debit", "credit", "amount",
    "reason",
];

pub struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> Csv<W> {
    pub fn begin(to: W) -> Result<Self> {
        let mut csv = csv::Writer::from_writer(to);
        csv.write_record(COLUMNS)?;
        Ok(Self(csv))
    }

    pub fn line(&mut self, line: &Line) -> Result<()> {
        fn shown<T: ToString>(value: Option<T>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        self.0.write_record([
            EntryId(line.entry).to_string().as_str(),
            &line.n.to_string(),
            &rfc3339(line.at),
            line.kind,
            &line.service,
            &shown(line.account),
            line.vendor.as_deref().unwrap_or(""),
            &shown(line.grant),
            &shown(line.hold),
            line.currency.as_deref().unwrap_or("credits"),
            line.debit,
            line.credit,
            &line.amount,
            line.reason.as_deref().unwrap_or(""),
        ])?;
        Ok(())
    }

    pub fn end(mut self) -> Result<()> {
        self.0.flush()
    }
}
