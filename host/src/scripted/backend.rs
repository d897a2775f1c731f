//! What a plugin's capabilities do on a scripted host: everything at once, in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iap_core::{
    Credits, Time,
    ids::{BlobId, CallId, HoldId, JobId},
    manifest::Manifest,
};
use iap_runtime::backend::{
    Answer, AuthorizeOptions, Authorized, Backend, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied,
    HostFault, JobOptions, Level, Line, Refusal, Remembered, Scope,
};
use url::Url;

use super::world::{ACCOUNT, Blob, HoldState, Posted, Queued, Value, World};

/// Most jobs that are enqueued one by the other, with less than [`PAUSE`] seconds between.
const MOST_IN_A_ROW: u32 = 1_000;
const PAUSE: u32 = 60;

/// One run of a plugin's export, on the world that runs share.
pub(super) struct Run {
    pub world: Arc<Mutex<World>>,
    pub manifest: Arc<Manifest>,
    pub call: CallId,
    /// A hook has no account.
    pub has_account: bool,
    pub free: bool,
    /// See [`Queued::depth`].
    pub depth: u32,
}

impl Run {
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    fn quota(&self, world: &World, own: bool, key: &str, added: usize) -> Result<(), Denied> {
        let others = world.current.values.iter().filter(|((of, name), _)| *of == own && name != key);
        let used: usize = others.map(|((_, name), value)| name.len() + value.bytes.len()).sum();
        let (total, quota) = (bytes(used + key.len() + added), self.manifest.permissions.store);
        if total <= quota {
            return Ok(());
        }
        let message = format!(
            "{total} bytes would be stored and [permissions] store allows {quota}; delete some, give values a ttl, or raise it"
        );
        Err(Denied { code: "over-quota", message })
    }

    fn put(&self, own: bool, key: String, value: Vec<u8>, ttl: Option<u32>) -> Result<(), Denied> {
        let mut world = self.world();
        self.quota(&world, own, &key, value.len())?;
        let expires_at = ttl.map_or(Time::NEVER, |seconds| world.now.plus_seconds(i64::from(seconds)));
        world.current.values.insert((own, key), Value { bytes: value, expires_at });
        Ok(())
    }

    fn own(&self, scope: Scope) -> bool {
        scope == Scope::Database
    }
}

/// The world, also after a panic of somebody who held it.
pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn at_once<'a, T: Send + 'a, E: Send + 'a>(answer: Result<T, E>) -> Answer<'a, T, E> {
    Box::pin(async move { Ok(answer) })
}

fn unknown_blob(id: &str) -> Denied {
    Denied { code: "unknown-blob", message: format!("there is no blob {id:?}, or its time is up") }
}

fn find_blob<'a>(world: &'a World, id: &str) -> Result<(BlobId, &'a Blob), Denied> {
    let parsed: BlobId = id.parse().map_err(|_| unknown_blob(id))?;
    world.blobs.get(&parsed).map(|blob| (parsed, blob)).ok_or_else(|| unknown_blob(id))
}

fn info(id: BlobId, blob: &Blob) -> BlobInfo {
    BlobInfo {
        id,
        content_type: blob.content_type.clone(),
        size: bytes(blob.bytes.len()),
        expires_at: u64::try_from(blob.expires_at.millis()).unwrap_or(0),
    }
}

impl Backend for Run {
    fn authorize(&self, lines: Vec<Line>, options: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        at_once(self.world().authorize(self.call, &lines, options))
    }

    fn capture(&self, hold: HoldId, lines: Vec<Line>, details: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        at_once(self.world().capture(self.call, hold, &lines, details))
    }

    fn release(&self, hold: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        self.world().end(hold, HoldState::Released);
        Box::pin(async { Ok(()) })
    }

    fn keep(&self, hold: HoldId, ttl: u32, remember: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        at_once(self.world().keep(self.call, hold, ttl, remember))
    }

