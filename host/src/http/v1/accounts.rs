//! `/v1/accounts`: opening, reading and setting up accounts.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_core::{
    Credits,
    hosting::{Door, Hosting},
    identity::{AccountToken, Dbuuid},
    ids::AccountId,
    publishing::Requirement,
};
use iap_store::{StoreError, repositories::Warnings};
use serde::{Deserialize, Serialize};

use super::{
    account::{self, Account, WarningEmail, show},
    auth::Caller,
    body::{Json, Segments, given},
    problem::{NOT_FOUND, Problem},
    values,
};
use crate::{
    accounts::{self, Contact, Standing},
    app::App,
    secrets::random_hex,
};

/// Most companies of an account.
const MAX_COMPANIES: usize = 100;
/// Most addresses that are warned.
const MAX_EMAILS: usize = 20;
/// Longest name of a language, in characters: Odoo's longest are as `sr@latin` and `zh_Hans_HK`.
const MAX_LANGUAGE: usize = 20;

/// An account to open.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Wire name of the service.
    #[schema(example = "sms")]
    pub service: String,
    /// The dbuuid that it is for.
    pub database: String,
    /// Restricts it to companies of the database, as the database names them; leave it out for all.
    #[serde(default)]
    pub companies: Option<Vec<String>>,
}

impl NewAccount {
    fn check(&self) -> Result<(), Problem> {
        let Some(companies) = &self.companies else { return Ok(()) };
        if companies.is_empty() || MAX_COMPANIES < companies.len() {
            return Err(Problem::invalid(
                "companies",
                format_args!("must name 1 to {MAX_COMPANIES}; leave it out for all"),
            ));
        }
        for (index, company) in companies.iter().enumerate() {
            values::shown(company, values::MAX_COMPANY)
                .map_err(|message| Problem::invalid(&format!("companies[{index}]"), message))?;
        }
        Ok(())
    }
}

/// A new account with its token.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OpenedAccount {
    /// The token, shown once: a bearer token here, and an account token for Odoo.
    #[schema(example = "iap_ac_…")]
    pub account_token: String,
    /// The account.
    #[serde(flatten)]
    pub account: Account,
}

/// Open an account of a database for a service.
///
/// An account for a third-party service may need an admin's consent: then it is `enabled: false`
/// until it is enabled with `PATCH`.
#[utoipa::path(post, path = "/v1/accounts", tag = "database", operation_id = "open_account", request_body = NewAccount,
    responses((status = 201, body = OpenedAccount)))]
pub async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<NewAccount>,
) -> Result<(StatusCode, Json<OpenedAccount>), Problem> {
    if let Caller::Accounts { .. } = caller {
        caller.database(None)?;
    }
    body.check()?;
    let dbuuid = Dbuuid::parse(&body.database).map_err(|error| Problem::invalid("database", error))?;
    let known = app.store.databases().by_dbuuid(dbuuid.as_str()).await?;
    caller.database(known.as_ref().map(|row| row.id))?;
    if known.is_none() {
        return Err(Problem::invalid(
            "database",
            format_args!("{dbuuid} has not been seen or declared; declare it with PUT /v1/databases/{dbuuid}"),
        ));
    }
    let unknown = || {
        Problem::invalid("service", format_args!("there is no service {:?}; GET /v1/catalog lists them", body.service))
    };
    let service = app.catalog.service(&body.service).ok_or_else(unknown)?;
    let account_token = format!("iap_ac_{}", random_hex::<24>());
    let token = AccountToken::parse(&account_token).map_err(Problem::host)?;
    let contact = Contact { token, dbuuid: Some(dbuuid), door: Door::AccountCreation };
    let met = contact.meet(&app.store, &app.keys, &app.config, &service).await?;
    let id = met.account.ok_or_else(|| Problem::host("an account that was just opened is missing"))?.id;
    let mut statements = vec![app.store.accounts().vouch(id)];
    if let Some(companies) = &body.companies {
        let list = serde_json::to_string(companies).map_err(Problem::host)?;
        statements.push(app.store.accounts().restrict(id, &list));
    }
    app.store.write(statements).await?;
    let account = show(&app, &caller.account(&app, id).await?).await?;
    Ok((StatusCode::CREATED, Json(OpenedAccount { account_token, account })))
}

/// An account.
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "account", operation_id = "get_account",
    params(("id" = String, Path, example = "acc_1x8")), responses((status = 200, body = Account)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
) -> Result<Json<Account>, Problem> {
    let row = caller.account(&app, id).await?;
    Ok(Json(show(&app, &row).await?))
}

