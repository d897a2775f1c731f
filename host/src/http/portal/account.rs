//! `GET /iap/1/credit` and `GET /iap/1/my_account`: what an account holds, and buying credits for it.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use iap_core::{Credits, ids::GrantId, ledger::GrantKind};
use iap_store::repositories::{GrantRow, OrderRow, OrderState};
use maud::{Markup, html};

use super::{
    consent,
    fields::Fields,
    packs::{self, Choice, Offer},
    page::Page,
    prices,
    problem::Problem,
    text::{moment, sentence},
    trial, upgrade,
    visit::Visit,
    warnings,
};
use crate::{
    app::App,
    catalog::Service,
    payments::{counted, stripe},
};

/// Orders and grants shown.
const RECENT: i64 = 10;

/// The page. `credit` is what a call lacked, `trial` that the visitor came to claim trial credits.
pub(super) async fn show(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Result<Page<'static>, Problem> {
    let fields = Fields::of_query(query.as_deref());
    let visit = Visit::open(&app, &fields).await?;
    let now = app.store.clock().now();
    let stopped = visit.service.status.refusal(&visit.service.title, now).map(|(_, message)| message);
    let refusal = visit.refusal().or(stopped);
    let sells = visit.service.status.ends_at.is_none() && !visit.account.test;
    let trial = if fields.is_set("trial") { Some(trial::note(&app, &visit).await?) } else { None };
    let orders = app.store.orders().of_account(visit.account.id, RECENT).await?;
    let grants = app.store.grants().page(visit.account.id, GrantId(i64::MAX), RECENT).await?;
    let title = visit.service.title.clone();
    let consent_needed = !visit.account.enabled && refusal.is_none();
    let offer = if consent_needed {
        html! {}
    } else {
        upgrade::ask(&app, &visit).await?
    };
    let content = html! {
        h1 { @if consent_needed { "Enable " } @else if sells { "Buy Credits for " } (title) }
        p.lead { (visit.service.summary) }
        @if fields.is_set("enabled") && visit.account.enabled { p.note.good role="status" { (title) " is enabled." } }
        @if fields.is_set("upgraded") { p.note.good role="status" { "The new version serves you from now on." } }
        @if visit.account.test { p.note { "This is a test account of the service's vendor: its credits are play money, and nothing is sold for it." } }
        @if let Some(end) = visit.service.status.ends_at {
            p.note.bad role="alert" { (title) " is discontinued and ends on " (moment(end)) ". Nothing is sold any more; what you bought and did not use by then is paid back." }
        }
        @if fields.is_set("saved") { p.note.good role="status" { "Saved." } }
        @if let Some(refusal) = &refusal { p.note.bad role="alert" { (sentence(refusal)) } }
        (facts(&visit))
        @if let Some(text) = &trial { p.note { (text) } }
        @if consent_needed {
            (consent::ask(&visit, &app.config))
        } @else {
            (offer)
            @if refusal.is_none() && sells { (buy(&app, &visit, &fields)) }
            (recent(&visit, &orders, &grants))
            (warnings::form(&visit))
            @if let Some(release) = &visit.service.release {
                section { details { summary { "Prices of " (title) } (prices::table(release.manifest())) } }
            }
        }
    };
    let checkout = app.config.stripe.as_ref().and_then(stripe::checkout_origin);
    let services = visit.services_link();
    Ok(Page::new("Buy Credit", content).leads_to(checkout).my_services(services))
}

fn facts(visit: &Visit) -> Markup {
    let (account, unit) = (&visit.account, &visit.service.unit);
    html! {
        section {
            dl.facts {
                div.main { dt { "Balance" } dd { (counted(account.available, unit)) } }
                @if account.held.is_positive() { div { dt { "Set aside by running calls" } dd { (counted(account.held, unit)) } } }
                div { dt { "Service" } dd { (visit.service.title) } }
                div {
                    dt { "Database" }
                    dd { @match &visit.database { Some(database) => code { (database.dbuuid) }, None => "not known yet" } }
                }
            }
        }
    }
}

/// How long bought credits may be used, in words.
fn lasting(service: &Service) -> String {
    let declared = service.release.as_ref().and_then(|release| release.manifest().service.credits_expire);
    match declared.map(|time| time.as_secs() / 86_400) {
        Some(1) => {
            "Credits may be used for one day after you buy them. What is left then expires and is not paid back."
                .to_owned()
        }
        Some(days) => {
            format!(
                "Credits may be used for {days} days after you buy them. What is left then expires and is not paid back."
            )
        }
        None => "Credits do not expire.".to_owned(),
    }
}

/// The packs and the button.
fn buy(app: &App, visit: &Visit, fields: &Fields) -> Markup {
    let service = &visit.service;
    let usual = app.config.stripe.as_ref().map_or("EUR", |stripe| stripe.currency.as_str());
    let Some(currency) = packs::currency(&service.packs, fields.get("currency"), usual) else {
        return html! {
            section { h2 { "Buy Credit" } p { "No packs of " (service.title) " are for sale here. Ask the operator of this host for credits." } }
        };
    };
    let offers = packs::offers(&service.packs, currency);
    let sizes: Vec<Credits> = offers.iter().map(|offer| offer.pack.credits).collect();
    let needed = needed(fields);
    let choice = packs::choose(&sizes, needed.unwrap_or(Credits::ZERO));
    html! {
        section {
            div.title {
                h2 { "Buy Credit" }
                (currencies(visit, fields, currency))
            }
            p { (lasting(service)) }
            @if let Some(hint) = needed.and_then(|needed| hint(needed, choice, &offers, &service.unit)) { p.note { (hint) } }
            form method="post" action="/iap/1/credit" {
                (visit.hidden())
                input type="hidden" name="currency" value=(currency);
                fieldset.packs {
                    legend.hidden { "Pack" }
                    @for (index, offer) in offers.iter().enumerate() {
                        label.pack {
                            input type="radio" name="pack" value=(offer.pack.name) required
                                checked[choice.is_some_and(|choice| choice.index == index)];
                            span.name { (offer.pack.name) span.soft.small { (counted(offer.pack.credits, &service.unit)) } }
                            span.price { (offer.price) span.soft.small { (packs::price_per_credit(offer.price, offer.pack.credits)) " per " (service.unit) } }
                        }
                    }
                }
                @if app.config.stripe.is_some() {
                    button type="submit" { "Buy Credit" }
                    p.soft.small { "You pay by card on the page of the payment provider. Credits are added as soon as the payment is confirmed." }
                } @else {
                    p.note.bad { "This host takes no payments yet. Ask its operator to set up payments, or to grant credits." }
                }
            }
        }
    }
}

