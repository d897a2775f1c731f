//! `/v1/accounts/{id}/calls` and `…/quotes`: invoking an operation, or asking what it would cost.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
};
use iap_core::{Credits, hosting::Door, ids::AccountId, ids::CallId, prices::PricedLine};
use iap_store::repositories::AccountRow;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    account::{self, balance, companies, met},
    auth::Caller,
    body::{Json, MAX_BODY, Segments, parse},
    fingerprint::{Fingerprint, IdempotencyKey},
    problem::{Problem, WRONG_COMPANY},
    values::{self, MAX_COMPANY},
};
use crate::{
    app::App,
    blobs::{self, Taken},
    calls::{self, CallError, Request},
    catalog::Service,
    http::upload::{Room, Upload},
};

/// What is asked of an operation.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallRequest {
    /// Input of the operation, as its schema in the release says.
    #[schema(value_type = serde_json::Value)]
    pub input: Box<RawValue>,
    /// For which company; refused if the account is restricted to others.
    #[serde(default)]
    pub company: Option<String>,
    /// Refuse rather than pay more than this.
    #[serde(default, deserialize_with = "values::credits_if_given")]
    #[schema(value_type = Option<String>, example = "1.5")]
    pub max_credits: Option<Credits>,
}

/// Members of an operation's input that are documents.
fn blobs_of<'a>(service: &'a Service, operation: &str) -> &'a [String] {
    let manifest = service.release.as_ref().map(|release| release.manifest());
    manifest.and_then(|manifest| manifest.operation(operation)).map_or(&[], |operation| &operation.blobs)
}

impl CallRequest {
    /// Reads a body; one with documents may be as large as the operation says.
    async fn read(app: &App, row: &AccountRow, operation: &str, body: Body) -> Result<(Self, Room), Problem> {
        let service = account::service(app, row)?;
        let manifest = service.release.as_ref().map(|release| release.manifest());
        let operation = manifest.and_then(|manifest| manifest.operation(operation));
        let most = operation.and_then(|operation| usize::try_from(operation.max_body).ok()).unwrap_or(MAX_BODY);
        let Upload { bytes, room } = app.bodies.read(body, most).await.map_err(Problem::of_upload)?;
        Ok((parse(&bytes)?, room))
    }

    fn check(&self, row: &AccountRow) -> Result<(), Problem> {
        if self.max_credits.is_some_and(|most| most < Credits::ZERO) {
            return Err(Problem::invalid("max_credits", "must not be below zero"));
        }
        let Some(company) = &self.company else { return Ok(()) };
        values::shown(company, MAX_COMPANY).map_err(|message| Problem::invalid("company", message))?;
        match companies(row)? {
            Some(others) if !others.contains(company) => {
                let detail = format!(
                    "{} is restricted to other companies than {company:?}; use the account of that company, or one that is common to all",
                    row.id
                );
                Err(Problem::new(WRONG_COMPANY, detail).at("company"))
            }
            _ => Ok(()),
        }
    }

    fn fingerprint(&self, operation: &str) -> Result<String, Problem> {
        let print = Fingerprint::default().text("operation", operation).optional("company", self.company.as_deref());
        let print = print.optional("max_credits", self.max_credits).json("input", &self.input);
        print.map(|print| print.to_json()).map_err(|error| Problem::invalid("input", error))
    }
}

/// A priced line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// Priced item of the operation.
    #[schema(example = "message part")]
    pub item: String,
    /// Row of its price table; empty for a fixed price.
    #[schema(example = "BE")]
    pub key: String,
    /// Whole units.
    pub units: u64,
    /// Credits of one unit.
    #[schema(value_type = String, example = "0.05")]
    pub unit_price: Credits,
    /// Credits of the line.
    #[schema(value_type = String, example = "0.1")]
    pub credits: Credits,
    /// What it is for.
    pub note: String,
}

impl From<PricedLine> for Line {
    fn from(line: PricedLine) -> Self {
        Self {
            item: line.item,
            key: line.key,
            units: line.units,
            unit_price: line.unit_price,
            credits: line.amount,
            note: line.note,
        }
    }
}

