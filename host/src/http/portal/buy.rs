//! Ordering a pack, and coming back from the payment page.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use iap_core::ids::OrderId;
use iap_store::repositories::OrderRow;
use maud::{Markup, html};
use subtle::ConstantTimeEq;
use url::Url;

use super::{
    account::price,
    fields::{Fields, link},
    page::Page,
    problem::Problem,
    visit::Visit,
};
use crate::{
    app::App,
    payments::{
        counted,
        order::{self, NewOrder, Reconciled},
        stripe,
    },
};

/// `POST /iap/1/credit`: orders the chosen pack and sends the visitor to pay.
pub(super) async fn order(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Problem> {
    let fields = Fields::of_body(&body);
    let visit = Visit::open(&app, &fields).await?;
    if let Some(message) = visit.refusal() {
        return Err(Problem::not_allowed(&message));
    }
    if !visit.account.enabled {
        // The page asks for consent first.
        return Ok(Redirect::to(&visit.link("/iap/1/credit", &[])).into_response());
    }
    let pack = fields.get("pack").ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "No pack was chosen",
            "Nothing was ordered.",
            "Go back and choose a pack.",
        )
    })?;
    let new = NewOrder {
        service: &visit.service,
        account: &visit.account,
        database: visit.database.as_ref(),
        pack,
        currency: fields.get("currency"),
    };
    let ordered = order::create(&app, new).await?;
    Ok(to_payment(&app, &ordered.url))
}

/// A redirect; where the page's policy does not let its form follow (a payment page on a domain of the
/// shop's own), a page that goes there by itself.
fn to_payment(app: &App, url: &str) -> Response {
    let allowed = app.config.stripe.as_ref().and_then(stripe::checkout_origin);
    if Url::parse(url).is_ok_and(|url| Some(url.origin().ascii_serialization()) == allowed) {
        return Redirect::to(url).into_response();
    }
    let content = html! {
        div.narrow {
            h1 { "Continue to the payment" }
            p { a.button href=(url) rel="noreferrer" { "Pay" } }
        }
    };
    Page::new("Continue to the payment", content).refresh(format!("0; url={url}")).into_response()
}

/// `GET /iap/1/credit/done`: the customer is back. The session's id, which nobody else knows, shows that
/// it is this order's customer.
pub(super) async fn done(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let fields = Fields::of_query(query.as_deref());
    let session = fields.get("session_id").unwrap_or_default();
    let order = find(&app, &fields).await?;
    let order = order
        .filter(|order| order.provider_ref.as_deref().is_some_and(|known| same(known, session)))
        .ok_or_else(unknown)?;
    let state = order::reconcile(&app, &order).await.map_err(|error| {
        tracing::error!(order = %order.id, %error, "A returning customer's order could not be settled");
        Problem::new(
            StatusCode::CONFLICT,
            "Your payment needs a look by a person",
            format!("The payment of {} does not match what was ordered, or could not be recorded. Your credits were not added yet.", order.id),
            format!("Reload this page in a minute. If it stays so, write to the operator of this host and name {}: the payment is not lost.", order.id),
        )
    })?;
    let back = back(&app, &order).await?;
    let account = app.store.accounts().get(order.account).await?;
    let service = account.as_ref().and_then(|account| app.catalog.by_id(account.service));
    let unit = service.map_or_else(|| "credit".to_owned(), |service| service.unit.clone());
    let bought = counted(order.credits, &unit);
    Ok(match state {
        Reconciled::Paid => {
            let content = html! {
                div.narrow {
                    p.code.good { "✓" }
                    h1 { "Thank you" }
                    p.lead { (bought) " were added to your account." }
                    @if let Some(account) = &account { p { "New balance: " strong { (counted(account.available, &unit)) } } }
                    (receipt(&order))
                    p { "Go back to Odoo and try again: it sees the new balance at its next call." }
                    (link_back(back.as_deref()))
                }
            };
            Page::new("Thank you", content).into_response()
        }
        Reconciled::Open => {
            let content = html! {
                div.narrow {
                    h1 { "Your payment is being confirmed" }
                    p.lead { "The payment provider has not confirmed it yet. Your " (bought) " will be added as soon as it does, whether this page stays open or not." }
                    (receipt(&order))
                    p { a.button href=(link("/iap/1/credit/done", &[("order", &order.id.to_string()), ("session_id", session)])) { "Look again" } }
                    p.soft.small { "This page looks again by itself every 5 seconds." }
                }
            };
            Page::new("Your payment is being confirmed", content).refresh("5".to_owned()).into_response()
        }
        Reconciled::Failed => {
            let content = html! {
                div.narrow {
                    h1 { "This payment was not completed" }
                    p.lead { "Nothing was charged and no credits were added." }
                    (receipt(&order))
                    (link_back(back.as_deref()))
                }
            };
            Page::new("This payment was not completed", content).into_response()
        }
    })
}

/// `GET /iap/1/credit/cancelled`: the customer did not pay. Without the order's key the page tells nothing
/// about it.
pub(super) async fn cancelled(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let fields = Fields::of_query(query.as_deref());
    let key = fields.get("key").unwrap_or_default();
    let order = find(&app, &fields).await?.filter(|found| same(&order::return_key(&app.keys, found.id), key));
    let back = match &order {
        Some(order) => back(&app, order).await?,
        None => None,
    };
    let content = html! {
        div.narrow {
            h1 { "Nothing was bought" }
            p.lead { "You left the payment page. Nothing was charged." }
            @if let Some(order) = &order { (receipt(order)) }
            @if back.is_none() { p { "To buy credits, open the page from Odoo again." } }
            (link_back(back.as_deref()))
        }
    };
    Ok(Page::new("Nothing was bought", content).into_response())
}

async fn find(app: &App, fields: &Fields) -> Result<Option<OrderRow>, Problem> {
    match fields.get("order").and_then(|text| text.parse::<OrderId>().ok()) {
        Some(id) => Ok(app.store.orders().get(id).await?),
        None => Ok(None),
    }
}

fn same(known: &str, shown: &str) -> bool {
    known.as_bytes().ct_eq(shown.as_bytes()).into()
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "Unknown order",
        "There is no such order here, or this is not the link that you came back with.",
        "If you have paid, your credits are added all the same: open the account from Odoo to see its balance.",
    )
}

fn receipt(order: &OrderRow) -> Markup {
    html! { p.soft { (order.pack) " · " (price(order)) " · " code { (order.id) } } }
}

/// The account's page, by the fingerprint of its token.
async fn back(app: &App, order: &OrderRow) -> Result<Option<String>, Problem> {
    let Some(account) = app.store.accounts().get(order.account).await? else { return Ok(None) };
    let (Some(service), Some(sha1)) =
        (app.catalog.by_id(account.service), app.store.accounts().token_sha1(account.id).await?)
    else {
        return Ok(None);
    };
    Ok(Some(link("/iap/1/credit", &[("service_name", &service.name), ("account_token", &sha1), ("hashed", "1")])))
}

fn link_back(back: Option<&str>) -> Markup {
    html! { @if let Some(back) = back { p { a.button.quiet href=(back) { "Back to the account" } } } }
}
