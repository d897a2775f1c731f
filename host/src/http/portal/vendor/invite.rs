//! `/vendors/members`: inviting somebody, with a mailed code where the role is one that may change where money goes.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{
    super::{
        fields::{Fields, link},
        page::Page,
    },
    forms::{self, Mistake},
    visitor::{Acting, Instead, SignedForm, hidden},
};
use crate::{
    app::App,
    http::origin::Origin,
    vendors::{
        Scope,
        members::{self, By, Invitation},
        payout, profile,
    },
};

/// `POST /vendors/members`: without a code one is mailed, where it is needed. The page that asks for it has no address of its
/// own: no link can say who is to be invited.
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    form: SignedForm,
) -> Result<Response, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Admin).await?;
    let text = |name: &str| fields.get(name).unwrap_or_default();
    let (email, role, code) = (text("email"), text("role"), fields.get("code"));
    if code.is_none() && members::takes_code(&app, role) {
        profile::email("email", email)?;
        payout::reauthenticate(&app, &acting.member, &origin).await?;
        return Ok(page(&acting, &fields, None).into_response());
    }
    let invitation = Invitation { email, role, by: By::Member(&acting.member, code), origin: &origin };
    match members::invite(&app, &acting.vendor, invitation, |_, _| None).await {
        Ok(_) => Ok(acting.back("invited").into_response()),
        Err(error) if code.is_some() => Ok(page(&acting, &fields, Some(&Mistake::of(error)?)).into_response()),
        Err(error) => Err(error.into()),
    }
}

fn page(acting: &Acting, fields: &Fields, mistake: Option<&Mistake>) -> Page<'static> {
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let content = html! {
        div.narrow {
            h1 { "Invite " (value("email")) }
            p.lead { (acting.vendor.profile.title) " · " (value("role")) }
            form method="post" action="/vendors/members" {
                (forms::note(mistake))
                section {
                    @if mistake.is_none() { p.note { "Who has this role may change where money goes. Say once more who you are: a code is on its way to " (acting.member.email) "." } }
                    (carried(acting, fields))
                    (forms::code(mistake))
                    button type="submit" { "Invite" }
                    p.soft.small { "All owners are told by mail." }
                }
            }
            form method="post" action="/vendors/members" {
                (carried(acting, fields))
                button.quiet type="submit" { "Mail another code" }
            }
            p { a href=(link("/vendors", &[("vendor", &acting.vendor.name)])) { "Back" } }
        }
    };
    let page = Page::new("Invite somebody", content).of_vendors();
    if mistake.is_some() { page.status(StatusCode::UNPROCESSABLE_ENTITY) } else { page }
}

/// Who is invited, as the form before said.
fn carried(acting: &Acting, fields: &Fields) -> Markup {
    html! {
        (hidden(&acting.session, &acting.vendor.name))
        @for name in ["email", "role"] { input type="hidden" name=(name) value=(fields.get(name).unwrap_or_default()); }
    }
}
