//! The host's side of one call: what a plugin's capabilities do here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iap_core::{
    Credits, Time,
    hosting::Door,
    ids::{AccountId, BlobId, CallId, HoldId, JobId, ServiceId},
};
use iap_runtime::backend::{
    Answer, AuthorizeOptions, Authorized, Backend, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied,
    HostFault, JobOptions, Level, Line, Refusal, Remembered, Scope,
};
use iap_store::{
    Statement, Store,
    repositories::{BlobRow, Blobs, Jobs, NewJob, NewPluginLog, StoreValues, queue_of},
};
use url::Url;

use super::{
    caller::Caller,
    job_context::{JobContext, OfHold},
    progress::Progress,
};
use crate::{
    accounts,
    app::App,
    blobs::{self, Kept, Shelf},
};

/// The backend of one call, job run or hook: everything lands in the ledger and the store.
pub struct Ledgered {
    pub(super) app: Arc<App>,
    pub(super) call: CallId,
    pub(super) caller: Caller,
    pub(super) progress: Mutex<Progress>,
    /// Jobs that led here, each enqueued by the one before without a pause.
    depth: i64,
}

/// Most jobs and callbacks of an account that wait.
const MOST_WAITING: i64 = 10_000;
/// Most jobs that are enqueued one by the other, with less than [`PAUSE`] seconds between.
const MOST_IN_A_ROW: i64 = 1_000;
const PAUSE: u32 = 60;

/// Longest that a value or blob may live, in seconds: 400 days.
const LONGEST: i64 = 400 * 24 * 3600;

impl Ledgered {
    /// For a call that begins.
    pub fn new(app: Arc<App>, call: CallId, caller: Caller, keys: Vec<String>) -> Self {
        Self {
            app,
            call,
            caller,
            progress: Mutex::new(Progress {
                unclaimed: keys.clone(),
                keys,
                lines: "[]".to_owned(),
                ..Progress::default()
            }),
            depth: 0,
        }
    }

    /// For a job run or hook that goes on with a call which has begun.
    pub fn resuming(app: Arc<App>, call: CallId, caller: Caller) -> Self {
        let progress = Progress { begun: true, uncounted: true, lines: "[]".to_owned(), ..Progress::default() };
        Self { app, call, caller, progress: Mutex::new(progress), depth: 0 }
    }

    /// The same for a job that takes up a hold of which this is known.
    pub fn with_hold(self, hold: Option<(HoldId, OfHold)>) -> Self {
        self.progress().of_holds.extend(hold);
        self
    }

    /// The same for a job that comes after others; see [`NewJob::depth`].
    pub fn at_depth(mut self, depth: i64) -> Self {
        self.depth = depth;
        self
    }

    /// What is staged and not stored yet.
    pub fn staged(&self) -> Vec<Statement> {
        self.progress().staged.statements(self.caller.service.id)
    }

    /// The call that it serves.
    pub fn call_id(&self) -> CallId {
        self.call
    }

    /// The service whose plugin runs.
    pub fn service(&self) -> ServiceId {
        self.caller.service.id
    }

    /// Name of the service whose plugin runs.
    pub fn service_name(&self) -> &str {
        &self.caller.service.name
    }

    /// The account's standing, as the contract names it.
    pub fn standing(&self) -> &str {
        self.caller.met.as_ref().map_or("active", |met| met.standing.code())
    }

    /// Properties for the plugin.
    pub fn properties(&self) -> &[(String, String)] {
        &self.caller.properties
    }

    /// Stores what is staged, and more with it: the end of a hook.
    pub async fn flush(&self, more: Vec<Statement>) -> Result<(), iap_store::StoreError> {
        let mut staged = self.staged();
        staged.extend(more);
        if !staged.is_empty() {
            self.store().write(staged).await?;
            self.progress().stored();
        }
        Ok(())
    }

    /// Whether something may come after the call that needs its documents: a hold was obtained, or work enqueued.
    pub fn left_work(&self) -> bool {
        let progress = self.progress();
        progress.begun || progress.enqueued
    }

