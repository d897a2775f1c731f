//! An order, from the chosen pack to its credits.

use iap_core::{
    Credits, Money,
    hosting::Door,
    ids::OrderId,
    ledger::{Command, GrantKind, NewGrant},
    manifest::Pack,
    money::Currency,
};
use iap_store::{
    Post, PostError, StoreError,
    repositories::{AccountRow, DatabaseRow, OrderRow, OrderState, Orders},
};

use super::{
    counted,
    stripe::{NewSession, Session, Stripe, StripeError, amount_of},
    terms::terms,
};
use crate::{
    accounts::{Standing, ask, hosting_of},
    app::App,
    catalog::Service,
    secrets::Keys,
};

/// What somebody wants to buy.
#[derive(Clone, Debug)]
pub struct NewOrder<'a> {
    /// The service.
    pub service: &'a Service,
    /// Whose credits.
    pub account: &'a AccountRow,
    /// The database that asks, else the account's home.
    pub database: Option<&'a DatabaseRow>,
    /// Name of the pack.
    pub pack: &'a str,
    /// ISO 4217 code; the host's usual currency, else the pack's first, if not given.
    pub currency: Option<&'a str>,
}

/// An order that waits to be paid.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Its id.
    pub id: OrderId,
    /// Name of the pack.
    pub pack: String,
    /// Credits in it.
    pub credits: Credits,
    /// What it costs.
    pub price: Money,
    /// Stripe's payment page.
    pub url: String,
}

/// Why nothing was ordered, in the order checked.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No `[stripe]` in the settings.
    #[error("this host takes no payments yet; ask its operator to set [stripe] in iap.toml, or to grant credits")]
    NotConfigured,
    /// The hosting rule.
    #[error("{message}")]
    Refused {
        /// Code of the contract.
        code: &'static str,
        /// One sentence with the remedy.
        message: String,
    },
    /// No such pack.
    #[error("pack: {service} has no pack {pack:?}; choose one of {known}")]
    UnknownPack {
        /// Shown name of the service.
        service: String,
        /// As asked.
        pack: String,
        /// Names, quoted.
        known: String,
    },
    /// The pack has no price in it.
    #[error("currency: pack {pack:?} has no price in {currency:?}; choose one of {known}")]
    NoPrice {
        /// Name of the pack.
        pack: String,
        /// As asked.
        currency: String,
        /// Codes.
        known: String,
    },
    /// Stripe opened no session. Nothing was charged.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Orders a pack: stores the order, opens a session at Stripe, and answers where to pay.
pub async fn create(app: &App, new: NewOrder<'_>) -> Result<Ordered, OrderError> {
    let settings = app.config.stripe.as_ref().ok_or(OrderError::NotConfigured)?;
    let standing = ask(Door::Order, new.service, hosting_of(new.database, &app.config), Some(new.account));
    if let Standing::Refused { code, message } = standing {
        return Err(OrderError::Refused { code, message });
    }
    if let Some((code, message)) = new.service.status.sales_refusal(&new.service.title, app.store.clock().now()) {
        return Err(OrderError::Refused { code, message });
    }
    if new.account.test {
        let message = "this is a test account: its credits are play money, and nothing is sold for it".to_owned();
        return Err(OrderError::Refused { code: "test-account", message });
    }
    let pack = find_pack(new.service, new.pack)?;
    let price = price_of(pack, new.currency, &settings.currency)?;

    let (store, id) = (&app.store, app.store.ids().order());
    store.write(vec![Orders::create(id, new.account.id, &pack.name, pack.credits, price, store.clock().now())]).await?;
    let base = &app.public_url;
    let session = NewSession {
        order: id,
        idempotency_key: &format!("{id}-{}", return_key(&app.keys, id)),
        name: &pack.name,
        description: &format!("{} for {}", counted(pack.credits, &new.service.unit), new.service.title),
        price,
        success_url: &format!("{base}/iap/1/credit/done?order={id}&session_id={{CHECKOUT_SESSION_ID}}"),
        cancel_url: &format!("{base}/iap/1/credit/cancelled?order={id}&key={}", return_key(&app.keys, id)),
    };
    let opened = match (Stripe { client: &app.client, settings }).open_session(&session).await {
        Ok(Session { id, url: Some(url), .. }) => Ok((id, url)),
        Ok(Session { id, url: None, .. }) => Err(StripeError::Unreadable(format!("session {id} has no url"))),
        Err(error) => Err(error),
    };
    let (reference, url) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // Nobody was told where to pay, so nobody can have paid.
            store.write(vec![Orders::fail(id)]).await?;
            return Err(error.into());
        }
    };
    store.write(vec![Orders::open(id, &reference)]).await?;
    tracing::info!(order = %id, account = %new.account.id, pack = %pack.name, %price, session = %reference, "Order {id} waits for its payment");
    Ok(Ordered { id, pack: pack.name.clone(), credits: pack.credits, price, url })
}