/// Reads lines as they are stored. A call that ended without a charge has kept what it once set aside:
/// no line of that was charged, so none is shown, and a repeat answers as the first did.
pub fn charged_lines(text: &str, credits: Credits) -> Result<Vec<Line>, Problem> {
    if credits.is_zero() { Ok(Vec::new()) } else { serde_json::from_str(text).map_err(Problem::host) }
}

/// The answer of an operation.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CallAnswer {
    /// The call; a repeat with the same idempotency key has the id of the first.
    #[schema(value_type = String, example = "call_1x8")]
    pub call_id: CallId,
    /// Output of the operation; absent if the call is `settled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub output: Option<Box<RawValue>>,
    /// `settled`: its provider never answered, and was asked later what it did. It was done and charged, and its output
    /// is not known. Absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "settled")]
    pub state: Option<&'static str>,
    /// What was charged; empty if nothing was.
    pub lines: Vec<Line>,
    /// Credits taken.
    #[schema(value_type = String, example = "0.1")]
    pub credits: Credits,
    /// All credits of the account now.
    #[schema(value_type = String, example = "12.4")]
    pub balance: Credits,
    /// Where its signed receipt is; absent if nothing was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://iap.example.com/v1/calls/call_1x8/receipt")]
    pub receipt_url: Option<String>,
}

/// Call an operation of the account's service.
///
/// With an `Idempotency-Key`, a repeat of the same request answers the same and charges nothing; another
/// request with the key is refused and the member that differs is named. Without one, a repeat is another call.
#[utoipa::path(post, path = "/v1/accounts/{id}/calls/{operation}", tag = "account", operation_id = "call_operation",
    params(
        ("id" = String, Path, example = "acc_1x8"),
        ("operation" = String, Path, description = "Name of an operation, as the catalog lists it"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID"),
    ),
    request_body = CallRequest,
    responses((status = 200, body = CallAnswer), (status = 402, description = "The account lacks credits: `needed`, `available`, `buy_url`", body = super::problem::ProblemBody, content_type = "application/problem+json")))]
pub async fn call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, operation)): Segments<(AccountId, String)>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body,
) -> Result<Json<CallAnswer>, Problem> {
    let row = caller.account(&app, id).await?;
    let (body, room) = CallRequest::read(&app, &row, &operation, body).await?;
    body.check(&row)?;
    // A repeat gets its first answer even if the account may not be used any more.
    let is_repeat = match &key {
        Some(key) => app.store.calls().by_key(id, key).await?.is_some(),
        None => false,
    };
    let idempotency = match key {
        Some(key) => Some((key, body.fingerprint(&operation)?)),
        None => None,
    };
    let request = Request { idempotency, ..request(&app, &caller, row, operation, (body, room), Door::Call).await? };
    if !is_repeat {
        standing(&request)?;
    }
    let answer =
        calls::run(Arc::clone(&app), request).await.map_err(|error| Problem::of_call(error, &app.public_url))?;
    let output = serde_json::from_slice(&answer.output)
        .map_err(|error| Problem::host(format!("the output of {} is not JSON: {error}", answer.id)))?;
    let receipt_url = || format!("{}/v1/calls/{}/receipt", app.public_url, answer.id);
    let row = app.store.accounts().get(id).await?.ok_or_else(|| Problem::host("an account has vanished"))?;
    Ok(Json(CallAnswer {
        call_id: answer.id,
        output: Some(output).filter(|_| !answer.settled),
        state: answer.settled.then_some("settled"),
        receipt_url: answer.credits.is_positive().then(receipt_url),
        lines: charged_lines(&answer.lines, answer.credits)?,
        credits: answer.credits,
        balance: balance(&row),
    }))
}

/// What a call would cost.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Quote {
    /// What would be set aside.
    pub lines: Vec<Line>,
    /// Credits of all lines.
    #[schema(value_type = String, example = "0.1")]
    pub credits: Credits,
}

/// Ask what a call would cost, without effects.
#[utoipa::path(post, path = "/v1/accounts/{id}/quotes/{operation}", tag = "account", operation_id = "quote_operation",
    params(("id" = String, Path, example = "acc_1x8"), ("operation" = String, Path, description = "Name of an operation, as the catalog lists it")),
    request_body = CallRequest, responses((status = 200, body = Quote)))]