/// What to change of an account; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChanges {
    /// Whether it may be used. Enabling an account of a third-party service is consent to its permissions and prices.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Whether to warn of low credits.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub warn_me: Option<bool>,
    /// Below this many credits.
    #[serde(default, deserialize_with = "values::credits_given")]
    #[schema(value_type = Option<String>, example = "5", nullable = false)]
    pub warning_threshold: Option<Credits>,
    /// To whom.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub warning_emails: Option<Vec<WarningEmail>>,
    /// Which releases serve it: `^current`, or a requirement of semantic versions such as `~1.2`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub version_requirement: Option<String>,
    /// Agrees to a major version: the one of `offered_major`, or back to the one before.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = 2)]
    pub major: Option<u64>,
    /// `true` says that it is its database's own: it may have the database's trial and shares what services keep for the
    /// database. With the token of that database, or an operator's.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub vouched: Option<bool>,
}

impl AccountChanges {
    fn check(&self) -> Result<(), Problem> {
        if self.warning_threshold.is_some_and(|threshold| threshold < Credits::ZERO) {
            return Err(Problem::invalid("warning_threshold", "must not be below zero"));
        }
        let emails = self.warning_emails.as_deref().unwrap_or_default();
        if MAX_EMAILS < emails.len() {
            return Err(Problem::invalid("warning_emails", format_args!("must name at most {MAX_EMAILS}")));
        }
        for (index, warned) in emails.iter().enumerate() {
            let text = &warned.email;
            let is_address = text.len() <= 254
                && text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
            if !is_address || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(Problem::invalid(
                    &format!("warning_emails[{index}].email"),
                    format_args!("{text:?} is no e-mail address"),
                ));
            }
            let language = warned.lang_code.as_deref().unwrap_or("en_US");
            values::shown(language, MAX_LANGUAGE)
                .map_err(|message| Problem::invalid(&format!("warning_emails[{index}].lang_code"), message))?;
        }
        if self.vouched == Some(false) {
            return Err(Problem::invalid("vouched", "can only be true: what was shared cannot be taken back"));
        }
        match self.version_requirement.as_deref() {
            Some(text) => {
                Requirement::parse(text).map(drop).map_err(|error| Problem::invalid("version_requirement", error))
            }
            None => Ok(()),
        }
    }
}

/// Change how an account is used and warned.
#[utoipa::path(patch, path = "/v1/accounts/{id}", tag = "account", operation_id = "change_account",
    params(("id" = String, Path, example = "acc_1x8")), request_body = AccountChanges, responses((status = 200, body = Account)))]
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    Json(body): Json<AccountChanges>,
) -> Result<Json<Account>, Problem> {
    let row = caller.account(&app, id).await?;
    caller.may_change()?;
    body.check()?;
    let repository = app.store.accounts();
    let mut statements = Vec::new();
    let enabled = body.enabled.unwrap_or(row.enabled);
    if enabled && !row.enabled {
        let hosting = accounts::hosting_of(account::home(&app, &row).await?.as_ref(), &app.config);
        if let Standing::Refused { code, message } =
            accounts::ask(Door::Enable, &*account::service(&app, &row)?, hosting, Some(&row))
        {
            return Err(Problem::refused_use(code, message));
        }
    }
    if body.enabled.is_some() || body.version_requirement.is_some() {
        statements.push(repository.configure(
            id,
            enabled,
            body.version_requirement.as_deref().unwrap_or(&row.version_requirement),
        ));
    }
    if let Some(major) = body.major {
        let service = account::service(&app, &row)?;
        let line = app.catalog.line(&service.name);
        if !line.is_some_and(|line| line.candidates.iter().any(|candidate| candidate.version.major == major)) {
            return Err(Problem::invalid("major", format_args!("{} has no release of version {major}", service.name)));
        }
        statements.push(repository.consent(id, major));
    }
    if body.vouched == Some(true) {
        caller.database(row.database)?;
        if row.database.is_none() {
            return Err(Problem::invalid("vouched", format_args!("{id} is at home in no database yet")));
        }
        statements.push(repository.vouch(id));
    }
    if body.warn_me.is_some() || body.warning_threshold.is_some() || body.warning_emails.is_some() {
        let emails = match &body.warning_emails {
            Some(emails) => serde_json::to_string(emails).map_err(Problem::host)?,
            None => row.warnings.emails.clone(),
        };
        let warnings = Warnings {
            warn_me: body.warn_me.unwrap_or(row.warnings.warn_me),
            threshold: body.warning_threshold.unwrap_or(row.warnings.threshold),
            emails,
        };
        statements.push(repository.warn(id, &warnings));
    }
    if !statements.is_empty() {
        app.store.write(statements).await?;
    }
    Ok(Json(show(&app, &caller.account(&app, id).await?).await?))
}

/// What becomes of an account's token in another database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may spend the account's credits too.
    Share,
    /// It becomes the account's home.
    Move,
    /// It may not use the account.
    Refuse,
}

/// A decision about a database that showed the account's token.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ElsewhereDecision {
    /// What to do.
    pub decision: Decision,
}

