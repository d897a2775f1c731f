//! A host that is scripted.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use iap_core::{
    Credits,
    ids::{HoldId, JobId},
};
use iap_runtime::{
    Backend,
    backend::{
        Answer, AuthorizeOptions, Authorized, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied, HostFault,
        JobOptions, Level, Line, Refusal, Remembered, Scope,
    },
};

/// A host that gives out numbered holds for a credit a unit, and writes down what it was asked.
#[derive(Default)]
pub struct Scripted {
    holds: AtomicI64,
    said: Mutex<Vec<String>>,
    log: Mutex<Vec<String>>,
    stored: AtomicUsize,
    /// The ledger answers only after this long.
    ledger_delay: Duration,
    /// The ledger is down.
    pub down: AtomicBool,
    pub panics: AtomicBool,
}

impl Scripted {
    /// One whose ledger answers only after `ledger_delay`.
    pub fn slow(ledger_delay: Duration) -> Self {
        Self { ledger_delay, ..Self::default() }
    }

    fn say(&self, what: String) {
        self.said.lock().unwrap().push(what);
    }

    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    pub fn logged(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn price(lines: &[Line]) -> Result<Credits, Refusal> {
    let units = lines.iter().map(|line| line.units).sum::<u64>();
    match lines.iter().find(|line| !matches!(line.item.as_str(), "unit" | "message")) {
        Some(line) => {
            let message = format!("{} has no price", line.item);
            Err(Refusal { code: "unknown-price".to_owned(), message, details: Vec::new() })
        }
        None => Ok(Credits::whole(i64::try_from(units).unwrap())),
    }
}

/// An answer at once.
fn now<T: Send + 'static, E: Send + 'static>(answer: Result<T, E>) -> Answer<'static, T, E> {
    Box::pin(async move { Ok(answer) })
}

fn none<T: Send + 'static>() -> Answer<'static, T, Denied> {
    now(Err(Denied { code: "not-granted", message: "not in this test".to_owned() }))
}

impl Backend for Scripted {
    fn authorize(&self, lines: Vec<Line>, _: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        Box::pin(async move {
            if !self.ledger_delay.is_zero() {
                tokio::time::sleep(self.ledger_delay).await;
            }
            assert!(!self.panics.load(Ordering::Relaxed), "the ledger panics on purpose");
            if self.down.load(Ordering::Relaxed) {
                return Err(HostFault(anyhow::anyhow!("the ledger is down")));
            }
            Ok(price(&lines).map(|amount| {
                let id = HoldId(self.holds.fetch_add(1, Ordering::Relaxed) + 1);
                self.say(format!("authorize {id} {amount}"));
                Authorized::Hold { id, amount }
            }))
        })
    }

    fn capture(&self, hold: HoldId, lines: Vec<Line>, _: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        let answer = price(&lines);
        self.say(format!("capture {hold}"));
        now(answer)
    }

    fn release(&self, hold: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        self.say(format!("release {hold}"));
        Box::pin(async { Ok(()) })
    }

    fn keep(&self, _: HoldId, _: u32, _: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        now(Ok(()))
    }

    fn resume(&self, _: HoldId) -> Answer<'_, Credits, Refusal> {
        now(Ok(Credits::whole(1)))
    }

    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        Box::pin(async { Ok(Credits::whole(50)) })
    }

    fn store_get(&self, _: Scope, _: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        now(Ok(None))
    }

    fn store_set(&self, _: Scope, _: String, value: Vec<u8>, _: Option<u32>) -> Answer<'_, (), Denied> {
        let bytes = self.stored.fetch_add(value.len(), Ordering::Relaxed) + value.len();
        let full = Denied { code: "over-quota", message: "64 KiB".to_owned() };
        now(if bytes <= 64 << 10 { Ok(()) } else { Err(full) })
    }

    fn store_compare_and_set(
        &self,
        _: Scope,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<Vec<u8>>,
        _: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        none()
    }

    fn store_delete(&self, _: Scope, _: String) -> Answer<'_, (), Denied> {
        none()
    }

    fn store_list(&self, _: Scope, _: String, _: String, _: u32) -> Answer<'_, Vec<String>, Denied> {
        none()
    }

    fn blob_put(&self, _: String, _: Vec<u8>, _: u32) -> Answer<'_, BlobInfo, Denied> {
        none()
    }

    fn blob_stat(&self, _: String) -> Answer<'_, BlobInfo, Denied> {
        none()
    }

    fn blob_read(&self, _: String, _: u64, _: u32) -> Answer<'_, Vec<u8>, Denied> {
        none()
    }

    fn blob_delete(&self, _: String) -> Answer<'_, (), Denied> {
        none()
    }

    fn enqueue(&self, _: String, _: Vec<u8>, _: JobOptions) -> Answer<'_, JobId, Denied> {
        none()
    }

    fn callback(&self, _: CallbackMessage) -> Answer<'_, JobId, Denied> {
        none()
    }

    fn now(&self) -> u64 {
        assert!(!self.panics.load(Ordering::Relaxed), "the clock panics on purpose");
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    }

    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(4);
    }

    fn log(&self, _: Level, message: &str) {
        self.log.lock().unwrap().push(message.to_owned());
    }
}
