//! First contact: which account a token opens, and whether the database that shows it is at home there.
//!
//! An account *is* its token within a service: the same token pasted for another service opens a
//! second account. Accounts are therefore looked up by (token, service), and a token cannot belong to
//! "the wrong service". Hashing the token for that look-up is the store's work.

use std::fmt;

use crate::ids::DatabaseId;

/// Longest account token, suffix included, in characters.
pub const MAX_TOKEN: usize = 128;
/// Longest dbuuid, in characters.
pub const MAX_DBUUID: usize = 64;

/// An account token as a request gives it, taken apart. A credential: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountToken {
    token: String,
    disabled: bool,
}

/// Why a text is no account token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing before the suffix.
    #[error("the account token is empty; open the IAP account in Odoo and save it again")]
    Empty,
    /// More than [`MAX_TOKEN`] characters.
    #[error("the account token has more than 128 characters; copy it again")]
    TooLong,
    /// Blanks, control characters or characters beyond ASCII.
    #[error("the account token has a character other than visible ASCII at position {0}; copy it again")]
    NotVisible(usize),
}

impl AccountToken {
    /// Reads `token`, `token+suffix` or `token+disabled`.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if let Some(position) = text.chars().position(|c| !c.is_ascii_graphic()) {
            return Err(TokenError::NotVisible(position));
        }
        if text.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let mut parts = text.split('+');
        match parts.next() {
            Some("") | None => Err(TokenError::Empty),
            Some(token) => Ok(Self { token: token.to_owned(), disabled: parts.any(|suffix| suffix == "disabled") }),
        }
    }

    /// What identifies the account: the token without its suffix.
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// A neutralised copy of a database shows it: never charge, never act.
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }
}

impl fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountToken").field("disabled", &self.disabled).finish_non_exhaustive()
    }
}

/// Odoo's identifier of a database. It is no secret and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dbuuid(String);

/// A text that is no dbuuid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database identifier must be 1 to 64 of 0-9, A-Z, a-z, \"-\", \"_\" and \".\"; send the system parameter database.uuid"
)]
pub struct DbuuidError;

impl Dbuuid {
    /// Checks the alphabet and length; Odoo writes UUIDs, but people set others.
    pub fn parse(text: &str) -> Result<Self, DbuuidError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > MAX_DBUUID || !text.bytes().all(allowed) {
            return Err(DbuuidError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dbuuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was decided about a database that showed another database's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Seen; nobody has decided.
    Undecided,
    /// It may spend: people share a token on purpose.
    Share,
    /// It may not: it is a copy, or the token leaked.
    Refuse,
}

/// What is known of the account that a (token, service) identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownAccount<'a> {
    /// The database it belongs to, once a request has named one.
    pub home: Option<DatabaseId>,
    /// Other databases that showed its token.
    pub others: &'a [(DatabaseId, Decision)],
}

/// What to do with a request that shows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// The token is new: create the account, for the database if one is named.
    Open(Option<DatabaseId>),
    /// The account had no database: this becomes its home.
    Adopt(DatabaseId),
    /// The account is met by its own database, or by a request that names none.
    Home,
    /// Another database, which may spend.
    Shared(DatabaseId),
    /// Another database, which may not.
    Refused(DatabaseId),
    /// Another database that nobody has decided about: it is put aside and spends nothing.
    SeenElsewhere {
        /// The database.
        database: DatabaseId,
        /// Whether an earlier meeting has put it aside already.
        recorded: bool,
    },
}

impl Meeting {
    /// Whether the request may spend the account's credits, as far as identity goes.
    pub const fn may_spend(self) -> bool {
        match self {
            Self::Open(_) | Self::Adopt(_) | Self::Home | Self::Shared(_) => true,
            Self::Refused(_) | Self::SeenElsewhere { .. } => false,
        }
    }
}

