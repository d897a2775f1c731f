//! From a component to a service of the catalog.

use std::sync::Arc;

use iap_core::{
    Credits, Money,
    manifest::{Manifest, ManifestErrors, Pack},
    money::Currency,
    release::ReleaseFiles,
};
use iap_runtime::{Engine, PluginSpec, Secret, Settings, release as component};
use iap_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::{Catalog, Release, Service};
use crate::config::Config;

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
    /// How clients reach this host.
    pub public_url: &'a str,
}

impl Loader<'_> {
    /// Loads a release from its component. Returns the name of its service and its version.
    pub async fn load(&self, catalog: &Catalog, bytes: Vec<u8>) -> Result<(String, String), LoadReleaseError> {
        let parts = component::read_release(&bytes)?;
        let manifest =
            Manifest::parse(&ReleaseFiles::from_section(&parts.files)?).map_err(LoadReleaseError::Manifest)?;
        component::check_imports(&parts.imports, &manifest)?;
        let declared = manifest.service.clone();
        let (name, version) = (declared.name.clone(), declared.version.to_string());
        let kind = self.config.vendor_kind(&declared.vendor);
        manifest.check_routes_for(kind).map_err(LoadReleaseError::Manifest)?;
        let digest = hex::encode(sha2::Sha256::digest(&bytes));
        let spec = PluginSpec { manifest: manifest.clone(), settings: self.settings(&name), class: parts.class };
        let plugin = self.engine.load(bytes, spec).await?;

        let (services, at) = (self.store.services(), self.store.clock().now());
        let title = self
            .config
            .vendors
            .get(&declared.vendor)
            .and_then(|vendor| vendor.title.as_deref())
            .unwrap_or(&declared.vendor);
        let vendor = services.vendor(&declared.vendor, title, kind.as_str(), at);
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
        let id = services.by_name(&name).await?.ok_or_else(missing)?.id;
        self.store.write(vec![services.release(id, &version, &digest, at)]).await?;
        let release = services.release_id(id, &digest).await?.ok_or_else(missing)?;
        catalog.put(Service {
            id,
            name: name.clone(),
            title: declared.title,
            summary: declared.summary,
            vendor: declared.vendor,
            vendor_kind: kind,
            unit: declared.unit,
            packs: manifest.packs,
            release: Some(Release { id: release, digest, plugin }),
        })?;
        Ok((name, version))
    }

    fn settings(&self, service: &str) -> Settings {
        let set = self.config.services.get(service).cloned().unwrap_or_default();
        Settings {
            base_urls: set.base_urls,
            config: set.config,
            secrets: set.secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
            hook_base_url: Some(format!("{}/hooks/{service}", self.public_url)),
            ..Settings::default()
        }
    }
}

/// A pack as the API writes it: `{"name", "credits": "10", "price": {"EUR": "0.90"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackText {
    /// Shown name.
    pub name: String,
    /// Credits in it, as a decimal.
    #[schema(value_type = String, example = "10")]
    pub credits: Credits,
    /// Amount by ISO 4217 code.
    pub price: std::collections::BTreeMap<String, String>,
}

impl From<&Pack> for PackText {
    fn from(pack: &Pack) -> Self {
        let price = pack.prices.iter().map(|price| (price.currency.as_str().to_owned(), price.amount())).collect();
        Self { name: pack.name.clone(), credits: pack.credits, price }
    }
}

impl TryFrom<PackText> for Pack {
    type Error = String;

    fn try_from(text: PackText) -> Result<Self, String> {
        let prices = text.price.into_iter().map(|(code, amount)| {
            let currency = Currency::try_from(code).map_err(|error| error.to_string())?;
            Money::parse(&amount, currency).map_err(|error| error.to_string())
        });
        let pack = Self { name: text.name, credits: text.credits, prices: prices.collect::<Result<_, _>>()? };
        if !pack.credits.is_positive() || pack.prices.is_empty() || pack.prices.iter().any(|price| price.minor <= 0) {
            return Err(format!("pack {:?} needs credits and at least one price, all above zero", pack.name));
        }
        Ok(pack)
    }
}

/// Packs of a remote service, as stored.
pub fn packs_from_json(text: &str) -> anyhow::Result<Vec<Pack>> {
    let texts: Vec<PackText> = serde_json::from_str(text)?;
    let mut packs: Vec<Pack> =
        texts.into_iter().map(Pack::try_from).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    packs.sort_by_key(|pack| pack.credits);
    Ok(packs)
}
