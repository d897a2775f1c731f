//! Repositories, one for each noun. They read rows into domain types and make statements; who calls
//! them decides what is committed together.

mod accounts;
mod blobs;
mod calls;
mod chain;
mod databases;
mod entry_notes;
mod grants;
mod hook_deliveries;
mod idempotency;
mod job_views;
mod jobs;
mod ledger_totals;
mod natural_keys;
mod orders;
mod payouts;
mod receipts;
mod revenue_shares;
mod self_check;
mod services;
mod spending_caps;
mod store_values;
mod streams;
mod tokens;
mod vendors;

pub use accounts::{AccountRow, Accounts, NewAccount, Warnings};
pub use blobs::{BlobRow, BlobUsage, Blobs};
pub use calls::{CallRow, CallState, Calls, NewCall};
pub use chain::Chain;
pub use databases::{DatabaseRow, Databases, Declaration};
pub use entry_notes::EntryNotes;
pub use grants::{CapturedHold, GrantRow, Grants, HoldRow, PostingRow};
pub use hook_deliveries::{HookAnswer, HookDeliveries};
pub use idempotency::{Answered, Idempotency};
pub use job_views::{JobCounts, JobView, JobViews};
pub use jobs::{DueQueue, JobRow, Jobs, NewJob, queue_of};
pub use ledger_totals::{BookTotal, LedgerTotals};
pub use natural_keys::{Known, NaturalKeys};
pub use orders::{OrderRow, OrderState, Orders};
pub use payouts::{PayoutRow, Payouts};
pub use receipts::{Receipts, Served};
pub use revenue_shares::RevenueShares;
pub use self_check::{Look, Moved, SelfCheck};
pub use services::{ServiceRow, Services};
pub use spending_caps::SpendingCaps;
pub use store_values::StoreValues;
pub use streams::Streams;
pub use tokens::{TokenKind, TokenRow, Tokens};
pub use vendors::{VendorMoney, Vendors};

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
    /// Hash chains over postings and their signed heads.
    chain: Chain;
    /// Databases.
    databases: Databases;
    /// Why entries were made.
    entry_notes: EntryNotes;
    /// Grants and postings, for reading.
    grants: Grants;
    /// Deliveries to hooks that were answered.
    hook_deliveries: HookDeliveries;
    /// Answers of commands by idempotency key.
    idempotency: Idempotency;
    /// Jobs as the operator sees them.
    job_views: JobViews;
    /// Jobs and callbacks.
    jobs: Jobs;
    /// What was posted to each book.
    ledger_totals: LedgerTotals;
    /// Answers of calls by natural key.
    natural_keys: NaturalKeys;
    /// Orders and payment events.
    orders: Orders;
    /// Money paid to vendors.
    payouts: Payouts;
    /// What receipts say of calls.
    receipts: Receipts;
    /// What the self-check looks at.
    self_check: SelfCheck;
    /// Agreed revenue shares.
    revenue_shares: RevenueShares;
    /// Vendors, services, releases.
    services: Services;
    /// Spending caps.
    spending_caps: SpendingCaps;
    /// What plugins keep.
    store_values: StoreValues;
    /// Starts of hosts.
    streams: Streams;
    /// Bearer tokens.
    tokens: Tokens;
    /// Vendors' money.
    vendors: Vendors;
}
