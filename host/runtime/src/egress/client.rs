//! The client: its own resolver, no redirects, no proxy, bounded bodies.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_ENCODING, HeaderValue},
    redirect,
};
use tokio::{runtime::Runtime, sync::Semaphore};

use super::{EgressPolicy, HttpError, HttpResponse, Prepared};
use crate::secrets::Needles;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of one response body.
const MAX_RESPONSE: usize = 4 << 20;
/// Bytes of all response bodies of a call; of a job, which may send thousands of requests, those of one host call.
const MAX_RESPONSES: usize = 16 << 20;
const MAX_HEADERS: usize = 100;
/// Requests under way at once, of all plugins.
const MAX_CONCURRENT: usize = 512;

/// What the requests of one call have done so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub requests: AtomicU32,
    /// Bytes of response bodies, as far as they count together.
    pub received: AtomicUsize,
    /// Requests with effects that went out, or may have.
    pub sent: AtomicU32,
    /// Those of them whose response has not come.
    pub unanswered: AtomicU32,
}

impl Meter {
    fn may_receive(&self, bytes: usize) -> bool {
        self.received.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_RESPONSES
    }
}

/// A client that resolves names to admitted addresses only, follows no redirect and uses no proxy; for
/// what the host itself sends where others tell it to, such as callbacks. A URL with an address in place
/// of a name must be checked with [`EgressPolicy::admits_url`] beside it, since no resolver is asked for it.
pub fn guarded_client(policy: &EgressPolicy) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that the process has chosen one already.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let client = reqwest::Client::builder();
    // Who reaches nothing public needs none of the machine's authorities, and may not be able to read them.
    let client = if policy.closed() { client.tls_certs_only([]) } else { client };
    client
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(32)
        .http1_max_headers(MAX_HEADERS)
        .user_agent(concat!("iap/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Resolver(policy.clone()))
        .build()
}

/// The one way out.
pub(crate) struct Egress {
    client: reqwest::Client,
    policy: EgressPolicy,
    slots: Arc<Semaphore>,
    /// Sockets are served by threads of their own: spinning guests cannot delay them.
    io: Option<Runtime>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        // The last reference may go in an asynchronous context, which must not wait.
        if let Some(io) = self.io.take() {
            io.shutdown_background();
        }
    }
}

impl Egress {
    pub(crate) fn new(policy: EgressPolicy) -> std::io::Result<Self> {
        let client = guarded_client(&policy).map_err(std::io::Error::other)?;
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("iap-egress")
            .enable_all()
            .build()?;
        Ok(Self { client, policy, slots: Arc::new(Semaphore::new(MAX_CONCURRENT)), io: Some(io) })
    }

    /// Sends one request. Dropping the future abandons it.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Prepared,
        needles: Arc<Needles>,
        meter: Arc<Meter>,
    ) -> Result<HttpResponse, HttpError> {
        let Some(io) = &self.io else { unreachable!("the runtime is only taken by drop") };
        let this =
            Self { client: self.client.clone(), policy: self.policy.clone(), slots: self.slots.clone(), io: None };
        let task = io.spawn(async move { this.exchange(request, &needles, &meter).await });
        match AbortOnDrop(task).await {
            Ok(answer) => answer,
            Err(_) => Err(error("broken", "the host's HTTP client failed", true)),
        }
    }

    async fn exchange(&self, request: Prepared, needles: &Needles, meter: &Meter) -> Result<HttpResponse, HttpError> {
        // Resolvers are not asked for addresses, so those are checked here.
        if !self.policy.admits_url(&request.url) {
            return Err(private_address());
        }
        let effects = request.effects;
        let timeout = request.timeout;
        let begun = AtomicBool::new(false);
        let exchange = async {
            let Ok(_slot) = self.slots.acquire().await else {
                return Err(error("broken", "the host is shutting down", false));
            };
            let underway = Underway::begin(meter, effects);
            begun.store(true, Ordering::Relaxed);
            let sending = self
                .client
                .request(request.method, request.url)
                .headers(request.headers)
                .body(request.body)
                .send()
                .await;
            let response = match sending {
                Ok(response) => response,
                Err(failure) => {
                    let not_sent = failure.is_connect() || failure.is_builder();
                    if not_sent {
                        underway.was_not_sent();
                    }
                    return Err(explain(&failure, !not_sent));
                }
            };
            let answer = receive(response, needles, meter).await;
            if answer.is_ok() {
                underway.answered();
            }
            answer
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(error(
                "timeout",
                format!("no complete response within {} ms", timeout.as_millis()),
                begun.load(Ordering::Relaxed),
            )),
        }
    }
}

