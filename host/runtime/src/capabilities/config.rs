//! `config`: declared settings, never secrets.

use crate::{bindings::config, call::CallState};

impl config::Host for CallState {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        Ok(self.settings.config(&name).map(str::to_owned))
    }

    fn hook_url(&mut self, path: String) -> wasmtime::Result<Option<String>> {
        self.enter()?;
        Ok(self.settings.hook_url(&path))
    }
}
