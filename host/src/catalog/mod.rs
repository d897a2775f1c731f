//! The services that this host offers, with the releases that serve them.
//!
//! `load` takes in what came with the binary, `refresh` what was published and `edits` changed since; `lines` says which release serves whom.

mod edits;
mod files;
mod lines;
mod load;
mod packs;
mod refresh;
mod routes;
mod service;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use iap_core::{ids::ServiceId, manifest::Route};
use iap_store::{Store, repositories::AccountRow};

pub use edits::{PackEdit, PriceEdit, Texts};
pub use files::files_of;
pub use lines::Line;
pub use load::{LoadReleaseError, Loader};
pub use packs::{PackText, packs_from_json};
pub use refresh::{refresh, warm};
pub use service::{Code, Release, Risen, Service, Status, digest_of};

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

/// All services at one moment. What a call asks takes the same time however many there are.
#[derive(Default)]
struct Snapshot {
    lines: HashMap<String, Arc<Line>>,
    ids: HashMap<ServiceId, Arc<Line>>,
    /// As usual, by name.
    listed: Arc<[Arc<Service>]>,
    routes: routes::Routes,
}

impl Snapshot {
    fn of(lines: HashMap<String, Arc<Line>>) -> Result<Self, LoadReleaseError> {
        let mut sorted: Vec<_> = lines.values().collect();
        sorted.sort_by(|a, b| a.usual.name.cmp(&b.usual.name));
        let routes = routes::Routes::of(sorted.iter().map(|line| &***line))?;
        let ids = lines.values().map(|line| (line.usual.id, Arc::clone(line))).collect();
        let listed = sorted.iter().map(|line| Arc::clone(&line.usual)).collect();
        Ok(Self { lines, ids, listed, routes })
    }
}

/// The catalog. Reading is a pointer copy; a change replaces the whole.
#[derive(Default)]
pub struct Catalog {
    snapshot: RwLock<Arc<Snapshot>>,
    /// What came with the binary or its settings.
    embedded: Mutex<BTreeMap<String, Line>>,
    /// Code of published releases, by number: loaded once, whatever is changed around it.
    code: Mutex<HashMap<i64, Arc<Code>>>,
    /// One reads the catalog anew at a time, so that what is older never replaces what is newer.
    reading: tokio::sync::Mutex<()>,
}

impl Catalog {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// By wire name.
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.snapshot().lines.get(name).map(|line| Arc::clone(&line.usual))
    }

    /// By id.
    pub fn by_id(&self, id: ServiceId) -> Option<Arc<Service>> {
        self.snapshot().ids.get(&id).map(|line| Arc::clone(&line.usual))
    }

    /// A service with its releases, by wire name.
    pub fn line(&self, name: &str) -> Option<Arc<Line>> {
        self.snapshot().lines.get(name).cloned()
    }

    /// A service as the release serves it that an account gets.
    pub fn serving(&self, service: &Arc<Service>, account: Option<&AccountRow>) -> Arc<Service> {
        let Some(account) = account else { return Arc::clone(service) };
        self.snapshot().lines.get(&service.name).map_or_else(|| Arc::clone(service), |line| line.serving(account))
    }

    /// All, by name.
    pub fn services(&self) -> Arc<[Arc<Service>]> {
        Arc::clone(&self.snapshot().listed)
    }

    /// Who answers a path, if anybody.
    pub fn route(&self, path: &str) -> Option<Routed> {
        let snapshot = self.snapshot();
        let (service, route, segments) = snapshot.routes.find(path)?;
        Some(Routed { service: Arc::clone(&snapshot.lines.get(service)?.usual), route, segments })
    }

    /// Takes in a service with its releases, in place of one with its name. Its paths must be free.
    pub fn put(&self, line: Line) -> Result<(), LoadReleaseError> {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let mut lines = snapshot.lines.clone();
        lines.insert(line.usual.name.clone(), Arc::new(line));
        *snapshot = Arc::new(Snapshot::of(lines)?);
        Ok(())
    }

    /// Takes in a service that came with the binary: it serves beside what was published.
    pub fn embed(&self, line: Line) -> Result<(), LoadReleaseError> {
        self.put(line.clone())?;
        self.embedded.lock().unwrap_or_else(PoisonError::into_inner).insert(line.usual.name.clone(), line);
        Ok(())
    }

    /// All services anew. Of several that claim a path the one that had it keeps it; the others wait until they give it up.
    fn replace(&self, mut lines: HashMap<String, Arc<Line>>) {
        let before = self.snapshot();
        loop {
            match Snapshot::of(lines.clone()) {
                Ok(next) => {
                    *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                    return;
                }
                Err(error) => {
                    let LoadReleaseError::PathTaken { path, service, owner } = &error else {
                        tracing::error!(%error, "The catalog cannot be read anew");
                        return;
                    };
                    let had = before.routes.find(path).map(|(service, ..)| service);
                    let loser = if had == Some(service) { owner } else { service };
                    tracing::error!(service = loser, %error, "A service does not serve");
                    if lines.remove(loser).is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// The code of a published release, loaded or not.
    pub fn known(&self, release: i64) -> Option<Arc<Code>> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner).get(&release).cloned()
    }

    /// Keeps the code of a published release, unless there is some.
    fn keep(&self, release: i64, code: Arc<Code>) -> Arc<Code> {
        Arc::clone(self.code.lock().unwrap_or_else(PoisonError::into_inner).entry(release).or_insert(code))
    }

    /// Takes in the remote services that the operator registered.
    pub async fn load_remote(&self, store: &Store) -> anyhow::Result<()> {
        for row in store.services().all().await?.into_iter().filter(|row| row.kind == "remote") {
            self.put(Line::of(Service::remote(row)?))?;
        }
        Ok(())
    }
}
