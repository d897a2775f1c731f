//! `iap plugin new`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use iap_host::developer::{login::Home, new::Blueprint, project::Project, sdk};
use serde_json::json;

use crate::cli::told::{self, Told};

/// The vendor that a host with `--dev` has.
const DEV: &str = "dev";

/// Write a folder with a working service to begin with.
#[derive(clap::Args)]
pub struct New {
    /// Name of the service, as `lead_mining`: in URLs and requests.
    #[arg(required_unless_present = "upgrade_sdk", value_name = "NAME")]
    name: Option<String>,
    /// Who publishes it [default: the vendor of your login, else `dev`].
    #[arg(long, value_name = "VENDOR")]
    vendor: Option<String>,
    /// Where to write it [default: a folder of its name, here].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only bring the SDK of an existing plugin up to date with this program.
    #[arg(long, conflicts_with_all = ["name", "vendor"])]
    upgrade_sdk: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl New {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let done = match &self.name {
            Some(name) if !self.upgrade_sdk => self.make(name),
            _ => self.upgrade(),
        };
        told::tell(self.json, done)
    }

    fn make(&self, name: &str) -> anyhow::Result<Told> {
        let vendor = self.vendor.clone().or_else(logged_in).unwrap_or_else(|| DEV.to_owned());
        let plan = Blueprint::new(name, &vendor)?;
        let folder = self.dir.clone().unwrap_or_else(|| PathBuf::from(name));
        plan.write(&folder)?;
        let shown = folder.display();
        let whose = if vendor == DEV {
            "\nIts vendor is `dev`, whom a host with `iap serve --dev` knows. For another host, sign up (`iap vendor sign-up`) and \
             set `vendor` in plugin.toml.\n"
        } else {
            ""
        };
        let text = format!(
            "Wrote {shown}: a service that greets people, for a credit a greeting.\n\n  \
             cd {shown}\n  \
             iap plugin build      # compiles it\n  \
             iap plugin test       # tests/*.toml, in the real sandbox\n  \
             iap plugin run        # serves it here, with credits and a page to try it\n  \
             iap plugin publish    # to a host\n\n\
             Then change src/lib.rs and plugin.toml; `iap plugin check` explains mistakes.\n{whose}"
        );
        let files: Vec<_> = plan.paths().collect();
        let json = json!({
            "ok": true, "name": name, "vendor": vendor, "folder": absolute(&folder)?, "files": files, "sdk": sdk::version(),
        });
        Ok(Told::well(json, text))
    }

    fn upgrade(&self) -> anyhow::Result<Told> {
        let folder = Project::open(self.dir.as_deref())?.folder;
        let told = sdk::refresh(&folder)?;
        let text = told.clone().unwrap_or_else(|| match sdk::state(&folder) {
            sdk::State::Foreign => {
                format!(
                    "Nothing done: this plugin has its SDK from elsewhere than {}, or one without its version",
                    sdk::FOLDER
                )
            }
            _ => format!("The SDK is up to date: {}", sdk::version()),
        });
        let json =
            json!({ "ok": true, "folder": folder, "changed": told.is_some(), "sdk": sdk::version(), "message": text });
        Ok(Told::well(json, text))
    }
}

fn absolute(folder: &Path) -> anyhow::Result<PathBuf> {
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// The vendor of this developer, if it is but one.
fn logged_in() -> Option<String> {
    let logins = Home::find().ok()?.logins().ok()?;
    let mut vendors: Vec<_> = logins.into_values().map(|login| login.vendor).collect();
    vendors.sort();
    vendors.dedup();
    match &vendors[..] {
        [only] => Some(only.clone()),
        _ => None,
    }
}
