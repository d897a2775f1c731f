//! A bank that publishes exchange rates as the European Central Bank does: one document, `eurofxref-daily.xml`.

mod front;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    future::Future,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    faults::{self, Gate},
    line::{self, Closing},
    sync::lock,
};

/// Where the document is, below the address that it listens on.
pub const BASE_PATH: &str = "/stats/eurofxref";

/// What is published.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// The day of the rates, as `YYYY-MM-DD`.
    date: String,
    /// What one euro is worth, by currency.
    rates: BTreeMap<String, String>,
}

impl Default for Published {
    fn default() -> Self {
        let rates = [
            ("USD", "1.1738"),
            ("JPY", "183.93"),
            ("CZK", "24.155"),
            ("DKK", "7.4697"),
            ("GBP", "0.87175"),
            ("HUF", "384.60"),
            ("PLN", "4.2210"),
            ("SEK", "10.8245"),
            ("CHF", "0.9291"),
            ("NOK", "11.7910"),
            ("AUD", "1.7528"),
            ("CAD", "1.6107"),
            ("CNY", "8.2020"),
            ("IDR", "19629.57"),
            ("INR", "105.6685"),
        ];
        let rates = rates.map(|(currency, rate)| (currency.to_owned(), rate.to_owned())).into();
        Self { date: "2026-01-02".to_owned(), rates }
    }
}

impl Published {
    fn document(&self) -> String {
        let mut cubes = String::new();
        for (currency, rate) in &self.rates {
            // Writing to a String cannot fail.
            _ = writeln!(cubes, "\t\t\t<Cube currency='{currency}' rate='{rate}'/>");
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <gesmes:Envelope xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\" xmlns=\"http://www.ecb.int/vocabulary/2002-08-01/eurofxref\">\n\
             \t<gesmes:subject>Reference rates</gesmes:subject>\n\
             \t<gesmes:Sender>\n\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>\n\
             \t<Cube>\n\t\t<Cube time='{}'>\n{cubes}\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>",
            self.date
        )
    }
}

/// Everything the handlers share.
#[derive(Clone)]
struct Bank {
    published: Arc<Mutex<Published>>,
    /// How often the document was given.
    given: Arc<Mutex<u64>>,
    gate: Gate,
}

/// Serves the bank on `listener` until `shutdown` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let (close, closing) = Closing::new();
    tracing::info!(address = %listener.local_addr()?, "The simulated bank listens");
    line::run(listener, router(closing), close, shutdown).await
}

fn router(closing: Closing) -> Router {
    let gate = Gate::new(closing, |status| status.into_response());
    let bank = Bank { published: Arc::default(), given: Arc::default(), gate: gate.clone() };
    Router::new()
        .route(&format!("{BASE_PATH}/eurofxref-daily.xml"), get(daily))
        .layer(middleware::from_fn_with_state(gate.clone(), faults::apply))
        .route("/", get(front::page))
        .route("/received", get(received))
        .route("/rates", put(publish))
        .with_state(bank)
        .route("/faults", get(faults::show).post(faults::set))
        .with_state(gate)
}

async fn daily(State(bank): State<Bank>) -> Response {
    *lock(&bank.given) += 1;
    ([(header::CONTENT_TYPE, "text/xml")], lock(&bank.published).document()).into_response()
}

/// `GET /received`: how often the document was given.
async fn received(State(bank): State<Bank>) -> Json<Value> {
    Json(json!({ "total": *lock(&bank.given) }))
}

/// `PUT /rates`: what is published from now on; currencies that are left out keep their rate.
async fn publish(State(bank): State<Bank>, Json(change): Json<Published>) -> StatusCode {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let is_date = change.date.parse::<Date>().is_ok_and(|date| date.to_string() == change.date);
    if !is_date || !change.rates.iter().all(|(currency, rate)| plain(currency) && plain(rate)) {
        return StatusCode::BAD_REQUEST;
    }
    let mut published = lock(&bank.published);
    published.date = change.date;
    published.rates.extend(change.rates);
    StatusCode::NO_CONTENT
}
