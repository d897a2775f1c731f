//! The front page: what came in, what can be made to fail.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::{Markup, html};

use super::{
    Shared,
    faults::{ADDRESSES, Faults},
    message::Message,
};
use crate::page;

/// Mails shown.
const SHOWN: usize = 50;

pub(super) async fn page(State(server): State<Shared>) -> Response {
    let counters = server.inbox.counters();
    let mut mails = server.inbox.to(None);
    mails.reverse();
    let content = html! {
        h1 { "Simulated mail server" }
        p.soft { "Takes mail by SMTP at " code { (server.smtp) } ", and delivers none. Reload to see what is new." }
        section { div.stats {
            @for (number, label) in [(counters.taken, "mails taken"), (counters.refused, "refused"), (counters.connections, "connections")] {
                div { b { (number) } span.soft.small { (label) } }
            }
        } }
        @if server.faults.get() != Faults::default() {
            section { h2.bad { "Faults are on" } p.small { "GET /faults tells which." } }
        }
        section {
            h2 { "Latest mails" }
            @if mails.is_empty() {
                p.soft { "Nothing yet. Mails appear here as they are taken." }
            } @else {
                @for mail in mails.iter().take(SHOWN) { (shown(mail)) }
            }
        }
        section {
            h2 { "Addresses that fail" }
            table { tbody { @for (name, code, why) in ADDRESSES {
                tr { td { code { (name) "@…" } } td { (code) } td { (why) } }
            } } }
        }
        section {
            h2 { "For programs" }
            p.small {
                code { "GET /address" } " " code { "GET|DELETE /inbox" } " " code { "GET /inbox/{id}/raw" } " "
                code { "GET /counters" } " " code { "GET|POST /faults" }
            }
        }
    };
    page::document(StatusCode::OK, "Simulated mail server", false, &content)
}

fn shown(mail: &Message) -> Markup {
    html! {
        p { b { (mail.subject) } " " span.soft.small { "to " (mail.to.join(", ")) ", " (mail.received.strftime("%H:%M:%S").to_string()) } }
        p.small style="white-space:pre-wrap" { (mail.body) }
        p.small { a href={ "/inbox/" (mail.id) "/raw" } { "as it came" } }
    }
}
