//! Refunds: of a use, back to the grants it came from; of unused credits, against their price.

use super::{
    super::{Account, Book, Entry, EntryKind, GrantKind, Hold, NewGrant, Refusal},
    GOODWILL,
    draft::Draft,
    minus, positive,
};
use crate::{
    Credits, Money, Time,
    ids::{EntryId, GrantId, HoldId},
};

/// Decides a refund of uses of several holds: an entry for each, with the account as it is after it. All of them are
/// stored in one transaction, or none.
pub fn decide_refunds(
    account: &Account,
    holds: &[&Hold],
    parts: &[(HoldId, Credits)],
    new_id: &mut dyn FnMut() -> i64,
    now: Time,
) -> Result<Vec<(Entry, Account)>, Refusal> {
    if let Some(reason) = &account.stopped {
        return Err(Refusal::PostingIsStopped { reason: reason.clone() });
    }
    if parts.is_empty() {
        return Err(Refusal::AmountMustBePositive);
    }
    let mut done: Vec<(Entry, Account)> = Vec::with_capacity(parts.len());
    for (id, amount) in parts {
        let before = done.last().map_or(account, |(_, after)| after);
        // A hold that is named twice is as the first time left it.
        let earlier = done.iter().rev().filter_map(|(entry, _)| entry.hold.as_ref()).find(|hold| hold.id == *id);
        let hold = earlier.or_else(|| holds.iter().copied().find(|hold| hold.id == *id));
        let entry = of_use(before, hold, *amount, EntryId(new_id()), new_id, now)?;
        let mut after = before.clone();
        after.apply(&entry).map_err(|corruption| Refusal::Inconsistent(corruption.to_string()))?;
        done.push((entry, after));
    }
    Ok(done)
}

/// The last credits taken go back first, so that what stays used is a prefix of the burn order. Where a
/// grant has expired its part becomes a grant of its own, for a while.
pub(super) fn of_use(
    account: &Account,
    hold: Option<&Hold>,
    amount: Credits,
    id: EntryId,
    new_id: &mut dyn FnMut() -> i64,
    now: Time,
) -> Result<Entry, Refusal> {
    positive(amount)?;
    let mut hold = hold.ok_or(Refusal::UnknownHold)?.clone();
    if hold.state.is_live() {
        return Err(Refusal::HoldHasNotEnded);
    }
    let left = minus(hold.captured, hold.refunded);
    if left < amount {
        return Err(Refusal::ExceedsHold { asked: amount, held: left });
    }
    let mut draft = Draft::new(account, Some(hold.id), now);
    let mut missing = amount;
    for part in hold.parts.iter_mut().rev() {
        let back = missing.min(minus(part.captured, part.refunded));
        if !back.is_positive() {
            continue;
        }
        missing = minus(missing, back);
        part.refunded = part.refunded.checked_add(back).expect("a part of what was captured");
        let grant = draft.grant(part.grant)?.clone();
        if grant.charged_back {
            return Err(Refusal::GrantWasChargedBack);
        }
        if now < grant.expires_at {
            draft.unconsume(grant.id, Book::Available, back)?;
            continue;
        }
        let worth = draft.unconsume(grant.id, Book::Transferred, back)?;
        draft.money(grant.id, Book::DeferredRevenue, Book::TransferredRevenue, worth)?;
        let goodwill = NewGrant {
            id: GrantId(new_id()),
            kind: GrantKind::Refund,
            amount: back,
            expires_at: now.plus_millis(GOODWILL),
            price: grant.price.map(|price| Money { minor: worth, ..price }),
            tax: 0,
            share: grant.share,
            origin: Some(grant.id),
        };
        draft.begin(&goodwill, Book::Transferred)?;
    }
    Credits::checked_sum([account.available, account.held, amount]).ok_or(Refusal::TooManyCredits)?;
    hold.refunded = hold.refunded.checked_add(amount).expect("a part of what was captured");
    Ok(draft.entry_of_hold(id, EntryKind::RefundUse, hold, amount))
}

pub(super) fn of_credits(
    account: &Account,
    grant: GrantId,
    amount: Credits,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    positive(amount)?;
    let grant = account.grant(grant).ok_or(Refusal::UnknownGrant)?;
    if grant.price.is_none() {
        return Err(Refusal::GrantHasNoPrice);
    }
    if grant.charged_back {
        return Err(Refusal::GrantWasChargedBack);
    }
    let available = if grant.is_usable(now) { grant.available } else { Credits::ZERO };
    if available < amount {
        return Err(Refusal::ExceedsGrant { asked: amount, available });
    }
    let mut draft = Draft::new(account, None, now);
    draft.credits(grant.id, Book::Available, Book::Refunded, amount)?;
    let state = draft.grant(grant.id)?;
    let (price, tax) = (state.unrecognized(), state.tax_of(state.refunded) - state.tax_returned);
    draft.money(grant.id, Book::DeferredRevenue, Book::Refunds, price)?;
    draft.money(grant.id, Book::Tax, Book::Refunds, tax)?;
    Ok(draft.entry(id, EntryKind::RefundCredits))
}
