//! What a release reaches and answers: hosts, settings, permissions, limits, hooks and routes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Kind};
use crate::manifest::{Endpoint, Hook, Limits, Manifest, Permissions, Route, show_size, show_span};

/// `https://host[:port]` of an endpoint, without the usual port.
fn origin(endpoint: &Endpoint) -> &str {
    let url = endpoint.base_url.as_str();
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let origin = url[host..].find('/').map_or(url, |path| &url[..host + path]);
    origin.strip_suffix(":443").unwrap_or(origin)
}

fn host(endpoint: &Endpoint) -> &str {
    let origin = origin(endpoint);
    let host = origin.rsplit_once("://").map_or(origin, |(_, host)| host);
    host.split_once(':').map_or(host, |(host, _)| host)
}

/// `[[http]]` and `data_hosts`: no host that was not reached before, and no method to it; by which endpoint does
/// not matter, and where below a host neither.
pub(super) fn endpoints(found: &mut Found, old: &Manifest, new: &Manifest) {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for endpoint in &old.endpoints {
        known.entry(origin(endpoint)).or_default().extend(endpoint.methods.iter().map(String::as_str));
    }
    for endpoint in &new.endpoints {
        let place = format!("[[http]] {:?}", endpoint.name);
        let before = old.endpoint(&endpoint.name);
        match known.get(origin(endpoint)) {
            None => found.breaks(Kind::Endpoint, &place, format!("reaches {}, which is new", origin(endpoint))),
            Some(methods) => {
                let added: Vec<&str> =
                    endpoint.methods.iter().map(String::as_str).filter(|m| !methods.contains(m)).collect();
                if !added.is_empty() {
                    found.breaks(
                        Kind::Endpoint,
                        &place,
                        format!("sends {} to {}, which is new", added.join(", "), origin(endpoint)),
                    );
                } else if before.is_none() {
                    found.notes(
                        Kind::Endpoint,
                        &place,
                        format!("is new, to {}, which was reached before", origin(endpoint)),
                    );
                }
            }
        }
        let Some(before) = before else { continue };
        if before.base_url != endpoint.base_url {
            found.notes(
                Kind::Endpoint,
                &place,
                format!("base_url changes from {} to {}", before.base_url, endpoint.base_url),
            );
        }
        if before.auth != endpoint.auth {
            found.notes(Kind::Endpoint, &place, "auth changes");
        }
    }
    for endpoint in old.endpoints.iter().filter(|endpoint| new.endpoint(&endpoint.name).is_none()) {
        found.notes(Kind::Endpoint, &format!("[[http]] {:?}", endpoint.name), "is gone");
    }
    let (before, after) = (&old.service.data_hosts, &new.service.data_hosts);
    for added in after.iter().filter(|host| !before.contains(*host)) {
        let was_reached = old.endpoints.iter().any(|endpoint| host(endpoint) == added);
        found.tell(Kind::DataHost, !was_reached, "[service] data_hosts", format!("data goes to {added} now"));
    }
    for removed in before.iter().filter(|host| !after.contains(*host)) {
        found.notes(Kind::DataHost, "[service] data_hosts", format!("data no longer goes to {removed}"));
    }
}

/// `[[config]]` and `[[secrets]]`: nothing that an admin was promised, but somebody has to set them.
pub(super) fn settings(found: &mut Found, old: &Manifest, new: &Manifest) {
    for value in &new.config {
        let place = format!("[[config]] {:?}", value.name);
        let before = old.config.iter().find(|other| other.name == value.name);
        match before {
            Some(before) if before.required == value.required || !value.required => {}
            _ if value.required => {
                found.notes(Kind::Config, &place, "is required now; set it before this release serves")
            }
            _ => found.notes(Kind::Config, &place, "is new"),
        }
        if before.is_some_and(|before| before.ty != value.ty) {
            found.notes(Kind::Config, &place, "what it may be changes; check what is set");
        }
        if let Some(before) = before.filter(|before| before.default != value.default) {
            let [old, new] = [&before.default, &value.default]
                .map(|text| text.as_ref().map_or("none".to_owned(), |text| format!("{text:?}")));
            found.notes(Kind::Config, &place, format!("the default changes from {old} to {new}"));
        }
    }
    for value in old.config.iter().filter(|value| new.config.iter().all(|other| other.name != value.name)) {
        found.notes(Kind::Config, &format!("[[config]] {:?}", value.name), "is gone");
    }
    for secret in new.secrets.iter().filter(|secret| old.secrets.iter().all(|other| other.name != secret.name)) {
        found.notes(
            Kind::Secret,
            &format!("[[secrets]] {:?}", secret.name),
            "is new; set it before this release serves",
        );
    }
    for secret in old.secrets.iter().filter(|secret| new.secrets.iter().all(|other| other.name != secret.name)) {
        found.notes(Kind::Secret, &format!("[[secrets]] {:?}", secret.name), "is gone");
    }
}

