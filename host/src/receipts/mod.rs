//! Receipts of captured calls: made and signed when they are asked for, checked without the host.

mod check;

use iap_core::{
    Credits, Time,
    ids::{CallId, EntryId},
    ledger::Hold,
    receipt::{Lot, Position, Receipt, Release, VERSION, canonical},
};
use iap_store::{
    Ids, StoreError,
    repositories::{CallRow, Served},
};
use serde_json::Value;

use crate::{app::App, clock::rfc3339};

pub use check::{Wrong, check};

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    /// Nothing was taken.
    #[error("{0} took no credits")]
    NothingTaken(CallId),
    /// It goes on.
    #[error("{0} has not ended yet: ask again when it has")]
    NotEnded(CallId),
    /// The database failed, or what it holds cannot be.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The signed receipt of a call; the same each time, until credits are given back.
///
/// # Errors
///
/// See [`NoReceipt`].
pub async fn receipt(app: &App, call: &CallRow) -> Result<Value, NoReceipt> {
    let holds = app.store.receipts().holds(call.id).await?;
    if holds.iter().any(|hold| hold.state.is_live()) {
        return Err(NoReceipt::NotEnded(call.id));
    }
    let taken: Vec<Hold> = holds.into_iter().filter(|hold| hold.captured.is_positive()).collect();
    let Some(last) = taken.iter().max_by_key(|hold| hold.last_entry).map(|hold| hold.last_entry) else {
        return Err(NoReceipt::NothingTaken(call.id));
    };
    let Served { service, release } = app.store.receipts().served(call.id).await?;
    let sum = |of: fn(&Hold) -> Credits| {
        let sum = Credits::checked_sum(taken.iter().map(of));
        sum.ok_or_else(|| StoreError::Engine(format!("the holds of {} are out of range", call.id)))
    };
    let unreadable = |error: serde_json::Error| StoreError::Engine(format!("lines of {}: {error}", call.id));
    let receipt = Receipt {
        version: VERSION,
        host: app.public_url.clone(),
        call: call.id,
        account: call.account,
        service,
        release: release.map(|(version, digest)| Release { version, digest }),
        operation: call.operation.clone(),
        door: call.door.clone(),
        lines: serde_json::from_str(&call.lines).map_err(unreadable)?,
        credits: sum(|hold| hold.captured)?,
        refunded: sum(|hold| hold.refunded)?,
        lots: lots(app, &taken).await?,
        entries: entries(&taken),
        at: rfc3339(call.ended_at.unwrap_or(Time(call.started_at.millis()))),
        chain: position(app, last).await?,
        public_key: hex::encode(app.keys.public_key()),
    };
    let mut document = serde_json::to_value(&receipt).map_err(unreadable)?;
    let bytes = canonical(&document).map_err(|error| StoreError::Engine(error.to_string()))?;
    document["signature"] = Value::String(hex::encode(app.keys.sign(&bytes)));
    Ok(document)
}

async fn lots(app: &App, taken: &[Hold]) -> Result<Vec<Lot>, StoreError> {
    let mut lots: Vec<Lot> = Vec::new();
    let parts = taken.iter().flat_map(|hold| &hold.parts).filter(|part| part.captured.is_positive());
    for part in parts {
        let plus = |left: Credits, right: Credits| left.checked_add(right).unwrap_or(Credits::MAX);
        match lots.iter_mut().find(|lot| lot.grant == part.grant) {
            Some(lot) => {
                lot.credits = plus(lot.credits, part.captured);
                lot.refunded = plus(lot.refunded, part.refunded);
            }
            None => {
                let kind = app.store.receipts().grant_kind(part.grant).await?;
                lots.push(Lot::new(part.grant, kind, part.captured, part.refunded));
            }
        }
    }
    Ok(lots)
}

fn entries(taken: &[Hold]) -> Vec<EntryId> {
    let mut entries: Vec<EntryId> = taken.iter().flat_map(|hold| [hold.entry, hold.last_entry]).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

async fn position(app: &App, entry: EntryId) -> Result<Option<Position>, StoreError> {
    let link = app.store.chain().of_entry(entry).await?;
    Ok(link.map(|link| Position {
        stream: Ids::stream_of(entry.0),
        batch: link.number,
        batch_hash: hex::encode(link.hash),
    }))
}
