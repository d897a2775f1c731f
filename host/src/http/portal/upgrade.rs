//! Consent to a new major version: what changes, and the button that agrees.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, response::Redirect};
use iap_core::{
    hosting::Door,
    publishing::{Comparison, compare},
};
use maud::{Markup, html};
use semver::Version;

use super::{consent, fields::Fields, prices, problem::Problem, visit::Visit};
use crate::{
    app::App,
    catalog::{Release, Service, files_of},
};

/// The release of a major version that an account is offered, as the service that it would be.
fn offered(app: &App, visit: &Visit) -> Option<(Version, Arc<Service>)> {
    let line = app.catalog.line(&visit.service.name)?;
    let version = line.resolve(&visit.account).offered_major?;
    let face = line.candidates.iter().filter(|one| one.version == version).find_map(|one| line.faces.get(&one.id))?;
    Some((version, Arc::clone(face)))
}

/// `POST /iap/1/upgrade`: an admin has read what changes and agrees to the major version that the form names.
pub(super) async fn agree(State(app): State<Arc<App>>, body: Bytes) -> Result<Redirect, Problem> {
    let fields = Fields::of_body(&body);
    let visit = Visit::open(&app, &fields).await?;
    if let Some(message) = visit.refused_at(Door::Enable) {
        return Err(Problem::not_allowed(&message));
    }
    if let Some((version, _)) = offered(&app, &visit)
        && fields.get("version").is_some_and(|read| read == version.to_string())
    {
        app.store.write(vec![app.store.accounts().consent(visit.account.id, version.major)]).await?;
        tracing::info!(account = %visit.account.id, service = %visit.service.name, %version, "An admin has agreed to a major version");
        return Ok(Redirect::to(&visit.link("/iap/1/credit", &[("upgraded", "1")])));
    }
    // Another version has come since the page was read: it is shown first.
    Ok(Redirect::to(&visit.link("/iap/1/credit", &[])))
}

/// What an admin reads before agreeing to a new major version; nothing if there is none.
pub(super) async fn ask(app: &App, visit: &Visit) -> Result<Markup, Problem> {
    let Some((version, service)) = offered(app, visit) else { return Ok(html! {}) };
    let (Some(now), Some(next)) = (&visit.service.release, &service.release) else { return Ok(html! {}) };
    let comparison = compared(app, now, next).await?;
    let mine = &now.manifest().service.version;
    Ok(html! {
        section {
            h2 { (service.title) " " (version.major) " is available" }
            p {
                "You use version " (mine) ", which goes on working. Version " (version) " waits for your consent, since it may do or cost something else."
            }
            (changes(&comparison))
            details {
                summary { "What version " (version) " may do" }
                (consent::permissions(next.manifest()))
            }
            details {
                summary { "Prices of version " (version) }
                (prices::table(next.manifest()))
            }
            form method="post" action="/iap/1/upgrade" {
                (visit.hidden())
                input type="hidden" name="version" value=(version);
                button type="submit" { "Agree to version " (version.major) }
            }
            p.soft.small { "You can require the version that you have by " code { "version_requirement" } " of the account." }
        }
    })
}

async fn compared(app: &App, now: &Release, next: &Release) -> anyhow::Result<Comparison> {
    let (old, new) = (files_of(&app.store, now.id).await?, files_of(&app.store, next.id).await?);
    Ok(compare(now.manifest(), &old, next.manifest(), &new))
}

fn changes(comparison: &Comparison) -> Markup {
    let (breaks, others): (Vec<_>, Vec<_>) = comparison.differences.iter().partition(|difference| difference.breaks);
    html! {
        @if !breaks.is_empty() {
            h3 { "What needs your consent" }
            ul { @for difference in &breaks { li { (difference.message) } } }
        }
        @if !others.is_empty() {
            details {
                summary { @if breaks.is_empty() { "What changes" } @else { "What else changes" } }
                ul { @for difference in others { li { (difference.message) } } }
            }
        }
    }
}
