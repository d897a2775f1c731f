//! Sections of a vendor's page.

use iap_store::repositories::{MemberRow, VendorKeyRow, VendorRow, VendorTokenRow};
use maud::{Markup, html};

use super::{
    super::{fields::link, text::moment},
    forms::{self, Line},
    visitor::{Acting, hidden},
};
use crate::{
    app::App,
    vendors::{Scope, countries, payout as rules, tokens as scopes},
};

pub(super) fn profile(vendor: &VendorRow) -> Markup {
    let profile = &vendor.profile;
    let country = |code: &str| countries::ALL.iter().find(|(known, _)| *known == code).map(|(_, name)| *name);
    html! {
        section {
            h2 { "Vendor" }
            dl.facts {
                div { dt { "Name in plugin.toml" } dd { code { (vendor.name) } } }
                div { dt { "State" } dd { (vendor.state.as_str()) } }
                @if let Some(organisation) = &profile.organisation { div { dt { "Organisation" } dd { (organisation) } } }
                @if let Some(code) = &profile.country { div { dt { "Country" } dd { (country(code).unwrap_or(code)) } } }
                @if let Some(number) = &profile.vat_number { div { dt { "VAT number" } dd { (number) } } }
                @if let Some(email) = &profile.email { div { dt { "Mails go to" } dd { (email) } } }
            }
        }
    }
}

pub(super) fn members(acting: &Acting, members: &[MemberRow]) -> Markup {
    let admin = acting.may(Scope::Admin);
    let roles = [
        ("developer", "developer: releases, config and secrets"),
        ("finance", "finance: money and payout details"),
        ("owner", "owner: all"),
    ];
    html! {
        section {
            h2 { "Members" }
            div.scroll {
                table {
                    thead { tr { th { "Address" } th { "Role" } th { span.hidden { "Action" } } } }
                    tbody {
                        @for member in members {
                            tr {
                                td { (member.email) @if member.confirmed_at.is_none() { span.soft.small { "invited, not confirmed yet" } } }
                                td { (member.role) }
                                td.action {
                                    @if admin || member.id == acting.member.id {
                                        form method="post" action="/vendors/members/remove" {
                                            (hidden(&acting.session, &acting.vendor.name))
                                            input type="hidden" name="member" value=(member.id);
                                            button.quiet.small type="submit" aria-label=(format!("Remove {}", member.email)) {
                                                @if member.id == acting.member.id { "Leave" } @else { "Remove" }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if admin {
                details {
                    summary { "Invite somebody" }
                    form method="post" action="/vendors/members" {
                        (hidden(&acting.session, &acting.vendor.name))
                        (Line::new("email", "Address", "").fills("email").show(None))
                        (forms::choice("role", "Role", &roles, "developer", None))
                        p.soft.small { "For an owner or finance member a code is mailed to you first." }
                        button type="submit" { "Invite" }
                    }
                }
            }
        }
    }
}

pub(super) fn keys(acting: &Acting, keys: &[VendorKeyRow]) -> Markup {
    let admin = acting.may(Scope::Admin);
    html! {
        section {
            h2 { "Signing keys" }
            @if keys.is_empty() { p.soft { "None yet. Releases are signed with a key that stays on your machine." } }
            @if !keys.is_empty() {
                div.scroll {
                    table {
                        thead { tr { th { "Key" } th { "Since" } th { span.hidden { "Action" } } } }
                        tbody {
                            @for key in keys {
                                tr {
                                    td { (key.title) span.small { code { (key.public_key) } } }
                                    td { (moment(key.created_at)) @if let Some(at) = key.revoked_at { span.soft.small { "revoked " (moment(at)) } } }
                                    td.action {
                                        @if admin && key.revoked_at.is_none() {
                                            form method="post" action="/vendors/keys/revoke" {
                                                (hidden(&acting.session, &acting.vendor.name))
                                                input type="hidden" name="public_key" value=(key.public_key);
                                                button.quiet.small type="submit" aria-label=(format!("Revoke {}", key.title)) { "Revoke" }
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if admin {
                details {
                    summary { "Register a key" }
                    form method="post" action="/vendors/keys" {
                        (hidden(&acting.session, &acting.vendor.name))
                        (Line::new("title", "What to call it", "").show(None))
                        (Line::new("public_key", "Public key", "").hint("ed25519, 64 hexadecimal digits.").show(None))
                        button type="submit" { "Register" }
                    }
                }
            }
        }
    }
}

pub(super) fn tokens(acting: &Acting, tokens: &[VendorTokenRow]) -> Markup {
    html! {
        section {
            h2 { "Tokens" }
            @if tokens.is_empty() { p.soft { "None. " code { "iap login" } " gets one for the program." } }
            @if !tokens.is_empty() {
                div.scroll {
                    table.wide {
                        thead { tr { th { "For" } th { "May" } th { "Until" } th { span.hidden { "Action" } } } }
                        tbody {
                            @for token in tokens {
                                tr {
                                    td { (token.title) span.soft.small { (token.email) ", since " (moment(token.created_at)) } }
                                    td { (may(token)) }
                                    td { @if let Some(at) = token.expires_at { (moment(at)) } @else { "revoked" } }
                                    td.action {
                                        form method="post" action="/vendors/tokens/revoke" {
                                            (hidden(&acting.session, &acting.vendor.name))
                                            input type="hidden" name="token" value=(token.id);
                                            button.quiet.small type="submit" aria-label=(format!("Revoke {}", token.title)) { "Revoke" }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn may(token: &VendorTokenRow) -> String {
    scopes::read(&token.scopes).into_iter().map(Scope::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn payout(app: &App, acting: &Acting) -> Markup {
    let vendor = &acting.vendor;
    let held = rules::held(vendor, app.store.clock().now());
    html! {
        section {
            h2 { "Payout details" }
            @match (&vendor.payout_iban, &vendor.payout_currency) {
                (Some(iban), Some(currency)) => {
                    dl.facts {
                        div { dt { "Account" } dd { (rules::masked(iban)) } }
                        div { dt { "Currency" } dd { (currency) } }
                    }
                }
                _ => p.soft { "None yet: nothing can be paid out." },
            }
            @if let Some(until) = held { p.note { "They were changed a short while ago: nothing is paid out before " (moment(until)) "." } }
            @if acting.may(Scope::Finance) {
                p { a.button.quiet href=(link("/vendors/payout", &[("vendor", &vendor.name)])) { "Change" } }
            }
        }
    }
}
