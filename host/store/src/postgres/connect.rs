//! Where the database is, and connections to it.

use std::{path::PathBuf, time::Duration};

use tokio_postgres::config::{Config, Host, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    errors::{Failure, classify, words},
    session::Session,
    tls::{Trust, connector},
};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After this long without an answer to what was sent, a connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Transactions of the writer.
    Writing,
    /// Queries; the server refuses writes.
    Reading,
}

/// A database on a server: cheap to clone.
#[derive(Clone)]
pub struct Target {
    config: Config,
    tls: MakeRustlsConnect,
}

impl std::fmt::Display for Target {
    /// `host:port/database`, without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let ports = self.config.get_ports();
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(folder) => write!(f, "{comma}{}:{port}", folder.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().or(self.config.get_user()).unwrap_or_default())
    }
}

impl Target {
    /// Reads `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…`: what libpq
    /// reads, but for client certificates and Kerberos. The error says what is wrong, without the password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut trust = Trust::Nothing;
        let mut required = false;
        let mut roots = None;
        let mut rest = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", "verify-ca")) => (trust, required) = (Trust::Authority, true),
                Some(("sslmode", "verify-full")) => (trust, required) = (Trust::Host, true),
                Some(("sslmode", "require")) => required = true,
                Some(("sslmode", "disable" | "prefer")) => rest.push(part.to_owned()),
                Some(("sslmode", other)) => {
                    return Err(format!(
                        "sslmode={other} is none of disable, prefer, require, verify-ca and verify-full"
                    ));
                }
                // What is used without it, too.
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", file)) => roots = Some(PathBuf::from(decoded(file))),
                _ => rest.push(part.to_owned()),
            }
        }
        if required {
            rest.push("sslmode=require".to_owned());
        }
        // As with libpq: who names an authority wants it checked.
        if required && trust == Trust::Nothing && roots.is_some() {
            trust = Trust::Authority;
        }
        let config = format!("{address}?{}", rest.join("&")).parse::<Config>();
        let mut config = config.map_err(|error| words(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        let name = config.get_application_name().unwrap_or("iap").to_owned();
        let timeout = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        let silence = config.get_tcp_user_timeout().copied().unwrap_or(SILENCE);
        config
            .application_name(name)
            .connect_timeout(timeout)
            .tcp_user_timeout(silence)
            .keepalives_idle(SILENCE)
            // A standby can neither be written to nor show what was just committed.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, tls: connector(trust, roots.as_ref())? })
    }

    /// Connects. A task of the runtime drives the connection until it ends.
    pub async fn connect(&self, purpose: Purpose) -> Result<Session, Failure> {
        let (client, connection) = self.config.connect(self.tls.clone()).await.map_err(|error| {
            if error.as_db_error().is_some() { classify(&error) } else { Failure::Lost(words(&error)) }
        })?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = %words(&error), "A connection to PostgreSQL ended");
            }
        });
        // Statements are small and prepared: compiling them takes longer than running them. And an answer that
        // was given must survive a crash, even where the server's settings are easy about that.
        let settings = match purpose {
            Purpose::Writing => {
                // Few rows are looked up by key in tables of any size: one plan serves all, and it uses the keys, whatever
                // the tables held when it was made.
                "SET jit = off; SET statement_timeout = 0; SET lock_timeout = '5s';
                 SET idle_in_transaction_session_timeout = '10s';
                 SET plan_cache_mode = force_generic_plan;
                 SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
                 SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            }
            Purpose::Reading => "SET jit = off; SET statement_timeout = '60s'; SET default_transaction_read_only = on",
        };
        client.batch_execute(settings).await.map_err(|error| classify(&error))?;
        Ok(Session::new(client))
    }
}

/// `%2F` and the like, decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn a_url_names_the_server_and_hides_the_password() {
        let target = Target::parse("postgres://iap:secret@db.example:6432/ledger").expect("it is a URL");
        assert_eq!(target.to_string(), "db.example:6432/ledger");
        assert_eq!(target.config.get_ssl_mode(), SslMode::Prefer);
        let error = Target::parse("postgres://iap:secret@db.example/ledger?colour=red").err().expect("it is refused");
        assert!(error.contains("colour") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn sslmode_is_that_of_libpq() {
        let mode = |query: &str| Target::parse(&format!("postgres://h/d?{query}")).map(|t| t.config.get_ssl_mode());
        assert_eq!(mode("sslmode=disable"), Ok(SslMode::Disable));
        assert_eq!(mode("sslmode=require"), Ok(SslMode::Require));
        assert_eq!(mode("sslmode=verify-full"), Ok(SslMode::Require));
        mode("sslmode=perhaps").expect_err("there is no such mode");
        let error = mode("sslmode=verify-ca&sslrootcert=%2Fno%2Fsuch.pem").expect_err("the file is missing");
        assert!(error.contains("/no/such.pem"), "{error}");
    }
}
