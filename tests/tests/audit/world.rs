//! A small ledger in which most things have happened, on each engine, and a hand that changes rows behind its back.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, GrantId, HoldId, ServiceId},
    ledger::{Authorize, Breakage, Command, GrantKind, NewGrant, Share, VendorBalance, VendorCommand},
    money::Currency,
    time::Clock,
};
use iap_host::secrets::Keys;
use iap_store::{
    Location, Post, Posted, Statement, Store, VendorPost,
    ledger::Head,
    repositories::{Chain, NewAccount, Payouts},
};
use iap_tests::cluster;

/// 2030-01-01 and a bit.
const BEGIN: i64 = 1_893_456_000_500;

#[derive(Debug)]
pub struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where a ledger is that nobody has open.
pub struct Ledger {
    engine: Engine,
    folder: tempfile::TempDir,
    /// Of PostgreSQL.
    database: String,
    copies: AtomicI64,
}

impl Ledger {
    pub fn new(engine: Engine) -> Self {
        let url = match engine {
            Engine::Sqlite => String::new(),
            Engine::Postgres => cluster::shared().fresh_database(),
        };
        let database = url.rsplit('/').next().unwrap_or_default().to_owned();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { engine, folder, database, copies: AtomicI64::new(0) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("iap.db")
    }

    pub fn location(&self) -> Location {
        match self.engine {
            Engine::Sqlite => Location::File(self.path()),
            Engine::Postgres => Location::Url(cluster::shared().url(&self.database)),
        }
    }

    /// A copy of its own, to be tampered with.
    pub fn copy(&self) -> Self {
        let number = self.copies.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut database = String::new();
        match self.engine {
            // Not the file: the last commits may be beside it still.
            Engine::Sqlite => {
                let file = rusqlite::Connection::open(self.path()).expect("it opens");
                let copy = folder.path().join("iap.db");
                file.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).expect("it can be copied");
            }
            Engine::Postgres => {
                database = format!("{}_{number}", self.database);
                let (from, cluster) = (&self.database, cluster::shared());
                let end = format!(
                    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{from}'"
                );
                cluster.psql("postgres", &end);
                cluster.psql("postgres", &format!("CREATE DATABASE \"{database}\" TEMPLATE \"{from}\""));
            }
        }
        Self { engine: self.engine, folder, database, copies: AtomicI64::new(0) }
    }

    /// Changes rows although triggers, checks and foreign keys say no, as far as the engine lets anybody.
    pub fn tamper(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => tamper_file(&self.path(), sql),
            Engine::Postgres => tamper_database(&self.database, sql),
        }
    }
}

