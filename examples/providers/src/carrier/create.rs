//! `POST …/Messages.json`: hand a message in.

use axum::{
    Json,
    body::Bytes,
    extract::{ConnectInfo, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use url::Url;

use super::{
    Shared,
    auth::Caller,
    callback,
    error::ApiError,
    faults::{dropped, garbage},
    message::{Message, Sender, Status},
    numbers::{self, Behaviour, Outcome},
};
use crate::{form::Form, line::Line, random};

/// The longest text Twilio takes, in characters.
const MAX_CHARACTERS: usize = 1600;

/// The largest request body read when a fault is to swallow it.
pub(super) const MAX_BODY: usize = 2 * 1024 * 1024;

/// A request whose every field is in order.
struct Request {
    to: String,
    sender: Sender,
    body: String,
    callback: Option<Url>,
}

pub(super) async fn handler(
    State(carrier): State<Shared>,
    _: Caller,
    ConnectInfo(line): ConnectInfo<Line>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request = check(&Form::parse(&body))?;
    let hang = || carrier.closing.or(tokio::time::sleep(carrier.options.hang));
    match numbers::behaviour(&request.to) {
        Behaviour::Refuse(refusal) => Err(refusal.error(&request.to)),
        Behaviour::Garbage => Ok(garbage()),
        Behaviour::Drop => Ok(dropped(&line)),
        Behaviour::Hang => match hang().await {
            Some(()) => Err(ApiError::from_status(StatusCode::GATEWAY_TIMEOUT)),
            None => Ok(dropped(&line)),
        },
        Behaviour::AcceptThenHang => {
            let answer = accept(&carrier, request, Outcome::Delivered);
            Ok(if hang().await.is_some() { answer } else { dropped(&line) })
        }
        Behaviour::Accept(outcome) => Ok(accept(&carrier, request, outcome)),
    }
}

/// Checks the fields in Twilio's order and names the first that is wrong by Twilio's code.
fn check(form: &Form) -> Result<Request, ApiError> {
    let to = form.get("To").ok_or_else(|| ApiError::field(21604, "A 'To' phone number is required."))?;
    let sender = match (form.get("MessagingServiceSid"), form.get("From")) {
        (Some(service), _) => Sender::Service(service.to_owned()),
        (None, Some(from)) => Sender::From(from.to_owned()),
        (None, None) => return Err(ApiError::field(21603, "A 'From' phone number is required.")),
    };
    let body = form.get("Body").ok_or_else(|| ApiError::field(21602, "Message body is required."))?;
    if body.chars().count() > MAX_CHARACTERS {
        let message = "The concatenated message body exceeds the 1600 character limit";
        return Err(ApiError::field(21617, message));
    }
    if !numbers::is_e164(to) {
        return Err(numbers::invalid_to(to));
    }
    match &sender {
        Sender::From(from) if !numbers::is_sender(from) => {
            return Err(ApiError::field(21212, format!("Invalid From Number (caller ID): {from}")));
        }
        Sender::Service(service) if !is_service(service) => {
            return Err(ApiError::field(21701, format!("The Messaging Service {service} does not exist.")));
        }
        Sender::From(_) | Sender::Service(_) => {}
    }
    let callback = form.get("StatusCallback").map(parse_callback).transpose()?;
    Ok(Request { to: to.to_owned(), sender, body: body.to_owned(), callback })
}

fn is_service(sid: &str) -> bool {
    sid.strip_prefix("MG").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn parse_callback(text: &str) -> Result<Url, ApiError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| ApiError::field(21609, format!("The 'StatusCallback' URL {text} is not a valid URL.")))
}

fn accept(carrier: &Shared, request: Request, outcome: Outcome) -> Response {
    let now = Timestamp::now();
    let status = match request.sender {
        Sender::From(_) => Status::Queued,
        Sender::Service(_) => Status::Accepted,
    };
    let message = Message {
        sid: format!("SM{}", random::hex32()),
        to: request.to,
        sender: request.sender,
        body: request.body,
        callback: request.callback,
        outcome,
        status,
        created: now,
        updated: now,
        sent: None,
    };
    tracing::info!(message.sid = %message.sid, "Accepted message {}", message.sid);
    let resource = message.resource(&carrier.options.account_sid);
    carrier.inbox.accept(message.clone());
    callback::schedule(carrier, message);
    (StatusCode::CREATED, Json(resource)).into_response()
}
