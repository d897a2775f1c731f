//! `clock`: the time.

use crate::{bindings::clock, call::CallState};

impl clock::Host for CallState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.enter()?;
        Ok(self.backend.now())
    }
}
