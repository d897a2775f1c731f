//! A service of the catalog, and the release that serves it.

use std::sync::Arc;

use iap_core::{
    Time,
    hosting::VendorKind,
    ids::ServiceId,
    manifest::{Manifest, Operation, Pack},
};
use iap_runtime::{Plugin, PluginSpec};
use iap_store::repositories::ServiceRow;
use sha2::Digest as _;
use tokio::sync::OnceCell;

use super::{LoadReleaseError, packs_from_json};
use crate::app::App;

/// A service of the catalog, as one of its releases serves it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Wire name.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// Shown category; empty for a remote provider.
    pub category: String,
    /// Its vendor.
    pub vendor: String,
    /// A property of the vendor.
    pub vendor_kind: VendorKind,
    /// One unit of credits.
    pub unit: String,
    /// What can be bought.
    pub packs: Vec<Pack>,
    /// The release that serves it; `None` for a remote provider.
    pub release: Option<Release>,
    /// Whether it may be used and bought at all.
    pub status: Status,
}

impl Service {
    /// The same where none of its releases may serve.
    pub fn withdrawn(&self) -> Arc<Self> {
        let service = self.clone();
        Arc::new(Self { status: Status { withdrawn: true, ..service.status }, ..service })
    }

    /// A remote provider, as the operator registered it.
    pub fn remote(row: ServiceRow) -> anyhow::Result<Self> {
        Ok(Self {
            id: row.id,
            summary: String::new(),
            category: String::new(),
            packs: packs_from_json(&row.packs)?,
            vendor_kind: row.vendor_kind.parse()?,
            status: Status::of(&row),
            name: row.name,
            title: row.title,
            vendor: row.vendor,
            unit: row.unit,
            release: None,
        })
    }
}

/// SHA-256 of a component in hexadecimal: the name of a release's code.
pub fn digest_of(component: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(component))
}

/// Whether a service may be used and bought, beside what the hosting rule says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Why the operator stopped it, if so.
    pub suspended: Option<String>,
    /// When it ends, if its vendor gave it up: nothing is sold any more.
    pub ends_at: Option<Time>,
    /// No release may serve it.
    pub withdrawn: bool,
}

impl Status {
    /// From its row.
    pub fn of(row: &ServiceRow) -> Self {
        Self { suspended: row.suspended.clone(), ends_at: row.ends_at, withdrawn: false }
    }

    /// Whether it is over.
    pub fn has_ended(&self, now: Time) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    /// Whether work that has begun must wait too. What is held when a service ends is still settled.
    pub fn is_held_up(&self) -> bool {
        self.suspended.is_some() || self.withdrawn
    }

    /// Why it does nothing now: code and sentence.
    pub fn refusal(&self, title: &str, now: Time) -> Option<(&'static str, String)> {
        if let Some(reason) = &self.suspended {
            let message = format!(
                "the operator of this host has suspended {title} ({reason}); your credits are intact, try again later"
            );
            return Some(("service-suspended", message));
        }
        if self.has_ended(now) {
            return Some((
                "service-ended",
                format!(
                    "{title} was discontinued by its vendor and has ended; what you bought and did not use is refunded"
                ),
            ));
        }
        if self.withdrawn {
            return Some((
                "no-release",
                format!(
                    "no release of {title} may serve now; your credits are intact, its vendor has to publish another"
                ),
            ));
        }
        None
    }

    /// Why nothing is sold now: code and sentence.
    pub fn sales_refusal(&self, title: &str, now: Time) -> Option<(&'static str, String)> {
        if let Some(end) = self.ends_at {
            let end = crate::clock::rfc3339(end);
            return Some((
                "service-discontinued",
                format!("{title} is discontinued and ends at {end}; nothing is sold any more"),
            ));
        }
        self.refusal(title, now)
    }
}

/// A release that serves.
#[derive(Clone, Debug)]
pub struct Release {
    /// Number for calls.
    pub id: i64,
    /// SHA-256 of the component in hexadecimal.
    pub digest: String,
    /// What it declares, with the price tables that count now.
    pub manifest: Arc<Manifest>,
    /// Price tables before rises of which customers were told, the oldest first: what was bought before such a rise keeps
    /// its price for a while.
    pub risen: Vec<Risen>,
    /// Its code.
    pub code: Arc<Code>,
}

/// What a release declared before its prices rose.
#[derive(Clone, Debug)]
pub struct Risen {
    /// When the rise took effect.
    pub at: Time,
    /// Operations with the prices before it.
    pub operations: Arc<Vec<Operation>>,
}

impl Release {
    /// What it declares.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The plugin, ready to be called; loaded when it is called for the first time.
    pub async fn plugin(&self, app: &App) -> Result<&Arc<Plugin>, LoadReleaseError> {
        self.code.plugin(app).await
    }
}

/// The code of a release: loaded once, when it is called for the first time.
#[derive(Debug)]
pub struct Code {
    /// SHA-256 of the component in hexadecimal.
    pub digest: String,
    /// What it was published with.
    pub manifest: Arc<Manifest>,
    plugin: OnceCell<Arc<Plugin>>,
}

impl Code {
    /// Code that is loaded when it is needed.
    pub fn stored(digest: String, manifest: Arc<Manifest>) -> Self {
        Self { digest, manifest, plugin: OnceCell::new() }
    }

    /// Code that is loaded.
    pub fn loaded(digest: String, plugin: Arc<Plugin>) -> Self {
        let manifest = Arc::new(plugin.manifest().clone());
        Self { digest, manifest, plugin: OnceCell::new_with(Some(plugin)) }
    }

    /// The plugin, if it is loaded.
    pub fn if_loaded(&self) -> Option<&Arc<Plugin>> {
        self.plugin.get()
    }

    /// The plugin, ready to be called; loaded if it is not yet.
    pub async fn plugin(&self, app: &App) -> Result<&Arc<Plugin>, LoadReleaseError> {
        self.plugin.get_or_try_init(|| self.load(app)).await
    }

    async fn load(&self, app: &App) -> Result<Arc<Plugin>, LoadReleaseError> {
        let name = &self.manifest.service.name;
        let bytes = app.store.releases().component(&self.digest).await?;
        let bytes = bytes.ok_or_else(|| LoadReleaseError::Missing(self.digest.clone()))?;
        if digest_of(&bytes) != self.digest {
            return Err(LoadReleaseError::Altered(self.digest.clone()));
        }
        let parts = iap_runtime::release::read_release(&bytes)?;
        let settings = app.settings_of(name).await?;
        let spec = PluginSpec { manifest: Manifest::clone(&self.manifest), settings, class: parts.class };
        let plugin = app.engine.load(bytes, spec).await?;
        // They may have changed while it was compiled.
        if let Err(error) = plugin.configure(app.settings_of(name).await?) {
            tracing::error!(service = name, %error, "A service cannot take up its settings");
        }
        Ok(plugin)
    }
}
