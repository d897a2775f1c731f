//! Authorize, capture and the other ends of a hold.

use super::{
    super::{Account, Authorize, Book, Entry, EntryKind, Hold, HoldState, Part, Posting, Refusal},
    burn,
    draft::Draft,
    minus, positive,
};
use crate::{Credits, Time, ids::EntryId};

pub(super) fn authorize(account: &Account, ask: &Authorize, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    positive(ask.amount)?;
    let expires_at = end(now, ask.ttl)?;
    if let Some(reason) = &account.suspended {
        return Err(Refusal::AccountIsSuspended { reason: reason.clone() });
    }
    if account.debt.is_positive() {
        return Err(Refusal::AccountIsInDebt { debt: account.debt });
    }
    let mut caps = Vec::new();
    for cap in account.caps.iter().filter(|cap| cap.bounds(ask.company.as_deref())) {
        caps.push(cap.with(ask.amount, now).ok_or_else(|| Refusal::SpendingCapReached {
            company: cap.company.clone(),
            period: cap.period,
            limit: cap.credits,
            used: cap.used_at(now),
            needed: ask.amount,
        })?);
    }
    let parts = burn(account, ask.amount, now)?;
    let postings = parts
        .iter()
        .map(|(grant, part)| Posting::credits(account.id, *grant, Some(ask.hold), Book::Available, Book::Held, *part))
        .collect();
    let part = |(grant, amount)| Part { grant, amount, captured: Credits::ZERO, refunded: Credits::ZERO };
    let hold = Hold {
        id: ask.hold,
        account: account.id,
        company: ask.company.clone(),
        entry: id,
        last_entry: id,
        amount: ask.amount,
        captured: Credits::ZERO,
        refunded: Credits::ZERO,
        state: HoldState::Live,
        created_at: now,
        expires_at,
        parts: parts.into_iter().map(part).collect(),
    };
    Ok(Entry { postings, hold: Some(hold), caps, ..Entry::new(id, Some(EntryKind::Authorize), account.id, now) })
}

pub(super) fn capture(
    account: &Account,
    hold: Option<&Hold>,
    amount: Credits,
    last: bool,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    if amount < Credits::ZERO || (amount.is_zero() && !last) {
        return Err(Refusal::AmountMustBePositive);
    }
    let mut hold = live(hold, now)?.clone();
    if hold.remaining() < amount {
        return Err(Refusal::ExceedsHold { asked: amount, held: hold.remaining() });
    }
    let mut draft = Draft::new(account, Some(hold.id), now);
    let mut missing = amount;
    for part in &mut hold.parts {
        let used = missing.min(minus(part.amount, part.captured));
        if used.is_positive() {
            draft.consume(part.grant, used)?;
            part.captured = plus(part.captured, used);
            missing = minus(missing, used);
        }
    }
    hold.captured = plus(hold.captured, amount);
    if !last {
        return Ok(draft.entry_of_hold(id, EntryKind::Capture, hold, Credits::ZERO));
    }
    let back = give_back(&mut draft, &hold)?;
    hold.state = ended(&hold, HoldState::Released);
    let kind = if amount.is_zero() { EntryKind::Release } else { EntryKind::Capture };
    Ok(draft.entry_of_hold(id, kind, hold, back))
}

pub(super) fn release(account: &Account, hold: Option<&Hold>, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    finish(account, not_ended(hold)?, EntryKind::Release, HoldState::Released, id, now)
}

pub(super) fn expire(account: &Account, hold: Option<&Hold>, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    let hold = not_ended(hold)?;
    if now < hold.expires_at {
        return Err(Refusal::HoldHasNotExpired);
    }
    finish(account, hold, EntryKind::ExpireHold, HoldState::Expired, id, now)
}

fn finish(
    account: &Account,
    hold: &Hold,
    kind: EntryKind,
    state: HoldState,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    let mut draft = Draft::new(account, Some(hold.id), now);
    let back = give_back(&mut draft, hold)?;
    let hold = Hold { state: ended(hold, state), ..hold.clone() };
    Ok(draft.entry_of_hold(id, kind, hold, back))
}

/// What a hold is once it has ended: captured, if anything was taken.
fn ended(hold: &Hold, otherwise: HoldState) -> HoldState {
    if hold.captured.is_positive() { HoldState::Captured } else { otherwise }
}

fn give_back(draft: &mut Draft<'_>, hold: &Hold) -> Result<Credits, Refusal> {
    for part in &hold.parts {
        let rest = minus(part.amount, part.captured);
        if rest.is_positive() {
            draft.give_back(part.grant, rest)?;
        }
    }
    Ok(minus(hold.amount, hold.captured))
}

pub(super) fn keep(account: &Account, hold: Option<&Hold>, ttl: i64, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    let expires_at = end(now, ttl)?;
    let hold = live(hold, now)?;
    Ok(unmoved(account, Hold { state: HoldState::Live, expires_at, ..hold.clone() }, id, now))
}

pub(super) fn mark_unknown(
    account: &Account,
    hold: Option<&Hold>,
    ttl: i64,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    let expires_at = end(now, ttl)?;
    let hold = live(hold, now)?;
    let hold = Hold { state: HoldState::Unknown, expires_at, ..hold.clone() };
    Ok(unmoved(account, hold, id, now))
}

fn unmoved(account: &Account, hold: Hold, id: EntryId, now: Time) -> Entry {
    Entry { hold: Some(hold), ..Entry::new(id, None, account.id, now) }
}

fn end(now: Time, ttl: i64) -> Result<Time, Refusal> {
    if ttl <= 0 { Err(Refusal::MustEndInTheFuture) } else { Ok(now.plus_millis(ttl)) }
}

fn not_ended(hold: Option<&Hold>) -> Result<&Hold, Refusal> {
    let hold = hold.ok_or(Refusal::UnknownHold)?;
    if hold.state.is_live() {
        Ok(hold)
    } else {
        Err(Refusal::HoldHasEnded { state: hold.state, captured: hold.captured })
    }
}

/// Expiry is exact: from its moment on nothing can be taken, whether or not a sweeper has passed.
fn live(hold: Option<&Hold>, now: Time) -> Result<&Hold, Refusal> {
    let hold = not_ended(hold)?;
    if hold.expires_at <= now { Err(Refusal::HoldHasExpired) } else { Ok(hold) }
}

fn plus(left: Credits, right: Credits) -> Credits {
    left.checked_add(right).expect("a part of an amount that fits")
}
