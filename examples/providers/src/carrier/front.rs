//! The front page: what came in, what can be made to fail.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::{Markup, html};

use super::{
    MISBEHAVING, Shared,
    faults::Faults,
    message::{Message, Status},
    traffic::Counters,
};
use crate::page;

/// Messages shown.
const SHOWN: usize = 50;

pub(super) async fn page(State(carrier): State<Shared>) -> Response {
    let counters = carrier.traffic.counters(carrier.inbox.count(None, None).count);
    let messages = carrier.inbox.newest(SHOWN, |_| true);
    let content = html! {
        h1 { "Simulated carrier" }
        p.soft { "Takes text messages as Twilio does, and sends none. Reload to see what is new." }
        (numbers(&counters))
        (faults(&carrier.faults.get()))
        section {
            h2 { "Latest messages" }
            @if messages.is_empty() {
                p.soft { "Nothing yet. Messages appear here as they are accepted." }
            } @else {
                table {
                    thead { tr { th { "To" } th { "From" } th { "Text" } th { "Status" } th { "Received" } } }
                    tbody { @for message in &messages { (row(message)) } }
                }
            }
        }
        section {
            h2 { "Numbers that misbehave" }
            p.soft.small { "By their last four digits, in any country. Every other number works." }
            table {
                thead { tr { th { "Ends in" } th { "What happens" } } }
                tbody { @for known in &MISBEHAVING { tr { td { code { (known.suffix) } } td { (known.effect) } } } }
            }
        }
        section {
            h2 { "For programs" }
            p.small {
                "API: " code { "POST /2010-04-01/Accounts/" (carrier.options.account_sid) "/Messages.json" }
            }
            p.small {
                "Admin: " code { "GET|DELETE /received" } " " code { "GET /received/count?to=&body=" } " "
                code { "GET /counters" } " " code { "GET|POST /faults" }
            }
        }
    };
    page::document(StatusCode::OK, "Simulated carrier", false, &content)
}

fn numbers(counters: &Counters) -> Markup {
    let all = [
        (counters.seen, "requests to send"),
        (counters.accepted, "messages accepted"),
        (counters.refused, "refused"),
        (counters.max_concurrent, "most at once"),
    ];
    html! { section { div.stats { @for (number, label) in all { div { b { (number) } span.soft.small { (label) } } } } } }
}

fn faults(faults: &Faults) -> Markup {
    html! {
        @if *faults != Faults::default() {
            section {
                h2.bad { "Faults are on" }
                p.small {
                    "Every API call: "
                    @if faults.delay_ms > 0 { "waits " (faults.delay_ms) " ms; " }
                    @if faults.drop { "loses its connection." }
                    @else if faults.garbage { "gets a page instead of JSON." }
                    @else if let Some(status) = faults.status { "gets HTTP " (status) "." }
                    @else { "is then answered as usual." }
                }
            }
        }
    }
}

fn row(message: &Message) -> Markup {
    let tone = match message.status {
        Status::Delivered => "good",
        Status::Failed(_) | Status::Undelivered(_) => "bad",
        Status::Accepted | Status::Queued | Status::Sent => "soft",
    };
    html! {
        tr {
            td { (message.to) }
            td { (message.from().or(message.service()).unwrap_or_default()) }
            td { (message.body) }
            td class=(tone) {
                (message.status.name())
                @if let Some(error) = message.status.error() { " " (error.code) }
            }
            td.soft { (message.created.strftime("%H:%M:%S").to_string()) }
        }
    }
}