pub async fn quote(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, operation)): Segments<(AccountId, String)>,
    body: Body,
) -> Result<Json<Quote>, Problem> {
    let row = caller.account(&app, id).await?;
    let (body, room) = CallRequest::read(&app, &row, &operation, body).await?;
    body.check(&row)?;
    let request = request(&app, &caller, row, operation, (body, room), Door::Quote).await?;
    standing(&request)?;
    let priced =
        calls::quote(Arc::clone(&app), request).await.map_err(|error| Problem::of_call(error, &app.public_url))?;
    Ok(Json(Quote { lines: priced.lines.into_iter().map(Line::from).collect(), credits: priced.total }))
}

async fn request(
    app: &App,
    caller: &Caller,
    row: AccountRow,
    operation: String,
    (body, room): (CallRequest, Room),
    door: Door,
) -> Result<Request, Problem> {
    let service = account::service(app, &row)?;
    let met = met(app, caller, &service, row, door).await?;
    let text: Box<str> = body.input.into();
    let taken = Taken::out_of(&Bytes::from(String::from(text)), blobs_of(&service, &operation), Some(room));
    let taken = taken.map_err(|error| Problem::invalid("input", error))?;
    let (input, documents) = blobs::measure(&app.store, taken, met.standing.refusal().is_none()).await;
    Ok(Request {
        service,
        operation,
        input,
        documents,
        met,
        door: "rest",
        company: body.company,
        max_credits: body.max_credits,
        idempotency: None,
        callback_url: None,
    })
}

/// Who may not use a service does not start its plugin.
fn standing(request: &Request) -> Result<(), Problem> {
    let Some((code, message)) = request.met.standing.refusal() else { return Ok(()) };
    Err(Problem::of_call(CallError::Standing { code, message: message.to_owned() }, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calls::differing_field, http::v1::body::parse};

    fn print(operation: &str, body: &str) -> String {
        parse::<CallRequest>(body.as_bytes()).unwrap().fingerprint(operation).unwrap()
    }

    #[test]
    fn input_reaches_the_plugin_as_it_was_written() {
        let request: CallRequest = parse(br#"{"input": {"n": 123456789012345678901, "a" : 1.0}}"#).unwrap();
        assert_eq!(request.input.get(), r#"{"n": 123456789012345678901, "a" : 1.0}"#);
    }

    #[test]
    fn a_request_without_input_is_refused_by_name() {
        let problem = parse::<CallRequest>(br#"{"max_credits": "1"}"#).unwrap_err();
        assert_eq!((problem.status, &*problem.detail), (400, "\"input\" is missing; send it"));
    }

    #[test]
    fn a_key_used_for_another_request_is_told_by_the_member() {
        let before = print("send", r#"{"input": {"text": "a"}, "company": "1", "max_credits": "1.50"}"#);
        for (operation, body, member) in [
            ("send", r#"{"max_credits": "1.5", "company": "1", "input": {"text":"a"}}"#, None),
            ("send_v3", r#"{"input": {"text": "a"}, "company": "1", "max_credits": "1.5"}"#, Some("operation")),
            ("send", r#"{"input": {"text": "b"}, "company": "1", "max_credits": "1.5"}"#, Some("input.text")),
            ("send", r#"{"input": {"text": "a"}, "company": "2", "max_credits": "1.5"}"#, Some("company")),
            ("send", r#"{"input": {"text": "a"}, "company": "1"}"#, Some("max_credits")),
        ] {
            assert_eq!(differing_field(&before, &print(operation, body)).as_deref(), member, "{body}");
        }
    }

    #[test]
    fn lines_are_read_as_they_are_stored() {
        let stored =
            r#"[{"item":"message part","key":"BE","units":2,"unit_price":"0.05","credits":"0.1","note":"to +32"}]"#;
        assert_eq!(charged_lines(stored, Credits::ZERO).unwrap(), []);
        let lines = charged_lines(stored, Credits::from_micros(100_000)).unwrap();
        assert_eq!((lines[0].units, lines[0].credits), (2, Credits::from_micros(100_000)));
        assert_eq!(serde_json::to_string(&lines).unwrap(), stored);
    }
}
