//! `iap receipt`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use iap_host::receipts::check;

/// Check a receipt.
#[derive(clap::Subcommand)]
pub enum Receipt {
    /// Check a receipt without its host; exits with 1 and says what is wrong with it, if anything.
    Verify {
        /// The receipt, as `GET /v1/calls/{id}/receipt` answered it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Public key of the host, or a file with it.
        #[arg(long, value_name = "KEY")]
        public_key: Option<String>,
    },
}

impl Receipt {
    #[expect(clippy::print_stdout, reason = "this is its output")]
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Verify { file, public_key } = self;
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read the receipt {}", file.display()))?;
        // The key that a receipt names itself proves nothing.
        let given = public_key.context(
            "give the host's public key with --public-key, from a source that you trust; GET /v1/keys of the host tells it",
        )?;
        match check(&text, &read_key(&given)?) {
            Ok(receipt) => {
                let (call, account, service) = (receipt.call, receipt.account, &receipt.service);
                println!(
                    "right: {call} of {account} took {} credits of {service} for {} at {}, signed by {}",
                    receipt.credits, receipt.operation, receipt.at, receipt.host
                );
                if receipt.refunded.is_positive() {
                    println!("{} of them were given back since", receipt.refunded);
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(wrong) => {
                println!("WRONG  {wrong}");
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Reads a public key: in hexadecimal, or a file with it (or with what `GET /v1/keys` answers).
pub fn read_key(given: &str) -> anyhow::Result<[u8; 32]> {
    let text = if Path::new(given).exists() {
        std::fs::read_to_string(given).with_context(|| format!("cannot read the public key {given}"))?
    } else {
        given.to_owned()
    };
    let answered = serde_json::from_str::<serde_json::Value>(&text).ok();
    let key = answered.as_ref().and_then(|answer| answer["ed25519"].as_str()).unwrap_or(text.trim());
    let bytes = hex::decode(key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.with_context(|| {
        format!("{given:?} is neither a public key (64 hexadecimal digits) nor a file with one; GET /v1/keys of the host tells it")
    })
}
