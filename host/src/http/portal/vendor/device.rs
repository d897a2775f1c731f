//! `/login/device`: a program asks for a token, and a member says yes or no.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use iap_store::repositories::{DeviceLoginRow, MemberRow};
use maud::{Markup, html};

use super::{
    super::{
        fields::{Fields, link},
        page::Page,
    },
    forms::Line,
    visitor::{Form, Instead, SignedForm, SignedIn, hidden, not_yours},
};
use crate::{
    app::App,
    vendors::{device, sessions::Session, tokens},
};

const TITLE: &str = "Sign a program in";

/// `GET /login/device?user_code=…`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    SignedIn(session): SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Response, Instead> {
    let fields = Fields::of_query(query.as_deref());
    let typed = fields.get("user_code").unwrap_or_default();
    if typed.is_empty() {
        return Ok(code_page("", false).into_response());
    }
    let Some(row) = device::find(&app, typed).await? else { return Ok(code_page(typed, true).into_response()) };
    let members = session.members(&app).await?;
    if members.is_empty() {
        return Err(Instead::Problem(not_yours()));
    }
    Ok(Page::new(TITLE, ask(&session, &row, &members)).of_vendors().into_response())
}

fn code_page(typed: &str, wrong: bool) -> Page<'static> {
    let content = html! {
        div.narrow {
            h1 { (TITLE) }
            p.lead { "Type the code that the program shows." }
            form method="post" action="/login/device" {
                @if wrong {
                    p.note.bad role="alert" { "No program waits with this code. It may have been typed wrong, or ten minutes have passed: then begin the login again." }
                }
                section {
                    (Line::new("user_code", "Code", typed).hint("Eight letters, as BCDF-GHJK.").show(None))
                    button type="submit" { "Go on" }
                }
            }
        }
    };
    let page = Page::new(TITLE, content).of_vendors();
    if wrong { page.status(StatusCode::NOT_FOUND) } else { page }
}

fn ask(session: &Session, row: &DeviceLoginRow, members: &[MemberRow]) -> Markup {
    let scopes = tokens::read(&row.scopes);
    let all = |role: &str| scopes.iter().all(|scope| scope.fits(role));
    html! {
        div.narrow {
            h1 { "Let a program act for you?" }
            p.lead { strong { (row.client) } " waits with the code " code { (row.user_code) } "." }
            p.note { "Say yes only if you have just started it yourself and it shows this very code. Whoever sends you a code wants to act in your name." }
            form method="post" action="/login/device/decide" {
                section {
                    h2 { "It will be able to" }
                    ul { @for scope in &scopes { li { (scope.words()) } } }
                    p.soft.small { "For one year, or until you revoke it on the vendor’s page." }
                    @if members.len() == 1 {
                        @for member in members {
                            p { "For the vendor " strong { (member.vendor) } ", as " (session.email) " (" (member.role) ")." }
                        }
                    } @else {
                        fieldset.packs {
                            legend { "For which vendor?" }
                            @for (index, member) in members.iter().enumerate() {
                                label.pack {
                                    input type="radio" name="acts_for" value=(member.vendor) required checked[index == 0];
                                    span.name { (member.vendor) span.soft.small { (member.role) } }
                                }
                            }
                        }
                    }
                    @if members.iter().any(|member| !all(&member.role)) {
                        p.soft.small { "What does not fit your role for the vendor is left out." }
                    }
                    (hidden(session, members.first().map(|member| member.vendor.as_str()).unwrap_or_default()))
                    input type="hidden" name="user_code" value=(row.user_code);
                    div.actions {
                        button type="submit" name="decision" value="yes" { "Yes, sign it in" }
                        button.quiet type="submit" name="decision" value="no" { "No" }
                    }
                }
            }
        }
    }
}

/// `POST /login/device`: the code, as it was typed.
pub(super) async fn typed(Form(fields): Form) -> Redirect {
    Redirect::to(&link("/login/device", &[("user_code", fields.get("user_code").unwrap_or_default())]))
}

/// `POST /login/device/decide`
pub(super) async fn decide(State(app): State<Arc<App>>, form: SignedForm) -> Result<Response, Instead> {
    let SignedForm { session, fields } = form;
    let vendor = fields.get("acts_for").or_else(|| fields.get("vendor")).unwrap_or_default();
    let member = session.members(&app).await?.into_iter().find(|member| member.vendor == vendor);
    let member = member.ok_or_else(|| Instead::Problem(not_yours()))?;
    let typed = fields.get("user_code").unwrap_or_default();
    let Some(row) = device::find(&app, typed).await? else { return Ok(code_page(typed, true).into_response()) };
    let yes = fields.get("decision") == Some("yes");
    device::decide(&app, &row, &member, yes).await?;
    let content = html! {
        div.narrow {
            @if yes {
                p.code.good { "✓" }
                h1 { "Signed in" }
                p.lead { strong { (row.client) } " may act for " strong { (member.vendor) } " now. You can close this page." }
            } @else {
                h1 { "Refused" }
                p.lead { strong { (row.client) } " was told no. If you did not start it, nothing more is to be done." }
            }
            p { a href=(link("/vendors", &[("vendor", &member.vendor)])) { "To the vendor’s page" } }
        }
    };
    Ok(Page::new(TITLE, content).of_vendors().into_response())
}
