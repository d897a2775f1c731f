//! Queued callbacks, delivered to a server of this process: claims, runs and ends of jobs, durable.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{Router, routing::post};
use iap_core::{
    hosting::VendorKind,
    ids::{AccountId, ServiceId},
};
use iap_host::{
    App, Config,
    catalog::{Line, Service, Status},
    clock::SystemClock,
    jobs,
};
use iap_store::repositories::{Jobs, NewJob};
use tokio::net::TcpListener;

use super::{Options, StorageEngine, figures::Figures, ledger};

/// Jobs stored in one commit.
const AT_ONCE: usize = 500;

/// What to measure.
#[derive(clap::Args, Clone, Debug)]
pub struct Queue {
    #[command(flatten)]
    pub options: Options,
    /// Jobs in the queue.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    jobs: usize,
}

pub async fn measure(queue: &Queue, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = Arc::new(AtomicU64::new(0));
    let url = sink(Arc::clone(&taken)).await?;
    let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    config.egress.allow = vec!["127.0.0.0/8".to_owned()];
    if queue.options.engine == StorageEngine::Postgres {
        let url = queue.options.database_url.clone();
        config.database_url = Some(url.context("give the database with --database-url postgres://…")?);
        config.master_key = Some(iap_host::secrets::random_hex::<32>());
    }
    let app = App::start(config, Arc::new(SystemClock), |_| {}).await?;
    let accounts = ledger::open_accounts(&app.store, queue.options.accounts.max(1)).await?;
    let service = app.store.accounts().get(accounts[0]).await?.context("it was just opened")?.service;
    // The runner asks the catalog what a callback's service is.
    app.catalog.put(Line::of(Service {
        id: service,
        name: format!("bench-{}", service.0),
        title: "Bench".to_owned(),
        summary: String::new(),
        vendor: "bench".to_owned(),
        vendor_kind: VendorKind::FirstParty,
        unit: "credit".to_owned(),
        packs: Vec::new(),
        category: String::new(),
        release: None,
        status: Status::default(),
    }))?;
    enqueue(&app, service, &accounts, &url, queue.jobs).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let began = Instant::now();
    let runner = tokio::spawn(jobs::serve(Arc::clone(&app), async move { drop(stopped.await) }));
    let wanted = u64::try_from(queue.jobs)?;
    loop {
        let counts = app.store.job_views().counts().await?;
        if counts.waiting + counts.running == 0 {
            anyhow::ensure!(counts.dead == 0, "{} callbacks failed", counts.dead);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let time = began.elapsed();
    drop(stop);
    runner.await?;
    let taken = taken.load(Ordering::Relaxed);
    anyhow::ensure!(taken == wanted, "{taken} of {wanted} callbacks arrived");
    figures.rate(&format!("queued callbacks delivered, {} accounts", queue.options.accounts), wanted, time);
    Ok(())
}

async fn enqueue(app: &App, service: ServiceId, accounts: &[AccountId], url: &str, jobs: usize) -> anyhow::Result<()> {
    let at = app.store.clock().now();
    let numbers: Vec<usize> = (0..jobs).collect();
    for some in numbers.chunks(AT_ONCE) {
        let statements = some.iter().map(|number| {
            Jobs::enqueue(NewJob {
                id: app.store.ids().job(),
                kind: "callback",
                service,
                account: Some(accounts[number % accounts.len()]),
                call: None,
                name: url.to_owned(),
                payload: b"{}".to_vec(),
                hold: None,
                free: false,
                context: r#"{"content_type": "application/json", "json_rpc": false}"#.to_owned(),
                dedupe_key: None,
                order_key: None,
                depth: 0,
                run_at: at,
                at,
            })
        });
        app.store.write(statements.collect()).await?;
    }
    Ok(())
}

/// Where callbacks go.
async fn sink(taken: Arc<AtomicU64>) -> anyhow::Result<String> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route(
        "/",
        post(move || async move {
            taken.fetch_add(1, Ordering::Relaxed);
            "ok"
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/"))
}
