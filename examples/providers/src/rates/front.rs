//! The front page: what is published, what can be made to fail.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::html;

use super::{BASE_PATH, Bank};
use crate::{page, sync::lock};

pub(super) async fn page(State(bank): State<Bank>) -> Response {
    let (published, given) = (lock(&bank.published).clone(), *lock(&bank.given));
    let content = html! {
        h1 { "Simulated central bank" }
        p.soft { "Publishes exchange rates as the European Central Bank does." }
        section { div.stats { @for (number, label) in [(published.date.clone(), "day of the rates"), (given.to_string(), "times read")] {
            div { b { (number) } span.soft.small { (label) } }
        } } }
        @if bank.gate.is_on() {
            section { h2.bad { "Faults are on" } p.small { "GET /faults tells which." } }
        }
        section {
            h2 { "One euro" }
            table { tbody { @for (currency, rate) in &published.rates { tr { td { (currency) } td { (rate) } } } } }
        }
        section {
            h2 { "For programs" }
            p.small { "Document: " code { "GET " (BASE_PATH) "/eurofxref-daily.xml" } }
            p.small { "Admin: " code { "PUT /rates" } " " code { "GET /received" } " " code { "GET|POST /faults" } }
        }
    };
    page::document(StatusCode::OK, "Simulated central bank", false, &content)
}
