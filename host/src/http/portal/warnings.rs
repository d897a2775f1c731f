//! Low-credit warnings of an account.

use std::sync::Arc;

use axum::{body::Bytes, extract::State, http::StatusCode, response::Redirect};
use iap_core::{Credits, hosting::Door};
use iap_store::repositories::Warnings;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::{fields::Fields, problem::Problem, visit::Visit};
use crate::app::App;

/// Most addresses that are warned.
const MOST: usize = 10;
/// Longest address, as mail servers take it.
const LONGEST: usize = 254;

/// One who is warned, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Recipient {
    email: String,
    #[serde(default = "english")]
    lang_code: String,
}

fn english() -> String {
    "en_US".to_owned()
}

/// The form on the account's page.
pub(super) fn form(visit: &Visit) -> Markup {
    // A database that the account is not at home in may not change who is warned.
    if visit.refused_at(Door::BuyPage).is_some() {
        return html! {};
    }
    let warnings = &visit.account.warnings;
    let emails: Vec<String> = recipients(&warnings.emails).into_iter().map(|recipient| recipient.email).collect();
    html! {
        section {
            h2 { "Warnings" }
            form method="post" action="/iap/1/warnings" {
                (visit.hidden())
                label.check { input type="checkbox" name="warn_me" value="1" checked[warnings.warn_me]; "Receive threshold warning" }
                div.pair {
                    div {
                        label for="warning_threshold" { "Warning Threshold" }
                        input id="warning_threshold" name="warning_threshold" inputmode="decimal" value=(warnings.threshold);
                    }
                    div {
                        label for="warning_email" { "Contact Email" }
                        input id="warning_email" name="warning_email" inputmode="email" autocomplete="email" value=(emails.join(", "));
                    }
                }
                button.quiet type="submit" { "Save" }
            }
        }
    }
}

/// `POST /iap/1/warnings`
pub(super) async fn save(State(app): State<Arc<App>>, body: Bytes) -> Result<Redirect, Problem> {
    let fields = Fields::of_body(&body);
    let visit = Visit::open(&app, &fields).await?;
    if let Some(message) = visit.refused_at(Door::BuyPage) {
        return Err(Problem::not_allowed(&message));
    }
    let warnings = read(&fields, &visit.account.warnings).map_err(|what| {
        Problem::new(StatusCode::BAD_REQUEST, "The warning was not saved", what, "Go back, correct it and save again.")
    })?;
    app.store.write(vec![app.store.accounts().warn(visit.account.id, &warnings)]).await?;
    Ok(Redirect::to(&visit.link("/iap/1/credit", &[("saved", "1")])))
}

fn recipients(json: &str) -> Vec<Recipient> {
    serde_json::from_str(json).unwrap_or_default()
}

/// What the form says; recipients who stay keep their language.
fn read(fields: &Fields, before: &Warnings) -> Result<Warnings, String> {
    let text = fields.get("warning_threshold").unwrap_or("0");
    let threshold: Credits = text.parse().map_err(|error| format!("Warning Threshold: {text:?} {error}."))?;
    if threshold < Credits::ZERO {
        return Err("Warning Threshold must be 0 or more.".to_owned());
    }
    let known = recipients(&before.emails);
    let mut recipients = Vec::new();
    let addresses = fields.get("warning_email").unwrap_or_default();
    for email in addresses.split([',', ';', ' ']).filter(|email| !email.is_empty()) {
        if !is_email(email) {
            return Err(format!("Contact Email: {email:?} is no address such as \"name@example.com\"."));
        }
        let kept = known.iter().find(|recipient| recipient.email == email).cloned();
        recipients.push(kept.unwrap_or_else(|| Recipient { email: email.to_owned(), lang_code: english() }));
    }
    if MOST < recipients.len() {
        return Err(format!("Contact Email: at most {MOST} addresses can be warned."));
    }
    let warn_me = fields.is_set("warn_me");
    if warn_me && recipients.is_empty() {
        return Err("Contact Email is empty, so nobody could be warned.".to_owned());
    }
    let emails = serde_json::to_string(&recipients).map_err(|error| error.to_string())?;
    Ok(Warnings { warn_me, threshold, emails })
}

fn is_email(text: &str) -> bool {
    let plain =
        text.len() <= LONGEST && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"".contains(c));
    plain
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty()
                && host.contains('.')
                && !host.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(query: &str) -> Result<Warnings, String> {
        let before = Warnings {
            warn_me: false,
            threshold: Credits::ZERO,
            emails: r#"[{"email":"a@b.example","lang_code":"fr_BE"}]"#.into(),
        };
        read(&Fields::of_query(Some(query)), &before)
    }

    #[test]
    fn recipients_who_stay_keep_their_language() {
        let warnings = saved("warn_me=1&warning_threshold=12.5&warning_email=a@b.example,%20c@d.example").unwrap();
        assert!(warnings.warn_me);
        assert_eq!(warnings.threshold.to_string(), "12.5");
        assert_eq!(
            warnings.emails,
            r#"[{"email":"a@b.example","lang_code":"fr_BE"},{"email":"c@d.example","lang_code":"en_US"}]"#
        );
        let off = saved("").unwrap();
        assert_eq!((off.warn_me, off.threshold, off.emails.as_str()), (false, Credits::ZERO, "[]"));
    }

    #[test]
    fn wrong_values_are_named_with_their_label() {
        for (query, text) in [
            ("warning_threshold=ten", "Warning Threshold: \"ten\" is not a decimal number such as \"12.5\"."),
            ("warning_threshold=-1", "Warning Threshold must be 0 or more."),
            ("warn_me=1", "Contact Email is empty, so nobody could be warned."),
            ("warning_email=nobody", "Contact Email: \"nobody\" is no address such as \"name@example.com\"."),
        ] {
            assert_eq!(saved(query), Err(text.to_owned()), "{query}");
        }
        let many = ["a@b.example"; MOST + 1].join(",");
        assert_eq!(
            saved(&format!("warning_email={many}")),
            Err("Contact Email: at most 10 addresses can be warned.".to_owned())
        );
    }
}
