//! What a vendor's token may be used for.

use serde::{Deserialize, Serialize};

/// What a vendor's token may be used for. A member's role bounds it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See services, releases, their status and logs.
    Read,
    /// Publish, roll out and yank releases; edit packs, texts and prices; test accounts.
    Publish,
    /// Set config and secrets of services.
    Settings,
    /// See money, change payout details.
    Finance,
    /// Members, keys and tokens of the vendor.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Publish, Self::Settings, Self::Finance, Self::Admin];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Settings => "settings",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    /// In words, for who is asked to give it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Read => "See services, releases, their status and logs",
            Self::Publish => "Publish and roll out releases; edit packs, texts and prices; open test accounts",
            Self::Settings => "Set config and secrets of services",
            Self::Finance => "See money, change payout details",
            Self::Admin => "Change members, signing keys and tokens",
        }
    }

    /// Whether these are all that a member with this role may have.
    pub fn are_all(scopes: &[Self], role: &str) -> bool {
        Self::ALL.iter().all(|scope| scopes.contains(scope) || !scope.fits(role))
    }

    /// Whether a member with this role may have it.
    pub fn fits(self, role: &str) -> bool {
        match role {
            "owner" => true,
            "developer" => matches!(self, Self::Read | Self::Publish | Self::Settings),
            "finance" => matches!(self, Self::Read | Self::Finance),
            _ => false,
        }
    }
}
