//! The payment page and its form.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use url::Url;

use super::{
    Shared, money,
    numbers::{self, Decline},
    session::{Payment, Progress, Session, now},
    webhook,
};
use crate::{form::Form, page, random, sync::lock};

/// The card a customer finds filled in.
const PREFILLED: &str = "4242 4242 4242 4242";

/// `GET /pay/{session}`.
pub(super) async fn show(State(card): State<Shared>, Path(id): Path<String>) -> Response {
    let session = lock(&card.books).session(&id).cloned();
    match session {
        None => unknown(),
        Some(session) if session.expired(now()) => over(&session),
        Some(session) => match &session.progress {
            Progress::Open => checkout(StatusCode::OK, &session, PREFILLED, None),
            Progress::Paid(payment) => paid(&session, payment),
        },
    }
}

/// `POST /pay/{session}`: `action` is `pay` (also when left out) or `cancel`, `card_number` the card
/// to charge (the prefilled one when left out). The page's form and programs use it alike.
pub(super) async fn submit(State(card): State<Shared>, Path(id): Path<String>, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let number = form.get("card_number").unwrap_or(PREFILLED);
    let (session, event) = {
        let mut books = lock(&card.books);
        let Some(session) = books.session_mut(&id) else { return unknown() };
        if form.get("action") == Some("cancel") {
            return session.cancel_url.as_ref().map_or_else(unknown, |url| redirect(url, &id));
        }
        if session.expired(now()) {
            return over(session);
        }
        if let Progress::Paid(_) = session.progress {
            // Sent twice, by a second click or a retry: nothing more is charged.
            return redirect(&session.success_url, &id);
        }
        let last4 = match numbers::charge(number) {
            Ok(last4) => last4,
            Err(decline) => {
                tracing::info!(session.id = %id, code = decline.code, "Declined a payment of session {id}");
                return checkout(StatusCode::PAYMENT_REQUIRED, session, number, Some(decline));
            }
        };
        let intent = random::id("pi_3");
        session.progress = Progress::Paid(Payment {
            intent: intent.clone(),
            charge: random::id("ch_3"),
            last4,
            at: now(),
            refunded: 0,
        });
        let session = session.clone();
        books.note_intent(intent, id.clone());
        // Recorded under the same lock: a session is never seen paid without its event.
        let event = card.events.record("checkout.session.completed", &session.resource(now()));
        (session, event)
    };
    tracing::info!(session.id = %id, event.id = %event, "Session {id} was paid");
    let delivered = webhook::start(&card, &event);
    if lock(&card.faults).webhook_delay_ms == 0 {
        let wait = tokio::time::timeout(card.options.redirect_wait, delivered);
        // However the wait ends, the customer has paid and goes back.
        let _ = card.closing.or(wait).await;
    }
    redirect(&session.success_url, &id)
}

/// Back to the shop, with the session's id where the shop asked for it.
fn redirect(url: &str, id: &str) -> Response {
    match Url::parse(&url.replace("{CHECKOUT_SESSION_ID}", id)) {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(error) => {
            // Checked when the session was opened, so only an odd place for the id can get here.
            let content = html! { h1 { "Cannot go back to the shop" } p { "Its address is broken: " (error) } };
            page::document(StatusCode::BAD_GATEWAY, "Broken address", true, &content)
        }
    }
}

fn unknown() -> Response {
    let content = html! {
        h1 { "Nothing to pay here" }
        p.soft { "This payment does not exist, or cannot be cancelled. Go back to the shop and start again." }
    };
    page::document(StatusCode::NOT_FOUND, "Nothing to pay here", true, &content)
}

fn over(session: &Session) -> Response {
    let content = html! {
        h1 { "This payment has expired" }
        p.soft { "It could be paid for 24 hours. Nothing was charged. Go back to the shop and start again." }
        (summary(session))
    };
    page::document(StatusCode::GONE, "Expired", true, &content)
}

fn paid(session: &Session, payment: &Payment) -> Response {
    let back = session.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
    let content = html! {
        h1.good { "Paid" }
        p.soft { "With the card ending in " (payment.last4) ". Thank you." }
        (summary(session))
        a.button href=(back) { "Back to the shop" }
    };
    page::document(StatusCode::OK, "Paid", true, &content)
}

fn summary(session: &Session) -> Markup {
    html! {
        section {
            p.amount { (money::show(session.total, &session.currency)) }
            table {
                tbody {
                    @for item in &session.items {
                        tr {
                            td {
                                (item.name)
                                @if item.quantity > 1 { span.soft { " × " (item.quantity) } }
                                @if let Some(text) = &item.description { p.soft.small { (text) } }
                            }
                            // Checked when the session was opened: the sum of all lines fits.
                            td { (money::show(item.unit_amount.saturating_mul(item.quantity), &session.currency)) }
                        }
                    }
                }
            }
        }
    }
}

fn checkout(status: StatusCode, session: &Session, number: &str, decline: Option<Decline>) -> Response {
    let amount = money::show(session.total, &session.currency);
    let content = html! {
        h1 { "Pay by card" }
        p.soft { "A simulated payment: no money moves." }
        (summary(session))
        section {
            @if let Some(decline) = decline {
                p.note role="alert" {
                    strong.bad { (decline.message) } br;
                    span.small { "Nothing was charged. Try another card. (" (decline.code) ")" }
                }
            }
            form method="post" {
                @if let Some(email) = &session.email { p.small.soft { "Receipt to " (email) } }
                label for="card_number" { "Card number" }
                input id="card_number" name="card_number" value=(number) inputmode="numeric" autocomplete="off" required;
                div.pair {
                    div {
                        label for="expiry" { "Expires" }
                        input id="expiry" name="expiry" value="12 / 34" autocomplete="off";
                    }
                    div {
                        label for="cvc" { "Security code" }
                        input id="cvc" name="cvc" value="123" inputmode="numeric" autocomplete="off";
                    }
                }
                button type="submit" name="action" value="pay" { "Pay " (amount) }
                @if session.cancel_url.is_some() {
                    button.quiet type="submit" name="action" value="cancel" formnovalidate { "Cancel and go back" }
                }
            }
        }
        p.small.soft { "4000 0000 0000 0002 is declined; the " a href="/" { "front page" } " lists more cards." }
    };
    page::document(status, &format!("Pay {amount}"), true, &content)
}
