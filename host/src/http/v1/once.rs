//! Commands that are done once: their answer rides with what they do, and a repeat with the same key gets it again.
//!
//! What the ledger refuses for good is an answer too.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use iap_core::ledger::Refusal;
use iap_store::{
    Post, PostError, Posted, Statement,
    repositories::{Answered, Idempotency},
};
use serde::Serialize;

use super::{fingerprint::Fingerprint, problem::Problem};
use crate::{app::App, calls::differing_field};

/// A command with its key, if the request has one.
#[derive(Clone, Debug)]
pub struct Once {
    scope: String,
    key: Option<String>,
    fingerprint: String,
    all: bool,
}

impl Once {
    /// A command in a scope of its own, as `refund of grant_1x8`.
    pub fn new(scope: String, key: Option<String>, fingerprint: &Fingerprint) -> Self {
        Self { scope, key, fingerprint: fingerprint.to_json(), all: false }
    }

    /// The same, of all that there is: that some of it went meanwhile is no answer.
    pub fn of_all(self) -> Self {
        Self { all: true, ..self }
    }

    /// The answer that was given to the key before.
    pub async fn before(&self, app: &App) -> Result<Option<Response>, Problem> {
        Ok(self.recorded(app).await?.map(|(status, text)| respond(status, text)))
    }

    /// The same, as it is stored.
    pub async fn recorded(&self, app: &App) -> Result<Option<(StatusCode, String)>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        let Some(first) = app.store.idempotency().find(&self.scope, key).await? else { return Ok(None) };
        if let Some(member) = differing_field(&first.fingerprint, &self.fingerprint) {
            return Err(Problem::key_reused(member));
        }
        let status = u16::try_from(first.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        Ok(Some((status.unwrap_or(StatusCode::OK), first.answer)))
    }

    /// Stores an answer, if there is a key: to ride with what the command does. Conflicts on `idempotency.key` if the
    /// same key was faster.
    pub fn record(&self, status: StatusCode, answer: String, at: iap_core::Time) -> Option<Statement> {
        let answered = Answered { fingerprint: self.fingerprint.clone(), status: i64::from(status.as_u16()), answer };
        Some(Idempotency::record(&self.scope, self.key.as_ref()?, answered, at))
    }

    /// Posts a command to the ledger; its answer is made from what it did.
    pub async fn post<T: Serialize>(
        &self,
        app: &App,
        post: Post,
        status: StatusCode,
        answer: impl Fn(&Posted) -> T + Send + Sync + 'static,
    ) -> Result<Response, Problem> {
        self.try_post(app, post, status, answer).await.map_err(|(problem, _)| problem)
    }

    /// The same, with the refusal beside its problem, for whoever may do something about it.
    pub async fn try_post<T: Serialize>(
        &self,
        app: &App,
        post: Post,
        status: StatusCode,
        answer: impl Fn(&Posted) -> T + Send + Sync + 'static,
    ) -> Result<Response, (Problem, Option<Refusal>)> {
        let once = self.clone();
        let answer =
            std::sync::Arc::new(move |posted: &Posted| serde_json::to_string(&answer(posted)).unwrap_or_default());
        let rider = std::sync::Arc::clone(&answer);
        let post = post.with(move |posted| once.record(status, rider(posted), posted.at).into_iter().collect());
        match app.store.post(post).await {
            Ok(posted) => Ok(respond(status, answer(&posted))),
            // The same key was faster: its answer is this one's.
            Err(PostError::Conflict(conflict)) => {
                let first = self.before(app).await.map_err(|problem| (problem, None))?;
                first.ok_or_else(|| (Problem::host(conflict), None))
            }
            Err(PostError::Refused(refusal)) => {
                // The same key may have been faster, and what it did may be why this is refused.
                if let Some(first) = self.before(app).await.map_err(|problem| (problem, None))? {
                    return Ok(first);
                }
                Err((self.refused(app, &refusal).await, Some(refusal)))
            }
            Err(error) => Err((Problem::of_post(error), None)),
        }
    }

    /// Refuses what the ledger would refuse, and records that.
    pub async fn refuse_now(&self, app: &App, refusal: Refusal) -> Result<Response, Problem> {
        // The same key may have been faster, and what it did may be why this is refused.
        if let Some(first) = self.before(app).await? {
            return Ok(first);
        }
        Err(self.refused(app, &refusal).await)
    }

    async fn refused(&self, app: &App, refusal: &Refusal) -> Problem {
        let problem = Problem::of_refusal(refusal.clone());
        // What passes by itself, or by the operator's repair, is no answer for good.
        let passes = matches!(refusal, Refusal::Inconsistent(_) | Refusal::PostingIsStopped { .. } | Refusal::Changed);
        let moved = matches!(refusal, Refusal::ExceedsGrant { .. } | Refusal::ExceedsHold { .. });
        if passes || (self.all && moved) {
            return problem;
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        if let Some(record) = self.record(status, problem.text(), app.store.clock().now())
            && app.store.write(vec![record]).await.is_err_and(|error| !error.is_conflict_on("idempotency"))
        {
            tracing::warn!(scope = %self.scope, "A refusal was not recorded; a repeat is decided anew");
        }
        problem
    }
}

/// An answer as it was stored; one that refuses is a problem.
pub fn respond(status: StatusCode, text: String) -> Response {
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}
