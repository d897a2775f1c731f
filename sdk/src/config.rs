//! Settings of the service on this host.

use crate::imports;

/// A config value declared in `plugin.toml`; never a secret.
pub fn get(name: &str) -> Option<String> {
    imports::config_get(name)
}

/// Public URL of one of the service's declared hooks.
pub fn hook_url(path: &str) -> Option<String> {
    imports::config_hook_url(path)
}
