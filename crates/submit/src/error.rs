//! Everything that can go wrong with a submission, and whether trying again can help.

use liveface_bundle::{BundleError, Tag};
use liveface_core::Verdict;
use thiserror::Error;

use crate::signature::SignerError;

/// Why a submission failed. No message holds ids of persons, keys, signatures or images.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The request cannot be sent as it is. Nothing was sent.
    #[error("the job cannot be sent: {0}")]
    Request(String),
    /// The capture did not end live. Nothing was sent.
    #[error(
        "the capture under the tag `{tag}` ended as {verdict:?}, only a live one is sent; capture again"
    )]
    NotLive {
        /// The tag.
        tag: Tag,
        /// How it ended.
        verdict: Verdict,
    },
    /// The capture has no selfie. Nothing was sent.
    #[error("the capture under the tag `{tag}` has no selfie; capture again")]
    NoSelfie {
        /// The tag.
        tag: Tag,
    },
    /// No job was begun for the capture.
    #[error(
        "no job was begun for the capture under the tag `{tag}`; register or authenticate it first"
    )]
    NoJob {
        /// The tag.
        tag: Tag,
    },
    /// The server has the capture for another job, whose result is not known yet.
    #[error(
        "the capture under the tag `{tag}` is with the server for another job; ask for that job's status, or capture again"
    )]
    OtherJob {
        /// The tag.
        tag: Tag,
    },
    /// The server has another capture's zip under the job's id. The result is not this capture's.
    #[error(
        "the server's result for this job id is that of another capture; capture again and use another job id"
    )]
    OtherCapture,
    /// The capture's job was begun with another server or partner.
    #[error(
        "the job of the tag `{tag}` was begun with another server or partner ({environment}); use the same ones"
    )]
    OtherServer {
        /// The tag.
        tag: Tag,
        /// The environment that it was begun with.
        environment: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] BundleError),
    /// The signer failed.
    #[error("the request could not be signed: {0}")]
    Signer(#[from] SignerError),
    /// The server was not reached, or the connection broke. The job is kept and can be sent again.
    #[error("could not {doing}: {what}; the job is kept, try again")]
    Network {
        /// The step.
        doing: &'static str,
        /// What happened.
        what: String,
        /// Whether there was a connection. Without one, there is no point in trying other jobs now.
        connected: bool,
    },
    /// The server is not the one that it should be, or the network is between. Nothing was sent.
    #[error(
        "could not {doing}: no trusted connection: {what}; check the clock, the server's address and the network; the job is kept"
    )]
    Untrusted {
        /// The step.
        doing: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The caller cancelled. The job is kept and can be sent again.
    #[error("it was cancelled; the job is kept")]
    Cancelled,
    /// The server cannot answer now. The job is kept and can be sent again.
    #[error(
        "could not {doing}: the server answered with HTTP status {status}; the job is kept, try again"
    )]
    Unavailable {
        /// The step.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The server refused the request with a code. With a fault of its own, the job is kept and can
    /// be sent again; otherwise the job is not begun, or stays as an earlier call left it.
    #[error(
        "could not {doing}: the server refused with code {code}, {}{}",
        meaning(code),
        said(text)
    )]
    Refused {
        /// The step.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's code, as it came.
        code: String,
        /// The server's text, without ids; may be empty.
        text: String,
    },
    /// The server did not believe the signature, and this machine's clock is wrong. The job is not
    /// begun, or stays as an earlier call left it.
    #[error(
        "could not {doing}: the server refused with code {code}, and this machine's clock is {} minutes {} the server's; set the clock right",
        minutes.unsigned_abs(),
        if *minutes > 0 { "ahead of" } else { "behind" }
    )]
    Clock {
        /// The step.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's code, as it came.
        code: String,
        /// By how many minutes this machine's clock is ahead of the server's.
        minutes: i64,
    },
    /// A V3 server refused the request. The job is kept and can be sent again, changed or not.
    #[error("could not {doing}: the server refused with HTTP status {status}, {}{}", v3_meaning(*status), said(text))]
    Declined {
        /// The step.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's text, without ids; may be empty.
        text: String,
    },
    /// Whether the server has a V3 job is not known: it was being sent and there was no answer that
    /// tells. It is not sent again on its own, because there could be two jobs then.
    #[error(
        "the job of the tag `{tag}` was being sent and the server may have it ({what}); look whether its result comes to the callback address, or send it again explicitly, which can make a second job"
    )]
    Unclear {
        /// The tag.
        tag: Tag,
        /// What happened.
        what: String,
    },
    /// The capture's job was begun with the other protocol.
    #[error(
        "the job of the tag `{tag}` was begun with the other protocol; go on with that one, or capture again"
    )]
    OtherProtocol {
        /// The tag.
        tag: Tag,
    },
    /// What answered does not speak the API. The job is kept.
    #[error(
        "could not {doing}: {what}; check the server's address and the network; the job is kept"
    )]
    BadAnswer {
        /// The step.
        doing: &'static str,
        /// What is wrong with the answer.
        what: String,
    },
    /// The answer's signature is missing or wrong. The job is kept.
    #[error(
        "the answer is not signed with this partner's key; it cannot be trusted; check the partner id, the API key and the server's address"
    )]
    Unsigned,
    /// The answer's signature cannot be checked with this signer. The job is kept.
    #[error(
        "the signature of the job's status cannot be checked by this signer; give it somebody to ask, or accept unverified answers"
    )]
    Unverifiable,
    /// The body of a callback cannot be read.
    #[error("the callback cannot be read: {0}")]
    Callback(
        /// What is wrong with it.
        String,
    ),
    /// A configuration file cannot be used.
    #[error("{file}: {what}")]
    Config {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl SubmitError {
    /// Whether the same call can succeed later without any change: network trouble, a server that
    /// is down, an upload that broke off, a call that was cancelled, a capture that is just being
    /// submitted elsewhere.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Network { .. }
            | Self::Untrusted { .. }
            | Self::Unavailable { .. }
            | Self::BadAnswer { .. }
            | Self::Cancelled => true,
            Self::Signer(error) => {
                matches!(error, SignerError::Unreachable(_) | SignerError::Unavailable(_))
            }
            Self::Store(BundleError::Busy { .. }) => true,
            Self::Refused { code, status, .. } => {
                *status >= 500 || *status == 429 || SYSTEM_ERRORS.contains(&code.as_str())
            }
            _ => false,
        }
    }

    /// Whether the network or the server is to blame, and not the request or the capture: the job is
    /// kept. A server that refuses is no trouble, unless it says that the fault is its own.
    #[must_use]
    pub fn is_server_trouble(&self) -> bool {
        match self {
            Self::Store(_) | Self::Cancelled => false,
            Self::Unsigned => true,
            _ => self.is_retryable(),
        }
    }

    /// The server's code, when it refused with one.
    #[must_use]
    pub fn server_code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } | Self::Clock { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Codes by which the server says that the fault is its own.
const SYSTEM_ERRORS: [&str; 3] = ["2201", "2301", "2401"];

/// What a server's code means. Source: Smile ID's public list of error codes.
fn meaning(code: &str) -> &'static str {
    match code {
        "2201" | "2301" | "2401" => "a fault of the server: try again",
        "2203" => "invalid JSON",
        "2204" => "wrong data type",
        "2206" => "which the public list has no text for",
        "2205" | "2405" => "not authorised: check the partner id, the API key and the clock",
        "2207" => "the user is disabled",
        "2208" => "the user is deleted",
        "2209" => "wrong user id, or the user is registered already: allow re-enrolling",
        "2210" => "the user is not registered: register first",
        "2211" => "the user must be registered again",
        "2212" => "invalid job type",
        "2213" | "2413" => "a required parameter is missing",
        "2215" => "a job with this job id exists already: use another job id",
        "2216" => "the user has no photo on file",
        "2220" => "production is not enabled for this partner",
        "2314" => "no zip was received",
        _ => "which is not in the public list",
    }
}

/// What the status of a refusing V3 server means. Source: Smile ID's V3 API.
fn v3_meaning(status: u16) -> &'static str {
    match status {
        400 => "a field is missing or wrong",
        401 => "not authorised: check the partner id, the API key or the token",
        402 => "the balance is used up",
        403 => "not allowed: check that the token is for this user",
        404 => "not found: the user is not registered, or the server's address is wrong",
        413 => "too large: capture smaller pictures",
        415 => "a picture is not JPEG",
        _ => "which is not in the public list",
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" (\"{text}\")") }
}
