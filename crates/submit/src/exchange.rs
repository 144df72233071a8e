//! Requests with all that surrounds them: a thread, so that a call can be cancelled; attempts, when
//! the network or the server fails; and answers that are not what they should be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::call::{Call, Progress, Stopped};
use crate::error::SubmitError;
use crate::retry::{RetryPolicy, http_date, now_seconds, retry_after};
use crate::transport::{Control, Method, Request, Response, Transport, TransportError};
use crate::wire::Refusal;

/// Longest answer that is read, in bytes. Real ones have a few thousand.
const MAX_ANSWER: u64 = 1 << 20;

/// Longest text of a server that is passed on, in characters.
const MAX_SAID: usize = 200;

/// Codes by which a server says that it does not believe a signature.
const NOT_AUTHORISED: [&str; 2] = ["2205", "2405"];

/// From which difference a clock is told to be wrong, in minutes. No answer takes that long.
const CLOCK_MINUTES: i64 = 5;

/// Sends requests by a [`Transport`].
pub(crate) struct Exchange {
    transport: Arc<dyn Transport>,
    timeout: Duration,
    retry: RetryPolicy,
}

/// A request of the client's.
pub(crate) struct Ask {
    /// What for, for messages: "could not ...".
    pub(crate) doing: &'static str,
    pub(crate) method: Method,
    /// Never shown.
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) again: Again,
    /// Whether its bytes are told as [`Progress::Uploading`].
    pub(crate) uploads: bool,
}

/// When a request that failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// As long as there is time: twice is as good as once.
    Always,
    /// The caller does it.
    Never,
}

/// An answer, whatever its status.
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// Whether an earlier attempt may have reached the server as well.
    pub(crate) twice: bool,
}

/// No answer.
pub(crate) struct Failed {
    pub(crate) error: SubmitError,
    /// Whether something of the body was sent: the server may have taken it.
    pub(crate) sent: bool,
}

impl From<Failed> for SubmitError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Ask {
    /// A `POST` of JSON that may be tried again.
    pub(crate) fn json(doing: &'static str, url: String, body: &impl serde::Serialize) -> Self {
        // Texts, numbers and maps with texts for keys: nothing that could fail.
        let body = Zeroizing::new(serde_json::to_vec(body).unwrap_or_default());
        let headers = vec![("content-type", "application/json".to_owned())];
        let (method, again) = (Method::Post, Again::Always);
        Self { doing, method, url, headers, body, again, uploads: false }
    }
}

impl Exchange {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        timeout: Duration,
        retry: RetryPolicy,
    ) -> Self {
        Self { transport, timeout, retry }
    }

    /// Sends what is asked until there is an answer, as often as `ask.again` and the policy allow.
    /// An answer that says "later" counts as one when there is no time left.
    pub(crate) fn send(&self, ask: Ask, call: &mut Call<'_>) -> Result<Answered, Failed> {
        let Ask { doing, method, url, headers, body, again, uploads } = ask;
        let request = Arc::new(Request {
            method,
            url,
            headers,
            body: Arc::new(body),
            timeout: self.timeout,
            max_answer: MAX_ANSWER,
        });
        let begun = Instant::now();
        let mut sent = false;
        let mut attempt = 1;
        loop {
            call.check().map_err(|error| Failed { error, sent })?;
            let (answer, reached) = self.once(&request, uploads, call);
            let asked = answer.as_ref().ok().filter(|answer| is_passing(answer.status));
            let asked = asked.and_then(|answer| answer.header("retry-after"));
            let asked = asked.and_then(|asked| retry_after(asked, now_seconds()));
            call.come_again_after(asked);
            let pause = match (&answer, again) {
                (Ok(response), Again::Always) if is_passing(response.status) => {
                    self.retry.next(attempt, begun.elapsed(), asked)
                }
                (Err(TransportError::TimedOut), Again::Always) => {
                    self.retry.next_after_time_out(attempt, begun.elapsed())
                }
                (Err(error), Again::Always) if is_lost(error) => {
                    self.retry.next(attempt, begun.elapsed(), None)
                }
                _ => None,
            };
            match (pause, answer) {
                (None, Ok(response)) => return Ok(Answered { response, twice: sent }),
                (None, Err(error)) => {
                    let error = network(doing, error);
                    return Err(Failed { error, sent: sent || reached });
                }
                (Some(pause), _) => {
                    sent |= reached;
                    call.tell(Progress::Retrying { attempt, pause });
                    call.pause(pause).map_err(|error| Failed { error, sent })?;
                    attempt += 1;
                }
            }
        }
    }

    /// One attempt on a thread of its own, and whether something of the body was sent.
    fn once(
        &self,
        request: &Arc<Request>,
        uploads: bool,
        call: &mut Call<'_>,
    ) -> (Result<Response, TransportError>, bool) {
        let control = Control::new(call.token().clone());
        let (transport, own, theirs) = (self.transport.clone(), request.clone(), control.clone());
        let bytes = request.body.len() as u64;
        let mut told = None;
        let tell = |call: &mut Call<'_>| {
            let sent = control.sent().min(bytes);
            if uploads && told != Some(sent) {
                told = Some(sent);
                call.tell(Progress::Uploading { sent, bytes });
            }
        };
        let answer = match call.apart(move || transport.send(&own, &theirs), tell) {
            Ok(answer) => answer,
            Err(Stopped::Cancelled) => Err(TransportError::Cancelled),
            Err(Stopped::Died(what)) => Err(TransportError::Broken(what)),
        };
        let reached = match &answer {
            Ok(_) | Err(TransportError::TooLarge | TransportError::NotHttp) => true,
            Err(_) => control.sent() > 0,
        };
        (answer, reached)
    }
}

