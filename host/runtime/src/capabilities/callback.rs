//! `callback`: posts to an account's database, delivered by the host.

use url::Url;

use crate::{
    backend::{CallbackMessage, Denied},
    bindings::callback,
    call::{CallState, host_fault},
    settings::Permission,
};

const MOST_BODY: usize = 1 << 20;
const MOST_URL: usize = 2_048;

impl From<Denied> for callback::Error {
    fn from(denied: Denied) -> Self {
        Self { code: denied.code.to_owned(), message: denied.message }
    }
}

fn error(code: &str, message: impl Into<String>) -> callback::Error {
    callback::Error { code: code.to_owned(), message: message.into() }
}

impl CallState {
    fn may_call_back(&self, message: &callback::Message) -> Result<(), callback::Error> {
        if !self.settings.permissions.callback {
            return Err(error("not-granted", "plugin.toml declares no [permissions] callback"));
        }
        if self.denied(&Permission::Callback) {
            return Err(error("not-granted", "the operator has not granted callbacks to this service"));
        }
        self.may_act().map_err(|(code, message)| error(code, message))?;
        check_url(&message.url)?;
        let header = message.content_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if message.body.len() > MOST_BODY || message.content_type.len() > 128 || !header {
            return Err(error(
                "too-large",
                format!("body: at most {MOST_BODY} bytes; content-type: 128 ASCII characters"),
            ));
        }
        // What would be the caller's own credentials is never stored with a callback or sent to a database.
        if self.settings.needles.are_in(&message.body) || self.settings.needles.are_in(message.url.as_bytes()) {
            return Err(error("bad-url", "the message contains the value of a secret"));
        }
        if self.callbacks >= self.budget.callbacks {
            return Err(error(
                "too-many-callbacks",
                format!("one call posts at most {} callbacks", self.budget.callbacks),
            ));
        }
        Ok(())
    }
}

/// Whether the origin is the database's own, the backend knows.
fn check_url(text: &str) -> Result<(), callback::Error> {
    let url = Url::parse(text).map_err(|_| error("bad-url", "url: give an absolute URL"))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if text.len() > MOST_URL || !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(error("bad-url", "url: http or https, without user, password and fragment, at most 2,048 bytes"));
    }
    Ok(())
}

impl callback::Host for CallState {
    async fn post(&mut self, message: callback::Message) -> wasmtime::Result<Result<String, callback::Error>> {
        self.enter()?;
        if let Err(error) = self.may_call_back(&message) {
            return Ok(Err(error));
        }
        self.callbacks += 1;
        let json_rpc = message.options.iter().any(|option| option.name == "success" && option.value == "json-rpc");
        let message = CallbackMessage {
            account_ref: message.account_ref,
            url: message.url,
            content_type: message.content_type,
            body: message.body,
            order: message.order,
            json_rpc,
        };
        let answer = self.backend.callback(message).await.map_err(host_fault)?;
        Ok(answer.map(|id| id.to_string()).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_goes_to_a_plain_absolute_url() {
        assert!(check_url("https://db.example.com/sms/status?x=1").is_ok());
        for url in ["", "/sms/status", "ftp://x/", "https://u:p@x/", "https://x/#a", "javascript:alert(1)"] {
            assert_eq!(check_url(url).unwrap_err().code, "bad-url", "{url}");
        }
    }
}
