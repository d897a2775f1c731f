//! `iap serve`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use iap_host::{App, clock::SystemClock, server};
use tokio::net::TcpListener;

use super::Settings;

/// Serve databases.
#[derive(clap::Args)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Address to listen on [default: 127.0.0.1:8070].
    #[arg(long, env = "IAP_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Component of a further plugin to serve; may be given several times.
    #[arg(long = "plugin", value_name = "FILE")]
    plugins: Vec<PathBuf>,
    /// For developing services on this machine only: vendors, releases and logins are approved by themselves.
    #[arg(long)]
    dev: bool,
}

impl Serve {
    #[expect(clippy::print_stdout, reason = "whoever starts it reads the address")]
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log("info");
        let mut config = self.settings.load()?;
        config.listen = self.listen.unwrap_or(config.listen);
        config.plugins.extend(self.plugins);
        config.dev = self.dev;
        anyhow::ensure!(
            !config.dev || config.listen.ip().is_loopback(),
            "--dev approves whoever asks, so it listens on this machine only; {} is not: give --listen 127.0.0.1:8070, or leave out --dev",
            config.listen
        );
        if config.operator_token.is_none() {
            tracing::warn!("No operator token is set: the operator's API is closed. Set IAP_OPERATOR_TOKEN=iap_op_…");
        }
        super::runtime()?.block_on(async {
            let listener = TcpListener::bind(config.listen)
                .await
                .with_context(|| format!("cannot listen on {}", config.listen))?;
            config.listen = listener.local_addr()?;
            let app = App::start(config, Arc::new(SystemClock), |step| tracing::info!("{step}")).await?;
            // For whoever started it on port 0.
            println!("listening on http://{}", app.config.listen);
            if app.config.dev {
                eprintln!(
                    "DEVELOPMENT ONLY (--dev): vendors, releases and logins are approved by themselves. Never serve others so."
                );
                tracing::warn!("Development only: whoever reaches this host may publish on it");
            }
            tracing::info!("Serving at {}", app.public_url);
            server::serve(app, listener, super::stop_signal()).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}
