//! A plain HTTP client for all roles.

use std::sync::OnceLock;

use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Location`, if any.
    pub location: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// Body.
    pub text: String,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// The client: follows no redirects, waits 60 s.
///
/// # Panics
///
/// It cannot be built.
pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60))
        .tls_certs_only([])
        .build()
        .expect("a client without certificates needs nothing")
}

/// Sends a request as it is; `Err` if there is no answer.
pub async fn try_send(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (location, content_type) = (header("location"), header("content-type").unwrap_or_default());
    Ok(Reply { status: response.status().as_u16(), location, content_type, text: response.text().await? })
}
