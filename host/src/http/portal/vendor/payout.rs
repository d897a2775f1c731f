//! `/vendors/payout`: where a vendor is paid.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;

use super::{
    super::{
        fields::{Fields, link},
        page::Page,
    },
    forms::{self, Line, Mistake},
    visitor::{Acting, Instead, SignedForm, SignedIn, hidden, not_yours},
};
use crate::{
    app::App,
    http::origin::Origin,
    vendors::{
        Scope,
        payout::{self, Details},
    },
};

/// `GET /vendors/payout?vendor=…`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    SignedIn(session): SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Page<'static>, Instead> {
    let fields = Fields::of_query(query.as_deref());
    let acting = Acting::find(&app, session, &fields).await?.filter(|acting| acting.may(Scope::Finance));
    let acting = acting.ok_or_else(|| Instead::Problem(not_yours()))?;
    Ok(page(&acting, &fields, None))
}

fn page(acting: &Acting, fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let currency = fields.get("currency").or(acting.vendor.payout_currency.as_deref()).unwrap_or("EUR");
    let content = html! {
        div.narrow {
            h1 { "Payout details" }
            p.lead { (acting.vendor.profile.title) }
            @if fields.is_set("sent") || mistake.is_some() {
                form method="post" action="/vendors/payout" {
                    (forms::note(mistake))
                    section {
                        @if mistake.is_none() { p.note { "A code is on its way to " (acting.member.email) "." } }
                        (hidden(&acting.session, &acting.vendor.name))
                        (Line::new("iban", "IBAN", value("iban")).show(mistake))
                        (Line::new("currency", "Currency", currency).hint("ISO 4217, as EUR.").show(mistake))
                        (forms::code(mistake))
                        button type="submit" { "Save" }
                    }
                }
            }
            form method="post" action="/vendors/payout/code" {
                section {
                    @if !fields.is_set("sent") && mistake.is_none() {
                        p { "Say once more who you are: a code is mailed to " strong { (acting.member.email) } ". With it you can change where money goes." }
                    }
                    p.soft.small { "After a change all owners are told by mail, and nothing is paid out for 7 days." }
                    (hidden(&acting.session, &acting.vendor.name))
                    button.quiet type="submit" { @if fields.is_set("sent") { "Mail another code" } @else { "Mail me a code" } }
                }
            }
            p { a href=(link("/vendors", &[("vendor", &acting.vendor.name)])) { "Back" } }
        }
    };
    let page = Page::new("Payout details", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// `POST /vendors/payout/code`
pub(super) async fn mail_code(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    form: SignedForm,
) -> Result<Redirect, Instead> {
    let (acting, _) = Acting::with(&app, form, Scope::Finance).await?;
    payout::reauthenticate(&app, &acting.member, &origin).await?;
    Ok(Redirect::to(&link("/vendors/payout", &[("vendor", &acting.vendor.name), ("sent", "1")])))
}

/// `POST /vendors/payout`
pub(super) async fn save(State(app): State<Arc<App>>, form: SignedForm) -> Result<Response, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Finance).await?;
    let text = |name: &str| fields.get(name).unwrap_or_default();
    let details = Details { iban: text("iban"), currency: text("currency"), code: text("code") };
    match payout::set(&app, &acting.member, details, |_, _| None).await {
        Ok(_) => Ok(acting.back("payout").into_response()),
        Err(error) => Ok(page(&acting, &fields, Some(&Mistake::of(error)?)).into_response()),
    }
}
