//! The front page: sessions, events, cards to try.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::{Markup, html};
use url::Url;

use super::{
    CARDS, Shared,
    events::Event,
    faults::Faults,
    money,
    session::{Progress, Session, now},
};
use crate::{page, sync::lock};

/// Sessions and events shown.
const SHOWN: usize = 50;

pub(super) async fn page(State(card): State<Shared>) -> Response {
    let sessions = lock(&card.books).latest(SHOWN);
    let events = card.events.all();
    let faults = lock(&card.faults).clone();
    let webhook = lock(&card.webhook_url).as_ref().map(Url::to_string);
    let content = html! {
        h1 { "Simulated card processor" }
        p.soft { "Takes payments as Stripe Checkout does, and moves no money. Reload to see what is new." }
        @if faults != Faults::default() {
            section {
                h2.bad { "Faults are on" }
                @if faults.no_delivery { p.small { "No event is sent." } }
                @if faults.webhook_delay_ms > 0 { p.small { "Events are sent " (faults.webhook_delay_ms) " ms late." } }
                @if faults.duplicate { p.small { "Every event is sent twice." } }
            }
        }
        section {
            h2 { "Payments" }
            @if sessions.is_empty() {
                p.soft { "Nothing yet. A payment appears here when a shop opens a checkout session." }
            } @else {
                table {
                    thead { tr { th { "What" } th { "Amount" } th { "Status" } th { "Session" } } }
                    tbody { @for session in &sessions { (payment(session)) } }
                }
            }
        }
        section {
            h2 { "Events" }
            p.soft.small {
                @match &webhook {
                    Some(url) => { "Sent to " code { (url) } }
                    None => { "No webhook is set: " code { "PUT /webhook" } " sets one." }
                }
            }
            @if !events.is_empty() {
                table {
                    thead { tr { th { "Event" } th { "Id" } th { "Delivered" } } }
                    tbody { @for event in events.iter().rev().take(SHOWN) { (row(event)) } }
                }
            }
        }
        section {
            h2 { "Cards to try" }
            table {
                thead { tr { th { "Number" } th { "What happens" } } }
                tbody { @for known in &CARDS { tr { td { code { (known.number) } } td { (known.effect) } } } }
            }
        }
        section {
            h2 { "For programs" }
            p.small {
                "API: " code { "POST /v1/checkout/sessions" } " " code { "GET /v1/checkout/sessions/{id}" } " "
                code { "POST /v1/refunds" }
            }
            p.small {
                "Admin: " code { "GET /events" } " " code { "POST /events/{id}/resend" } " " code { "GET|POST /faults" }
                " " code { "GET|PUT /webhook" }
            }
        }
    };
    page::document(StatusCode::OK, "Simulated card processor", false, &content)
}

fn payment(session: &Session) -> Markup {
    let (tone, status) = match &session.progress {
        Progress::Paid(payment) if payment.refunded == session.total => ("soft", "refunded".to_owned()),
        Progress::Paid(payment) if payment.refunded > 0 => {
            ("warn", format!("paid, {} refunded", money::show(payment.refunded, &session.currency)))
        }
        Progress::Paid(_) => ("good", "paid".to_owned()),
        Progress::Open if session.expired(now()) => ("soft", "expired".to_owned()),
        Progress::Open => ("warn", "open".to_owned()),
    };
    html! {
        tr {
            td { (session.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>().join(", ")) }
            td { (money::show(session.total, &session.currency)) }
            td class=(tone) { (status) }
            td { a href={ "/pay/" (session.id) } { code { (session.id) } } }
        }
    }
}

fn row(event: &Event) -> Markup {
    html! {
        tr {
            td { (event.kind) }
            td { code { (event.id) } }
            @if event.deliveries > 0 {
                td.good { (event.deliveries) " of " (event.attempts) }
            } @else {
                td.warn {
                    "not yet; " (event.attempts) " tries"
                    @if let Some(status) = event.last_status { ", last HTTP " (status) }
                }
            }
        }
    }
}
