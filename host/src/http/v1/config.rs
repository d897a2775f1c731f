//! `/v1/services/{service}/config`: values that a release declares and its vendor or the operator sets.

use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, http::StatusCode};
use iap_store::{
    Statement,
    repositories::{ConfigRow, ServiceConfigs, ServiceRow},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Segments},
    problem::{NOT_FOUND, Problem},
};
use crate::{
    app::App,
    clock::rfc3339,
    settings::{Declared, Source},
};

/// A config value of a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigEntry {
    /// `[[config]]` name.
    #[schema(example = "sender")]
    pub name: String,
    /// What to set, in the vendor's words; absent if no release declares it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `text`, `number`, `integer`, `boolean`, `url` or `choice`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(example = "text")]
    pub ty: Option<String>,
    /// Whether the service does not work without it.
    pub required: bool,
    /// The value that counts; absent if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where it comes from. What the host's settings file says counts, whatever is set here.
    pub source: Source,
    /// When it was set here, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
    /// Who set it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// Config of a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigEntries {
    /// All values that are declared or set.
    pub items: Vec<ConfigEntry>,
}

/// A value to set.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRequest {
    /// Also numbers and booleans as a text.
    #[schema(example = "12")]
    pub value: String,
}

/// The service, if the caller may see and change its settings.
pub(super) async fn service_for(app: &App, caller: &Caller, name: &str) -> Result<ServiceRow, Problem> {
    let row = app.store.services().by_name(name).await?;
    let Some(row) = row else {
        caller.operator()?;
        return Err(Problem::new(NOT_FOUND, format!("there is no service {name:?}; GET /v1/catalog lists them")));
    };
    caller.vendor(&row.vendor, Scope::Settings)?;
    Ok(row)
}

/// Stores a change of a service's settings with its event, and has loaded releases take it up: on other hosts within seconds.
pub(super) async fn store(
    app: &App,
    caller: &Caller,
    service: &ServiceRow,
    (event, name): (&str, &str),
    change: Statement,
) -> Result<(), Problem> {
    let now = app.store.clock().now();
    let event = app.store.catalog_events().record(service.id, None, event, name, caller.author(), now);
    app.store.write(std::iter::once(change).chain(event).collect()).await?;
    Ok(app.reconfigure().await?)
}

/// Nothing has this name.
pub(super) fn undeclared(kind: &str, service: &str, name: &str, known: impl Iterator<Item = String>) -> Problem {
    let known: Vec<String> = known.collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Problem::new(NOT_FOUND, format!("{service:?} declares no {kind} {name:?}; declared are: {known}"))
}

fn entry(app: &App, service: &str, name: &str, declared: &Declared, stored: Option<&ConfigRow>) -> ConfigEntry {
    let of = declared.config.get(name);
    let in_file = app.config.services.get(service).and_then(|set| set.config.get(name));
    let default = of.and_then(|of| of.default.as_ref());
    let (value, source) = match (in_file, stored, default) {
        (Some(value), ..) => (Some(value.clone()), Source::SettingsFile),
        (None, Some(row), _) => (Some(row.value.clone()), Source::Stored),
        (None, None, Some(value)) => (Some(value.clone()), Source::Default),
        (None, None, None) => (None, Source::Missing),
    };
    ConfigEntry {
        name: name.to_owned(),
        description: of.map(|of| of.description.clone()),
        ty: of.map(|of| of.ty.name().to_owned()),
        required: of.is_some_and(|of| of.required),
        value,
        source,
        set_at: stored.map(|row| rfc3339(row.set_at)),
        author: stored.map(|row| row.author.clone()),
    }
}

/// Config of a service: what is declared and what is set.
#[utoipa::path(get, path = "/v1/services/{service}/config", tag = "vendor", operation_id = "list_config",
    params(("service" = String, Path, example = "sms")), responses((status = 200, body = ConfigEntries)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<Json<ConfigEntries>, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    let declared = Declared::of(&app, &row).await?;
    let stored = app.store.service_configs().of(row.id).await?;
    let names: BTreeSet<&String> = declared.config.keys().chain(stored.iter().map(|row| &row.name)).collect();
    let of = |name: &String| stored.iter().find(|row| row.name == *name);
    let items = names.into_iter().map(|name| entry(&app, &service, name, &declared, of(name))).collect();
    Ok(Json(ConfigEntries { items }))
}

/// Set a config value.
///
/// Calls that begin from now on see it, on other hosts within seconds. The host's settings file wins over it.
#[utoipa::path(put, path = "/v1/services/{service}/config/{name}", tag = "vendor", operation_id = "set_config",
    params(("service" = String, Path, example = "sms"), ("name" = String, Path, example = "sender")),
    request_body = ConfigRequest, responses((status = 200, body = ConfigEntry)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, name)): Segments<(String, String)>,
    Json(body): Json<ConfigRequest>,
) -> Result<Json<ConfigEntry>, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    let declared = Declared::of(&app, &row).await?;
    let Some(of) = declared.config.get(&name) else {
        return Err(undeclared("config value", &service, &name, declared.config.keys().cloned()));
    };
    of.ty.check(&body.value).map_err(|why| Problem::invalid("value", why))?;
    if declared.goes_into_a_header(&name) && !body.value.is_ascii() {
        return Err(Problem::invalid("value", "goes into a header, so it must be ASCII"));
    }
    let now = app.store.clock().now();
    let set = ConfigRow { name: name.clone(), value: body.value, author: caller.author().to_owned(), set_at: now };
    store(&app, &caller, &row, ("config_set", &name), ServiceConfigs::set(row.id, set.clone())).await?;
    Ok(Json(entry(&app, &service, &name, &declared, Some(&set))))
}

/// Take a config value away that was set here.
#[utoipa::path(delete, path = "/v1/services/{service}/config/{name}", tag = "vendor", operation_id = "unset_config",
    params(("service" = String, Path, example = "sms"), ("name" = String, Path, example = "sender")),
    responses((status = 204, description = "It is not set here any more")))]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, name)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    if app.store.service_configs().of(row.id).await?.iter().any(|set| set.name == name) {
        store(&app, &caller, &row, ("config_unset", &name), ServiceConfigs::unset(row.id, &name)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
