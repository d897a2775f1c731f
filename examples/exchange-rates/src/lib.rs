//! Exchange rates: the European Central Bank's, sent to a database on the days they change.
//!
//! [`rates`] gets them and keeps them for all subscriptions; [`subscription`] is what a database pays for; [`delivery`]
//! looks at the rates again and again, and charges what was delivered.

mod delivery;
mod rates;
mod subscription;
#[cfg(test)]
mod tests;

use iap_sdk::prelude::*;

/// The service `exchange_rates`.
pub struct ExchangeRates;

impl Service for ExchangeRates {
    fn operations() -> Operations {
        Operations::new()
            .on("subscribe", subscription::subscribe)
            .quote("subscribe", subscription::quote)
            .on("rates", subscription::rates)
            .on("unsubscribe", subscription::unsubscribe)
            .job("look", delivery::look)
    }
}

iap_sdk::register_service!(ExchangeRates);
