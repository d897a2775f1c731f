//! Repositories, one for each noun. They read rows into domain types and make statements; who calls
//! them decides what is committed together.

mod accounts;
mod blobs;
mod calls;
mod databases;
mod grants;
mod idempotency;
mod jobs;
mod natural_keys;
mod orders;
mod services;
mod store_values;
mod tokens;

pub use accounts::{AccountRow, Accounts, NewAccount, Warnings};
pub use blobs::{BlobRow, Blobs};
pub use calls::{CallRow, CallState, Calls, NewCall};
pub use databases::{DatabaseRow, Databases, Declaration};
pub use grants::{GrantRow, Grants, HoldRow, PostingRow};
pub use idempotency::{Answered, Idempotency};
pub use jobs::{JobRow, Jobs, NewJob};
pub use natural_keys::{Known, NaturalKeys};
pub use orders::{OrderRow, OrderState, Orders};
pub use services::{ServiceRow, Services};
pub use store_values::StoreValues;
pub use tokens::{TokenKind, TokenRow, Tokens};

use crate::Store;

macro_rules! repositories {
    ($($(#[$doc:meta])* $method:ident: $name:ident;)*) => {
        impl Store {$(
            $(#[$doc])*
            pub fn $method(&self) -> $name<'_> {
                $name(self)
            }
        )*}
    };
}

repositories! {
    /// Accounts, their warnings, origins and databases.
    accounts: Accounts;
    /// Documents.
    blobs: Blobs;
    /// Calls.
    calls: Calls;
    /// Databases.
    databases: Databases;
    /// Grants and postings, for reading.
    grants: Grants;
    /// Answers of commands by idempotency key.
    idempotency: Idempotency;
    /// Jobs and callbacks.
    jobs: Jobs;
    /// Answers of calls by natural key.
    natural_keys: NaturalKeys;
    /// Orders and payment events.
    orders: Orders;
    /// Vendors, services, releases.
    services: Services;
    /// What plugins keep.
    store_values: StoreValues;
    /// Bearer tokens.
    tokens: Tokens;
}