    fn resume(&self, hold: HoldId) -> Answer<'_, Credits, Refusal> {
        let longest = i64::try_from(self.manifest.limits.job_time.as_secs()).unwrap_or(0);
        at_once(self.world().resume(self.call, hold, longest))
    }

    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        let available = if self.has_account { self.world().available } else { Credits::ZERO };
        Box::pin(async move { Ok(available) })
    }

    fn store_get(&self, scope: Scope, key: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        let found = self.world().current.values.get(&(self.own(scope), key)).map(|value| value.bytes.clone());
        at_once(Ok(found))
    }

    fn store_set(&self, scope: Scope, key: String, value: Vec<u8>, ttl: Option<u32>) -> Answer<'_, (), Denied> {
        at_once(self.put(self.own(scope), key, value, ttl))
    }

    fn store_compare_and_set(
        &self,
        scope: Scope,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        let own = self.own(scope);
        let place = (own, key.clone());
        let present = self.world().current.values.get(&place).map(|value| value.bytes.clone());
        if present != expected {
            return at_once(Ok(false));
        }
        let done = match value {
            Some(value) => self.put(own, key, value, ttl),
            None => {
                self.world().current.values.remove(&place);
                Ok(())
            }
        };
        if done.is_ok() {
            // What was staged before is stored with it, as on a real host.
            self.world().store();
        }
        at_once(done.map(|()| true))
    }

    fn store_delete(&self, scope: Scope, key: String) -> Answer<'_, (), Denied> {
        self.world().current.values.remove(&(self.own(scope), key));
        at_once(Ok(()))
    }

    fn store_list(&self, scope: Scope, prefix: String, after: String, limit: u32) -> Answer<'_, Vec<String>, Denied> {
        let (own, most) = (self.own(scope), usize::try_from(limit.min(1_000)).unwrap_or(0));
        let world = self.world();
        let keys =
            world.current.values.keys().filter(|(of, key)| *of == own && key.starts_with(&prefix) && after < *key);
        let keys = keys.map(|(_, key)| key.clone()).take(most).collect();
        drop(world);
        at_once(Ok(keys))
    }

    fn blob_put(&self, content_type: String, bytes: Vec<u8>, ttl: u32) -> Answer<'_, BlobInfo, Denied> {
        let mut world = self.world();
        let used: usize = world.blobs.values().map(|blob| blob.bytes.len()).sum();
        let (total, quota) = (self::bytes(used + bytes.len()), self.manifest.permissions.blobs);
        if quota < total {
            let message = format!("{total} bytes would be stored and [permissions] blobs allows {quota}");
            return at_once(Err(Denied { code: "over-quota", message }));
        }
        let id = BlobId(world.id());
        let blob = Blob { content_type, bytes, expires_at: world.now.plus_seconds(i64::from(ttl)) };
        let told = info(id, &blob);
        world.blobs.insert(id, blob);
        drop(world);
        at_once(Ok(told))
    }

    fn blob_stat(&self, id: String) -> Answer<'_, BlobInfo, Denied> {
        at_once(find_blob(&self.world(), &id).map(|(id, blob)| info(id, blob)))
    }

    fn blob_read(&self, id: String, offset: u64, length: u32) -> Answer<'_, Vec<u8>, Denied> {
        let read = find_blob(&self.world(), &id).and_then(|(_, blob)| {
            let size = bytes(blob.bytes.len());
            if size < offset {
                let message = format!("offset {offset} is beyond the blob's {size} bytes");
                return Err(Denied { code: "bad-range", message });
            }
            let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let end = offset.saturating_add(u64::from(length)).min(size);
            Ok(blob.bytes[place(offset)..place(end)].to_vec())
        });
        at_once(read)
    }

    fn blob_delete(&self, id: String) -> Answer<'_, (), Denied> {
        let mut world = self.world();
        let found = find_blob(&world, &id).map(|(id, _)| id);
        let deleted = found.map(|id| {
            world.blobs.remove(&id);
        });
        drop(world);
        at_once(deleted)
    }

    fn enqueue(&self, name: String, payload: Vec<u8>, options: JobOptions) -> Answer<'_, JobId, Denied> {
        let depth = if PAUSE <= options.delay { 0 } else { self.depth };
        if MOST_IN_A_ROW < depth {
            let message = format!(
                "{MOST_IN_A_ROW} jobs were enqueued one by the other; end the row, or give the next a delay of {PAUSE} s or more"
            );
            return at_once(Err(Denied { code: "too-many-jobs", message }));
        }
        let mut world = self.world();
        let id = JobId(world.id());
        let twice = |job: &Queued| job.dedupe_key.is_some() && job.dedupe_key == options.dedupe_key;
        if !world.current.jobs.iter().any(twice) {
            let run_at = world.now.plus_seconds(i64::from(options.delay));
            world.current.enqueued.push(name.clone());
            world.current.jobs.push(Queued {
                id,
                call: self.has_account.then_some(self.call),
                name,
                payload,
                hold: options.hold,
                dedupe_key: options.dedupe_key,
                run_at,
                attempts: 0,
                free: self.free,
                depth: depth + 1,
            });
        }
        drop(world);
        at_once(Ok(id))
    }

    fn callback(&self, message: CallbackMessage) -> Answer<'_, JobId, Denied> {
        let mut world = self.world();
        let denied = if message.account_ref != ACCOUNT.to_string() {
            Some(("unknown-account", "no account of this service has that reference"))
        } else if Url::parse(&message.url).is_ok_and(|url| world.origins.contains(&url.origin().ascii_serialization()))
        {
            None
        } else {
            Some((
                "origin-refused",
                "the database never gave that origin: callback_url of the test says which it gives",
            ))
        };
        if let Some((code, message)) = denied {
            return at_once(Err(Denied { code, message: message.to_owned() }));
        }
        let CallbackMessage { url, content_type, body, .. } = message;
        world.current.callbacks.push(Posted { url, content_type, body });
        let id = JobId(world.id());
        drop(world);
        at_once(Ok(id))
    }

    fn now(&self) -> u64 {
        let mut world = self.world();
        world.moment();
        u64::try_from(world.now.millis()).unwrap_or(0)
    }

    fn random(&self, buffer: &mut [u8]) {
        self.world().random(buffer);
    }

    fn log(&self, level: Level, message: &str) {
        self.world().logs.push((level, message.to_owned()));
    }
}
