//! Stripe's Checkout Sessions, as far as orders need them.

use iap_core::{Money, ids::OrderId};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::config::Stripe as Settings;

/// Why Stripe gave no session.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The address in the settings is none.
    #[error("[stripe] api_url {0:?} is no address; write it as \"https://api.stripe.com\"")]
    BadAddress(String),
    /// Stripe has no way to write this amount.
    #[error("{0} cannot be paid by card: Stripe takes this currency in larger steps; change the price of the pack")]
    AmountNotPayable(Money),
    /// No answer, or none in time.
    #[error("the card processor cannot be reached: {0}")]
    Unreachable(String),
    /// Stripe said no.
    #[error("the card processor refused with status {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stripe's words.
        message: String,
    },
    /// Not what Stripe's API promises.
    #[error("the card processor answered what is no checkout session: {0}")]
    Unreadable(String),
}

/// A session to open.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// The order.
    pub order: OrderId,
    /// The same for the same order of this very host: order ids begin anew in a new database.
    pub idempotency_key: &'a str,
    /// What is bought, for the customer.
    pub name: &'a str,
    /// More about it.
    pub description: &'a str,
    /// Its price.
    pub price: Money,
    /// Where the customer comes back who has paid.
    pub success_url: &'a str,
    /// Where the customer comes back who has not.
    pub cancel_url: &'a str,
}

/// A checkout session as Stripe shows it, in answers and events.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// `cs_…`
    pub id: String,
    /// The order.
    pub client_reference_id: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: String,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// In Stripe's smallest unit; see [`amount_of`].
    pub amount_total: Option<i64>,
    /// Three small letters.
    pub currency: Option<String>,
    /// The payment page, while it is open.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    message: Option<String>,
}

/// Stripe with its settings.
pub struct Stripe<'a> {
    /// Connections.
    pub client: &'a reqwest::Client,
    /// Address and key.
    pub settings: &'a Settings,
}

impl Stripe<'_> {
    /// `POST /v1/checkout/sessions`. The same order twice is the same session.
    pub async fn open_session(&self, new: &NewSession<'_>) -> Result<Session, StripeError> {
        let body = form(new)?;
        let request = self
            .client
            .post(self.address(&["v1", "checkout", "sessions"])?)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", new.idempotency_key)
            .body(body);
        self.send(request).await
    }

    /// `GET /v1/checkout/sessions/{id}`.
    pub async fn session(&self, id: &str) -> Result<Session, StripeError> {
        self.send(self.client.get(self.address(&["v1", "checkout", "sessions", id])?)).await
    }

    fn address(&self, path: &[&str]) -> Result<Url, StripeError> {
        let bad = || StripeError::BadAddress(self.settings.api_url.clone());
        let mut url = Url::parse(&self.settings.api_url).map_err(|_| bad())?;
        url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(path);
        Ok(url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Session, StripeError> {
        let unreachable = |error: reqwest::Error| StripeError::Unreachable(chain(&error.without_url()));
        let response = request.bearer_auth(&self.settings.secret_key).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let said = serde_json::from_slice::<ErrorBody>(&body).ok().and_then(|body| body.error.message);
            return Err(StripeError::Refused {
                status: status.as_u16(),
                message: said.unwrap_or_else(|| "no reason given".to_owned()),
            });
        }
        serde_json::from_slice(&body).map_err(|error| StripeError::Unreadable(error.to_string()))
    }
}

/// An error with its causes: reqwest's own text names none.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

