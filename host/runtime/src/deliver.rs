//! Callbacks: what the host itself posts to databases goes out the same guarded way as plugins' requests.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use url::Url;

use crate::{
    Engine,
    egress::{Meter, Prepared},
    secrets::Needles,
};

/// A database's answer to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// HTTP status.
    pub status: u16,
    /// Body, at most 4 MiB.
    pub body: Vec<u8>,
}

/// Why a callback has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Undelivered {
    /// Codes of `http.error`, such as `private-address` or `unreachable`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

impl Engine {
    /// Posts to a database: no redirects, and private addresses only where the operator allows them.
    pub async fn deliver(
        &self,
        url: Url,
        content_type: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Delivered, Undelivered> {
        let content_type = HeaderValue::from_str(content_type).map_err(|_| Undelivered {
            code: "bad-request",
            message: "the content type has characters that a header cannot carry".to_owned(),
        })?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        let request = Prepared { url, method: Method::POST, headers, body, timeout, effects: true };
        let answer = self.egress.send(request, Arc::new(Needles::default()), Arc::new(Meter::default())).await;
        match answer {
            Ok(response) => Ok(Delivered { status: response.status, body: response.body }),
            Err(error) => Err(Undelivered { code: error.code, message: error.message }),
        }
    }
}
