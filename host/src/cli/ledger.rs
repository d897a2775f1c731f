//! `iap ledger`.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use clap::ValueEnum;
use iap_core::{Credits, Money, Time, ids::AccountId, money::Currency};
use iap_host::{
    app::location,
    audit::{
        export::{self, Span},
        resume,
    },
    clock::{SystemClock, parse_rfc3339},
};
use iap_store::{
    Location, Store,
    ledger::verify::{Options, Report, verify},
};
use serde_json::json;

use super::{Settings, receipt::read_key};

/// Check the ledger.
#[derive(clap::Subcommand)]
pub enum Ledger {
    /// Recompute everything from the postings; exits with 1 and names the first differences if any.
    ///
    /// May run beside serving hosts.
    Verify {
        #[command(flatten)]
        settings: Settings,
        /// Public key of the host, or a file with it: signed heads of hash chains must be of it.
        #[arg(long, value_name = "KEY")]
        public_key: Option<String>,
        /// One JSON object in place of lines.
        #[arg(long)]
        json: bool,
    },
    /// Write all postings, with readable names, in the order of their entries.
    ///
    /// May run beside serving hosts.
    Export {
        #[command(flatten)]
        settings: Settings,
        /// One line a posting, or one transaction an entry for hledger and ledger.
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
        /// First day (UTC), as 2030-01-31 [default: the very first].
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// Last day (UTC) [default: the very last].
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
        /// File to write [default: standard output].
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Let an account post again that the self-check stopped, once it adds up.
    ///
    /// On SQLite the host must be stopped; it has what was repaired in memory.
    Resume {
        #[command(flatten)]
        settings: Settings,
        /// The account, as acc_1x8.
        #[arg(value_name = "ACCOUNT")]
        account: AccountId,
    },
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line a posting.
    Csv,
    /// One transaction an entry, for hledger and ledger.
    Journal,
}

impl Ledger {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify { settings, public_key, json } => {
                let location = existing(&settings)?;
                let public_key = public_key.as_deref().map(read_key).transpose()?;
                super::runtime()?.block_on(verified(&location, Options { public_key }, json))
            }
            Self::Export { settings, format, from, to, output } => {
                let location = existing(&settings)?;
                let from = from.as_deref().map(day).transpose()?.unwrap_or(Time(i64::MIN));
                let last = to.as_deref().map(day).transpose()?;
                let span = Span { from, before: last.map_or(Time::NEVER, |day| day.plus_seconds(86_400)) };
                super::runtime()?.block_on(exported(&location, format, span, output.as_deref()))
            }
            Self::Resume { settings, account } => {
                let location = existing(&settings)?;
                super::runtime()?.block_on(resumed(&location, account))
            }
        }
    }
}

/// The beginning of a day.
fn day(text: &str) -> anyhow::Result<Time> {
    parse_rfc3339(&format!("{text}T00:00:00Z")).with_context(|| format!("{text:?} is no day such as 2030-01-31"))
}

async fn exported(location: &Location, format: Format, span: Span, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let format = match format {
        Format::Csv => export::Format::Csv,
        Format::Journal => export::Format::Journal,
    };
    let to: Box<dyn Write + Send> = match output {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("cannot create the file {}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let to = BufWriter::with_capacity(1 << 16, to);
    let lines = export::export(location, format, span, to, |lines| eprintln!("{lines} postings written")).await?;
    eprintln!("{lines} postings written, all");
    Ok(ExitCode::SUCCESS)
}

async fn resumed(location: &Location, account: AccountId) -> anyhow::Result<ExitCode> {
    let store = match location {
        Location::File(path) => Store::open(path, Arc::new(SystemClock))?,
        Location::Url(url) => Store::connect(url, Arc::new(SystemClock)).await?,
    };
    resume(&store, account).await?;
    eprintln!("{account} adds up: posting goes on");
    Ok(ExitCode::SUCCESS)
}

/// Where the database is, which must be there.
fn existing(settings: &Settings) -> anyhow::Result<Location> {
    let location = location(&settings.load()?);
    if let Location::File(path) = &location {
        anyhow::ensure!(path.exists(), "there is no database at {}; give its folder with --data-dir", path.display());
    }
    Ok(location)
}

#[expect(clippy::print_stdout, reason = "this is its output")]
async fn verified(location: &Location, options: Options, as_json: bool) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let report = verify(location, options, |stage, rows| eprintln!("{rows} rows read by {}", stage.as_str())).await?;
    if as_json {
        println!("{}", described(&report));
    } else {
        println!(
            "{} postings, {} accounts, {} grants, {} holds ({} live), {} batches, {} signed heads in {:.1?}",
            report.postings,
            report.accounts,
            report.grants,
            report.holds,
            report.live_holds,
            report.batches,
            report.heads,
            began.elapsed()
        );
        for (book, micros) in &report.books {
            println!("  {:<20} {}", book.as_str(), credits(*micros));
        }
        for (currency, book, minor) in &report.money {
            println!("  {:<20} {} {currency}", book.as_str(), money(*minor, currency));
        }
        for key in &report.keys {
            println!("  heads are signed by {key}");
        }
        for difference in &report.differences {
            println!("DIFFERS  {}", difference.what);
        }
        if report.is_clean() {
            println!("clean: every balance is what its postings make");
        } else {
            println!("{} differences; the first {} are named above", report.found, report.differences.len());
            println!("Stop the host, keep a copy of the database and restore the last backup that verifies.");
        }
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn credits(micros: i128) -> String {
    i64::try_from(micros)
        .map_or_else(|_| format!("{micros} micro-credits"), |micros| Credits::from_micros(micros).to_string())
}

fn money(minor: i128, currency: &str) -> String {
    let amount = i64::try_from(minor).ok().zip(Currency::try_from(currency.to_owned()).ok());
    amount.map_or_else(|| format!("{minor} minor units"), |(minor, currency)| Money { minor, currency }.amount())
}

fn described(report: &Report) -> serde_json::Value {
    let books = report.books.iter().map(|(book, micros)| json!({ "book": book.as_str(), "credits": credits(*micros) }));
    let sums = report.money.iter().map(|(currency, book, minor)| {
        json!({ "book": book.as_str(), "currency": currency, "amount": money(*minor, currency) })
    });
    json!({
        "clean": report.is_clean(),
        "postings": report.postings,
        "accounts": report.accounts,
        "grants": report.grants,
        "holds": report.holds,
        "live_holds": report.live_holds,
        "batches": report.batches,
        "signed_heads": report.heads,
        "public_keys": report.keys,
        "books": books.collect::<Vec<_>>(),
        "money": sums.collect::<Vec<_>>(),
        "found": report.found,
        "differences": report.differences.iter().map(|difference| &difference.what).collect::<Vec<_>>(),
    })
}
