//! What a release costs to load, and whether it starts: for a report, before anybody relies on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iap_core::{
    Credits,
    ids::{HoldId, JobId},
};
use wasmtime::component::Component;

use crate::{
    Backend, CallGrant, Engine, LoadError, PluginSpec,
    backend::{
        Answer, AuthorizeOptions, Authorized, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied, HostFault,
        JobOptions, Level, Line, Refusal, Remembered, Scope,
    },
    bindings::ServicePre,
    settings::Settled,
};

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
        let ended = plugin.start(Arc::new(Nobody), CallGrant::default()).await;
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

/// A backend that gives nothing, for an instance that nobody calls.
struct Nobody;

fn denied<T: Send + 'static>() -> Answer<'static, T, Denied> {
    Box::pin(async { Ok(Err(Denied { code: "not-granted", message: "nobody has called".to_owned() })) })
}

fn refused<T: Send + 'static>() -> Answer<'static, T, Refusal> {
    let refusal = || Refusal {
        code: "account-disabled".to_owned(),
        message: "nobody has called".to_owned(),
        details: Vec::new(),
    };
    Box::pin(async move { Ok(Err(refusal())) })
}

impl Backend for Nobody {
    fn authorize(&self, _: Vec<Line>, _: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        refused()
    }
    fn capture(&self, _: HoldId, _: Vec<Line>, _: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        refused()
    }
    fn release(&self, _: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        Box::pin(async { Ok(()) })
    }
    fn keep(&self, _: HoldId, _: u32, _: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        refused()
    }
    fn resume(&self, _: HoldId) -> Answer<'_, Credits, Refusal> {
        refused()
    }
    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        Box::pin(async { Ok(Credits::ZERO) })
    }
    fn store_get(&self, _: Scope, _: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        denied()
    }
    fn store_set(&self, _: Scope, _: String, _: Vec<u8>, _: Option<u32>) -> Answer<'_, (), Denied> {
        denied()
    }
    fn store_compare_and_set(
        &self,
        _: Scope,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<Vec<u8>>,
        _: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        denied()
    }
    fn store_delete(&self, _: Scope, _: String) -> Answer<'_, (), Denied> {
        denied()
    }
    fn store_list(&self, _: Scope, _: String, _: String, _: u32) -> Answer<'_, Vec<String>, Denied> {
        denied()
    }
    fn blob_put(&self, _: String, _: Vec<u8>, _: u32) -> Answer<'_, BlobInfo, Denied> {
        denied()
    }
    fn blob_stat(&self, _: String) -> Answer<'_, BlobInfo, Denied> {
        denied()
    }
    fn blob_read(&self, _: String, _: u64, _: u32) -> Answer<'_, Vec<u8>, Denied> {
        denied()
    }
    fn blob_delete(&self, _: String) -> Answer<'_, (), Denied> {
        denied()
    }
    fn enqueue(&self, _: String, _: Vec<u8>, _: JobOptions) -> Answer<'_, JobId, Denied> {
        denied()
    }
    fn callback(&self, _: CallbackMessage) -> Answer<'_, JobId, Denied> {
        denied()
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
    fn log(&self, _: Level, _: &str) {}
}
