//! `store`: small values that outlive the call.

use crate::{
    backend::{Denied, Scope},
    bindings::store,
    call::{CallState, host_fault},
    limits::Kind,
    settings::Permission,
};

const MOST_KEY: usize = 256;
const MOST_VALUE: usize = 64 << 10;
const MOST_LISTED: u32 = 1_000;

impl From<store::Scope> for Scope {
    fn from(scope: store::Scope) -> Self {
        match scope {
            store::Scope::Service => Self::Service,
            store::Scope::Database => Self::Database,
        }
    }
}

impl From<Denied> for store::Error {
    fn from(denied: Denied) -> Self {
        Self { code: denied.code.to_owned(), message: denied.message }
    }
}

fn error(code: &str, message: impl Into<String>) -> store::Error {
    store::Error { code: code.to_owned(), message: message.into() }
}

impl CallState {
    fn may_read_store(&self, scope: store::Scope) -> Result<(), store::Error> {
        if self.settings.permissions.store == 0 {
            return Err(error("not-granted", "plugin.toml declares no [permissions] store"));
        }
        if self.denied(&Permission::Store) {
            return Err(error("not-granted", "the operator has not granted the store to this service"));
        }
        if scope == store::Scope::Database && self.kind == Kind::Hook {
            return Err(error("no-database", "a hook has no database; use the scope \"service\""));
        }
        Ok(())
    }

    fn may_write_store(
        &self,
        scope: store::Scope,
        key: &str,
        value: Option<&[u8]>,
        ttl: Option<u32>,
    ) -> Result<(), store::Error> {
        self.may_read_store(scope)?;
        if self.kind == Kind::Quote {
            return Err(error("not-granted", "a quote has no effects"));
        }
        check_key(key)?;
        if value.is_some_and(|value| value.len() > MOST_VALUE) {
            return Err(error("too-large", format!("a value has at most {MOST_VALUE} bytes; use blobs for documents")));
        }
        if ttl == Some(0) {
            return Err(error("bad-key", "ttl: at least 1 second; delete the key to remove it"));
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), store::Error> {
    if key.is_empty() || key.len() > MOST_KEY || key.chars().any(char::is_control) {
        return Err(error("bad-key", "a key has 1 to 256 bytes, without control characters"));
    }
    Ok(())
}

impl store::Host for CallState {
    async fn get(
        &mut self,
        scope: store::Scope,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        self.enter()?;
        if let Err(error) = self.may_read_store(scope).and_then(|()| check_key(&key)) {
            return Ok(Err(error));
        }
        let answer = self.backend.store_get(scope.into(), key).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }

    async fn set(
        &mut self,
        scope: store::Scope,
        key: String,
        value: Vec<u8>,
        ttl: Option<u32>,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        self.enter()?;
        if let Err(error) = self.may_write_store(scope, &key, Some(&value), ttl) {
            return Ok(Err(error));
        }
        let answer = self.backend.store_set(scope.into(), key, value, ttl).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }

    async fn compare_and_set(
        &mut self,
        scope: store::Scope,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<u32>,
    ) -> wasmtime::Result<Result<bool, store::Error>> {
        self.enter()?;
        if let Err(error) = self.may_write_store(scope, &key, value.as_deref(), ttl) {
            return Ok(Err(error));
        }
        let answer = self.backend.store_compare_and_set(scope.into(), key, expected, value, ttl);
        Ok(answer.await.map_err(host_fault)?.map_err(Into::into))
    }

    async fn delete(&mut self, scope: store::Scope, key: String) -> wasmtime::Result<Result<(), store::Error>> {
        self.enter()?;
        if let Err(error) = self.may_write_store(scope, &key, None, None) {
            return Ok(Err(error));
        }
        let answer = self.backend.store_delete(scope.into(), key).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }

    async fn list(
        &mut self,
        scope: store::Scope,
        prefix: String,
        after: String,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, store::Error>> {
        self.enter()?;
        if let Err(error) = self.may_read_store(scope) {
            return Ok(Err(error));
        }
        if prefix.len() > MOST_KEY || after.len() > MOST_KEY {
            return Ok(Err(error("bad-key", "prefix and after have at most 256 bytes")));
        }
        let answer =
            self.backend.store_list(scope.into(), prefix, after, limit.min(MOST_LISTED)).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_printable() {
        for key in ["a", "sms/é/1", &"k".repeat(256)] {
            assert!(check_key(key).is_ok(), "{key}");
        }
        for key in ["", "a\nb", "\u{0}", &"k".repeat(257)] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
