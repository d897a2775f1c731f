//! `iap plugin run`.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use iap_core::{
    Credits,
    manifest::{Auth, Manifest, ValueRef},
};
use iap_host::{
    App, Config,
    clock::SystemClock,
    config::{Egress, ServiceSettings},
    developer::{build::Component, tryout::Tryout},
    secrets::random_hex,
    server,
};
use serde_json::json;
use tokio::net::TcpListener;

use super::Source;
use crate::cli::told::{self, Told};

/// Serve it on this machine, with play credits and a page to try it. What it keeps is thrown away at the next start.
#[derive(clap::Args)]
pub struct Run {
    #[command(flatten)]
    source: Source,
    /// Address to listen on; port 0 for any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8071")]
    listen: SocketAddr,
    /// Play credits to begin with.
    #[arg(long, value_name = "CREDITS", default_value = "100")]
    credits: Credits,
    /// Where a provider is, in place of plugin.toml's `base_url`: a simulator, or another region.
    #[arg(long = "base-url", value_name = "NAME=URL", value_parser = pair)]
    base_urls: Vec<(String, String)>,
    /// A config value.
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// A secret; `NAME=env:VARIABLE` reads it from the environment.
    #[arg(long = "secret", value_name = "NAME=VALUE", value_parser = pair)]
    secrets: Vec<(String, String)>,
    /// One JSON object once it serves: `url`, `account`, `token`.
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write a name, \"=\" and a value".to_owned()),
    }
}

impl Run {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        crate::cli::log("warn,iap_host::calls=info,iap_host::mail=info");
        let json = self.json;
        match crate::cli::runtime()?.block_on(self.serve()) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => told::tell(json, Err(error)),
        }
    }

    async fn serve(self) -> anyhow::Result<()> {
        if !self.credits.is_positive() {
            bail!("--credits must be above zero: without credits there is nothing to try");
        }
        let project = self.source.project()?;
        let component = self.source.component(&project)?;
        let settings = self.settings(&component.manifest)?;
        let missing = missing(&component.manifest, &settings);
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on {}; choose another address with --listen", self.listen))?;
        let data_dir = component.path.with_file_name("run").join(&component.manifest.service.name);
        let _taken = take(&data_dir)?;
        let config = config(&component, data_dir, settings, listener.local_addr()?)?;
        let app = App::start(config, Arc::new(SystemClock), |_| {}).await?;
        let service = &component.manifest.service.name;
        let credits = self.credits.to_string();
        let tryout = Tryout::open(Arc::clone(&app), project.files.clone(), service, &credits, missing.clone()).await?;
        say(&app.public_url, &tryout, &component, &missing, self.json);
        server::serve_with(app, listener, tryout.router(), crate::cli::stop_signal()).await?;
        Ok(())
    }

    /// What the flags set, once all of it is declared.
    fn settings(&self, manifest: &Manifest) -> anyhow::Result<ServiceSettings> {
        let declared =
            |flag: &str, given: &[(String, String)], known: Vec<&str>| -> anyhow::Result<BTreeMap<String, String>> {
                for (name, _) in given {
                    if !known.contains(&name.as_str()) {
                        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                        bail!("plugin.toml declares no {name:?} for {flag}; it declares {known}");
                    }
                }
                Ok(given.iter().cloned().collect())
            };
        let endpoints = manifest.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        let config = manifest.config.iter().map(|value| value.name.as_str()).collect();
        let secrets = manifest.secrets.iter().map(|secret| secret.name.as_str()).collect();
        let mut settings = ServiceSettings {
            base_urls: declared("--base-url", &self.base_urls, endpoints)?,
            config: declared("--config", &self.config, config)?,
            secrets: declared("--secret", &self.secrets, secrets)?,
        };
        for value in settings.secrets.values_mut() {
            if let Some(name) = value.strip_prefix("env:") {
                *value = std::env::var(name).with_context(|| format!("the environment variable {name} is not set"))?;
            }
        }
        Ok(settings)
    }
}

/// What plugin.toml says is needed, and nobody gave.
fn missing(manifest: &Manifest, settings: &ServiceSettings) -> Vec<String> {
    let of_credentials = manifest.endpoints.iter().filter_map(|endpoint| endpoint.auth.as_ref()).flat_map(Auth::values);
    let mut missing: Vec<String> = of_credentials
        .filter(|value| match value {
            ValueRef::Secret(name) => !settings.secrets.contains_key(name),
            ValueRef::Config(_) => false,
        })
        .map(|value| match value {
            ValueRef::Secret(name) | ValueRef::Config(name) => format!("secret {name:?}"),
        })
        .collect();
    let required = manifest.config.iter().filter(|value| value.required && !settings.config.contains_key(&value.name));
    missing.extend(required.map(|value| format!("config {:?}", value.name)));
    missing.sort();
    missing.dedup();
    missing
}

/// Takes the folder of a plugin's trials for this process.
fn take(data_dir: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let file =
        File::create(data_dir.join("running")).with_context(|| format!("cannot write to {}", data_dir.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("`iap plugin run` is running for this plugin already; stop it first"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", data_dir.display())),
    }
}

/// A host for one service. Compiled code stays in the folder; all else is new.
fn config(
    component: &Component,
    data_dir: PathBuf,
    settings: ServiceSettings,
    listen: SocketAddr,
) -> anyhow::Result<Config> {
    for name in ["iap.db", "iap.db-wal", "iap.db-shm"] {
        remove(&data_dir.join(name))?;
    }
    Ok(Config {
        data_dir,
        listen,
        public_url: Some(format!("http://{listen}")),
        operator_token: Some(format!("iap_op_{}", random_hex::<16>())),
        egress: Egress { allow: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()] },
        plugins: vec![component.path.clone()],
        services: [(component.manifest.service.name.clone(), settings)].into(),
        dev: true,
        ..Config::default()
    })
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn say(url: &str, tryout: &Tryout, component: &Component, missing: &[String], as_json: bool) {
    let service = &component.manifest.service;
    let json = json!({
        "ok": true, "url": format!("{url}/try"), "host": url, "account": tryout.account, "token": tryout.token,
        "service": service.name, "version": service.version.to_string(), "missing": missing,
    });
    let mut text = format!("Serving {} {}: try it at {url}/try (Ctrl-C stops it)", service.name, service.version);
    if !missing.is_empty() {
        text.push_str(&format!("\nNot set: {}; give them with --secret or --config", missing.join(", ")));
    }
    Told::well(json, text).tell(as_json);
}
