//! `iap bench`: the hot paths, measured on this machine.

mod figures;
mod http;
mod ledger;
mod sandbox;

use std::{process::ExitCode, time::Duration};

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
}

/// What to measure.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// Storage engine.
    #[arg(long, default_value = "sqlite")]
    engine: StorageEngine,
    /// Callers at once [default: 1, then 16, then 64].
    #[arg(long, value_name = "N")]
    clients: Option<usize>,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
    /// Accounts that the callers share; 1 is one hot account.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    accounts: usize,
    /// Objects with `name`, `value` and `unit`, in place of lines.
    #[arg(long)]
    json: bool,
}

/// Engines that hold the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StorageEngine {
    /// Embedded; one file.
    Sqlite,
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
        let (Self::Sandbox(options) | Self::Ledger(options) | Self::Http(options)) = &self;
        let options = options.clone();
        let mut figures = Figures::new(options.json);
        let StorageEngine::Sqlite = options.engine;
        super::runtime()?.block_on(async {
            match self {
                Self::Sandbox(_) => sandbox::measure(&options, &mut figures).await,
                Self::Ledger(_) => ledger::measure(&options, &mut figures).await,
                Self::Http(_) => http::measure(&options, &mut figures).await,
            }
        })?;
        figures.finish();
        Ok(ExitCode::SUCCESS)
    }
}
