//! The posting path against an independent, naive ledger: batches, refused riders, sweeps, reopening and crashes.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use iap_core::{
    Credits, Time,
    ids::{AccountId, GrantId, HoldId},
    ledger::{Authorize, Command, GrantKind, NewGrant},
    time::Clock,
};
use iap_store::{Post, PostError, Statement, Store, ledger::verify};
use proptest::prelude::*;

const ACCOUNTS: i64 = 3;

#[derive(Debug, Default)]
struct At(AtomicI64);

impl Clock for At {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Relaxed))
    }
}

/// What happens next; accounts, grants and holds by their number, in micro-credits and milliseconds.
#[derive(Clone, Debug)]
enum Step {
    /// Sent together, so that they may share a transaction. The flag adds a rider that the schema refuses.
    Batch(Vec<(Ask, bool)>),
    Pass(i64),
    /// The process ends well and starts again.
    Reopen,
    /// The process is killed: only the files are left.
    Crash,
}

#[derive(Clone, Debug)]
enum Ask {
    Grant { account: usize, trial: bool, amount: i64, life: i64 },
    Authorize { account: usize, amount: i64, ttl: i64 },
    Capture { hold: usize, of: usize, amount: i64 },
    Release { hold: usize, of: usize },
    ExpireHold { hold: usize },
    Keep { hold: usize, ttl: i64 },
    ExpireGrant { grant: usize },
    Suspend { account: usize, stop: bool },
}

/// A lot of credits, by hand.
#[derive(Debug)]
struct Lot {
    id: i64,
    account: usize,
    trial: bool,
    ends: i64,
    left: i64,
    used: i64,
    gone: i64,
}

#[derive(Debug)]
struct Aside {
    id: i64,
    account: usize,
    ends: i64,
    parts: Vec<(i64, i64)>,
    live: bool,
}

#[derive(Debug, Default)]
struct Naive {
    lots: Vec<Lot>,
    asides: Vec<Aside>,
    stopped: [bool; ACCOUNTS as usize],
}

impl Naive {
    fn spendable(&self, account: usize, now: i64) -> i64 {
        self.lots.iter().filter(|lot| lot.account == account && now < lot.ends).map(|lot| lot.left).sum()
    }

    fn held(&self, account: usize) -> i64 {
        self.asides
            .iter()
            .filter(|aside| aside.account == account && aside.live)
            .flat_map(|aside| &aside.parts)
            .map(|part| part.1)
            .sum()
    }

    fn grant(&mut self, id: i64, account: usize, trial: bool, amount: i64, ends: i64, now: i64) -> bool {
        if amount <= 0 || ends <= now {
            return false;
        }
        self.lots.push(Lot { id, account, trial, ends, left: amount, used: 0, gone: 0 });
        true
    }

    fn authorize(&mut self, id: i64, account: usize, amount: i64, ttl: i64, now: i64) -> bool {
        if amount <= 0 || ttl <= 0 || self.stopped[account] || self.spendable(account, now) < amount {
            return false;
        }
        let mut parts = Vec::new();
        // One micro-credit after the other would say it most plainly; one lot after the other is the same.
        let mut missing = amount;
        while 0 < missing {
            let usable = self.lots.iter_mut().filter(|lot| lot.account == account && now < lot.ends && 0 < lot.left);
            let lot = usable.min_by_key(|lot| (!lot.trial, lot.ends, lot.id)).expect("there is enough");
            let part = missing.min(lot.left);
            lot.left -= part;
            missing -= part;
            parts.push((lot.id, part));
        }
        self.asides.push(Aside { id, account, ends: now + ttl, parts, live: true });
        true
    }

