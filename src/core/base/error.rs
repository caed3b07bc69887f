//! One error type for every floor: a small kind that says what to *do*, and a message for people.
//!
//! Messages are not API; [`ErrorKind`] and [`Error::reason`] are.

use std::borrow::Cow;
use std::fmt;

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The state changed underneath or already holds such a key: look at the state, decide, try again.
    Conflict,
    /// The database or cursor was closed: open it again.
    Closed,
    /// The input is wrong; the message names the path and the fix. Retrying cannot help.
    Invalid,
    /// Storage is full: free space or ask for more. Reads and deletes still work.
    Quota,
    /// The stored database vanished or was truncated by the browser. Nothing was silently recreated.
    StorageLost,
    /// Stored bytes fail their checksum or make no sense.
    Corrupt,
    /// Storage did not answer, or not in time: try again later. The outcome of a write is resolved first.
    Unavailable,
    /// The caller asked to stop (`AbortSignal`), or the operation was cancelled by `close`.
    Aborted,
    /// A bug in Tidewell. The instance is dead; open again.
    Internal,
}

impl ErrorKind {
    /// The kind's name in the JavaScript API (`TidewellError.code`).
    pub fn code(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Closed => "closed",
            Self::Invalid => "invalid",
            Self::Quota => "quota",
            Self::StorageLost => "storage-lost",
            Self::Corrupt => "corrupt",
            Self::Unavailable => "unavailable",
            Self::Aborted => "aborted",
            Self::Internal => "internal",
        }
    }
}

/// An error with its kind, a message that names what was wrong and the fix, and an optional fixed reason.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    reason: Option<&'static str>,
    message: Cow<'static, str>,
}

/// The result of a fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` with `message`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: None, message: message.into() }
    }

    /// The input is wrong ([`ErrorKind::Invalid`]).
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Stored bytes make no sense ([`ErrorKind::Corrupt`]).
    pub fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// The state is not what the operation needs ([`ErrorKind::Conflict`]).
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A bug in Tidewell ([`ErrorKind::Internal`]).
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same error with a fixed machine-readable reason such as `duplicate-id` or `unique`.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The fixed machine-readable reason within the kind, where there is one.
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.message)
    }
}

impl std::error::Error for Error {}