    /// Where the service keeps documents of the caller.
    fn shelf(&self) -> Shelf {
        let quota = self.caller.service.release.as_ref().map_or(0, |release| release.manifest().permissions.blobs);
        Shelf { service: self.caller.service.id, account: self.account(), quota }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self) -> &Store {
        &self.app.store
    }

    pub(super) fn time(&self) -> Time {
        self.app.store.clock().now()
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        Some(self.caller.met.as_ref()?.account.as_ref()?.id)
    }

    /// Where a scope's values are. A dbuuid proves nothing, so only accounts that the database itself or the operator
    /// opened share what is kept for the database; any other has a place of its own.
    fn database(&self, scope: Scope) -> Result<i64, Denied> {
        let nobody = || Denied {
            code: "no-database",
            message: "the call is from no known database; use the service scope".to_owned(),
        };
        match scope {
            Scope::Service => Ok(0),
            Scope::Database => {
                let account = self.caller.met.as_ref().and_then(|met| met.account.as_ref()).ok_or_else(nobody)?;
                match account.database {
                    Some(home) if account.vouched => Ok(home.0),
                    _ => Ok(-account.id.0),
                }
            }
        }
    }

    fn expiry(&self, ttl: Option<u32>) -> Time {
        ttl.map_or(Time::NEVER, |seconds| self.time().plus_seconds(i64::from(seconds).min(LONGEST)))
    }

    async fn within_quota(&self, database: i64, key: &str, added: usize) -> Result<Result<(), Denied>, HostFault> {
        let quota = self.caller.service.release.as_ref().map_or(0, |release| release.manifest().permissions.store);
        let used = self.store().store_values().usage(self.caller.service.id, database).await.map_err(fault)?;
        let pending = self.progress().staged.bytes(database);
        let total = u64::try_from(used)
            .unwrap_or(0)
            .saturating_add(u64::try_from(pending + key.len() + added).unwrap_or(u64::MAX));
        if total <= quota {
            return Ok(Ok(()));
        }
        // What the value replaces is counted already. Looked up only here, since most values are far from the quota.
        let staged = self.progress().staged.get(database, key).map(|own| own.map(<[u8]>::len));
        let replaced = match staged {
            Some(own) => own,
            None => self
                .store()
                .store_values()
                .get(self.caller.service.id, database, key)
                .await
                .map_err(fault)?
                .map(|value| value.len()),
        };
        let total =
            total.saturating_sub(replaced.map_or(0, |bytes| u64::try_from(key.len() + bytes).unwrap_or(u64::MAX)));
        Ok(if total <= quota {
            Ok(())
        } else {
            let message = format!(
                "{total} bytes would be stored and [permissions] store allows {quota}; delete some, give values a ttl, or raise it"
            );
            Err(Denied { code: "over-quota", message })
        })
    }

    fn own_blob(&self, id: &str) -> Result<BlobId, Denied> {
        id.parse().map_err(|_| unknown_blob(id))
    }

    async fn find_blob(&self, id: &str) -> Result<Result<BlobRow, Denied>, HostFault> {
        let parsed = match self.own_blob(id) {
            Ok(parsed) => parsed,
            Err(denied) => return Ok(Err(denied)),
        };
        let found = self.store().blobs().get(parsed, self.caller.service.id, self.account()).await.map_err(fault)?;
        Ok(found.ok_or_else(|| unknown_blob(id)))
    }

    pub(super) fn new_job(&self, kind: &'static str, name: String, payload: Vec<u8>) -> NewJob {
        let at = self.time();
        NewJob {
            id: self.store().ids().job(),
            kind,
            service: self.caller.service.id,
            account: self.account(),
            call: self.caller.met.is_some().then_some(self.call),
            name,
            payload,
            hold: None,
            free: self.caller.free,
            context: self.job_context(None),
            dedupe_key: None,
            order_key: None,
            depth: 0,
            run_at: at,
            at,
        }
    }

    /// What a job needs to know, with what is known of its hold.
    pub(super) fn job_context(&self, hold: Option<OfHold>) -> String {
        JobContext { properties: self.caller.properties.clone(), hold }.write()
    }

