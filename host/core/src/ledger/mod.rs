//! Rules of the credit ledger: who may spend what, what it does to balances, and whose money it is.
//!
//! A [`Command`] and the [`Account`] it touches go in; an [`Entry`] (a balanced set of
//! [`Posting`]s) or a named [`Refusal`] comes out of [`decide`]. Balances are nothing but the fold of
//! postings: [`Account::apply`] is the only place that changes them, and `iap ledger verify` uses
//! the same books. Credits of a purchase carry their price: as they go, it becomes the vendor's, the
//! platform's, breakage or a refund, cumulatively and to the last minor unit (see [`Grant`]).

mod account;
mod book;
mod cap;
mod command;
mod decide;
mod entry;
mod grant;
mod hold;
mod tally;
mod vendor;

pub use account::{Account, Corruption};
pub use book::{Asset, Book, Posting};
pub use cap::{Period, SpendingCap};
pub use command::{Authorize, Command, NewGrant, Refusal};
pub use decide::{GOODWILL, decide, decide_refunds, decide_transfer};
pub use entry::{AccountChange, Entry, EntryKind};
pub use grant::{Breakage, Grant, GrantKind, Share};
pub use hold::{Hold, HoldState, Part};
pub use tally::{Tally, UnknownMove};
pub use vendor::{VendorBalance, VendorCommand, VendorPosting, VendorRefusal};

#[cfg(test)]
mod tests;