fn find_pack<'a>(service: &'a Service, name: &str) -> Result<&'a Pack, OrderError> {
    service.packs.iter().find(|pack| pack.name == name).ok_or_else(|| OrderError::UnknownPack {
        service: service.title.clone(),
        pack: name.to_owned(),
        known: service.packs.iter().map(|pack| format!("{:?}", pack.name)).collect::<Vec<_>>().join(", "),
    })
}

fn price_of(pack: &Pack, asked: Option<&str>, usual: &str) -> Result<Money, OrderError> {
    let in_currency = |code: &str| pack.prices.iter().find(|price| price.currency.as_str() == code);
    let price = match asked {
        Some(code) => in_currency(code),
        None => in_currency(usual).or_else(|| pack.prices.first()),
    };
    price.copied().ok_or_else(|| OrderError::NoPrice {
        pack: pack.name.clone(),
        currency: asked.unwrap_or(usual).to_owned(),
        known: pack.prices.iter().map(|price| price.currency.as_str()).collect::<Vec<_>>().join(", "),
    })
}

/// Proves on the way back from Stripe that a customer is the one of an order. Ids of orders can be
/// guessed, and a customer who cancels is not given the session's.
pub fn return_key(keys: &Keys, order: OrderId) -> String {
    // No account token has a blank in it, so this is no token's hash.
    let mut key = keys.account_token(&format!("return of {order}")).mac;
    key.truncate(32);
    key
}

/// What a session did to its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was paid: its credits have just been granted.
    Granted,
    /// It was paid before.
    Before,
    /// It is not paid.
    NotPaid,
}

/// Why a paid session granted nothing.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The session names no order of this host.
    #[error("session {0} belongs to no order of this host")]
    UnknownOrder(String),
    /// Something else was paid than was ordered.
    #[error(
        "{field} of session {session} is {found}, but order {order} says {ordered}; no credits were granted. Look at the payment in Stripe and refund it or grant the credits by hand"
    )]
    Differs {
        /// Which field.
        field: &'static str,
        /// The session.
        session: String,
        /// As paid.
        found: String,
        /// The order.
        order: OrderId,
        /// As ordered.
        ordered: String,
    },
    /// The ledger or storage failed; Stripe will tell again.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Turns a paid session into credits, once: the posting carries the order's change of state, which is
/// refused if the order is paid already.
///
/// `event` names what told of it, so that the ledger's operator can find it: `evt_…` or `session:…`.
pub async fn settle(app: &App, event: &str, kind: &str, session: &Session) -> Result<Settled, SettleError> {
    let unknown = || SettleError::UnknownOrder(session.id.clone());
    let id: OrderId = session.client_reference_id.as_deref().and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
    let order = app.store.orders().get(id).await?.ok_or_else(unknown)?;
    if session.payment_status != "paid" {
        return Ok(Settled::NotPaid);
    }
    let price = check(&order, session)?;
    if order.state == OrderState::Paid {
        return Ok(Settled::Before);
    }
    let grant = app.store.ids().grant();
    let (share, expires_at) = terms(app, order.account).await?;
    let new = NewGrant {
        kind: GrantKind::Purchase,
        price: Some(price),
        share,
        expires_at,
        ..NewGrant::gift(grant, order.credits)
    };
    let (event, kind) = (event.to_owned(), kind.to_owned());
    let mut post = Post::new(order.account, Command::Grant(new))
        .with(move |posted| vec![Orders::event(&event, &kind, posted.at), Orders::paid(id, grant, posted.at)]);
    post.reason = format!("{}, {id}", order.pack);
    match app.store.post(post).await {
        Ok(_) => {
            tracing::info!(order = %id, account = %order.account, credits = %order.credits, %price, session = %session.id, "Order {id} is paid");
            Ok(Settled::Granted)
        }
        Err(PostError::Conflict(conflict)) => match app.store.orders().get(id).await? {
            // The webhook and the returning customer met here, or the event came twice at once.
            Some(OrderRow { state: OrderState::Paid, .. }) => Ok(Settled::Before),
            _ => Err(SettleError::Failed(format!("order {id} could not be marked as paid: {conflict}"))),
        },
        Err(error) => Err(SettleError::Failed(error.to_string())),
    }
}

/// What was paid must be what was ordered. Answers the price.
fn check(order: &OrderRow, session: &Session) -> Result<Money, SettleError> {
    let differs = |field, found: String, ordered: String| {
        Err(SettleError::Differs { field, session: session.id.clone(), found, order: order.id, ordered })
    };
    if let Some(reference) = order.provider_ref.as_ref().filter(|reference| **reference != session.id) {
        return differs("id", session.id.clone(), reference.clone());
    }
    let currency = Currency::try_from(order.currency.clone())
        .map_err(|error| SettleError::Failed(format!("order {}: {error}", order.id)))?;
    let paid_in = session.currency.as_deref().unwrap_or("nothing");
    if !paid_in.eq_ignore_ascii_case(currency.as_str()) {
        return differs("currency", paid_in.to_owned(), currency.as_str().to_ascii_lowercase());
    }
    let price = Money { minor: order.price, currency };
    if session.amount_total != amount_of(price) {
        let text = |amount: Option<i64>| amount.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
        return differs("amount_total", text(session.amount_total), text(amount_of(price)));
    }
    Ok(price)
}

