//! `/v1/databases`: what the operator declares, and tokens for databases.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_core::{
    Credits,
    hosting::Hosting,
    identity::Dbuuid,
    ids::{AccountId, DatabaseId},
    trial::{Edition, Purpose},
};
use iap_store::repositories::{DatabaseRow, Declaration, TokenKind};
use serde::{Deserialize, Serialize};

use super::{
    account::{self, balance},
    auth::Caller,
    body::{Json, Query, Segments, given},
    page::{Page, PageQuery},
    problem::{NOT_FOUND, Problem},
    values,
};
use crate::{
    accounts,
    app::App,
    clock::rfc3339,
    secrets::{bearer_hash, random_hex},
};

/// What the operator says of a database. A member that is left out takes its default.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseDeclaration {
    /// Where it runs: a database on Odoo Online uses first-party services only, and so does an undeclared one.
    #[schema(schema_with = values::hosting_words)]
    pub hosting: Hosting,
    /// Odoo's edition; `unknown` by default.
    #[serde(default = "unknown")]
    #[schema(schema_with = values::edition_words, required = false)]
    pub edition: Edition,
    /// Whether an Enterprise subscription runs; `false` by default.
    #[serde(default)]
    pub subscription_valid: bool,
    /// What it is for; `production` by default.
    #[serde(default = "production")]
    #[schema(schema_with = values::purpose_words, required = false)]
    pub purpose: Purpose,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    #[schema(example = "BE")]
    pub country: Option<String>,
    /// Where plugins may call the database back.
    #[serde(default)]
    #[schema(example = "https://mycompany.example.com")]
    pub base_url: Option<String>,
}

fn unknown() -> Edition {
    Edition::Unknown
}

fn production() -> Purpose {
    Purpose::Production
}

impl DatabaseDeclaration {
    fn check(self) -> Result<Declaration, Problem> {
        if let Some(country) =
            self.country.as_deref().filter(|text| text.len() != 2 || !text.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return Err(Problem::invalid("country", format_args!("{country:?} is no ISO 3166-1 code such as \"BE\"")));
        }
        let is_base = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        if let Some(base_url) = self.base_url.as_deref().filter(|text| !is_base(text)) {
            return Err(Problem::invalid(
                "base_url",
                format_args!("{base_url:?} is no address such as \"https://mycompany.example.com\""),
            ));
        }
        Ok(Declaration {
            hosting: self.hosting.to_string(),
            edition: self.edition.to_string(),
            subscription_valid: self.subscription_valid,
            purpose: self.purpose.to_string(),
            country: self.country,
            base_url: self.base_url,
        })
    }
}

/// What is known of a database.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DatabaseEntry {
    /// Its own name for itself. No secret, proves nothing.
    pub dbuuid: String,
    /// Where it runs.
    #[schema(schema_with = values::hosting_words)]
    pub hosting: String,
    /// Odoo's edition.
    #[schema(schema_with = values::edition_words)]
    pub edition: String,
    /// Whether an Enterprise subscription runs.
    pub subscription_valid: bool,
    /// What it is for.
    #[schema(schema_with = values::purpose_words)]
    pub purpose: String,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where plugins may call the database back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// When it was first seen, RFC 3339.
    pub first_seen_at: String,
    /// When the operator last declared it; absent if it was only seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<String>,
}

impl From<&DatabaseRow> for DatabaseEntry {
    fn from(row: &DatabaseRow) -> Self {
        let said = row.declaration.clone();
        Self {
            dbuuid: row.dbuuid.clone(),
            hosting: said.hosting,
            edition: said.edition,
            subscription_valid: said.subscription_valid,
            purpose: said.purpose,
            country: said.country,
            base_url: said.base_url,
            first_seen_at: rfc3339(row.first_seen_at),
            declared_at: row.declared_at.map(rfc3339),
        }
    }
}

/// An account, as its database lists it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct AccountEntry {
    /// Its id.
    #[schema(value_type = String, example = "acc_1x8")]
    pub id: AccountId,
    /// Wire name of its service.
    pub service: String,
    /// Companies it is restricted to; absent if it is common to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub companies: Option<Vec<String>>,
    /// All credits.
    #[schema(value_type = String, example = "12.5")]
    pub balance: Credits,
    /// Credits set aside by calls that run.
    #[schema(value_type = String, example = "2.5")]
    pub held: Credits,
    /// Credits that may be spent.
    #[schema(value_type = String, example = "10")]
    pub available: Credits,
    /// Whether it may be used.
    pub enabled: bool,
    /// Whether the database itself or the operator opened it or vouches for it.
    pub vouched: bool,
    /// Why nothing may be spent, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
}

/// A database with its accounts.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Database {
    /// What is known of it.
    #[serde(flatten)]
    pub database: DatabaseEntry,
    /// Accounts that are at home in it.
    pub accounts: Vec<AccountEntry>,
}

