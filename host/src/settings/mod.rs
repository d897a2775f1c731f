//! Config and secrets of services: what the settings file says, and what vendors and the operator set by REST.
//!
//! The settings file wins, since the operator decides. Secrets are stored sealed ([`seal`]) and never shown again.

mod declared;
mod rotate;
pub mod seal;

use std::collections::BTreeMap;

use iap_runtime::{Secret, Settings};
use iap_store::{
    Store, StoreError,
    repositories::{SecretRow, ServiceRow},
};

pub use declared::Declared;
pub use rotate::{Rotated, rotate, unreadable};

use crate::{config::Config, secrets::Keys};

/// What is set for a service now.
pub async fn of(
    store: &Store,
    keys: &Keys,
    config: &Config,
    public_url: &str,
    service: &ServiceRow,
) -> Result<Settings, StoreError> {
    let mut settings =
        Settings { hook_base_url: Some(format!("{public_url}/hooks/{}", service.name)), ..Settings::default() };
    for row in store.service_configs().of(service.id).await? {
        settings.config.insert(row.name, row.value);
    }
    settings.secrets = opened(keys, &service.name, store.service_secrets().of(service.id).await?);
    if let Some(set) = config.services.get(&service.name).cloned() {
        settings.base_urls = set.base_urls;
        settings.config.extend(set.config);
        settings.secrets.extend(set.secrets.into_iter().map(|(name, value)| (name, Secret::new(value))));
    }
    Ok(settings)
}

/// Those secrets that this host's key opens; the others are as if they were not set, and named in the log.
fn opened(keys: &Keys, service: &str, rows: Vec<SecretRow>) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    for row in rows {
        match keys.sealing().open(service, &row.name, &row.sealed) {
            Ok(value) => drop(secrets.insert(row.name, Secret::new(value))),
            Err(error) => tracing::error!(service, secret = row.name, key = row.key_id, "{error}"),
        }
    }
    secrets
}

/// Where a value that counts comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The host's settings file: nothing else counts.
    SettingsFile,
    /// It was set by REST.
    Stored,
    /// The release's manifest.
    Default,
    /// It is not set.
    Missing,
}
