//! Orders of packs and the card processor's events.

use iap_core::{
    Credits, Time,
    ids::{AccountId, GrantId, OrderId},
};

use crate::{Row, Statement, Store, StoreError};

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// It exists here only.
    Created,
    /// The card processor has it and waits for the customer.
    Open,
    /// It is paid and its credits are granted.
    Paid,
    /// It came to nothing.
    Failed,
}

impl OrderState {
    /// Stored and shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Created, Self::Open, Self::Paid, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }
}

/// An order.
#[derive(Clone, Debug)]
pub struct OrderRow {
    /// Its id.
    pub id: OrderId,
    /// Who buys.
    pub account: AccountId,
    /// Name of the pack.
    pub pack: String,
    /// Credits in it.
    pub credits: Credits,
    /// Price in minor units.
    pub price: i64,
    /// Currency of the price.
    pub currency: String,
    /// How far it has come.
    pub state: OrderState,
    /// The card processor's session.
    pub provider_ref: Option<String>,
    /// The credits it became.
    pub grant: Option<GrantId>,
    /// When it was made.
    pub created_at: Time,
}

/// See [`Store::orders`].
pub struct Orders<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT id, account_id, pack, credits, price, currency, state, provider_ref, grant_id, created_at FROM pack_order ", $clause)
    };
}

fn read(row: &Row) -> Result<OrderRow, StoreError> {
    Ok(OrderRow {
        id: OrderId(row.int(0)?),
        account: AccountId(row.int(1)?),
        pack: row.text(2)?,
        credits: Credits::from_micros(row.int(3)?),
        price: row.int(4)?,
        currency: row.text(5)?,
        state: row.parse(6, OrderState::from_name)?,
        provider_ref: row.opt_text(7)?,
        grant: row.opt_int(8)?.map(GrantId),
        created_at: Time(row.int(9)?),
    })
}

impl Orders<'_> {
    /// By id.
    pub async fn get(&self, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// An account's orders, newest first.
    pub async fn of_account(&self, account: AccountId, limit: i64) -> Result<Vec<OrderRow>, StoreError> {
        let params = vec![account.into(), limit.into()];
        self.0
            .read(select!("WHERE account_id = ?1 ORDER BY id DESC LIMIT ?2"), params)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Makes an order.
    pub fn create(
        id: OrderId,
        account: AccountId,
        pack: &str,
        credits: Credits,
        price: iap_core::Money,
        at: Time,
    ) -> Statement {
        Statement::new(
            "INSERT INTO pack_order (id, account_id, pack, credits, price, currency, state, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'created', ?7)",
            vec![
                id.into(),
                account.into(),
                pack.into(),
                credits.into(),
                price.minor.into(),
                price.currency.as_str().into(),
                at.into(),
            ],
        )
    }

    /// The card processor has it.
    pub fn open(id: OrderId, reference: &str) -> Statement {
        Statement::new(
            "UPDATE pack_order SET state = 'open', provider_ref = ?2 WHERE id = ?1 AND state = 'created'",
            vec![id.into(), reference.into()],
        )
        .expecting(1)
    }

    /// It came to nothing.
    pub fn fail(id: OrderId) -> Statement {
        Statement::new(
            "UPDATE pack_order SET state = 'failed' WHERE id = ?1 AND state IN ('created', 'open')",
            vec![id.into()],
        )
    }

    /// It is paid: a rider of its grant, so that both happen once or not at all.
    pub fn paid(id: OrderId, grant: GrantId, at: Time) -> Statement {
        Statement::new(
            "UPDATE pack_order SET state = 'paid', grant_id = ?2, paid_at = ?3 WHERE id = ?1 AND state IN ('created', 'open', 'failed')",
            vec![id.into(), grant.into(), at.into()],
        )
        .expecting(1)
    }

    /// Records an event. Conflicts on `payment_event.id` if it was applied before.
    pub fn event(id: &str, kind: &str, at: Time) -> Statement {
        Statement::new("INSERT INTO payment_event VALUES (?1, ?2, ?3)", vec![id.into(), kind.into(), at.into()])
    }
}
