//! `/vendors/sign-up` and `/vendors/confirm`.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use iap_store::repositories::VendorState;
use maud::{Markup, html};

use super::{
    super::{
        fields::{Fields, link},
        page::Page,
        problem::Problem,
    },
    forms::{self, Line, Mistake},
    visitor::{Form, signed_in},
};
use crate::{
    app::App,
    config::SignUpPolicy,
    http::origin::Origin,
    vendors::{
        VendorError, countries, sessions,
        sign_up::{self, SignUp},
    },
};

/// `GET /vendors/sign-up`
pub(super) async fn show(State(app): State<Arc<App>>) -> Page<'static> {
    page(&app, &Fields::of_query(None), None)
}

fn page(app: &App, fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    if app.config.vendor_signup == SignUpPolicy::Closed {
        let content = html! {
            div.narrow {
                h1 { "Sign-up is closed" }
                p.lead { "This host takes no new vendors." }
                p { "If you act for one that is here already, " a href="/vendors/sign-in" { "sign in" } ". Otherwise ask the operator of this host." }
            }
        };
        return Page::new("Sign up as a vendor", content).of_vendors();
    }
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let line = |name: &'static str, label| Line::new(name, label, value(name));
    let content = html! {
        h1 { "Sign up as a vendor" }
        p.lead { "Publish services of your own and be paid for their use." }
        form method="post" action="/vendors/sign-up" {
            (forms::note(mistake))
            section {
                h2 { "The vendor" }
                (line("title", "Name that customers see").fills("organization").show(mistake))
                (line("name", "Name in plugin.toml").hint("1 to 60 of a-z, 0-9, “_” and “-”, beginning with a letter. It stays for ever.").show(mistake))
                (line("email", "Your address").hint("A code is mailed there. You become the first owner.").fills("email").show(mistake))
            }
            section {
                h2 { "Who it is" }
                (line("organisation", "Organisation").hint("As it is registered; your own name if you are by yourself.").show(mistake))
                (forms::choice("country", "Country", countries::ALL, value("country"), mistake))
                (line("vat_number", "VAT number").hint("With the letters of its country, as BE0477472701.").optional().show(mistake))
            }
            section {
                (terms(app, fields.is_set("terms_accepted")))
                button type="submit" { "Sign up" }
                p.soft.small { "Have you signed up before? " a href="/vendors/sign-in" { "Sign in" } }
            }
        }
    };
    let page = Page::new("Sign up as a vendor", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// The terms, and the box that accepts them.
pub(super) fn terms(app: &App, accepted: bool) -> Markup {
    let version = &app.config.terms_version;
    html! {
        input type="hidden" name="terms_version" value=(version);
        label.check {
            input type="checkbox" name="terms_accepted" value="1" required checked[accepted];
            span {
                "I accept "
                @match &app.config.terms_url {
                    Some(url) => { a href=(url) rel="noreferrer" { "the terms for vendors" } }
                    None => { "the terms for vendors of this host’s operator" }
                }
                " (version " (version) ")"
            }
        }
    }
}

/// `POST /vendors/sign-up`
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    Form(fields): Form,
) -> Result<Response, Problem> {
    let text = |name: &str| fields.get(name).unwrap_or_default().to_owned();
    let asked = SignUp {
        name: text("name"),
        title: text("title"),
        email: text("email"),
        organisation: text("organisation"),
        country: text("country"),
        vat_number: fields.get("vat_number").map(str::to_owned),
        terms_version: text("terms_version"),
        terms_accepted: fields.is_set("terms_accepted"),
    };
    let (vendor, email) = (asked.name.clone(), asked.email.clone());
    match sign_up::sign_up(&app, asked, &origin, |_| None).await {
        Ok(VendorState::Approved) => Ok(Redirect::to(&link("/vendors/sign-in", &[("email", &email)])).into_response()),
        Ok(_) => {
            let query = [("vendor", vendor.as_str()), ("email", &email), ("sent", "1")];
            Ok(Redirect::to(&link("/vendors/confirm", &query)).into_response())
        }
        Err(error) => Ok(page(&app, &fields, Some(&Mistake::of(error)?)).into_response()),
    }
}

/// `GET /vendors/confirm?vendor=…&email=…`
pub(super) async fn ask_code(RawQuery(query): RawQuery) -> Page<'static> {
    code_page(&Fields::of_query(query.as_deref()), None)
}

fn code_page(fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let content = html! {
        div.narrow {
            h1 { "Confirm your address" }
            @if fields.is_set("sent") && mistake.is_none() {
                p.lead { "A code is on its way to " strong { (value("email")) } ". It is good for 30 minutes." }
            } @else {
                p.lead { "Type the code that was mailed to you." }
            }
            form method="post" action="/vendors/confirm" {
                (forms::note(mistake))
                section {
                    (Line::new("vendor", "Vendor", value("vendor")).hint("Its name in plugin.toml; the mail says it.").show(mistake))
                    (Line::new("email", "Your address", value("email")).fills("email").show(mistake))
                    (forms::code(mistake))
                    button type="submit" { "Confirm" }
                }
            }
            p.soft.small { "No mail, or too late? " a href="/vendors/sign-up" { "Sign up again" } " with the same name and address, and a new code is mailed. Who was invited asks for a new invitation." }
        }
    };
    let page = Page::new("Confirm your address", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// `POST /vendors/confirm`: who types the code is signed in, too.
pub(super) async fn confirm(State(app): State<Arc<App>>, Form(fields): Form) -> Result<Response, Problem> {
    let text = |name: &str| fields.get(name).unwrap_or_default();
    let vendor = text("vendor");
    let email = text("email").to_lowercase();
    let (secret, open) = sessions::open(&app, &email);
    match sign_up::confirm(&app, vendor, &email, text("code"), vec![open]).await {
        Ok(_) => {
            let to = link("/vendors", &[("vendor", vendor), ("done", "confirmed")]);
            Ok(signed_in(&app, &secret, &to))
        }
        Err(error @ VendorError::Store(_)) => Err(error.into()),
        Err(error) => Ok(code_page(&fields, Some(&Mistake::of(error)?)).into_response()),
    }
}
