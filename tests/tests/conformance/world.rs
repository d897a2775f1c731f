//! A ledger on one of the engines, with a clock that stands still until it is told.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, GrantId, HoldId},
    ledger::{Authorize, Breakage, Command, GrantKind, NewGrant, Share},
    money::Currency,
    time::Clock,
};
use iap_store::{
    Location, Post, PostError, Posted, Statement, Store,
    ledger::verify::{Options, Report, verify},
};
use iap_tests::cluster;

/// A clock of a test.
#[derive(Debug, Default)]
pub struct At(pub AtomicI64);

impl Clock for At {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

/// An open ledger with accounts 1 to 4: the first three of one service, the fourth of another.
pub struct World {
    pub location: Location,
    pub clock: Arc<At>,
    pub store: Store,
    // Removed with it.
    _folder: tempfile::TempDir,
}

pub const ACCOUNT: AccountId = AccountId(1);

/// Opens a database as a host that starts does.
pub async fn open(location: &Location, clock: &Arc<At>) -> Store {
    match location {
        Location::File(path) => Store::open(path, clock.clone()).expect("it opens"),
        Location::Url(url) => Store::connect(url, clock.clone()).await.expect("it opens"),
    }
}

impl World {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let location = Location::File(folder.path().join("iap.db"));
        Self::at(location, folder).await
    }

    /// In a file of which the test takes care.
    pub async fn in_file(path: PathBuf) -> Self {
        Self::at(Location::File(path), tempfile::tempdir().expect("a temporary folder")).await
    }

    pub async fn postgres() -> Self {
        Self::on(cluster::shared()).await
    }

    pub async fn on(cluster: &cluster::Cluster) -> Self {
        Self::at(Location::Url(cluster.fresh_database()), tempfile::tempdir().expect("a temporary folder")).await
    }

    async fn at(location: Location, folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(At(1_000_000.into()));
        let store = open(&location, &clock).await;
        let text = |sql| Statement::new(sql, vec![]);
        let mut rows = vec![
            text("INSERT INTO vendor (name, title, kind, created_at) VALUES ('odoo', 'Odoo', 'first_party', 0)"),
            text(
                "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 'sms', 'SMS', 'odoo', 'plugin', 'credit', 0)",
            ),
            text(
                "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (2, 'mail', 'Mail', 'odoo', 'plugin', 'credit', 0)",
            ),
        ];
        for (account, service) in [(1i64, 1i64), (2, 1), (3, 1), (4, 2)] {
            let mac = format!("m{account}");
            rows.push(Statement::new(
                "INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (?1, ?2, ?3, 's', 0)",
                vec![account.into(), service.into(), mac.into()],
            ));
            rows.push(Statement::new("INSERT INTO balance (account_id) VALUES (?1)", vec![account.into()]));
        }
        store.write(rows).await.expect("an empty database takes them");
        Self { location, clock, store, _folder: folder }
    }

    pub fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub async fn verify(&self) -> Report {
        verified(&self.location).await
    }

    pub async fn post(&self, account: AccountId, command: Command) -> Result<Posted, PostError> {
        self.store.post(Post::new(account, command)).await
    }

    pub async fn gift(&self, account: AccountId, credits: i64) -> GrantId {
        let id = self.store.ids().grant();
        let new = NewGrant::gift(id, Credits::whole(credits));
        self.post(account, Command::Grant(new)).await.expect("it is granted");
        id
    }

    /// A purchase of credits for cents, of which the platform has 25 %.
    pub async fn purchase(&self, account: AccountId, credits: i64, cents: i64) -> GrantId {
        let id = self.store.ids().grant();
        let new = NewGrant {
            kind: GrantKind::Purchase,
            price: Some(Money { minor: cents, currency: euro() }),
            share: Share { fee_bps: 2_500, breakage_to: Breakage::Vendor },
            ..NewGrant::gift(id, Credits::whole(credits))
        };
        self.post(account, Command::Grant(new)).await.expect("it is granted");
        id
    }

    pub async fn authorize(&self, account: AccountId, credits: i64) -> Result<HoldId, PostError> {
        authorize(&self.store, account, credits).await
    }

    pub async fn capture(&self, account: AccountId, hold: HoldId, credits: i64) -> Result<Posted, PostError> {
        self.post(account, Command::Capture { hold, amount: Credits::whole(credits), last: true }).await
    }
}

pub fn euro() -> Currency {
    Currency::try_from("EUR".to_owned()).expect("a currency")
}

pub async fn authorize(store: &Store, account: AccountId, credits: i64) -> Result<HoldId, PostError> {
    let hold = store.ids().hold();
    let ask = Authorize { hold, amount: Credits::whole(credits), ttl: 60_000, company: None };
    store.post(Post::new(account, Command::Authorize(ask))).await.map(|_| hold)
}

/// Authorizes and captures one credit.
pub async fn pair(store: &Store, account: AccountId) -> Result<HoldId, PostError> {
    let hold = authorize(store, account, 1).await?;
    store.post(Post::new(account, Command::Capture { hold, amount: Credits::whole(1), last: true })).await?;
    Ok(hold)
}

/// Verifies a whole database, which must be clean.
pub async fn verified(location: &Location) -> Report {
    let report = verify(location, Options::default(), |_, _| {}).await.expect("it can be verified");
    assert_eq!(report.differences, vec![]);
    report
}

/// More of it in the long suite.
pub fn rounds(few: usize, many: usize) -> usize {
    if std::env::var_os("IAP_LONG").is_some() { many } else { few }
}

/// Runs each test on both engines.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::world::World::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::world::World::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;