/// Decide about a database that showed the token of an account that is at home elsewhere.
///
/// `seen_elsewhere` of the account lists them; until somebody decides they spend nothing.
#[utoipa::path(post, path = "/v1/accounts/{id}/databases/{dbuuid}", tag = "database", operation_id = "decide_elsewhere",
    params(("id" = String, Path, example = "acc_1x8"), ("dbuuid" = String, Path, description = "The other database")),
    request_body = ElsewhereDecision, responses((status = 200, body = Account)))]
pub async fn decide_elsewhere(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, dbuuid)): Segments<(AccountId, String)>,
    Json(body): Json<ElsewhereDecision>,
) -> Result<Json<Account>, Problem> {
    let row = caller.account(&app, id).await?;
    caller.database(row.database)?;
    let unseen = || {
        Problem::new(
            NOT_FOUND,
            format!(
                "database {dbuuid:?} has not shown the token of {id}; seen_elsewhere of the account lists those that have"
            ),
        )
    };
    let other = app.store.databases().by_dbuuid(&dbuuid).await?.ok_or_else(unseen)?;
    let repository = app.store.accounts();
    if !repository.elsewhere(id).await?.iter().any(|(database, _)| *database == other.id) {
        return Err(unseen());
    }
    let statements = match body.decision {
        Decision::Share => vec![repository.decide_elsewhere(id, other.id, "shared")],
        Decision::Refuse => vec![repository.decide_elsewhere(id, other.id, "refused")],
        // The database it leaves cannot vouch for it in the one it comes to.
        Decision::Move => repository.move_to(id, other.id, row.vouched && caller.operator().is_ok()),
    };
    match app.store.write(statements).await {
        Err(StoreError::Conflict(_)) => return Err(unseen()),
        done => drop(done?),
    }
    if body.decision == Decision::Move {
        let hosting = other.declaration.hosting.parse().unwrap_or(Hosting::Undeclared);
        accounts::resettle(app.outbox(), &app.catalog, other.id, hosting).await?;
    }
    // A database that gave the account away may still see what became of it.
    let row = app.store.accounts().get(id).await?.ok_or_else(|| Problem::host("an account has vanished"))?;
    Ok(Json(show(&app, &row).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::v1::body::parse;

    fn wrong(body: &str) -> (u16, String, Option<String>) {
        let problem = parse::<AccountChanges>(body.as_bytes()).and_then(|changes| changes.check()).unwrap_err();
        (problem.status, problem.detail.clone(), problem.field.clone())
    }

    #[test]
    fn changes_are_checked_member_by_member() {
        for (body, status, detail, field) in [
            (
                r#"{"balance": "5"}"#,
                400,
                "\"balance\" is unknown here; send only one of \"enabled\", \"warn_me\", \"warning_threshold\", \"warning_emails\", \"version_requirement\", \"major\", \"vouched\"",
                "balance",
            ),
            (r#"{"enabled": null}"#, 400, "\"enabled\": invalid type: null, expected a boolean", "enabled"),
            (
                r#"{"warning_threshold": "-1"}"#,
                422,
                "\"warning_threshold\": must not be below zero",
                "warning_threshold",
            ),
            (
                r#"{"warning_emails": [{"email": "a@b.example"}, {"email": "nobody"}]}"#,
                422,
                "\"warning_emails[1].email\": \"nobody\" is no e-mail address",
                "warning_emails[1].email",
            ),
            (
                r#"{"version_requirement": "newest"}"#,
                422,
                "\"version_requirement\": \"newest\" is no requirement on versions: unexpected character 'n' while parsing major version number; write \"^current\", \"^1.2\", \"~1.2\" or \"=1.2.3\"",
                "version_requirement",
            ),
        ] {
            assert_eq!(wrong(body), (status, detail.to_owned(), Some(field.to_owned())), "{body}");
        }
        let changes: AccountChanges = parse(br#"{"warning_threshold": "2.5", "version_requirement": "~1.2"}"#).unwrap();
        assert!(changes.check().is_ok());
        assert_eq!((changes.warning_threshold, changes.enabled), (Some(Credits::from_micros(2_500_000)), None));
    }

    #[test]
    fn companies_are_named_or_left_out() {
        let check = |companies: &str| {
            let body = format!(r#"{{"service": "sms", "database": "d", "companies": {companies}}}"#);
            parse::<NewAccount>(body.as_bytes()).and_then(|new| new.check()).map_err(|problem| problem.field.clone())
        };
        assert_eq!(check(r#"["1", "2"]"#), Ok(()));
        assert_eq!(check("null"), Ok(()));
        assert_eq!(check("[]"), Err(Some("companies".to_owned())));
        assert_eq!(check(r#"["1", ""]"#), Err(Some("companies[1]".to_owned())));
        assert_eq!(check("[1]"), Err(Some("companies[0]".to_owned())));
    }
}
