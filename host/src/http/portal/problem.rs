//! Why a page cannot be shown, as a page.

use std::borrow::Cow;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use iap_store::StoreError;

use super::{page::error_page, text::sentence};
use crate::{accounts::ContactError, payments::order::OrderError, vendors::VendorError};

/// A friendly error: what happened and what to do.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    text: String,
    remedy: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        title: &'static str,
        text: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, title, text: text.into(), remedy: remedy.into() }
    }

    /// The service may not be used by this database.
    pub(super) fn not_allowed(message: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Not available for this database",
            sentence(message),
            "Credits that an account already has stay intact.",
        )
    }

    /// Something on our side.
    fn ours() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong here",
            "This host could not read or store what it needed. Nothing was charged.",
            "Try again in a moment. If it stays so, tell the operator of this host.",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "A page could not be shown");
        Self::ours()
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "A page could not be shown");
        Self::ours()
    }
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Refused { message, .. } => Self::not_allowed(&message),
            ContactError::Store(error) => error.into(),
        }
    }
}

impl From<VendorError> for Problem {
    fn from(error: VendorError) -> Self {
        let status = match &error {
            VendorError::Store(error) => return error.clone().into(),
            VendorError::NotFound(_) => StatusCode::NOT_FOUND,
            VendorError::TooManyCodes | VendorError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            VendorError::LastOwner(_) | VendorError::WrongState(_) | VendorError::Repeated => StatusCode::CONFLICT,
            VendorError::SignUpClosed | VendorError::Forbidden(_) | VendorError::WrongCode => StatusCode::FORBIDDEN,
            VendorError::Invalid { .. } | VendorError::NameTaken(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, "This was not done", sentence(&error.to_string()), "Go back and try again.")
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Payments are not set up",
                "This host takes no payments yet. Nothing was ordered.",
                "Ask its operator to set up payments ([stripe] in iap.toml), or to grant credits to your account.",
            ),
            OrderError::Refused { message, .. } => Self::not_allowed(&message),
            OrderError::UnknownPack { .. } | OrderError::NoPrice { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "This pack is not for sale",
                sentence(&error.to_string()),
                "Prices may have changed since the page was opened: go back, reload it and choose again.",
            ),
            OrderError::Stripe(error) => {
                tracing::error!(%error, "The card processor opened no session");
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "The payment could not be started",
                    "The card processor did not open a payment page. Nothing was charged.",
                    "Go back and try again in a moment. If it stays so, tell the operator of this host.",
                )
            }
            OrderError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        error_page(self.status, self.title, &self.text, &self.remedy)
    }
}
