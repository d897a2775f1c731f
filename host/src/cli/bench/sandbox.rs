//! A fresh instance and one call of the smallest plugin, with a backend that does nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use iap_core::{
    Credits,
    ids::{HoldId, JobId},
    manifest::Manifest,
    release::ReleaseFiles,
};
use iap_runtime::{
    Backend, Call, CallGrant, Engine, EngineOptions, Plugin, PluginSpec, Settings,
    backend::{
        Answer, AuthorizeOptions, Authorized, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied, HostFault,
        JobOptions, Level, Line, Refusal, Remembered, Scope,
    },
    release::read_release,
};

use super::{
    Options,
    figures::{Figures, Latencies},
};

pub async fn measure(options: &Options, figures: &mut Figures) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::new(EngineOptions { cache_dir: Some(folder.path().to_owned()), ..EngineOptions::default() })?;
    let (_, component) = iap_host::plugins::examples::GUESTS
        .iter()
        .find(|(name, _)| *name == "iap-example-echo")
        .ok_or_else(|| anyhow::anyhow!("the echo example is not embedded"))?;
    let release = read_release(component)?;
    let manifest =
        Manifest::parse(&ReleaseFiles::from_section(&release.files)?).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let spec = || PluginSpec { manifest: manifest.clone(), settings: Settings::default(), class: release.class };
    let began = Instant::now();
    engine.load(component.to_vec(), spec()).await?;
    figures.add("compile echo, first start", micros(began.elapsed()), "us");
    let began = Instant::now();
    let plugin = engine.load(component.to_vec(), spec()).await?;
    figures.add("load echo from the cache of compiled code", micros(began.elapsed()), "us");
    for clients in options.clients() {
        for what in [What::Quote, What::Call] {
            let (all, inside, time) = run(&plugin, what, clients, options.duration()).await?;
            let name = format!("{}, {clients} clients", what.name());
            figures.rate(&name, all.len(), time);
            figures.latency(&format!("{name}, seen by the caller"), &all);
            figures.latency(&format!("{name}, in the sandbox"), &inside);
        }
    }
    Ok(())
}

/// What is asked of the fresh instance.
#[derive(Clone, Copy)]
enum What {
    /// JSON in, lines out; no call to the host.
    Quote,
    /// JSON in and out, with a hold and its capture.
    Call,
}

impl What {
    const fn name(self) -> &'static str {
        match self {
            Self::Quote => "fresh instance + quote",
            Self::Call => "fresh instance + call with hold and capture",
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

async fn run(
    plugin: &Arc<Plugin>,
    what: What,
    clients: usize,
    time: Duration,
) -> anyhow::Result<(Latencies, Latencies, Duration)> {
    let began = Instant::now();
    let tasks = (0..clients).map(|_| {
        let plugin = Arc::clone(plugin);
        tokio::spawn(async move {
            let backend: Arc<dyn Backend> = Arc::new(Nothing::default());
            let (mut seen, mut inside) = (Latencies::new(), Latencies::new());
            while began.elapsed() < time {
                let call =
                    Call { operation: "say".to_owned(), input: br#"{"text":"hello"}"#.to_vec(), ..Call::default() };
                let (backend, grant) = (Arc::clone(&backend), CallGrant::default());
                let start = Instant::now();
                let (result, duration) = match what {
                    What::Quote => {
                        let ended = plugin.quote(call, backend, grant).await;
                        (ended.result.map(|answer| answer.map(drop)), ended.duration)
                    }
                    What::Call => {
                        let ended = plugin.handle(call, backend, grant).await;
                        (ended.result.map(|answer| answer.map(drop)), ended.duration)
                    }
                };
                seen.record(start.elapsed());
                inside.record(duration);
                result?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
            }
            anyhow::Ok((seen, inside))
        })
    });
    let (mut seen, mut inside) = (Latencies::new(), Latencies::new());
    for task in tasks.collect::<Vec<_>>() {
        let (one, two) = task.await??;
        seen.join(&one);
        inside.join(&two);
    }
    Ok((seen, inside, began.elapsed()))
}

/// Gives any hold and keeps nothing: what is left is the sandbox's own time.
#[derive(Default)]
struct Nothing(AtomicI64);

fn nothing<T: Send + 'static>() -> Answer<'static, T, Denied> {
    Box::pin(async { Ok(Err(Denied { code: "not-granted", message: "the benchmark keeps nothing".to_owned() })) })
}

impl Backend for Nothing {
    fn authorize(&self, _: Vec<Line>, _: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        let id = HoldId(self.0.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move { Ok(Ok(Authorized::Hold { id, amount: Credits::whole(1) })) })
    }
    fn capture(&self, _: HoldId, _: Vec<Line>, _: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        Box::pin(async { Ok(Ok(Credits::whole(1))) })
    }
    fn release(&self, _: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        Box::pin(async { Ok(()) })
    }
    fn keep(&self, _: HoldId, _: u32, _: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        Box::pin(async { Ok(Ok(())) })
    }
    fn resume(&self, _: HoldId) -> Answer<'_, Credits, Refusal> {
        Box::pin(async { Ok(Ok(Credits::whole(1))) })
    }
    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        Box::pin(async { Ok(Credits::whole(1)) })
    }
    fn store_get(&self, _: Scope, _: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        nothing()
    }
    fn store_set(&self, _: Scope, _: String, _: Vec<u8>, _: Option<u32>) -> Answer<'_, (), Denied> {
        nothing()
    }
    fn store_compare_and_set(
        &self,
        _: Scope,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<Vec<u8>>,
        _: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        nothing()
    }
    fn store_delete(&self, _: Scope, _: String) -> Answer<'_, (), Denied> {
        nothing()
    }
    fn store_list(&self, _: Scope, _: String, _: String, _: u32) -> Answer<'_, Vec<String>, Denied> {
        nothing()
    }
    fn blob_put(&self, _: String, _: Vec<u8>, _: u32) -> Answer<'_, BlobInfo, Denied> {
        nothing()
    }
    fn blob_stat(&self, _: String) -> Answer<'_, BlobInfo, Denied> {
        nothing()
    }
    fn blob_read(&self, _: String, _: u64, _: u32) -> Answer<'_, Vec<u8>, Denied> {
        nothing()
    }
    fn blob_delete(&self, _: String) -> Answer<'_, (), Denied> {
        nothing()
    }
    fn enqueue(&self, _: String, _: Vec<u8>, _: JobOptions) -> Answer<'_, JobId, Denied> {
        nothing()
    }
    fn callback(&self, _: CallbackMessage) -> Answer<'_, JobId, Denied> {
        nothing()
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(4);
    }
    fn log(&self, _: Level, _: &str) {}
}
