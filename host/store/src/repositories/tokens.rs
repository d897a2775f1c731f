//! Bearer tokens of the REST API.

use iap_core::Time;

use crate::{Statement, Store, StoreError};

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Everything.
    Operator,
    /// One database and its accounts.
    Database,
    /// One account.
    Account,
    /// What a member of a vendor may do, as far as its scopes say.
    Vendor,
}

impl TokenKind {
    /// Stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Database => "database",
            Self::Account => "account",
            Self::Vendor => "vendor",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Operator, Self::Database, Self::Account, Self::Vendor].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A token that is neither revoked nor expired.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// What it opens.
    pub kind: TokenKind,
    /// Id of the database, the account, or the vendor's member.
    pub subject: Option<i64>,
    /// What a vendor's token may be used for, as a JSON list.
    pub scopes: String,
}

/// See [`Store::tokens`].
pub struct Tokens<'a>(pub(super) &'a Store);

impl Tokens<'_> {
    /// By hash.
    pub async fn find(&self, hash: &str) -> Result<Option<TokenRow>, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT kind, subject, scopes FROM token WHERE hash = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR ?2 < expires_at)",
                vec![hash.into(), self.0.clock().now().into()],
            )
            .await?;
        row.map(|row| {
            Ok(TokenRow { kind: row.parse(0, TokenKind::from_name)?, subject: row.opt_int(1)?, scopes: row.text(2)? })
        })
        .transpose()
    }

    /// Records a token.
    pub fn issue(&self, hash: &str, kind: TokenKind, subject: Option<i64>, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO token (id, hash, kind, subject, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![self.0.ids().next().into(), hash.into(), kind.as_str().into(), subject.into(), at.into()],
        )
    }
}
