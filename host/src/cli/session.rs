//! Which host is meant, and as whom.

use anyhow::bail;
use iap_host::developer::{
    client::{self, Client},
    device::{self, Said},
    login::{self, Home, Login, USUAL_HOST},
};

/// What is asked for where nothing is said: what a member's role does not allow is not given.
pub const USUAL_SCOPES: [&str; 4] = ["read", "publish", "settings", "admin"];

/// Which host is asked.
#[derive(clap::Args, Clone, Debug)]
pub struct Host {
    /// The host.
    #[arg(long, env = "IAP_HOST", value_name = "URL", default_value = USUAL_HOST, value_parser = login::host)]
    pub host: String,
}

/// A client that may do what its token allows.
pub struct Session {
    /// The client.
    pub client: Client,
    /// The login; none with a token of the environment.
    pub login: Option<Login>,
    /// Whether the token is an operator's.
    pub is_operator: bool,
}

impl Session {
    /// The vendor that is meant: the one named, else that of the login.
    pub fn vendor(&self, named: Option<&str>) -> anyhow::Result<String> {
        match (named, &self.login) {
            (Some(vendor), _) => Ok(vendor.to_owned()),
            (None, Some(login)) => Ok(login.vendor.clone()),
            (None, None) => bail!("say which vendor with --vendor NAME"),
        }
    }
}

impl Host {
    /// As anybody.
    pub fn open(&self) -> anyhow::Result<Client> {
        Client::new(&self.host, None)
    }

    /// As a member of a vendor: with `IAP_TOKEN`, or the login of this host. A host with `--dev` on this machine is logged
    /// in to by itself.
    pub async fn member(&self) -> anyhow::Result<Session> {
        if let Some(token) = std::env::var("IAP_TOKEN").ok().filter(|token| !token.is_empty()) {
            let is_operator = token.starts_with("iap_op_");
            return Ok(Session { client: Client::new(&self.host, Some(token))?, login: None, is_operator });
        }
        let home = Home::find()?;
        if let Some(login) = home.logins()?.remove(&self.host) {
            let client = Client::new(&self.host, Some(login.token.clone()))?;
            if !self.is_here() || is_known(&client).await? {
                return Ok(Session { client, login: Some(login), is_operator: false });
            }
        }
        let missing = format!("you are not logged in at {}; run `iap login --host {}`", self.host, self.host);
        if !self.is_here() {
            bail!("{missing}");
        }
        let scopes = USUAL_SCOPES.map(str::to_owned);
        let Some(login) = at_once(&self.open()?, &scopes).await? else { bail!("{missing}") };
        home.change(|logins| drop(logins.insert(self.host.clone(), login.clone())))?;
        super::told::progress(&format!("Logged in at {} as {} of {}", self.host, login.email, login.vendor));
        let client = Client::new(&self.host, Some(login.token.clone()))?;
        Ok(Session { client, login: Some(login), is_operator: false })
    }

    /// Whether it is on this machine: one of `--dev` may have begun anew since the login.
    fn is_here(&self) -> bool {
        let host = url::Url::parse(&self.host).ok();
        match host.as_ref().and_then(url::Url::host) {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

/// Whether the host knows the client's token.
async fn is_known(client: &Client) -> anyhow::Result<bool> {
    match client.get("/v1/tokens").await {
        Ok(_) => Ok(true),
        Err(error) if client::code(&error) == Some("unauthenticated") => Ok(false),
        Err(error) => Err(error),
    }
}

/// A login that the host confirms by itself; `None` if it wants a person.
pub async fn at_once(client: &Client, scopes: &[String]) -> anyhow::Result<Option<Login>> {
    let mut waiting = device::begin(client, scopes).await?;
    match waiting.ask(client).await? {
        Said::Yes(login) => Ok(Some(login)),
        Said::NotYet => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_here() {
        let is_here = |host: &str| Host { host: host.to_owned() }.is_here();
        assert!(is_here("http://127.0.0.1:8070") && is_here("http://localhost:8070") && is_here("http://[::1]"));
        assert!(
            !is_here("https://iap.example.com")
                && !is_here("http://localhost.evil.example")
                && !is_here("http://10.0.0.1")
        );
    }
}
