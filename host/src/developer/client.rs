//! A small client of a host's REST API.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::stream;
use reqwest::{Method, RequestBuilder, header};
use serde_json::Value;

/// How long an upload may take: a host looks into a release before it answers, after those that came before.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Bytes of an upload between two tellings.
const CHUNK: usize = 64 << 10;

/// One host, as one caller.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// Where the host is, without slash at its end.
    pub host: String,
    token: Option<String>,
}

/// A host's refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// For programs, as `release-refused`.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
    /// Each reason by itself, where there are several.
    pub reasons: Vec<String>,
}

impl Refused {
    fn read(host: &str, status: u16, text: &str) -> Self {
        let body: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let code = body["code"].as_str().unwrap_or("unknown").to_owned();
        let mut detail =
            body["detail"].as_str().map_or_else(|| format!("{host} answered with status {status}"), str::to_owned);
        if body["code"].is_null() {
            detail.push_str("; is this the address of an IAP host?");
        }
        let reason = |reason: &Value| match reason {
            Value::String(text) => text.clone(),
            Value::Object(parts) => ["message", "detail", "text"]
                .iter()
                .find_map(|name| parts.get(*name)?.as_str())
                .map_or_else(|| reason.to_string(), str::to_owned),
            other => other.to_string(),
        };
        let reasons = body["reasons"].as_array().into_iter().flatten().map(reason).collect();
        Self { status, code, detail, reasons }
    }
}

impl Client {
    /// A client of a host; without a token it may do what anybody may.
    ///
    /// # Errors
    ///
    /// No HTTP client can be made.
    pub fn new(host: &str, token: Option<String>) -> anyhow::Result<Self> {
        Ok(Self { http: crate::payments::client()?, host: host.to_owned(), token })
    }

    /// Asks for something.
    ///
    /// # Errors
    ///
    /// The host does not answer, or refuses ([`Refused`]).
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a body and reads the answer.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.host));
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        self.answer(request).await
    }

    /// Uploads a component; `progress` is told how many bytes have gone out.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn upload(
        &self,
        path: &str,
        bytes: Vec<u8>,
        headers: [(&'static str, String); 2],
        progress: impl Fn(usize) + Send + Sync + 'static,
    ) -> anyhow::Result<Value> {
        let length = bytes.len();
        let chunks: Vec<Vec<u8>> = bytes.chunks(CHUNK).map(<[u8]>::to_vec).collect();
        let mut sent = 0;
        let parts = stream::iter(chunks.into_iter().map(move |chunk| {
            sent += chunk.len();
            progress(sent);
            Ok::<_, std::io::Error>(chunk)
        }));
        let mut request = self
            .http
            .post(format!("{}{path}", self.host))
            .timeout(UPLOAD_TIMEOUT)
            .header(header::CONTENT_TYPE, "application/wasm")
            .header(header::CONTENT_LENGTH, length)
            .body(reqwest::Body::wrap_stream(parts));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.answer(request).await
    }

    async fn answer(&self, mut request: RequestBuilder) -> anyhow::Result<Value> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| {
            let host = &self.host;
            let what = if error.is_timeout() && !error.is_connect() {
                format!("{host} takes too long to answer; look later whether it was done, as with `iap plugin status`")
            } else {
                format!(
                    "{host} does not answer; is the host running, and is its address right? (--host URL or IAP_HOST)"
                )
            };
            anyhow::Error::new(error).context(what)
        })?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("{} broke off its answer", self.host))?;
        if !status.is_success() {
            return Err(Refused::read(&self.host, status.as_u16(), &text).into());
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{} answered with something else than JSON", self.host))
    }
}

/// The code of a refusal, if that is what an error is.
pub fn code(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<Refused>().map(|refused| refused.code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_and_reasons() {
        let refused = Refused::read(
            "http://h",
            422,
            r#"{"code": "release-refused", "detail": "No.", "reasons": ["a", {"message": "b"}]}"#,
        );
        assert_eq!((refused.code.as_str(), refused.to_string().as_str()), ("release-refused", "No."));
        assert_eq!(refused.reasons, ["a", "b"]);
        let other = Refused::read("http://h", 404, "<html>");
        assert_eq!(other.to_string(), "http://h answered with status 404; is this the address of an IAP host?");
    }

    #[tokio::test]
    async fn a_host_that_is_away_is_named() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let error = client.get("/v1/catalog").await.unwrap_err();
        assert!(error.to_string().starts_with("http://127.0.0.1:1 does not answer"), "{error}");
        assert_eq!(code(&error), None);
    }
}
