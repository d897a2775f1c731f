use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, headers, json, urlencoded};

/// A request to `/hooks/{service}/…`: a provider's webhook or a browser's return.
///
/// Anybody can send one: verify its signature (see [`keys`](crate::keys)) before
/// believing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookRequest {
    /// In capitals.
    pub method: String,
    /// The declared hook's path, without leading slash.
    pub path: String,
    /// The public URL as the sender addressed it, with its query.
    pub url: String,
    /// Names with raw values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it arrived.
    pub body: Vec<u8>,
    /// Named values.
    pub properties: Vec<(String, String)>,
}

impl HookRequest {
    /// A request for tests; its `url` is what
    /// [`config::hook_url`](crate::config::hook_url) answers in a test.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), ..Self::default() }
    }

    /// Adds a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        headers::set(&mut self.headers, name, value.as_bytes());
        self
    }

    /// Sets the body to a form.
    pub fn with_form<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: &[(K, V)]) -> Self {
        headers::set(&mut self.headers, "content-type", b"application/x-www-form-urlencoded");
        self.body = urlencoded::write(pairs).into_bytes();
        self
    }

    /// Sets the body to JSON.
    pub fn with_json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        headers::set(&mut self.headers, "content-type", b"application/json");
        self.body = json::write(value);
        self
    }

    /// The first header called `name`, in any case, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::get(&self.headers, name)
    }

    /// The first parameter called `name` of the URL's query.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        urlencoded::read(query.as_bytes()).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Names and values of a form body, in their order.
    pub fn form(&self) -> Vec<(String, String)> {
        urlencoded::read(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// [`Failure::BadRequest`] with the path of the wrong member.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse(&self.body)
    }
}

/// The answer to a [`HookRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookResponse {
    /// HTTP status.
    pub status: u16,
    /// Names with raw values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it is sent.
    pub body: Vec<u8>,
}

impl HookResponse {
    /// An empty answer with this status.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An empty 200.
    pub fn ok() -> Self {
        Self::new(200)
    }

    /// Sends a browser elsewhere.
    pub fn redirect(url: &str) -> Self {
        Self::new(303).with_header("location", url)
    }

    /// Sets a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        headers::set(&mut self.headers, name, value.as_bytes());
        self
    }

    /// Sets a plain text body.
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        headers::set(&mut self.headers, "content-type", b"text/plain; charset=utf-8");
        self.body = text.into().into_bytes();
        self
    }

    /// Sets a JSON body.
    pub fn with_json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        headers::set(&mut self.headers, "content-type", b"application/json");
        self.body = json::write(value);
        self
    }
}
