//! Fills a database with postings as they come about, through the posting path: a fixture for `iap ledger verify` and the
//! other measurements.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use iap_core::{
    Credits, Money,
    ids::AccountId,
    ledger::{Authorize, Breakage, Command, GrantKind, NewGrant, Share},
    money::Currency,
};
use iap_host::{app::location, clock::SystemClock};
use iap_store::{Location, Post, Posted, Store};

use super::{super::Settings, ledger::open_accounts};

/// Commands on their way at once, each on accounts of its own.
const AT_ONCE: usize = 1_024;
/// Credits of a pack.
const PACK: i64 = 50;
/// Its price and tax, in cents.
const PRICE: (i64, i64) = (475, 100);

/// Fill a database with postings.
#[derive(clap::Args, Clone, Debug)]
pub struct Seed {
    #[command(flatten)]
    settings: Settings,
    /// About how many; what was there stays.
    #[arg(long, value_name = "N")]
    postings: u64,
    /// Accounts that they are spread over.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    accounts: usize,
}

/// What has been posted so far, by all who post.
struct Progress {
    postings: AtomicU64,
    wanted: u64,
}

pub async fn fill(seed: &Seed) -> anyhow::Result<()> {
    let config = seed.settings.load()?;
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot create the data folder {}", config.data_dir.display()))?;
    let store = match location(&config) {
        Location::File(path) => Store::open(&path, Arc::new(SystemClock))?,
        Location::Url(url) => Store::connect(&url, Arc::new(SystemClock)).await?,
    };
    let began = Instant::now();
    let accounts = open_accounts(&store, seed.accounts.max(1)).await?;
    eprintln!("{} accounts opened in {:.1?}", accounts.len(), began.elapsed());
    let began = Instant::now();
    // Opening an account gave it credits: one posting.
    let opened = u64::try_from(accounts.len()).unwrap_or(u64::MAX);
    let progress = Arc::new(Progress { postings: AtomicU64::new(opened), wanted: seed.postings });
    let hands = accounts.len().min(AT_ONCE);
    let tasks = (0..hands).map(|hand| {
        let own: Vec<AccountId> = accounts.iter().skip(hand).step_by(hands).copied().collect();
        tokio::spawn(post(store.clone(), own, hand, Arc::clone(&progress)))
    });
    let tasks: Vec<_> = tasks.collect();
    let telling = tokio::spawn({
        let progress = Arc::clone(&progress);
        async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                eprintln!("{} of {} postings", progress.postings.load(Relaxed), progress.wanted);
            }
        }
    });
    for task in tasks {
        task.await??;
    }
    telling.abort();
    let (postings, time) = (progress.postings.load(Relaxed), began.elapsed());
    let each_second = u128::from(postings) * 1_000 / time.as_millis().max(1);
    eprintln!("{postings} postings in {time:.1?}: {each_second} each second");
    Ok(())
}

/// Goes from account to account and lets happen there what happens to customers.
async fn post(store: Store, accounts: Vec<AccountId>, hand: usize, progress: Arc<Progress>) -> anyhow::Result<()> {
    let mut turn = hand;
    while progress.postings.load(Relaxed) < progress.wanted {
        for account in &accounts {
            turn += 1;
            let posted = visit(&store, *account, turn).await?;
            if progress.wanted <= progress.postings.fetch_add(posted, Relaxed) + posted {
                break;
            }
        }
    }
    Ok(())
}

/// One call of a customer, now and then a purchase before it, a refund after it, a call that fails.
async fn visit(store: &Store, account: AccountId, turn: usize) -> anyhow::Result<u64> {
    let mut postings = 0;
    let mut count = |posted: &Posted| postings += u64::try_from(posted.postings.len()).unwrap_or(0);
    if turn % 32 == 7 {
        count(&store.post(Post::new(account, Command::Grant(pack(store)?))).await?);
    }
    let hold = store.ids().hold();
    let amount = Credits::from_micros(100_000 * (1 + i64::try_from(turn % 40)?));
    let ask = Authorize { hold, amount, ttl: 600_000, company: None };
    count(&store.post(Post::new(account, Command::Authorize(ask))).await?);
    if turn % 29 == 3 {
        count(&store.post(Post::new(account, Command::Release { hold })).await?);
        return Ok(postings);
    }
    let taken = if turn % 11 == 5 { Credits::from_micros(100_000) } else { amount };
    count(&store.post(Post::new(account, Command::Capture { hold, amount: taken, last: true })).await?);
    if turn % 61 == 9 {
        count(&store.post(Post::new(account, Command::RefundUse { hold, amount: taken })).await?);
    }
    Ok(postings)
}

fn pack(store: &Store) -> anyhow::Result<NewGrant> {
    /// How long bought credits last, in milliseconds: two years.
    const LIFE: i64 = 730 * 86_400_000;
    let currency = Currency::try_from("EUR".to_owned())?;
    Ok(NewGrant {
        kind: GrantKind::Purchase,
        expires_at: store.clock().now().plus_millis(LIFE),
        price: Some(Money { minor: PRICE.0, currency }),
        tax: PRICE.1,
        share: Share { fee_bps: 2_500, breakage_to: Breakage::Host },
        ..NewGrant::gift(store.ids().grant(), Credits::whole(PACK))
    })
}
