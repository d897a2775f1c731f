//! Who asks: bearer tokens, and what they open.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{header, request::Parts},
};
use iap_core::{
    identity::AccountToken,
    ids::{AccountId, DatabaseId},
};
use iap_store::repositories::{AccountRow, MemberRow, TokenKind, VendorState};
use subtle::ConstantTimeEq;

use super::problem::{FORBIDDEN, NOT_FOUND, Problem, UNAUTHENTICATED};
use crate::{app::App, secrets::bearer_hash, vendors::tokens::Held};

pub use crate::vendors::Scope;

/// Which tokens there are, for whoever sent none that fits.
const TOKENS: &str = "an operator's (iap_op_…), a database's (iap_db_…), or an account's (iap_ac_…, or the token of the IAP account in Odoo)";

/// Who asks.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The operator: all rights.
    Operator,
    /// A database: itself and its accounts.
    Database(DatabaseId),
    /// A member of a vendor, as far as the token's scopes and the member's role say.
    Vendor {
        /// Who.
        member: MemberRow,
        /// What the token may be used for.
        scopes: Vec<Scope>,
        /// The token itself.
        token: Held,
    },
    /// Accounts that one token opens, one for each service.
    Accounts {
        /// The token; none if it was issued for an account rather than being its own.
        token: Option<AccountToken>,
        /// What it opens.
        accounts: Vec<AccountId>,
    },
}

impl Caller {
    async fn of_token(app: &App, token: &str) -> Result<Self, Problem> {
        if let Some(operator) = app.config.operator_token.as_deref().filter(|token| !token.is_empty())
            && bool::from(bearer_hash(token).as_bytes().ct_eq(bearer_hash(operator).as_bytes()))
        {
            return Ok(Self::Operator);
        }
        let hash = bearer_hash(token);
        if let Some(row) = app.store.tokens().find(&hash).await? {
            return match (row.kind, row.subject) {
                (TokenKind::Operator, _) => Ok(Self::Operator),
                (TokenKind::Database, Some(id)) => Ok(Self::Database(DatabaseId(id))),
                (TokenKind::Account, Some(id)) => Ok(Self::Accounts { token: None, accounts: vec![AccountId(id)] }),
                (TokenKind::Vendor, Some(id)) => {
                    let member = app.store.members().get(id).await?.filter(|member| member.confirmed_at.is_some());
                    let held = app.store.vendor_tokens().held(&hash).await?;
                    let (member, (id, expires_at, vendor_state)) = member.zip(held).ok_or_else(|| {
                        Problem::new(UNAUTHENTICATED, "the token's owner is no longer a member of its vendor")
                    })?;
                    let scopes = serde_json::from_str(&row.scopes).map_err(Problem::host)?;
                    Ok(Self::Vendor { member, scopes, token: Held { id, expires_at, vendor_state } })
                }
                (TokenKind::Database | TokenKind::Account | TokenKind::Vendor, None) => {
                    Err(Problem::host("a stored token opens nothing"))
                }
            };
        }
        let unknown =
            || Problem::new(UNAUTHENTICATED, format!("the bearer token is unknown or revoked; send {TOKENS}"));
        let token = AccountToken::parse(token).map_err(|_| unknown())?;
        let rows = app.store.accounts().all_by_token(&app.keys.account_token(token.as_str()).mac).await?;
        if rows.is_empty() {
            return Err(unknown());
        }
        Ok(Self::Accounts { token: Some(token), accounts: rows.iter().map(|row| row.id).collect() })
    }

