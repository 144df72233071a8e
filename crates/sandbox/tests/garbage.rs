//! Whatever is sent, the sandbox answers with a refusal and goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Duration;

use common::{Client, RED, capture, start};
use liveface_sandbox::Sandbox;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One sandbox for all cases of this process.
fn sandbox() -> &'static (tempfile::TempDir, Sandbox) {
    static SANDBOX: OnceLock<(tempfile::TempDir, Sandbox)> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = start(dir.path());
        (dir, sandbox)
    })
}

/// Any JSON, with the API's own field names among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![".{0,6}", "partner_params|user_id|job_id|job_type|timestamp"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

/// Sends `bytes` as they are; the first line of the answer.
fn raw(bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(sandbox().1.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // The sandbox may hang up before it has read everything.
    let _ = connection.write_all(bytes);
    if !bytes.windows(17).any(|window| window == b"Connection: close") {
        // Perhaps half a request: that no more comes ends the sandbox's wait for the rest.
        let _ = connection.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn is_refusal(line: &str) -> bool {
    line.is_empty() || line.starts_with("HTTP/1.1 4") || line.starts_with("HTTP/1.0 4")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_are_no_request_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let line = raw(&bytes);
        prop_assert!(is_refusal(&line), "{line}");
    }

    #[test]
    fn a_body_of_any_bytes_is_refused(
        path in prop::sample::select(vec!["/v1/upload", "/v1/job_status", "/zips/a", "/%ff", "/"]),
        method in prop::sample::select(vec!["POST", "PUT", "GET", "DELETE"]),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/zip\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let line = raw(&[head.as_bytes(), &body].concat());
        prop_assert!(line.starts_with("HTTP/1.1 4"), "{line}");
    }

    #[test]
    fn a_signed_request_with_any_fields_is_answered(
        path in prop::sample::select(vec!["upload", "job_status"]),
        field in prop::sample::select(vec![
            "partner_params", "callback_url", "retry", "allow_new_enroll", "user_id", "job_id",
            "history", "smile_client_id", "partner_id", "timestamp", "signature",
        ]),
        value in any_json(),
    ) {
        let client = Client::of(&sandbox().1);
        let mut body = match path {
            "upload" => client.upload_body(2, "nobody", "job"),
            _ => client.status_body("nobody", "job"),
        };
        body[field] = value;
        let (status, answer) = client.post(path, &body);
        // Nobody is enrolled and no job exists: nothing can be accepted.
        prop_assert_eq!(status, 400, "{}", answer);
        let code = answer["code"].as_str().unwrap();
        let known = ["2203", "2204", "2205", "2210", "2212", "2213", "2314"];
        prop_assert!(known.contains(&code), "{}", answer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_damaged_zip_ends_its_job(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static JOBS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let job = JOBS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (user, job) = (format!("user-{job}"), format!("damaged-{job}"));
        let client = Client::of(&sandbox().1);
        let mut zip = capture(RED);
        let at = at.index(zip.len());
        zip[at] ^= byte;
        let result = client.register(&user, &job, &zip);
        let code = result["ResultCode"].as_str().unwrap();
        prop_assert!(["0840", "0903", "0001", "0907", "0841"].contains(&code), "{}", result);
    }
}

#[test]
fn json_deeper_than_any_stack_is_refused() {
    let client = Client::of(&sandbox().1);
    let deep = format!("{{\"partner_params\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let head = format!(
        "POST /v1/upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        deep.len()
    );
    assert_eq!(raw(&[head.as_bytes(), deep.as_bytes()].concat()), "HTTP/1.1 400 Bad Request");
    assert_eq!(client.post("upload", &json!({})).0, 400, "and it goes on");
}
