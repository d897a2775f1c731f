//! Authorize and capture, durable: what a charged call costs in the ledger.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iap_core::{
    Credits, Time,
    ids::AccountId,
    ledger::{Authorize, Command, GrantKind, NewGrant},
};
use iap_host::clock::SystemClock;
use iap_store::{Post, Statement, Store, ledger::verify::verify, repositories::NewAccount};

use super::{
    Options,
    figures::{Figures, Latencies},
};

pub async fn measure(options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("iap.db");
    let store = Store::open(&path, Arc::new(SystemClock))?;
    let accounts = open_accounts(&store, options.accounts.max(1)).await?;
    for clients in options.clients() {
        let (pairs, latencies, time) = run(&store, &accounts, clients, options.duration()).await?;
        figures.rate(&format!("authorize+capture pairs, {clients} clients"), pairs, time);
        figures.latency(&format!("authorize+capture pair, {clients} clients"), &latencies);
    }
    let report = tokio::task::spawn_blocking(move || verify(&path, |_| {})).await??;
    anyhow::ensure!(report.is_clean(), "the ledger is not clean after the run: {:?}", report.differences);
    figures.add("postings verified clean", report.postings, "postings");
    Ok(())
}

async fn open_accounts(store: &Store, count: usize) -> anyhow::Result<Vec<AccountId>> {
    let at = store.clock().now();
    let service = store.ids().service();
    let services = store.services();
    store
        .write(vec![
            services.vendor("bench", "Bench", "first_party", at),
            services.plugin(service, "bench", "Bench", "bench", "credit", at),
        ])
        .await?;
    let mut accounts = Vec::with_capacity(count);
    let mut statements: Vec<Statement> = Vec::new();
    for n in 0..count {
        let id = store.ids().account();
        accounts.push(id);
        statements.extend(store.accounts().open(NewAccount {
            id,
            service,
            database: None,
            token_mac: n.to_string(),
            token_sha1: n.to_string(),
            companies: None,
            suspended: None,
            at,
        }));
    }
    store.write(statements).await?;
    for account in &accounts {
        let new = NewGrant {
            id: store.ids().grant(),
            kind: GrantKind::Gift,
            amount: Credits::whole(1_000_000_000),
            expires_at: Time::NEVER,
            price: None,
        };
        store.post(Post::new(*account, Command::Grant(new))).await?;
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
                let ask = Authorize { hold, amount: Credits::whole(1), ttl: 60_000 };
                store.post(Post::new(account, Command::Authorize(ask))).await?;
                store.post(Post::new(account, Command::Capture { hold, amount: Credits::whole(1) })).await?;
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
