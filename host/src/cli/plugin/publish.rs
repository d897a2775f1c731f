//! `iap plugin publish`.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::bail;
use iap_host::developer::{
    build::{Component, shown_size},
    check::check,
    client::{self, Client},
    login::Home,
    signing::Key,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Source, check::report};
use crate::cli::{
    session::{Host, Session},
    told::{self, Told, progress},
};

/// Publish this release: it is built if it is stale, checked, signed with your key and uploaded.
#[derive(clap::Args)]
pub struct Publish {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    host: Host,
    /// One JSON object; progress goes to standard error.
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let json = self.json;
        let runtime = crate::cli::runtime()?;
        told::tell(json, runtime.block_on(self.publish()))
    }

    async fn publish(self) -> anyhow::Result<Told> {
        let project = self.source.project()?;
        let component = self.source.component(&project)?;
        let checked = check(&project, Some((component.path.as_path(), &component.bytes))).await;
        if 0 < checked.errors() {
            progress("Not published: the release has mistakes");
            return Ok(report(&checked));
        }
        for finding in &checked.findings {
            progress(&finding.to_string());
        }
        let session = self.host.member().await?;
        let vendor = component.manifest.service.vendor.as_str();
        if let Some(login) = session.login.as_ref().filter(|login| login.vendor != vendor) {
            bail!(
                "plugin.toml says vendor = {vendor:?}, and you are logged in at {} as a member of {:?}; change it in \
                 plugin.toml, or log in as a member of {vendor:?}: `iap login --host {}`",
                self.host.host,
                login.vendor,
                self.host.host
            );
        }
        let (key, is_new) = Key::load(&Home::find()?)?;
        if is_new {
            progress("Made a key that signs your releases; it stays on this machine (keep a copy of it safe)");
        }
        if !session.is_operator {
            register(&session, vendor, &key).await?;
        }
        let release = upload(&session.client, &component, &key).await?;
        Ok(published(&release, &self.host.host))
    }
}

/// Makes sure that the host knows the key.
async fn register(session: &Session, vendor: &str, key: &Key) -> anyhow::Result<()> {
    let path = format!("/v1/vendors/{vendor}/keys");
    let known = session.client.get(&path).await?;
    let public = key.public();
    let known = known["items"].as_array().into_iter().flatten().find(|known| known["public_key"] == public.as_str());
    match known {
        Some(known) if known["revoked_at"].is_null() => return Ok(()),
        Some(_) => bail!(
            "your signing key is revoked at {}; move the file signing-key away, and the next publish makes and registers a \
             new one",
            session.client.host
        ),
        None => {}
    }
    let body = json!({ "public_key": public, "title": title() });
    match session.client.send(Method::POST, &path, Some(&body)).await {
        Ok(_) => {
            progress(&format!("Registered your signing key for {vendor}"));
            Ok(())
        }
        Err(error) if client::code(&error) == Some("forbidden") => Err(error.context(format!(
            "your signing key is not registered for {vendor}, and you may not do that yourself; ask an owner to run\n  \
             iap vendor keys add {public} --host {}\nand publish again",
            session.client.host
        ))),
        Err(error) => Err(error),
    }
}

/// What to call the key of this machine.
fn title() -> String {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let machine = of("HOSTNAME").or_else(|| std::fs::read_to_string("/etc/hostname").ok()).unwrap_or_default();
    let words: Vec<_> = [of("USER").unwrap_or_default(), machine.trim().to_owned()]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    let shown: String = words.join(" on ").chars().filter(|c| !c.is_control()).take(60).collect();
    if shown.is_empty() { "iap plugin publish".to_owned() } else { shown }
}

async fn upload(client: &Client, component: &Component, key: &Key) -> anyhow::Result<Value> {
    let service = &component.manifest.service;
    let (name, version) = (&service.name, service.version.to_string());
    let total = component.bytes.len();
    progress(&format!("Uploading {name} {version} ({}) to {}", shown_size(total), client.host));
    let live = std::io::stderr().is_terminal();
    let headers = [("IAP-Key", key.public()), ("IAP-Signature", key.sign(name, &version, &component.digest))];
    let path = format!("/v1/services/{name}/releases");
    let sent = client.upload(&path, component.bytes.clone(), headers, move |sent| {
        if live {
            // A terminal that is gone is no reason to stop.
            drop(write!(
                std::io::stderr(),
                "\r{} %{}",
                sent * 100 / total.max(1),
                if sent == total { ", waiting for the host's report\n" } else { "" }
            ));
        }
    });
    sent.await
}

fn published(release: &Value, host: &str) -> Told {
    let text = |name: &str| release[name].as_str().unwrap_or_default();
    let (service, version, state) = (text("service"), text("version"), text("state"));
    let mut out = format!("Published {service} {version} to {host}: {state}\n");
    let mut line = |line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    let report = &release["report"];
    if let Some(before) = report["compared_with"].as_str() {
        line(format!("A {} release after {before}", report["bump"].as_str().unwrap_or("new")));
        for difference in report["differences"].as_array().into_iter().flatten() {
            let text = |name: &str| difference[name].as_str().unwrap_or_default();
            line(format!("  {}: {}", text("place"), text("message")));
        }
    }
    if let Some(imports) = report["imports"].as_array() {
        let names: Vec<_> = imports.iter().filter_map(Value::as_str).collect();
        line(format!("It may use: {}", names.join(", ")));
    }
    for warning in report["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        line(format!("warning: {warning}"));
    }
    let next = match state {
        "approved" => format!(
            "It serves {} % of the accounts.\nNext: `iap plugin try` opens a test account with play credits; `iap plugin status` \
             shows how it fares, `iap plugin rollout PERCENT` changes for how many it serves",
            release["rollout"]
        ),
        "submitted" => {
            "Next: the operator of the host looks at it and mails you; `iap plugin status` tells too".to_owned()
        }
        _ => "Next: `iap plugin status`".to_owned(),
    };
    line(next);
    let mut json = release.clone();
    if let Value::Object(members) = &mut json {
        members.insert("ok".to_owned(), Value::Bool(true));
        members.insert("host".to_owned(), json!(host));
    }
    Told::well(json, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_says_what_is_next() {
        let release = |state: &str| {
            json!({ "service": "hello", "version": "1.1.0", "state": state, "rollout": 100, "report": {
                "imports": ["billing", "log"], "warnings": ["careful"], "compared_with": "1.0.0", "bump": "minor",
                "differences": [{ "place": "plugin.toml", "message": "an operation is new", "breaks": false }] } })
        };
        let told = published(&release("approved"), "http://h");
        for words in [
            "hello 1.1.0",
            "approved",
            "minor release after 1.0.0",
            "an operation is new",
            "billing, log",
            "warning: careful",
            "100 %",
            "iap plugin try",
        ] {
            assert!(told.text.contains(words), "{words}: {}", told.text);
        }
        assert_eq!((told.json["ok"].as_bool(), told.json["host"].as_str()), (Some(true), Some("http://h")));
        assert!(published(&release("submitted"), "http://h").text.contains("operator of the host looks at it"));
    }
}
