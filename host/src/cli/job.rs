//! `iap job`: jobs and callbacks of a host that serves, over its REST API.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use super::Settings;

/// Look at jobs and callbacks of a host, and have those that failed for good tried again.
#[derive(clap::Subcommand)]
pub enum Job {
    /// List jobs, the newest first.
    List {
        #[command(flatten)]
        host: Host,
        /// `waiting`, `running`, `done`, `dead` or `all`.
        #[arg(long, default_value = "dead", value_name = "STATE")]
        state: String,
        /// Those of one service.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Objects as the API answers them, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Have dead jobs tried again.
    Retry {
        #[command(flatten)]
        host: Host,
        /// Their ids.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Throw dead jobs away.
    Discard {
        #[command(flatten)]
        host: Host,
        /// Their ids.
        #[arg(required = true, value_name = "JOB")]
        jobs: Vec<String>,
    },
}

/// Which host is asked. Its operator token comes from the settings.
#[derive(clap::Args, Clone, Debug)]
pub struct Host {
    #[command(flatten)]
    settings: Settings,
    /// Where the host serves [default: `public_url`, else `listen`, of the settings].
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// The REST API of a host, as its operator.
pub(super) struct Api {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Host {
    pub(super) fn api(&self) -> anyhow::Result<Api> {
        let config = self.settings.load()?;
        let url = self.url.clone().or(config.public_url).unwrap_or_else(|| format!("http://{}", config.listen));
        let token = config.operator_token.context("give the operator's token as IAP_OPERATOR_TOKEN or in iap.toml")?;
        Ok(Api { client: iap_host::payments::client()?, url: url.trim_end_matches('/').to_owned(), token })
    }
}

impl Api {
    pub(super) async fn ask(&self, method: reqwest::Method, path: &str) -> anyhow::Result<Value> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        let response = request.send().await.with_context(|| format!("{} does not answer", self.url))?;
        let status = response.status();
        let text = response.text().await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if !status.is_success() {
            bail!("{}", answer["detail"].as_str().unwrap_or(&format!("{} answered {status}", self.url)));
        }
        Ok(answer)
    }
}

#[expect(clippy::print_stdout, reason = "this is its output")]
impl Job {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = super::runtime()?;
        match self {
            Self::List { host, state, service, json } => runtime.block_on(list(&host.api()?, &state, service, json))?,
            Self::Retry { host, jobs } => {
                let api = host.api()?;
                for job in jobs {
                    runtime.block_on(api.ask(reqwest::Method::POST, &format!("/v1/jobs/{job}/retry")))?;
                    println!("{job} is tried again");
                }
            }
            Self::Discard { host, jobs } => {
                let api = host.api()?;
                for job in jobs {
                    runtime.block_on(api.ask(reqwest::Method::POST, &format!("/v1/jobs/{job}/discard")))?;
                    println!("{job} is discarded");
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "this is its output")]
async fn list(api: &Api, state: &str, service: Option<String>, json: bool) -> anyhow::Result<()> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", "500");
    if state != "all" {
        query.append_pair("state", state);
    }
    if let Some(service) = &service {
        query.append_pair("service", service);
    }
    let query = query.finish();
    let mut cursor = String::new();
    loop {
        let page = api.ask(reqwest::Method::GET, &format!("/v1/jobs?{query}{cursor}")).await?;
        for job in page["items"].as_array().into_iter().flatten() {
            let text = |name: &str| job[name].as_str().unwrap_or("-");
            if json {
                println!("{job}");
            } else {
                println!(
                    "{:<16} {:<8} {:<20} {:<16} {:<24} {} runs  {}",
                    text("id"),
                    text("state"),
                    text("service"),
                    text("account"),
                    text("name"),
                    job["attempts"],
                    text("last_error")
                );
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}
