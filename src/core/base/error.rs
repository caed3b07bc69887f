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
///
/// One pointer wide: every `?` on the way out moves it, and most functions that can fail are compiled smaller for that.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    kind: ErrorKind,
    reason: Option<&'static str>,
    message: Cow<'static, str>,
}

/// The result of a fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error's message is made of. Each kind of text has a function of its own, which its callers share.
pub trait Message {
    /// The error of `kind` with this message.
    fn into_error(self, kind: ErrorKind) -> Error;
}

impl Message for &'static str {
    #[cold]
    #[inline(never)]
    fn into_error(self, kind: ErrorKind) -> Error {
        Error(Box::new(Parts { kind, reason: None, message: Cow::Borrowed(self) }))
    }
}

impl Message for String {
    #[cold]
    #[inline(never)]
    fn into_error(self, kind: ErrorKind) -> Error {
        Error(Box::new(Parts { kind, reason: None, message: Cow::Owned(self) }))
    }
}

impl Error {
    /// An error of `kind` with `message`.
    #[inline]
    pub fn new(kind: ErrorKind, message: impl Message) -> Self {
        message.into_error(kind)
    }

    /// The input is wrong ([`ErrorKind::Invalid`]).
    #[inline]
    pub fn invalid(message: impl Message) -> Self {
        message.into_error(ErrorKind::Invalid)
    }

    /// Stored bytes make no sense ([`ErrorKind::Corrupt`]).
    #[inline]
    pub fn corrupt(message: impl Message) -> Self {
        message.into_error(ErrorKind::Corrupt)
    }

    /// The state is not what the operation needs ([`ErrorKind::Conflict`]).
    #[inline]
    pub fn conflict(message: impl Message) -> Self {
        message.into_error(ErrorKind::Conflict)
    }

    /// A bug in Tidewell ([`ErrorKind::Internal`]).
    #[inline]
    pub fn internal(message: impl Message) -> Self {
        message.into_error(ErrorKind::Internal)
    }

    /// The same error with a fixed machine-readable reason such as `duplicate-id` or `unique`.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The fixed machine-readable reason within the kind, where there is one.
    pub fn reason(&self) -> Option<&'static str> {
        self.0.reason
    }

    /// The message for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().code(), self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_without_a_value_is_one_pointer_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn an_error_says_what_it_was_made_of_whatever_kind_of_text_that_was() {
        for error in [Error::invalid("no"), Error::invalid(String::from("no"))] {
            assert_eq!((error.kind(), error.reason(), error.message()), (ErrorKind::Invalid, None, "no"));
            assert_eq!(error.with_reason("rule").reason(), Some("rule"));
        }
    }
}
