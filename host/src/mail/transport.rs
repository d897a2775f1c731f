//! To the mail server, by SMTP.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, ensure};
use iap_store::repositories::MailRow;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{Error, PoolConfig, extension::ClientId},
};
use url::Url;

use super::{Outcome, TRY, message::message};
use crate::config;

/// How long the server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Connections to the server at most.
pub(super) const CONNECTIONS: u32 = 4;

/// Sends mails through the server of the settings.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// With the settings `[mail]`; says which one cannot be used.
    pub fn new(settings: &config::Mail, public_url: &str) -> anyhow::Result<Self> {
        // An error means that the process has chosen a provider already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let from: Mailbox = settings.from.parse().with_context(|| {
            format!("[mail] from: {:?} is no address such as \"IAP <iap@example.com>\"", settings.from)
        })?;
        // Neither the URL nor its parser's words are shown: there is a password in it.
        let unusable =
            "[mail] smtp_url cannot be used; write it as smtp://user:password@server:587?tls=required, or smtps://…";
        let url = Url::parse(&settings.smtp_url).ok().context(unusable)?;
        ensure!(
            url.password().is_none() || is_encrypted(&url) || is_loopback(&url),
            "[mail] smtp_url would send the password in the clear; add ?tls=required to it, or write it as smtps://…"
        );
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.smtp_url).ok().context(unusable)?;
        let own = Url::parse(public_url).ok().and_then(|url| url.domain().map(str::to_owned));
        let builder = match own {
            Some(name) => builder.hello_name(ClientId::Domain(name)),
            None => builder,
        };
        let pool = PoolConfig::new().max_size(CONNECTIONS);
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).pool_config(pool).build(), from })
    }

    /// One try.
    pub(super) async fn send(&self, mail: &MailRow) -> Outcome {
        let message = match message(&self.from, mail) {
            Ok(message) => message,
            Err(why) => return Outcome::Dead(why),
        };
        match tokio::time::timeout(TRY, self.transport.send(message)).await {
            Ok(Ok(_)) => Outcome::Sent,
            Ok(Err(error)) if is_for_good(&error) => Outcome::Dead(said(&error)),
            Ok(Err(error)) => Outcome::Again(said(&error)),
            Err(_) => Outcome::Again("the mail server takes too long".to_owned()),
        }
    }
}

fn is_encrypted(url: &Url) -> bool {
    url.scheme() == "smtps" || url.query_pairs().any(|(name, value)| name == "tls" && value == "required")
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Whether no repeat helps. That the server does not know this host (`530`, `535`, …) is no fault of the mail.
fn is_for_good(error: &Error) -> bool {
    error.is_permanent() && !error.status().is_some_and(|code| matches!(u16::from(code), 521 | 523..=538))
}

/// What the server said, without what it repeats of the password.
fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(smtp_url: &str, from: &str) -> Result<Mailer, String> {
        let settings = config::Mail { smtp_url: smtp_url.to_owned(), from: from.to_owned() };
        Mailer::new(&settings, "https://iap.example.com").map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn settings_that_cannot_be_used_are_named_without_the_password() {
        let from = "IAP <iap@example.com>";
        for good in [
            "smtp://127.0.0.1:2525",
            "smtp://user:pass@127.0.0.1:2525",
            "smtp://user:p%40ss@mail.example.com:587?tls=required",
            "smtps://user:pass@mail.example.com",
            "smtp://mail.example.com:25",
        ] {
            assert!(mailer(good, from).is_ok(), "{good}");
        }
        for (bad, wanted) in [
            ("smtp://user:secret@mail.example.com:587", "in the clear"),
            ("smtp://user:secret@mail.example.com:587?tls=opportunistic", "in the clear"),
            ("http://user:secret@mail.example.com", "in the clear"),
            ("http://mail.example.com", "cannot be used"),
            ("secret", "cannot be used"),
        ] {
            let error = mailer(bad, from).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(error.contains(wanted) && !error.contains("secret"), "{bad}: {error}");
        }
        assert!(mailer("smtp://127.0.0.1", "nobody").err().unwrap().contains("[mail] from"));
    }
}
