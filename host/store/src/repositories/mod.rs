//! Repositories, one for each noun. They read rows into domain types and make statements; who calls
//! them decides what is committed together.

mod accounts;
mod blobs;
mod calls;
mod catalog_events;
mod chain;
mod databases;
mod device_logins;
mod entry_notes;
mod grants;
mod hook_deliveries;
mod idempotency;
mod job_views;
mod jobs;
mod ledger_totals;
mod low_credit;
mod mail_codes;
mod mails;
mod members;
mod natural_keys;
mod orders;
mod payouts;
mod plugin_logs;
mod receipts;
mod release_health;
mod releases;
mod revenue_shares;
mod revisions;
mod self_check;
mod service_configs;
mod service_secrets;
mod services;
mod sessions;
mod spending_caps;
mod store_values;
mod streams;
mod tokens;
mod vendor_keys;
mod vendor_profiles;
mod vendor_tokens;
mod vendors;

pub use accounts::{AccountRow, Accounts, NewAccount, Warnings};
pub use blobs::{BlobRow, BlobUsage, Blobs};
pub use calls::{CallRow, CallState, Calls, NewCall};
pub use catalog_events::{CatalogEventRow, CatalogEvents};
pub use chain::Chain;
pub use databases::{DatabaseRow, Databases, Declaration};
pub use device_logins::{DeviceLoginRow, DeviceLogins, DeviceState};
pub use entry_notes::EntryNotes;
pub use grants::{CapturedHold, GrantRow, Grants, HoldRow, PostingRow};
pub use hook_deliveries::{HookAnswer, HookDeliveries};
pub use idempotency::{Answered, Idempotency};
pub use job_views::{JobCounts, JobView, JobViews};
pub use jobs::{DueQueue, JobRow, Jobs, NewJob, queue_of};
pub use ledger_totals::{BookTotal, LedgerTotals};
pub use low_credit::{LowAccount, LowCredit};
pub use mail_codes::{MailCodeRow, MailCodes, NewMailCode};
pub use mails::{MailCounts, MailRow, MailView, Mails, NewMail};
pub use members::{MemberRow, Members};
pub use natural_keys::{Known, NaturalKeys};
pub use orders::{OrderRow, OrderState, Orders};
pub use payouts::{PayoutRow, Payouts};
pub use plugin_logs::{NewPluginLog, PluginLogRow, PluginLogs};
pub use receipts::{Receipts, Served};
pub use release_health::ReleaseHealth;
pub use releases::{NewRelease, ReleaseProof, ReleaseRow, Releases};
pub use revenue_shares::RevenueShares;
pub use revisions::{RevisionRow, Revisions};
pub use self_check::{Look, Moved, SelfCheck};
pub use service_configs::{ConfigRow, ServiceConfigs};
pub use service_secrets::{SecretOf, SecretRow, ServiceSecrets};
pub use services::{ServiceRow, Services};
pub use sessions::Sessions;
pub use spending_caps::SpendingCaps;
pub use store_values::StoreValues;
pub use streams::Streams;
pub use tokens::{TokenKind, TokenRow, Tokens};
pub use vendor_keys::{VendorKeyRow, VendorKeys};
pub use vendor_profiles::{Profile, VendorProfiles, VendorRow, VendorState};
pub use vendor_tokens::{NewVendorToken, VendorTokenRow, VendorTokens};
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
    /// What happened to services and releases.
    catalog_events: CatalogEvents;
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
    /// Accounts whose people want to know when credits run out.
    low_credit: LowCredit;
    /// Mails that wait, and those that were sent.
    mails: Mails;
    /// Answers of calls by natural key.
    natural_keys: NaturalKeys;
    /// Orders and payment events.
    orders: Orders;
    /// Money paid to vendors.
    payouts: Payouts;
    /// What plugins logged.
    plugin_logs: PluginLogs;
    /// What receipts say of calls.
    receipts: Receipts;
    /// How calls of releases end.
    release_health: ReleaseHealth;
    /// Published releases and their components.
    releases: Releases;
    /// What of services changes without a release.
    revisions: Revisions;
    /// What the self-check looks at.
    self_check: SelfCheck;
    /// Agreed revenue shares.
    revenue_shares: RevenueShares;
    /// Config values of services.
    service_configs: ServiceConfigs;
    /// Secrets of services, sealed.
    service_secrets: ServiceSecrets;
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
    /// Who acts for vendors.
    members: Members;
    /// Programs that wait for a member's yes.
    device_logins: DeviceLogins;
    /// One-time codes that were mailed.
    mail_codes: MailCodes;
    /// Signed-in browsers.
    sessions: Sessions;
    /// Keys that sign releases.
    vendor_keys: VendorKeys;
    /// What vendors say of themselves.
    vendor_profiles: VendorProfiles;
    /// Tokens of vendors' members.
    vendor_tokens: VendorTokens;
    /// Vendors' money.
    vendors: Vendors;
}
