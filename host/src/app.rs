//! Everything that handlers, jobs and commands share.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use iap_core::time::Clock;
use iap_runtime::{EgressPolicy, Engine, EngineOptions};
use iap_store::{Location, Store, StoreError};
use tokio::sync::Notify;

use crate::{
    calls::{FreeCalls, Inflight},
    catalog::{Catalog, Loader},
    config::Config,
    http::upload::Budget,
    mail::Mailer,
    publish::{Health, Logs, inspect::Inspector},
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
    /// Rings when a mail was put into the outbox.
    pub mail_bell: Notify,
    /// Sends mails, if this host can.
    pub mailer: Option<Mailer>,
    /// How calls of releases end, as far as it is not stored yet.
    pub health: Health,
    /// What plugins logged, as far as it is not stored yet.
    pub logs: Logs,
    /// Looks into what is published.
    pub inspector: Inspector,
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

/// The keys of a host.
pub fn keys(config: &Config) -> anyhow::Result<Keys> {
    let keys = Keys::load(config.master_key.as_deref(), &config.data_dir)?;
    match &config.secrets_key {
        None => Ok(keys),
        Some(key) => keys.sealing_with(key).context("secrets_key cannot be used"),
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
        let keys = keys(&config)?;
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
        crate::vendors::record_known(&store, &config).await?;
        let catalog = Catalog::default();
        let loader = Loader { engine: &engine, store: &store, config: &config, keys: &keys, public_url: &public_url };
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
        for secret in crate::settings::unreadable(&store, keys.sealing()).await? {
            tracing::error!(
                "The secret {secret} was sealed with another key and is as if it were not set: run `iap secrets rotate` with the key from before, or set it again"
            );
        }
        let mailer = config.mail.as_ref().map(|mail| Mailer::new(mail, &public_url)).transpose()?;
        let client = crate::payments::client()?;
        let bodies = Budget::new(config.limits.body_bytes.0);
        let app = Arc::new(Self {
            config,
            public_url,
            store,
            engine,
            catalog,
            keys,
            inflight: Arc::default(),
            free_calls: FreeCalls::default(),
            bell: Notify::new(),
            mail_bell: Notify::new(),
            mailer,
            health: Health::default(),
            logs: Logs::default(),
            inspector: Inspector::default(),
            bodies,
            client,
        });
        // What was published serves beside what came with the binary.
        crate::catalog::refresh(&app).await.context("cannot read the published releases")?;
        Ok(app)
    }

    /// What the operator and its vendor have set for a service.
    pub async fn settings_of(&self, service: &str) -> Result<iap_runtime::Settings, StoreError> {
        match self.store.services().by_name(service).await? {
            Some(row) => crate::settings::of(&self.store, &self.keys, &self.config, &self.public_url, &row).await,
            None => Ok(iap_runtime::Settings::default()),
        }
    }

    /// Has the loaded releases of all services take up what is set for them now.
    pub async fn reconfigure(&self) -> Result<(), StoreError> {
        for service in self.catalog.services().iter() {
            let Some(line) = self.catalog.line(&service.name) else { continue };
            let loaded: Vec<_> =
                line.faces.values().filter_map(|face| face.release.as_ref()?.code.if_loaded().cloned()).collect();
            if loaded.is_empty() {
                continue;
            }
            let settings = self.settings_of(&service.name).await?;
            for plugin in loaded {
                if let Err(error) = plugin.configure(settings.clone()) {
                    tracing::error!(service = service.name, %error, "A service cannot take up its settings");
                }
            }
        }
        Ok(())
    }

    /// Reads the catalog anew and has loaded releases take up their settings: after a change of either.
    pub async fn catalog_changed(&self) -> anyhow::Result<()> {
        crate::catalog::refresh(self).await?;
        self.reconfigure().await?;
        Ok(())
    }
}
