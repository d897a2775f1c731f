//! What the API shows of an account, and meeting one by its id.

use iap_core::{Credits, hosting::Door, ids::AccountId};
use iap_store::{
    StoreError,
    repositories::{AccountRow, DatabaseRow},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    caps::{self, Cap},
    problem::{NOT_FOUND, Problem},
};
use crate::{
    accounts::{self, Contact, Met, Standing},
    app::App,
    catalog::Service,
    clock::rfc3339,
};

/// Whom to warn of low credits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WarningEmail {
    /// Address.
    #[schema(example = "admin@example.com")]
    pub email: String,
    /// Language, as Odoo names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "en_US")]
    pub lang_code: Option<String>,
}

/// A database that showed the account's token although the account is at home in another one.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SeenElsewhere {
    /// Its dbuuid.
    pub database: String,
    /// `seen_elsewhere` (nobody has decided: it spends nothing), `shared` or `refused`.
    pub decision: String,
}

/// An account: one database's credits for one service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Account {
    /// Its id.
    #[schema(value_type = String, example = "acc_1x8")]
    pub id: AccountId,
    /// Wire name of its service.
    #[schema(example = "sms")]
    pub service: String,
    /// The dbuuid where it is at home; absent until a request names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Companies it is restricted to; absent if it is common to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub companies: Option<Vec<String>>,
    /// All credits: `available` and `held`.
    #[schema(value_type = String, example = "12.5")]
    pub balance: Credits,
    /// Credits set aside by calls that run.
    #[schema(value_type = String, example = "2.5")]
    pub held: Credits,
    /// Credits that may be spent.
    #[schema(value_type = String, example = "10")]
    pub available: Credits,
    /// Credits that it owes for a purchase that was charged back; nothing is spent until they are repaid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "40")]
    pub debt: Option<Credits>,
    /// What bounds its spending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spending_caps: Vec<Cap>,
    /// Whether low credits are warned of.
    pub warn_me: bool,
    /// Below this many credits.
    #[schema(value_type = String, example = "5")]
    pub warning_threshold: Credits,
    /// To whom.
    pub warning_emails: Vec<WarningEmail>,
    /// Whether it may be used; `false` until an admin consents to a third-party service, where that is asked.
    pub enabled: bool,
    /// Why nothing may be spent, as `hosting-refused`; its credits are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// Which releases serve it: `^current`, or a requirement of semantic versions.
    #[schema(example = "^current")]
    pub version_requirement: String,
    /// Version of the release that serves it; absent for a remote provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.2.0")]
    pub release: Option<String>,
    /// A newer major version, which serves it once an admin has agreed: `PATCH` with `major`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2.0.0")]
    pub offered_major: Option<String>,
    /// It is a vendor's own for trying its service: credits are play money. Absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub test: bool,
    /// Whether its database itself or the operator opened it or vouches for it: that a request names a database proves nothing.
    pub vouched: bool,
    /// Databases that showed its token.
    pub seen_elsewhere: Vec<SeenElsewhere>,
    /// When it was opened, RFC 3339.
    pub created_at: String,
}

/// Credits of an account in all.
pub fn balance(row: &AccountRow) -> Credits {
    row.available.checked_add(row.held).unwrap_or(Credits::MAX)
}

/// The service of an account, if this host has it.
pub fn service(app: &App, row: &AccountRow) -> Result<std::sync::Arc<Service>, Problem> {
    let missing = || {
        Problem::new(
            NOT_FOUND,
            format!("the service of {} is not loaded on this host; ask the operator to load its plugin", row.id),
        )
    };
    app.catalog.by_id(row.service).ok_or_else(missing)
}

/// Wire name of the service of an account, whether or not this host has it.
pub async fn service_name(app: &App, row: &AccountRow) -> Result<String, StoreError> {
    if let Some(service) = app.catalog.by_id(row.service) {
        return Ok(service.name.clone());
    }
    let known = app.store.services().all().await?.into_iter().find(|service| service.id == row.service);
    known.map(|service| service.name).ok_or_else(|| StoreError::Engine(format!("the service of {} is missing", row.id)))
}

/// Where an account is at home.
pub async fn home(app: &App, row: &AccountRow) -> Result<Option<DatabaseRow>, StoreError> {
    match row.database {
        Some(id) => app.store.databases().get(id).await,
        None => Ok(None),
    }
}

/// What is shown of an account.
pub async fn show(app: &App, row: &AccountRow) -> Result<Account, Problem> {
    let mut seen_elsewhere = Vec::new();
    for (id, decision) in app.store.accounts().elsewhere(row.id).await? {
        if let Some(database) = app.store.databases().get(id).await? {
            seen_elsewhere.push(SeenElsewhere { database: database.dbuuid, decision });
        }
    }
    let line = app.catalog.by_id(row.service).and_then(|service| app.catalog.line(&service.name));
    let resolved = line.as_ref().map(|line| line.resolve(row)).unwrap_or_default();
    let release = line.as_ref().and_then(|line| {
        let face = line.faces.get(&resolved.serves?)?;
        Some(face.release.as_ref()?.manifest().service.version.to_string())
    });
    Ok(Account {
        id: row.id,
        service: service_name(app, row).await?,
        database: home(app, row).await?.map(|database| database.dbuuid),
        companies: companies(row)?,
        balance: balance(row),
        held: row.held,
        available: row.available,
        debt: Some(row.debt).filter(|debt| debt.is_positive()),
        spending_caps: caps::of_account(app, row.id).await?,
        warn_me: row.warnings.warn_me,
        warning_threshold: row.warnings.threshold,
        warning_emails: serde_json::from_str(&row.warnings.emails).map_err(Problem::host)?,
        enabled: row.enabled,
        suspended: row.suspended.clone(),
        version_requirement: row.version_requirement.clone(),
        release,
        offered_major: resolved.offered_major.map(|version| version.to_string()),
        test: row.test,
        vouched: row.vouched,
        seen_elsewhere,
        created_at: rfc3339(row.created_at),
    })
}

/// Companies that an account is restricted to.
pub fn companies(row: &AccountRow) -> Result<Option<Vec<String>>, Problem> {
    row.companies.as_deref().map(serde_json::from_str).transpose().map_err(Problem::host)
}

/// Meets an account that the caller opens. By its own token as Odoo would, which also gives a trial
/// that is due; by the token of its database or the operator as its home.
pub async fn met(app: &App, caller: &Caller, service: &Service, row: AccountRow, door: Door) -> Result<Met, Problem> {
    if let Caller::Accounts { token: Some(token), .. } = caller {
        let contact = Contact { token: token.clone(), dbuuid: None, door };
        return Ok(contact.meet(&app.store, &app.keys, &app.config, service).await?);
    }
    let database = home(app, &row).await?;
    let standing = match accounts::ask(door, service, accounts::hosting_of(database.as_ref(), &app.config), Some(&row))
    {
        Standing::Active if !row.enabled => {
            let message = format!(
                "{} is not enabled on this account; PATCH it with {{\"enabled\": true}} to consent",
                service.title
            );
            Standing::Refused { code: "consent-needed", message }
        }
        standing => standing,
    };
    let row = match &standing {
        Standing::Active => accounts::give_if_due(&app.store, service, row, database.as_ref()).await?,
        Standing::Refused { .. } => row,
    };
    Ok(Met { account: Some(row), database, standing })
}