/// Counts one request with effects. It is counted before it leaves, since nobody may be there to do
/// so afterwards: the future that sends may be dropped at any time.
struct Underway<'a>(Option<&'a Meter>);

impl<'a> Underway<'a> {
    fn begin(meter: &'a Meter, effects: bool) -> Self {
        let meter = effects.then_some(meter);
        if let Some(meter) = meter {
            meter.sent.fetch_add(1, Ordering::Relaxed);
            meter.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        Self(meter)
    }

    fn answered(self) {
        if let Some(meter) = self.0 {
            meter.unanswered.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn was_not_sent(self) {
        if let Some(meter) = self.0 {
            meter.sent.fetch_sub(1, Ordering::Relaxed);
            meter.unanswered.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn receive(response: reqwest::Response, needles: &Needles, meter: &Meter) -> Result<HttpResponse, HttpError> {
    let status = response.status().as_u16();
    let encoding = response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        // It could not be searched for secrets.
        return Err(error("broken", "the endpoint compressed its answer, which nobody asked for", true));
    }
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let mut value = value.as_bytes().to_vec();
            needles.redact(&mut value);
            (needles.redact_text(name.as_str().to_owned()), value)
        })
        .collect();
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|failure| explain(&failure, true))?;
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(error("too-large", format!("the response is larger than {MAX_RESPONSE} bytes"), true));
        }
        if !meter.may_receive(chunk.len()) {
            return Err(error(
                "too-large",
                format!("the responses of a call are larger than {MAX_RESPONSES} bytes"),
                true,
            ));
        }
        body.extend_from_slice(&chunk);
    }
    needles.redact(&mut body);
    Ok(HttpResponse { status, headers, body })
}

fn error(code: &'static str, message: impl Into<String>, sent: bool) -> HttpError {
    HttpError { code, message: message.into(), sent }
}

fn private_address() -> HttpError {
    error(
        "private-address",
        "the endpoint's host has only addresses outside the public internet; the operator allows networks with [egress] allow",
        false,
    )
}

/// Never shows the URL, which may carry a credential.
fn explain(failure: &reqwest::Error, sent: bool) -> HttpError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(failure);
    let mut deepest = String::new();
    while let Some(current) = cause {
        if current.is::<NoPublicAddress>() {
            return private_address();
        }
        if !current.is::<reqwest::Error>() {
            deepest = current.to_string();
        }
        cause = current.source();
    }
    match failure {
        _ if failure.is_timeout() && !sent => {
            error("unreachable", "the endpoint did not accept a connection in time", sent)
        }
        _ if failure.is_timeout() => error("timeout", "the endpoint did not answer in time", sent),
        _ if failure.is_connect() => error("unreachable", format!("no connection to the endpoint: {deepest}"), sent),
        _ => error("broken", format!("the exchange with the endpoint broke: {deepest}"), sent),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no public address")]
struct NoPublicAddress;

/// Resolves names and keeps the admitted addresses; the connection is made to one of exactly these,
/// so a second look-up cannot lead elsewhere.
struct Resolver(EgressPolicy);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<SocketAddr> = found.filter(|address| policy.admits(address.ip())).collect();
            if admitted.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
