//! Faults on purpose: what a client must live through, made where and as often as a test wants it.
//!
//! A rule is a text: `STEP:FAULT[=VALUE][:TIMES]`. The steps are `upload`, `put`, `status`, `token`
//! (with `auth_smile`) and `submission`; `TIMES` is a number or `always`, and 1 when it is left out.
//! A client that can send a header of its own has the fault of one request with
//! `X-LiveFace-Fault: FAULT[=VALUE]`, unless other machines can reach the sandbox
//! ([`SandboxConfig::fault_header`](crate::SandboxConfig::fault_header)).

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use thiserror::Error;

use crate::Shared;
use crate::codes;
use crate::http::{host, storage_error};

/// The header with the fault of one request.
const HEADER: HeaderName = HeaderName::from_static("x-liveface-fault");
/// Where [`Fault::Redirect`] leads: a page of the sandbox's own.
pub(crate) const PORTAL: &str = "/portal";
/// Larger than any client should take.
const OVERSIZED: usize = 64 << 20;
/// The longest answer that is changed; the sandbox has none of its own that is longer.
const LONGEST_ANSWER: usize = 64 << 20;
/// So long what was sent of a cut answer has to arrive before the connection ends.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// A step of a job, by what the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultStep {
    /// `/v1/upload`.
    Upload,
    /// The PUT of the zip.
    Put,
    /// `/v1/job_status` and `/v3/status`.
    Status,
    /// `/v3/token` and `/v1/auth_smile`.
    Token,
    /// `/v3/registration` and `/v3/authentication`, with their older names.
    Submission,
}

impl FaultStep {
    const NAMES: [(&'static str, Self); 5] = [
        ("upload", Self::Upload),
        ("put", Self::Put),
        ("status", Self::Status),
        ("token", Self::Token),
        ("submission", Self::Submission),
    ];

    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/upload" => Self::Upload,
            "/v1/job_status" => Self::Status,
            "/v1/auth_smile" | "/v3/token" => Self::Token,
            "/v3/registration" | "/v3/enroll" | "/v3/authentication" | "/v3/authenticate" => {
                Self::Submission
            }
            path if path.starts_with("/zips/") => Self::Put,
            path if path.starts_with("/v3/status/") => Self::Status,
            _ => return None,
        })
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `delay=MS`: the request is looked at so much later. A delay as long as the sandbox's own time
    /// limit ends in that limit: nothing is done then.
    Delay(Duration),
    /// `drop`: the connection is closed while the client sends its body; nothing is done.
    Drop,
    /// `drop-answer`: what was asked for is done, but the connection is closed without an answer.
    DropAnswer,
    /// `500` to `599`, or `5xx` for 503: a server error; nothing is done.
    Status(u16),
    /// `429` or `429=SECONDS`: too many requests, with `Retry-After`; nothing is done.
    TooMany {
        /// The value of `Retry-After`, in seconds; 1 if none was given.
        retry_after: u32,
    },
    /// `xml403`: refused as the storage service refuses, with XML; nothing is done.
    StorageDenied,
    /// `wrong-signature`: the answer's signature does not hold.
    WrongSignature,
    /// `never-complete`: the status says that the job is still looked at.
    NeverComplete,
    /// `truncated`: the connection is closed after half of the answer's body.
    Truncated,
    /// `oversized`: 64 MiB of white space follow the answer.
    Oversized,
    /// `html`: the page of a captive portal, with status 200; nothing is done.
    Html,
    /// `redirect`: 302 to such a page; nothing is done.
    Redirect,
    /// `result-as-string`: the status has a text where the result's object should be.
    ResultAsString,
    /// `job-type-as-string`: the results' `job_type` is a text.
    JobTypeAsString,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = || FaultError(text.to_owned());
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let fault = match (name, value) {
            ("delay", Some(value)) => {
                return value
                    .parse()
                    .map(|ms| Self::Delay(Duration::from_millis(ms)))
                    .map_err(|_| wrong());
            }
            ("429", Some(value)) => {
                return value
                    .parse()
                    .map(|retry_after| Self::TooMany { retry_after })
                    .map_err(|_| wrong());
            }
            (_, Some(_)) => return Err(wrong()),
            ("429", None) => Self::TooMany { retry_after: 1 },
            ("drop", None) => Self::Drop,
            ("drop-answer", None) => Self::DropAnswer,
            ("5xx", None) => Self::Status(503),
            ("xml403", None) => Self::StorageDenied,
            ("wrong-signature", None) => Self::WrongSignature,
            ("never-complete", None) => Self::NeverComplete,
            ("truncated", None) => Self::Truncated,
            ("oversized", None) => Self::Oversized,
            ("html", None) => Self::Html,
            ("redirect", None) => Self::Redirect,
            ("result-as-string", None) => Self::ResultAsString,
            ("job-type-as-string", None) => Self::JobTypeAsString,
            (name, None) => match name.parse() {
                Ok(status @ 500..=599) => Self::Status(status),
                _ => return Err(wrong()),
            },
        };
        Ok(fault)
    }
}

