//! `/v1/services/{service}/secrets`: set and taken away, never shown.

use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, http::StatusCode};
use iap_store::repositories::{SecretRow, ServiceSecrets};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{
    auth::Caller,
    body::{Json, Segments},
    config::{service_for, store, undeclared},
    problem::Problem,
};
use crate::{
    app::App,
    clock::rfc3339,
    settings::{Declared, Source},
};

/// Shorter ones could not be told from innocent bytes, and would not be redacted.
const SHORTEST: usize = 6;
const LONGEST: usize = 8 << 10;

/// A secret of a service, without what it says.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SecretEntry {
    /// `[[secrets]]` name.
    #[schema(example = "api-key")]
    pub name: String,
    /// What to set, in the vendor's words; absent if no release declares it any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the one that counts comes from: `settings_file`, `stored` or `missing`.
    pub source: Source,
    /// `false` if it is stored and this host's key does not open it: set it again.
    pub readable: bool,
    /// When it was set here, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
    /// Who set it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// Secrets of a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SecretEntries {
    /// All that are declared or set.
    pub items: Vec<SecretEntry>,
}

/// A secret to set. There is no `Debug` of it.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// It is not shown again.
    #[serde(deserialize_with = "text")]
    value: String,
}

/// A text; whatever else it is, no error repeats it.
fn text<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(reader) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        _ => Err(D::Error::custom("must be a text in quotes")),
    }
}

/// What is wrong with it, without what it is.
fn check(value: &str, in_header: bool) -> Result<(), &'static str> {
    if value.trim() != value {
        return Err("has blanks or line ends around it; send it without");
    }
    if value.len() < SHORTEST {
        return Err("must have at least 6 characters");
    }
    if LONGEST < value.len() {
        return Err("has more than 8 KiB");
    }
    if value.chars().any(|c| c.is_control() && c != '\n' && c != '\r') {
        return Err("has control characters");
    }
    if in_header && !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err("goes into a header, so it must be visible ASCII in one line");
    }
    Ok(())
}

fn entry(app: &App, service: &str, name: &str, declared: &Declared, stored: Option<&SecretRow>) -> SecretEntry {
    let in_file = app.config.services.get(service).is_some_and(|set| set.secrets.contains_key(name));
    let opens = |row: &SecretRow| app.keys.sealing().open(service, &row.name, &row.sealed).is_ok();
    let source = match stored {
        _ if in_file => Source::SettingsFile,
        Some(_) => Source::Stored,
        None => Source::Missing,
    };
    SecretEntry {
        name: name.to_owned(),
        description: declared.secrets.get(name).map(|of| of.description.clone()),
        source,
        readable: stored.is_none_or(opens),
        set_at: stored.map(|row| rfc3339(row.set_at)),
        author: stored.map(|row| row.author.clone()),
    }
}

/// Secrets of a service: which are declared, and which are set.
#[utoipa::path(get, path = "/v1/services/{service}/secrets", tag = "vendor", operation_id = "list_secrets",
    params(("service" = String, Path, example = "sms")), responses((status = 200, body = SecretEntries)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<Json<SecretEntries>, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    let declared = Declared::of(&app, &row).await?;
    let stored = app.store.service_secrets().of(row.id).await?;
    let names: BTreeSet<&String> = declared.secrets.keys().chain(stored.iter().map(|row| &row.name)).collect();
    let of = |name: &String| stored.iter().find(|row| row.name == *name);
    let items = names.into_iter().map(|name| entry(&app, &service, name, &declared, of(name))).collect();
    Ok(Json(SecretEntries { items }))
}

/// Set a secret.
///
/// It is sealed and never shown again. Calls that begin from now on use it, on other hosts within seconds. The host's
/// settings file wins over it.
#[utoipa::path(put, path = "/v1/services/{service}/secrets/{name}", tag = "vendor", operation_id = "set_secret",
    params(("service" = String, Path, example = "sms"), ("name" = String, Path, example = "api-key")),
    request_body = SecretRequest, responses((status = 200, body = SecretEntry)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, name)): Segments<(String, String)>,
    Json(body): Json<SecretRequest>,
) -> Result<Json<SecretEntry>, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    let declared = Declared::of(&app, &row).await?;
    if !declared.secrets.contains_key(&name) {
        return Err(undeclared("secret", &service, &name, declared.secrets.keys().cloned()));
    }
    check(&body.value, declared.goes_into_a_header(&name)).map_err(|why| Problem::invalid("value", why))?;
    let sealing = app.keys.sealing();
    let set = SecretRow {
        sealed: sealing.seal(&service, &name, &body.value),
        key_id: sealing.id().to_owned(),
        name: name.clone(),
        author: caller.author().to_owned(),
        set_at: app.store.clock().now(),
    };
    store(&app, &caller, &row, ("secret_set", &name), ServiceSecrets::set(row.id, set.clone())).await?;
    Ok(Json(entry(&app, &service, &name, &declared, Some(&set))))
}

/// Take a secret away that was set here.
#[utoipa::path(delete, path = "/v1/services/{service}/secrets/{name}", tag = "vendor", operation_id = "unset_secret",
    params(("service" = String, Path, example = "sms"), ("name" = String, Path, example = "api-key")),
    responses((status = 204, description = "It is not set here any more")))]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, name)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let row = service_for(&app, &caller, &service).await?;
    if app.store.service_secrets().of(row.id).await?.iter().any(|set| set.name == name) {
        store(&app, &caller, &row, ("secret_unset", &name), ServiceSecrets::unset(row.id, &name)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::v1::body::parse;

    #[test]
    fn no_error_repeats_a_secret() {
        for body in [
            r#"{"value": 123456789}"#,
            r#"{"value": ["hunter22"]}"#,
            r#"{"value": {"a": "hunter22"}}"#,
            r#"{"value": null}"#,
        ] {
            let Err(problem) = parse::<SecretRequest>(body.as_bytes()) else { panic!("{body} is taken") };
            assert!(
                !problem.detail.contains("hunter22") && !problem.detail.contains("123456789"),
                "{}",
                problem.detail
            );
            assert_eq!(problem.field.as_deref(), Some("value"), "{}", problem.detail);
        }
        assert_eq!(
            parse::<SecretRequest>(br#"{"value": "hunter22"}"#).map(|body| body.value).ok().as_deref(),
            Some("hunter22")
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        assert_eq!(check("-----BEGIN KEY-----\nabc\n-----END KEY-----", false), Ok(()));
        assert!(check("-----BEGIN KEY-----\nabc\n-----END KEY-----", true).is_err());
        for wrong in ["short", " hunter22", "hunter22\n", "hunter\u{0}22", &"x".repeat(LONGEST + 1)] {
            assert!(check(wrong, false).is_err(), "{wrong:?}");
        }
    }
}
