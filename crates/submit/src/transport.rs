//! How requests reach a server: a trait with one implementation of the crate's own, so that an app
//! can use its own HTTP stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Sends one request and reads its answer. Nothing is followed, tried again or interpreted: that is
/// the client's business.
///
/// The client calls it on a thread of its own, so it may block until the request's
/// [`timeout`](Request::timeout) is over.
pub trait Transport: Send + Sync {
    /// Sends `request`; redirects are answers like any other. An implementation must count
    /// what it is about to send of the body before it does, and should stop early when the call is
    /// cancelled, both through `control`: bytes that were not counted count as never sent, and some
    /// requests are then sent again. Whoever finds the call cancelled after counting must not send.
    ///
    /// # Errors
    /// When there is no whole answer.
    fn send(&self, request: &Request, control: &Control) -> Result<Response, TransportError>;
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`, without a body.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

/// A request.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address. It may be a permission to upload: it is not to be logged.
    pub url: String,
    /// Header fields besides `Host`, `Content-Length` and `User-Agent`.
    pub headers: Vec<(&'static str, String)>,
    /// The body, sent with its `Content-Length` and never in chunks: storage services refuse those.
    pub body: Arc<Zeroizing<Vec<u8>>>,
    /// Longest time for the request with its answer.
    pub timeout: Duration,
    /// Longest body of an answer, in bytes; a longer one is [`TransportError::TooLarge`].
    pub max_answer: u64,
}

impl Drop for Request {
    /// Wipes what allows something: tokens, keys and addresses.
    fn drop(&mut self) {
        self.url.zeroize();
        self.headers.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl std::fmt::Debug for Request {
    /// Without address, headers and body: they hold permissions and people's data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header fields that the client looks at, if they were sent: names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header field of that name, which is in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer. The texts name no address and hold nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The caller cancelled.
    #[error("it was cancelled")]
    Cancelled,
    /// The request's time was used up.
    #[error("the time was used up")]
    TimedOut,
    /// No connection came about: nothing of the request was sent.
    #[error("{0}")]
    NoConnection(
        /// What happened, in words.
        String,
    ),
    /// The server's certificate is not trusted, or not the pinned one: nothing was sent.
    #[error("no trusted connection: {0}")]
    Untrusted(
        /// What is wrong.
        String,
    ),
    /// The connection broke before the answer was whole.
    #[error("{0}")]
    Broken(
        /// What happened, in words.
        String,
    ),
    /// The answer is longer than allowed.
    #[error("the answer is too long")]
    TooLarge,
    /// What came back is not HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
}

/// How a request under way is watched and stopped.
#[derive(Clone, Debug, Default)]
pub struct Control {
    cancel: CancelToken,
    sent: Arc<AtomicU64>,
}

impl Control {
    /// A control whose request stops when `cancel` says so.
    #[must_use]
    pub fn new(cancel: CancelToken) -> Self {
        Self { cancel, sent: Arc::default() }
    }

    /// Whether the request is no longer wanted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Notes that `bytes` more of the body were handed to the network.
    pub fn count_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Bytes of the body that were handed to the network so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// Cancels a call from another thread, at any moment. Clones are one token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that cancels nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every call that has this token, for good.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