/// A fault that is made at a step, the next few times that a client comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The step.
    pub step: FaultStep,
    /// What goes wrong there.
    pub fault: Fault,
    /// How often; `None` is always.
    pub times: Option<u32>,
}

impl FromStr for FaultRule {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = || FaultError(text.to_owned());
        let mut parts = text.split(':');
        let step = parts.next().unwrap_or_default();
        let (_, step) =
            *FaultStep::NAMES.iter().find(|(name, _)| *name == step).ok_or_else(wrong)?;
        let fault = parts.next().ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        let times = match parts.next() {
            None => Some(1),
            Some("always") => None,
            Some(times) => Some(times.parse().map_err(|_| wrong())?),
        };
        parts.next().is_none().then_some(Self { step, fault, times }).ok_or_else(wrong)
    }
}

/// A text that is no fault, or no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no fault: write STEP:FAULT[=VALUE][:TIMES] with a step of upload, put, status, token and \
     submission, and a fault of delay=MS, drop, drop-answer, 500 to 599, 5xx, 429[=SECONDS], xml403, \
     wrong-signature, never-complete, truncated, oversized, html, redirect, result-as-string and \
     job-type-as-string"
)]
pub struct FaultError(
    /// The text.
    String,
);

/// The rules of a sandbox that are not used up.
pub(crate) struct Faults {
    rules: Mutex<Vec<FaultRule>>,
    /// Whether the header counts.
    header: bool,
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, header: bool) -> Self {
        Self { rules: Mutex::new(rules), header }
    }

    /// The fault that the next request of `step` has.
    fn next(&self, step: FaultStep) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |rule: &&mut FaultRule| rule.step == step && rule.times != Some(0);
        let rule = rules.iter_mut().find(due)?;
        rule.times = rule.times.map(|times| times - 1);
        Some(rule.fault)
    }
}

/// Makes the fault that is due, if one is.
pub(crate) async fn inject(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(step) = FaultStep::of(request.uri().path()) else { return next.run(request).await };
    let fault = match request.headers().get(HEADER) {
        None => shared.faults.next(step),
        Some(_) if !shared.faults.header => {
            let message = "This server takes no faults by header\n";
            return (StatusCode::FORBIDDEN, message).into_response();
        }
        Some(wanted) => match wanted.to_str().ok().and_then(|text| text.parse().ok()) {
            Some(fault) => Some(fault),
            None => {
                let message = FaultError(HEADER.to_string()).to_string();
                return (StatusCode::BAD_REQUEST, message).into_response();
            }
        },
    };
    let Some(fault) = fault else { return next.run(request).await };
    let portal = format!("{}://{}{PORTAL}", shared.scheme(), host(request.headers(), &shared));
    match fault {
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Fault::Drop => cut(StatusCode::OK.into_response(), Bytes::new()),
        Fault::DropAnswer => cut(next.run(request).await, Bytes::new()),
        Fault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            refusal(status).into_response()
        }
        Fault::TooMany { retry_after } => {
            let wait = [(header::RETRY_AFTER, HeaderValue::from(retry_after))];
            (wait, refusal(StatusCode::TOO_MANY_REQUESTS)).into_response()
        }
        Fault::StorageDenied => {
            storage_error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
        }
        Fault::Html => page().await.into_response(),
        Fault::Redirect => (StatusCode::FOUND, [(header::LOCATION, portal)]).into_response(),
        Fault::Truncated => {
            let (response, body) = whole(next.run(request).await).await;
            let half = body.slice(..body.len() / 2);
            let mut response = cut(response, half);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            response
        }
        Fault::Oversized => {
            let (mut response, body) = whole(next.run(request).await).await;
            let block = Bytes::from(vec![b' '; 1 << 16]);
            let blocks = OVERSIZED / block.len();
            let padding = stream::iter(std::iter::repeat_n(block, blocks));
            let padded = stream::iter([body]).chain(padding).map(Ok::<_, std::io::Error>);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = Body::from_stream(padded);
            response
        }
        Fault::WrongSignature => {
            changed(next.run(request).await, |answer| {
                if let Some(timestamp) = answer["timestamp"].as_str() {
                    // As good as a signature can be, but of another time.
                    answer["signature"] = json!(shared.partner.sign(&format!("{timestamp}0")));
                }
                None
            })
            .await
        }
        Fault::NeverComplete => changed(next.run(request).await, never_complete).await,
        Fault::ResultAsString => {
            changed(next.run(request).await, |answer| {
                if let Some(text) = answer["result"].get("ResultText").cloned() {
                    answer["result"] = text;
                }
                None
            })
            .await
        }
        Fault::JobTypeAsString => {
            changed(next.run(request).await, |answer| {
                let history = answer["history"].as_array().map_or(0, Vec::len);
                for n in 0..history {
                    type_as_string(&mut answer["history"][n]);
                }
                type_as_string(&mut answer["result"]);
                None
            })
            .await
        }
    }
}

