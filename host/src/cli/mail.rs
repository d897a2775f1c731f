//! `iap mail`: the outbox of a host that serves, over its REST API.

use std::process::ExitCode;

use reqwest::Method;

use super::job::{Api, Host};

/// Look at mails of a host, and have those that were given up tried again.
#[derive(clap::Subcommand)]
pub enum Mail {
    /// List mails, the newest first.
    List {
        #[command(flatten)]
        host: Host,
        /// `waiting`, `sent`, `dead` or `all`.
        #[arg(long, default_value = "dead", value_name = "STATE")]
        state: String,
        /// Objects as the API answers them, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Have mails tried again that were given up.
    Retry {
        #[command(flatten)]
        host: Host,
        /// Their ids.
        #[arg(required = true, value_name = "MAIL")]
        mails: Vec<String>,
    },
}

#[expect(clippy::print_stdout, reason = "this is its output")]
impl Mail {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = super::runtime()?;
        match self {
            Self::List { host, state, json } => runtime.block_on(list(&host.api()?, &state, json))?,
            Self::Retry { host, mails } => {
                let api = host.api()?;
                for mail in mails {
                    runtime.block_on(api.ask(Method::POST, &format!("/v1/mails/{mail}/retry")))?;
                    println!("{mail} is tried again");
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "this is its output")]
async fn list(api: &Api, state: &str, json: bool) -> anyhow::Result<()> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", "500");
    if state != "all" {
        query.append_pair("state", state);
    }
    let query = query.finish();
    let mut cursor = String::new();
    loop {
        let page = api.ask(Method::GET, &format!("/v1/mails?{query}{cursor}")).await?;
        for mail in page["items"].as_array().into_iter().flatten() {
            let text = |name: &str| mail[name].as_str().unwrap_or("-");
            if json {
                println!("{mail}");
            } else {
                println!(
                    "{:<16} {:<8} {:<20} {:<32} {} tries  {}",
                    text("id"),
                    text("state"),
                    text("kind"),
                    // It may be no address at all.
                    text("recipient").replace(char::is_control, "?"),
                    mail["attempts"],
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
