//! The only place that speaks HTTP: bounded in time and size, without redirects.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use ureq::{Agent, Proxy};

use crate::error::SubmitError;
use crate::wire::Refusal;

/// Longest answer that is read, in bytes. Real ones have a few thousand.
const MAX_ANSWER: u64 = 1 << 20;

/// Longest text of a server that is passed on, in characters.
const MAX_SAID: usize = 200;

pub(crate) struct Http {
    agent: Agent,
}

/// An answer that is JSON and no refusal.
pub(crate) struct Answer {
    pub(crate) raw: String,
    pub(crate) value: Value,
}

impl Http {
    /// `timeout` is for one request with its answer. A server on this machine is reached directly,
    /// any other as the environment's proxy settings say.
    pub(crate) fn new(timeout: Duration, on_this_machine: bool) -> Self {
        let proxy = if on_this_machine { None } else { Proxy::try_from_env() };
        let config = Agent::config_builder()
            .proxy(proxy)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("liveface/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: Agent::new_with_config(config) }
    }

    /// Posts `body` as JSON. `doing` says what for; `private` is cut out of what a refusing server
    /// says.
    pub(crate) fn post(
        &self,
        doing: &'static str,
        url: &str,
        body: &impl Serialize,
        private: &[&str],
    ) -> Result<Answer, SubmitError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| SubmitError::Request(format!("it cannot be written: {error}")))?;
        let mut response = self
            .agent
            .post(url)
            .content_type("application/json")
            .send(&body)
            .map_err(|error| network(doing, &error))?;
        let status = response.status().as_u16();
        let read = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = read.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => SubmitError::BadAnswer {
                doing,
                what: format!("the answer has more than {MAX_ANSWER} bytes"),
            },
            error => network(doing, &error),
        })?;
        let raw = String::from_utf8_lossy(&body).into_owned();
        let value = serde_json::from_str::<Value>(&raw).ok().filter(Value::is_object);
        let bad = |what| Err(SubmitError::BadAnswer { doing, what });
        match (status, value) {
            (200..=299, Some(value)) => Ok(Answer { raw, value }),
            (200..=299, None) => bad("the answer is not JSON".to_owned()),
            (300..=399, _) => bad(format!("the server redirects (HTTP status {status})")),
            (_, Some(value)) if Refusal::parse(&value).is_some() => {
                Err(refused(doing, status, &value, private))
            }
            (408 | 429 | 500..=599, _) => Err(SubmitError::Unavailable { doing, status }),
            _ => bad(format!("the answer has HTTP status {status} and no code")),
        }
    }

    /// Puts the zip to `url`, which is never shown: it is a permission to upload.
    pub(crate) fn put_zip(
        &self,
        doing: &'static str,
        url: &str,
        zip: &[u8],
    ) -> Result<(), SubmitError> {
        let response = self
            .agent
            .put(url)
            .content_type("application/zip")
            .send(zip)
            .map_err(|error| network(doing, &error))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(SubmitError::Unavailable { doing, status }),
        }
    }
}

/// Codes by which a server says that all is well: an upload was accepted, a status is told.
const ALL_IS_WELL: [&str; 2] = ["2202", "2302"];

/// The refusal that `value` holds: an answer without what was asked for.
pub(crate) fn refused(
    doing: &'static str,
    status: u16,
    value: &Value,
    private: &[&str],
) -> SubmitError {
    let Some(refusal) = Refusal::parse(value) else {
        return SubmitError::BadAnswer { doing, what: "the answer has no code".to_owned() };
    };
    if ALL_IS_WELL.contains(&refusal.code.as_str()) {
        let what = format!("the answer has code {} and lacks what was asked for", refusal.code);
        return SubmitError::BadAnswer { doing, what };
    }
    let mut text = refusal.error;
    let mut private: Vec<&str> = private.iter().copied().filter(|p| !p.is_empty()).collect();
    // The longest first: one may hold another.
    private.sort_by_key(|private| std::cmp::Reverse(private.len()));
    for private in private {
        text = text.replace(private, "...");
    }
    let shown = |text: &str, most: usize| -> String {
        text.chars().filter(|c| !c.is_control()).take(most).collect()
    };
    let (code, text) = (shown(&refusal.code, 16), shown(&text, MAX_SAID));
    SubmitError::Refused { doing, status, code, text }
}

/// A failure on the way, told without addresses.
fn network(doing: &'static str, error: &ureq::Error) -> SubmitError {
    let what = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "the time was used up".to_owned(),
        ureq::Error::HostNotFound => "the server's name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            format!("no trusted connection: {error}")
        }
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            "the proxy refused".to_owned()
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            return SubmitError::BadAnswer { doing, what: "the answer is not HTTP".to_owned() };
        }
        _ => "the request could not be made".to_owned(),
    };
    SubmitError::Network { doing, what }
}
