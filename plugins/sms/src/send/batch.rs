//! The messages of one request, as delivery reports refer to them.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// Reports come within hours; after a week nobody waits for them.
const KEPT_FOR: u32 = 7 * 24 * 3600;

/// A batch with a random reference, which only the carrier and the store know.
#[derive(Clone, Debug)]
pub struct Batch {
    /// 32 hexadecimal digits.
    pub reference: String,
    /// Where the database wants reports, if it does.
    pub webhook: Option<String>,
}

/// What the store knows of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// Shape of the record.
    v: u32,
    /// Whose database is called.
    pub account_ref: String,
    /// Where.
    pub webhook_url: String,
}

impl Batch {
    /// A new batch. Its record is committed with the next ledger step.
    pub fn open(account_ref: &str, webhook: Option<&str>) -> Self {
        let reference: String = random::bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
        let webhook = webhook.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let mut batch = Self { reference, webhook: webhook.map(str::to_owned) };
        if let Some(url) = webhook {
            let record = Record { v: 1, account_ref: account_ref.to_owned(), webhook_url: url.to_owned() };
            if let Err(error) = store::set_json(Scope::Service, &batch.key(), &record, Some(KEPT_FOR)) {
                // Messages matter more than reports.
                log::error!("no delivery reports for batch {}: {error}", batch.reference);
                batch.webhook = None;
            }
        }
        batch
    }

    fn key(&self) -> String {
        format!("batch/{}", self.reference)
    }

    /// Where the carrier reports on a message, if the database wants to know.
    pub fn status_callback(&self, uuid: Option<&str>) -> Option<String> {
        self.webhook.as_ref()?;
        let uuid = uuid.filter(|uuid| is_uuid(uuid))?;
        let hook = config::hook_url("status")?;
        Some(format!("{hook}?b={}&u={uuid}", self.reference))
    }
}

/// The record of a batch, if there is one still.
///
/// # Errors
///
/// Of the store.
pub fn find(reference: &str) -> Result<Option<Record>, store::Error> {
    if !is_uuid(reference) {
        return Ok(None);
    }
    store::get_json(Scope::Service, &format!("batch/{reference}"))
}

/// Where the last reported status of a message is stored, for as long as its batch.
pub fn status_key(batch: &str, uuid: &str) -> (String, u32) {
    (format!("status/{batch}/{uuid}"), KEPT_FOR)
}

/// The messages of a batch that the carrier has reported on.
///
/// # Errors
///
/// Of the store.
pub fn reported_uuids(batch: &str) -> Result<std::collections::BTreeSet<String>, store::Error> {
    const PAGE: u32 = 1_000;
    let prefix = format!("status/{batch}/");
    let mut uuids = std::collections::BTreeSet::new();
    let mut after = String::new();
    loop {
        let keys = store::list(Scope::Service, &prefix, &after, PAGE)?;
        let Some(last) = keys.last().cloned() else { return Ok(uuids) };
        uuids.extend(keys.iter().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned));
        after = last;
    }
}

/// Whether a database accepts reports on this uuid: it refuses a whole report for one wrong uuid.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
