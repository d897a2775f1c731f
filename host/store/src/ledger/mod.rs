//! The posting path: commands in, committed answers out.

pub mod verify;

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId, EntryId},
    ledger::{Command, Hold, Refusal},
};

use crate::{Conflict, Statement};

/// Statements committed together with a posting, made from what it did: what must happen with a
/// charge is never a second transaction. If one is refused, the posting does not happen.
pub type Riders = Box<dyn FnOnce(&Posted) -> Vec<Statement> + Send>;

/// A command for the ledger.
pub struct Post {
    /// Whose credits.
    pub account: AccountId,
    /// What to do.
    pub command: Command,
    /// The call that it belongs to; kept with a new hold.
    pub call: Option<CallId>,
    /// Why, for grants; shown to the admin.
    pub reason: String,
    /// Committed together with it.
    pub riders: Option<Riders>,
}

impl Post {
    /// A command without riders.
    pub fn new(account: AccountId, command: Command) -> Self {
        Self { account, command, call: None, reason: String::new(), riders: None }
    }

    /// The same, with statements to commit together with it.
    pub fn with(mut self, riders: impl FnOnce(&Posted) -> Vec<Statement> + Send + 'static) -> Self {
        self.riders = Some(Box::new(riders));
        self
    }
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The entry.
    pub entry: EntryId,
    /// When it was decided.
    pub at: Time,
    /// What may be spent after it.
    pub available: Credits,
    /// What is set aside after it.
    pub held: Credits,
    /// The hold that it concerned, as it is after it.
    pub hold: Option<Hold>,
}

/// Why a command did nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PostError {
    /// The rules refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// A rider was refused by the schema.
    #[error("{0}")]
    Conflict(Conflict),
    /// The storage failed; nothing of the command is stored.
    #[error("{0}")]
    Storage(String),
}