/// Whether an answer says that the same request may succeed later.
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=510 | 512..=599)
}

/// Whether the network lost a request or its answer, and not by taking too long.
const fn is_lost(error: &TransportError) -> bool {
    matches!(error, TransportError::NoConnection(_) | TransportError::Broken(_))
}

/// A failure on the way.
fn network(doing: &'static str, error: TransportError) -> SubmitError {
    let what = error.to_string();
    match error {
        TransportError::Cancelled => SubmitError::Cancelled,
        TransportError::NoConnection(_) => SubmitError::Network { doing, what, connected: false },
        TransportError::TimedOut | TransportError::Broken(_) => {
            SubmitError::Network { doing, what, connected: true }
        }
        TransportError::Untrusted(what) => SubmitError::Untrusted { doing, what },
        TransportError::TooLarge => {
            let what = format!("the answer has more than {MAX_ANSWER} bytes");
            SubmitError::BadAnswer { doing, what }
        }
        TransportError::NotHttp => SubmitError::BadAnswer { doing, what },
    }
}

/// An answer that is a JSON object: as text and as a value. Its status may say anything but that it
/// is elsewhere.
pub(crate) fn json(
    doing: &'static str,
    response: &Response,
) -> Result<(String, Value), SubmitError> {
    const LOG_IN: &str =
        "perhaps the network wants a log-in: open any web page in a browser and try again";
    let status = response.status;
    let raw = String::from_utf8_lossy(&response.body).into_owned();
    let value = serde_json::from_str::<Value>(&raw).ok().filter(Value::is_object);
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let kind: String = kind
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "/+-.".contains(*c))
        .take(40)
        .collect();
    let start = raw.trim_start().get(..5).unwrap_or_default().to_ascii_lowercase();
    let is_page = kind == "text/html" || start == "<html" || start == "<!doc";
    let bad = |what: String| Err(SubmitError::BadAnswer { doing, what });
    match (status, value) {
        (300..=399, _) => bad(format!("the server redirects (HTTP status {status}); {LOG_IN}")),
        (_, Some(value)) => Ok((raw, value)),
        (511, None) => bad(format!("the network wants a log-in (HTTP status 511); {LOG_IN}")),
        (200..=299, None) if is_page => {
            bad(format!("the answer is a web page and not JSON; {LOG_IN}"))
        }
        (200..=299, None) if kind.is_empty() || kind.ends_with("json") => {
            bad("the answer is not JSON".to_owned())
        }
        (200..=299, None) => bad(format!("the answer is {kind} and not JSON")),
        (status, None) if is_passing(status) => Err(SubmitError::Unavailable { doing, status }),
        (status, None) => bad(format!("the answer has HTTP status {status} and no code")),
    }
}

/// An answer of the v1 API that is no refusal. `private` is cut out of what a refusing server says.
pub(crate) fn v1_json(
    doing: &'static str,
    response: &Response,
    private: &[&str],
) -> Result<(String, Value), SubmitError> {
    let (raw, value) = json(doing, response)?;
    match response.status {
        200..=299 => Ok((raw, value)),
        _ if Refusal::parse(&value).is_some() => Err(refused(doing, response, &value, private)),
        status if is_passing(status) => Err(SubmitError::Unavailable { doing, status }),
        status => {
            let what = format!("the answer has HTTP status {status} and no code");
            Err(SubmitError::BadAnswer { doing, what })
        }
    }
}

/// Codes by which a server says that all is well: an upload was accepted, a status is told.
const ALL_IS_WELL: [&str; 2] = ["2202", "2302"];

/// The refusal that `value` holds: an answer without what was asked for.
pub(crate) fn refused(
    doing: &'static str,
    response: &Response,
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
    let (status, code) = (response.status, shown(&refusal.code, 16));
    if NOT_AUTHORISED.contains(&code.as_str())
        && let Some(minutes) = clock_ahead(response)
    {
        return SubmitError::Clock { doing, status, code, minutes };
    }
    let text = without(&refusal.error, private);
    SubmitError::Refused { doing, status, code, text }
}

/// By how many minutes this machine's clock is ahead of the server's (behind when negative), if that
/// is enough to be wrong.
pub(crate) fn clock_ahead(response: &Response) -> Option<i64> {
    let minutes = (now_seconds() - response.header("date").and_then(http_date)?) / 60;
    (minutes.abs() >= CLOCK_MINUTES).then_some(minutes)
}

/// What a server says, short, on one line and without what is `private`.
pub(crate) fn without(text: &str, private: &[&str]) -> String {
    let mut text = text.to_owned();
    let mut private: Vec<&str> = private.iter().copied().filter(|p| !p.is_empty()).collect();
    // The longest first: one may hold another.
    private.sort_by_key(|private| std::cmp::Reverse(private.len()));
    for private in private {
        text = text.replace(private, "...");
    }
    shown(&text, MAX_SAID)
}

fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}
