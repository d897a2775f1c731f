//! Transfers: credits move to another account of the service with their expiry, price and share.

use super::{
    super::{Account, Book, Entry, EntryKind, NewGrant, Refusal},
    burn,
    draft::Draft,
    positive,
};
use crate::{
    Credits, Money, Time,
    ids::{EntryId, GrantId},
};

/// Decides a transfer: one entry for each account, stored in one transaction or not at all. Each grant that
/// covers it becomes a grant of the other account. Tax stays where it was paid.
pub fn decide_transfer(
    from: &Account,
    to: &Account,
    amount: Credits,
    new_id: &mut dyn FnMut() -> i64,
    now: Time,
) -> Result<(Entry, Entry), Refusal> {
    if let Some(reason) = from.stopped.as_ref().or(to.stopped.as_ref()) {
        return Err(Refusal::PostingIsStopped { reason: reason.clone() });
    }
    positive(amount)?;
    if from.id == to.id || from.service != to.service {
        return Err(Refusal::NotTransferable);
    }
    if from.debt.is_positive() {
        return Err(Refusal::AccountIsInDebt { debt: from.debt });
    }
    let parts = burn(from, amount, now)?;
    Credits::checked_sum([to.available, to.held, amount]).ok_or(Refusal::TooManyCredits)?;
    let (mut out, mut into) = (Draft::new(from, None, now), Draft::new(to, None, now));
    for (id, part) in parts {
        out.credits(id, Book::Available, Book::Transferred, part)?;
        let grant = out.grant(id)?.clone();
        let worth = grant.unrecognized();
        out.money(id, Book::DeferredRevenue, Book::TransferredRevenue, worth)?;
        let new = NewGrant {
            id: GrantId(new_id()),
            kind: grant.kind,
            amount: part,
            expires_at: grant.expires_at,
            price: grant.price.map(|price| Money { minor: worth, ..price }),
            tax: 0,
            share: grant.share,
            origin: Some(id),
        };
        into.begin(&new, Book::Transferred)?;
    }
    let (first, second) = (EntryId(new_id()), EntryId(new_id()));
    Ok((out.entry(first, EntryKind::TransferOut), into.entry(second, EntryKind::TransferIn)))
}
