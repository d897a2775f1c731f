//! `iap ledger`.

use std::{process::ExitCode, time::Instant};

use iap_core::Credits;
use iap_host::app::database_path;
use iap_store::ledger::verify::verify;

use super::Settings;

/// Check the ledger.
#[derive(clap::Subcommand)]
pub enum Ledger {
    /// Recompute every balance from the postings; exits with 1 and names the first differences if any.
    ///
    /// May run beside a serving host.
    Verify {
        #[command(flatten)]
        settings: Settings,
    },
}

impl Ledger {
    #[expect(clippy::print_stdout, reason = "this is its output")]
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Verify { settings } = self;
        let path = database_path(&settings.load()?);
        anyhow::ensure!(path.exists(), "there is no database at {}; give its folder with --data-dir", path.display());
        let began = Instant::now();
        let report = verify(&path, |postings| eprintln!("{postings} postings read"))?;
        println!(
            "{} postings, {} accounts, {} grants, {} holds ({} live) in {:.1?}",
            report.postings,
            report.accounts,
            report.grants,
            report.holds,
            report.live_holds,
            began.elapsed()
        );
        for (book, micros) in &report.books {
            let credits = i64::try_from(*micros)
                .map_or_else(|_| format!("{micros} micro-credits"), |micros| Credits::from_micros(micros).to_string());
            println!("  {:<10} {credits}", book.as_str());
        }
        if report.is_clean() {
            println!("clean: every balance is what its postings make");
            return Ok(ExitCode::SUCCESS);
        }
        for difference in &report.differences {
            println!("DIFFERS  {}", difference.what);
        }
        println!("Stop the host, keep a copy of the database and restore the last backup that verifies.");
        Ok(ExitCode::FAILURE)
    }
}
