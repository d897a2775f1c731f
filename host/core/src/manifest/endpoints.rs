//! `[[http]]`, and the config values and secrets that it and the plugin use.

use std::collections::BTreeSet;

use super::{
    Auth, ConfigType, ConfigValue, Endpoint, SecretName, Table, Value, ValueRef,
    config::config_type,
    suggest,
    values::{is_host, plain_name, shown},
};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
/// Headers that frame the request; the host sets them itself.
const FRAMING: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te"];

/// Config values and secrets, as declared and as implied by their use.
pub(super) type Declared = (Vec<ConfigValue>, Vec<SecretName>);

/// Reads `[[config]]` and `[[secrets]]`.
pub(super) fn declared(config: Vec<Table<'_, '_>>, secrets: Vec<Table<'_, '_>>) -> Declared {
    let mut names = BTreeSet::new();
    let config = config.into_iter().filter_map(|table| config_value(table, &mut names)).collect();
    let mut names = BTreeSet::new();
    let secrets = secrets.into_iter().filter_map(|table| secret(table, &mut names)).collect();
    (config, secrets)
}

fn config_value(table: Table<'_, '_>, names: &mut BTreeSet<String>) -> Option<ConfigValue> {
    let mut table = table.named_by("name");
    let name = table.unique("name", "account-id", plain_name, names);
    let description = table.required("description", "What the operator has to enter here.", shown(300));
    let ty = config_type(&mut table);
    let default = table.text("default").and_then(|default| {
        default.read(|text| ty.check(text).map_err(|why| format!("{text:?} {why}")).map(|()| text.to_owned()))
    });
    let required = table.flag("required");
    if required && default.is_some() {
        table.error("has a default, so it cannot be missing; remove \"required\" or \"default\"");
    }
    table.finish();
    Some(ConfigValue { name: name?, description: description?, ty, default, required })
}

fn secret(table: Table<'_, '_>, names: &mut BTreeSet<String>) -> Option<SecretName> {
    let mut table = table.named_by("name");
    let name = table.unique("name", "api-key", plain_name, names);
    let description = table.required("description", "What the operator has to enter here.", shown(300));
    table.finish();
    Some(SecretName { name: name?, description: description? })
}

/// Reads `[[http]]`. Values that credentials name without a declaration are declared by that.
pub(super) fn endpoints(tables: Vec<Table<'_, '_>>, mut declared: Declared) -> (Vec<Endpoint>, Declared) {
    let mut names = BTreeSet::new();
    let endpoints: Vec<Endpoint> = tables.into_iter().filter_map(|table| endpoint(table, &mut names)).collect();
    for endpoint in &endpoints {
        for value in endpoint.auth.iter().flat_map(Auth::values) {
            declare(&mut declared, value, &endpoint.name);
        }
    }
    (endpoints, declared)
}

fn declare((config, secrets): &mut Declared, value: &ValueRef, endpoint: &str) {
    let description = format!("For requests to {endpoint:?}.");
    match value {
        ValueRef::Config(name) if config.iter().all(|known| known.name != *name) => {
            config.push(ConfigValue {
                name: name.clone(),
                description,
                ty: ConfigType::Text,
                default: None,
                required: true,
            });
        }
        ValueRef::Secret(name) if secrets.iter().all(|known| known.name != *name) => {
            secrets.push(SecretName { name: name.clone(), description });
        }
        ValueRef::Config(_) | ValueRef::Secret(_) => {}
    }
}

