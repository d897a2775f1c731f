//! The provider transaction API (protocol reference §6): remote services draw credits by their key.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use iap_core::{
    Credits,
    hosting::Door,
    identity::AccountToken,
    ids::HoldId,
    ledger::{Authorize, Command, Refusal},
};
use iap_store::{
    Post, PostError,
    repositories::{CallState, Calls, HoldRow, NewCall},
};
use serde_json::Value;

use super::{
    envelope::{Envelope, MAX_BODY, answer, failure},
    errors::Wrong,
    params::{Params, kind},
};
use crate::{accounts::Contact, app::App, catalog::Service, secrets::bearer_hash};

/// Hours that a hold lives if the provider does not say (13.0 and 14.0 never do): 180 days.
const DEFAULT_TTL: i64 = 4320;
/// Longest description kept.
const MAX_DESCRIPTION: usize = 200;

/// `POST /iap/1/authorize`: sets credits aside; the result is the transaction token.
pub async fn authorize(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |params: &Params<'_>| {
        let service = service(&app, params).await?;
        let credit =
            params.credits("credit")?.ok_or_else(|| Wrong::wrong_type("credit must be a number above 0".to_owned()))?;
        if !credit.is_positive() {
            return Err(Wrong::wrong_type(format!("credit must be a number above 0, not {credit}")));
        }
        let ttl = ttl(params)?;
        let insufficient = |needed| Wrong::insufficient_credit(needed, &service.name, &app.public_url, false);
        let token = AccountToken::parse(params.required_text("account_token")?).map_err(|_| insufficient(credit))?;
        let contact = Contact { token, dbuuid: params.dbuuid()?, door: Door::RemoteAuthorize };
        let met = contact.meet(&app.store, &app.keys, &app.config, &service).await.map_err(Wrong::from_contact)?;
        if let Some((_, message)) = met.standing.refusal() {
            return Err(Wrong::access(message));
        }
        let account = met.account.ok_or_else(|| insufficient(credit))?;
        let hold = app.store.ids().hold();
        let call = app.store.ids().call();
        let description: String =
            params.text("description")?.unwrap_or_default().chars().take(MAX_DESCRIPTION).collect();
        let begin = Calls::begin(NewCall {
            id: call,
            account: account.id,
            release: None,
            operation: "authorize".to_owned(),
            door: "remote",
            company: None,
            lines: "[]".to_owned(),
            description,
            idempotency: None,
            at: app.store.clock().now(),
        });
        let queued = Calls::set_state(call, CallState::Queued, None, app.store.clock().now());
        let mut post =
            Post::new(account.id, Command::Authorize(Authorize { hold, amount: credit, ttl, company: None }))
                .with(move |_| vec![begin.clone(), queued.clone()]);
        post.call = Some(call);
        match app.store.post(post).await {
            Ok(_) => Ok(Value::from(hold.to_string())),
            Err(PostError::Refused(Refusal::InsufficientCredit { needed, .. })) => Err(insufficient(needed)),
            Err(PostError::Refused(refusal)) => Err(Wrong::access(refusal.to_string())),
            Err(error) => Err(iap_store::StoreError::from(error).into()),
        }
    })
    .await
}

/// `POST /iap/1/capture`: takes the hold, or less; idempotent.
pub async fn capture(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |params: &Params<'_>| {
        let asked = params.credits("credit_to_capture")?.filter(|credits| !credits.is_zero());
        end(&app, params, |held| asked.unwrap_or(held)).await
    })
    .await
}

/// `POST /iap/1/cancel`: returns the hold; idempotent.
pub async fn cancel(State(app): State<Arc<App>>, body: Body) -> Response {
    respond(&app, body, async |params: &Params<'_>| end(&app, params, |_| Credits::ZERO).await).await
}

async fn end(app: &App, params: &Params<'_>, amount: impl Fn(Credits) -> Credits) -> Result<Value, Wrong> {
    let service = service(app, params).await?;
    let unknown =
        || Wrong::access("token: this service has no such transaction; send the token that authorize answered");
    let hold: HoldId = params.required_text("token")?.parse().map_err(|_| unknown())?;
    let HoldRow { account, call, amount: held, .. } = app.store.grants().hold(hold).await?.ok_or_else(unknown)?;
    let owner = app.store.accounts().get(account).await?.filter(|account| account.service == service.id);
    let (Some(_), Some(call)) = (owner, call) else { return Err(unknown()) };
    let amount = amount(held);
    if amount < Credits::ZERO {
        return Err(Wrong::user(format!("credit_to_capture must be above 0, not {amount}")));
    }
    let at = app.store.clock().now();
    let command = Command::Capture { hold, amount, last: true };
    let post = Post::new(account, command).with(move |_| {
        if amount.is_zero() {
            vec![Calls::set_state(call, CallState::Answered, None, at)]
        } else {
            vec![Calls::captured(call, "[]".to_owned(), amount, None, None, at)]
        }
    });
    match app.store.post(post).await {
        Ok(_) => Ok(Value::Bool(true)),
        // Ending it a second time in the same way changes nothing and is no error; an unsettled hold
        // whose time is up cannot be captured any more.
        Err(PostError::Refused(Refusal::HoldHasEnded { captured, .. }))
            if captured.is_positive() != amount.is_zero() =>
        {
            Ok(Value::Bool(true))
        }
        Err(PostError::Refused(refusal)) => Err(Wrong::access(format!("token: {refusal}"))),
        Err(error) => Err(iap_store::StoreError::from(error).into()),
    }
}

/// The service that a service key opens.
async fn service(app: &App, params: &Params<'_>) -> Result<Arc<Service>, Wrong> {
    let invalid = || {
        Wrong::access(
            "key: this is no service key of this host; ask the operator to register the service or to give it a new key",
        )
    };
    let key = params.text("key")?.ok_or_else(invalid)?;
    let row = app.store.services().by_key(&bearer_hash(key)).await?.ok_or_else(invalid)?;
    app.catalog.service(&row.name).ok_or_else(invalid)
}

/// Milliseconds from hours, which may be a fraction.
fn ttl(params: &Params<'_>) -> Result<i64, Wrong> {
    match params.0.get("ttl") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(DEFAULT_TTL * 3_600_000),
        Some(Value::Number(number)) => {
            let hours = Credits::from_wire_number(&number.to_string()).ok();
            let millis =
                hours.and_then(|hours| hours.micros().checked_mul(36)).map(|n| n / 10).filter(|millis| 0 < *millis);
            let most = DEFAULT_TTL * 3_600_000;
            millis
                .map(|millis| millis.min(most))
                .ok_or_else(|| Wrong::user(format!("ttl must be a number of hours above 0, not {number}")))
        }
        Some(other) => Err(Wrong::user(format!("ttl must be a number of hours, not {}", kind(other)))),
    }
}

async fn respond(app: &App, body: Body, handle: impl AsyncFnOnce(&Params<'_>) -> Result<Value, Wrong>) -> Response {
    match Envelope::read(&app.bodies, body, MAX_BODY).await {
        Ok(envelope) => answer(&envelope.id, handle(&Params(&envelope.params)).await),
        Err((id, wrong)) => failure(&id, &wrong),
    }
}