    /// Whether an account may have another job waiting.
    async fn room_for_job(
        &self,
        account: Option<AccountId>,
        code: &'static str,
    ) -> Result<Result<(), Denied>, HostFault> {
        let queue = queue_of(self.caller.service.id, account);
        let known = self.progress().waiting.get(&queue).copied();
        // Counted once for a call, which may enqueue many.
        let waiting = match known {
            Some(waiting) => waiting,
            None => self.store().jobs().waiting_in(queue, MOST_WAITING).await.map_err(fault)?,
        };
        if waiting < MOST_WAITING {
            let mut progress = self.progress();
            progress.waiting.insert(queue, waiting + 1);
            progress.enqueued = true;
            return Ok(Ok(()));
        }
        let message =
            format!("{MOST_WAITING} jobs and callbacks of the account are waiting; enqueue more when some are done");
        Ok(Err(Denied { code, message }))
    }

    /// Whether a callback may go to the origin of `url` for an account of this service.
    async fn may_call_back(&self, account: AccountId, url: &Url) -> Result<Result<(), Denied>, HostFault> {
        let deny = |code, message: &str| Ok(Err(Denied { code, message: message.to_owned() }));
        let store = self.store();
        let Some(row) =
            store.accounts().get(account).await.map_err(fault)?.filter(|row| row.service == self.caller.service.id)
        else {
            return deny("unknown-account", "no account of this service has that reference");
        };
        let database = match row.database {
            Some(id) => store.databases().get(id).await.map_err(fault)?,
            None => None,
        };
        let hosting = accounts::hosting_of(database.as_ref(), &self.app.config);
        if let Some((_, message)) = accounts::ask(Door::Callback, &self.caller.service, hosting, Some(&row)).refusal() {
            return deny("not-granted", message);
        }
        let origin = url.origin();
        let given = |text: &str| Url::parse(text).is_ok_and(|other| other.origin() == origin);
        let by_call = self.account() == Some(account) && self.caller.callback_url.as_deref().is_some_and(given);
        let by_operator = database.and_then(|row| row.declaration.base_url).is_some_and(|base| given(&base));
        if by_call
            || by_operator
            || store.accounts().has_origin(account, &origin.ascii_serialization()).await.map_err(fault)?
        {
            return Ok(Ok(()));
        }
        deny(
            "origin-refused",
            "the database never gave that origin: a callback goes only to its base_url or to the webhook or referrer URL of one of its calls",
        )
    }
}

pub(super) fn fault(error: impl std::error::Error + Send + Sync + 'static) -> HostFault {
    HostFault(anyhow::Error::new(error))
}

fn unknown_blob(id: &str) -> Denied {
    Denied { code: "unknown-blob", message: format!("there is no blob {id:?}, or its time is up") }
}

fn info(row: BlobRow) -> BlobInfo {
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    BlobInfo {
        id: row.id,
        content_type: row.content_type,
        size: positive(row.size),
        expires_at: positive(row.expires_at.millis()),
    }
}

impl Backend for Ledgered {
    fn authorize(&self, lines: Vec<Line>, options: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        Box::pin(super::billing::authorize(self, lines, options))
    }

    fn capture(&self, hold: HoldId, lines: Vec<Line>, details: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        Box::pin(super::billing::capture(self, hold, lines, details))
    }

    fn release(&self, hold: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        Box::pin(super::billing::release(self, hold))
    }

    fn keep(&self, hold: HoldId, ttl: u32, remember: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        Box::pin(super::billing::keep(self, hold, ttl, remember))
    }

