//! `iap plugin status`, `rollout`, `yank` and `try`: a published service on its host.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use iap_core::Credits;
use iap_host::developer::{client::Client, project::Project};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{
    session::Host,
    told::{self, Told},
};

/// Which service on which host.
#[derive(clap::Args, Clone, Debug)]
pub struct Published {
    #[command(flatten)]
    pub host: Host,
    /// The service [default: that of the plugin in this folder].
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The plugin's folder, where no service is named.
    #[arg(long, value_name = "DIR", conflicts_with = "service")]
    path: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

impl Published {
    /// Its name.
    pub fn service(&self) -> anyhow::Result<String> {
        match &self.service {
            Some(service) => Ok(service.clone()),
            None => Ok(Project::open(self.path.as_deref())?.sound_manifest()?.service.name),
        }
    }

    /// The version of the plugin in the folder.
    fn version(&self) -> anyhow::Result<String> {
        match &self.service {
            Some(service) => anyhow::bail!("say which version of {service} with --version VERSION"),
            None => Ok(Project::open(self.path.as_deref())?.sound_manifest()?.service.version.to_string()),
        }
    }
}

fn run(json: bool, done: impl Future<Output = anyhow::Result<Told>>) -> anyhow::Result<ExitCode> {
    told::tell(json, crate::cli::runtime()?.block_on(done))
}

/// Show the releases of a service, whom they serve and how their calls end.
#[derive(clap::Args)]
pub struct Status {
    #[command(flatten)]
    published: Published,
}

impl Status {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        run(self.published.json, async {
            let service = self.published.service()?;
            let session = self.published.host.member().await?;
            let status = session.client.get(&format!("/v1/services/{service}/status")).await?;
            Ok(Told::well(with_ok(&status), describe(&status)))
        })
    }
}

fn with_ok(answer: &Value) -> Value {
    let mut json = answer.clone();
    if let Value::Object(members) = &mut json {
        members.insert("ok".to_owned(), Value::Bool(true));
    }
    json
}

fn describe(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!("{} of {}: {}", text(&status["service"]), text(&status["vendor"]), text(&status["state"]));
    let mut add = |more: String| out.push_str(&more);
    for (name, words) in [("serving", ", version"), ("suspended", ": suspended because"), ("ends_at", ", ends at")] {
        if let Some(value) = status[name].as_str() {
            add(format!("{words} {value}"));
        }
    }
    let releases = status["releases"].as_array().map(Vec::as_slice).unwrap_or_default();
    if releases.is_empty() {
        add("\nNothing was published yet: `iap plugin publish`".to_owned());
        return out;
    }
    add(format!(
        "\n{:<12} {:<10} {:>7}  {:>12}  {:>9}  {}",
        "VERSION", "STATE", "ROLLOUT", "CALLS (24 h)", "FAILED", "SINCE"
    ));
    for release in releases {
        let (calls, failures) = (release["calls"].as_i64().unwrap_or(0), release["failures"].as_i64().unwrap_or(0));
        let since = release["decided_at"].as_str().or(release["submitted_at"].as_str()).unwrap_or_default();
        let percent = format!("{} %", release["rollout"]);
        add(format!(
            "\n{:<12} {:<10} {percent:>7}  {calls:>12}  {:>9}  {since}",
            text(&release["version"]),
            text(&release["state"]),
            share(failures, calls)
        ));
        if let Some(reason) = release["reason"].as_str().filter(|reason| !reason.is_empty()) {
            add(format!("\n             {reason}"));
        }
    }
    out
}

/// `0.5 %` of calls failed.
fn share(failures: i64, calls: i64) -> String {
    if calls <= 0 {
        return "-".to_owned();
    }
    let per_mille = failures.saturating_mul(1000) / calls;
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// Set for how many percent of the accounts a release serves.
#[derive(clap::Args)]
pub struct Rollout {
    /// Percent, 0 to 100.
    #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// The release [default: the version in plugin.toml].
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    #[command(flatten)]
    published: Published,
}

impl Rollout {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        run(self.published.json, async {
            let service = self.published.service()?;
            let version = self.version.clone().map_or_else(|| self.published.version(), Ok)?;
            let session = self.published.host.member().await?;
            let path = format!("/v1/services/{service}/releases/{version}/rollout");
            let release = session.client.send(Method::POST, &path, Some(&json!({ "percent": self.percent }))).await?;
            let text = format!("{service} {version} serves {} % of the accounts that take it", release["rollout"]);
            Ok(Told::well(with_ok(&release), text))
        })
    }
}

