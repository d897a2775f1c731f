//! What a writer is asked, and the answers that wait for its commit.

use tokio::sync::oneshot;

use crate::{Post, PostError, Posted, Statement, StoreError, VendorPost, Written};

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A request to a writer.
pub(crate) enum Request {
    /// A ledger command.
    Post(Box<Post>, Reply<Result<Posted, PostError>>),
    /// A vendor's movement; answers its entry.
    Vendor(Box<VendorPost>, Reply<Result<i64, StoreError>>),
    /// Statements, all or none.
    Write(Vec<Statement>, Reply<Result<Vec<Written>, StoreError>>),
}

/// An answer that waits for the commit.
pub(crate) enum Pending {
    /// Of [`Request::Post`].
    Posted(Reply<Result<Posted, PostError>>, Result<Posted, PostError>),
    /// Of [`Request::Vendor`].
    Vendor(Reply<Result<i64, StoreError>>, Result<i64, StoreError>),
    /// Of [`Request::Write`].
    Written(Reply<Result<Vec<Written>, StoreError>>, Result<Vec<Written>, StoreError>),
}

// A caller that has gone away does not want its answer; the work is done all the same.
impl Pending {
    pub fn send(self) {
        match self {
            Self::Posted(reply, answer) => drop(reply.send(answer)),
            Self::Vendor(reply, answer) => drop(reply.send(answer)),
            Self::Written(reply, answer) => drop(reply.send(answer)),
        }
    }

    pub fn fail(self, why: &str) {
        match self {
            Self::Posted(reply, _) => drop(reply.send(Err(PostError::Storage(why.to_owned())))),
            Self::Vendor(reply, _) => drop(reply.send(Err(StoreError::Engine(why.to_owned())))),
            Self::Written(reply, _) => drop(reply.send(Err(StoreError::Engine(why.to_owned())))),
        }
    }
}

impl Request {
    /// The ledger command, if it is one.
    pub fn post(&self) -> Option<&Post> {
        match self {
            Self::Post(post, _) => Some(post),
            Self::Vendor(..) | Self::Write(..) => None,
        }
    }

    pub fn fail(self, why: &str) {
        self.fail_as(why, false);
    }

    /// Fails it; `ambiguous` where it may be stored all the same.
    pub fn fail_as(self, why: &str, ambiguous: bool) {
        let post_error = if ambiguous { PostError::Ambiguous } else { PostError::Storage };
        match self {
            Self::Post(_, reply) => drop(reply.send(Err(post_error(why.to_owned())))),
            Self::Vendor(_, reply) => drop(reply.send(Err(StoreError::Engine(why.to_owned())))),
            Self::Write(_, reply) => drop(reply.send(Err(StoreError::Engine(why.to_owned())))),
        }
    }
}
