//! `GET /1/account?account_token=…` (17 and later): whether the SMS account is registered. Odoo links it
//! in the error of an SMS that was refused for want of registration.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
};
use iap_core::manifest::InformationSource;
use iap_store::StoreError;
use maud::html;

use super::{fields::Fields, page::Page, problem::Problem, visit::read_token};
use crate::{app::App, catalog::Service};

/// The service that this path of Odoo's belongs to.
const SERVICE: &str = "sms";

/// The page.
pub(super) async fn registration(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Page<'static>, Problem> {
    let fields = Fields::of_query(query.as_deref());
    let service = app.catalog.service(SERVICE).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "No text messages here",
            "This host does not offer SMS.",
            "Ask its operator to add the service.",
        )
    })?;
    let token = read_token(fields.get("account_token").unwrap_or_default())?;
    let hashes = app.keys.account_token(token.as_str());
    let account = app.store.accounts().by_token(service.id, &hashes.mac).await?.filter(|_| !token.is_disabled());
    let state = match &account {
        Some(account) => registered(&app, &service, &account.id.to_string()).await?,
        None => None,
    };
    let (title, text, remedy) = explain(account.is_some(), state.as_deref());
    let content = html! { div.narrow { h1 { (title) } p.lead { (text) } p { (remedy) } } };
    Ok(Page::new(title, content))
}

/// What the service says of the account, as Odoo is told: `registered`, `unregistered`, `banned` or nothing.
async fn registered(app: &App, service: &Service, account: &str) -> Result<Option<String>, StoreError> {
    let source = service.release.as_ref().and_then(|release| release.manifest().account_information.get("registered"));
    match source {
        None => Ok(None),
        Some(InformationSource::Text(text)) => Ok(Some(text.clone())),
        Some(InformationSource::Store(key)) => {
            let stored = app.store.store_values().get(service.id, 0, &key.replace("{account}", account)).await?;
            Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        }
    }
}

const REGISTER: &str = "In Odoo, open Settings › Technical › IAP Account, choose the SMS account and press Register: a code is sent to your telephone.";

fn explain(known: bool, state: Option<&str>) -> (&'static str, &'static str, &'static str) {
    match (known, state) {
        (false, _) => (
            "This SMS account is not known here",
            "No text message has been sent with it through this host yet.",
            "Send one from Odoo: the account opens by itself.",
        ),
        (true, Some("registered")) => (
            "Your SMS account is registered",
            "There is nothing to do: you can send text messages.",
            "Go back to Odoo and send again.",
        ),
        (true, Some("banned")) => {
            ("Your SMS account is blocked", "It may not send text messages.", "Write to the operator of this host.")
        }
        (true, _) => ("Your SMS account is not registered yet", "Text messages can be sent once it is.", REGISTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_remedy() {
        assert_eq!(explain(true, Some("registered")).0, "Your SMS account is registered");
        assert_eq!(explain(true, Some("unregistered")).2, REGISTER);
        assert_eq!(explain(true, None).2, REGISTER);
        assert_eq!(explain(true, Some("banned")).0, "Your SMS account is blocked");
        assert_eq!(explain(false, None).0, "This SMS account is not known here");
    }
}
