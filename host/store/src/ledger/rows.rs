//! The ledger's state as rows, the same for every engine.

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId, ServiceId},
    ledger::{Account, Grant, Hold, Part, Share, SpendingCap},
    money::Currency,
};

use crate::{BadColumn, Row};

/// Columns of an account's balance, from `balance b JOIN account a`; the last one is its version.
macro_rules! account_columns {
    () => {
        "SELECT b.account_id, a.service_id, b.available, b.held, b.debt, b.suspended, b.stopped, b.last_entry, b.version
         FROM balance b JOIN account a ON a.id = b.account_id "
    };
}
/// Columns of a cap.
macro_rules! cap_columns {
    () => {
        "SELECT account_id, company, period, credits, used, window_start FROM spending_cap "
    };
}
/// Columns of a grant and its account.
macro_rules! grant_columns {
    () => {
        "SELECT id, kind, amount, available, held, consumed, expired, refunded, voided, transferred, expires_at, price, currency, tax,
                fee_bps, breakage_to, recognized, earned, lapsed, returned, vendor_due, tax_returned, charged_back, origin_id, moved, account_id,
                created_at, repaid
         FROM credit_grant "
    };
}
/// Columns of a hold.
macro_rules! hold_columns {
    () => {
        "SELECT id, account_id, company, entry_id, last_entry, amount, captured, refunded, state, created_at, expires_at, parts FROM hold "
    };
}

/// Beginning of a query for [`read_account`].
pub const ACCOUNT: &str = account_columns!();
/// Beginning of a query for [`read_cap`].
pub const CAP: &str = cap_columns!();
/// Beginning of a query for [`read_grant`].
pub const GRANT: &str = grant_columns!();
/// Beginning of a query for [`read_hold`].
pub const HOLD: &str = hold_columns!();

/// An account without its grants and caps, and the version of its balance.
pub fn read_account(row: &Row) -> Result<(Account, i64), BadColumn> {
    let account = Account {
        suspended: row.opt_text(5)?,
        stopped: row.opt_text(6)?,
        available: Credits::from_micros(row.int(2)?),
        held: Credits::from_micros(row.int(3)?),
        debt: Credits::from_micros(row.int(4)?),
        last_entry: row.opt_int(7)?.map(EntryId),
        ..Account::new(AccountId(row.int(0)?), ServiceId(row.int(1)?))
    };
    Ok((account, row.int(8)?))
}

/// A cap and its account.
pub fn read_cap(row: &Row) -> Result<(AccountId, SpendingCap), BadColumn> {
    let cap = SpendingCap {
        company: Some(row.text(1)?).filter(|company| !company.is_empty()),
        period: row.parse(2, |word| word.parse().ok())?,
        credits: Credits::from_micros(row.int(3)?),
        used: Credits::from_micros(row.int(4)?),
        window: Time(row.int(5)?),
    };
    Ok((AccountId(row.int(0)?), cap))
}

/// A grant and its account.
pub fn read_grant(row: &Row) -> Result<(AccountId, Grant), BadColumn> {
    let credits = |column| row.int(column).map(Credits::from_micros);
    let price = match row.opt_int(11)? {
        Some(minor) => Some(Money { minor, currency: row.parse(12, |code| Currency::try_from(code.to_owned()).ok())? }),
        None => None,
    };
    let grant = Grant {
        id: GrantId(row.int(0)?),
        kind: row.parse(1, |word| word.parse().ok())?,
        amount: credits(2)?,
        available: credits(3)?,
        held: credits(4)?,
        consumed: credits(5)?,
        expired: credits(6)?,
        refunded: credits(7)?,
        voided: credits(8)?,
        repaid: credits(27)?,
        transferred: credits(9)?,
        created_at: Time(row.int(26)?),
        expires_at: Time(row.int(10)?),
        price,
        tax: row.int(13)?,
        share: Share {
            fee_bps: u16::try_from(row.int(14)?).unwrap_or(u16::MAX),
            breakage_to: row.parse(15, |word| word.parse().ok())?,
        },
        recognized: row.int(16)?,
        earned: row.int(17)?,
        lapsed: row.int(18)?,
        returned: row.int(19)?,
        vendor_due: row.int(20)?,
        tax_returned: row.int(21)?,
        charged_back: row.int(22)? != 0,
        origin: row.opt_int(23)?.map(GrantId),
        moved: row.int(24)?,
    };
    Ok((AccountId(row.int(25)?), grant))
}

/// The account of a grant that may not be readable.
pub fn account_of_grant(row: &Row) -> Result<AccountId, BadColumn> {
    Ok(AccountId(row.int(25)?))
}

/// A hold.
pub fn read_hold(row: &Row) -> Result<Hold, BadColumn> {
    let credits = |column| row.int(column).map(Credits::from_micros);
    Ok(Hold {
        id: HoldId(row.int(0)?),
        account: AccountId(row.int(1)?),
        company: row.opt_text(2)?,
        entry: EntryId(row.int(3)?),
        last_entry: EntryId(row.int(4)?),
        amount: credits(5)?,
        captured: credits(6)?,
        refunded: credits(7)?,
        state: row.parse(8, |word| word.parse().ok())?,
        created_at: Time(row.int(9)?),
        expires_at: Time(row.int(10)?),
        parts: row.parse(11, read_parts)?,
    })
}

/// Parts from `[[grant, set aside, captured, refunded], …]`.
pub fn read_parts(text: &str) -> Option<Vec<Part>> {
    let parts: Vec<[i64; 4]> = serde_json::from_str(text).ok()?;
    let part = |[grant, amount, captured, refunded]: [i64; 4]| Part {
        grant: GrantId(grant),
        amount: Credits::from_micros(amount),
        captured: Credits::from_micros(captured),
        refunded: Credits::from_micros(refunded),
    };
    Some(parts.into_iter().map(part).collect())
}

/// See [`read_parts`].
pub fn write_parts(parts: &[Part]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(48 * parts.len() + 2);
    for (n, part) in parts.iter().enumerate() {
        let (open, amounts) = (if n == 0 { '[' } else { ',' }, [part.amount, part.captured, part.refunded]);
        let [amount, captured, refunded] = amounts.map(Credits::micros);
        write!(text, "{open}[{},{amount},{captured},{refunded}]", part.grant.0).expect("a string takes all");
    }
    text.push(']');
    text
}

pub(crate) use {account_columns, cap_columns, grant_columns, hold_columns};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back_what_they_write() {
        let part = |grant| Part {
            grant: GrantId(grant),
            amount: Credits::from_micros(5),
            captured: Credits::from_micros(3),
            refunded: Credits::from_micros(1),
        };
        let parts = vec![part(7), part(i64::MAX)];
        assert_eq!(write_parts(&parts), "[[7,5,3,1],[9223372036854775807,5,3,1]]");
        assert_eq!(read_parts(&write_parts(&parts)), Some(parts));
    }
}