/// Credits that a call lacked, as the link says; none if it says nothing readable.
fn needed(fields: &Fields) -> Option<Credits> {
    fields.get("credit").and_then(|text| Credits::from_wire_number(text).ok()).filter(|needed| needed.is_positive())
}

fn hint(needed: Credits, choice: Option<Choice>, offers: &[Offer<'_>], unit: &str) -> Option<String> {
    let choice = choice?;
    let name = &offers.get(choice.index)?.pack.name;
    let needed = counted(needed, unit);
    Some(match choice.times {
        1 => format!("{needed} needed: the {name} covers it."),
        times => {
            format!("{needed} needed: more than one pack holds. It takes {times} × {name}, bought one after the other.")
        }
    })
}

fn currencies(visit: &Visit, fields: &Fields, current: &str) -> Markup {
    let codes = packs::currencies(&visit.service.packs);
    let credit = fields.get("credit").map(|credit| ("credit", credit));
    let to = |code: &str| {
        let more: Vec<(&str, &str)> = std::iter::once(("currency", code)).chain(credit).collect();
        visit.link("/iap/1/credit", &more)
    };
    html! {
        @if codes.len() > 1 {
            nav.choice aria-label="Currency" {
                @for code in codes {
                    @if code == current { span aria-current="true" { (code) } } @else { a href=(to(code)) { (code) } }
                }
            }
        }
    }
}

fn recent(visit: &Visit, orders: &[OrderRow], grants: &[GrantRow]) -> Markup {
    let unit = &visit.service.unit;
    html! {
        @if !grants.is_empty() {
            section {
                h2 { "Recent credits" }
                div.scroll {
                    table {
                        thead { tr { th { "Date" } th { "From" } th.number { "Credits" } th.number { "Left" } } }
                        tbody {
                            @for grant in grants {
                                tr {
                                    td { (moment(grant.created_at)) }
                                    td { (kind(grant.kind)) @if grant.kind != GrantKind::Trial && !grant.reason.is_empty() { span.soft.small { (grant.reason) } } }
                                    td.number { (grant.amount) }
                                    td.number { (grant.available) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !orders.is_empty() {
            section {
                h2 { "Recent orders" }
                div.scroll {
                    table.wide {
                        thead { tr { th { "Date" } th { "Order" } th { "Pack" } th.number { "Price" } th { "State" } } }
                        tbody {
                            @for order in orders {
                                tr {
                                    td { (moment(order.created_at)) }
                                    td { code { (order.id) } }
                                    td { (order.pack) span.soft.small { (counted(order.credits, unit)) } }
                                    td.number { (price(order)) }
                                    td { (state(order.state)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// An order's price: `0.90 EUR`.
pub(super) fn price(order: &OrderRow) -> String {
    let money = iap_core::money::Currency::try_from(order.currency.clone())
        .map(|currency| iap_core::Money { minor: order.price, currency });
    money.map_or_else(|error| error.to_string(), |money| money.to_string())
}

const fn kind(kind: GrantKind) -> &'static str {
    match kind {
        GrantKind::Trial => "Trial",
        GrantKind::Gift => "Gift",
        GrantKind::Refund => "Refund",
        GrantKind::Adjustment => "Adjustment",
        GrantKind::Purchase => "Purchase",
    }
}

const fn state(state: OrderState) -> &'static str {
    match state {
        OrderState::Created | OrderState::Open => "not paid",
        OrderState::Paid => "paid",
        OrderState::Failed => "not completed",
    }
}

#[cfg(test)]
mod tests {
    use iap_core::manifest::Pack;

    use super::*;

    #[test]
    fn what_a_call_lacked_is_read_leniently() {
        let needed = |query: &str| needed(&Fields::of_query(Some(query)));
        assert_eq!(needed("credit=12.0"), Some(Credits::whole(12)));
        assert_eq!(needed("credit=0.30000000000000004"), Some(Credits::from_micros(300_000)));
        for query in ["", "credit=0", "credit=-3", "credit=many", "credit="] {
            assert_eq!(needed(query), None, "{query}");
        }
    }

    #[test]
    fn the_hint_says_how_many_packs_it_takes() {
        let price =
            iap_core::Money { minor: 8500, currency: iap_core::money::Currency::try_from("EUR".to_owned()).unwrap() };
        let pack = Pack { name: "Expert Pack".into(), credits: Credits::whole(1000), prices: vec![price] };
        let offers = [Offer { pack: &pack, price }];
        let hint = |needed: i64| {
            let needed = Credits::whole(needed);
            hint(needed, packs::choose(&[pack.credits], needed), &offers, "credit").unwrap()
        };
        assert_eq!(hint(700), "700 credits needed: the Expert Pack covers it.");
        assert_eq!(
            hint(2500),
            "2500 credits needed: more than one pack holds. It takes 3 × Expert Pack, bought one after the other."
        );
    }
}
