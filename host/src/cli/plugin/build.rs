//! `iap plugin build`.

use std::process::ExitCode;

use iap_host::developer::build::{Component, shown_size};
use serde_json::json;

use super::Source;
use crate::cli::told::{self, Told};

/// Build the component: one file with the code, plugin.toml, prices and schemas.
#[derive(clap::Args)]
pub struct Build {
    #[command(flatten)]
    source: Source,
    /// One JSON object; progress goes to standard error.
    #[arg(long)]
    json: bool,
}

impl Build {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let built = self.source.project().and_then(|project| self.source.component(&project));
        told::tell(self.json, built.map(|component| report(&component)))
    }
}

fn report(component: &Component) -> Told {
    let Component { path, bytes, digest, manifest, was_fresh, took } = component;
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let how = if *was_fresh {
        "nothing had changed".to_owned()
    } else {
        format!("built in {}.{} s", millis / 1000, millis % 1000 / 100)
    };
    let (name, version) = (&manifest.service.name, manifest.service.version.to_string());
    let json = json!({
        "ok": true, "service": name, "version": version, "component": path, "size": bytes.len(), "digest": digest,
        "fresh": was_fresh, "milliseconds": millis,
    });
    let text = format!("{}\n{name} {version}: {}, {how}\nSHA-256 {digest}", path.display(), shown_size(bytes.len()));
    Told::well(json, text)
}
