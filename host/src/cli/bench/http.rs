//! A charged SMS call over HTTP: door, sandbox, ledger and carrier together.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use iap_host::secrets::random_hex;
use serde_json::json;

use super::{
    Options,
    figures::{Figures, Latencies},
};
use crate::cli::demo::Stage;

const DATABASE: &str = "bench-0000-0000";

pub async fn measure(options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Arc::new(Stage::start(SocketAddr::from(([127, 0, 0, 1], 0)), folder.path().to_owned()).await?);
    let token = random_hex::<16>();
    stage.fund(DATABASE, &token, "1000000").await?;
    for clients in options.clients() {
        let began = Instant::now();
        let tasks = (0..clients).map(|_| {
            let (stage, token) = (Arc::clone(&stage), token.clone());
            let time = options.duration();
            tokio::spawn(async move { client(&stage, &token, began, time).await })
        });
        let mut all = Latencies::new();
        for task in tasks.collect::<Vec<_>>() {
            all.join(&task.await??);
        }
        figures.rate(&format!("charged SMS calls over HTTP, {clients} clients"), all.len(), began.elapsed());
        figures.latency(&format!("charged SMS call over HTTP, {clients} clients"), &all);
    }
    let stage = Arc::into_inner(stage).ok_or_else(|| anyhow::anyhow!("a client is still running"))?;
    stage.stop().await
}

async fn client(stage: &Stage, token: &str, began: Instant, time: Duration) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::new();
    while began.elapsed() < time {
        let uuid = random_hex::<16>();
        let body = json!({ "jsonrpc": "2.0", "method": "call", "id": uuid, "params": {
            "account_token": token, "dbuuid": DATABASE, "webhook_url": false,
            "messages": [{ "content": "Your order SO042 is ready.", "numbers": [{ "number": "+32475000001", "uuid": uuid }] }],
        } });
        let start = Instant::now();
        let answer = stage.world.rpc("/api/sms/3/send", &body).await?;
        latencies.record(start.elapsed());
        anyhow::ensure!(answer["result"][0]["state"] == "success", "a call failed: {answer}");
    }
    Ok(latencies)
}
