//! Balance, account information and warnings (protocol reference §5).

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use iap_core::{Credits, hosting::Door, identity::AccountToken, manifest::InformationSource};
use iap_store::repositories::{AccountRow, Warnings};
use serde_json::{Map, Value, json};

use super::{
    envelope::{Envelope, MAX_BODY, answer, failure},
    errors::Wrong,
    params::Params,
};
use crate::{accounts::Contact, app::App, catalog::Service};

/// Accounts looked at in one request.
const MAX_ACCOUNTS: usize = 500;
/// Largest list of warning addresses, as JSON.
const MAX_EMAILS: usize = 16 * 1024;

/// `POST /iap/1/balance` (13–19): a bare number, never an error that the client cannot take.
pub async fn balance(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |envelope: &Envelope| {
        let params = Params(&envelope.params);
        let (token, dbuuid) = (params.token("account_token")?, params.dbuuid()?);
        let name = params.required_text("service_name")?;
        let Some(service) = app.catalog.service(name) else { return Ok(number(Credits::ZERO)) };
        let contact = Contact { token, dbuuid, door: Door::Balance };
        match contact.meet(&app.store, &app.keys, &app.config, &service).await {
            Ok(met) if met.standing.code() == "account-disabled" => Ok(number(Credits::ZERO)),
            Ok(met) => Ok(number(met.account.map_or(Credits::ZERO, |account| account.available))),
            // Whoever may not open an account here has no credits here.
            Err(crate::accounts::ContactError::Refused { .. }) => Ok(number(Credits::ZERO)),
            Err(error) => Err(Wrong::from_contact(error)),
        }
    })
    .await
}

/// `POST /iap/services-token` (17): a list with exactly the keys that the client writes as records, and
/// only tokens that it sent.
pub async fn services_token(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |envelope: &Envelope| {
        let params = Params(&envelope.params);
        let mut list = Vec::new();
        for sent in params.list("iap_accounts")?.iter().take(MAX_ACCOUNTS).filter_map(Value::as_str) {
            let Ok(token) = AccountToken::parse(sent) else { continue };
            let hashes = app.keys.account_token(token.as_str());
            for account in app.store.accounts().all_by_token(&hashes.mac).await? {
                let Some(service) = app.catalog.by_id(account.service) else { continue };
                let first_email = first_email(&account.warnings.emails);
                list.push(json!({
                    "account_token": sent,
                    "balance": number(shown(&account, &token)),
                    "service_name": service.name,
                    "description": service.title,
                    "unit_name": unit_name(&service),
                    "warn_me": account.warnings.warn_me,
                    "warning_threshold": number(account.warnings.threshold),
                    "warning_email": first_email.map_or(Value::Bool(false), Value::String),
                    "account_uuid_hashed": hashes.sha1,
                }));
            }
        }
        Ok(Value::Array(list))
    })
    .await
}

/// `POST /iap/1/get-accounts-information` (18, 19): by token, with the three keys that the client needs.
pub async fn information(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |envelope: &Envelope| {
        let params = Params(&envelope.params);
        let dbuuid = params.dbuuid()?;
        let mut found = Map::new();
        for asked in params.list("iap_accounts")?.iter().take(MAX_ACCOUNTS).filter_map(Value::as_object) {
            let asked = Params(asked);
            let (Ok(Some(sent)), Ok(Some(name))) = (asked.text("token"), asked.text("service")) else { continue };
            let (Ok(token), Some(service)) = (AccountToken::parse(sent), app.catalog.service(name)) else { continue };
            let contact = Contact { token: token.clone(), dbuuid: dbuuid.clone(), door: Door::AccountInformation };
            let met = match contact.meet(&app.store, &app.keys, &app.config, &service).await {
                Ok(met) => met,
                Err(crate::accounts::ContactError::Refused { .. }) => continue,
                Err(error) => return Err(Wrong::from_contact(error)),
            };
            let Some(account) = met.account else { continue };
            found.insert(sent.to_owned(), describe(&app, &service, &account, &token).await?);
        }
        Ok(Value::Object(found))
    })
    .await
}

