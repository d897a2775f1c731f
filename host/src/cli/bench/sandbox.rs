//! A fresh instance and one call of the smallest plugin, with a backend that does nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iap_core::{manifest::Manifest, release::ReleaseFiles};
use iap_runtime::{
    Backend, Call, CallGrant, Engine, EngineOptions, Idle, Plugin, PluginSpec, Settings, release::read_release,
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
            let backend: Arc<dyn Backend> = Arc::new(Idle::generous());
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
