//! What a database subscribes to, and what it is told meanwhile.
//!
//! Thirty days cost a credit at most: the price of [`MOST_UPDATES`] updates is set aside, and kept by the jobs that look
//! at the rates (`delivery`). They capture the updates that were delivered when the subscription is over, ended or
//! replaced; the rest goes back.

use std::collections::BTreeMap;

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    delivery::{self, Progress},
    rates::{self, Rates, is_currency},
};

const KEY: &str = "subscription";

/// How long a subscription lasts, in seconds.
const PERIOD: u32 = 30 * 24 * 3600;

/// Days with new rates that a subscription pays for; thirty days have at most 23 working days.
pub const MOST_UPDATES: u64 = 25;

const MOST_CURRENCIES: usize = 40;

/// A database's subscription; the store forgets it when it is over.
#[derive(Serialize, Deserialize)]
pub struct Subscription {
    v: u32,
    /// Tells it from those before and after it.
    pub id: String,
    currencies: Vec<String>,
    webhook: String,
    /// Unix milliseconds.
    until: u64,
}

impl Subscription {
    /// The one of the calling database, if it has one.
    ///
    /// # Errors
    ///
    /// Of the store.
    pub fn load() -> Result<Option<Self>, store::Error> {
        let found: Option<Self> = store::get_json(Scope::Database, KEY)?;
        Ok(found.filter(|subscription| clock::now_ms() < subscription.until))
    }

    /// Seconds until it is over.
    pub fn seconds_left(&self) -> u32 {
        u32::try_from(self.until.saturating_sub(clock::now_ms()) / 1_000).unwrap_or(PERIOD)
    }

    /// Sends rates to the database.
    ///
    /// # Errors
    ///
    /// Of `callback`.
    pub fn send(&self, account_ref: &str, rates: &Rates) -> Result<(), callback::Error> {
        let params = self.view(rates, &self.currencies);
        let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": params });
        let message = callback::Message::json(account_ref, &self.webhook, &body).expect_json_rpc();
        callback::post(message.order("rates")).map(drop)
    }

    /// Rates of some currencies; those that the bank no longer gives are left out.
    fn view(&self, rates: &Rates, currencies: &[String]) -> Value {
        let chosen: BTreeMap<_, _> = currencies.iter().filter_map(|name| rates.rates.get_key_value(name)).collect();
        json!({ "until": self.until / 1_000, "date": rates.date, "base": "EUR", "rates": chosen })
    }
}

/// What is subscribed to.
#[derive(Deserialize)]
pub struct Wanted {
    currencies: Vec<String>,
    webhook: String,
}

/// Updates, as the price table names them.
pub fn updates(count: u64) -> Vec<Line> {
    vec![Line::new("update", count)]
}

/// What a subscription sets aside.
///
/// # Errors
///
/// [`Failure::BadRequest`] as [`subscribe`].
pub fn quote(_call: &Call, wanted: Wanted) -> Result<Vec<Line>, Failure> {
    checked(&wanted.currencies)?;
    Ok(updates(MOST_UPDATES))
}

/// Begins a subscription, in place of the one before, and sends the first rates.
///
/// # Errors
///
/// [`Failure::BadRequest`] for a currency without rates or a webhook that is not the database's;
/// [`Failure::ProviderUnavailable`] if there are no rates. Nothing is charged then.
pub fn subscribe(call: &Call, wanted: Wanted) -> Result<Value, Failure> {
    checked(&wanted.currencies)?;
    let hold = billing::authorize(&updates(MOST_UPDATES))?;
    let rates = rates::current()?;
    known(&wanted.currencies, &rates)?;
    let subscription = Subscription {
        v: 1,
        id: random::bytes(8).iter().map(|byte| format!("{byte:02x}")).collect(),
        currencies: wanted.currencies,
        webhook: wanted.webhook,
        until: clock::now_ms().saturating_add(u64::from(PERIOD) * 1_000),
    };
    subscription.send(call.account_ref(), &rates).map_err(|error| match error.code.as_str() {
        "origin-refused" | "bad-url" => Failure::bad_request("webhook", error.message),
        _ => error.into(),
    })?;
    store::set_json(Scope::Database, KEY, &subscription, Some(PERIOD))?;
    let progress = Progress { id: subscription.id.clone(), delivered: 1, date: rates.date.clone() };
    delivery::look_again(hold, &progress, PERIOD)?;
    Ok(subscription.view(&rates, &subscription.currencies))
}

/// Which rates to tell.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    currencies: Option<Vec<String>>,
}

/// The latest rates that any subscription's job has had.
///
/// # Errors
///
/// [`Failure::Refused`] without a subscription; [`Failure::BadRequest`] for a currency without rates.
pub fn rates(_call: &Call, which: Which) -> Result<Value, Failure> {
    let subscription = Subscription::load()?.ok_or_else(nothing)?;
    let rates = rates::stored()?.ok_or_else(Failure::provider_unavailable)?;
    match which.currencies {
        Some(currencies) => {
            checked(&currencies)?;
            known(&currencies, &rates)?;
            Ok(subscription.view(&rates, &currencies))
        }
        None => Ok(subscription.view(&rates, &subscription.currencies)),
    }
}

/// Ends a subscription. Its job finds it gone at its next look, and settles.
///
/// # Errors
///
/// [`Failure::Refused`] without one.
pub fn unsubscribe(_call: &Call, _: Value) -> Result<Value, Failure> {
    Subscription::load()?.ok_or_else(nothing)?;
    store::delete(Scope::Database, KEY)?;
    Ok(json!({ "unsubscribed": true }))
}

fn nothing() -> Failure {
    Failure::refused("This database has no subscription to exchange rates: subscribe first.")
}

fn checked(currencies: &[String]) -> Result<(), Failure> {
    if currencies.is_empty() || currencies.len() > MOST_CURRENCIES {
        return Err(Failure::bad_request("currencies", format!("name 1 to {MOST_CURRENCIES} currencies")));
    }
    match currencies.iter().position(|name| !is_currency(name)) {
        Some(at) => Err(Failure::bad_request(format!("currencies[{at}]"), "is no ISO 4217 code; write one as \"USD\"")),
        None => Ok(()),
    }
}

fn known(currencies: &[String], rates: &Rates) -> Result<(), Failure> {
    match currencies.iter().enumerate().find(|(_, name)| !rates.rates.contains_key(*name)) {
        Some((at, name)) => {
            let message = format!("the European Central Bank gives no rate of {name}; leave it out");
            Err(Failure::bad_request(format!("currencies[{at}]"), message))
        }
        None => Ok(()),
    }
}
