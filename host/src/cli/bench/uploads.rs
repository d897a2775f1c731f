//! What calls feel of uploads that are meant to do harm: charged SMS calls over HTTP at a steady rate, alone and while
//! bad uploads are inspected, in turns.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use iap_host::{
    publish::inspect::{InspectError, Inspector},
    secrets::random_hex,
};
use serde_json::json;

use super::{
    Options,
    figures::{Figures, Latencies},
};
use crate::cli::demo::Stage;

const DATABASE: &str = "bench-0000-0000";
/// Turns of each kind: what else happens on the machine should meet both.
const ROUNDS: usize = 5;

/// See [`super::Bench::Uploads`].
#[derive(clap::Args, Clone, Debug)]
pub struct Uploads {
    #[command(flatten)]
    pub options: Options,
    /// Bad uploads.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    uploads: usize,
    /// Calls a second.
    #[arg(long, default_value_t = 200, value_name = "N")]
    rate: u32,
}

pub async fn measure(uploads: &Uploads, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stage = Arc::new(Stage::start(SocketAddr::from(([127, 0, 0, 1], 0)), folder.path().to_owned()).await?);
    let token = random_hex::<16>();
    stage.fund(DATABASE, &token, "1000000").await?;
    let inspector = Inspector::default();
    let bad = bad_uploads()?;
    // Caches and pools fill.
    calls(&stage, &token, uploads.rate, stop_after(Duration::from_secs(2))).await?;
    let (mut alone, mut beside) = (Latencies::new(), Latencies::new());
    let (mut spent, mut refused) = (Duration::ZERO, 0);
    for round in 0..ROUNDS {
        alone.join(&calls(&stage, &token, uploads.rate, stop_after(uploads.options.duration())).await?);
        let stop = Arc::new(AtomicBool::new(false));
        let calling = tokio::spawn({
            let (stage, token, stop, rate) = (Arc::clone(&stage), token.clone(), Arc::clone(&stop), uploads.rate);
            async move { calls(&stage, &token, rate, stop).await }
        });
        let began = Instant::now();
        let share = uploads.uploads / ROUNDS;
        for upload in bad.iter().cycle().skip(round * share).take(share) {
            match inspector.inspect(Arc::clone(upload)).await {
                Err(InspectError::Refused(_)) => refused += 1,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        spent += began.elapsed();
        eprintln!("round {} of {ROUNDS}: {share} uploads in {:.1?}", round + 1, began.elapsed());
        stop.store(true, Ordering::Relaxed);
        beside.join(&calling.await??);
    }
    figures.latency(&format!("charged SMS call over HTTP at {}/s, alone", uploads.rate), &alone);
    figures.latency(&format!("charged SMS call over HTTP at {}/s, uploads beside", uploads.rate), &beside);
    let ratio = beside.p99().as_nanos() * 100 / alone.p99().as_nanos().max(1);
    figures.add("p99 beside uploads, of p99 alone", u64::try_from(ratio).unwrap_or(u64::MAX), "%");
    figures.add("uploads refused", refused, "");
    figures.rate("uploads inspected", u64::try_from(uploads.uploads)?, spent);
    let stage = Arc::into_inner(stage).ok_or_else(|| anyhow::anyhow!("a client is still running"))?;
    stage.stop().await
}

/// Garbage and damaged components; one in twenty is good, so that the compiler has work and operations are run.
fn bad_uploads() -> anyhow::Result<Vec<Arc<Vec<u8>>>> {
    let guests = iap_host::plugins::first_party::GUESTS;
    let (_, whole) = guests.first().ok_or_else(|| anyhow::anyhow!("no plugin is embedded"))?;
    let mut uploads = Vec::new();
    for number in 0..20_usize {
        let at = (number + 1) * whole.len() / 21;
        let mut upload = whole.to_vec();
        match number % 5 {
            0 => upload = vec![0; 1 << (number + 5)],
            1 => upload.truncate(at),
            2 => upload[at] ^= 1,
            3 => upload[at..].fill(0xff),
            _ => upload.drain(..at).for_each(drop),
        }
        uploads.push(Arc::new(upload));
    }
    uploads[19] = Arc::new(whole.to_vec());
    Ok(uploads)
}

fn stop_after(time: Duration) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        told.store(true, Ordering::Relaxed);
    });
    stop
}

/// Calls at a steady rate until told to stop. A latency counts from when the call was due, so waiting counts too.
async fn calls(stage: &Arc<Stage>, token: &str, rate: u32, stop: Arc<AtomicBool>) -> anyhow::Result<Latencies> {
    let between = Duration::from_secs(1) / rate.max(1);
    let (mut due, mut running) = (Instant::now(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        due += between;
        tokio::time::sleep_until(due.into()).await;
        let (stage, token) = (Arc::clone(stage), token.to_owned());
        running.push(tokio::spawn(async move {
            call(&stage, &token).await?;
            anyhow::Ok(due.elapsed())
        }));
    }
    let mut latencies = Latencies::new();
    for call in running {
        latencies.record(call.await??);
    }
    Ok(latencies)
}

async fn call(stage: &Stage, token: &str) -> anyhow::Result<()> {
    let uuid = random_hex::<16>();
    let body = json!({ "jsonrpc": "2.0", "method": "call", "id": uuid, "params": {
        "account_token": token, "dbuuid": DATABASE, "webhook_url": false,
        "messages": [{ "content": "Your order SO042 is ready.", "numbers": [{ "number": "+32475000001", "uuid": uuid }] }],
    } });
    let answer = stage.world.rpc("/api/sms/3/send", &body).await?;
    anyhow::ensure!(answer["result"][0]["state"] == "success", "a call failed: {answer}");
    Ok(())
}
