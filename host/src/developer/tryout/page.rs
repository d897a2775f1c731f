//! How `/try` looks.

use iap_core::manifest::{Operation, Price, Rate};
use maud::{Markup, html};
use serde_json::Value;

use super::{DATABASE, Outcome, Tryout, View};
use crate::{catalog::Release, clock::rfc3339, http::portal::Page, scripted::example::example};

pub(super) fn page<'a>(tryout: &Tryout, view: &View, outcome: Option<&Outcome>) -> Page<'a> {
    let text = |value: &'_ Value| value.as_str().unwrap_or("—").to_owned();
    let service = &view.service;
    let manifest = service.release.as_ref().map(Release::manifest);
    let version = manifest.map(|manifest| manifest.service.version.to_string()).unwrap_or_default();
    let operations = manifest.map(|manifest| manifest.operations.as_slice()).unwrap_or_default();
    let content = html! {
        h1 { (service.title) }
        p.lead { (service.summary) }
        section {
            dl.facts {
                div.main { dt { "Play credits" } dd { (text(&view.account["available"])) } }
                div { dt { "Set aside" } dd { (text(&view.account["held"])) } }
                div { dt { "Release" } dd { (service.name) " " (version) } }
                div { dt { "Vendor" } dd { (service.vendor) } }
                div { dt { "Database" } dd { "on-premise" } }
            }
            @if !tryout.missing.is_empty() {
                p.note.bad {
                    "Not set: " (tryout.missing.join(", ")) ". Requests that need it fail. Start again with "
                    code { "--secret name=value" } " or " code { "--config name=value" } "."
                }
            }
        }
        @for operation in operations {
            (form(tryout, operation, outcome.filter(|outcome| outcome.operation == operation.name)))
        }
        (log(view))
        (jobs(view))
        (elsewhere(tryout, operations))
    };
    Page::new("Try it", content)
}

fn form(tryout: &Tryout, operation: &Operation, outcome: Option<&Outcome>) -> Markup {
    let id = format!("input-{}", operation.name);
    let input = match outcome {
        Some(outcome) => outcome.input.clone(),
        None => prefilled(tryout, operation),
    };
    let rows = input.lines().count().clamp(3, 24);
    html! {
        section id=(operation.name) {
            div.title { h2 { (operation.title) } code { (operation.name) } }
            p.soft.small { (prices(operation)) }
            form method="post" action={ "/try/" (operation.name) "#" (operation.name) } {
                input type="hidden" name="key" value=(tryout.form_key);
                label for=(id) { "Input" }
                textarea id=(id) name="input" rows=(rows) spellcheck="false" autocomplete="off" { (input) }
                div.links {
                    button type="submit" name="what" value="call" { "Call" }
                    button.quiet type="submit" name="what" value="quote" { "Quote" }
                }
            }
            @if let Some(outcome) = outcome { (answer(outcome)) }
        }
    }
}

/// The example of its schema, for people.
fn prefilled(tryout: &Tryout, operation: &Operation) -> String {
    let text = operation.input.as_deref().and_then(|path| tryout.files.get(path));
    let schema = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let input = schema.and_then(|schema| example(&schema)).and_then(|input| serde_json::to_string_pretty(&input).ok());
    input.unwrap_or_else(|| "{}".to_owned())
}

fn prices(operation: &Operation) -> String {
    if operation.prices.is_empty() {
        return "Free.".to_owned();
    }
    let price = |price: &Price| match &price.rate {
        Rate::Fixed(credits) => format!("{credits} for a {}", price.item),
        Rate::Table { rows, .. } => {
            let (low, high) = (rows.values().min(), rows.values().max());
            match (low, high) {
                (Some(low), Some(high)) if low != high => format!("{low} to {high} for a {}", price.item),
                (Some(only), _) => format!("{only} for a {}", price.item),
                _ => price.item.clone(),
            }
        }
        Rate::Variable => format!("a price that varies for a {}", price.item),
    };
    let all: Vec<_> = operation.prices.iter().map(price).collect();
    format!("Credits: {}. At most {} a call.", all.join(", "), operation.max_per_call)
}

fn answer(outcome: &Outcome) -> Markup {
    let body = &outcome.body;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let lines = body["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    html! {
        @if outcome.status.is_success() {
            p.note.good {
                @if outcome.was_quote { "It would cost " } @else { "It cost " }
                strong { (credits(&text(&body["credits"]))) }
                @if !outcome.was_quote { ", and took " (outcome.millis) " ms. " (text(&body["balance"])) " are left." }
                @else { "." }
            }
            @if !lines.is_empty() {
                div.scroll {
                    table {
                        thead { tr { th { "Item" } th { "Key" } th.number { "Units" } th.number { "Each" } th.number { "Credits" } } }
                        tbody {
                            @for line in lines {
                                tr {
                                    td { (text(&line["item"])) }
                                    td { (text(&line["key"])) }
                                    td.number { (text(&line["units"])) }
                                    td.number { (text(&line["unit_price"])) }
                                    td.number { (text(&line["credits"])) }
                                }
                            }
                        }
                    }
                }
            }
            @if !outcome.was_quote { pre { (pretty(&body["output"])) } }
        } @else {
            p.note.bad {
                strong { (text(&body["code"])) } " (" (outcome.status.as_u16()) "): " (text(&body["detail"]))
                @if let Some(field) = body["field"].as_str() { " (" code { (field) } ")" }
            }
        }
    }
}

fn credits(count: &str) -> String {
    if count == "1" { "1 credit".to_owned() } else { format!("{count} credits") }
}

fn log(view: &View) -> Markup {
    html! {
        section {
            h2 { "Log of the plugin" }
            @if view.log.is_empty() { p.soft { "It has logged nothing yet." } }
            @else {
                div.scroll {
                    table {
                        tbody {
                            @for line in view.log.iter().rev() {
                                tr {
                                    td.soft.small { (rfc3339(line.at)) }
                                    td { (line.level) }
                                    td { (line.message) }
                                    td.soft.small { code { (line.call) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn jobs(view: &View) -> Markup {
    let jobs = view.jobs["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    html! {
        @if !jobs.is_empty() {
            section {
                h2 { "Jobs" }
                div.scroll {
                    table {
                        thead { tr { th { "Name" } th { "State" } th.number { "Runs" } th { "Last error" } } }
                        tbody {
                            @for job in jobs {
                                tr {
                                    td { (text(&job["name"])) }
                                    td { (text(&job["state"])) }
                                    td.number { (text(&job["attempts"])) }
                                    td { (job["last_error"].as_str().unwrap_or("")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn elsewhere(tryout: &Tryout, operations: &[Operation]) -> Markup {
    let operation = operations.first().map_or("OPERATION", |operation| operation.name.as_str());
    let url = &tryout.app.public_url;
    let account = &tryout.account;
    html! {
        section {
            details {
                summary { "Call it from elsewhere" }
                p { "By REST, with the token of the account above:" }
                pre {
                    "curl -H 'Authorization: Bearer " (tryout.token) "' -H 'Content-Type: application/json' \\\n  -d '{\"input\": …}' "
                    (url) "/v1/accounts/" (account) "/calls/" (operation)
                }
                p {
                    "As Odoo does, JSON-RPC to " code { (url) "/iap/s/" (tryout.service) "/" (operation) } " with the members "
                    code { "account_token" } " and " code { "dbuuid" } " (" (DATABASE) ") beside the input."
                }
            }
        }
    }
}
