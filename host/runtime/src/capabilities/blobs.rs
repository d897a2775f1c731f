//! `blobs`: documents with a time to live.

use crate::{
    backend::{BlobInfo, Denied},
    bindings::blobs,
    call::{CallState, host_fault},
    limits::Kind,
    settings::Permission,
};

const MOST_BYTES: usize = 16 << 20;
/// Bytes of one read.
const MOST_READ: u32 = 4 << 20;

impl From<Denied> for blobs::Error {
    fn from(denied: Denied) -> Self {
        Self { code: denied.code.to_owned(), message: denied.message }
    }
}

impl From<BlobInfo> for blobs::Info {
    fn from(info: BlobInfo) -> Self {
        Self { id: info.id.to_string(), content_type: info.content_type, size: info.size, expires_at: info.expires_at }
    }
}

fn error(code: &str, message: impl Into<String>) -> blobs::Error {
    blobs::Error { code: code.to_owned(), message: message.into() }
}

impl CallState {
    fn may_read_blobs(&self) -> Result<(), blobs::Error> {
        if self.settings.permissions.blobs == 0 {
            return Err(error("not-granted", "plugin.toml declares no [permissions] blobs"));
        }
        if self.denied(&Permission::Blobs) {
            return Err(error("not-granted", "the operator has not granted blobs to this service"));
        }
        Ok(())
    }

    fn may_write_blobs(&self) -> Result<(), blobs::Error> {
        self.may_read_blobs()?;
        match self.kind {
            Kind::Quote => Err(error("not-granted", "a quote has no effects")),
            Kind::Operation | Kind::Job | Kind::Hook => Ok(()),
        }
    }
}

impl blobs::Host for CallState {
    async fn put(
        &mut self,
        content_type: String,
        bytes: Vec<u8>,
        ttl: u32,
    ) -> wasmtime::Result<Result<blobs::Info, blobs::Error>> {
        self.enter()?;
        if let Err(error) = self.may_write_blobs() {
            return Ok(Err(error));
        }
        if bytes.len() > MOST_BYTES {
            return Ok(Err(error("too-large", format!("a blob has at most {MOST_BYTES} bytes"))));
        }
        if ttl == 0 || content_type.len() > 128 || !content_type.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Ok(Err(error(
                "bad-range",
                "ttl is at least 1 second; content-type is at most 128 ASCII characters",
            )));
        }
        let answer = self.backend.blob_put(content_type, bytes, ttl).await.map_err(host_fault)?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    async fn stat(&mut self, id: String) -> wasmtime::Result<Result<blobs::Info, blobs::Error>> {
        self.enter()?;
        if let Err(error) = self.may_read_blobs() {
            return Ok(Err(error));
        }
        let answer = self.backend.blob_stat(id).await.map_err(host_fault)?;
        Ok(answer.map(Into::into).map_err(Into::into))
    }

    async fn read(&mut self, id: String, offset: u64, length: u32) -> wasmtime::Result<Result<Vec<u8>, blobs::Error>> {
        self.enter()?;
        if let Err(error) = self.may_read_blobs() {
            return Ok(Err(error));
        }
        let answer = self.backend.blob_read(id, offset, length.min(MOST_READ)).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }

    async fn delete(&mut self, id: String) -> wasmtime::Result<Result<(), blobs::Error>> {
        self.enter()?;
        if let Err(error) = self.may_write_blobs() {
            return Ok(Err(error));
        }
        let answer = self.backend.blob_delete(id).await.map_err(host_fault)?;
        Ok(answer.map_err(Into::into))
    }
}
