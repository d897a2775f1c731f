//! `iap secrets`: secrets of services, and the key that seals them.

use std::{
    io::{IsTerminal as _, Read as _},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use iap_host::{
    app::{keys, location},
    clock::SystemClock,
    secrets::{Keys, sealing_key},
    settings::{Rotated, rotate},
};
use iap_store::{Location, Store};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Settings,
    session::Host,
    told::{self, Told},
};

/// Secrets of services.
#[derive(clap::Subcommand)]
pub enum Secrets {
    /// List the secrets of a service: which are declared, and which are set. What they say is never shown.
    List {
        #[command(flatten)]
        host: Host,
        /// Wire name of the service.
        service: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Set a secret of a service to what comes on standard input.
    Set {
        #[command(flatten)]
        host: Host,
        /// Wire name of the service.
        service: String,
        /// Name of the secret.
        name: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Take a secret of a service away.
    Unset {
        #[command(flatten)]
        host: Host,
        /// Wire name of the service.
        service: String,
        /// Name of the secret.
        name: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Seal all secrets anew, after `secrets_key` was set or changed in the settings.
    ///
    /// Those that the master key sealed are opened with it; give another key from before. Safe to repeat. On SQLite the host
    /// must be stopped; on PostgreSQL start the hosts again with the new key first.
    Rotate {
        #[command(flatten)]
        settings: Settings,
        /// The key from before: what `secrets_key` was or, without one, `master_key`.
        #[arg(long, env = "IAP_OLD_MASTER_KEY", hide_env_values = true, value_name = "KEY")]
        old_master_key: Option<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl Secrets {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = super::runtime()?;
        match self {
            Self::List { host, service, json } => told::tell(json, runtime.block_on(list(&host, &service))),
            Self::Set { host, service, name, json } => told::tell(json, runtime.block_on(set(&host, &service, &name))),
            Self::Unset { host, service, name, json } => {
                told::tell(json, runtime.block_on(unset(&host, &service, &name)))
            }
            Self::Rotate { settings, old_master_key, json } => {
                told::tell(json, runtime.block_on(rotated(&settings, old_master_key.as_deref())))
            }
        }
    }
}

async fn list(host: &Host, service: &str) -> anyhow::Result<Told> {
    let answer = host.member().await?.client.get(&format!("/v1/services/{service}/secrets")).await?;
    let line = |secret: &Value| {
        let text = |name: &str| secret[name].as_str().unwrap_or("-").to_owned();
        let unreadable = if secret["readable"] == false { "  UNREADABLE: set it again" } else { "" };
        format!("{:<32} {:<14} {:<22} {}{unreadable}\n", text("name"), text("source"), text("set_at"), text("author"))
    };
    let text: String = answer["items"].as_array().into_iter().flatten().map(line).collect();
    Ok(Told::well(answer, text))
}

async fn set(host: &Host, service: &str, name: &str) -> anyhow::Result<Told> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        told::progress("Type the secret, then Ctrl-D on a line of its own:");
    }
    let mut value = String::new();
    input.read_to_string(&mut value).context("the secret must come on standard input as UTF-8")?;
    let value = value.trim_end_matches(['\r', '\n']);
    ensure!(
        !value.is_empty(),
        "there is nothing on standard input; write, for example: iap secrets set {service} {name} < FILE"
    );
    let client = host.member().await?.client;
    let path = format!("/v1/services/{service}/secrets/{name}");
    let answer = client.send(Method::PUT, &path, Some(&json!({ "value": value }))).await?;
    let text = match answer["source"].as_str() {
        Some("settings_file") => {
            format!("{name} of {service} is set, but the host's settings file says otherwise and wins")
        }
        _ => format!("{name} of {service} is set"),
    };
    Ok(Told::well(answer, text))
}

async fn unset(host: &Host, service: &str, name: &str) -> anyhow::Result<Told> {
    let client = host.member().await?.client;
    client.send(Method::DELETE, &format!("/v1/services/{service}/secrets/{name}"), None).await?;
    Ok(Told::well(json!({ "ok": true }), format!("{name} of {service} is not set any more")))
}

async fn rotated(settings: &Settings, old: Option<&str>) -> anyhow::Result<Told> {
    let config = settings.load()?;
    let location = location(&config);
    if let Location::File(path) = &location {
        ensure!(path.exists(), "there is no database at {}; give its folder with --data-dir", path.display());
    }
    let new = keys(&config)?;
    // Without `secrets_key` the master key seals: what that sealed is opened with it.
    let master = Keys::load(config.master_key.as_deref(), &config.data_dir)?;
    let given = old.map(sealing_key).transpose()?;
    let old: Vec<_> = given.iter().chain([master.sealing()]).collect();
    let store = match &location {
        Location::File(path) => Store::open(path, Arc::new(SystemClock))?,
        Location::Url(url) => Store::connect(url, Arc::new(SystemClock)).await?,
    };
    let Rotated { resealed, current, unreadable } = rotate(&store, &old, new.sealing()).await?;
    if !unreadable.is_empty() {
        bail!(
            "{resealed} secrets were sealed anew, {current} were already, but none of the keys opens these: {}. Give the key that sealed them as IAP_OLD_MASTER_KEY, or set them again",
            unreadable.join(", ")
        );
    }
    let text = format!("{resealed} secrets were sealed anew, {current} were already");
    Ok(Told::well(json!({ "resealed": resealed, "current": current }), text))
}
