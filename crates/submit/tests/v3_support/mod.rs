//! A V3 server, a client of it, and captures with as many pictures as V3 takes.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "for tests")]

use std::time::Duration;

use liveface_bundle::{Capture, Consent, Store, StoreKey};
use liveface_core::{ShotKind, Verdict};
use liveface_submit::v3::{ApiKeyTokens, UserDetails};
use liveface_submit::{Client, ClientConfig, JobRequest, RetryPolicy};
use serde_json::{Value, json};

use crate::common::{self, Answer, KEY, Request, tag};

pub const PARTNER: &str = "2345";
pub const JOB: &str = "job_0123456789abcdefghjkmnpqrs";

/// A token that lasts for a thousand years, the `number`th one.
pub fn jwt(number: usize) -> String {
    // {"exp":33333333333}
    format!("e30.eyJleHAiOjMzMzMzMzMzMzMzfQ.{number}")
}

/// `token`, `registration`, `authentication` or `status`.
pub fn step(request: &Request) -> &str {
    let path = request.path.strip_prefix("/v3/").unwrap();
    path.split('/').next().unwrap()
}

pub fn accepted() -> Value {
    json!({
        "status": "accepted", "message": "m", "job_id": JOB, "user_id": "user-0001",
        "created_at": "2026-01-02T03:04:05.678Z",
    })
}

pub fn status(state: &str) -> Value {
    json!({
        "status": state, "job_id": JOB, "user_id": "user-0001", "message": "Job completed",
        "created_at": "2026-01-02T03:04:05.678Z",
    })
}

/// A server where everything goes well.
pub fn good(request: &Request, earlier: usize) -> Answer {
    match step(request) {
        "token" => Answer::Json(200, json!({ "token": jwt(earlier) })),
        "status" => Answer::Json(200, status("clear")),
        _ => Answer::Json(202, accepted()),
    }
}

pub fn config(url: &str) -> ClientConfig {
    let retry = RetryPolicy {
        budget: Duration::from_millis(400),
        first_pause: Duration::from_millis(5),
        max_pause: Duration::from_millis(20),
    };
    ClientConfig { retry, metadata: false, ..common::config(url) }
}

pub fn client(url: &str) -> Client {
    Client::v3(config(url), ApiKeyTokens::new(PARTNER, KEY).unwrap()).unwrap()
}

pub fn request() -> JobRequest {
    JobRequest {
        user_details: Some(UserDetails {
            given_names: "Amina Fatou".to_owned(),
            last_name: "Clearwater".to_owned(),
            email: Some("amina.clearwater@example.com".to_owned()),
            phone_number: None,
        }),
        consent: Some(Consent {
            granted_at: "2026-01-02T03:04:05.678Z".to_owned(),
            notice_language: "EN".to_owned(),
            notice_privacy_policy_url: "https://example.com/privacy".to_owned(),
        }),
        ..JobRequest::new("user-0001")
    }
}

/// A capture with `liveness` liveness images.
pub fn capture(liveness: u32) -> Capture {
    let mut capture = common::capture(Verdict::Live);
    let template = capture.images[0].clone();
    capture.images.retain(|image| image.kind == ShotKind::Selfie);
    for index in 0..liveness {
        let mut image = template.clone();
        (image.index, image.t_ms) = (index, 1000 + u64::from(index));
        capture.images.push(image);
    }
    capture
}

/// A store with a capture of `liveness` liveness images under the tag `visit`.
pub fn store_with(liveness: u32) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreKey::from_bytes([7; 32])).unwrap();
    store.save(&tag(), &capture(liveness)).unwrap();
    (directory, store)
}

pub fn store() -> (tempfile::TempDir, Store) {
    store_with(8)
}

/// One part of a body: its head without the boundary, and its bytes.
pub struct Part {
    pub head: String,
    pub bytes: Vec<u8>,
}

/// Reads a body as a server does.
pub fn parts(request: &Request) -> Vec<Part> {
    let kind = &request.headers["content-type"];
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = request.body.strip_suffix(format!("--{boundary}--\r\n").as_bytes()).unwrap();
    let cut = format!("--{boundary}\r\n").into_bytes();
    let mut starts: Vec<usize> = body
        .windows(cut.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == cut)
        .map(|(at, _)| at)
        .collect();
    starts.push(body.len());
    let part = |ends: &[usize]| {
        let part = body[ends[0] + cut.len()..ends[1]].strip_suffix(b"\r\n").unwrap();
        let at = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(part[..at].to_vec()).unwrap();
        Part { head, bytes: part[at + 4..].to_vec() }
    };
    starts.windows(2).map(part).collect()
}
