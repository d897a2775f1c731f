//! First contact: from what a request shows to an account, its database and its standing.

mod contact;
mod hosting;
mod trial;

pub use contact::{Contact, ContactError, Met};
pub use hosting::{declare, resettle};
pub use trial::give_if_due;

use iap_core::hosting::{self as rule, AccountStatus, Door, FirstUse, FirstUsePolicy, Hosting};
use iap_store::repositories::{AccountRow, DatabaseRow};

use crate::{catalog::Service, config::Config};

/// Whether an account may spend, or the refusal that it gets whatever the amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Active,
    /// It may not.
    Refused {
        /// Code of the contract: `account-disabled`, `hosting-refused`, …
        code: &'static str,
        /// One sentence with the remedy.
        message: String,
    },
}

impl Standing {
    /// As the contract names it.
    pub fn code(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Refused { code, .. } => code,
        }
    }

    fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Active => None,
            Self::Refused { code, message } => Some((code, message)),
        }
    }
}

/// Hosting of a database as the rules see it: unknown ones are undeclared, and those only seen are
/// what the operator's `first_contact_hosting` makes of them.
pub fn hosting_of(database: Option<&DatabaseRow>, config: &Config) -> Hosting {
    match database {
        Some(row) => row.declaration.hosting.parse().unwrap_or(Hosting::Undeclared),
        None => config.first_contact_hosting,
    }
}

/// Asks the hosting rule for an account at a door.
pub fn ask(door: Door, service: &Service, hosting: Hosting, account: Option<&AccountRow>) -> Standing {
    if account.is_some_and(|account| account.test && account.database.is_none() && account.suspended.is_none()) {
        // A vendor's own, at home in no database: the rule is about databases.
        return Standing::Active;
    }
    let status = match account {
        None => AccountStatus::Absent,
        Some(account) if account.suspended.is_some() => AccountStatus::Suspended,
        Some(_) => AccountStatus::Active,
    };
    match rule::ask(door, hosting, service.vendor_kind, status) {
        Ok(()) => Standing::Active,
        Err(refusal) => Standing::refused(refusal.code(), refusal.to_string()),
    }
}

/// Whether a new account of a service is enabled without anybody's consent.
pub fn enabled_at_first_use(service: &Service, hosting: Hosting, config: &Config) -> bool {
    let policy = FirstUsePolicy {
        on_premise: config.third_party_first_use.on_premise,
        odoo_sh: config.third_party_first_use.odoo_sh,
    };
    rule::first_use(hosting, service.vendor_kind, policy) == FirstUse::Allowed
}
