//! `iap bench`: the hot paths, measured on this machine.

mod baseline;
mod catalog;
mod figures;
mod http;
mod jobs;
mod ledger;
mod sandbox;
mod seed;
mod uploads;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::ValueEnum;

use self::figures::Figures;

/// Measure the hot paths on this machine.
#[derive(clap::Subcommand)]
pub enum Bench {
    /// A fresh sandboxed instance and one call of the smallest plugin.
    Sandbox(Options),
    /// Authorize and capture, durable (an fsync before every answer).
    Ledger(Options),
    /// A charged SMS call over HTTP, with a carrier (simulator) behind it.
    Http(Options),
    /// Queued callbacks, delivered by one host.
    Jobs(jobs::Queue),
    /// The catalog with few services, and with 200 services and 1,000 releases.
    Catalog(Options),
    /// What calls feel of uploads that are meant to do harm.
    Uploads(uploads::Uploads),
    /// Fill a database with postings: purchases, calls, refunds of many accounts.
    Seed(seed::Seed),
}

/// What to measure.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// Storage engine.
    #[arg(long, default_value = "sqlite")]
    engine: StorageEngine,
    /// PostgreSQL database to measure, for `--engine postgres`; what it holds stays.
    #[arg(long, env = "IAP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// SQLite file to measure, in place of a new one; what it holds stays.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Callers at once [default: 1, then 16, then 64; for the ledger 256 too].
    #[arg(long, value_name = "N")]
    clients: Option<usize>,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
    /// Accounts that the callers share; 1 is one hot account.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    accounts: usize,
    /// Leave out the verification of every posting after the ledger was measured.
    #[arg(long)]
    no_verify: bool,
    /// Objects with `name`, `value` and `unit`, in place of lines.
    #[arg(long)]
    json: bool,
}

/// Engines that hold the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StorageEngine {
    /// Embedded; one file.
    Sqlite,
    /// A server, given with --database-url.
    Postgres,
}

impl Options {
    fn clients(&self) -> Vec<usize> {
        self.clients.map_or_else(|| vec![1, 16, 64], |clients| vec![clients.max(1)])
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.max(1))
    }
}

impl Bench {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        super::log("warn");
        let options = match &self {
            Self::Sandbox(options) | Self::Ledger(options) | Self::Http(options) | Self::Catalog(options) => {
                options.clone()
            }
            Self::Jobs(queue) => queue.options.clone(),
            Self::Uploads(uploads) => uploads.options.clone(),
            Self::Seed(seed) => {
                super::runtime()?.block_on(seed::fill(seed))?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        let mut figures = Figures::new(options.json);
        super::runtime()?.block_on(async {
            match self {
                Self::Sandbox(_) => sandbox::measure(&options, &mut figures).await,
                Self::Ledger(_) => ledger::measure(&options, &mut figures).await,
                Self::Http(_) => http::measure(&options, &mut figures).await,
                Self::Catalog(_) => catalog::measure(&options, &mut figures).await,
                Self::Jobs(queue) => jobs::measure(&queue, &mut figures).await,
                Self::Uploads(uploads) => uploads::measure(&uploads, &mut figures).await,
                Self::Seed(_) => Ok(()),
            }
        })?;
        figures.finish();
        Ok(ExitCode::SUCCESS)
    }
}
