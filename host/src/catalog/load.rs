//! From a component of the binary or of a file to a service of the catalog.

use std::sync::Arc;

use iap_core::{
    manifest::{Manifest, ManifestErrors},
    release::ReleaseFiles,
};
use iap_runtime::{Engine, PluginSpec, release as component};
use iap_store::{Store, StoreError};

use super::{
    Catalog, Release,
    lines::Line,
    service::{Code, Service, Status, digest_of},
};
use crate::{config::Config, secrets::Keys};

/// Why a release cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum LoadReleaseError {
    /// The component is not what a release must be.
    #[error(transparent)]
    Component(#[from] component::ReleaseError),
    /// Its files are not readable.
    #[error(transparent)]
    Files(#[from] iap_core::release::ReleaseError),
    /// Its manifest is wrong.
    #[error("{0}")]
    Manifest(ManifestErrors),
    /// A path has an owner.
    #[error("path {path} of service {service} belongs to service {owner}; one path has one owner")]
    PathTaken {
        /// The path.
        path: String,
        /// Who wants it.
        service: String,
        /// Who has it.
        owner: String,
    },
    /// The name belongs to somebody else.
    #[error("service {service} belongs to another vendor than {vendor}, or is a remote service; choose another name")]
    NameTaken {
        /// The name.
        service: String,
        /// Who wants it.
        vendor: String,
    },
    /// Its component is not stored.
    #[error(
        "the component {0} is not in the registry; restore the database from a backup, or publish the release anew"
    )]
    Missing(String),
    /// Its component is not the one that was published.
    #[error("the component {0} was altered in the database; restore it from a backup")]
    Altered(String),
    /// The sandbox does not take it.
    #[error(transparent)]
    Load(#[from] iap_runtime::LoadError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Loads releases into the catalog.
pub struct Loader<'a> {
    /// The sandbox.
    pub engine: &'a Arc<Engine>,
    /// Storage.
    pub store: &'a Store,
    /// Settings of services and vendors.
    pub config: &'a Config,
    /// Opens stored secrets.
    pub keys: &'a Keys,
    /// How clients reach this host.
    pub public_url: &'a str,
}

impl Loader<'_> {
    /// Loads a release from its component. Returns the name of its service and its version.
    pub async fn load(&self, catalog: &Catalog, bytes: Vec<u8>) -> Result<(String, String), LoadReleaseError> {
        let parts = component::read_release(&bytes)?;
        let manifest =
            Manifest::parse(&ReleaseFiles::from_section(&parts.files)?).map_err(LoadReleaseError::Manifest)?;
        let files = String::from_utf8_lossy(&parts.files).into_owned();
        component::check_imports(&parts.imports, &manifest)?;
        let declared = manifest.service.clone();
        let (name, version) = (declared.name.clone(), declared.version.to_string());
        let kind = self.config.vendor_kind(&declared.vendor);
        manifest.check_routes_for(kind).map_err(LoadReleaseError::Manifest)?;
        let digest = digest_of(&bytes);

        let (services, at) = (self.store.services(), self.store.clock().now());
        let vendor = services.vendor(&declared.vendor, self.config.vendor_title(&declared.vendor), kind.as_str(), at);
        let service =
            services.plugin(self.store.ids().service(), &name, &declared.title, &declared.vendor, &declared.unit, at);
        let taken = |error| match error {
            StoreError::Conflict(_) => {
                LoadReleaseError::NameTaken { service: name.clone(), vendor: declared.vendor.clone() }
            }
            other => LoadReleaseError::Store(other),
        };
        self.store.write(vec![vendor, service]).await.map_err(taken)?;
        let missing = || StoreError::Engine(format!("service {name} is not stored"));
        let row = services.by_name(&name).await?.ok_or_else(missing)?;
        self.store.write(vec![services.release(row.id, &version, &digest, &files, at)]).await?;
        let release = services.release_id(row.id, &digest).await?.ok_or_else(missing)?;

        let settings = crate::settings::of(self.store, self.keys, self.config, self.public_url, &row).await?;
        let spec = PluginSpec { manifest: manifest.clone(), settings, class: parts.class };
        let plugin = self.engine.load(bytes, spec).await?;
        let code = Arc::new(Code::loaded(digest.clone(), plugin));
        catalog.embed(Line::of(Service {
            id: row.id,
            name: name.clone(),
            title: declared.title,
            summary: declared.summary,
            category: declared.category,
            vendor: declared.vendor,
            vendor_kind: kind,
            unit: declared.unit,
            packs: manifest.packs.clone(),
            release: Some(Release {
                id: release,
                digest,
                manifest: Arc::clone(&code.manifest),
                risen: Vec::new(),
                code,
            }),
            status: Status::of(&row),
        }))?;
        Ok((name, version))
    }
}
