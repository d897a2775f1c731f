//! `POST /v1/accounts/{id}/grants`: credits that the operator gives.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Credits, Time,
    hosting::Door,
    ids::{AccountId, GrantId},
    ledger::{Command, GrantKind, NewGrant},
};
use iap_store::{Post, Posted};
use serde::{Deserialize, Serialize};

use super::{
    account,
    auth::Caller,
    body::{Json, Segments},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::Once,
    problem::Problem,
    values,
};
use crate::{accounts, app::App, clock::rfc3339};

/// What the operator gives credits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GivenKind {
    /// For free.
    #[default]
    Gift,
    /// In place of credits that were spent without a good result.
    Refund,
}

impl From<GivenKind> for GrantKind {
    fn from(kind: GivenKind) -> Self {
        match kind {
            GivenKind::Gift => Self::Gift,
            GivenKind::Refund => Self::Refund,
        }
    }
}

/// Credits to give.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// How many; at most 6 decimals.
    #[serde(deserialize_with = "values::credits")]
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// Why; shown to the database's admin.
    #[schema(example = "Thank you for your patience")]
    pub reason: String,
    /// `gift` by default.
    #[serde(default)]
    #[schema(required = false)]
    pub kind: GivenKind,
    /// When what is left of them goes, RFC 3339; never by default.
    #[serde(default, deserialize_with = "values::time_if_given")]
    #[schema(value_type = Option<String>, example = "2030-12-31T23:59:59Z")]
    pub expires_at: Option<Time>,
}

impl GrantRequest {
    fn check(&self, now: Time) -> Result<(), Problem> {
        if !self.credits.is_positive() {
            return Err(Problem::invalid("credits", "must be above zero"));
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Problem::invalid("expires_at", "must be in the future"));
        }
        values::shown(&self.reason, 200).map_err(|message| Problem::invalid("reason", message))
    }

    fn fingerprint(&self) -> Fingerprint {
        let print = Fingerprint::default().text("credits", &self.credits.to_string()).text("reason", &self.reason);
        let print = print.text("kind", GrantKind::from(self.kind).as_str());
        print.optional("expires_at", self.expires_at.map(rfc3339))
    }
}

/// Credits that were given.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct GivenGrant {
    /// Its id.
    #[schema(value_type = String, example = "grant_1x8")]
    pub id: GrantId,
    /// To whom.
    #[schema(value_type = String, example = "acc_1x8")]
    pub account: AccountId,
    /// `gift` or `refund`.
    #[schema(value_type = String, example = "gift")]
    pub kind: &'static str,
    /// How many.
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// Why.
    pub reason: String,
    /// When what is left of them goes; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When they were given, RFC 3339.
    pub created_at: String,
    /// All credits of the account afterwards.
    #[schema(value_type = String, example = "112.5")]
    pub balance: Credits,
    /// Credits that may be spent afterwards.
    #[schema(value_type = String, example = "110")]
    pub available: Credits,
}

impl GivenGrant {
    fn new(account: AccountId, grant: &NewGrant, reason: String, posted: &Posted) -> Self {
        Self {
            id: grant.id,
            account,
            kind: grant.kind.as_str(),
            credits: grant.amount,
            reason,
            expires_at: values::end(grant.expires_at),
            created_at: rfc3339(posted.at),
            balance: posted.available.checked_add(posted.held).unwrap_or(Credits::MAX),
            available: posted.available,
        }
    }
}

/// Give credits to an account.
///
/// With an `Idempotency-Key`, a repeat of the same request answers the same and gives nothing.
#[utoipa::path(post, path = "/v1/accounts/{id}/grants", tag = "operator", operation_id = "give_credits",
    params(("id" = String, Path, example = "acc_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = GrantRequest, responses((status = 201, body = GivenGrant)))]
pub async fn give(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<GrantRequest>,
) -> Result<Response, Problem> {
    caller.operator()?;
    let row = caller.account(&app, id).await?;
    let once = Once::new(format!("grants:{id}"), key, &body.fingerprint());
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    body.check(app.store.clock().now())?;
    let hosting = accounts::hosting_of(account::home(&app, &row).await?.as_ref(), &app.config);
    let standing = accounts::ask(Door::Grant, &*account::service(&app, &row)?, hosting, Some(&row));
    if let accounts::Standing::Refused { code, message } = standing {
        return Err(Problem::refused_use(code, message));
    }
    let new = NewGrant {
        kind: body.kind.into(),
        expires_at: body.expires_at.unwrap_or(Time::NEVER),
        ..NewGrant::gift(app.store.ids().grant(), body.credits)
    };
    let mut post = Post::new(id, Command::Grant(new.clone()));
    post.reason.clone_from(&body.reason);
    let reason = body.reason;
    once.post(&app, post, StatusCode::CREATED, move |posted| GivenGrant::new(id, &new, reason.clone(), posted)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::differing_field;
    use crate::http::v1::body::parse;

    const NOW: Time = Time(1_900_000_000_000);

    fn read(body: &str) -> Result<GrantRequest, Problem> {
        let request: GrantRequest = parse(body.as_bytes())?;
        request.check(NOW).map(|()| request)
    }

    #[test]
    fn a_grant_is_a_gift_for_ever_unless_it_says_otherwise() {
        let request = read(r#"{"credits": "10", "reason": "welcome"}"#).unwrap();
        assert_eq!((GrantKind::from(request.kind), request.expires_at), (GrantKind::Gift, None));
        let request = read(
            r#"{"credits": "10", "reason": "failed letter", "kind": "refund", "expires_at": "2040-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(
            (GrantKind::from(request.kind), request.expires_at),
            (GrantKind::Refund, Some(Time(2_208_988_800_000)))
        );
    }

    #[test]
    fn what_cannot_be_given_is_refused_by_name() {
        for (body, status, detail) in [
            (r#"{"credits": "1.0000001", "reason": "a"}"#, 400, "\"credits\": \"1.0000001\" has more than 6 decimals"),
            (r#"{"credits": "0", "reason": "a"}"#, 422, "\"credits\": must be above zero"),
            (r#"{"credits": "1"}"#, 400, "\"reason\" is missing; send it"),
            (
                r#"{"credits": "1", "reason": ""}"#,
                422,
                "\"reason\": must be a text in one line without blanks around it",
            ),
            (
                r#"{"credits": "1", "reason": "a", "kind": "purchase"}"#,
                400,
                "\"kind\": unknown variant `purchase`, expected `gift` or `refund`",
            ),
            (
                r#"{"credits": "1", "reason": "a", "expires_at": "2020-01-01T00:00:00Z"}"#,
                422,
                "\"expires_at\": must be in the future",
            ),
        ] {
            let problem = read(body).unwrap_err();
            assert_eq!((problem.status, &*problem.detail), (status, detail));
        }
    }

    #[test]
    fn a_repeat_may_write_the_same_otherwise() {
        let print = |body: &str| read(body).unwrap().fingerprint().to_json();
        let first = print(r#"{"credits": "10", "reason": "welcome"}"#);
        assert_eq!(
            differing_field(&first, &print(r#"{"reason": "welcome", "kind": "gift", "credits": "10.00"}"#)),
            None
        );
        assert_eq!(
            differing_field(&first, &print(r#"{"credits": "11", "reason": "welcome"}"#)).as_deref(),
            Some("credits")
        );
    }
}
