//! What a release costs to load, and whether it starts: for a report, before anybody relies on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::component::Component;

use crate::{CallGrant, Engine, Idle, LoadError, PluginSpec, bindings::ServicePre, settings::Settled};

/// A release that compiled and started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Compiling, without cache, on one thread.
    pub compile: Duration,
    /// Compiled code, in bytes, as it is kept.
    pub code_size: u64,
    /// From kept code to the first instance.
    pub cold_start: Duration,
    /// What it exports, as `iap:service/plugin@1.0.0`.
    pub exports: Vec<String>,
}

impl Engine {
    /// Compiles a release that [`crate::release::read_release`] accepted, links it and makes one instance. The cache is
    /// neither read nor written. Its code runs, if it has a start function: only where that may happen.
    pub async fn examine(self: &Arc<Self>, component: Vec<u8>, spec: PluginSpec) -> Result<Examined, LoadError> {
        let settings = Settled::new(&spec.manifest, spec.settings.clone())?;
        let engine = self.clone();
        let loading = self.compile_thread(move || engine.compile_and_link(&component)).await?;
        let (service, mut examined) = loading.map_err(|error| LoadError::Component(format!("{error:#}")))?;
        let plugin = self.plugin(service, settings, spec);
        let ended = plugin.start(Arc::new(Idle::closed()), CallGrant::default()).await;
        if let Err(fault) = ended.result {
            return Err(LoadError::Component(format!("its first instance does not start: {fault}")));
        }
        examined.cold_start += ended.duration;
        Ok(examined)
    }

    fn compile_and_link(&self, bytes: &[u8]) -> wasmtime::Result<(ServicePre<crate::call::CallState>, Examined)> {
        let began = Instant::now();
        let component = Component::from_binary(&self.wasm, bytes)?;
        let compile = began.elapsed();
        let code = component.serialize()?;
        let exports = component.component_type().exports(&self.wasm).map(|(name, _)| name.to_owned()).collect();
        drop(component);
        let began = Instant::now();
        // SAFETY: this engine made the code a moment ago, and nobody else has had it.
        let component = unsafe { Component::deserialize(&self.wasm, &code) }?;
        let service = ServicePre::new(self.linker.instantiate_pre(&component)?)?;
        let code_size = u64::try_from(code.len()).unwrap_or(u64::MAX);
        Ok((service, Examined { compile, code_size, cold_start: began.elapsed(), exports }))
    }
}
