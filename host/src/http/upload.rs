//! Bodies of requests, within the memory that the host gives all of them together.
//!
//! A body reserves its bytes before it is read: what its header says, else the most that it may have. If others have
//! them all it waits a short while. It must then keep coming, and end in time, so that nobody holds room for ever.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use futures_util::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

/// How long a body may take to arrive.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may stop meanwhile.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a body waits for room: Odoo hangs up after 15 s.
const WAIT: Duration = Duration::from_secs(5);
/// How long a refused body is taken in and thrown away, and how much of it.
const DISCARD: Duration = Duration::from_secs(5);
const DISCARDED: usize = 64 << 20;
/// How many are at once.
const DISCARDING: usize = 16;
/// Bytes that need no reservation; connections are bounded otherwise.
const SMALL: usize = 64 << 10;
/// Bytes of one permit.
const UNIT: usize = 4 << 10;

/// Room for bodies, shared by all doors.
#[derive(Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    all: u32,
    discarding: Semaphore,
    wait: Duration,
    pause: Duration,
}

/// What a body has reserved; given back when this goes.
#[derive(Debug)]
pub struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A body that has arrived.
#[derive(Debug)]
pub struct Upload {
    /// All of it.
    pub bytes: Bytes,
    /// To be kept as long as the bytes are.
    pub room: Room,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// It has more bytes than it may.
    #[error("the request has more than {0} bytes; send less at once")]
    TooLarge(usize),
    /// It stopped, or took too long.
    #[error("the request did not arrive within {} s, or stopped for {} s; send it again", PATIENCE.as_secs(), PAUSE.as_secs())]
    TooSlow,
    /// The connection ended before it.
    #[error("the request broke off; send it again")]
    BrokeOff,
    /// Other bodies take all the room there is.
    #[error("the host is taking in as many large requests as it has room for; try again in a moment")]
    NoRoom,
}

impl Budget {
    /// For so many bytes, at least one body of the largest size.
    pub fn new(bytes: u64) -> Self {
        let units = bytes.max(32 << 20) / u64::try_from(UNIT).unwrap_or(u64::MAX);
        let all = u32::try_from(units).unwrap_or(u32::MAX >> 4).min(u32::MAX >> 4);
        Self {
            units: Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX))),
            all,
            discarding: Semaphore::new(DISCARDING),
            wait: WAIT,
            pause: PAUSE,
        }
    }

    async fn reserve(&self, bytes: usize) -> Result<Room, UploadError> {
        if bytes <= SMALL {
            return Ok(Room { _permit: None });
        }
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.all);
        let permit = timeout(self.wait, Arc::clone(&self.units).acquire_many_owned(units)).await;
        let permit = permit.map_err(|_| UploadError::NoRoom)?.map_err(|_| UploadError::NoRoom)?;
        Ok(Room { _permit: Some(permit) })
    }

    /// Takes in what is not wanted, for a while: a client that is still sending might not read why it is refused. Of many
    /// at once a few, since connections have buffers too.
    async fn discard(&self, mut pieces: BodyDataStream) {
        let Ok(_turn) = self.discarding.try_acquire() else { return };
        let (end, mut left) = (Instant::now() + DISCARD, DISCARDED);
        while let Ok(Some(Ok(piece))) = timeout_at(end, pieces.next()).await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                return;
            }
        }
    }

    /// Reads a body of at most `most` bytes.
    pub async fn read(&self, body: Body, most: usize) -> Result<Upload, UploadError> {
        let hint = body.size_hint();
        let said = hint.exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let mut pieces = body.into_data_stream();
        let refused = match said {
            Some(said) if most < said => Err(UploadError::TooLarge(most)),
            _ => self.reserve(said.unwrap_or(most)).await,
        };
        let room = match refused {
            Ok(room) => room,
            Err(error) => {
                self.discard(pieces).await;
                return Err(error);
            }
        };
        let end = Instant::now() + PATIENCE;
        let mut bytes: Vec<u8> = Vec::with_capacity(capacity(said.unwrap_or(most)));
        loop {
            let next = timeout_at(end.min(Instant::now() + self.pause), pieces.next()).await;
            match next.map_err(|_| UploadError::TooSlow)? {
                None => return Ok(Upload { bytes: Bytes::from(bytes), room }),
                Some(Err(_)) => return Err(UploadError::BrokeOff),
                Some(Ok(piece)) if most < bytes.len() + piece.len() => {
                    drop((bytes, room));
                    self.discard(pieces).await;
                    return Err(UploadError::TooLarge(most));
                }
                Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            }
        }
    }
}

/// What to ask the allocator for. glibc maps at least this much by itself and gives it back to the system at once; what is
/// below it may keep for the next large body, once for each of its arenas. Pages that nobody writes to cost nothing.
fn capacity(bytes: usize) -> usize {
    const MAPPED: usize = (32 << 20) + SMALL;
    if bytes <= 1 << 20 { bytes.min(SMALL) } else { bytes.max(MAPPED) }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const MIB: usize = 1 << 20;

    /// One that loses its patience soon.
    fn hurried() -> Budget {
        Budget { wait: Duration::from_millis(20), pause: Duration::from_millis(20), ..Budget::new(32 << 20) }
    }

    fn sized(bytes: usize) -> Body {
        Body::from(vec![b'x'; bytes])
    }

    /// A body of unknown size that never ends.
    fn endless(piece: usize) -> Body {
        let first = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; piece])) });
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn bodies_have_a_largest_size() {
        let budget = Budget::new(32 << 20);
        assert_eq!(budget.read(sized(MIB), MIB).await.unwrap().bytes.len(), MIB);
        assert_eq!(budget.read(sized(MIB + 1), MIB).await.unwrap_err(), UploadError::TooLarge(MIB));
        let unsized_body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; MIB + 1]))]));
        assert_eq!(budget.read(unsized_body, MIB).await.unwrap_err(), UploadError::TooLarge(MIB));
    }

    #[tokio::test]
    async fn what_has_no_room_waits_and_then_is_told() {
        let budget = hurried();
        let first = budget.read(sized(20 * MIB), 32 * MIB).await.unwrap();
        assert_eq!(budget.read(sized(13 * MIB), 32 * MIB).await.unwrap_err(), UploadError::NoRoom);
        assert!(budget.read(sized(SMALL), 32 * MIB).await.is_ok(), "small ones always go through");
        drop(first);
        assert!(budget.read(sized(13 * MIB), 32 * MIB).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_stops_gives_its_room_back() {
        let budget = hurried();
        assert_eq!(budget.read(endless(MIB), 32 * MIB).await.unwrap_err(), UploadError::TooSlow);
        assert!(budget.read(sized(32 * MIB), 32 * MIB).await.is_ok());
    }
}