/// Decides what a request meets: `account` as found by (token, service), `database` as it names one.
pub fn meet(account: Option<&KnownAccount<'_>>, database: Option<DatabaseId>) -> Meeting {
    let Some(account) = account else {
        return Meeting::Open(database);
    };
    let Some(database) = database else {
        return Meeting::Home;
    };
    if account.home == Some(database) {
        return Meeting::Home;
    }
    // A decision outlives the home: a refused database must not adopt an account that lost its own.
    match (account.others.iter().find(|(other, _)| *other == database), account.home) {
        (Some((_, Decision::Share)), _) => Meeting::Shared(database),
        (Some((_, Decision::Refuse)), _) => Meeting::Refused(database),
        (Some((_, Decision::Undecided)) | None, None) => Meeting::Adopt(database),
        (Some((_, Decision::Undecided)), Some(_)) => Meeting::SeenElsewhere { database, recorded: true },
        (None, Some(_)) => Meeting::SeenElsewhere { database, recorded: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lose_their_suffix() {
        for (text, token, disabled) in [
            ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", false),
            ("abc+def", "abc", false),
            ("abc+disabled", "abc", true),
            ("dummy_value+disabled", "dummy_value", true),
            ("abc+x+disabled", "abc", true),
            ("abc+disabled2", "abc", false),
            ("abc+", "abc", false),
        ] {
            let parsed = AccountToken::parse(text).expect(text);
            assert_eq!((parsed.as_str(), parsed.is_disabled()), (token, disabled), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_by_name() {
        let longest = "a".repeat(MAX_TOKEN);
        assert!(AccountToken::parse(&longest).is_ok());
        for (text, error) in [
            ("", TokenError::Empty),
            ("+disabled", TokenError::Empty),
            (&*format!("{longest}a"), TokenError::TooLong),
            ("ab c", TokenError::NotVisible(2)),
            ("é", TokenError::NotVisible(0)),
            ("abc\n", TokenError::NotVisible(3)),
        ] {
            assert_eq!(AccountToken::parse(text), Err(error), "{text}");
        }
        assert_eq!(
            TokenError::NotVisible(2).to_string(),
            "the account token has a character other than visible ASCII at position 2; copy it again"
        );
    }

    #[test]
    fn debug_never_shows_a_token() {
        let token = AccountToken::parse("s3cret+disabled").unwrap();
        assert_eq!(format!("{token:?}"), "AccountToken { disabled: true, .. }");
    }

    #[test]
    fn dbuuids_have_an_alphabet_and_a_length() {
        for text in ["abd593e6-e4db-11f1-81dd-02fc00000001", "my_db.2", &"a".repeat(MAX_DBUUID)] {
            assert_eq!(Dbuuid::parse(text).map(|d| d.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "a b", "a/b", "é", &"a".repeat(MAX_DBUUID + 1)] {
            assert_eq!(Dbuuid::parse(text), Err(DbuuidError), "{text}");
        }
    }

    #[test]
    fn each_meeting_has_one_outcome() {
        use Decision::{Refuse, Share, Undecided};
        use Meeting::{Adopt, Home, Open, Refused, SeenElsewhere, Shared};
        let (a, b) = (DatabaseId(1), DatabaseId(2));
        let decided = |decision| [(b, decision)];
        // (home, others, database of the request, outcome)
        for (home, others, database, outcome) in [
            (Some(a), vec![], Some(a), Home),
            (Some(a), vec![], None, Home),
            (None, vec![], None, Home),
            (None, vec![], Some(b), Adopt(b)),
            (None, decided(Undecided).to_vec(), Some(b), Adopt(b)),
            (None, decided(Refuse).to_vec(), Some(b), Refused(b)),
            (Some(a), vec![], Some(b), SeenElsewhere { database: b, recorded: false }),
            (Some(a), decided(Undecided).to_vec(), Some(b), SeenElsewhere { database: b, recorded: true }),
            (Some(a), decided(Share).to_vec(), Some(b), Shared(b)),
            (Some(a), decided(Refuse).to_vec(), Some(b), Refused(b)),
            (Some(b), decided(Refuse).to_vec(), Some(b), Home),
        ] {
            let account = KnownAccount { home, others: &others };
            assert_eq!(meet(Some(&account), database), outcome, "{home:?} {others:?} {database:?}");
        }
        assert_eq!(meet(None, Some(a)), Open(Some(a)));
        assert_eq!(meet(None, None), Open(None));
    }

    #[test]
    fn only_the_undecided_and_the_refused_spend_nothing() {
        let db = DatabaseId(1);
        for (meeting, may_spend) in [
            (Meeting::Open(None), true),
            (Meeting::Adopt(db), true),
            (Meeting::Home, true),
            (Meeting::Shared(db), true),
            (Meeting::Refused(db), false),
            (Meeting::SeenElsewhere { database: db, recorded: true }, false),
        ] {
            assert_eq!(meeting.may_spend(), may_spend, "{meeting:?}");
        }
    }
}