    fn resume(&self, hold: HoldId) -> Answer<'_, Credits, Refusal> {
        Box::pin(super::billing::resume(self, hold))
    }

    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        Box::pin(async move {
            let Some(account) = self.account() else { return Ok(Credits::ZERO) };
            let row = self.store().accounts().get(account).await.map_err(fault)?;
            Ok(row.map_or(Credits::ZERO, |row| row.available))
        })
    }

    fn store_get(&self, scope: Scope, key: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        Box::pin(async move {
            let database = match self.database(scope) {
                Ok(database) => database,
                Err(denied) => return Ok(Err(denied)),
            };
            if let Some(own) = self.progress().staged.get(database, &key) {
                return Ok(Ok(own.map(<[u8]>::to_vec)));
            }
            self.store().store_values().get(self.caller.service.id, database, &key).await.map(Ok).map_err(fault)
        })
    }

    fn store_set(&self, scope: Scope, key: String, value: Vec<u8>, ttl: Option<u32>) -> Answer<'_, (), Denied> {
        Box::pin(async move {
            let database = match self.database(scope) {
                Ok(database) => database,
                Err(denied) => return Ok(Err(denied)),
            };
            if let Err(denied) = self.within_quota(database, &key, value.len()).await? {
                return Ok(Err(denied));
            }
            let expires_at = self.expiry(ttl);
            self.progress().staged.set(database, key, value, expires_at);
            Ok(Ok(()))
        })
    }

    fn store_compare_and_set(
        &self,
        scope: Scope,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        Box::pin(async move {
            let database = match self.database(scope) {
                Ok(database) => database,
                Err(denied) => return Ok(Err(denied)),
            };
            if let Some(value) = &value
                && let Err(denied) = self.within_quota(database, &key, value.len()).await?
            {
                return Ok(Err(denied));
            }
            if expected.is_none() && value.is_none() {
                let present =
                    self.store().store_values().get(self.caller.service.id, database, &key).await.map_err(fault)?;
                return Ok(Ok(present.is_none()));
            }
            // What the call itself staged comes first, and must be visible to the comparison.
            let mut statements = self.progress().staged.statements(self.caller.service.id);
            let place = statements.len();
            statements.push(StoreValues::compare_and_set(
                self.caller.service.id,
                database,
                &key,
                expected,
                value,
                self.expiry(ttl),
                self.time(),
            ));
            let written = self.store().write(statements).await.map_err(fault)?;
            self.progress().stored();
            Ok(Ok(written.get(place).is_some_and(|written| written.affected == 1)))
        })
    }

    fn store_delete(&self, scope: Scope, key: String) -> Answer<'_, (), Denied> {
        Box::pin(async move { Ok(self.database(scope).map(|database| self.progress().staged.delete(database, key))) })
    }

    fn store_list(&self, scope: Scope, prefix: String, after: String, limit: u32) -> Answer<'_, Vec<String>, Denied> {
        Box::pin(async move {
            let database = match self.database(scope) {
                Ok(database) => database,
                Err(denied) => return Ok(Err(denied)),
            };
            // Staged deletions may hide stored keys, so as many more are read.
            let own: Vec<(String, bool)> =
                self.progress().staged.keys(database, &prefix).map(|(key, set)| (key.to_owned(), set)).collect();
            let most = usize::try_from(limit.min(1_000)).unwrap_or(0);
            let wanted = i64::try_from(most + own.len()).unwrap_or(i64::MAX);
            let stored = self
                .store()
                .store_values()
                .list(self.caller.service.id, database, &prefix, &after, wanted)
                .await
                .map_err(fault)?;
            let mut keys: std::collections::BTreeSet<String> = stored.into_iter().collect();
            for (key, set) in own {
                if !set {
                    keys.remove(&key);
                } else if after < key {
                    keys.insert(key);
                }
            }
            Ok(Ok(keys.into_iter().take(most).collect()))
        })
    }

    fn blob_put(&self, content_type: String, bytes: Vec<u8>, ttl: u32) -> Answer<'_, BlobInfo, Denied> {
        Box::pin(async move {
            let shelf = self.shelf();
            let row = shelf.new_row(self.store().ids().blob(), &content_type, bytes.len(), self.expiry(Some(ttl)));
            match shelf.put(self.store(), &self.app.keys, &row, |number| blobs::chunk_of(&bytes, number)).await {
                Ok(()) => Ok(Ok(info(row))),
                Err(Kept::OverQuota(message)) => Ok(Err(Denied { code: "over-quota", message })),
                Err(error) => Err(fault(error)),
            }
        })
    }

    fn blob_stat(&self, id: String) -> Answer<'_, BlobInfo, Denied> {
        Box::pin(async move { Ok(self.find_blob(&id).await?.map(info)) })
    }

    fn blob_read(&self, id: String, offset: u64, length: u32) -> Answer<'_, Vec<u8>, Denied> {
        Box::pin(async move {
            let blob = match self.find_blob(&id).await? {
                Ok(blob) => blob,
                Err(denied) => return Ok(Err(denied)),
            };
            match i64::try_from(offset) {
                Ok(offset) if offset <= blob.size => {
                    let offset = u64::try_from(offset).unwrap_or(u64::MAX);
                    Shelf::read(self.store(), &self.app.keys, &blob, offset, u64::from(length))
                        .await
                        .map(Ok)
                        .map_err(fault)
                }
                _ => Ok(Err(Denied {
                    code: "bad-range",
                    message: format!("offset {offset} is beyond the blob's {} bytes", blob.size),
                })),
            }
        })
    }

    fn blob_delete(&self, id: String) -> Answer<'_, (), Denied> {
        Box::pin(async move {
            let blob = match self.find_blob(&id).await? {
                Ok(blob) => blob,
                Err(denied) => return Ok(Err(denied)),
            };
            self.store().write(vec![Blobs::delete(blob.id)]).await.map(|_| Ok(())).map_err(fault)
        })
    }

    fn enqueue(&self, name: String, payload: Vec<u8>, options: JobOptions) -> Answer<'_, JobId, Denied> {
        Box::pin(async move {
            let mut job = self.new_job("plugin", name, payload);
            job.run_at = job.at.plus_seconds(i64::from(options.delay));
            // Who waits a while between jobs may go on for ever.
            job.depth = if PAUSE <= options.delay { 0 } else { self.depth };
            if MOST_IN_A_ROW < job.depth {
                let message = format!(
                    "{MOST_IN_A_ROW} jobs were enqueued one by the other; end the row, or give the next a delay of {PAUSE} s or more"
                );
                return Ok(Err(Denied { code: "too-many-jobs", message }));
            }
            if let Err(denied) = self.room_for_job(job.account, "too-many-jobs").await? {
                return Ok(Err(denied));
            }
            (job.hold, job.dedupe_key) = (options.hold, options.dedupe_key);
            let (id, hold) = (job.id, job.hold);
            let mut progress = self.progress();
            if let Some(of) = hold.and_then(|hold| progress.of_holds.get(&hold)) {
                job.context = self.job_context(Some(of.clone()));
            }
            progress.staged.push(Jobs::enqueue(job));
            progress.job_holds.extend(hold);
            Ok(Ok(id))
        })
    }

    fn callback(&self, message: CallbackMessage) -> Answer<'_, JobId, Denied> {
        Box::pin(async move {
            let deny = |code, message: String| Ok(Err(Denied { code, message }));
            let Ok(account) = message.account_ref.parse::<AccountId>() else {
                return deny("unknown-account", "no account of this service has that reference".to_owned());
            };
            let url = match Url::parse(&message.url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
                _ => return deny("bad-url", "the URL must be absolute, with http or https".to_owned()),
            };
            if let Err(denied) = self.may_call_back(account, &url).await? {
                return Ok(Err(denied));
            }
            if let Err(denied) = self.room_for_job(Some(account), "too-many-callbacks").await? {
                return Ok(Err(denied));
            }
            let mut job = self.new_job("callback", url.into(), message.body);
            job.account = Some(account);
            job.order_key = message.order;
            job.context =
                serde_json::json!({ "content_type": message.content_type, "json_rpc": message.json_rpc }).to_string();
            let id = job.id;
            self.progress().staged.push(Jobs::enqueue(job));
            Ok(Ok(id))
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.time().millis()).unwrap_or(0)
    }

    fn random(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system gives random bytes");
    }

    fn log(&self, level: Level, message: &str) {
        let (service, call) = (self.caller.service.name.as_str(), self.call);
        self.app.logs.add(NewPluginLog {
            service: self.caller.service.id,
            release: self.caller.service.release.as_ref().map(|release| release.id),
            call: call.to_string(),
            level: match level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            },
            message: message.to_owned(),
            at: self.time(),
        });
        match level {
            Level::Debug => tracing::debug!(service, call.id = %call, "{message}"),
            Level::Info => tracing::info!(service, call.id = %call, "{message}"),
            Level::Warn => tracing::warn!(service, call.id = %call, "{message}"),
            Level::Error => tracing::error!(service, call.id = %call, "{message}"),
        }
    }
}