fn endpoint(table: Table<'_, '_>, names: &mut BTreeSet<String>) -> Option<Endpoint> {
    let mut table = table.named_by("name");
    let name = table.unique("name", "carrier", plain_name, names);
    let base_url = table.required("base_url", "https://api.example.com", base_url);
    let mut methods: Vec<String> = Vec::new();
    for method in table.texts("methods") {
        if let Some(name) = method.read(|text| match METHODS.contains(&text) {
            true => Ok(text.to_owned()),
            false => Err(format!("{text:?} is no method; {}", suggest::remedy(&text.to_uppercase(), METHODS))),
        }) {
            if methods.contains(&name) {
                method.error(format_args!("{name:?} stands here twice; remove one"));
            } else {
                methods.push(name);
            }
        }
    }
    if !table.has("methods") {
        table.error("\"methods\" is missing; add methods = [\"POST\"]");
    }
    let auth = table.table("auth").and_then(auth);
    table.finish();
    Some(Endpoint { name: name?, base_url: base_url?, methods, auth })
}

/// `https://host[:port][/path]`.
fn base_url(text: &str) -> Result<String, String> {
    if text.starts_with("http://") {
        return Err(format!("{text:?} must begin with https://; the operator may override it on the host"));
    }
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_authority = |authority: &str| match authority.split_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(authority),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
    let is_segment =
        |segment: &str| !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(allowed);
    let fits = |text: &str| {
        text.strip_prefix("https://").is_some_and(|rest| {
            let mut parts = rest.split('/');
            parts.next().is_some_and(is_authority) && parts.all(is_segment)
        })
    };
    match text.trim_end_matches('/') {
        trimmed if !fits(trimmed) => {
            Err(format!("{text:?} is no base address; write one as \"https://api.example.com/v2\""))
        }
        trimmed if trimmed != text => Err(format!("{text:?} must not end with \"/\"; write {trimmed:?}")),
        _ => Ok(text.to_owned()),
    }
}

fn auth(mut table: Table<'_, '_>) -> Option<Auth> {
    let basic = table.texts("basic");
    let bearer = table.text("bearer");
    let header = table.table("header");
    let query = table.table("query");
    let written = ["basic", "bearer", "header", "query"].into_iter().filter(|kind| table.has(kind)).count();
    if written != 1 {
        table.error(format_args!(
            "has {written} kinds of credentials; write exactly one of basic, bearer, header and query"
        ));
    }
    let place = table.place();
    table.finish();
    if let [user, password] = basic.as_slice() {
        let (user, password) = (value_ref(user), value_ref(password));
        return Some(Auth::Basic(user?, password?));
    }
    if !basic.is_empty() {
        place.error("\"basic\" takes two values; write basic = [\"config:user\", \"secret:password\"]");
    }
    if let Some(bearer) = bearer {
        return value_ref(&bearer).map(Auth::Bearer);
    }
    if let Some(header) = header {
        return named_value(header, "X-Api-Key", header_name).map(|(name, value)| Auth::Header(name, value));
    }
    named_value(query?, "key", query_name).map(|(name, value)| Auth::Query(name, value))
}

fn named_value(
    mut table: Table<'_, '_>,
    example: &str,
    read: fn(&str) -> Result<String, String>,
) -> Option<(String, ValueRef)> {
    let name = table.required("name", example, read);
    let value = table.required_text("value", "secret:api-key").and_then(|value| value_ref(&value));
    table.finish();
    Some((name?, value?))
}

fn header_name(text: &str) -> Result<String, String> {
    if FRAMING.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("{text:?} is set by the host; use another header"));
    }
    let fits =
        (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name of a header; write one as \"X-Api-Key\"")) }
}

fn query_name(text: &str) -> Result<String, String> {
    let fits = (1..=60).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no name of a query parameter; write one as \"key\""))
    }
}

fn value_ref(value: &Value<'_, '_, &str>) -> Option<ValueRef> {
    value.read(|text| match text.split_once(':') {
        Some(("config", name)) => plain_name(name).map(ValueRef::Config),
        Some(("secret", name)) => plain_name(name).map(ValueRef::Secret),
        // Not shown: people who miss the prefix write the secret itself.
        _ => Err(
            "must name a value, as \"config:account-id\" or \"secret:api-key\"; credentials never stand in plugin.toml"
                .to_owned(),
        ),
    })
}
