//! The catalog with few services and with many: listing, finding who serves a call, and a quote from end to end.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use iap_core::{ids::AccountId, release::ReleaseFiles};
use iap_host::{App, Config, clock::SystemClock, server};
use iap_runtime::release::read_release;
use iap_store::repositories::{AccountRow, NewRelease, Releases};
use sha2::Digest as _;
use tokio::net::TcpListener;

use super::{
    Options,
    figures::{Figures, Latencies},
};

/// Services and releases in all.
const SERVICES: usize = 200;
const RELEASES: usize = 1_000;
/// Services to begin with; pages of the listing have that many, before and after.
const PAGE: usize = 6;
const TOKEN: &str = "iap_op_of_the_benchmark";
/// Lookups that are timed together: one takes less than the clock tells.
const TOGETHER: u32 = 1_000;

pub async fn measure(options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let echo = iap_host::plugins::examples::GUESTS.iter().find(|(name, _)| *name == "iap-example-echo");
    let (_, echo) = echo.context("the echo example is not embedded")?;
    let file = folder.path().join("echo.wasm");
    std::fs::write(&file, echo)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let config = Config {
        data_dir: folder.path().join("data"),
        listen: listener.local_addr()?,
        operator_token: Some(TOKEN.to_owned()),
        plugins: vec![file],
        ..Config::default()
    };
    let app = App::start(config, Arc::new(SystemClock), |_| {}).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(Arc::clone(&app), listener, async move { drop(stopped.await) }));
    let bench = Catalog { client: iap_host::payments::client()?, account: account(&app).await?, app };
    bench.fill(echo, PAGE).await?;
    bench.figures(options, figures, &format!("{PAGE} services")).await?;
    let began = Instant::now();
    bench.fill(echo, SERVICES).await?;
    figures.add(
        &format!("read {RELEASES} releases of {SERVICES} services"),
        millis(began.elapsed()),
        "ms with storing",
    );
    let began = Instant::now();
    bench.app.catalog_changed().await?;
    figures.add(&format!("read {RELEASES} releases of {SERVICES} services anew"), millis(began.elapsed()), "ms");
    bench.figures(options, figures, &format!("{SERVICES} services")).await?;
    drop(stop);
    serving.await??;
    Ok(())
}

struct Catalog {
    app: Arc<App>,
    client: reqwest::Client,
    account: AccountRow,
}

impl Catalog {
    async fn figures(&self, options: &Options, figures: &mut Figures, with: &str) -> anyhow::Result<()> {
        // Once for nothing: what is loaded at the first call is loaded.
        self.quote().await?;
        let mut resolved = Latencies::new();
        let began = Instant::now();
        while began.elapsed() < options.duration() {
            let start = Instant::now();
            for _ in 0..TOGETHER {
                let service = self.app.catalog.service(black_box("echo")).context("it is there")?;
                black_box(self.app.catalog.serving(&service, Some(&self.account)));
            }
            // Nanoseconds of one, told as microseconds of a thousand.
            resolved.record(start.elapsed());
        }
        figures.latency(&format!("find who serves {TOGETHER} calls, {with}"), &resolved);
        let mut listed = Latencies::new();
        let began = Instant::now();
        while began.elapsed() < options.duration() {
            let start = Instant::now();
            self.get(&format!("/v1/catalog?limit={PAGE}")).await?;
            listed.record(start.elapsed());
        }
        figures.latency(&format!("a page of {PAGE} of the catalog over HTTP, {with}"), &listed);
        let mut quoted = Latencies::new();
        let began = Instant::now();
        while began.elapsed() < options.duration() {
            let start = Instant::now();
            self.quote().await?;
            quoted.record(start.elapsed());
        }
        figures.latency(&format!("a quote over HTTP, {with}"), &quoted);
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<()> {
        let request = self.client.get(format!("{}{path}", self.app.public_url));
        request.bearer_auth(TOKEN).send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }

    async fn quote(&self) -> anyhow::Result<()> {
        let url = format!("{}/v1/accounts/{}/quotes/say", self.app.public_url, self.account.id);
        let request = self.client.post(url).bearer_auth(TOKEN).header("Content-Type", "application/json");
        request.body(r#"{"input": {"text": "hi"}}"#).send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }

    /// Stores releases of services as if they had been published, until there are as many as wanted.
    async fn fill(&self, echo: &[u8], services: usize) -> anyhow::Result<()> {
        let (store, now) = (&self.app.store, self.app.store.clock().now());
        let files = ReleaseFiles::from_section(&read_release(echo)?.files)?;
        let each = RELEASES / SERVICES;
        for n in self.app.catalog.services().len()..services {
            let (name, id) = (format!("bench_{n}"), store.ids().service());
            let mut statements = vec![store.services().plugin(id, &name, "Bench", "acme", "credit", now)];
            for minor in 0..each {
                let version = format!("1.{minor}.0");
                let texts: serde_json::Map<String, serde_json::Value> = files
                    .iter()
                    .map(|(path, text)| {
                        let text = text
                            .replace("name = \"echo\"", &format!("name = \"{name}\""))
                            .replace("version = \"1.0.0\"", &format!("version = \"{version}\""));
                        (path.to_owned(), text.into())
                    })
                    .collect();
                let new = NewRelease {
                    id: store.ids().next(),
                    service: id,
                    version,
                    // None of them is called, so what is stored need not be what the digest says.
                    digest: hex::encode(sha2::Sha256::digest(format!("{name} {minor}"))),
                    files: serde_json::to_string(&texts)?,
                    size: i64::try_from(echo.len())?,
                    public_key: None,
                    signature: None,
                    report: "{}".to_owned(),
                    author: "benchmark".to_owned(),
                };
                let release = new.id;
                statements.extend(Releases::submit(new, echo.to_vec(), now));
                statements.push(Releases::approve(release, Vec::new(), 100, now));
            }
            store.write(statements).await?;
        }
        self.app.catalog_changed().await?;
        Ok(())
    }
}

/// An on-premise database's account of the echo service.
async fn account(app: &Arc<App>) -> anyhow::Result<AccountRow> {
    let client = iap_host::payments::client()?;
    let send = async |method: reqwest::Method, path: &str, body: &'static str| {
        let request = client.request(method, format!("{}{path}", app.public_url)).bearer_auth(TOKEN);
        let request = request.header("Content-Type", "application/json").body(body);
        anyhow::Ok(request.send().await?.error_for_status()?.bytes().await?)
    };
    send(reqwest::Method::PUT, "/v1/databases/bench-0000-0000", r#"{"hosting": "on_premise"}"#).await?;
    let body = r#"{"service": "echo", "database": "bench-0000-0000"}"#;
    let opened: serde_json::Value = serde_json::from_slice(&send(reqwest::Method::POST, "/v1/accounts", body).await?)?;
    let id: AccountId = opened["id"].as_str().context("it has an id")?.parse()?;
    app.store.accounts().get(id).await?.context("it was just opened")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