pub(super) fn permissions(found: &mut Found, old: &Permissions, new: &Permissions) {
    const PLACE: &str = "[permissions]";
    for (name, old, new) in [("store", old.store, new.store), ("blobs", old.blobs, new.blobs)] {
        if old != new {
            let text = format!("{name} goes from {} to {}", show_size(old), show_size(new));
            found.tell(Kind::Permission, new > old, PLACE, text);
        }
    }
    for (name, old, new) in [("jobs", old.jobs, new.jobs), ("callback", old.callback, new.callback)] {
        if old != new {
            found.tell(Kind::Permission, new, PLACE, format!("{name} is {}", if new { "new" } else { "gone" }));
        }
    }
}

pub(super) fn limits(found: &mut Found, old: &Limits, new: &Limits) {
    let memory = |limits: &Limits| show_size(limits.memory);
    let time = |time: std::time::Duration| format!("{} ms", time.as_millis());
    for (name, old, new) in [
        ("memory", memory(old), memory(new)),
        ("time", time(old.time), time(new.time)),
        ("job_time", time(old.job_time), time(new.job_time)),
    ] {
        if old != new {
            found.notes(Kind::Limit, "[limits]", format!("{name} goes from {old} to {new}"));
        }
    }
}

pub(super) fn hooks(found: &mut Found, old: &[Hook], new: &[Hook]) {
    let place = |hook: &Hook| format!("[[hooks]] {:?}", hook.path);
    for hook in old {
        match new.iter().find(|other| other.path == hook.path) {
            None => found.breaks(Kind::Hook, &place(hook), "is gone"),
            Some(other) if other.once != hook.once => {
                let [old, new] =
                    [hook, other].map(|hook| hook.once.map_or("none".to_owned(), |once| show_span(once.as_secs())));
                found.notes(Kind::Hook, &place(hook), format!("once goes from {old} to {new}"));
            }
            Some(_) => {}
        }
    }
    for hook in new.iter().filter(|hook| old.iter().all(|other| other.path != hook.path)) {
        found.notes(Kind::Hook, &place(hook), "is new");
    }
}

/// Routes are the same where they answer the same paths, whatever their segments are called.
pub(super) fn routes(found: &mut Found, old: &[Route], new: &[Route]) {
    let place = |route: &Route| format!("[[routes]] {:?}", route.path);
    for route in old {
        match new.iter().find(|other| shape(other) == shape(route)) {
            None => found.breaks(Kind::Route, &place(route), "is gone"),
            Some(other) => changed(found, &place(other), route, other),
        }
    }
    for route in new.iter().filter(|route| old.iter().all(|other| shape(other) != shape(route))) {
        found.notes(Kind::Route, &place(route), format!("is new, answered by {:?}", route.operation));
    }
}

fn shape(route: &Route) -> Vec<&str> {
    route.path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect()
}

/// Blobs are told of the operation: every door takes out the same.
fn changed(found: &mut Found, place: &str, old: &Route, new: &Route) {
    if old.operation != new.operation {
        let text = format!("is answered by {:?} instead of {:?}", new.operation, old.operation);
        found.breaks(Kind::Route, place, text);
    }
    for (name, old, new, may_come) in [
        ("account", &old.account, &new.account, false),
        // Reading what was sent before and not read hurts nobody.
        ("database", &old.database, &new.database, true),
        ("callback", &old.callback, &new.callback, true),
    ] {
        if old != new {
            let shown = |member: &Option<String>| member.as_ref().map_or("none".to_owned(), |name| format!("{name:?}"));
            let text = format!("{name} changes from {} to {}", shown(old), shown(new));
            found.tell(Kind::Route, !(may_come && old.is_none()), place, text);
        }
    }
    if old.max_body != new.max_body {
        let text = format!("max_body goes from {} to {}", show_size(old.max_body), show_size(new.max_body));
        found.tell(Kind::Route, new.max_body < old.max_body, place, text);
    }
}
