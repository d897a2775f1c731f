//! Between the SDK's types and the contract's.

use super::bindings::exports::iap::service::plugin;
use super::bindings::iap::service::types::{self, Named};
use super::bindings::iap::service::{billing, http};
use crate::{Call, Context, Failure, HookRequest, HookResponse, Job, Line, Refusal, Remembered};

pub(super) fn named(pairs: Vec<(String, String)>) -> Vec<Named> {
    pairs.into_iter().map(|(name, value)| Named { name, value }).collect()
}

pub(super) fn pairs(named: Vec<Named>) -> Vec<(String, String)> {
    named.into_iter().map(|each| (each.name, each.value)).collect()
}

fn context(context: types::Context) -> Context {
    Context {
        call_id: context.call_id,
        account_ref: context.account_ref,
        standing: context.standing,
        properties: pairs(context.properties),
    }
}

pub(super) fn call(call: plugin::Call) -> Call {
    let remembered = |each: types::Remembered| Remembered { key: each.key, answer: each.answer };
    Call {
        context: context(call.context),
        operation: call.operation,
        input: call.input,
        repeats: call.repeats.into_iter().map(remembered).collect(),
    }
}

pub(super) fn job(job: plugin::Job) -> Job {
    Job {
        context: context(job.context),
        id: job.id,
        name: job.name,
        payload: job.payload,
        attempt: job.attempt,
        hold: job.hold,
    }
}

pub(super) fn hook_request(request: plugin::HookRequest) -> HookRequest {
    HookRequest {
        method: request.method,
        path: request.path,
        url: request.url,
        headers: request.headers,
        body: request.body,
        properties: pairs(request.properties),
    }
}

pub(super) fn hook_response(response: HookResponse) -> plugin::HookResponse {
    plugin::HookResponse { status: response.status, headers: response.headers, body: response.body }
}

pub(super) fn failure(failure: Failure) -> types::Failure {
    match failure {
        Failure::BadRequest { field, message } => types::Failure::BadRequest(types::BadRequest { field, message }),
        Failure::InsufficientCredit => types::Failure::InsufficientCredit,
        Failure::ProviderUnavailable { retry_after } => types::Failure::ProviderUnavailable(retry_after),
        Failure::Refused(reason) => types::Failure::Refused(reason),
        Failure::Internal(details) => types::Failure::Internal(details),
        Failure::Other { code, message } => types::Failure::Other(types::OtherFailure { code, message }),
    }
}

pub(super) fn lines(lines: &[Line]) -> Vec<billing::Line> {
    let line = |line: &Line| billing::Line {
        item: line.item.clone(),
        key: line.key.clone(),
        units: line.units,
        note: line.note.clone(),
    };
    lines.iter().map(line).collect()
}

pub(super) fn remembered(answers: &[Remembered]) -> Vec<types::Remembered> {
    answers.iter().map(|each| types::Remembered { key: each.key.clone(), answer: each.answer.clone() }).collect()
}

pub(super) fn refusal(refusal: billing::Refusal) -> Refusal {
    Refusal { code: refusal.code, message: refusal.message, details: pairs(refusal.details) }
}

pub(super) fn request(request: crate::http::Request) -> http::Request {
    let timeout = |milliseconds: u32| Named { name: "timeout_ms".into(), value: milliseconds.to_string() };
    http::Request {
        endpoint: request.endpoint,
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        options: request.timeout_ms.map(timeout).into_iter().collect(),
    }
}

pub(super) fn response(
    answer: Result<http::Response, http::Error>,
) -> Result<crate::http::Response, crate::http::Error> {
    match answer {
        Ok(http::Response { status, headers, body }) => Ok(crate::http::Response { status, headers, body }),
        Err(http::Error { code, message, sent }) => Err(crate::http::Error { code, message, sent }),
    }
}
