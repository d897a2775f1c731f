//! Chargebacks, what they leave owing, and the card processor's fees.

use super::{
    super::{Account, Book, Entry, EntryKind, Refusal},
    draft::Draft,
    positive,
};
use crate::{
    Credits, Time,
    ids::{EntryId, GrantId},
};

/// All of the price that the customer still had paid goes back. What is left of the credits is void and its
/// part was never earned; for the rest the host bears the loss, and the account owes what it used and what the purchase
/// had repaid of an earlier debt.
/// What live holds have set aside is decided when they end. Parts that moved to other grants took their price along
/// and are charged back there.
pub(super) fn chargeback(account: &Account, grant: GrantId, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    let grant = account.grant(grant).ok_or(Refusal::UnknownGrant)?;
    let price = grant.price.ok_or(Refusal::GrantHasNoPrice)?;
    if grant.charged_back {
        return Err(Refusal::GrantWasChargedBack);
    }
    let mut draft = Draft::new(account, None, now);
    draft.void(grant.id, Book::Available, grant.available, Book::Refunds)?;
    let state = draft.grant(grant.id)?;
    let (lost, tax) = (price.minor - state.returned - state.moved, state.tax - state.tax_returned);
    draft.money(grant.id, Book::ChargebackLoss, Book::Refunds, lost)?;
    draft.money(grant.id, Book::Tax, Book::Refunds, tax)?;
    let owed = grant.consumed.checked_add(grant.repaid).expect("parts of an amount that fits");
    draft.owe(grant.id, owed)?;
    if draft.is_empty() {
        // All of it went back before, as refunds or with parts that moved: no entry could say that it went again.
        return Err(Refusal::GrantWasChargedBack);
    }
    Ok(Entry { charged_back: Some(grant.id), ..draft.entry(id, EntryKind::Chargeback) })
}

pub(super) fn forgive(account: &Account, amount: Credits, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    use super::super::{Asset, Posting};
    positive(amount)?;
    if account.debt < amount {
        return Err(Refusal::ExceedsDebt { asked: amount, debt: account.debt });
    }
    let posting = Posting {
        account: account.id,
        grant: None,
        hold: None,
        asset: Asset::Credits,
        debit: Book::ChargedBack,
        credit: Book::Debt,
        amount: amount.micros(),
    };
    Ok(Entry { postings: vec![posting], ..Entry::new(id, Some(EntryKind::ForgiveDebt), account.id, now) })
}

pub(super) fn processor_fee(
    account: &Account,
    grant: GrantId,
    minor: i64,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    if minor <= 0 {
        return Err(Refusal::AmountMustBePositive);
    }
    let grant = account.grant(grant).ok_or(Refusal::UnknownGrant)?;
    if grant.price.is_none() {
        return Err(Refusal::GrantHasNoPrice);
    }
    let mut draft = Draft::new(account, None, now);
    draft.money(grant.id, Book::ProcessorFees, Book::CashReceived, minor)?;
    Ok(draft.entry(id, EntryKind::ProcessorFee))
}
