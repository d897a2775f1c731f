//! Logging in without typing a password here (RFC 8628): a code is shown, somebody who is signed in says yes to it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{self, Client},
    login::Login,
};

/// How the host knows this program.
const CLIENT: &str = "iap-cli";
/// Longest time between two questions, in seconds.
const LONGEST_PAUSE: u64 = 60;

/// A login that waits for a yes.
#[derive(Clone, Debug)]
pub struct Waiting {
    device_code: String,
    /// What to type on the page.
    pub user_code: String,
    /// The page.
    pub page: String,
    /// The page with the code filled in.
    pub page_with_code: String,
    /// Until when it waits, from its start.
    pub lasts: Duration,
    pause: Duration,
}

/// What the host says of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nobody has decided yet.
    NotYet,
    /// Somebody said yes.
    Yes(Login),
}

/// Begins a login.
///
/// # Errors
///
/// The host does not answer or refuses.
pub async fn begin(client: &Client, scopes: &[String]) -> anyhow::Result<Waiting> {
    let body = json!({ "client": CLIENT, "scopes": scopes });
    let answer = client.send(Method::POST, "/v1/login/device", Some(&body)).await?;
    read(&answer).with_context(|| format!("{} answered a login with something else", client.host))
}

fn read(answer: &Value) -> Option<Waiting> {
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    let page = text("verification_uri")?;
    Some(Waiting {
        device_code: text("device_code")?,
        user_code: text("user_code")?,
        page_with_code: text("verification_uri_complete").unwrap_or_else(|| page.clone()),
        page,
        lasts: Duration::from_secs(answer["expires_in"].as_u64()?),
        pause: Duration::from_secs(answer["interval"].as_u64().unwrap_or(5).clamp(1, LONGEST_PAUSE)),
    })
}

impl Waiting {
    /// Asks once.
    ///
    /// # Errors
    ///
    /// Somebody said no, the time is up, or the host does not answer.
    pub async fn ask(&mut self, client: &Client) -> anyhow::Result<Said> {
        let body = json!({ "device_code": self.device_code });
        let error = match client.send(Method::POST, "/v1/login/token", Some(&body)).await {
            Ok(answer) => {
                let login = serde_json::from_value(answer).context("the host answered a login with something else")?;
                return Ok(Said::Yes(login));
            }
            Err(error) => error,
        };
        match client::code(&error) {
            Some("authorization-pending") => Ok(Said::NotYet),
            Some("slow-down") => {
                self.pause = (self.pause + Duration::from_secs(5)).min(Duration::from_secs(LONGEST_PAUSE));
                Ok(Said::NotYet)
            }
            Some("access-denied") => {
                bail!("the login was refused on the page; run `iap login` again if that was a mistake")
            }
            Some("expired-token") => bail!("nobody confirmed the login in time; run `iap login` again"),
            _ => Err(error),
        }
    }

    /// Goes on asking until somebody decides or the time is up, no more often than the host wishes.
    ///
    /// # Errors
    ///
    /// As [`Waiting::ask`].
    pub async fn wait(&mut self, client: &Client) -> anyhow::Result<Login> {
        let until = tokio::time::Instant::now() + self.lasts;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(self.pause).await;
            if let Said::Yes(login) = self.ask(client).await? {
                return Ok(login);
            }
        }
        bail!("nobody confirmed the login in time; run `iap login` again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_answers_is_read() {
        let waiting = read(&json!({
            "device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://h/login/device",
            "verification_uri_complete": "https://h/login/device?code=ABCD-EFGH", "expires_in": 900, "interval": 5,
        }));
        let waiting = waiting.unwrap();
        assert_eq!(
            (waiting.user_code.as_str(), waiting.lasts, waiting.pause),
            ("ABCD-EFGH", Duration::from_secs(900), Duration::from_secs(5))
        );
        assert!(waiting.page_with_code.ends_with("ABCD-EFGH"));
        assert!(read(&json!({ "device_code": "d" })).is_none());
    }
}
