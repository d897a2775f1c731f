//! Engines, guests and calls that the tests share.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use iap_core::manifest::{Auth, Manifest, SecretName, ValueRef};
use iap_runtime::{Call, CallGrant, Ended, Engine, EngineOptions, Plugin, PluginSpec, Secret, Settings};
use iap_tests::guests;
use serde_json::Value;

use crate::backend::Scripted;

/// One engine for all tests: they are each other's neighbours.
pub fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(options(&["127.0.0.0/8"])).unwrap()).clone()
}

pub fn options(allow: &[&str]) -> EngineOptions {
    let networks = allow.iter().map(|network| network.parse().unwrap());
    EngineOptions {
        egress: iap_runtime::EgressPolicy::allowing(networks),
        // Guests are compiled once for all tests.
        cache_dir: Some(concat!(env!("CARGO_TARGET_TMPDIR"), "/sandbox").into()),
        ..EngineOptions::default()
    }
}

pub async fn load(engine: &Arc<Engine>, package: &str, manifest: Manifest, settings: Settings) -> Arc<Plugin> {
    let (release, _) = guests::release(package);
    iap_runtime::release::check_imports(&release.imports, &manifest).unwrap();
    let spec = PluginSpec { manifest, settings, class: release.class };
    engine.load(guests::component(package).to_vec(), spec).await.unwrap()
}

pub const HOSTILE: &str = "iap-guest-hostile";
pub const ECHO: &str = "iap-example-echo";

pub async fn hostile() -> Arc<Plugin> {
    load(&engine(), HOSTILE, guests::release(HOSTILE).1, Settings::default()).await
}

pub async fn echo() -> Arc<Plugin> {
    load(&engine(), ECHO, guests::release(ECHO).1, Settings::default()).await
}

/// The hostile guest with `target` at `base_url`, with a bearer token that it must not see.
pub async fn visiting(engine: &Arc<Engine>, base_url: String) -> Arc<Plugin> {
    let (_, mut manifest) = guests::release(HOSTILE);
    manifest.secrets.push(SecretName { name: "token".to_owned(), description: String::new() });
    manifest.endpoints[0].auth = Some(Auth::Bearer(ValueRef::Secret("token".to_owned())));
    let settings = Settings {
        base_urls: BTreeMap::from([("target".to_owned(), base_url)]),
        secrets: BTreeMap::from([("token".to_owned(), Secret::new("correct-horse"))]),
        ..Settings::default()
    };
    load(engine, HOSTILE, manifest, settings).await
}

pub fn call(operation: &str, input: &Value) -> Call {
    Call { operation: operation.to_owned(), input: input.to_string().into_bytes(), ..Call::default() }
}

pub fn within(time: Duration) -> CallGrant {
    CallGrant { time, ..CallGrant::default() }
}

pub async fn run(plugin: &Arc<Plugin>, operation: &str, input: Value, backend: &Arc<Scripted>) -> Ended<Vec<u8>> {
    plugin.handle(call(operation, &input), backend.clone(), within(Duration::from_secs(20))).await
}

pub fn answer(ended: &Ended<Vec<u8>>) -> Value {
    serde_json::from_slice(ended.result.as_ref().expect("no fault").as_ref().expect("no failure")).unwrap()
}

pub fn class<T>(ended: &Ended<T>) -> &'static str {
    match &ended.result {
        Ok(Ok(_)) => "answered",
        Ok(Err(_)) => "failed",
        Err(fault) => fault.class(),
    }
}