/// See [`Ledger::tamper`].
pub fn tamper_file(path: &Path, sql: &str) {
    let file = rusqlite::Connection::open(path).expect("it opens");
    file.busy_timeout(Duration::from_secs(10)).expect("it waits");
    file.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").expect("it may");
    let mut triggers = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").expect("it reads");
    let names: Vec<String> =
        triggers.query_map([], |row| row.get(0)).expect("it reads").collect::<Result<_, _>>().expect("names");
    drop(triggers);
    for name in names.iter().filter(|name| name.starts_with("posting") || name.starts_with("hold")) {
        file.execute_batch(&format!("DROP TRIGGER {name}")).expect("it goes");
    }
    file.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// See [`Ledger::tamper`].
pub fn tamper_database(database: &str, sql: &str) {
    cluster::shared().psql(database, &format!("SET session_replication_role = replica; {sql}"));
}

/// A store that is open, with two accounts of a service.
pub struct World {
    pub store: Store,
    pub clock: Arc<At>,
    pub from: AccountId,
    pub to: AccountId,
}

impl World {
    pub async fn open(ledger: &Ledger) -> Self {
        let clock = Arc::new(At(AtomicI64::new(BEGIN)));
        let store = match ledger.location() {
            Location::File(path) => Store::open(&path, clock.clone()).expect("it opens"),
            Location::Url(url) => Store::connect(&url, clock.clone()).await.expect("it connects"),
        };
        let (service, at) = (store.ids().service(), clock.now());
        let services = store.services();
        let begin = vec![
            services.vendor("acme", "Acme", "third_party", at),
            services.plugin(service, "sms", "SMS", "acme", "credit", at),
        ];
        store.write(begin).await.expect("it is stored");
        let (from, to) = (open_account(&store, service).await, open_account(&store, service).await);
        Self { store, clock, from, to }
    }

    pub fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub async fn post(&self, account: AccountId, command: Command) -> Posted {
        self.pass(1_000);
        self.store.post(Post::new(account, command)).await.expect("it is posted")
    }

    pub async fn buy(&self, account: AccountId, credits: i64, minor: i64) -> GrantId {
        let id = self.store.ids().grant();
        let currency = Currency::try_from("EUR".to_owned()).expect("a currency");
        let new = NewGrant {
            kind: GrantKind::Purchase,
            price: Some(Money { minor, currency }),
            tax: minor / 5,
            share: Share { fee_bps: 2_500, breakage_to: Breakage::Vendor },
            expires_at: self.clock.now().plus_seconds(30 * 24 * 3600),
            ..NewGrant::gift(id, Credits::whole(credits))
        };
        self.post(account, Command::Grant(new)).await;
        id
    }

    pub async fn authorize(&self, account: AccountId, credits: i64) -> HoldId {
        let hold = self.store.ids().hold();
        let ask = Authorize { hold, amount: Credits::whole(credits), ttl: 600_000, company: None };
        self.post(account, Command::Authorize(ask)).await;
        hold
    }

    pub async fn capture(&self, account: AccountId, hold: HoldId, credits: i64, last: bool) {
        self.post(account, Command::Capture { hold, amount: Credits::whole(credits), last }).await;
    }

    async fn vendor(&self, balance: VendorBalance, command: VendorCommand) -> VendorBalance {
        let currency = Currency::try_from("EUR".to_owned()).expect("a currency");
        let (posting, after) = balance.decide(command, currency).expect("it may");
        let keep = "INSERT INTO vendor_balance (vendor_name, currency, made_payable, paid_out) VALUES ('acme', 'EUR', ?1, ?2)
                    ON CONFLICT (vendor_name, currency) DO UPDATE SET made_payable = excluded.made_payable, paid_out = excluded.paid_out";
        let mut guards = vec![Statement::new(keep, vec![after.made_payable.into(), after.paid_out.into()])];
        if let VendorCommand::PayOut { minor } = command {
            let id = self.store.ids().payout();
            guards.push(Payouts::add(id, "acme", Money { minor, currency }, self.clock.now()));
        }
        self.store.post_vendor(VendorPost { vendor: "acme".to_owned(), posting, guards }).await.expect("it is posted");
        after
    }
}

async fn open_account(store: &Store, service: ServiceId) -> AccountId {
    let id = store.ids().account();
    let (token_mac, token_sha1) = (format!("mac {id}"), format!("sha1 {id}"));
    let at = store.clock().now();
    let new = NewAccount { id, service, database: None, token_mac, token_sha1, companies: None, suspended: None, at };
    store.write(store.accounts().open(new)).await.expect("it is stored");
    id
}

/// The key that signs its head.
pub fn keys() -> Keys {
    Keys::derive(b"the host of the tests")
}

/// A ledger in which most things have happened, with a signed head.
pub async fn ledger(engine: Engine) -> Ledger {
    let ledger = Ledger::new(engine);
    let world = World::open(&ledger).await;
    let (from, to) = (world.from, world.to);
    let bought = world.buy(from, 100, 9_999).await;
    world.post(from, Command::ProcessorFee { grant: bought, minor: 29 }).await;
    let gift = NewGrant::gift(world.store.ids().grant(), Credits::whole(20));
    world.post(from, Command::Grant(gift)).await;
    let used = world.authorize(from, 30).await;
    world.capture(from, used, 7, false).await;
    world.capture(from, used, 6, true).await;
    let back = Command::RefundUse { hold: used, amount: Credits::whole(3) };
    world.pass(1_000);
    world.store.post(Post::new(from, back).noted("it came late, twice")).await.expect("it is posted");
    let released = world.authorize(from, 5).await;
    world.post(from, Command::Release { hold: released }).await;
    let expired = world.authorize(from, 5).await;
    world.pass(700_000);
    world.post(from, Command::ExpireHold { hold: expired }).await;
    world.post(from, Command::Transfer { to, amount: Credits::whole(10) }).await;
    world.post(from, Command::RefundCredits { grant: bought, amount: Credits::whole(8) }).await;
    world.post(from, Command::Adjust { amount: Credits::whole(-2) }).await;
    let disputed = world.buy(to, 10, 1_000).await;
    let spent = world.authorize(to, 15).await;
    world.capture(to, spent, 15, true).await;
    world.post(to, Command::Chargeback { grant: disputed }).await;
    // Repays what is owed, and is charged back itself.
    let repaying = world.buy(to, 20, 2_000).await;
    world.post(to, Command::Chargeback { grant: repaying }).await;
    let payable = world.vendor(VendorBalance::default(), VendorCommand::MakePayable { accrued: 500 }).await;
    world.vendor(payable, VendorCommand::PayOut { minor: 200 }).await;
    let unknown = world.authorize(from, 4).await;
    world.post(from, Command::MarkUnknown { hold: unknown, ttl: 86_400_000 }).await;
    world.authorize(from, 3).await;
    sign(&world.store).await;
    ledger
}

async fn sign(store: &Store) {
    let link = store.chain().newest(store.stream()).await.expect("it reads").expect("there are batches");
    let head = Head { stream: store.stream(), number: link.number, hash: link.hash.to_vec(), signed_at: BEGIN };
    let signature = keys().sign(&head.message());
    store.write(vec![Chain::keep(&head, &keys().public_key(), &signature)]).await.expect("it is stored");
}
