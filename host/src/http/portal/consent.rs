//! Consent: what a third party's service may do, and the button that enables it.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::Redirect};
use iap_core::{
    hosting::{Door, VendorKind},
    manifest::Manifest,
};
use maud::{Markup, html};

use super::{fields::Fields, prices, problem::Problem, text::size, visit::Visit};
use crate::{app::App, catalog::Service, config::Config};

/// `POST /iap/1/enable`: an admin has read what the service may do and enables it.
pub(super) async fn enable(State(app): State<Arc<App>>, body: Bytes) -> Result<Redirect, Problem> {
    let visit = Visit::open(&app, &Fields::of_body(&body)).await?;
    if let Some(message) = visit.refused_at(Door::Enable) {
        return Err(Problem::not_allowed(&message));
    }
    let account = &visit.account;
    app.store.write(vec![app.store.accounts().configure(account.id, true, &account.version_requirement)]).await?;
    tracing::info!(account = %account.id, service = %visit.service.name, "Account {} was enabled by consent", account.id);
    Ok(Redirect::to(&visit.link("/iap/1/credit", &[("enabled", "1")])))
}

/// What an admin reads before enabling a service.
pub(super) fn ask(visit: &Visit, config: &Config) -> Markup {
    let service = &visit.service;
    html! {
        section {
            h2 { "Permissions" }
            p { (origin(service, config)) }
            @match &service.release {
                Some(release) => { (permissions(release.manifest())) }
                None => { p { "This service runs at its vendor, who sees what your database sends to it. This host keeps the credits only." } }
            }
        }
        @if let Some(release) = &service.release {
            section {
                h2 { "Prices" }
                (prices::table(release.manifest()))
                p.soft.small { "Credits are prepaid: without a pack, nothing is charged. Prices are part of the version: the service cannot change them by itself." }
            }
        }
        section {
            form method="post" action="/iap/1/enable" {
                (visit.hidden())
                button type="submit" { "Enable " (service.title) }
            }
            p.soft.small { "Nothing is charged for enabling it." }
        }
    }
}

fn origin(service: &Service, config: &Config) -> String {
    let vendor = vendor_title(service, config);
    match service.vendor_kind {
        VendorKind::FirstParty => format!("{} comes from {vendor}, a vendor of the platform itself.", service.title),
        VendorKind::ThirdParty => format!(
            "{} comes from {vendor}, a third party. It waits for the consent of an administrator of this database.",
            service.title
        ),
    }
}

/// Shown name of a service's vendor.
pub(super) fn vendor_title<'a>(service: &'a Service, config: &'a Config) -> &'a str {
    config.vendors.get(&service.vendor).and_then(|vendor| vendor.title.as_deref()).unwrap_or(&service.vendor)
}

/// What the release declares; the sandbox allows nothing else.
pub(super) fn permissions(manifest: &Manifest) -> Markup {
    let (service, granted) = (&manifest.service, &manifest.permissions);
    html! {
        p { "It runs in a sandbox of this host and can do only this:" }
        ul {
            @for endpoint in &manifest.endpoints {
                li { "Send requests to " code { (endpoint.base_url) } " (" (endpoint.methods.join(", ")) ")" }
            }
            @if manifest.endpoints.is_empty() { li { "No requests to other servers" } }
            @if granted.store > 0 { li { "Keep up to " (size(granted.store)) " of data on this host" } }
            @if granted.blobs > 0 { li { "Keep up to " (size(granted.blobs)) " of documents on this host" } }
            @if granted.jobs { li { "Go on working after a call has been answered" } }
            @if granted.callback { li { "Send results to addresses that your database gave" } }
            @if !manifest.hooks.is_empty() { li { "Be told by its providers through " code { "/hooks/" (service.name) "/" } } }
        }
        @if !service.data_hosts.is_empty() { p { "Data goes to: " (service.data_hosts.join(", ")) "." } }
        @if let Some(kept) = &service.data_retention { p { "Data is kept: " (kept) } }
        p.links {
            @for (address, label) in [(&service.support, "Support"), (&service.privacy, "Privacy"), (&service.terms, "Terms")] {
                @if let Some(address) = address { a href=(address) rel="noreferrer" { (label) } " " }
            }
        }
    }
}
