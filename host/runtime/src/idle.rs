//! A backend that keeps nothing: for an instance that nobody calls, and to measure the sandbox alone.

use std::sync::atomic::{AtomicI64, Ordering};

use iap_core::{
    Credits,
    ids::{HoldId, JobId},
};

use crate::backend::{
    Answer, AuthorizeOptions, Authorized, Backend, BlobInfo, BoxFuture, CallbackMessage, CaptureDetails, Denied,
    HostFault, JobOptions, Level, Line, Refusal, Remembered, Scope,
};

/// Keeps nothing. Either it refuses every hold, or it gives any.
#[derive(Debug, Default)]
pub struct Idle {
    /// The number of the next hold; none if it gives none.
    holds: Option<AtomicI64>,
}

impl Idle {
    /// Gives nothing at all.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Gives any hold, of one credit, and captures it.
    pub fn generous() -> Self {
        Self { holds: Some(AtomicI64::new(0)) }
    }

    fn given<T: Send + 'static>(&self, value: T) -> Answer<'static, T, Refusal> {
        let refusal = || Refusal {
            code: "account-disabled".to_owned(),
            message: "nobody has called".to_owned(),
            details: Vec::new(),
        };
        let answer = if self.holds.is_some() { Ok(value) } else { Err(refusal()) };
        Box::pin(async { Ok(answer) })
    }
}

fn denied<T: Send + 'static>() -> Answer<'static, T, Denied> {
    Box::pin(async { Ok(Err(Denied { code: "not-granted", message: "nothing is kept here".to_owned() })) })
}

impl Backend for Idle {
    fn authorize(&self, _: Vec<Line>, _: AuthorizeOptions) -> Answer<'_, Authorized, Refusal> {
        let next = self.holds.as_ref().map_or(0, |next| next.fetch_add(1, Ordering::Relaxed));
        self.given(Authorized::Hold { id: HoldId(next), amount: Credits::whole(1) })
    }
    fn capture(&self, _: HoldId, _: Vec<Line>, _: CaptureDetails) -> Answer<'_, Credits, Refusal> {
        self.given(Credits::whole(1))
    }
    fn release(&self, _: HoldId) -> BoxFuture<'_, Result<(), HostFault>> {
        Box::pin(async { Ok(()) })
    }
    fn keep(&self, _: HoldId, _: u32, _: Vec<Remembered>) -> Answer<'_, (), Refusal> {
        self.given(())
    }
    fn resume(&self, _: HoldId) -> Answer<'_, Credits, Refusal> {
        self.given(Credits::whole(1))
    }
    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>> {
        let balance = if self.holds.is_some() { Credits::whole(1) } else { Credits::ZERO };
        Box::pin(async move { Ok(balance) })
    }
    fn store_get(&self, _: Scope, _: String) -> Answer<'_, Option<Vec<u8>>, Denied> {
        denied()
    }
    fn store_set(&self, _: Scope, _: String, _: Vec<u8>, _: Option<u32>) -> Answer<'_, (), Denied> {
        denied()
    }
    fn store_compare_and_set(
        &self,
        _: Scope,
        _: String,
        _: Option<Vec<u8>>,
        _: Option<Vec<u8>>,
        _: Option<u32>,
    ) -> Answer<'_, bool, Denied> {
        denied()
    }
    fn store_delete(&self, _: Scope, _: String) -> Answer<'_, (), Denied> {
        denied()
    }
    fn store_list(&self, _: Scope, _: String, _: String, _: u32) -> Answer<'_, Vec<String>, Denied> {
        denied()
    }
    fn blob_put(&self, _: String, _: Vec<u8>, _: u32) -> Answer<'_, BlobInfo, Denied> {
        denied()
    }
    fn blob_stat(&self, _: String) -> Answer<'_, BlobInfo, Denied> {
        denied()
    }
    fn blob_read(&self, _: String, _: u64, _: u32) -> Answer<'_, Vec<u8>, Denied> {
        denied()
    }
    fn blob_delete(&self, _: String) -> Answer<'_, (), Denied> {
        denied()
    }
    fn enqueue(&self, _: String, _: Vec<u8>, _: JobOptions) -> Answer<'_, JobId, Denied> {
        denied()
    }
    fn callback(&self, _: CallbackMessage) -> Answer<'_, JobId, Denied> {
        denied()
    }
    fn now(&self) -> u64 {
        0
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
    fn log(&self, _: Level, _: &str) {}
}