/// The page of a captive portal.
pub(crate) async fn page() -> Html<&'static str> {
    Html(
        "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Sign in to use this network.</body></html>\n",
    )
}

/// An error that both protocols' clients can read.
fn refusal(status: StatusCode) -> (StatusCode, axum::Json<Value>) {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let fault = "A fault that was asked for";
    let body = json!({ "code": "2201", "error": fault, "status": reason, "message": fault });
    (status, axum::Json(body))
}

/// The response whose body is `part`, after which the connection ends; without a part, it ends
/// before the response is sent.
fn cut(mut response: Response, part: Bytes) -> Response {
    let end = async { Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)) };
    *response.body_mut() = if part.is_empty() {
        Body::from_stream(stream::once(end))
    } else {
        let end = async {
            tokio::time::sleep(BEFORE_CUT).await;
            end.await
        };
        Body::from_stream(stream::iter([Ok(part)]).chain(stream::once(end)))
    };
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

/// The response, and its body in one piece.
async fn whole(mut response: Response) -> (Response, Bytes) {
    let body = std::mem::take(response.body_mut());
    // Every answer of the sandbox is in memory already and shorter than that.
    let body = axum::body::to_bytes(body, LONGEST_ANSWER).await.unwrap_or_default();
    (response, body)
}

/// The response with another JSON body, and another status if `change` says one.
async fn changed(
    response: Response,
    change: impl FnOnce(&mut Value) -> Option<StatusCode>,
) -> Response {
    let (mut response, mut body) = whole(response).await;
    if let Ok(mut answer @ Value::Object(_)) = serde_json::from_slice(&body) {
        if let Some(status) = change(&mut answer) {
            *response.status_mut() = status;
        }
        body = answer.to_string().into();
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = Body::from(body);
    response
}

fn never_complete(answer: &mut Value) -> Option<StatusCode> {
    if answer.get("job_complete").is_some() {
        answer["job_complete"] = json!(false);
        answer["job_success"] = json!(false);
        answer["result"] = json!(codes::IN_PROGRESS);
        answer["image_links"] = json!({});
        return None;
    }
    // A refusal has no job id, and an unknown job is not being looked at.
    if answer.get("job_id").is_none() || answer["status"] == "not_found" {
        return None;
    }
    answer["status"] = json!("processing");
    Some(StatusCode::ACCEPTED)
}

fn type_as_string(result: &mut Value) {
    if let Some(number) = result.pointer_mut("/PartnerParams/job_type").filter(|v| v.is_number()) {
        *number = json!(number.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_documented() {
        let rule = |text: &str| text.parse::<FaultRule>();
        let made = |step, fault, times| Ok(FaultRule { step, fault, times });
        assert_eq!(rule("upload:5xx:2"), made(FaultStep::Upload, Fault::Status(503), Some(2)));
        assert_eq!(rule("put:xml403"), made(FaultStep::Put, Fault::StorageDenied, Some(1)));
        let delay = Fault::Delay(Duration::from_millis(20));
        assert_eq!(rule("token:delay=20:always"), made(FaultStep::Token, delay, None));
        let many = |retry_after| Fault::TooMany { retry_after };
        assert_eq!(rule("submission:429=7:3"), made(FaultStep::Submission, many(7), Some(3)));
        assert_eq!(rule("status:429"), made(FaultStep::Status, many(1), Some(1)));
        for bad in [
            "",
            "upload",
            "upload:",
            "elsewhere:drop",
            "upload:drop:",
            "upload:drop:x",
            "put:499",
            "put:600",
            "put:delay",
            "put:delay=-1",
            "put:drop=1",
            "put:drop:1:1",
            "put:429=x",
        ] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_come_in_their_order_and_are_used_up() {
        let rules = ["put:drop:2", "put:html", "status:drop", "put:redirect:0"];
        let faults = Faults::new(rules.map(|rule| rule.parse().unwrap()).to_vec(), true);
        let put = || faults.next(FaultStep::Put);
        assert_eq!(
            [put(), put(), put(), put()],
            [Some(Fault::Drop), Some(Fault::Drop), Some(Fault::Html), None]
        );
        assert_eq!(faults.next(FaultStep::Upload), None);
        assert_eq!(faults.next(FaultStep::Status), Some(Fault::Drop));
    }
}
