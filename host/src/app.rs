//! Everything that handlers, jobs and commands share.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use iap_core::time::Clock;
use iap_runtime::{EgressPolicy, Engine, EngineOptions};
use iap_store::{Location, Store};
use tokio::sync::Notify;

use crate::{
    calls::{FreeCalls, Inflight},
    catalog::{Catalog, Loader},
    config::Config,
    http::upload::Budget,
    secrets::Keys,
};

/// A host, ready to serve.
pub struct App {
    /// Settings.
    pub config: Config,
    /// How clients reach this host, without trailing slash.
    pub public_url: String,
    /// Storage.
    pub store: Store,
    /// The sandbox.
    pub engine: Arc<Engine>,
    /// Services.
    pub catalog: Catalog,
    /// Keys of this host.
    pub keys: Keys,
    /// Work that runs right now.
    pub inflight: Arc<Inflight>,
    /// Free calls of the last minute.
    pub free_calls: FreeCalls,
    /// Rings when a job was enqueued.
    pub bell: Notify,
    /// Room for bodies of requests.
    pub bodies: Budget,
    /// Client for the card processor.
    pub client: reqwest::Client,
}

/// Where the database of a data folder is.
pub fn database_path(config: &Config) -> PathBuf {
    config.data_dir.join("iap.db")
}

/// Where the database of a host is: a PostgreSQL server if one is set, else a file of the data folder.
pub fn location(config: &Config) -> Location {
    match &config.database_url {
        Some(url) => Location::Url(url.clone()),
        None => Location::File(database_path(config)),
    }
}

impl App {
    /// Opens storage, starts the sandbox, loads the catalog and ends what a crash left open.
    /// `progress` is told what happens, for people who wait.
    pub async fn start(
        mut config: Config,
        clock: Arc<dyn Clock>,
        mut progress: impl FnMut(&str),
    ) -> anyhow::Result<Arc<Self>> {
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("cannot create the data folder {}", config.data_dir.display()))?;
        let keys = Keys::load(config.master_key.as_deref(), &config.data_dir)?;
        let store = match location(&config) {
            Location::File(path) => Store::open(&path, clock)?,
            Location::Url(url) => Store::connect(&url, clock).await?,
        };
        let networks = config.egress.allow.iter().map(|text| {
            text.parse().with_context(|| format!("[egress] allow: {text:?} is no network such as \"127.0.0.0/8\""))
        });
        let egress = EgressPolicy::allowing(networks.collect::<anyhow::Result<Vec<_>>>()?);
        let options = EngineOptions {
            cache_dir: Some(config.data_dir.join("compiled")),
            cache_key: keys.cache(),
            egress,
            ..EngineOptions::default()
        };
        let engine = Engine::new(options)?;
        let public_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", config.listen))
            .trim_end_matches('/')
            .to_owned();
        config.public_url = Some(public_url.clone());
        let catalog = Catalog::default();
        let loader = Loader { engine: &engine, store: &store, config: &config, public_url: &public_url };
        for (name, component) in crate::plugins::first_party::GUESTS {
            let (service, version) = loader
                .load(&catalog, component.to_vec())
                .await
                .with_context(|| format!("cannot load the embedded plugin {name}"))?;
            progress(&format!("Loaded {service} {version}"));
        }
        for path in &config.plugins {
            let component =
                std::fs::read(path).with_context(|| format!("cannot read the plugin {}", path.display()))?;
            let (service, version) = loader
                .load(&catalog, component)
                .await
                .with_context(|| format!("cannot load the plugin {}", path.display()))?;
            progress(&format!("Loaded {service} {version} from {}", path.display()));
        }
        catalog.load_remote(&store).await?;
        let orphans = crate::calls::recover::recover(&store, &catalog).await?;
        if 0 < orphans {
            progress(&format!("Ended {orphans} calls that an earlier stop had cut off"));
        }
        let client = crate::payments::client()?;
        let bodies = Budget::new(config.limits.body_bytes.0);
        Ok(Arc::new(Self {
            config,
            public_url,
            store,
            engine,
            catalog,
            keys,
            inflight: Arc::default(),
            free_calls: FreeCalls::default(),
            bell: Notify::new(),
            bodies,
            client,
        }))
    }
}