/// Where an order stands after Stripe was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// Its credits are granted.
    Paid,
    /// Not paid yet, or nobody knows yet.
    Open,
    /// It came to nothing.
    Failed,
}

/// Asks Stripe about an order whose customer is back before the webhook arrived, and grants its credits
/// if it is paid. That Stripe does not answer is no error: the webhook will still come.
pub async fn reconcile(app: &App, order: &OrderRow) -> Result<Reconciled, SettleError> {
    match order.state {
        OrderState::Paid => return Ok(Reconciled::Paid),
        OrderState::Failed => return Ok(Reconciled::Failed),
        OrderState::Created | OrderState::Open => {}
    }
    let (Some(settings), Some(reference)) = (&app.config.stripe, &order.provider_ref) else {
        return Ok(Reconciled::Open);
    };
    let session = match (Stripe { client: &app.client, settings }).session(reference).await {
        Ok(session) => session,
        Err(error) => {
            tracing::warn!(order = %order.id, %error, "Could not ask the card processor about order {}", order.id);
            return Ok(Reconciled::Open);
        }
    };
    match settle(app, &format!("session:{reference}"), "checkout.session", &session).await? {
        Settled::Granted | Settled::Before => Ok(Reconciled::Paid),
        Settled::NotPaid if session.status.as_deref() == Some("expired") => {
            app.store.write(vec![Orders::fail(order.id)]).await?;
            Ok(Reconciled::Failed)
        }
        Settled::NotPaid => Ok(Reconciled::Open),
    }
}

#[cfg(test)]
mod tests {
    use iap_core::{Time, ids::AccountId};

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money { minor, currency: Currency::try_from(code.to_owned()).unwrap() }
    }

    fn order() -> OrderRow {
        OrderRow {
            id: OrderId(7),
            account: AccountId(1),
            pack: "Standard Pack".into(),
            credits: Credits::whole(100),
            price: 900,
            currency: "EUR".into(),
            state: OrderState::Open,
            provider_ref: Some("cs_1".into()),
            grant: None,
            created_at: Time(0),
        }
    }

    fn session() -> Session {
        Session {
            id: "cs_1".into(),
            client_reference_id: Some("order_7".into()),
            payment_status: "paid".into(),
            status: Some("complete".into()),
            amount_total: Some(900),
            currency: Some("eur".into()),
            url: None,
        }
    }

    #[test]
    fn what_was_paid_must_be_what_was_ordered() {
        assert_eq!(check(&order(), &session()).unwrap(), money(900, "EUR"));
        let refused = |session: Session| check(&order(), &session).unwrap_err().to_string();
        let remedy =
            "no credits were granted. Look at the payment in Stripe and refund it or grant the credits by hand";
        assert_eq!(
            refused(Session { amount_total: Some(90), ..session() }),
            format!("amount_total of session cs_1 is 90, but order order_7 says 900; {remedy}")
        );
        assert_eq!(
            refused(Session { amount_total: None, ..session() }),
            format!("amount_total of session cs_1 is nothing, but order order_7 says 900; {remedy}")
        );
        assert_eq!(
            refused(Session { currency: Some("usd".into()), ..session() }),
            format!("currency of session cs_1 is usd, but order order_7 says eur; {remedy}")
        );
        assert_eq!(
            refused(Session { id: "cs_2".into(), ..session() }),
            format!("id of session cs_2 is cs_2, but order order_7 says cs_1; {remedy}")
        );
    }

    #[test]
    fn the_price_is_the_one_asked_for_else_the_usual_else_the_first() {
        let pack = Pack {
            name: "Starter Pack".into(),
            credits: Credits::whole(10),
            prices: vec![money(90, "EUR"), money(100, "USD")],
        };
        assert_eq!(price_of(&pack, Some("USD"), "EUR").unwrap(), money(100, "USD"));
        assert_eq!(price_of(&pack, None, "USD").unwrap(), money(100, "USD"));
        assert_eq!(price_of(&pack, None, "CHF").unwrap(), money(90, "EUR"));
        assert_eq!(
            price_of(&pack, Some("CHF"), "EUR").unwrap_err().to_string(),
            "currency: pack \"Starter Pack\" has no price in \"CHF\"; choose one of EUR, USD"
        );
    }

    #[test]
    fn each_order_has_its_own_key_for_the_way_back() {
        let keys = Keys::derive(b"master");
        assert_eq!(return_key(&keys, OrderId(1)).len(), 32);
        assert_eq!(return_key(&keys, OrderId(1)), return_key(&keys, OrderId(1)));
        assert_ne!(return_key(&keys, OrderId(1)), return_key(&keys, OrderId(2)));
        assert_ne!(return_key(&keys, OrderId(1)), return_key(&Keys::derive(b"other"), OrderId(1)));
    }
}
