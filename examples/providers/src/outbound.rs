//! The HTTP client that carries status callbacks and webhooks.

use std::time::Duration;

use anyhow::Context as _;

/// How long a receiver may take to answer, as at both providers.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A client for `http` and `https` that follows no redirect and uses no proxy: receivers of
/// simulated callbacks are near, and a redirect is a configuration mistake worth seeing.
///
/// # Errors
/// When no client can be built at all.
pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder()
        .build()
        .or_else(|error| {
            // A machine without root certificates can still receive over plain http.
            tracing::debug!(%error, "No system certificates: callbacks go by http only");
            builder().tls_certs_only([]).build()
        })
        .context("could not build the HTTP client for callbacks")
}
