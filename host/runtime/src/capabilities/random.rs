//! `random`: bytes fit for secrets.

use crate::{bindings::random, call::CallState};

const MOST: u32 = 1_024;

impl random::Host for CallState {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.enter()?;
        let mut bytes = vec![0; usize::try_from(length.min(MOST))?];
        self.backend.random(&mut bytes);
        Ok(bytes)
    }
}
