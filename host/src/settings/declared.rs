//! What the releases of a service declare that can be set.

use std::collections::{BTreeMap, BTreeSet};

use iap_core::{
    manifest::{Auth, ConfigValue, Endpoint, Manifest, SecretName, ValueRef},
    release::ReleaseFiles,
};
use iap_store::{StoreError, repositories::ServiceRow};

use crate::app::App;

/// Config values and secrets, each as its newest release declares it.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// By name.
    pub config: BTreeMap<String, ConfigValue>,
    /// By name.
    pub secrets: BTreeMap<String, SecretName>,
    /// Secrets and config values that go into a header.
    in_headers: BTreeSet<String>,
}

impl Declared {
    /// Of a service: of the releases that serve, and of the newest that came, whatever became of it: its settings may be
    /// there before it serves.
    pub async fn of(app: &App, service: &ServiceRow) -> Result<Self, StoreError> {
        let mut declared = Self::default();
        if let Some(newest) = app.store.releases().of_service(service.id).await?.first()
            && let Some(files) = app.store.releases().files(newest.id).await?
            && let Ok(files) = ReleaseFiles::from_section(files.as_bytes())
            && let Ok(manifest) = Manifest::parse(&files)
        {
            declared.add(&manifest);
        }
        let Some(line) = app.catalog.line(&service.name) else { return Ok(declared) };
        let mut serving: Vec<_> = line.faces.values().filter_map(|face| face.release.as_ref()).collect();
        serving.sort_by(|a, b| b.manifest().service.version.cmp(&a.manifest().service.version));
        for release in serving {
            declared.add(release.manifest());
        }
        Ok(declared)
    }

    fn add(&mut self, manifest: &Manifest) {
        for value in &manifest.config {
            self.config.entry(value.name.clone()).or_insert_with(|| value.clone());
        }
        for secret in &manifest.secrets {
            self.secrets.entry(secret.name.clone()).or_insert_with(|| secret.clone());
        }
        self.in_headers.extend(manifest.endpoints.iter().flat_map(in_headers));
    }

    /// Whether a value with this name goes into a header as it is.
    pub fn goes_into_a_header(&self, name: &str) -> bool {
        self.in_headers.contains(name)
    }
}

/// Basic credentials are encoded, and so is what stands in a query.
fn in_headers(endpoint: &Endpoint) -> Option<String> {
    match endpoint.auth.as_ref()? {
        Auth::Bearer(value) | Auth::Header(_, value) => match value {
            ValueRef::Config(name) | ValueRef::Secret(name) => Some(name.clone()),
        },
        Auth::Basic(..) | Auth::Query(..) => None,
    }
}
