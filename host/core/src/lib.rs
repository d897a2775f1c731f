//! The pure rules of IAP: who may spend what, at which price, and what it does to balances.
//!
//! **Invariant:** nothing here performs I/O, reads a clock or draws a random number. Callers load
//! state, ask for a decision, and store the result in one transaction.

pub mod country;
pub mod credits;
pub mod hosting;
pub mod iban;
pub mod identity;
pub mod ids;
pub mod ledger;
pub mod manifest;
pub mod money;
pub mod natural_keys;
pub mod prices;
pub mod publishing;
pub mod receipt;
pub mod release;
pub mod revenue;
pub mod time;
pub mod trial;
pub mod vat;
mod words;

pub use credits::Credits;
pub use money::Money;
pub use time::Time;

// By the name that the suite of the stores calls it: its naive ledger is the one of the rules' own tests.
#[cfg(test)]
extern crate self as iap_core;
