//! An accepted message and the two ways it is shown: Twilio's resource, and our admin view.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::numbers::Outcome;

/// Twilio's message statuses, as far as an outgoing text meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Given to a messaging service, which still picks a sender.
    Accepted,
    Queued,
    Sent,
    Delivered,
    /// Never left the carrier.
    Failed(DeliveryError),
    /// Left, and did not arrive.
    Undelivered(DeliveryError),
}

/// Why a message did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeliveryError {
    pub(super) code: u32,
    pub(super) message: &'static str,
}

/// Filtered on its way.
pub(super) const FILTERED: DeliveryError = DeliveryError { code: 30007, message: "Message filtered" };
/// The handset is off or out of reach.
pub(super) const UNREACHABLE: DeliveryError = DeliveryError { code: 30003, message: "Unreachable destination handset" };

impl Status {
    /// Twilio's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed(_) => "failed",
            Self::Undelivered(_) => "undelivered",
        }
    }

    /// What went wrong, if anything did.
    pub(super) fn error(self) -> Option<DeliveryError> {
        match self {
            Self::Failed(error) | Self::Undelivered(error) => Some(error),
            Self::Accepted | Self::Queued | Self::Sent | Self::Delivered => None,
        }
    }
}

/// Who a message comes from.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    From(String),
    Service(String),
}

/// One accepted message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) sid: String,
    pub(super) to: String,
    pub(super) sender: Sender,
    pub(super) body: String,
    pub(super) callback: Option<Url>,
    pub(super) outcome: Outcome,
    pub(super) status: Status,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) sent: Option<Timestamp>,
}

impl Message {
    /// The sender's number or name, when the request gave one.
    pub(super) fn from(&self) -> Option<&str> {
        match &self.sender {
            Sender::From(from) => Some(from),
            Sender::Service(_) => None,
        }
    }

    /// The messaging service, when the request gave one.
    pub(super) fn service(&self) -> Option<&str> {
        match &self.sender {
            Sender::From(_) => None,
            Sender::Service(service) => Some(service),
        }
    }

    /// Twilio's Message resource.
    pub(super) fn resource(&self, account: &str) -> Value {
        let uri = format!("/2010-04-01/Accounts/{account}/Messages/{}", self.sid);
        // A messaging service has not looked at the text yet when it accepts it, so Twilio says 0.
        let segments = if self.status == Status::Accepted { 0 } else { super::segments::segments(&self.body) };
        let error = self.status.error();
        json!({
            "sid": self.sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "to": self.to,
            "from": self.from(),
            "messaging_service_sid": self.service(),
            "body": self.body,
            "status": self.status.name(),
            "num_segments": segments.to_string(),
            "num_media": "0",
            "direction": "outbound-api",
            "price": null,
            "price_unit": "USD",
            "error_code": error.map(|error| error.code),
            "error_message": error.map(|error| error.message),
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated),
            "date_sent": self.sent.map(rfc2822),
            "uri": format!("{uri}.json"),
            "subresource_uris": { "media": format!("{uri}/Media.json") },
        })
    }

    /// The admin view: what a test wants to know about a message.
    pub(super) fn view(&self) -> Value {
        json!({
            "sid": self.sid,
            "to": self.to,
            "from": self.from(),
            "messaging_service_sid": self.service(),
            "body": self.body,
            "uuid": self.uuid(),
            "status_callback": self.callback.as_ref().map(Url::as_str),
            "status": self.status.name(),
            "received_at": self.created.to_string(),
        })
    }

    /// The caller's own name for the message, where the callback address carries one: its `uuid`
    /// query parameter, or a last path segment of 32 hex digits.
    fn uuid(&self) -> Option<String> {
        let callback = self.callback.as_ref()?;
        let query = callback.query_pairs().find(|(name, _)| name == "uuid").map(|(_, value)| value.into_owned());
        query.or_else(|| {
            let last = callback.path_segments()?.next_back()?;
            (last.len() == 32 && last.bytes().all(|b| b.is_ascii_hexdigit())).then(|| last.to_owned())
        })
    }
}

/// A date as Twilio writes them, always in GMT: `Thu, 24 Aug 2023 05:01:45 +0000`.
fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
