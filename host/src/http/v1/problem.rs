//! `application/problem+json`: the only place that turns refusals and failures into HTTP.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use iap_core::{Credits, ledger::Refusal};
use iap_runtime::{Busy, Failure};
use iap_store::{PostError, StoreError};
use serde::Serialize;

use crate::{accounts::ContactError, calls::CallError, http::upload::UploadError};

/// What is shared by all problems of a code.
#[derive(Clone, Copy, Debug)]
pub struct Kind(StatusCode, &'static str, &'static str);

/// The body is not JSON, or a member of it is not what it should be.
pub const BAD_REQUEST: Kind = Kind(StatusCode::BAD_REQUEST, "bad-request", "The request is not understood");
/// No token, or one that is unknown.
pub const UNAUTHENTICATED: Kind = Kind(StatusCode::UNAUTHORIZED, "unauthenticated", "A bearer token is needed");
/// A token that does not open what was asked.
pub const FORBIDDEN: Kind = Kind(StatusCode::FORBIDDEN, "forbidden", "The token does not allow this");
/// The account may not use the service.
pub const REFUSED_USE: Kind = Kind(StatusCode::FORBIDDEN, "account-refused", "The account may not be used here");
/// The account is restricted to other companies.
pub const WRONG_COMPANY: Kind =
    Kind(StatusCode::FORBIDDEN, "wrong-company", "The account is restricted to other companies");
/// Nothing is there.
pub const NOT_FOUND: Kind = Kind(StatusCode::NOT_FOUND, "not-found", "There is nothing here");
/// The path has other methods.
pub const WRONG_METHOD: Kind =
    Kind(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "The path does not have this method");
