//! Posts to the database of an account: only to an origin that the database
//! itself gave; retried with back-off; committed like a job.
//!
//! Codes of errors: `no-hold`, `not-granted`, `unknown-account`,
//! `origin-refused`, `bad-url`, `too-large`, `too-many-callbacks`.

use serde::Serialize;

use crate::{imports, json};

pub use crate::Error;

/// A post to a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The account whose database is called: of this call, or one met before.
    pub account_ref: String,
    /// Absolute URL.
    pub url: String,
    /// MIME type of the body.
    pub content_type: String,
    /// As it is sent.
    pub body: Vec<u8>,
    /// Callbacks of an account with the same `order` are delivered one after another.
    pub order: Option<String>,
    /// Named options.
    pub options: Vec<(String, String)>,
}

impl Message {
    /// A JSON message.
    ///
    /// # Panics
    ///
    /// If the value cannot be JSON, as a map whose keys are not strings.
    pub fn json<T: Serialize + ?Sized>(account_ref: impl Into<String>, url: impl Into<String>, value: &T) -> Self {
        Self {
            account_ref: account_ref.into(),
            url: url.into(),
            content_type: "application/json".into(),
            body: json::write(value),
            order: None,
            options: Vec::new(),
        }
    }

    /// Counts a JSON-RPC answer with an `error` member as a failure too.
    pub fn expect_json_rpc(mut self) -> Self {
        self.options.push(("success".into(), "json-rpc".into()));
        self
    }

    /// Delivers it after earlier callbacks of the account with the same `order`.
    pub fn order(mut self, order: impl Into<String>) -> Self {
        self.order = Some(order.into());
        self
    }
}

/// Posts a message. Answers the callback's id.
///
/// # Errors
///
/// See the module.
pub fn post(message: Message) -> Result<String, Error> {
    imports::callback_post(message)
}
