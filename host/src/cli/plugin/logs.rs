//! `iap plugin logs`.

use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};

use super::releases::Published;
use crate::cli::told::{self, Told};

/// How often new lines are asked for.
const PAUSE: Duration = Duration::from_secs(1);

/// Show what a service has logged in the last 7 days, the newest last.
#[derive(clap::Args)]
pub struct Logs {
    #[command(flatten)]
    published: Published,
    /// Go on showing what comes, until Ctrl-C; with --json an object for each line.
    #[arg(long)]
    follow: bool,
    /// Only these and graver lines: `debug`, `info`, `warn` or `error`.
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Most lines to begin with, at most 500.
    #[arg(long, value_name = "LINES", default_value_t = 50)]
    limit: u16,
}

impl Logs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let json = self.published.json;
        let runtime = crate::cli::runtime()?;
        told::tell(json, runtime.block_on(self.show()))
    }

    async fn show(self) -> anyhow::Result<Told> {
        let service = self.published.service()?;
        let session = self.published.host.member().await?;
        let path = |after: Option<&str>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &self.limit.to_string());
            query.extend_pairs(self.level.as_deref().map(|level| ("level", level)));
            query.extend_pairs(after.map(|after| ("after", after)));
            format!("/v1/services/{service}/logs?{}", query.finish())
        };
        let mut page = session.client.get(&path(None)).await?;
        if !self.follow {
            let lines: Vec<String> = items(&page).iter().map(shown).collect();
            let text = if lines.is_empty() { "Nothing was logged".to_owned() } else { lines.join("\n") };
            return Ok(Told::well(json!({ "ok": true, "items": page["items"], "next": page["next"] }), text));
        }
        let stop = crate::cli::stop_signal();
        tokio::pin!(stop);
        loop {
            self.print(items(&page));
            let next = page["next"].as_str().map(str::to_owned);
            tokio::select! {
                () = &mut stop => return Ok(Told::well(json!({ "ok": true, "next": next }), "")),
                () = tokio::time::sleep(PAUSE) => {}
            }
            page = session.client.get(&path(next.as_deref())).await?;
            if page["next"].is_null() {
                page["next"] = json!(next);
            }
        }
    }

    #[expect(clippy::print_stdout, reason = "this is its output")]
    fn print(&self, lines: &[Value]) {
        for line in lines {
            if self.published.json {
                println!("{line}");
            } else {
                println!("{}", shown(line));
            }
        }
    }
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn shown(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or("-");
    format!("{} {:<5} {} {} {}", text("at"), text("level"), text("version"), text("call"), text("message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_release_and_call() {
        let line = json!({ "at": "T", "level": "warn", "version": "1.0.0", "call": "call_1", "message": "slow" });
        assert_eq!(shown(&line), "T warn  1.0.0 call_1 slow");
    }
}