/// Take a release back: it goes on serving only accounts that ask for exactly it.
#[derive(clap::Args)]
pub struct Yank {
    /// The release.
    version: String,
    /// Why; it stays in the service's history.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    published: Published,
}

impl Yank {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        run(self.published.json, async {
            let service = self.published.service()?;
            let session = self.published.host.member().await?;
            let path = format!("/v1/services/{service}/releases/{}/yank", self.version);
            let release = session.client.send(Method::POST, &path, Some(&json!({ "reason": self.reason }))).await?;
            let text = format!(
                "{service} {} is taken back; the newest release before it serves instead (`iap plugin status`)",
                self.version
            );
            Ok(Told::well(with_ok(&release), text))
        })
    }
}

/// Open a test account of your own on the host, with play credits: what it spends earns nothing.
#[derive(clap::Args)]
pub struct Try {
    /// Play credits.
    #[arg(long, value_name = "CREDITS", default_value = "100")]
    credits: Credits,
    /// Call this operation with the new account.
    #[arg(requires = "input")]
    operation: Option<String>,
    /// Its input, as JSON.
    #[arg(value_name = "JSON")]
    input: Option<String>,
    #[command(flatten)]
    published: Published,
}

impl Try {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        run(self.published.json, async {
            let service = self.published.service()?;
            let session = self.published.host.member().await?;
            let path = format!("/v1/services/{service}/test-accounts");
            let account = session.client.send(Method::POST, &path, Some(&json!({ "credits": self.credits }))).await?;
            let (id, token) =
                (account["id"].as_str().unwrap_or_default(), account["account_token"].as_str().unwrap_or_default());
            let mut text = format!(
                "Opened {id}, a test account with {} play credits. Its token, shown only now: {token}\n\n\
                 curl -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n  \
                 -d '{{\"input\": …}}' {}/v1/accounts/{id}/calls/OPERATION",
                self.credits, self.published.host.host
            );
            let mut json = with_ok(&account);
            if let (Some(operation), Some(input)) = (&self.operation, &self.input) {
                let input: Value = serde_json::from_str(input).context("the input is no JSON")?;
                let client = Client::new(&self.published.host.host, Some(token.to_owned()))?;
                let path = format!("/v1/accounts/{id}/calls/{operation}");
                let answer = client.send(Method::POST, &path, Some(&json!({ "input": input }))).await?;
                text = format!(
                    "{}\n\n{} credits were charged, {} are left.\n\n{text}",
                    serde_json::to_string_pretty(&answer["output"])?,
                    answer["credits"].as_str().unwrap_or("0"),
                    answer["balance"].as_str().unwrap_or("0")
                );
                json["call"] = answer;
            }
            Ok(Told::well(json, text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_table() {
        let told = describe(&json!({
            "service": "hello", "vendor": "acme", "state": "serving", "serving": "1.0.0",
            "releases": [
                { "version": "1.1.0", "state": "stopped", "rollout": 10, "calls": 200, "failures": 31, "submitted_at": "2026-01-01T00:00:00Z", "reason": "too many calls fail" },
                { "version": "1.0.0", "state": "approved", "rollout": 100, "calls": 0, "failures": 0, "submitted_at": "2026-01-01T00:00:00Z" },
            ],
        }));
        assert!(told.starts_with("hello of acme: serving, version 1.0.0\n"), "{told}");
        for words in ["15.5 %", "10 %", "too many calls fail", "stopped", "100 %"] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(describe(&json!({ "releases": [] })).contains("iap plugin publish"));
    }
}
