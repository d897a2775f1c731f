//! Vendors: who publishes, who acts for them, and how those sign in.
//!
//! ```text
//! sign_up ──► unconfirmed ──code──► waiting ──operator──► approved   (`vendor_signup = "open"` skips the operator)
//!                                        └───operator──► refused
//! ```
//!
//! Whoever acts for a vendor proves an address with a mailed code: by a browser ([`sessions`]), and through one for
//! programs ([`device`]), which get a token. What is decided here is asked by REST (`http/v1/vendors`) and by pages
//! (`http/portal/vendor`).

pub mod codes;
pub mod countries;
mod currencies;
pub mod dev;
pub mod device;
pub mod keys;
pub mod members;
pub mod payout;
pub mod profile;
mod scope;
pub mod sessions;
pub mod sign_up;
pub mod tokens;

use iap_core::Time;
use iap_store::{
    Statement, StoreError,
    repositories::{VendorProfiles, VendorRow},
};

pub use scope::Scope;

use crate::{app::App, config::Config};

/// Why something was not done for a vendor. The texts say what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VendorError {
    /// A value cannot be used.
    #[error("{message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// Why not.
        message: String,
    },
    /// Nobody may sign up here.
    #[error("this host takes no new vendors; ask its operator")]
    SignUpClosed,
    /// Another has the name.
    #[error("the name {0:?} is taken or reserved; choose another")]
    NameTaken(String),
    /// A mailed code does not fit, was used, or is too old.
    #[error(
        "the code is wrong, was used, or is too old; check it, or ask for a new one (a code may be tried {} times)",
        codes::TRIES
    )]
    WrongCode,
    /// Too many codes were mailed.
    #[error("too many codes were mailed to this address or asked from this network; try again in an hour")]
    TooManyCodes,
    /// Somebody is in the way of it: the text says who, and what to do.
    #[error("{0}")]
    WrongState(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Not for this caller.
    #[error("{0}")]
    Forbidden(String),
    /// A vendor keeps an owner.
    #[error("this is the last owner of {0:?}; make somebody else an owner first")]
    LastOwner(String),
    /// There are as many as there may be.
    #[error("{0}")]
    TooMany(String),
    /// The same request was faster.
    #[error("the same request was faster; ask again")]
    Repeated,
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VendorError {
    fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}

/// A vendor by name.
pub async fn find(app: &App, name: &str) -> Result<VendorRow, VendorError> {
    let row = app.store.vendor_profiles().get(name).await?;
    row.ok_or_else(|| VendorError::NotFound(format!("there is no vendor {name:?}; GET /v1/vendors lists them")))
}

/// Records the vendors of the settings, which need no sign-up.
pub async fn record_known(store: &iap_store::Store, config: &Config) -> Result<(), StoreError> {
    let now = store.clock().now();
    let known =
        |name: &String| VendorProfiles::known(name, config.vendor_title(name), config.vendor_kind(name).as_str(), now);
    let statements: Vec<_> = config.vendors.keys().map(known).collect();
    if statements.is_empty() {
        return Ok(());
    }
    store.write(statements).await.map(drop)
}

/// Stores what was decided; a conflict is what `conflict` says.
async fn commit(
    app: &App,
    statements: Vec<Statement>,
    conflict: impl FnOnce() -> VendorError,
) -> Result<(), VendorError> {
    match app.store.write(statements).await {
        Err(error) if error.is_conflict_on("idempotency") => Err(VendorError::Repeated),
        Err(StoreError::Conflict(_)) => Err(conflict()),
        done => done.map(drop).map_err(VendorError::from),
    }
}

/// Deletes codes, sessions and logins that are past their time, at most `limit` of each.
pub fn sweep(now: Time, limit: i64) -> Vec<Statement> {
    use iap_store::repositories::{DeviceLogins, MailCodes, Sessions};
    // Codes are counted for an hour after they were mailed, and a program is told for a while that it came too late.
    let (yesterday, hour_ago) = (now.plus_seconds(-86_400), now.plus_seconds(-3600));
    vec![MailCodes::sweep(yesterday, limit), Sessions::sweep(now, limit), DeviceLogins::sweep(hour_ago, limit)]
}
