//! The front page: what came in, what can be made to fail.

use axum::{extract::State, http::StatusCode, response::Response};
use maud::{Markup, html};

use super::{
    Shared,
    faults::Faults,
    letter::{Letter, Status},
};
use crate::page;

/// Letters shown.
const SHOWN: usize = 50;

pub(super) async fn page(State(printer): State<Shared>) -> Response {
    let (total, posted) = printer.outbox.counts();
    let letters = printer.outbox.newest(SHOWN);
    let content = html! {
        h1 { "Simulated printer" }
        p.soft { "Takes letters as Pingen does, and posts none. Reload to see what is new." }
        section { div.stats { @for (number, label) in [(total, "letters taken"), (posted, "posted")] {
            div { b { (number) } span.soft.small { (label) } }
        } } }
        @if printer.faults.get() != Faults::default() {
            section { h2.bad { "Faults are on" } p.small { "GET /faults tells which." } }
        }
        section {
            h2 { "Latest letters" }
            @if letters.is_empty() {
                p.soft { "Nothing yet. Letters appear here as they are taken." }
            } @else {
                table {
                    thead { tr { th { "Letter" } th { "Pages" } th { "Printed" } th { "Window" } th { "Status" } th { "Taken" } } }
                    tbody { @for letter in &letters { (row(letter)) } }
                }
            }
        }
        section {
            h2 { "For programs" }
            p.small { "API: " code { "POST /organisations/" (printer.options.organisation) "/deliveries/letters" } }
            p.small {
                "Admin: " code { "GET|DELETE /outbox" } " " code { "GET /outbox/{id}/file" } " "
                code { "POST /outbox/{id}/advance" } " " code { "GET|POST /faults" } " " code { "GET|PUT /webhook" } " "
                code { "DELETE /tokens" }
            }
        }
    };
    page::document(StatusCode::OK, "Simulated printer", false, &content)
}

fn row(letter: &Letter) -> Markup {
    let tone = match letter.status {
        Status::Sent => "good",
        Status::ActionRequired | Status::Undeliverable | Status::Cancelled => "bad",
        Status::Validating | Status::Valid | Status::Accepted | Status::Printing => "soft",
    };
    html! {
        tr {
            td { a href={ "/outbox/" (letter.id) "/file" } { (letter.id) } }
            td { (letter.pages) }
            td { (letter.print_spectrum) ", " (letter.print_mode) ", " (letter.delivery_product) }
            td { (letter.address_position) }
            td class=(tone) { (letter.status.name()) }
            td.soft { (letter.created.strftime("%H:%M:%S").to_string()) }
        }
    }
}