    /// Refuses everybody but the operator.
    pub fn operator(&self) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::Database(_) | Self::Accounts { .. } | Self::Vendor { .. } => Err(Problem::new(
                FORBIDDEN,
                "this is for the operator of the host; send an operator's token (iap_op_…)",
            )),
        }
    }

    /// Refuses members of a vendor that the operator has not approved, or no more.
    pub fn approved(&self) -> Result<(), Problem> {
        let Self::Vendor { member, token, .. } = self else { return Ok(()) };
        let why = match token.vendor_state {
            VendorState::Approved => return Ok(()),
            VendorState::Refused => {
                "was refused by the operator of this host: its services cannot be changed, only taken back; the reason was mailed, answer to the operator"
            }
            VendorState::Waiting => "waits for the operator's approval; you are mailed when it comes",
            VendorState::Unconfirmed => {
                "has an address that is not confirmed yet; type the code that was mailed there: `iap vendor confirm`"
            }
        };
        Err(Problem::new(FORBIDDEN, format!("the vendor {:?} {why}", member.vendor)))
    }

    /// Refuses everybody but the operator and those members of the vendor whose role and token have the scope. Settings
    /// are for members of approved vendors only.
    pub fn vendor(&self, vendor: &str, scope: Scope) -> Result<(), Problem> {
        let Self::Vendor { member, scopes, .. } = self else {
            return self.operator().map_err(|_| {
                Problem::new(
                    FORBIDDEN,
                    format!(
                        "this is for the vendor {vendor:?}; send a vendor's token (iap_vn_…), as `iap login` gets it"
                    ),
                )
            });
        };
        if member.vendor != vendor {
            let detail = format!("this token is of the vendor {:?}, this belongs to {vendor:?}", member.vendor);
            return Err(Problem::new(FORBIDDEN, detail));
        }
        if !scope.fits(&member.role) {
            let detail =
                format!("a member with the role {:?} may not do this; ask an owner of {vendor:?}", member.role);
            return Err(Problem::new(FORBIDDEN, detail));
        }
        if !scopes.contains(&scope) {
            let detail = format!(
                "this token has not the scope {:?}; run `iap login --scope {}`",
                scope.as_str(),
                scope.as_str()
            );
            return Err(Problem::new(FORBIDDEN, detail));
        }
        if scope == Scope::Settings { self.approved() } else { Ok(()) }
    }

    /// Who it is, for histories: `operator`, or a member's address.
    pub fn author(&self) -> &str {
        match self {
            Self::Operator => "operator",
            Self::Vendor { member, .. } => &member.email,
            Self::Database(_) => "database",
            Self::Accounts { .. } => "account",
        }
    }

    /// Refuses everybody but the operator and the database.
    pub fn database(&self, database: Option<DatabaseId>) -> Result<(), Problem> {
        match self {
            Self::Operator => Ok(()),
            Self::Database(own) if Some(*own) == database => Ok(()),
            Self::Database(_) | Self::Accounts { .. } | Self::Vendor { .. } => Err(Problem::new(
                FORBIDDEN,
                "this is for the database itself or the operator; send the database's token (iap_db_…) or an operator's (iap_op_…)",
            )),
        }
    }

    /// The account, if the caller may see it. Whether another account exists is told to the operator only.
    pub async fn account(&self, app: &App, id: AccountId) -> Result<AccountRow, Problem> {
        let found = app.store.accounts().get(id).await?;
        let opens = match (self, &found) {
            (Self::Operator, _) => true,
            (Self::Database(own), Some(row)) => row.database == Some(*own),
            (Self::Accounts { accounts, .. }, Some(row)) => accounts.contains(&row.id),
            (Self::Vendor { .. }, _) | (Self::Database(_) | Self::Accounts { .. }, None) => false,
        };
        if !opens {
            let detail = format!(
                "this token does not open {id}; send the account's own token, its database's (iap_db_…) or an operator's (iap_op_…)"
            );
            return Err(Problem::new(FORBIDDEN, detail));
        }
        found.ok_or_else(|| {
            Problem::new(
                NOT_FOUND,
                format!("there is no account {id}; GET /v1/databases/{{dbuuid}} lists a database's"),
            )
        })
    }

    /// Refuses the token of a neutralized copy of a database, which must change nothing.
    pub fn may_change(&self) -> Result<(), Problem> {
        match self {
            Self::Accounts { token: Some(token), .. } if token.is_disabled() => Err(Problem::refused_use(
                "account-disabled",
                "this is the token of a neutralized copy of a database: nothing is done and nothing charged; send the token of the real one",
            )),
            _ => Ok(()),
        }
    }
}

fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    let wrong = || {
        Problem::new(UNAUTHENTICATED, "the header Authorization must be \"Bearer\", a space and a token")
            .at("Authorization")
    };
    token.map(Some).ok_or_else(wrong)
}

impl OptionalFromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Problem> {
        match bearer(parts)? {
            Some(token) => Self::of_token(app, token).await.map(Some),
            None => Ok(None),
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let missing = || {
            Problem::new(UNAUTHENTICATED, format!("send the header \"Authorization: Bearer\" with a token: {TOKENS}"))
        };
        Self::of_token(app, bearer(parts)?.ok_or_else(missing)?).await
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn sent(value: &str) -> Result<Option<String>, String> {
        let (parts, ()) = Request::builder().header("Authorization", value).body(()).unwrap().into_parts();
        bearer(&parts).map(|token| token.map(str::to_owned)).map_err(|problem| problem.detail.clone())
    }

    #[test]
    fn a_bearer_token_is_read_from_its_header() {
        assert_eq!(sent("Bearer iap_op_1"), Ok(Some("iap_op_1".to_owned())));
        assert_eq!(sent("bearer  iap_op_1"), Ok(Some("iap_op_1".to_owned())));
        for wrong in ["iap_op_1", "Basic aWFw", "Bearer ", "Bearer"] {
            assert_eq!(
                sent(wrong),
                Err("the header Authorization must be \"Bearer\", a space and a token".to_owned()),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_token_opens_what_is_its_own() {
        let database = Caller::Database(DatabaseId(7));
        assert!(database.operator().is_err());
        assert!(database.database(Some(DatabaseId(7))).is_ok());
        assert!(database.database(Some(DatabaseId(8))).is_err());
        assert!(database.database(None).is_err());
        assert!(Caller::Operator.database(None).is_ok());
        let account =
            |token: &str| Caller::Accounts { token: AccountToken::parse(token).ok(), accounts: vec![AccountId(1)] };
        assert_eq!(account("a").database(Some(DatabaseId(7))).unwrap_err().status, 403);
        assert!(account("a").may_change().is_ok());
        assert_eq!(account("a+disabled").may_change().unwrap_err().code, "account-disabled");
    }
}
