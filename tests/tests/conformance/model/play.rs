//! Plays a script on one engine, beside the naive ledger.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    task::Poll,
};

use iap_core::{
    ids::{AccountId, EntryId, GrantId, HoldId},
    ledger::{Command, GrantKind},
    time::Clock,
};
use iap_store::{EngineKind, Location, Post, PostError, Posted, Statement, Store};
use iap_tests::cluster;

use super::{
    rows,
    rules::{Held, Lot, Model, NOTHING},
    script::{Ask, Happening, Rider},
};
use crate::world::{At, World, open, verified};

/// An entry that only the store knows, until it has answered.
const UNKNOWN: EntryId = EntryId(-1);

/// How often each command was done and each refusal given.
pub type Seen = BTreeMap<String, u32>;

type Answer = Result<Posted, PostError>;

/// What the naive ledger says of a command.
enum Expected {
    Refused(&'static str),
    /// The rules take it, its rider is refused.
    Conflict,
    Done {
        available: i128,
        held: i128,
        hold: Option<Held>,
        moved: bool,
    },
}

/// A ledger under test, of which accounts 1 and 2 are played on.
pub struct Player {
    location: Location,
    folder: tempfile::TempDir,
    clock: Arc<At>,
    hosts: Vec<Option<Store>>,
    model: Model,
    lives: u32,
    riders: i64,
    /// Numbers of lots that the naive ledger goes by until the store has said theirs: in the same order among all.
    provisional: Vec<i64>,
    /// Whether what is sent together is all of one account: PostgreSQL's writers share the accounts among them.
    by_account: bool,
    /// What was answered, with grants by their place, so that it is the same on every engine …
    pub told: Vec<String>,
    /// … as far as grants that end together had numbers in the order in which they came: the lowest is spent first, and
    /// each writer has numbers of its own.
    pub in_order: Option<usize>,
    seen: Seen,
}

fn name(debug: &impl Debug) -> String {
    let text = format!("{debug:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

impl Player {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let world = World::in_file(folder.path().join("iap-1.db")).await;
        Self::new(world, folder).await
    }

    /// With two hosts.
    pub async fn postgres() -> Self {
        let world = World::postgres().await;
        let player = Self::new(world, tempfile::tempdir().expect("a temporary folder")).await;
        let mut player = player.by_account();
        player.hosts.push(Some(open(&player.location, &player.clock).await));
        player
    }

    pub fn by_account(self) -> Self {
        Self { by_account: true, ..self }
    }

    async fn new(world: World, folder: tempfile::TempDir) -> Self {
        let taken = Statement::new("INSERT INTO payment_event VALUES ('taken', 'paid', 0)", vec![]);
        world.store.write(vec![taken]).await.expect("it is the first");
        let World { location, clock, store, .. } = world;
        Self {
            location,
            folder,
            clock,
            hosts: vec![Some(store)],
            model: Model::default(),
            lives: 1,
            riders: 0,
            provisional: Vec::new(),
            by_account: false,
            told: Vec::new(),
            in_order: None,
            seen: Seen::new(),
        }
    }

    /// Removes the database: there are many.
    pub fn leave(self) -> Seen {
        let Self { location, hosts, seen, .. } = self;
        drop(hosts);
        if let Location::Url(url) = location {
            let name = url.rsplit('/').next().expect("a URL ends with it");
            cluster::shared().psql("postgres", &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
        }
        seen
    }

    fn host(&self, number: usize) -> &Store {
        self.hosts[number % self.hosts.len()].as_ref().expect("it is open")
    }

    pub async fn play(&mut self, script: &[Happening]) {
        for happening in script {
            match happening {
                Happening::Batch { asks, host, cut } => {
                    for asks in asks.chunk_by(|one, next| !self.by_account || one.1 == next.1).collect::<Vec<_>>() {
                        self.batch(asks, *host, *cut).await;
                    }
                }
                Happening::Pass(millis) => {
                    self.clock.0.fetch_add(*millis, std::sync::atomic::Ordering::Relaxed);
                }
                Happening::Reopen(host) => self.reopen(host % self.hosts.len()).await,
                Happening::Crash => self.crash().await,
            }
        }
        self.compare().await;
    }

    async fn reopen(&mut self, host: usize) {
        // One process has a file, so the old store goes first.
        self.hosts[host] = None;
        self.hosts[host] = Some(open(&self.location, &self.clock).await);
    }

    async fn crash(&mut self) {
        let Location::File(path) = &self.location else { return self.cut(0).await };
        self.lives += 1;
        let to = self.folder.path().join(format!("iap-{}.db", self.lives));
        // What a killed process leaves: the file and its log, while it still has them open.
        for ending in ["", "-wal"] {
            let with_ending = |path: &PathBuf| PathBuf::from(format!("{}{ending}", path.display()));
            if with_ending(path).exists() {
                std::fs::copy(with_ending(path), with_ending(&to)).expect("the folder is writable");
            }
        }
        self.location = Location::File(to);
        self.reopen(0).await;
    }

    /// Cuts all connections of PostgreSQL but the one that says so.
    async fn cut(&self, by: usize) {
        let sql = "SELECT count(*) FROM pg_stat_activity, pg_terminate_backend(pid)
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.host(by).read(sql, vec![]).await.expect("a reader tries again");
    }

    async fn batch(&mut self, asks: &[Ask], host: usize, cut: Option<u32>) {
        let store = self.host(host).clone();
        let on_file = store.engine() == EngineKind::Sqlite;
        let known = self.model.owners.each_ref().map(|owner| owner.last_entry);
        let (gate, hold_back) = mpsc::channel();
        let mut posts = vec![held_back(hold_back)];
        let mut expected = Vec::new();
        // What clients name is named before the store decides.
        let ids: Vec<i64> = asks.iter().map(|_| store.ids().next()).collect();
        for (ask, id) in asks.iter().zip(ids) {
            let (command, post, wanted) = self.ask(ask, id, &store, known);
            posts.push(post);
            expected.push((command, wanted));
        }
        // PostgreSQL's writer is a task of this thread: it takes in nothing before all are sent.
        let posts = posts.split_off(usize::from(!on_file));
        let answers = together(&store, posts, gate);
        let mut answers = if let Some(turns) = cut.filter(|_| !on_file) {
            let cut = async {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.cut(host + 1).await;
            };
            tokio::join!(answers, cut).0
        } else {
            answers.await
        };
        drop(answers.drain(..usize::from(on_file)));
        self.take_in(&store).await;
        if self.in_order.is_none() && !self.is_in_order() {
            self.in_order = Some(self.told.len());
        }
        for ((command, expected), answer) in expected.iter().zip(answers) {
            let told = self.check(command, expected, &answer);
            self.told.push(told);
        }
    }

    /// The command of an ask as things stand, as a post, and what the naive ledger says of it.
    fn ask(&mut self, ask: &Ask, id: i64, store: &Store, known: [Option<EntryId>; 2]) -> (Command, Post, Expected) {
        let (step, on, rider) = ask;
        let (on, now) = (*on, self.clock.now().millis());
        let mut seen = self.model.clone();
        for (owner, entry) in seen.owners.iter_mut().zip(known) {
            owner.last_entry = entry;
        }
        let command = self.known_only(step.command(on, &seen, id, now));
        let mut next = self.model.clone();
        let naive = next.run(on, &command, now);
        let expected = match (naive, rider) {
            (Err(refusal), _) => Expected::Refused(refusal),
            (Ok(()), Rider::Taken | Rider::NoRow) => Expected::Conflict,
            (Ok(()), Rider::None | Rider::Stored) => {
                let moved = [0, 1].map(|on| traces(&self.model, on) != traces(&next, on));
                for (owner, moved) in next.owners.iter_mut().zip(moved) {
                    owner.last_entry = if moved { Some(UNKNOWN) } else { owner.last_entry };
                }
                for lot in next.lots.iter_mut().filter(|lot| lot.id == 0) {
                    // The last ones of the stream of the account's writer.
                    let writers = store.own_streams();
                    let stream = writers[(on + 1) % writers.len()];
                    lot.id = ((stream + 1) << 40) - 1_000 + i64::try_from(self.provisional.len()).expect("few");
                    self.provisional.push(lot.id);
                }
                self.model = next;
                let named = named_hold(&command);
                let hold = self.model.holds.iter().find(|hold| named == Some(HoldId(hold.id))).cloned();
                let available = self.model.spendable(on, now);
                Expected::Done { available, held: self.model.held(on), hold, moved: moved[on] }
            }
        };
        let post = Post::new(AccountId(i64::try_from(on).expect("few") + 1), command.clone());
        let post = match rider {
            Rider::None => post,
            Rider::Stored => {
                self.riders += i64::from(matches!(expected, Expected::Done { .. }));
                let id = format!("evt_{id}");
                post.with(move |_| {
                    let sql = "INSERT INTO payment_event VALUES (?1, 'paid', 0)";
                    vec![Statement::new(sql, vec![id.clone().into()])]
                })
            }
            Rider::Taken => {
                post.with(|_| vec![Statement::new("INSERT INTO payment_event VALUES ('taken', 'again', 0)", vec![])])
            }
            Rider::NoRow => post.with(|_| {
                let sql = "UPDATE payment_event SET kind = 'again' WHERE id = 'nobody'";
                vec![Statement::new(sql, vec![]).expecting(1)]
            }),
        };
        (command, post, expected)
    }

    /// Nobody can name a grant that a rule made before the answer is there.
    fn known_only(&self, command: Command) -> Command {
        let known = |grant: GrantId| if self.provisional.contains(&grant.0) { GrantId(NOTHING) } else { grant };
        match command {
            Command::ExpireGrant { grant } => Command::ExpireGrant { grant: known(grant) },
            Command::RefundCredits { grant, amount } => Command::RefundCredits { grant: known(grant), amount },
            Command::Chargeback { grant } => Command::Chargeback { grant: known(grant) },
            Command::ProcessorFee { grant, minor } => Command::ProcessorFee { grant: known(grant), minor },
            other => other,
        }
    }

    /// What only the store can say: the ids of grants that rules made, and the last entries.
    async fn take_in(&mut self, store: &Store) {
        let provisional = std::mem::take(&mut self.provisional);
        if !provisional.is_empty() {
            let rows = store.read("SELECT id FROM credit_grant ORDER BY id", vec![]).await.expect("it reads");
            let ids = rows.iter().map(|row| row.int(0).expect("a number"));
            let is_new = |id: &i64| self.model.lots.iter().all(|lot| lot.id != *id);
            let new: Vec<i64> = ids.filter(is_new).collect();
            assert_eq!(new.len(), provisional.len(), "grants that rules made");
            for lot in &mut self.model.lots {
                if let Some(place) = provisional.iter().position(|id| *id == lot.id) {
                    lot.id = new[place];
                }
            }
        }
        let sql = "SELECT last_entry FROM balance WHERE account_id <= 2 ORDER BY account_id";
        let rows = store.read(sql, vec![]).await.expect("it reads");
        for (owner, row) in self.model.owners.iter_mut().zip(&rows) {
            let last = row.opt_int(0).expect("a number").map(EntryId);
            assert!(owner.last_entry == Some(UNKNOWN) || owner.last_entry == last, "{last:?} is not known");
            owner.last_entry = last;
        }
    }

    /// The answer is the naive ledger's. What to compare with another engine's.
    fn check(&mut self, command: &Command, expected: &Expected, answer: &Answer) -> String {
        match (expected, answer) {
            (Expected::Refused(naive), Err(PostError::Refused(refusal))) => {
                assert_eq!(name(refusal), *naive, "{command:?}");
                *self.seen.entry(name(refusal)).or_default() += 1;
                format!("{refusal:?}")
            }
            (Expected::Conflict, Err(PostError::Conflict(conflict))) => {
                *self.seen.entry("a refused rider".to_owned()).or_default() += 1;
                format!("{conflict:?}")
            }
            (Expected::Done { available, held, hold, moved }, Ok(posted)) => {
                *self.seen.entry(name(command)).or_default() += 1;
                let told = (i128::from(posted.available.micros()), i128::from(posted.held.micros()));
                assert_eq!(told, (*available, *held), "{command:?}");
                assert_eq!(posted.at, self.clock.now());
                assert_eq!(!posted.postings.is_empty(), *moved, "{command:?}: {:?}", posted.postings);
                self.check_hold(command, hold.as_ref(), posted);
                let postings = posted.postings.iter().map(|posting| {
                    let grant = posting.grant.map(|id| self.place(id));
                    (grant, posting.asset, posting.debit, posting.credit, posting.amount)
                });
                let hold = hold.as_ref().map(|hold| (hold.state, hold.ends, &hold.parts));
                format!("{told:?} {hold:?} {:?}", postings.collect::<Vec<_>>())
            }
            (Expected::Refused(naive), answer) => panic!("{command:?}: {answer:?}, naively {naive}"),
            (Expected::Conflict, answer) => panic!("{command:?}: {answer:?}, its rider is to be refused"),
            (Expected::Done { .. }, answer) => panic!("{command:?}: {answer:?}, naively done"),
        }
    }

    fn check_hold(&self, command: &Command, naive: Option<&Held>, posted: &Posted) {
        let parts = |naive: &Held| {
            let part = |part: &(usize, i128, i128, i128)| (self.model.lots[part.0].id, [part.1, part.2, part.3]);
            (naive.state, naive.ends, naive.parts.iter().map(part).collect::<Vec<_>>())
        };
        let told = posted.hold.as_ref().map(|hold| {
            let part = |part: &iap_core::ledger::Part| {
                (part.grant.0, [part.amount, part.captured, part.refunded].map(|credits| i128::from(credits.micros())))
            };
            (hold.state, hold.expires_at.millis(), hold.parts.iter().map(part).collect::<Vec<_>>())
        });
        assert_eq!(told, naive.map(parts), "{command:?}");
    }

    /// Whether lots that came in the same millisecond and end together have numbers in the order in which they came.
    fn is_in_order(&self) -> bool {
        let last = |of: &Lot| (of.owner, of.kind == GrantKind::Trial, of.ends, of.born);
        let mut lasts = BTreeMap::new();
        self.model.lots.iter().all(|lot| lasts.insert(last(lot), lot.id).is_none_or(|before| before < lot.id))
    }

    /// A grant by its place among all there ever were.
    fn place(&self, grant: GrantId) -> usize {
        self.model.lots.iter().position(|lot| lot.id == grant.0).expect("it is known")
    }

    /// What is stored is what the naive ledger has, and the ledger agrees with itself.
    async fn compare(&mut self) {
        let store = self.host(0).clone();
        rows::compare(&store, &self.model, self.clock.now().millis()).await;
        let rows = store.read("SELECT count(*) FROM payment_event", vec![]).await.expect("it reads");
        assert_eq!(rows[0].int(0).expect("a number"), 1 + self.riders, "riders");
        let report = verified(&self.location).await;
        let count = |things: usize| u64::try_from(things).expect("few");
        let live = self.model.holds.iter().filter(|hold| hold.lives()).count();
        let naive = [self.model.lots.len(), self.model.holds.len(), live].map(count);
        assert_eq!([report.grants, report.holds, report.live_holds], naive);
        let sql = "SELECT id, coalesce(origin_id, 0), created_at FROM credit_grant ORDER BY id";
        let mut grants: Vec<(usize, Option<usize>, i64)> = Vec::new();
        for row in store.read(sql, vec![]).await.expect("it reads") {
            let [id, origin, at] = [0, 1, 2].map(|column| row.int(column).expect("a number"));
            let origin = (origin != 0).then(|| self.place(GrantId(origin)));
            grants.push((self.place(GrantId(id)), origin, at));
        }
        grants.sort_unstable();
        self.told.push(format!("{grants:?}"));
    }
}

/// A command that SQLite's writer, which has a thread of its own, is busy with until the gate is dropped.
fn held_back(gate: mpsc::Receiver<()>) -> Post {
    let gate = Mutex::new(gate);
    Post::new(AccountId(3), Command::Suspend { reason: None }).with(move |_| {
        // An error is what is waited for: the other end is gone.
        drop(gate.lock().map(|gate| gate.recv()));
        vec![]
    })
}

/// Sends all, opens the gate, and awaits all.
async fn together(store: &Store, posts: Vec<Post>, gate: mpsc::Sender<()>) -> Vec<Answer> {
    type Running<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;
    let mut running: Vec<Running<'_>> =
        posts.into_iter().map(|post| Box::pin(store.post(post)) as Running<'_>).collect();
    // A post is sent when it is first polled.
    std::future::poll_fn(|context| {
        for one in &mut running {
            assert!(one.as_mut().poll(context).is_pending(), "the writer does not wait");
        }
        Poll::Ready(())
    })
    .await;
    drop(gate);
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await);
    }
    answers
}

fn named_hold(command: &Command) -> Option<HoldId> {
    match command {
        Command::Authorize(ask) => Some(ask.hold),
        Command::Capture { hold, .. }
        | Command::Release { hold }
        | Command::ExpireHold { hold }
        | Command::Keep { hold, .. }
        | Command::MarkUnknown { hold, .. }
        | Command::RefundUse { hold, .. } => Some(*hold),
        Command::RefundUses { parts } => parts.last().map(|(hold, _)| *hold),
        _ => None,
    }
}

/// Everything of an account that only a posting changes.
fn traces(model: &Model, on: usize) -> Vec<i128> {
    let mut traces = vec![model.owners[on].debt];
    for lot in model.lots.iter().filter(|lot| lot.owner == on) {
        traces.extend([lot.free, lot.held, lot.used, lot.expired, lot.refunded, lot.voided, lot.repaid, lot.moved]);
        let money = &lot.revenue;
        traces.extend([money.earned, money.lapsed, money.returned, money.moved, money.recovered]);
        traces.extend([money.tax_returned, money.fees, money.lost]);
    }
    traces
}
