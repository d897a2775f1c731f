//! Mails: put into the outbox by the commit that causes them, sent from there.
//!
//! ```text
//! Outbox::put ──► row `waiting` (a rider: it is there if, and only if, what it tells of happened)
//!                     │ claimed for a while by one host; another takes over when the while is over
//!                     ├─► sent: the server has taken it
//!                     ├─► waiting again, later: no answer, or "try later"
//!                     └─► dead: refused for good, or tried too often; waits for the operator
//! ```
//!
//! So a mail is sent at least once. A repeat has the same `Message-ID` and `Date`, by which mail programs know it.

mod message;
mod runner;
pub mod texts;
mod transport;
mod upkeep;

use iap_store::{
    Statement, Store,
    repositories::{MailRow, NewMail},
};

pub use runner::{serve, totals};
pub use texts::{self as text, Text};
pub use transport::Mailer;

use crate::app::App;

/// Where mails are put.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    store: &'a Store,
    public_url: &'a str,
}

impl<'a> Outbox<'a> {
    /// The outbox of a store, for a host that people reach at `public_url`.
    pub fn new(store: &'a Store, public_url: &'a str) -> Self {
        Self { store, public_url }
    }

    /// Its store.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The link with which an admin sees and changes an account.
    pub fn account_link(&self, service: &str, token_sha1: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("service_name", service), ("account_token", token_sha1), ("hashed", "1")])
            .finish();
        format!("{}/iap/1/credit?{query}", self.public_url)
    }

    /// Puts a mail there. [`App::ring_for_mail`] after the commit has it sent at once, else it is within a second.
    pub fn put(&self, recipient: &str, text: &impl Text) -> Statement {
        self.put_once(recipient, text, None)
    }

    /// The same; nothing if one with this key was put there in the last 30 days.
    pub fn put_once(&self, recipient: &str, text: &impl Text, dedupe_key: Option<String>) -> Statement {
        let (subject, body) = texts::rendered(text, self.public_url);
        let new = NewMail { recipient: recipient.to_owned(), subject, body, kind: text.kind(), dedupe_key };
        self.store.mails().put(self.store.ids().mail(), &new, self.store.clock().now())
    }

    /// Puts a mail there for each of an account's addresses for warnings, a JSON list of `{"email", …}`.
    pub fn put_to_admins(&self, warning_emails: &str, text: &impl Text) -> Vec<Statement> {
        addresses(warning_emails).iter().map(|address| self.put(address, text)).collect()
    }
}

impl App {
    /// The outbox.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox::new(&self.store, &self.public_url)
    }

    /// Has waiting mails sent at once.
    pub fn ring_for_mail(&self) {
        self.mail_bell.notify_one();
    }
}

/// Addresses of a JSON list of `{"email", …}`, each once.
fn addresses(warning_emails: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Warned {
        email: String,
    }
    let warned: Vec<Warned> = serde_json::from_str(warning_emails).unwrap_or_default();
    let mut addresses: Vec<String> = warned.into_iter().map(|warned| warned.email).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// What becomes of a mail that was claimed.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The server has taken it.
    Sent,
    /// Try again later.
    Again(String),
    /// No try helps.
    Dead(String),
}

/// Tries at most, about two days.
const MOST_ATTEMPTS: i64 = 60;

/// The claim ends a while after the last moment at which a try may still go on.
const TRY: std::time::Duration = std::time::Duration::from_secs(60);
const LEASE_SECONDS: i64 = 90;

/// For the log: a mail without what it says.
fn named(mail: &MailRow) -> String {
    format!("{} {:?} to {}", mail.id, mail.kind, mail.recipient)
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn each_address_is_told_once() {
        let list =
            r#"[{"email": "b@x.example", "lang_code": "fr_BE"}, {"email": "a@x.example"}, {"email": "b@x.example"}]"#;
        assert_eq!(addresses(list), ["a@x.example", "b@x.example"]);
        assert!(addresses("[]").is_empty() && addresses("").is_empty());
    }
}
