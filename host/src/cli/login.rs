//! `iap login` and `iap logout`.

use std::process::ExitCode;

use anyhow::Context as _;
use iap_host::developer::{
    client::{self, Client},
    device,
    login::{Home, Login as Known},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    session::{Host, USUAL_SCOPES},
    told::{self, Told},
};

/// Log in at a host, as a member of a vendor: you confirm a code on a page of the host.
#[derive(clap::Args)]
pub struct Login {
    #[command(flatten)]
    host: Host,
    /// What the token may be used for: `read`, `publish`, `settings`, `finance`, `admin`; several times for several
    /// [default: all but finance, as far as your role allows].
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// One JSON object; the address and code go to standard error.
    #[arg(long)]
    json: bool,
}

impl Login {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let json = self.json;
        let runtime = super::runtime()?;
        told::tell(json, runtime.block_on(self.login()))
    }

    async fn login(self) -> anyhow::Result<Told> {
        let home = Home::find()?;
        let client = self.host.open()?;
        let scopes = match self.scopes {
            scopes if scopes.is_empty() => USUAL_SCOPES.map(str::to_owned).to_vec(),
            scopes => scopes,
        };
        let mut waiting = device::begin(&client, &scopes).await?;
        let login = match waiting.ask(&client).await? {
            device::Said::Yes(login) => login,
            device::Said::NotYet => {
                told::progress(&format!(
                    "Open {}\nand confirm the code {} (or open {}).\nWaiting for {} minutes…",
                    waiting.page,
                    waiting.user_code,
                    waiting.page_with_code,
                    waiting.lasts.as_secs().div_ceil(60)
                ));
                waiting.wait(&client).await?
            }
        };
        let before = home.logins()?.remove(&self.host.host);
        home.change(|logins| drop(logins.insert(self.host.host.clone(), login.clone())))?;
        if let Some(before) = before {
            // What nobody has any more should open nothing; if that fails it expires.
            drop(revoke(&self.host.host, &before).await);
        }
        let Known { vendor, email, scopes, expires_at, .. } = login;
        let host = &self.host.host;
        let mut text = format!("Logged in at {host} as {email} of {vendor}\nThe token may: {}", scopes.join(", "));
        if let Some(expires_at) = &expires_at {
            text.push_str(&format!("; until {expires_at}"));
        }
        let json = json!({ "ok": true, "host": host, "vendor": vendor, "email": email, "scopes": scopes, "expires_at": expires_at });
        Ok(Told::well(json, text))
    }
}

/// Log out: the token is revoked, and forgotten here.
#[derive(clap::Args)]
pub struct Logout {
    #[command(flatten)]
    host: Host,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Logout {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let json = self.json;
        let runtime = super::runtime()?;
        told::tell(json, runtime.block_on(self.logout()))
    }

    async fn logout(self) -> anyhow::Result<Told> {
        let home = Home::find()?;
        let host = self.host.host;
        let Some(login) = home.logins()?.remove(&host) else {
            let json = json!({ "ok": true, "host": host, "was_logged_in": false });
            return Ok(Told::well(json, format!("You are not logged in at {host}")));
        };
        let revoked = revoke(&host, &login).await;
        home.change(|logins| drop(logins.remove(&host)))?;
        let text = match &revoked {
            Ok(()) => format!("Logged out at {host}"),
            Err(error) => format!(
                "Forgot the login at {host}, but could not revoke its token ({error}); it works until it expires: revoke it on \
                 the host's pages"
            ),
        };
        Ok(Told::well(json!({ "ok": true, "host": host, "was_logged_in": true, "revoked": revoked.is_ok() }), text))
    }
}

/// Revokes the token of a login. A host lists tokens without what opens them: it is this member's that ends at its moment.
async fn revoke(host: &str, login: &Known) -> anyhow::Result<()> {
    let client = Client::new(host, Some(login.token.clone()))?;
    let tokens = match client.get("/v1/tokens").await {
        Ok(tokens) => tokens,
        // It opens nothing already.
        Err(error) if client::code(&error) == Some("unauthenticated") => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_it = |token: &&Value| {
        token["email"].as_str() == Some(login.email.as_str())
            && token["expires_at"].as_str() == login.expires_at.as_deref()
    };
    let found = tokens["items"].as_array().into_iter().flatten().find(is_it);
    let id = found.and_then(|token| token["id"].as_str()).context("the host does not list it")?;
    client.send(Method::DELETE, &format!("/v1/tokens/{id}"), None).await.map(drop)
}
