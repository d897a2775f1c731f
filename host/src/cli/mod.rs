//! Commands, one file each.

mod bench;
mod demo;
mod inspect_release;
mod job;
mod ledger;
mod login;
mod mail;
mod plugin;
mod receipt;
mod secrets;
mod serve;
mod session;
mod simulate;
mod told;
mod vendor;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use iap_host::Config;

/// IAP: an open, self-hosted platform for in-app purchases.
///
/// Databases (Odoo 13 to 19, or any program) use paid services; each runs as a sandboxed plugin and is
/// charged per call from prepaid credits. Begin with `iap demo`.
#[derive(Parser)]
#[command(name = "iap", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a host with everything it needs and tell its story over real HTTP.
    Demo(demo::Demo),
    /// Serve databases.
    Serve(serve::Serve),
    /// Write a service, try it here, and publish it.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Log in at a host, as a member of a vendor.
    Login(login::Login),
    /// Log out.
    Logout(login::Logout),
    /// Sign up as a vendor, and say who acts for it.
    #[command(subcommand)]
    Vendor(vendor::Vendor),
    /// Check the ledger.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Look at jobs and callbacks, and have dead ones tried again.
    #[command(subcommand)]
    Job(job::Job),
    /// Look at mails, and have those that were given up tried again.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Secrets of services, and the key that seals them.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Check a receipt.
    #[command(subcommand)]
    Receipt(receipt::Receipt),
    /// Play a provider of the outside world, for tests and demonstrations.
    #[command(subcommand)]
    Simulate(simulate::Simulate),
    /// Measure the hot paths on this machine.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Check one upload, for a host.
    #[command(hide = true)]
    InspectRelease(inspect_release::InspectRelease),
}

/// Where settings come from: `iap.toml` < environment `IAP_*` < flags.
#[derive(Args, Clone, Debug, Default)]
struct Settings {
    /// Settings file [default: iap.toml, if there is one].
    #[arg(long, env = "IAP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database, keys and compiled code.
    #[arg(long, env = "IAP_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Settings {
    fn load(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data_dir) = &self.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        for (name, setting) in [
            ("IAP_DATABASE_URL", &mut config.database_url),
            ("IAP_PUBLIC_URL", &mut config.public_url),
            ("IAP_OPERATOR_TOKEN", &mut config.operator_token),
            ("IAP_MASTER_KEY", &mut config.master_key),
            ("IAP_SECRETS_KEY", &mut config.secrets_key),
        ] {
            if let Ok(value) = std::env::var(name) {
                *setting = Some(value);
            }
        }
        Ok(config)
    }
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Serve(serve) => serve.run(),
        Command::Plugin(plugin) => plugin.run(),
        Command::Login(login) => login.run(),
        Command::Logout(logout) => logout.run(),
        Command::Vendor(vendor) => vendor.run(),
        Command::Ledger(ledger) => ledger.run(),
        Command::Job(job) => job.run(),
        Command::Mail(mail) => mail.run(),
        Command::Secrets(secrets) => secrets.run(),
        Command::Receipt(receipt) => receipt.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Bench(bench) => bench.run(),
        Command::InspectRelease(inspect) => inspect.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("iap: {error:#}");
        ExitCode::FAILURE
    })
}

/// The runtime of commands that serve.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Logs to standard error; `RUST_LOG` chooses what.
fn log(default: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Resolves at Ctrl-C or SIGTERM.
async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
