//! Requests to the endpoints that `plugin.toml` declares. The host adds the
//! credentials; redirects are answered, not followed.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{headers, imports, json, urlencoded};

/// A request to a declared endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `name` of an `[[http]]` table in `plugin.toml`.
    pub endpoint: String,
    /// One of the endpoint's `methods`.
    pub method: String,
    /// Path below the endpoint's `base_url`, with its query: `/v1/x?y=z`.
    /// `{config:name}` stands for a config value.
    pub path: String,
    /// Names with raw values. Credentials are added by the host.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it is sent.
    pub body: Vec<u8>,
    /// Milliseconds to wait; the operation's remaining time if absent.
    pub timeout_ms: Option<u32>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
        }
    }

    /// A GET request.
    pub fn get(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("GET", endpoint, path)
    }

    /// A POST request.
    pub fn post(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("POST", endpoint, path)
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        headers::set(&mut self.headers, name, value.as_ref());
        self
    }

    /// Adds parameters to the query.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: &[(K, V)]) -> Self {
        if !pairs.is_empty() {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(&urlencoded::write(pairs));
        }
        self
    }

    /// Sets the body, with its content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Sets the body to a form.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(self, pairs: &[(K, V)]) -> Self {
        let form = urlencoded::write(pairs);
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Sets the body to JSON.
    ///
    /// # Panics
    ///
    /// If the value cannot be JSON, as a map whose keys are not strings.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let json = json::write(value);
        self.body("application/json", json)
    }

    /// Milliseconds to wait for the response: at most the operation's remaining time.
    pub fn timeout_ms(mut self, milliseconds: u32) -> Self {
        self.timeout_ms = Some(milliseconds);
        self
    }

    /// Sends it. Any status counts as a response.
    ///
    /// # Errors
    ///
    /// [`Error`], whose `sent` tells whether the provider may have seen the request.
    pub fn send(self) -> Result<Response, Error> {
        imports::http_send(self)
    }
}

/// A response, of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names with raw values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it arrived.
    pub body: Vec<u8>,
}

impl Response {
    /// An empty response, for tests.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header, for tests.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        headers::set(&mut self.headers, name, value.as_bytes());
        self
    }

    /// Sets a JSON body, for tests.
    pub fn with_json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        headers::set(&mut self.headers, "content-type", b"application/json");
        self.body = json::write(value);
        self
    }

    /// Sets the body, for tests.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header called `name`, in any case, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::get(&self.headers, name)
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// `broken`, with what did not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error {
            sent: true,
            ..Error::new("broken", format!("status {}, and the body is not as expected: {error}", self.status))
        })
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// `no-hold`, `not-declared`, `not-granted`, `bad-request`,
    /// `private-address`, `too-many-requests`, `unreachable`, `timeout`,
    /// `too-large` or `broken`.
    pub code: String,
    /// One sentence for the vendor's log.
    pub message: String,
    /// Whether the request may have reached the provider: its outcome is unknown.
    pub sent: bool,
}

impl Error {
    /// An error of a request that never left.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), sent: false }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// Sends all at once (a few at a time) and answers in the same order.
pub fn send_many(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    imports::http_send_many(requests)
}