    fn end(&mut self, at: usize, mut take: i64, now: i64) {
        self.asides[at].live = false;
        for (id, part) in self.asides[at].parts.clone() {
            let used = take.min(part);
            take -= used;
            let lot = self.lots.iter_mut().find(|lot| lot.id == id).expect("it came from there");
            lot.used += used;
            if lot.ends <= now {
                lot.gone += part - used;
            } else {
                lot.left += part - used;
            }
        }
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let account = 0..ACCOUNTS as usize;
    let amount = (-1i64..40).prop_map(|quarters| quarters * 250_000);
    // Mostly of its own account, sometimes of another.
    let of = prop_oneof![9 => Just(0usize), 1 => Just(1usize)];
    prop_oneof![
        3 => (account.clone(), any::<bool>(), amount.clone(), 0i64..3_000).prop_map(|(account, trial, amount, life)| Ask::Grant { account, trial, amount, life }),
        6 => (account.clone(), amount.clone(), -5i64..800).prop_map(|(account, amount, ttl)| Ask::Authorize { account, amount, ttl }),
        5 => (0usize..16, of.clone(), amount).prop_map(|(hold, of, amount)| Ask::Capture { hold, of, amount }),
        2 => (0usize..16, of).prop_map(|(hold, of)| Ask::Release { hold, of }),
        2 => (0usize..16).prop_map(|hold| Ask::ExpireHold { hold }),
        1 => (0usize..16, -5i64..2_000).prop_map(|(hold, ttl)| Ask::Keep { hold, ttl }),
        2 => (0usize..12).prop_map(|grant| Ask::ExpireGrant { grant }),
        1 => (account, any::<bool>()).prop_map(|(account, stop)| Ask::Suspend { account, stop }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = proptest::collection::vec((asks(), proptest::bool::weighted(0.1)), 1..6);
    let step = prop_oneof![
        12 => batch.prop_map(Step::Batch),
        6 => (1i64..400).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..60)
}

struct World {
    folder: tempfile::TempDir,
    path: PathBuf,
    clock: Arc<At>,
    store: Store,
    naive: Naive,
    lives: u32,
}

/// Copies what a killed process leaves: the file and its log, while it still has them open.
fn as_killed(from: &Path, to: &Path) {
    for ending in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        if name(from).exists() {
            std::fs::copy(name(from), name(to)).expect("the folder is writable");
        }
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, clock) = (folder.path().join("iap.db"), Arc::new(At::default()));
        clock.0.store(1_000, Ordering::Relaxed);
        let store = Store::open(&path, clock.clone()).expect("it opens");
        let mut rows = vec![
            Statement::new("INSERT INTO vendor VALUES ('odoo', 'Odoo', 'first_party', 0)", vec![]),
            Statement::new(
                "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 'sms', 'SMS', 'odoo', 'plugin', 'credit', 0)",
                vec![],
            ),
            Statement::new("INSERT INTO payment_event VALUES ('taken', 'paid', 0)", vec![]),
        ];
        for account in 1..=ACCOUNTS {
            let mac = format!("m{account}");
            rows.push(Statement::new(
                "INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (?1, 1, ?2, 's', 0)",
                vec![account.into(), mac.into()],
            ));
            rows.push(Statement::new("INSERT INTO balance (account_id) VALUES (?1)", vec![account.into()]));
        }
        store.write(rows).await.expect("an empty database takes them");
        Self { folder, path, clock, store, naive: Naive::default(), lives: 1 }
    }

    fn now(&self) -> i64 {
        self.clock.now().0
    }

    fn start_again(&mut self, killed: bool) {
        self.lives += 1;
        let path = self.folder.path().join(format!("iap-{}.db", self.lives));
        if killed {
            as_killed(&self.path, &path);
            self.path = path;
        }
        // One process has a database, so the old store goes before the new one comes.
        let aside = self.folder.path().join(format!("aside-{}.db", self.lives));
        self.store = Store::open(&aside, self.clock.clone()).expect("a new one opens");
        self.store = Store::open(&self.path, self.clock.clone()).expect("it opens again");
    }

    /// The command and its account, and whether the naive ledger takes it.
    fn decide(&mut self, ask: &Ask, refused_rider: bool) -> (usize, Command, bool) {
        let (now, ids) = (self.now(), self.store.clone());
        let naive = &mut self.naive;
        let hold_at = |naive: &Naive, number: usize| (!naive.asides.is_empty()).then(|| number % naive.asides.len());
        let named = |naive: &Naive, at: Option<usize>| {
            at.map_or((0, HoldId(i64::MAX)), |at| (naive.asides[at].account, HoldId(naive.asides[at].id)))
        };
        let live = |naive: &Naive, at: Option<usize>, of: usize| at.filter(|at| naive.asides[*at].live && of == 0);
        match ask {
            Ask::Grant { account, trial, amount, life } => {
                let id = ids.ids().grant();
                let kind = if *trial { GrantKind::Trial } else { GrantKind::Gift };
                let new = NewGrant {
                    id,
                    kind,
                    amount: Credits::from_micros(*amount),
                    expires_at: Time(now + life),
                    price: None,
                };
                let fits = 0 < *amount && 0 < *life;
                let taken =
                    if refused_rider { fits } else { naive.grant(id.0, *account, *trial, *amount, now + life, now) };
                (*account, Command::Grant(new), taken)
            }
            Ask::Authorize { account, amount, ttl } => {
                let hold = ids.ids().hold();
                let command = Command::Authorize(Authorize { hold, amount: Credits::from_micros(*amount), ttl: *ttl });
                let taken = if refused_rider {
                    0 < *amount && 0 < *ttl && !naive.stopped[*account] && *amount <= naive.spendable(*account, now)
                } else {
                    naive.authorize(hold.0, *account, *amount, *ttl, now)
                };
                (*account, command, taken)
            }
            Ask::Capture { hold, of, amount } => {
                let at = hold_at(naive, *hold);
                let (account, id) = named(naive, at);
                let whole = |at: usize| naive.asides[at].parts.iter().map(|part| part.1).sum::<i64>();
                let fits =
                    live(naive, at, *of).filter(|at| now < naive.asides[*at].ends && (0..=whole(*at)).contains(amount));
                if let (Some(at), false) = (fits, refused_rider) {
                    naive.end(at, *amount, now);
                }
                (
                    (account + of) % ACCOUNTS as usize,
                    Command::Capture { hold: id, amount: Credits::from_micros(*amount) },
                    fits.is_some(),
                )
            }
            Ask::Release { hold, of } => {
                let at = hold_at(naive, *hold);
                let (account, id) = named(naive, at);
                let fits = live(naive, at, *of);
                if let (Some(at), false) = (fits, refused_rider) {
                    naive.end(at, 0, now);
                }
                ((account + of) % ACCOUNTS as usize, Command::Release { hold: id }, fits.is_some())
            }
            Ask::ExpireHold { hold } => {
                let at = hold_at(naive, *hold);
                let (account, id) = named(naive, at);
                let fits = live(naive, at, 0).filter(|at| naive.asides[*at].ends <= now);
                if let (Some(at), false) = (fits, refused_rider) {
                    naive.end(at, 0, now);
                }
                (account, Command::ExpireHold { hold: id }, fits.is_some())
            }
            Ask::Keep { hold, ttl } => {
                let at = hold_at(naive, *hold);
                let (account, id) = named(naive, at);
                let fits = live(naive, at, 0).filter(|at| now < naive.asides[*at].ends && 0 < *ttl);
                if let (Some(at), false) = (fits, refused_rider) {
                    naive.asides[at].ends = now + ttl;
                }
                (account, Command::Keep { hold: id, ttl: *ttl }, fits.is_some())
            }
            Ask::ExpireGrant { grant } => {
                let Some(at) = (!naive.lots.is_empty()).then(|| grant % naive.lots.len()) else {
                    return (0, Command::ExpireGrant { grant: GrantId(i64::MAX) }, false);
                };
                let lot = &mut naive.lots[at];
                let fits = lot.ends <= now && 0 < lot.left;
                if fits && !refused_rider {
                    (lot.gone, lot.left) = (lot.gone + lot.left, 0);
                }
                (lot.account, Command::ExpireGrant { grant: GrantId(lot.id) }, fits)
            }
            Ask::Suspend { account, stop } => {
                if !refused_rider {
                    naive.stopped[*account] = *stop;
                }
                (*account, Command::Suspend { reason: stop.then(|| "hosting-refused".to_owned()) }, true)
            }
        }
    }

    async fn batch(&mut self, asks: Vec<(Ask, bool)>) {
        let mut answers = Vec::new();
        for (ask, refused_rider) in asks {
            let (account, command, taken) = self.decide(&ask, refused_rider);
            let (spendable, held) = (self.naive.spendable(account, self.now()), self.naive.held(account));
            let mut post = Post::new(AccountId(1 + i64::try_from(account).expect("three")), command);
            if refused_rider {
                post = post
                    .with(|_| vec![Statement::new("INSERT INTO payment_event VALUES ('taken', 'again', 0)", vec![])]);
            }
            let store = self.store.clone();
            // One thread runs them in this order, so they reach the writer in this order.
            let answer = tokio::spawn(async move { store.post(post).await });
            answers.push((ask, refused_rider, taken, spendable, held, answer));
        }
        for (ask, refused_rider, taken, spendable, held, answer) in answers {
            match (answer.await.expect("it does not panic"), taken, refused_rider) {
                (Ok(posted), true, false) => {
                    assert_eq!((posted.available.micros(), posted.held.micros()), (spendable, held), "{ask:?}");
                }
                (Err(PostError::Conflict(_)), true, true) | (Err(PostError::Refused(_)), false, _) => {}
                (answer, ..) => {
                    panic!("{ask:?}: {answer:?}, naively taken: {taken}, with a refused rider: {refused_rider}")
                }
            }
        }
    }

    /// What is stored is what the naive ledger has, to the micro-credit.
    async fn compare(&self) {
        let rows = self
            .store
            .read("SELECT id, available, consumed, expired FROM credit_grant ORDER BY id", vec![])
            .await
            .expect("it reads");
        let number = |row: &iap_store::Row, column| row.int(column).expect("a number");
        let stored: Vec<[i64; 4]> = rows.iter().map(|row| [0, 1, 2, 3].map(|column| number(row, column))).collect();
        let mut lots: Vec<[i64; 4]> =
            self.naive.lots.iter().map(|lot| [lot.id, lot.left, lot.used, lot.gone]).collect();
        lots.sort_unstable();
        assert_eq!(stored, lots);
        let rows =
            self.store.read("SELECT available, held FROM balance ORDER BY account_id", vec![]).await.expect("it reads");
        for (account, row) in rows.iter().enumerate() {
            let left: i64 = self.naive.lots.iter().filter(|lot| lot.account == account).map(|lot| lot.left).sum();
            assert_eq!((number(row, 0), number(row, 1)), (left, self.naive.held(account)), "account {account}");
        }
        let report = verify::verify(&self.path, |_| {}).expect("it can be verified");
        assert_eq!(report.differences, vec![]);
        let live = self.naive.asides.iter().filter(|aside| aside.live).count();
        assert_eq!(report.live_holds, u64::try_from(live).expect("few"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_posting_path_agrees_with_a_naive_ledger(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                match step {
                    Step::Batch(asks) => world.batch(asks).await,
                    Step::Pass(time) => drop(world.clock.0.fetch_add(time, Ordering::Relaxed)),
                    Step::Reopen => world.start_again(false),
                    Step::Crash => world.start_again(true),
                }
            }
            world.compare().await;
        });
    }
}
