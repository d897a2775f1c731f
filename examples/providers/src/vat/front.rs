//! The front page: what was asked, what can be made to fail.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::html;

use super::{BASE_PATH, Register};
use crate::{page, sync::lock};

/// Checks shown.
const SHOWN: usize = 50;

pub(super) async fn page(State(register): State<Register>) -> Response {
    let (total, checks) = {
        let book = lock(&register.book);
        (book.total, book.latest.iter().rev().take(SHOWN).cloned().collect::<Vec<_>>())
    };
    let content = html! {
        h1 { "Simulated register of VAT numbers" }
        p.soft { "Answers as VIES does. It knows every number but those that end in 0. Reload to see what is new." }
        section { div.stats { div { b { (total) } span.soft.small { "checks answered" } } } }
        @if register.gate.is_on() {
            section { h2.bad { "Faults are on" } p.small { "GET /faults tells which." } }
        }
        section {
            h2 { "Latest checks" }
            @if checks.is_empty() {
                p.soft { "Nothing yet. Checks appear here as they are answered." }
            } @else {
                table {
                    thead { tr { th { "Country" } th { "Number" } th { "Answer" } th { "At" } } }
                    tbody { @for check in &checks {
                        tr { td { (check.country) } td { (check.number) } td { (check.answer) } td.soft { (check.at) } }
                    } }
                }
            }
        }
        section {
            h2 { "For programs" }
            p.small { "API: " code { "POST " (BASE_PATH) "/check-vat-number" } }
            p.small { "Admin: " code { "GET|DELETE /received" } " " code { "GET|POST /faults" } }
        }
    };
    page::document(StatusCode::OK, "Simulated register", false, &content)
}
