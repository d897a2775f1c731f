//! The posting path: commands in, committed answers out.

mod books;
mod chain;
mod head;
mod journal;
mod rows;
pub mod verify;

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId, EntryId},
    ledger::{Command, Hold, Posting, Refusal, VendorPosting},
};

use crate::{Conflict, Statement, repositories::EntryNotes};

pub(crate) use books::{Books, Needed};
pub use chain::{GENESIS, Link, hash_posting};
pub use head::Head;
pub(crate) use journal::{HoldRow, Journal, Moved, Sealed};
pub use journal::{JournalRow, Totalled};
pub(crate) use rows::{
    ACCOUNT, CAP, GRANT, HOLD, account_columns, account_of_grant, cap_columns, grant_columns, hold_columns,
    read_account, read_cap, read_grant, read_hold, read_parts, write_parts,
};

/// Statements committed together with a posting, made from what it did: what must happen with a
/// charge is never a second transaction. If one is refused, the posting does not happen. May be made more than once,
/// where a batch is stored again, so it answers the same for the same.
pub type Riders = Box<dyn Fn(&Posted) -> Vec<Statement> + Send + Sync>;

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

    /// The same, with statements to commit together with it, after those that it has already.
    pub fn with(mut self, riders: impl Fn(&Posted) -> Vec<Statement> + Send + Sync + 'static) -> Self {
        self.riders = Some(match self.riders.take() {
            None => Box::new(riders),
            Some(before) => Box::new(move |posted| [before(posted), riders(posted)].concat()),
        });
        self
    }

    /// The same, with a note for each of its entries: why it is done.
    pub fn noted(self, text: &str) -> Self {
        let text = text.to_owned();
        self.with(move |posted| posted.entries.iter().map(|entry| EntryNotes::add(*entry, &text)).collect())
    }

    /// The accounts that it concerns: two for a transfer.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        let other = match self.command {
            Command::Transfer { to, .. } => Some(to),
            _ => None,
        };
        std::iter::once(self.account).chain(other)
    }
}

/// A movement of a vendor's money that was decided on a balance which its guards find unchanged.
pub struct VendorPost {
    /// The vendor.
    pub vendor: String,
    /// The movement.
    pub posting: VendorPosting,
    /// Committed together with it; if one is refused, nothing happens.
    pub guards: Vec<Statement>,
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The entry; the first, if there are several.
    pub entry: EntryId,
    /// All its entries: of a transfer also the other account's, of a refund of several holds one for each.
    pub entries: Vec<EntryId>,
    /// When it was decided.
    pub at: Time,
    /// What may be spent after it.
    pub available: Credits,
    /// What is set aside after it.
    pub held: Credits,
    /// The hold that it concerned, the last one of several, as it is after it.
    pub hold: Option<Hold>,
    /// What was posted on the account.
    pub postings: Vec<Posting>,
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
    /// The connection was lost while the command was being committed: whether it is stored is not known. A repeat with
    /// the same keys finds out.
    #[error("the database's answer was lost: {0}. Repeat the request with the same idempotency key")]
    Ambiguous(String),
}
