//! The catalog for everybody, and the accounts of who shows their tokens.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use iap_core::hosting::VendorKind;
use iap_store::repositories::AccountRow;
use maud::{Markup, html};

use super::{
    consent::vendor_title,
    fields::{Fields, link},
    page::Page,
    problem::Problem,
    visit::{read_sha1, read_token},
};
use crate::{app::App, payments::counted};

/// Most tokens looked at in one request.
const MOST: usize = 100;

/// `GET /`
pub(super) async fn front(State(app): State<Arc<App>>) -> Page<'static> {
    let content = html! {
        h1 { "In-App Purchases" }
        p.lead { "Services for Odoo databases, paid with prepaid credits." }
        section {
            h2 { "My Services" }
            p {
                "To see your balances and buy credits, open your database in Odoo: "
                strong { "Settings › Odoo IAP › View My Services" }
                ", or press " strong { "Buy Credit" } " on an IAP account. The link that Odoo opens carries the account's token; without it nobody sees an account."
            }
        }
        (list(&app))
        p.soft.small { "Do you make services? " a href="/vendors" { "Publish them here" } }
    };
    Page::new("My Services", content)
}

/// `GET /iap/services?dbuuid=…` (13–16). A dbuuid is no secret, so it opens no account and tells nothing:
/// the page is the same for all.
pub(super) async fn catalog(State(app): State<Arc<App>>) -> Page<'static> {
    let content = html! {
        h1 { "My Services" }
        p.note {
            "This link names a database but proves nothing about who follows it, so it shows no balances. To see one, open "
            strong { "Settings › Technical › IAP Account" } " in Odoo and press " strong { "Buy Credit" } " on the account."
        }
        (list(&app))
    };
    Page::new("My Services", content)
}

fn list(app: &App) -> Markup {
    let services = app.catalog.services();
    html! {
        section {
            h2 { "Catalog" }
            @if services.is_empty() { p { "This host offers no services yet." } }
            ul.services {
                @for service in services.iter() {
                    li {
                        strong { (service.title) } " " code { (service.name) }
                        @if !service.summary.is_empty() { p { (service.summary) } }
                        p.soft.small {
                            "By " (vendor_title(service, &app.config)) " · "
                            @match service.vendor_kind {
                                VendorKind::FirstParty => "for every database",
                                VendorKind::ThirdParty => "third party: for databases on Odoo.sh and on-premise",
                            }
                            @if let Some(pack) = service.packs.first() {
                                @if let Some(price) = pack.prices.first() { " · from " (price) " for " (counted(pack.credits, &service.unit)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `GET /iap/1/all-in-app-services?db_uuid=…&account_tokens=…,…&hashed=1`: the accounts that the tokens open.
pub(super) async fn accounts(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Page<'static>, Problem> {
    let fields = Fields::of_query(query.as_deref());
    let dbuuid = fields.get("db_uuid").or_else(|| fields.get("dbuuid"));
    let mut rows = Vec::new();
    for text in fields
        .get("account_tokens")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .take(MOST)
    {
        let sha1 = if fields.is_set("hashed") {
            read_sha1(text)?
        } else {
            app.keys.account_token(read_token(text)?.as_str()).sha1
        };
        for account in app.store.accounts().all_by_sha1(&sha1).await? {
            rows.push((sha1.clone(), account));
        }
    }
    let content = html! {
        h1 { "My Services" }
        section {
            h2 { "My accounts" }
            @if rows.is_empty() {
                p { "No account of these has been used here yet. An account opens by itself when Odoo first uses its service." }
            } @else {
                div.scroll {
                    table {
                        thead { tr { th { "Service" } th.number { "Balance" } th.number { "Set aside" } th { span.hidden { "Action" } } } }
                        tbody { @for (sha1, account) in &rows { (row(&app, sha1, account, dbuuid)) } }
                    }
                }
            }
        }
        (list(&app))
    };
    Ok(Page::new("My Services", content))
}

fn row(app: &App, sha1: &str, account: &AccountRow, dbuuid: Option<&str>) -> Markup {
    let Some(service) = app.catalog.by_id(account.service) else { return html! {} };
    let mut fields = vec![("service_name", service.name.as_str()), ("account_token", sha1), ("hashed", "1")];
    fields.extend(dbuuid.map(|dbuuid| ("dbuuid", dbuuid)));
    html! {
        tr {
            td { strong { (service.title) } @if account.suspended.is_some() { span.soft.small { "suspended" } } }
            td.number { (counted(account.available, &service.unit)) }
            td.number { (account.held) }
            td { a href=(link("/iap/1/credit", &fields)) { @if account.enabled { "Buy Credit" } @else { "Enable" } } }
        }
    }
}
