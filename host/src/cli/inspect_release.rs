//! `iap inspect-release`: the process in which an upload is looked into. Started by the host, not by people.

use std::process::ExitCode;

use iap_host::publish::inspect;

/// Check one upload: it comes on standard input, after a line that says how much it may use.
#[derive(clap::Args)]
pub struct InspectRelease {}

impl InspectRelease {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        inspect::check()?;
        Ok(ExitCode::SUCCESS)
    }
}
