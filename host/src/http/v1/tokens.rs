//! `/v1/tokens`: a vendor's own.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_store::repositories::VendorTokenRow;
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Query, Segments, given},
    problem::{BAD_REQUEST, FORBIDDEN, NOT_FOUND, Problem},
};
use crate::{app::App, clock::rfc3339, vendors::tokens};

/// A vendor's token, without what opens it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// Its id.
    #[schema(example = "1099511627777")]
    pub id: String,
    /// The vendor.
    #[schema(example = "acme")]
    pub vendor: String,
    /// The member whose it is.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// What it is for.
    pub title: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was issued, RFC 3339.
    pub created_at: String,
    /// Until when it may be used, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl From<VendorTokenRow> for Token {
    fn from(row: VendorTokenRow) -> Self {
        Self {
            id: row.id.to_string(),
            scopes: tokens::read(&row.scopes),
            vendor: row.vendor,
            email: row.email,
            title: row.title,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
        }
    }
}

/// Tokens of a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Tokens {
    /// Newest first.
    pub items: Vec<Token>,
}

/// Whose tokens.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokensQuery {
    /// The vendor, for the operator; a member sees its own vendor's.
    #[serde(default, deserialize_with = "given")]
    vendor: Option<String>,
}

/// Whether a member may see a token: its own, and with the scope `admin` all of its vendor.
fn sees(caller: &Caller, vendor: &str, member: i64) -> bool {
    match caller {
        Caller::Operator => true,
        Caller::Vendor { member: own, .. } if own.id == member => true,
        other => other.vendor(vendor, Scope::Admin).is_ok(),
    }
}

fn for_vendors() -> Problem {
    Problem::new(FORBIDDEN, "this is for members of vendors; send a vendor's token (iap_vn_…), as `iap login` gets it")
}

/// Tokens that may be used: one's own, and with the scope `admin` all of the vendor.
#[utoipa::path(get, path = "/v1/tokens", tag = "vendor", operation_id = "list_tokens", params(TokensQuery),
    responses((status = 200, body = Tokens)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<TokensQuery>,
) -> Result<Json<Tokens>, Problem> {
    let vendor = match (&caller, query.vendor) {
        (Caller::Vendor { member, .. }, None) => member.vendor.clone(),
        (Caller::Vendor { .. }, Some(vendor)) => {
            caller.vendor(&vendor, Scope::Admin)?;
            vendor
        }
        (Caller::Operator, Some(vendor)) => vendor,
        (Caller::Operator, None) => {
            return Err(Problem::new(BAD_REQUEST, "\"vendor\" is missing; send it").at("vendor"));
        }
        (Caller::Database(_) | Caller::Accounts { .. }, _) => return Err(for_vendors()),
    };
    let mut rows = app.store.vendor_tokens().of_vendor(&vendor, app.store.clock().now()).await?;
    rows.retain(|row| sees(&caller, &row.vendor, row.member));
    Ok(Json(Tokens { items: rows.into_iter().map(Token::from).collect() }))
}

/// A token to issue.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    #[schema(example = "deployments")]
    pub title: String,
    /// What it may be used for: no more than the token that asks.
    #[schema(example = json!(["read", "publish"]))]
    pub scopes: Vec<Scope>,
    /// Days that it may be used: 1 to 365, and no longer than the token that asks; by default as long as that.
    #[serde(default, deserialize_with = "given")]
    pub expires_in_days: Option<i64>,
}

/// A token that is shown once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct IssuedVendorToken {
    /// Its id.
    #[schema(example = "1099511627777")]
    pub id: String,
    /// The token; only its hash is kept.
    #[schema(example = "iap_vn_…")]
    pub token: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Until when, RFC 3339.
    pub expires_at: String,
}

/// Issue a token of the member that asks, with no more scopes than the one that it asks with, and for no longer.
#[utoipa::path(post, path = "/v1/tokens", tag = "vendor", operation_id = "issue_token", request_body = NewToken,
    responses((status = 201, body = IssuedVendorToken)))]
pub async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<NewToken>,
) -> Result<(StatusCode, Json<IssuedVendorToken>), Problem> {
    let Caller::Vendor { member, scopes, token } = &caller else { return Err(for_vendors()) };
    let asks = (*token, scopes.as_slice());
    let issued = tokens::issue(&app, member, asks, &body.title, &body.scopes, body.expires_in_days).await?;
    let answer = IssuedVendorToken {
        id: issued.id.to_string(),
        token: issued.token,
        scopes: issued.scopes,
        expires_at: rfc3339(issued.expires_at),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Revoke a token: the one that asks itself, or with the scope `admin` any of the vendor. It opens nothing from here on.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "vendor", operation_id = "revoke_token",
    params(("id" = String, Path, example = "1099511627777")), responses((status = 204, description = "It is revoked")))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    if !matches!(caller, Caller::Operator | Caller::Vendor { .. }) {
        return Err(for_vendors());
    }
    let unknown = || Problem::new(NOT_FOUND, format!("there is no token {id:?}; GET /v1/tokens lists them"));
    let row = match id.parse() {
        Ok(number) => app.store.vendor_tokens().get(number).await?,
        Err(_) => None,
    };
    // Whether another vendor has such a token is not told.
    let row = row.filter(|row| sees(&caller, &row.vendor, row.member)).ok_or_else(unknown)?;
    if !matches!(&caller, Caller::Vendor { token, .. } if token.id == row.id) {
        let why = "a token without the scope \"admin\" revokes only itself; revoke others at";
        let refused = |_| Problem::new(FORBIDDEN, format!("{why} {}/vendors", app.public_url));
        caller.vendor(&row.vendor, Scope::Admin).map_err(refused)?;
    }
    tokens::revoke(&app, &row).await?;
    Ok(StatusCode::NO_CONTENT)
}
