//! The hosting rule: who may use whose services, asked at every door.
//!
//! A database on Odoo Online uses first-party services only. Odoo.sh and on-premise databases also
//! use third-party ones. A database whose hosting nobody declared counts as on Odoo Online.

pub use crate::words::UnknownWord;
use crate::words::worded;

worded! {
    /// Where a database runs, as the operator declared.
    Hosting, "hosting type" {
        /// Odoo Online (SaaS).
        OdooOnline = "odoo_online",
        /// Odoo.sh.
        OdooSh = "odoo_sh",
        /// The customer's own machines.
        OnPremise = "on_premise",
        /// Nobody said; counts as Odoo Online.
        Undeclared = "undeclared",
    }
}

worded! {
    /// What the publisher of a service is to the platform, as the operator set.
    VendorKind, "kind of vendor" {
        /// The platform's own.
        FirstParty = "first_party",
        /// Anybody else.
        ThirdParty = "third_party",
    }
}

worded! {
    /// Whether the first use of a service needs an admin's consent.
    FirstUse, "first-use policy" {
        /// It begins at once.
        Allowed = "allow",
        /// It is refused with a link where an admin enables the service.
        Ask = "ask",
    }
}

/// A place where the hosting rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// The catalog lists the service as usable by a database.
    CatalogListing,
    /// An account is created explicitly.
    AccountCreation,
    /// The balance is asked; an unknown account is created.
    Balance,
    /// The account information is asked; an unknown account is created.
    AccountInformation,
    /// The buy page is shown; an unknown account is created.
    BuyPage,
    /// A path of the service is called; an unknown account is created.
    ServicePath,
    /// An admin enables the service.
    Enable,
    /// A price is asked without effects.
    Quote,
    /// An operation is called.
    Call,
    /// A remote provider sets credits aside (`/iap/1/authorize`).
    RemoteAuthorize,
    /// A pack is ordered.
    Order,
    /// Credits are bought without an order by a person, as by automatic top-up.
    TopUp,
    /// The operator gives credits.
    Grant,
    /// Trial credits are given.
    Trial,
    /// A job without a live hold runs.
    Job,
    /// A job that took a live hold along runs: it finishes what was begun.
    JobOfHold,
    /// A hook acts for the account, other than by ending a live hold.
    Webhook,
    /// A message is posted to the database.
    Callback,
    /// A live hold is captured.
    Capture,
    /// A live hold is released.
    Release,
    /// Credits or their price are given back.
    Refund,
}

/// What the rule depends on at a door.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The database may use the service, whatever an account's state.
    Offer,
    /// The database may use the service, and its account is not suspended.
    Use,
    /// An account exists; if none does, one is about to be created.
    Account,
}

impl Door {
    /// Every door.
    pub const ALL: &'static [Self] = &[
        Self::CatalogListing,
        Self::AccountCreation,
        Self::Balance,
        Self::AccountInformation,
        Self::BuyPage,
        Self::ServicePath,
        Self::Enable,
        Self::Quote,
        Self::Call,
        Self::RemoteAuthorize,
        Self::Order,
        Self::TopUp,
        Self::Grant,
        Self::Trial,
        Self::Job,
        Self::JobOfHold,
        Self::Webhook,
        Self::Callback,
        Self::Capture,
        Self::Release,
        Self::Refund,
    ];

    const fn need(self) -> Need {
        match self {
            Self::CatalogListing | Self::AccountCreation => Need::Offer,
            // A suspended account keeps its credits, so its owner may look at them, have them back,
            // and have what was begun before the suspension finished.
            Self::Balance
            | Self::AccountInformation
            | Self::BuyPage
            | Self::JobOfHold
            | Self::Capture
            | Self::Release
            | Self::Refund => Need::Account,
            Self::ServicePath
            | Self::Enable
            | Self::Quote
            | Self::Call
            | Self::RemoteAuthorize
            | Self::Order
            | Self::TopUp
            | Self::Grant
            | Self::Trial
            | Self::Job
            | Self::Webhook
            | Self::Callback => Need::Use,
        }
    }
}

/// The account at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountStatus {
    /// There is none yet.
    Absent,
    /// In use.
    Active,
    /// Its database moved to where it may not be used. Credits intact, nothing new.
    Suspended,
}

/// Why a door stays shut, in the order checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostingRefusal {
    /// The service is third-party and the database is on Odoo Online.
    #[error(
        "a database on Odoo Online can use first-party services only; use one of those, or move the database to Odoo.sh or on-premise"
    )]
    OnOdooOnline,
    /// The service is third-party and nobody declared where the database runs.
    #[error(
        "the hosting of this database is not declared, so it can use first-party services only; ask the operator of this host to declare it"
    )]
    Undeclared,
    /// The account is suspended.
    #[error(
        "this account is suspended: its credits are intact but cannot be used where its database runs; ask for a refund, or ask the operator of this host to correct the hosting"
    )]
    AccountSuspended,
}

impl HostingRefusal {
    /// Code on the wire and in the contract.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OnOdooOnline | Self::Undeclared => "hosting-refused",
            Self::AccountSuspended => "account-suspended",
        }
    }
}

/// Whether databases of a hosting type may use services of a kind of vendor.
pub const fn may_use(hosting: Hosting, kind: VendorKind) -> Result<(), HostingRefusal> {
    match (kind, hosting) {
        (VendorKind::FirstParty, _) | (VendorKind::ThirdParty, Hosting::OdooSh | Hosting::OnPremise) => Ok(()),
        (VendorKind::ThirdParty, Hosting::OdooOnline) => Err(HostingRefusal::OnOdooOnline),
        (VendorKind::ThirdParty, Hosting::Undeclared) => Err(HostingRefusal::Undeclared),
    }
}

/// Whether a door opens.
///
/// An account whose database may not use the service is treated as suspended even where it is not
/// marked so yet.
pub const fn ask(door: Door, hosting: Hosting, kind: VendorKind, account: AccountStatus) -> Result<(), HostingRefusal> {
    match (door.need(), account) {
        (Need::Account, AccountStatus::Active | AccountStatus::Suspended) => Ok(()),
        (Need::Offer, _)
        | (Need::Account, AccountStatus::Absent)
        | (Need::Use, AccountStatus::Absent | AccountStatus::Active) => may_use(hosting, kind),
        (Need::Use, AccountStatus::Suspended) => match may_use(hosting, kind) {
            Ok(()) => Err(HostingRefusal::AccountSuspended),
            refused => refused,
        },
    }
}

/// The operator's `third_party_first_use`, by hosting type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstUsePolicy {
    /// For databases on-premise.
    pub on_premise: FirstUse,
    /// For databases on Odoo.sh.
    pub odoo_sh: FirstUse,
}

impl Default for FirstUsePolicy {
    fn default() -> Self {
        Self { on_premise: FirstUse::Allowed, odoo_sh: FirstUse::Ask }
    }
}

/// Whether a database's first use of a service begins at once. [`ask`] has allowed the use itself.
///
/// First-party services need no set-up. Where third-party services cannot be used at all, the
/// answer is the careful one.
pub const fn first_use(hosting: Hosting, kind: VendorKind, policy: FirstUsePolicy) -> FirstUse {
    match (kind, hosting) {
        (VendorKind::FirstParty, _) => FirstUse::Allowed,
        (VendorKind::ThirdParty, Hosting::OnPremise) => policy.on_premise,
        (VendorKind::ThirdParty, Hosting::OdooSh) => policy.odoo_sh,
        (VendorKind::ThirdParty, Hosting::OdooOnline | Hosting::Undeclared) => FirstUse::Ask,
    }
}

#[cfg(test)]
mod tests;