/// The body that opens a session.
fn form(new: &NewSession<'_>) -> Result<String, StripeError> {
    let order = new.order.to_string();
    let amount = amount_of(new.price).ok_or(StripeError::AmountNotPayable(new.price))?.to_string();
    let currency = new.price.currency.as_str().to_ascii_lowercase();
    let pairs = [
        ("mode", "payment"),
        ("client_reference_id", &order),
        ("metadata[order_id]", &order),
        // A refund's event carries the metadata of the payment, not the session's.
        ("payment_intent_data[metadata][order_id]", &order),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", &currency),
        ("line_items[0][price_data][unit_amount]", &amount),
        ("line_items[0][price_data][product_data][name]", new.name),
        ("line_items[0][price_data][product_data][description]", new.description),
        ("success_url", new.success_url),
        ("cancel_url", new.cancel_url),
    ];
    Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// The amount as Stripe counts it, if it can: mostly the minor unit of ISO 4217, but for currencies
/// that lost or never used theirs, and thousandths in steps of ten.
pub fn amount_of(price: Money) -> Option<i64> {
    match (price.currency.as_str(), price.currency.digits()) {
        ("ISK" | "UGX", _) => price.minor.checked_mul(100),
        ("MGA", _) => (price.minor % 100 == 0).then_some(price.minor / 100),
        (_, 3) => (price.minor % 10 == 0).then_some(price.minor),
        _ => Some(price.minor),
    }
}

/// Where Stripe's payment pages are, for the content security policy; `None` if the settings' address
/// is none.
pub fn checkout_origin(settings: &Settings) -> Option<String> {
    let api = Url::parse(&settings.api_url).ok()?;
    if api.host_str() == Some("api.stripe.com") {
        return Some("https://checkout.stripe.com".to_owned());
    }
    Some(api.origin()).filter(url::Origin::is_tuple).map(|origin| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use iap_core::money::Currency;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money { minor, currency: Currency::try_from(code.to_owned()).unwrap() }
    }

    #[test]
    fn the_form_is_what_stripe_reads() {
        let new = NewSession {
            order: OrderId(1),
            idempotency_key: "order_1-k",
            name: "Standard Pack",
            description: "100 credits for SMS & more",
            price: money(900, "EUR"),
            success_url: "https://iap.example/iap/1/credit/done?order=order_1&session_id={CHECKOUT_SESSION_ID}",
            cancel_url: "https://iap.example/iap/1/credit/cancelled?order=order_1",
        };
        assert_eq!(
            form(&new).unwrap(),
            "mode=payment&client_reference_id=order_1&metadata%5Border_id%5D=order_1\
             &payment_intent_data%5Bmetadata%5D%5Border_id%5D=order_1&line_items%5B0%5D%5Bquantity%5D=1\
             &line_items%5B0%5D%5Bprice_data%5D%5Bcurrency%5D=eur&line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=900\
             &line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bname%5D=Standard+Pack\
             &line_items%5B0%5D%5Bprice_data%5D%5Bproduct_data%5D%5Bdescription%5D=100+credits+for+SMS+%26+more\
             &success_url=https%3A%2F%2Fiap.example%2Fiap%2F1%2Fcredit%2Fdone%3Forder%3Dorder_1%26session_id%3D%7BCHECKOUT_SESSION_ID%7D\
             &cancel_url=https%3A%2F%2Fiap.example%2Fiap%2F1%2Fcredit%2Fcancelled%3Forder%3Dorder_1"
        );
    }

    #[test]
    fn amounts_are_counted_as_stripe_counts() {
        for (minor, code, amount) in [
            (90, "EUR", Some(90)),
            (120, "JPY", Some(120)),
            (120, "ISK", Some(12_000)),
            (3000, "UGX", Some(300_000)),
            (1250, "KWD", Some(1250)),
            (1255, "KWD", None),
            (50_000, "MGA", Some(500)),
            (50_050, "MGA", None),
            (i64::MAX, "ISK", None),
        ] {
            assert_eq!(amount_of(money(minor, code)), amount, "{minor} {code}");
        }
    }

    #[test]
    fn payment_pages_are_at_stripe_or_at_its_simulator() {
        let origin = |api_url: &str| {
            let settings = Settings {
                api_url: api_url.into(),
                secret_key: String::new(),
                webhook_secret: String::new(),
                currency: "EUR".into(),
            };
            checkout_origin(&settings)
        };
        assert_eq!(origin("https://api.stripe.com").as_deref(), Some("https://checkout.stripe.com"));
        assert_eq!(origin("http://127.0.0.1:8072/").as_deref(), Some("http://127.0.0.1:8072"));
        assert_eq!(origin("data:,x"), None);
        assert_eq!(origin("nonsense"), None);
    }
}
