//! `http`: requests to declared endpoints.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{StreamExt, stream};

use crate::{
    bindings::http,
    call::CallState,
    egress::{Asked, HttpError, HttpResponse, prepare},
    limits::Kind,
};

/// Requests of one `send-many` under way at once.
const AT_ONCE: usize = 20;
/// Left of the call's time when the slowest request is given up, so that the plugin can still answer.
const MARGIN: Duration = Duration::from_millis(250);

impl From<http::Request> for Asked {
    fn from(request: http::Request) -> Self {
        let timeout_ms =
            request.options.into_iter().find(|option| option.name == "timeout_ms").map(|option| option.value);
        Self {
            endpoint: request.endpoint,
            method: request.method,
            path: request.path,
            headers: request.headers,
            body: request.body,
            timeout_ms,
        }
    }
}

impl From<HttpError> for http::Error {
    fn from(error: HttpError) -> Self {
        Self { code: error.code.to_owned(), message: error.message, sent: error.sent }
    }
}

impl From<HttpResponse> for http::Response {
    fn from(response: HttpResponse) -> Self {
        Self { status: response.status, headers: response.headers, body: response.body }
    }
}

fn error(code: &'static str, message: impl Into<String>) -> HttpError {
    HttpError { code, message: message.into(), sent: false }
}

impl CallState {
    fn may_send(&self) -> Result<(), HttpError> {
        if self.kind == Kind::Hook {
            return Err(error("not-granted", "a hook sends no requests; enqueue a job that does"));
        }
        self.may_act().map_err(|(code, message)| error(code, message))?;
        let (made, most) = (self.meter.requests.fetch_add(1, Ordering::Relaxed), self.budget.http_requests);
        if made >= most {
            self.meter.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(error("too-many-requests", format!("one call makes at most {most} requests; go on in a job")));
        }
        Ok(())
    }

    /// The many small responses of a job may add up to more than the guest could hold at once.
    fn begin_receiving(&self) {
        if self.kind == Kind::Job {
            self.meter.received.store(0, Ordering::Relaxed);
        }
    }

    async fn exchange(&self, request: http::Request) -> Result<http::Response, http::Error> {
        self.may_send()?;
        let remaining = self.remaining();
        let margin = MARGIN.min(remaining / 4);
        let prepared = prepare(&self.settings, request.into(), remaining.saturating_sub(margin))?;
        let needles = self.settings.needles.clone();
        let answer = self.egress.send(prepared, needles, self.meter.clone()).await;
        Ok(answer?.into())
    }
}

impl http::Host for CallState {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        self.enter()?;
        self.begin_receiving();
        Ok(self.exchange(request).await)
    }

    async fn send_many(
        &mut self,
        requests: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::Error>>> {
        self.enter()?;
        self.begin_receiving();
        let this = &*self;
        Ok(stream::iter(requests).map(|request| this.exchange(request)).buffered(AT_ONCE).collect().await)
    }
}
