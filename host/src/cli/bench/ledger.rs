//! Authorize and capture, durable: what a charged call costs in the ledger.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use iap_core::{
    Credits,
    ids::AccountId,
    ledger::{Authorize, Command, NewGrant},
};
use iap_host::clock::SystemClock;
use iap_store::{
    Location, Post, Statement, Store,
    ledger::verify::{self, verify},
    repositories::NewAccount,
};

use super::{
    Options, StorageEngine, baseline,
    figures::{Figures, Latencies},
};

/// Accounts opened in one go.
const OPENED_AT_ONCE: usize = 1_000;

pub async fn measure(options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let location = location(options, folder.path().join("iap.db"))?;
    let store = match &location {
        Location::File(path) => Store::open(path, Arc::new(SystemClock))?,
        Location::Url(url) => Store::connect(url, Arc::new(SystemClock)).await?,
    };
    let accounts = open_accounts(&store, options.accounts.max(1)).await?;
    // Once over all accounts, so that each is measured as it is most of the time: in memory.
    run(&store, &accounts, 64, Duration::from_millis(500).max(options.duration() / 5)).await?;
    let clients = options.clients.map_or_else(|| vec![1, 16, 64, 256], |clients| vec![clients.max(1)]);
    for clients in clients {
        let (pairs, latencies, time) = run(&store, &accounts, clients, options.duration()).await?;
        figures.rate(&format!("authorize+capture pairs, {clients} clients"), pairs, time);
        figures.latency(&format!("authorize+capture pair, {clients} clients"), &latencies);
    }
    if let Location::Url(url) = &location {
        let clients = options.clients.unwrap_or(64);
        let (pairs, time) = baseline::run(url, &store, &accounts, clients, options.duration()).await?;
        figures.rate(&format!("for comparison: one transaction a pair, {clients} connections"), pairs, time);
    }
    drop(store);
    if !options.no_verify {
        let report = verify(&location, verify::Options::default(), |_, _| {}).await?;
        anyhow::ensure!(report.is_clean(), "the ledger is not clean after the run: {:?}", report.differences);
        figures.add("postings verified clean", report.postings, "postings");
    }
    Ok(())
}

fn location(options: &Options, new: PathBuf) -> anyhow::Result<Location> {
    Ok(match options.engine {
        StorageEngine::Sqlite => Location::File(options.database.clone().unwrap_or(new)),
        StorageEngine::Postgres => {
            Location::Url(options.database_url.clone().context("give the database with --database-url postgres://…")?)
        }
    })
}

/// Opens accounts with a gift of plenty.
pub async fn open_accounts(store: &Store, count: usize) -> anyhow::Result<Vec<AccountId>> {
    let at = store.clock().now();
    // A service of its own for each run, so that a database may be measured again.
    let service = store.ids().service();
    let name = format!("bench-{}", service.0);
    let services = store.services();
    store
        .write(vec![
            services.vendor("bench", "Bench", "first_party", at),
            services.plugin(service, &name, "Bench", "bench", "credit", at),
        ])
        .await?;
    let accounts: Vec<AccountId> = (0..count).map(|_| store.ids().account()).collect();
    for some in accounts.chunks(OPENED_AT_ONCE) {
        let open = some.iter().flat_map(|id| {
            store.accounts().open(NewAccount {
                id: *id,
                service,
                database: None,
                token_mac: id.to_string(),
                token_sha1: id.to_string(),
                companies: None,
                suspended: None,
                at,
            })
        });
        let open: Vec<Statement> = open.collect();
        store.write(open).await?;
        let grants = some.iter().map(|account| {
            let new = NewGrant::gift(store.ids().grant(), Credits::whole(100_000_000));
            store.post(Post::new(*account, Command::Grant(new)))
        });
        futures_util::future::try_join_all(grants).await?;
    }
    Ok(accounts)
}

async fn run(
    store: &Store,
    accounts: &[AccountId],
    clients: usize,
    time: Duration,
) -> anyhow::Result<(u64, Latencies, Duration)> {
    let began = Instant::now();
    let tasks = (0..clients).map(|client| {
        let (store, accounts) = (store.clone(), accounts.to_vec());
        tokio::spawn(async move {
            let mut latencies = Latencies::new();
            let mut turn = client;
            while began.elapsed() < time {
                let account = accounts[turn % accounts.len()];
                turn += clients;
                let start = Instant::now();
                let hold = store.ids().hold();
                let ask = Authorize { hold, amount: Credits::whole(1), ttl: 60_000, company: None };
                store.post(Post::new(account, Command::Authorize(ask))).await?;
                let capture = Command::Capture { hold, amount: Credits::whole(1), last: true };
                store.post(Post::new(account, capture)).await?;
                latencies.record(start.elapsed());
            }
            anyhow::Ok(latencies)
        })
    });
    let mut all = Latencies::new();
    for task in tasks.collect::<Vec<_>>() {
        all.join(&task.await??);
    }
    Ok((all.len(), all, began.elapsed()))
}
