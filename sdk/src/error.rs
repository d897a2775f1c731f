use std::fmt;

/// Why the host did not do what [`keys`](crate::keys), [`store`](crate::store),
/// [`blobs`](crate::blobs), [`jobs`](crate::jobs) or
/// [`callback`](crate::callback) asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Stable code, as `not-granted` or `over-quota`; each module lists its own.
    pub code: String,
    /// One sentence for the vendor's log.
    pub message: String,
}

impl Error {
    /// An error with this code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
