//! `iap plugin`: writing, trying and publishing a service.

mod build;
mod check;
mod logs;
mod new;
mod publish;
mod releases;
mod run;
mod test;

use std::{path::PathBuf, process::ExitCode};

use iap_host::developer::{
    build::{Component, build},
    project::Project,
};

use super::told;

/// Write a service, try it here, and publish it.
#[derive(clap::Subcommand)]
pub enum Plugin {
    /// Write a folder with a working service to begin with.
    New(new::New),
    /// Build the component.
    Build(build::Build),
    /// Look for mistakes: manifest, prices, permissions, limits, and what the component really uses.
    Check(check::Check),
    /// Play its scripts in the real sandbox, with providers, credits and a clock that they say.
    Test(test::Test),
    /// Serve it on this machine, with play credits and a page to try it.
    Run(run::Run),
    /// Publish this release to a host.
    Publish(publish::Publish),
    /// Show the releases of a service and how they fare.
    Status(releases::Status),
    /// Set for how many percent of the accounts a release serves.
    Rollout(releases::Rollout),
    /// Take a release back: it serves only who asks for exactly it.
    Yank(releases::Yank),
    /// Open a test account on a host, with play credits.
    Try(releases::Try),
    /// Show what a service has logged.
    Logs(logs::Logs),
}

impl Plugin {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run(),
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Run(run) => run.run(),
            Self::Publish(publish) => publish.run(),
            Self::Status(status) => status.run(),
            Self::Rollout(rollout) => rollout.run(),
            Self::Yank(yank) => yank.run(),
            Self::Try(account) => account.run(),
            Self::Logs(logs) => logs.run(),
        }
    }
}

/// Which plugin is meant.
#[derive(clap::Args, Clone, Debug)]
pub struct Source {
    /// The plugin's folder [default: this one, or the nearest above with a plugin.toml].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// A component that was built by other tools, as by componentize-js; the release is added to it.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

impl Source {
    /// The folder, as it is now.
    pub fn project(&self) -> anyhow::Result<Project> {
        Project::open(self.path.as_deref())
    }

    /// The component, built if it is stale; what is done meanwhile goes to standard error.
    pub fn component(&self, project: &Project) -> anyhow::Result<Component> {
        build(project, self.component.as_deref(), &mut told::progress)
    }
}
