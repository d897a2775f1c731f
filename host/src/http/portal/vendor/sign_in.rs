//! `/vendors/sign-in`: by a mailed code.

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
        problem::Problem,
    },
    forms::{self, Line, Mistake},
    visitor::{Form, SignedForm, next, signed_in, signed_out},
};
use crate::{
    app::App,
    http::origin::Origin,
    vendors::{profile, sessions},
};

/// `GET /vendors/sign-in?next=…`
pub(super) async fn show(RawQuery(query): RawQuery) -> Page<'static> {
    page(&Fields::of_query(query.as_deref()), None)
}

fn page(fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    let to = next(fields);
    let content = html! {
        div.narrow {
            h1 { "Sign in" }
            @if to.starts_with("/login/device") {
                p.lead { "A program waits for your word. Sign in as a member of a vendor first." }
            } @else {
                p.lead { "For those who act for a vendor. A code is mailed to you; there is no password." }
            }
            form method="post" action="/vendors/sign-in" {
                (forms::note(mistake))
                section {
                    input type="hidden" name="next" value=(to);
                    (Line::new("email", "Your address", fields.get("email").unwrap_or_default()).fills("email").show(mistake))
                    button type="submit" { "Mail me a code" }
                }
            }
            p.soft.small { "No vendor yet? " a href="/vendors/sign-up" { "Sign up" } }
        }
    };
    let page = Page::new("Sign in", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// `POST /vendors/sign-in`: what is answered does not tell whether there is such a member.
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    Form(fields): Form,
) -> Result<Response, Problem> {
    let asked = async {
        let email = profile::email("email", fields.get("email").unwrap_or_default())?;
        sessions::ask(&app, &email, &origin).await?;
        Ok(email)
    };
    match asked.await {
        Ok(email) => {
            let query = [("email", email.as_str()), ("next", next(&fields))];
            Ok(Redirect::to(&link("/vendors/sign-in/code", &query)).into_response())
        }
        Err(error) => Ok(page(&fields, Some(&Mistake::of(error)?)).into_response()),
    }
}

/// `GET /vendors/sign-in/code?email=…&next=…`
pub(super) async fn ask_code(RawQuery(query): RawQuery) -> Page<'static> {
    code_page(&Fields::of_query(query.as_deref()), None)
}

fn code_page(fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    let email = fields.get("email").unwrap_or_default();
    let content = html! {
        div.narrow {
            h1 { "Type the code" }
            p.lead { "If " strong { (email) } " acts for a vendor here, a code is on its way there. It is good for 30 minutes." }
            form method="post" action="/vendors/sign-in/code" {
                (forms::note(mistake))
                section {
                    input type="hidden" name="email" value=(email);
                    input type="hidden" name="next" value=(next(fields));
                    (forms::code(mistake))
                    button type="submit" { "Sign in" }
                }
            }
            p.soft.small { a href=(link("/vendors/sign-in", &[("email", email), ("next", next(fields))])) { "Mail me another code" } " (at most six an hour)" }
        }
    };
    let page = Page::new("Type the code", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// `POST /vendors/sign-in/code`
pub(super) async fn enter(State(app): State<Arc<App>>, Form(fields): Form) -> Result<Response, Problem> {
    let entered = async {
        let email = profile::email("email", fields.get("email").unwrap_or_default())?;
        sessions::sign_in(&app, &email, fields.get("code").unwrap_or_default()).await
    };
    match entered.await {
        Ok(secret) => Ok(signed_in(&app, &secret, next(&fields))),
        Err(error) => Ok(code_page(&fields, Some(&Mistake::of(error)?)).into_response()),
    }
}

/// `POST /vendors/sign-out`
pub(super) async fn leave(State(app): State<Arc<App>>, form: SignedForm) -> Result<Response, Problem> {
    app.store.write(vec![form.session.close()]).await?;
    Ok(signed_out(&app))
}