async fn show(app: &App, row: &DatabaseRow) -> Result<Database, Problem> {
    let mut entries = Vec::new();
    for account in app.store.accounts().of_database(row.id).await? {
        entries.push(AccountEntry {
            id: account.id,
            service: account::service_name(app, &account).await?,
            companies: account::companies(&account)?,
            balance: balance(&account),
            held: account.held,
            available: account.available,
            enabled: account.enabled,
            vouched: account.vouched,
            suspended: account.suspended,
        });
    }
    Ok(Database { database: row.into(), accounts: entries })
}

/// A database by the dbuuid of a path.
pub async fn find(app: &App, dbuuid: &str) -> Result<DatabaseRow, Problem> {
    let unknown = || {
        Problem::new(
            NOT_FOUND,
            format!("no database {dbuuid:?} has been seen or declared; declare it with PUT /v1/databases/{dbuuid}"),
        )
    };
    app.store.databases().by_dbuuid(dbuuid).await?.ok_or_else(unknown)
}

/// Declare a database: where it runs decides whose services it may use.
///
/// Accounts that it may no longer use are suspended with their credits intact; those that it may use
/// again resume.
#[utoipa::path(put, path = "/v1/databases/{dbuuid}", tag = "operator", operation_id = "declare_database",
    params(("dbuuid" = String, Path, description = "Odoo's system parameter database.uuid")),
    request_body = DatabaseDeclaration,
    responses((status = 200, body = Database), (status = 201, description = "It was not known before", body = Database)))]
pub async fn declare(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(dbuuid): Segments<String>,
    Json(body): Json<DatabaseDeclaration>,
) -> Result<(StatusCode, Json<Database>), Problem> {
    caller.operator()?;
    let dbuuid = Dbuuid::parse(&dbuuid).map_err(|error| Problem::invalid("dbuuid", error))?;
    let declaration = body.check()?;
    let (row, is_new) = accounts::declare(app.outbox(), &app.catalog, dbuuid.as_str(), &declaration).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(show(&app, &row).await?)))
}

/// A database with its accounts. Its own token reads it too.
#[utoipa::path(get, path = "/v1/databases/{dbuuid}", tag = "operator", operation_id = "get_database",
    params(("dbuuid" = String, Path, description = "Odoo's system parameter database.uuid")),
    responses((status = 200, body = Database)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(dbuuid): Segments<String>,
) -> Result<Json<Database>, Problem> {
    let row = app.store.databases().by_dbuuid(&dbuuid).await?;
    caller.database(row.as_ref().map(|row| row.id))?;
    let row = match row {
        Some(row) => row,
        None => find(&app, &dbuuid).await?,
    };
    Ok(Json(show(&app, &row).await?))
}

/// Which databases.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DatabasesQuery {
    /// `false`: only those that were seen and not declared. `true`: only declared ones.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<bool>)]
    declared: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    cursor: Option<String>,
    /// Most items in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

/// Databases in the order they were first seen.
#[utoipa::path(get, path = "/v1/databases", tag = "operator", operation_id = "list_databases", params(DatabasesQuery),
    responses((status = 200, body = Page<DatabaseEntry>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<DatabasesQuery>,
) -> Result<Json<Page<DatabaseEntry>>, Problem> {
    caller.operator()?;
    let declared = match query.declared.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => return Err(Problem::invalid("declared", format_args!("{other:?} must be true or false"))),
    };
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let (after, limit) = (page.cursor()?.unwrap_or(DatabaseId(i64::MIN)), page.limit()?);
    let rows = app.store.databases().page_by_declared(after, declared, limit + 1).await?;
    let page = Page::of(rows, limit, |row| row.id.to_string());
    Ok(Json(Page { items: page.items.iter().map(DatabaseEntry::from).collect(), next_cursor: page.next_cursor }))
}

/// A token that is shown once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct IssuedToken {
    /// The token; only its hash is kept.
    #[schema(example = "iap_db_…")]
    pub token: String,
}

/// Issue a bearer token of a database, which opens the database and its accounts.
#[utoipa::path(post, path = "/v1/databases/{dbuuid}/tokens", tag = "operator", operation_id = "issue_database_token",
    params(("dbuuid" = String, Path, description = "Odoo's system parameter database.uuid")),
    responses((status = 201, body = IssuedToken)))]
pub async fn issue_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(dbuuid): Segments<String>,
) -> Result<(StatusCode, Json<IssuedToken>), Problem> {
    caller.operator()?;
    let row = find(&app, &dbuuid).await?;
    let token = format!("iap_db_{}", random_hex::<24>());
    let issue =
        app.store.tokens().issue(&bearer_hash(&token), TokenKind::Database, Some(row.id.0), app.store.clock().now());
    app.store.write(vec![issue]).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken { token })))
}
