//! The services that this host offers, with the releases that serve them.

mod load;
mod routes;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use iap_core::{
    hosting::VendorKind,
    ids::ServiceId,
    manifest::{Manifest, Pack, Route},
};
use iap_runtime::Plugin;
use iap_store::Store;

pub use load::{LoadReleaseError, Loader, PackText, packs_from_json};

/// A service of the catalog.
#[derive(Debug)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Wire name.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// One sentence.
    pub summary: String,
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
}

/// A release that serves.
#[derive(Debug)]
pub struct Release {
    /// Number for calls.
    pub id: i64,
    /// SHA-256 of the component.
    pub digest: String,
    /// The plugin, ready to be called.
    pub plugin: Arc<Plugin>,
}

impl Release {
    /// What it declares.
    pub fn manifest(&self) -> &Manifest {
        self.plugin.manifest()
    }
}

/// A path that a service answers.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The service.
    pub service: Arc<Service>,
    /// How to read the request.
    pub route: Route,
    /// Values of the `{name}` segments.
    pub segments: Vec<(String, String)>,
}

#[derive(Default)]
struct Snapshot {
    services: BTreeMap<String, Arc<Service>>,
    routes: routes::Routes,
}

/// The catalog. Reading is a pointer copy; a change replaces the whole.
#[derive(Default)]
pub struct Catalog {
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Catalog {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By wire name.
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.snapshot().services.get(name).cloned()
    }

    /// By id.
    pub fn by_id(&self, id: ServiceId) -> Option<Arc<Service>> {
        self.snapshot().services.values().find(|service| service.id == id).cloned()
    }

    /// All, by name.
    pub fn services(&self) -> Vec<Arc<Service>> {
        self.snapshot().services.values().cloned().collect()
    }

    /// Who answers a path, if anybody.
    pub fn route(&self, path: &str) -> Option<Routed> {
        let snapshot = self.snapshot();
        let (service, route, segments) = snapshot.routes.find(path)?;
        Some(Routed { service: snapshot.services.get(service)?.clone(), route, segments })
    }

    /// Takes in a service, in place of one with its name. Its paths must be free.
    pub fn put(&self, service: Service) -> Result<(), LoadReleaseError> {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let mut services = snapshot.services.clone();
        services.insert(service.name.clone(), Arc::new(service));
        let routes = routes::Routes::of(services.values())?;
        *snapshot = Arc::new(Snapshot { services, routes });
        Ok(())
    }

    /// Takes in the remote services that the operator registered.
    pub async fn load_remote(&self, store: &Store) -> anyhow::Result<()> {
        for row in store.services().all().await?.into_iter().filter(|row| row.kind == "remote") {
            self.put(Service {
                id: row.id,
                summary: String::new(),
                packs: packs_from_json(&row.packs)?,
                vendor_kind: row.vendor_kind.parse()?,
                name: row.name,
                title: row.title,
                vendor: row.vendor,
                unit: row.unit,
                release: None,
            })?;
        }
        Ok(())
    }
}
