//! A letter and the two ways it is shown: the API's resource, and our admin view.

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::faults::Fate;

/// The printer's words for how far a letter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Validating,
    /// Checked, and not to be sent yet.
    Valid,
    Accepted,
    Printing,
    Sent,
    ActionRequired,
    Undeliverable,
    Cancelled,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Valid => "valid",
            Self::Accepted => "accepted",
            Self::Printing => "printing",
            Self::Sent => "sent",
            Self::ActionRequired => "action_required",
            Self::Undeliverable => "undeliverable",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it can be cancelled.
    pub(super) fn is_before_print(self) -> bool {
        matches!(self, Self::Validating | Self::Valid | Self::Accepted | Self::ActionRequired)
    }
}

/// A letter.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) idempotency_key: String,
    pub(super) document: Bytes,
    pub(super) pages: usize,
    pub(super) file_name: String,
    pub(super) address_position: String,
    pub(super) delivery_product: String,
    pub(super) print_mode: String,
    pub(super) print_spectrum: String,
    pub(super) status: Status,
    pub(super) fate: Option<Fate>,
    /// It was made without `auto_send`, and is not sent yet.
    pub(super) is_draft: bool,
    /// It stays where it is until it is told to go on.
    pub(super) is_held: bool,
    pub(super) created: Timestamp,
}

impl Letter {
    /// The API's resource.
    pub(super) fn resource(&self, organisation: &str) -> Value {
        json!({
            "id": self.id,
            "type": "letters",
            "attributes": {
                "status": self.status.name(),
                "file_original_name": self.file_name,
                "file_pages": self.pages,
                "address_position": self.address_position,
                "delivery_product": self.delivery_product,
                "print_mode": self.print_mode,
                "print_spectrum": self.print_spectrum,
                "source": "api",
                "price_currency": "EUR",
                "price_value": null,
                "created_at": self.created.to_string(),
            },
            "relationships": {
                "organisation": { "data": { "id": organisation, "type": "organisations" } },
            },
        })
    }

    /// The admin view: what a test wants to know.
    pub(super) fn view(&self) -> Value {
        json!({
            "id": self.id,
            "idempotency_key": self.idempotency_key,
            "status": self.status.name(),
            "pages": self.pages,
            "bytes": self.document.len(),
            "address_position": self.address_position,
            "delivery_product": self.delivery_product,
            "print_mode": self.print_mode,
            "print_spectrum": self.print_spectrum,
            "created_at": self.created.to_string(),
        })
    }
}