/// The body is larger than allowed.
pub const TOO_LARGE: Kind = Kind(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large");
/// A well-formed value that cannot be used.
pub const INVALID: Kind = Kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value cannot be used");
/// The name belongs to somebody else.
pub const NAME_TAKEN: Kind = Kind(StatusCode::CONFLICT, "name-taken", "The name is taken");
const INSUFFICIENT_CREDIT: Kind =
    Kind(StatusCode::PAYMENT_REQUIRED, "insufficient-credit", "The account lacks credits");
const IN_DEBT: Kind = Kind(
    StatusCode::PAYMENT_REQUIRED,
    "account-in-debt",
    "The account owes credits of a purchase that was charged back",
);
const SPENDING_CAP: Kind = Kind(StatusCode::FORBIDDEN, "spending-cap", "A spending cap would be passed");
const POSTING_STOPPED: Kind = Kind(
    StatusCode::SERVICE_UNAVAILABLE,
    "posting-stopped",
    "Nothing is posted for the account until it was looked at",
);
/// A job, release or service is not in the state that is asked for.
pub const WRONG_STATE: Kind = Kind(StatusCode::CONFLICT, "wrong-state", "It is in another state");
/// A release or a change of a service breaks what was promised, or is not what it should be.
pub const RELEASE_REFUSED: Kind =
    Kind(StatusCode::UNPROCESSABLE_ENTITY, "release-refused", "The release cannot be taken");
/// The version was published before.
pub const VERSION_TAKEN: Kind = Kind(StatusCode::CONFLICT, "version-taken", "The version was published before");
/// Too many uploads are being looked into.
pub const INSPECTOR_BUSY: Kind =
    Kind(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many uploads are being looked into");
/// Nobody may sign up.
pub const SIGN_UP_CLOSED: Kind = Kind(StatusCode::FORBIDDEN, "sign-up-closed", "This host takes no new vendors");
/// A mailed code does not fit.
pub const WRONG_CODE: Kind = Kind(StatusCode::FORBIDDEN, "wrong-code", "The code is wrong, was used, or is too old");
/// A vendor is not in the state that is asked for.
pub const VENDOR_STATE: Kind = Kind(StatusCode::CONFLICT, "wrong-state", "The vendor is in another state");
/// A vendor keeps an owner.
pub const LAST_OWNER: Kind = Kind(StatusCode::CONFLICT, "last-owner", "A vendor keeps an owner");
/// There are as many as there may be.
pub const TOO_MANY: Kind = Kind(StatusCode::TOO_MANY_REQUESTS, "too-many", "There are too many");
/// A vendor's payout details were changed a short while ago.
pub const PAYOUTS_HELD: Kind =
    Kind(StatusCode::CONFLICT, "payouts-held", "Nothing is paid out for a while after payout details were changed");
/// RFC 8628: nobody has decided on a login.
pub const AUTHORIZATION_PENDING: Kind =
    Kind(StatusCode::BAD_REQUEST, "authorization-pending", "Nobody has decided on the login yet");
/// RFC 8628: a program asks too often.
pub const SLOW_DOWN: Kind = Kind(StatusCode::TOO_MANY_REQUESTS, "slow-down", "The program asks too often");
/// RFC 8628: somebody said no to a login.
pub const ACCESS_DENIED: Kind = Kind(StatusCode::FORBIDDEN, "access-denied", "The login was refused");
/// RFC 8628: a login is over.
pub const EXPIRED_TOKEN: Kind = Kind(StatusCode::BAD_REQUEST, "expired-token", "The login is over");
/// The state of a hold, grant or account does not allow it.
pub const LEDGER_REFUSED: Kind = Kind(StatusCode::CONFLICT, "ledger-refused", "The ledger does not allow it");
const KEY_REUSED: Kind =
    Kind(StatusCode::CONFLICT, "idempotency-key-reused", "The idempotency key belongs to another request");
const STILL_RUNNING: Kind = Kind(StatusCode::CONFLICT, "still-running", "The same work is being done");
const OUTCOME_UNKNOWN: Kind = Kind(StatusCode::CONFLICT, "outcome-unknown", "What the call did is not known yet");
const REMOTE: Kind = Kind(StatusCode::CONFLICT, "remote-service", "The service is called at its provider");
const UNKNOWN_OPERATION: Kind = Kind(StatusCode::NOT_FOUND, "unknown-operation", "The service has no such operation");
const SERVICE_REFUSED: Kind = Kind(StatusCode::UNPROCESSABLE_ENTITY, "refused", "The service declines");
const SERVICE_FAILED: Kind = Kind(StatusCode::BAD_GATEWAY, "service-failed", "The service failed");
/// The plugin was stopped after it had captured.
const PARTIAL: Kind = Kind(StatusCode::BAD_GATEWAY, "partial", "The service failed after it delivered a part");
/// Asked too often.
pub const TOO_OFTEN: Kind = Kind(StatusCode::TOO_MANY_REQUESTS, "too-often", "The operation was called too often");
const PROVIDER_UNAVAILABLE: Kind =
    Kind(StatusCode::SERVICE_UNAVAILABLE, "provider-unavailable", "The service's provider is not available");
const BUSY_ACCOUNT: Kind = Kind(StatusCode::TOO_MANY_REQUESTS, "busy", "The account has too many calls running");
const BUSY: Kind = Kind(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many calls are running");
/// Requests or documents take all the room that there is.
const NO_ROOM: Kind = Kind(StatusCode::SERVICE_UNAVAILABLE, "no-room", "There is no room for the request now");
const HOST_FAILED: Kind = Kind(StatusCode::SERVICE_UNAVAILABLE, "host-failed", "The host failed");

/// Seconds that a client waits before it asks again where nothing says how long.
const A_MOMENT: u32 = 1;
/// The same where a provider is asked.
const A_WHILE: u32 = 60;

/// Why there is no answer. Boxed, since every result carries room for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<ProblemBody>);

impl std::ops::Deref for Problem {
    type Target = ProblemBody;

    fn deref(&self) -> &ProblemBody {
        &self.0
    }
}

/// Why there is no answer, as in RFC 9457.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:iap:problem:` and the code of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for all problems of a type.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What happened and what to do next.
    pub detail: String,
    /// For programs: `insufficient-credit`, `hosting-refused`, …; a service may have codes of its own.
    #[schema(value_type = String, example = "insufficient-credit")]
    pub code: Cow<'static, str>,
    /// The member, parameter or header at fault, as `packs[0].credits`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Credits that are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "12.5")]
    pub needed: Option<Credits>,
    /// Credits that may be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "3")]
    pub available: Option<Credits>,
    /// Where credits are sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buy_url: Option<String>,
    /// Each reason by itself, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub reasons: Vec<String>,
    /// Seconds to wait, for the header `Retry-After`.
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a sentence that says what to do.
    pub fn new(Kind(status, code, title): Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("urn:iap:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            code: Cow::Borrowed(code),
            field: None,
            needed: None,
            available: None,
            buy_url: None,
            reasons: Vec::new(),
            retry_after: None,
        }))
    }

    /// The same, at a member, parameter or header.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The same, for several reasons.
    pub fn because(mut self, reasons: Vec<String>) -> Self {
        self.0.reasons = reasons;
        self
    }

    fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// The same, to be tried again after some seconds.
    pub fn retry(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    fn insufficient_credit(detail: String, credits: Option<(Credits, Credits)>, public_url: &str) -> Self {
        let mut problem = Self::new(INSUFFICIENT_CREDIT, detail);
        (problem.0.needed, problem.0.available) = credits.unzip();
        problem.0.buy_url = Some(format!("{public_url}/iap/1/credit"));
        problem
    }

    /// A value of the body that is well-formed but cannot be used.
    pub fn invalid(field: &str, message: impl std::fmt::Display) -> Self {
        Self::new(INVALID, format!("{field:?}: {message}")).at(field)
    }

    /// The account may not use the service; the code is the contract's.
    pub fn refused_use(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(REFUSED_USE, message).code(code)
    }

    /// The idempotency key was used with another request.
    pub fn key_reused(field: String) -> Self {
        let detail = CallError::KeyReused { field: field.clone() }.to_string();
        Self::new(KEY_REUSED, detail).at(field)
    }

    /// The host failed; the cause is for the log, not for the client.
    pub fn host(cause: impl std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed");
        Self::new(HOST_FAILED, "the host failed; try again, with the same Idempotency-Key if you gave one")
    }

    /// Why a body was not read.
    pub fn of_upload(error: UploadError) -> Self {
        let detail = error.to_string();
        match error {
            UploadError::TooLarge(_) => Self::new(TOO_LARGE, detail),
            UploadError::TooSlow | UploadError::BrokeOff => Self::new(BAD_REQUEST, detail),
            UploadError::NoRoom => Self::new(NO_ROOM, detail).retry(A_MOMENT),
        }
    }

    /// Why a call has no answer. Credits are sold at `public_url`.
    pub fn of_call(error: CallError, public_url: &str) -> Self {
        let detail = error.to_string();
        match error {
            CallError::UnknownOperation { .. } => Self::new(UNKNOWN_OPERATION, detail),
            CallError::Remote(_) => Self::new(REMOTE, detail),
            CallError::Standing { code, message } => Self::refused_use(code, message),
            CallError::InsufficientCredit { needed, available } => {
                Self::insufficient_credit(detail, Some((needed, available)), public_url)
            }
            CallError::Failure(Failure::InsufficientCredit) => Self::insufficient_credit(detail, None, public_url),
            CallError::Failure(failure) => Self::of_failure(failure, detail),
            CallError::Fault { charged: true, .. } => Self::new(PARTIAL, detail),
            CallError::Fault { charged: false, .. } => Self::new(SERVICE_FAILED, detail),
            CallError::TooOften(seconds) => Self::new(TOO_OFTEN, detail).retry(seconds),
            CallError::Busy(Busy::Account) => Self::new(BUSY_ACCOUNT, detail).retry(A_MOMENT),
            CallError::Busy(Busy::Plugin | Busy::Host) => Self::new(BUSY, detail).retry(A_MOMENT),
            CallError::KeyReused { field } => Self::key_reused(field),
            CallError::StillRunning => Self::new(STILL_RUNNING, detail).retry(A_MOMENT),
            CallError::Ledger { code, message } => Self::of_ledger_code(code, message),
            CallError::OutcomeUnknown => Self::new(OUTCOME_UNKNOWN, detail).retry(A_WHILE),
            CallError::BadInput(_) => Self::new(INVALID, detail).at("input"),
            CallError::NoRoom(_) => Self::new(NO_ROOM, detail).retry(A_WHILE),
            CallError::Host(cause) => Self::host(cause),
        }
    }

    fn of_ledger_code(code: &'static str, message: String) -> Self {
        let kinds = [IN_DEBT, SPENDING_CAP, POSTING_STOPPED];
        let kind = kinds.into_iter().find(|kind| kind.1 == code).unwrap_or(LEDGER_REFUSED);
        Self::new(kind, message)
    }

    fn of_failure(failure: Failure, detail: String) -> Self {
        match failure {
            Failure::BadRequest { field, .. } => {
                let path = if field.is_empty() { "input".to_owned() } else { format!("input.{field}") };
                Self::new(INVALID, detail).at(path)
            }
            Failure::ProviderUnavailable(seconds) => {
                let mut problem = Self::new(PROVIDER_UNAVAILABLE, detail);
                problem.0.retry_after = seconds;
                problem
            }
            Failure::InsufficientCredit => Self::new(INSUFFICIENT_CREDIT, detail),
            Failure::Refused(_) => Self::new(SERVICE_REFUSED, detail),
            Failure::Internal(_) => Self::new(SERVICE_FAILED, detail),
            Failure::Other { code, .. } => Self::new(SERVICE_REFUSED, detail).code(code),
        }
    }

    /// Why the ledger does not do it.
    pub fn of_refusal(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let kind = match &refusal {
            Refusal::Inconsistent(cause) => return Self::host(cause),
            Refusal::UnknownHold | Refusal::UnknownGrant => NOT_FOUND,
            Refusal::AccountIsSuspended { .. } => REFUSED_USE,
            Refusal::PostingIsStopped { .. } => POSTING_STOPPED,
            Refusal::AccountIsInDebt { .. } => IN_DEBT,
            Refusal::SpendingCapReached { .. } => SPENDING_CAP,
            Refusal::InsufficientCredit { needed, available } => {
                let mut problem = Self::new(INSUFFICIENT_CREDIT, detail);
                (problem.0.needed, problem.0.available) = (Some(*needed), Some(*available));
                return problem;
            }
            Refusal::AmountMustBePositive
            | Refusal::ExceedsHold { .. }
            | Refusal::ExceedsGrant { .. }
            | Refusal::ExceedsDebt { .. }
            | Refusal::TooManyCredits => return Self::new(INVALID, detail).at("credits"),
            Refusal::MustEndInTheFuture
            | Refusal::NotTransferable
            | Refusal::HoldHasEnded { .. }
            | Refusal::HoldHasExpired
            | Refusal::HoldHasNotExpired
            | Refusal::HoldHasNotEnded
            | Refusal::NothingToExpire
            | Refusal::GrantHasNoPrice
            | Refusal::GrantWasChargedBack
            | Refusal::Changed => LEDGER_REFUSED,
        };
        Self::new(kind, detail)
    }

    /// Why a command was not posted.
    pub fn of_post(error: PostError) -> Self {
        match error {
            PostError::Refused(refusal) => Self::of_refusal(refusal),
            other => Self::host(other),
        }
    }

    /// As it is sent.
    pub fn text(&self) -> String {
        serde_json::to_string(&*self.0).unwrap_or_default()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::host(error)
    }
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Refused { code, message } => Self::refused_use(code, message),
            ContactError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.text();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use iap_runtime::{Fault, Limit};

    use super::*;

    fn of(error: CallError) -> (u16, String, Option<String>, Option<u32>) {
        let problem = Problem::of_call(error, "https://iap.example.com");
        (problem.status, problem.code.to_string(), problem.field.clone(), problem.retry_after)
    }

    #[test]
    fn every_end_of_a_call_has_its_status() {
        let failure = CallError::Failure;
        let fault = CallError::Fault { fault: Fault::Limit(Limit::Cpu), charged: false };
        let other = Failure::Other { code: "no-such-register".to_owned(), message: "gone".to_owned() };
        let bad = |field: &str| Failure::BadRequest { field: field.to_owned(), message: "is wrong".to_owned() };
        for (error, status, code, field, retry_after) in [
            (
                CallError::UnknownOperation { service: "sms".into(), operation: "x".into() },
                404,
                "unknown-operation",
                None,
                None,
            ),
            (CallError::Remote("print".into()), 409, "remote-service", None, None),
            (CallError::Standing { code: "hosting-refused", message: "no".into() }, 403, "hosting-refused", None, None),
            (failure(Failure::InsufficientCredit), 402, "insufficient-credit", None, None),
            (failure(bad("numbers[2]")), 422, "invalid", Some("input.numbers[2]"), None),
            (failure(bad("")), 422, "invalid", Some("input"), None),
            (failure(Failure::ProviderUnavailable(Some(30))), 503, "provider-unavailable", None, Some(30)),
            (failure(Failure::Refused("closed".into())), 422, "refused", None, None),
            (failure(Failure::Internal("secret".into())), 502, "service-failed", None, None),
            (failure(other), 422, "no-such-register", None, None),
            (fault, 502, "service-failed", None, None),
            (CallError::Fault { fault: Fault::Guest("boom".into()), charged: true }, 502, "partial", None, None),
            (CallError::TooOften(41), 429, "too-often", None, Some(41)),
            (CallError::Busy(Busy::Account), 429, "busy", None, Some(1)),
            (CallError::Busy(Busy::Plugin), 503, "busy", None, Some(1)),
            (
                CallError::KeyReused { field: "input.text".into() },
                409,
                "idempotency-key-reused",
                Some("input.text"),
                None,
            ),
            (CallError::StillRunning, 409, "still-running", None, Some(1)),
            (CallError::OutcomeUnknown, 409, "outcome-unknown", None, Some(60)),
            (CallError::BadInput("no".into()), 422, "invalid", Some("input"), None),
            (CallError::Host("disk full".into()), 503, "host-failed", None, None),
        ] {
            assert_eq!(of(error), (status, code.to_owned(), field.map(str::to_owned), retry_after), "{code}");
        }
    }

    #[test]
    fn missing_credits_are_told_with_what_to_do() {
        let error =
            CallError::InsufficientCredit { needed: Credits::whole(5), available: Credits::from_micros(500_000) };
        let problem = Problem::of_call(error, "https://iap.example.com");
        assert_eq!(
            serde_json::to_value(&*problem).unwrap(),
            serde_json::json!({
                "type": "urn:iap:problem:insufficient-credit",
                "title": "The account lacks credits",
                "status": 402,
                "detail": "5 credits are needed and 0.5 are available; buy a pack",
                "code": "insufficient-credit",
                "needed": "5",
                "available": "0.5",
                "buy_url": "https://iap.example.com/iap/1/credit",
            })
        );
    }

    #[test]
    fn what_broke_inside_is_not_told() {
        let inside = [
            CallError::Host("no space on /srv/secret".into()),
            CallError::Failure(Failure::Internal("key=secret".into())),
        ];
        for error in inside {
            let problem = Problem::of_call(error, "");
            assert!(!problem.detail.contains("secret"), "{}", problem.detail);
        }
    }

    #[test]
    fn a_problem_is_sent_as_one_with_its_headers() {
        let response = Problem::new(UNAUTHENTICATED, "send a token").into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let response = Problem::of_call(CallError::StillRunning, "").into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
