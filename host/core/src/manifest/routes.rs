//! `[[routes]]` and `[[hooks]]`: what the service answers, and where.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{
    Hook, MANIFEST_FILE, Manifest, ManifestError, ManifestErrors, Route, Table, Value, suggest,
    values::{USUAL_BODY, is_member, max_body, member, pointer, span},
};
use crate::hosting::VendorKind;

/// For how long deliveries of a hook may be known again, in seconds: a minute to 30 days.
const ONCE: RangeInclusive<u64> = 60..=30 * 86_400;
/// Longest path, in characters.
const MAX_PATH: usize = 200;
/// Paths that the host answers itself; `**` is any rest.
const OF_THE_HOST: [&str; 15] = [
    "/iap/1/**",
    "/iap/services",
    "/iap/services-token",
    "/iap/update-warning-odoo",
    "/1/account",
    "/v1/**",
    "/hooks/**",
    "/my/**",
    "/login",
    "/logout",
    "/static/**",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
];

/// Reads `[[hooks]]`.
pub(super) fn hooks(tables: Vec<Table<'_, '_>>) -> Vec<Hook> {
    let mut seen = BTreeSet::new();
    let mut hook = |table: Table<'_, '_>| {
        let mut table = table.named_by("path");
        let path = table.unique("path", "status", hook_path, &mut seen);
        let once = table.optional("once", span(ONCE));
        table.finish();
        Some(Hook { path: path?, once })
    };
    tables.into_iter().filter_map(&mut hook).collect()
}

fn hook_path(text: &str) -> Result<String, String> {
    if text.len() <= MAX_PATH && text.split('/').all(is_literal) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no path below the service's hooks; write one without \"/\" at either end, as \"status\""))
}

fn is_literal(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-');
    !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(allowed)
}

/// The name in a segment `{name}`.
fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}').filter(|name| is_member(name))
}

/// Reads `[[routes]]` of a service, whose name is `None` where it has a mistake of its own.
pub(super) fn routes(
    tables: Vec<Table<'_, '_>>,
    service: Option<&str>,
    operations: &BTreeSet<String>,
    may_keep_blobs: bool,
) -> Vec<Route> {
    let mut shapes = BTreeSet::new();
    let read = |table| route(table, service, operations, may_keep_blobs, &mut shapes);
    tables.into_iter().filter_map(read).collect()
}

fn route(
    table: Table<'_, '_>,
    service: Option<&str>,
    operations: &BTreeSet<String>,
    may_keep_blobs: bool,
    shapes: &mut BTreeSet<String>,
) -> Option<Route> {
    let mut table = table.named_by("path");
    let path =
        table.required_text("path", "/iap/s/my_service/send").and_then(|path| route_path(&path, service, shapes));
    let known = operations.iter().map(String::as_str);
    let operation = table.required("operation", "send", |text| match operations.contains(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no operation of this service; {}", suggest::remedy(text, known))),
    });
    let account = table.required("account", "account_token", |text| match text {
        "none" => Ok(None),
        _ => member(text).map(Some),
    });
    let database = table.optional("database", member);
    let callback = table.optional("callback", member);
    let max_body = table.optional("max_body", max_body).unwrap_or(USUAL_BODY);
    let blobs = blobs(&mut table, may_keep_blobs);
    table.finish();
    Some(Route { path: path?, operation: operation?, account: account?, database, callback, max_body, blobs })
}

/// Reads `blobs` of a route or operation.
pub(super) fn blobs(table: &mut Table<'_, '_>, may_keep_blobs: bool) -> Vec<String> {
    let blobs: Vec<String> =
        table.texts("blobs").iter().filter_map(|blob| blob.read(pointer("/documents/*/pdf"))).collect();
    if !blobs.is_empty() && !may_keep_blobs {
        table.error("\"blobs\" needs room for them; add blobs = \"64 MiB\" to [permissions]");
    }
    blobs
}

fn route_path(value: &Value<'_, '_, &str>, service: Option<&str>, shapes: &mut BTreeSet<String>) -> Option<String> {
    let path = value.read(|text| {
        let mut names = BTreeSet::new();
        let segment = |segment: &str| {
            is_literal(segment) || placeholder(segment).is_some_and(|name| names.insert(name.to_owned()))
        };
        match text.strip_prefix('/') {
            Some(rest) if text.len() <= MAX_PATH && rest.split('/').all(segment) && !rest.starts_with('{') => {
                Ok(text.to_owned())
            }
            _ => Err(format!(
                "{text:?} is no path; write one as \"/api/sms/{{version}}/send\", without \"/\" at its end"
            )),
        }
    })?;
    if let Some(reserved) = OF_THE_HOST.iter().find(|reserved| overlaps(&path, reserved)) {
        value.error(format_args!("{path:?} is answered by the host ({reserved}); choose another path"));
        return None;
    }
    if let Some(service) = service.filter(|service| overlaps(&path, "/iap/s/**") && !is_own(&path, service)) {
        value.error(format_args!("{path:?} belongs to another service; write a path below \"/iap/s/{service}/\""));
        return None;
    }
    let shape: Vec<&str> =
        path.split('/').map(|segment| if placeholder(segment).is_some() { "{}" } else { segment }).collect();
    if !shapes.insert(shape.join("/")) {
        value.error(format_args!("{path:?} has a route already; remove one"));
    }
    Some(path)
}

fn is_own(path: &str, service: &str) -> bool {
    path.strip_prefix("/iap/s/").and_then(|rest| rest.strip_prefix(service)).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether some request path fits both a route and a reserved pattern.
fn overlaps(path: &str, reserved: &str) -> bool {
    let mut segments = path.split('/');
    for pattern in reserved.split('/') {
        match segments.next() {
            _ if pattern == "**" => return true,
            Some(segment) if segment == pattern || placeholder(segment).is_some() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// See [`Manifest::check_routes_for`].
pub(super) fn check_for(manifest: &Manifest, kind: VendorKind) -> Result<(), ManifestErrors> {
    let service = &manifest.service.name;
    let foreign = |route: &&Route| match kind {
        VendorKind::FirstParty => false,
        VendorKind::ThirdParty => !is_own(&route.path, service),
    };
    let error = |route: &Route| ManifestError {
        file: MANIFEST_FILE.to_owned(),
        line: None,
        column: None,
        message: format!(
            "[[routes]] {:?}: only first-party services answer paths outside /iap/s/{service}/; write a path below it",
            route.path
        ),
    };
    let errors: Vec<ManifestError> = manifest.routes.iter().filter(foreign).map(error).collect();
    if errors.is_empty() { Ok(()) } else { Err(ManifestErrors::new(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_may_not_reach_what_the_host_answers() {
        for (path, reserved, expected) in [
            ("/iap/1/balance", "/iap/1/**", true),
            ("/iap/1", "/iap/1/**", true),
            ("/iap/{generation}/balance", "/iap/1/**", true),
            ("/iap/10/balance", "/iap/1/**", false),
            ("/iap/services", "/iap/services", true),
            ("/iap/{page}", "/iap/services", true),
            ("/iap/services/x", "/iap/services", false),
            ("/api/sms/3/send", "/iap/1/**", false),
        ] {
            assert_eq!(overlaps(path, reserved), expected, "{path} {reserved}");
        }
    }

    #[test]
    fn a_service_owns_what_is_below_its_name() {
        assert!(is_own("/iap/s/sms/send", "sms"));
        for path in ["/iap/s/sms", "/iap/s/sms2/send", "/iap/s/{any}/send", "/api/sms/send"] {
            assert!(!is_own(path, "sms"), "{path}");
        }
    }
}