async fn describe(app: &App, service: &Service, account: &AccountRow, token: &AccountToken) -> Result<Value, Wrong> {
    let mut value = json!({
        "balance": number(shown(account, token)),
        "warning_threshold": number(account.warnings.threshold),
        "registered": false,
        "service": {
            "description": service.title,
            "packs": service.packs.iter().map(|pack| json!({
                "name": pack.name,
                "credit": number(pack.credits),
                "price": pack.prices.first().map_or_else(String::new, ToString::to_string),
            })).collect::<Vec<_>>(),
        },
    });
    let manifest = service.release.as_ref().map(|release| release.manifest());
    for (name, source) in manifest.iter().flat_map(|manifest| &manifest.account_information) {
        value[name.as_str()] = match source {
            InformationSource::Text(text) => Value::from(text.as_str()),
            InformationSource::Store(key) => {
                let key = key.replace("{account}", &account.id.to_string());
                let stored = app.store.store_values().get(service.id, 0, &key).await?;
                stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Bool(false))
            }
        };
    }
    Ok(value)
}

/// `POST /iap/update-warning-odoo` (17): only what was edited is set.
pub async fn update_warning(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |envelope: &Envelope| {
        let params = Params(&envelope.params);
        let token = params.token("account_token")?;
        let threshold = params.credits("warning_threshold")?;
        let email = params.text("warning_email")?;
        let warn_me = envelope.params.get("warn_me").and_then(Value::as_bool);
        let edit = |warnings: &mut Warnings| {
            warnings.warn_me = warn_me.unwrap_or(warnings.warn_me);
            warnings.threshold = threshold.unwrap_or(warnings.threshold);
            if let Some(email) = email {
                warnings.emails = json!([{ "email": email, "lang_code": "en_US" }]).to_string();
            }
        };
        set_warnings(&app, &token, edit).await
    })
    .await
}

/// `POST /iap/1/update-warning-email-alerts` (18, 19): threshold 0 is no alert.
pub async fn update_warning_emails(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |envelope: &Envelope| {
        let params = Params(&envelope.params);
        let token = params.token("account_token")?;
        let threshold = params.credits("warning_threshold")?.unwrap_or(Credits::ZERO);
        let emails = params.list("warning_emails")?.iter().filter_map(|entry| {
            let email = entry.get("email")?.as_str()?;
            let language = entry.get("lang_code").and_then(Value::as_str).unwrap_or("en_US");
            Some(json!({ "email": email, "lang_code": language }))
        });
        let emails = Value::from_iter(emails).to_string();
        let edit = |warnings: &mut Warnings| {
            warnings.warn_me = threshold.is_positive() && emails != "[]";
            warnings.threshold = threshold;
            warnings.emails.clone_from(&emails);
        };
        set_warnings(&app, &token, edit).await
    })
    .await
}

async fn set_warnings(app: &App, token: &AccountToken, edit: impl Fn(&mut Warnings)) -> Result<Value, Wrong> {
    if token.is_disabled() {
        return Ok(Value::Bool(true));
    }
    let hashes = app.keys.account_token(token.as_str());
    let accounts = app.store.accounts().all_by_token(&hashes.mac).await?;
    if accounts.is_empty() {
        return Err(Wrong::user(
            "account_token: no account has been opened with this token yet; use the service or open the buy page once"
                .to_owned(),
        ));
    }
    let mut statements = Vec::new();
    for account in accounts {
        let mut warnings = account.warnings.clone();
        edit(&mut warnings);
        if warnings.threshold < Credits::ZERO {
            return Err(Wrong::user("warning_threshold must be 0 (no alert) or more".to_owned()));
        }
        if MAX_EMAILS < warnings.emails.len() {
            return Err(Wrong::user("warning_emails has too many addresses; keep a few".to_owned()));
        }
        statements.push(app.store.accounts().warn(account.id, &warnings));
    }
    app.store.write(statements).await?;
    Ok(Value::Bool(true))
}

async fn respond(app: &App, body: Body, handle: impl AsyncFnOnce(&Envelope) -> Result<Value, Wrong>) -> Response {
    match Envelope::read(&app.bodies, body, MAX_BODY).await {
        Ok(envelope) => answer(&envelope.id, handle(&envelope).await),
        Err((id, wrong)) => failure(&id, &wrong),
    }
}

/// The balance to show: none for a neutralized copy.
fn shown(account: &AccountRow, token: &AccountToken) -> Credits {
    if token.is_disabled() { Credits::ZERO } else { account.available }
}

/// Credits as a bare JSON number.
pub(super) fn number(credits: Credits) -> Value {
    serde_json::from_str(&credits.to_wire_number()).unwrap_or(Value::Null)
}

fn unit_name(service: &Service) -> String {
    let mut unit = service.unit.clone();
    if let Some(first) = unit.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    unit + "s"
}

fn first_email(emails: &str) -> Option<String> {
    let list: Vec<Map<String, Value>> = serde_json::from_str(emails).ok()?;
    list.first()?.get("email")?.as_str().map(str::to_owned)
}
