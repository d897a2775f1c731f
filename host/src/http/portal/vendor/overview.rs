//! `/vendors`: where a vendor stands, and what it has.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use iap_store::repositories::{VendorKeyRow, VendorState};
use maud::{Markup, html};

use super::{
    super::{
        fields::{Fields, link},
        page::Page,
    },
    sections,
    sign_up::terms,
    visitor::{Acting, Instead, SignedIn, hidden},
};
use crate::{
    app::App,
    vendors::{Scope, sessions::Session},
};

/// `GET /vendors?vendor=…`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    SignedIn(session): SignedIn,
    RawQuery(query): RawQuery,
) -> Result<Page<'static>, Instead> {
    let fields = Fields::of_query(query.as_deref());
    let memberships = session.members(&app).await?;
    let Some(acting) = Acting::find(&app, session.clone(), &fields).await? else { return Ok(nobody(&session)) };
    let name = acting.vendor.name.clone();
    let members = app.store.members().of_vendor(&name).await?;
    let keys = app.store.vendor_keys().of_vendor(&name).await?;
    let mut tokens = app.store.vendor_tokens().of_vendor(&name, app.store.clock().now()).await?;
    tokens.retain(|token| acting.may(Scope::Admin) || token.member == acting.member.id);
    let content = html! {
        div.title {
            h1 { (acting.vendor.profile.title) }
            form method="post" action="/vendors/sign-out" { (hidden(&session, &name)) button.quiet.small type="submit" { "Sign out" } }
        }
        p.lead { (session.email) " · " (acting.member.role) }
        @if 1 < memberships.len() {
            nav.choice aria-label="Vendor" {
                @for other in &memberships {
                    @if other.vendor == name { span aria-current="true" { (other.vendor) } }
                    @else { a href=(link("/vendors", &[("vendor", &other.vendor)])) { (other.vendor) } }
                }
            }
        }
        @if let Some(words) = fields.get("done").and_then(done) { p.note.good role="status" { (words) } }
        (standing(&app, &acting, &keys))
        (sections::profile(&acting.vendor))
        (sections::members(&acting, &members))
        (sections::keys(&acting, &keys))
        (sections::tokens(&acting, &tokens))
        (sections::payout(&app, &acting))
    };
    Ok(Page::new("Vendor", content).of_vendors())
}

fn nobody(session: &Session) -> Page<'static> {
    let content = html! {
        div.narrow {
            h1 { "You act for no vendor" }
            p.lead { "You are signed in as " (session.email) ", which is no member of a vendor any more." }
            p { a.button href="/vendors/sign-up" { "Sign up as a vendor" } }
            form method="post" action="/vendors/sign-out" { (hidden(session, "")) button.quiet type="submit" { "Sign out" } }
        }
    };
    Page::new("Vendor", content).of_vendors()
}

fn done(what: &str) -> Option<&'static str> {
    Some(match what {
        "confirmed" => "Your address is confirmed, and you are signed in.",
        "invited" => "An invitation is on its way.",
        "removed" => "The member is removed; their tokens open nothing any more.",
        "key-added" => "The key is registered.",
        "key-revoked" => "The key is revoked; what it signed before stays.",
        "token-revoked" => "The token is revoked.",
        "payout" => "The payout details are saved. The owners were told by mail, and nothing is paid out for 7 days.",
        "terms" => "The terms are accepted.",
        _ => return None,
    })
}

/// Where the sign-up stands, and what to do next.
fn standing(app: &App, acting: &Acting, keys: &[VendorKeyRow]) -> Markup {
    let vendor = &acting.vendor;
    let has_key = keys.iter().any(|key| key.revoked_at.is_none());
    let new_terms = vendor.profile.terms_version.as_ref().is_some_and(|accepted| *accepted != app.config.terms_version);
    html! {
        section {
            h2 { "What to do next" }
            @match vendor.state {
                VendorState::Unconfirmed => p { "Confirm the address: type the code that was mailed there." },
                VendorState::Waiting => p { strong { "Waiting for approval." } " The operator of this host looks at new vendors; a mail tells you when it is done. You can sign in with " code { "iap login" } " meanwhile, but not publish." },
                VendorState::Refused => p { strong { "Not approved." } " Nothing can be published. The reason was mailed to you; answer to the operator of this host." },
                VendorState::Approved => {
                    @if has_key {
                        p { strong { "Approved." } " You can publish:" }
                    } @else {
                        p { strong { "Approved." } " On the machine that you develop on, sign in; the first publishing registers a key that signs your releases:" }
                    }
                    pre { "iap login --host " (app.public_url) "\niap plugin publish --host " (app.public_url) }
                }
            }
            @if vendor.payout_iban.is_none() && acting.may(Scope::Finance) {
                p { "Say where you are paid: " a href=(link("/vendors/payout", &[("vendor", &vendor.name)])) { "payout details" } "." }
            }
            @if new_terms && acting.may(Scope::Admin) {
                form method="post" action="/vendors/terms" {
                    (hidden(&acting.session, &vendor.name))
                    p.note { "The terms for vendors have changed." }
                    (terms(app, false))
                    button.quiet type="submit" { "Accept" }
                }
            }
        }
    }
}
