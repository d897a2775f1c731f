//! Rules of the credit ledger: who may spend what, and what it does to balances.
//!
//! A [`Command`] and the [`Account`] it touches go in; an [`Entry`] (a balanced set of
//! [`Posting`]s) or a named [`Refusal`] comes out of [`decide`]. Balances are nothing but the fold of
//! postings: [`Account::apply`] is the only place that changes them, and `iap ledger verify` uses
//! the same fold.

mod account;
mod book;
mod command;
mod decide;
mod hold;

pub use account::{Account, Corruption, Grant, GrantKind};
pub use book::{Asset, Book, Posting};
pub use command::{Authorize, Command, Entry, EntryKind, HoldChange, NewGrant, Refusal};
pub use decide::decide;
pub use hold::{Hold, HoldState};

#[cfg(test)]
mod tests;
