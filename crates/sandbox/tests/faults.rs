//! Every fault that can be asked for, as a client sees it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use common::v3::{Form, V3Client};
use common::{Client, ColourAnalyser, RED, capture, config};
use liveface_sandbox::{Limits, Sandbox, SandboxConfig};
use serde_json::{Value, json};

fn start(dir: &Path, rules: &[&str]) -> Sandbox {
    let faults = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let config = SandboxConfig { faults, ..config(dir) };
    Sandbox::start(config, Box::new(ColourAnalyser)).unwrap()
}

/// What comes back for a request that is written by hand.
struct Answer {
    /// 0 when the connection ended before there was one.
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request and reads until the connection ends.
fn raw(sandbox: &Sandbox, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    raw_part(sandbox, method, path, headers, body, body.len())
}

/// The same with a body that is said to have `length` bytes.
fn raw_part(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
    length: usize,
) -> Answer {
    let mut connection = TcpStream::connect(sandbox.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n",
        sandbox.address(),
    );
    connection.write_all(head.as_bytes()).unwrap();
    // The sandbox may hang up before it has read everything.
    let _ = connection.write_all(body);
    let mut bytes = Vec::new();
    let _ = connection.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let body = bytes.split_off(end.unwrap_or(bytes.len()));
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    Answer { status, head, body }
}

fn post(sandbox: &Sandbox, path: &str, fault: &str, body: &Value) -> Answer {
    let headers = match fault {
        "" => String::new(),
        fault => format!("X-LiveFace-Fault: {fault}\r\n"),
    };
    raw(sandbox, "POST", path, &headers, body.to_string().as_bytes())
}

/// How many jobs the sandbox knows.
fn jobs(sandbox: &Sandbox) -> usize {
    sandbox.jobs().unwrap().len()
}

#[test]
fn a_delay_delays() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:delay=400"]);
    let client = Client::of(&sandbox);
    let begun = Instant::now();
    client.open(&client.upload_body(4, "ann", "job-1"));
    assert!(begun.elapsed() >= Duration::from_millis(400));
}

#[test]
fn no_delay_is_longer_than_a_request_may_take() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { request_time: Duration::from_secs(2), ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let fault = format!("X-LiveFace-Fault: delay={}\r\n", u64::MAX);
    // While a body is on its way, nothing tells how silent the connection is.
    let late = |path| {
        let answer = raw_part(&sandbox, "POST", path, &fault, b"{", 100);
        assert_eq!(answer.status, 408, "{path}");
        answer
    };
    assert_eq!(late("/v1/upload").json()["code"], "0408");
    let answer = late("/v3/registration").json();
    assert_eq!(answer["status"], "Request Timeout");
    assert!(!answer["message"].as_str().unwrap().is_empty());
    assert!(late("/zips/x").body.starts_with(b"<?xml"));
}

#[test]
fn other_machines_get_no_faults_by_header_unless_that_is_wanted() {
    for (fault_header, status) in [(false, 403), (true, 503)] {
        let dir = tempfile::tempdir().unwrap();
        let address = (Ipv4Addr::UNSPECIFIED, 0).into();
        let config = SandboxConfig { address, fault_header, ..config(dir.path()) };
        let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
        let client = Client::of(&sandbox);
        let body = client.upload_body(4, "ann", "job-1");
        assert_eq!(post(&sandbox, "/v1/upload", "5xx", &body).status, status);
        assert_eq!(jobs(&sandbox), 0);
        client.open(&body);
    }
}

#[test]
fn a_dropped_request_is_not_carried_out_and_one_with_a_dropped_answer_is() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:drop", "put:drop", "put:drop-answer"]);
    let client = Client::of(&sandbox);
    let body = client.upload_body(4, "ann", "job-1");
    let answer = post(&sandbox, "/v1/upload", "", &body);
    assert_eq!((answer.status, answer.head.as_str(), jobs(&sandbox)), (0, "", 0));
    let answer = post(&sandbox, "/v1/upload", "drop-answer", &body);
    assert_eq!((answer.status, answer.head.as_str(), jobs(&sandbox)), (0, "", 1));

    let url = client.open(&client.upload_body(4, "ann", "job-2"));
    let path = &url[url.find("/zips/").unwrap()..];
    let zip = "Content-Type: application/zip\r\n";
    let large = vec![0; 8 << 20];
    assert_eq!(raw(&sandbox, "PUT", path, zip, &large).status, 0, "in the middle of the body");
    assert_eq!(sandbox.jobs().unwrap()[1].received, 0);
    assert_eq!(raw(&sandbox, "PUT", path, zip, &capture(RED)).status, 0);
    assert_eq!(client.wait("ann", "job-2")["result"]["ResultCode"], "0840");
}

#[test]
fn server_errors_come_as_often_as_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:5xx:2", "upload:500"]);
    let client = Client::of(&sandbox);
    let body = client.upload_body(4, "ann", "job-1");
    for status in [503, 503, 500] {
        let (code, answer) = client.post("upload", &body);
        assert_eq!((code, jobs(&sandbox)), (status, 0));
        assert_eq!(answer["code"], "2201");
    }
    client.open(&body);
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["token:429=7", "submission:429"]);
    let answer = post(&sandbox, "/v3/token", "", &json!({}));
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("\r\nretry-after: 7\r\n"), "{}", answer.head);
    assert!(answer.json()["message"].is_string());
    let client = V3Client::of(&sandbox);
    assert_eq!(client.register("ann", &Form::capture(RED)).0, 429);
    assert_eq!(jobs(&sandbox), 0);
    assert_eq!(client.outcome(client.register("ann", &Form::capture(RED))), "clear");
}

#[test]
fn the_storage_service_refuses_with_xml() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["put:xml403"]);
    let client = Client::of(&sandbox);
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    let (status, error) = client.put(&url, "application/zip", &capture(RED));
    assert_eq!(status, 403);
    assert!(error.starts_with("<?xml") && error.contains("AccessDenied"), "{error}");
    client.put_zip(&url, &capture(RED));
}

#[test]
fn a_wrong_signature_does_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["status:wrong-signature"]);
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    let holds = || {
        let (status, answer) = client.post("job_status", &client.status_body("ann", "job-1"));
        assert_eq!((status, &answer["code"]), (200, &json!("2302")));
        answer["signature"] == client.sign(answer["timestamp"].as_str().unwrap())
    };
    assert_eq!([holds(), holds()], [false, true]);
}

#[test]
fn a_job_can_seem_never_to_be_complete() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &[]);
    let client = Client::of(&sandbox);
    client.register("ann", "job-1", &capture(RED));
    let question = client.status_body("ann", "job-1");
    for _ in 0..3 {
        let answer = post(&sandbox, "/v1/job_status", "never-complete", &question).json();
        assert_eq!(
            (&answer["job_complete"], &answer["job_success"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(answer["result"], "Job in progress");
        let signed = client.sign(answer["timestamp"].as_str().unwrap());
        assert_eq!(answer["signature"].as_str().unwrap(), signed);
    }
    sandbox.stop();
    let sandbox = start(dir.path(), &["status:never-complete:2"]);
    let client = V3Client::of(&sandbox);
    let (_, answer) = client.authenticate("ann", &Form::capture(RED));
    let job = answer["job_id"].as_str().unwrap();
    while sandbox.jobs().unwrap()[1].finished == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = || client.status(job).0;
    assert_eq!([status(), status(), status()], [202, 202, 200]);
    assert_eq!(client.status("job_x").0, 404);
}

#[test]
fn a_truncated_answer_ends_in_its_middle() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:truncated"]);
    let body = Client::of(&sandbox).upload_body(4, "ann", "job-1");
    let answer = post(&sandbox, "/v1/upload", "", &body);
    let said = answer.head.split("content-length: ").nth(1).unwrap();
    let said: usize = said.split("\r\n").next().unwrap().parse().unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, said / 2));
    assert!(answer.body.starts_with(b"{"));
    assert_eq!(jobs(&sandbox), 1, "it was carried out");
}

#[test]
fn an_oversized_answer_is_larger_than_any_client_should_take() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:oversized"]);
    let body = Client::of(&sandbox).upload_body(4, "ann", "job-1");
    let answer = post(&sandbox, "/v1/upload", "", &body);
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 64 << 20, "{}", answer.body.len());
}

#[test]
fn a_captive_portal_answers_with_a_page_or_sends_to_one() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &["upload:html", "upload:redirect"]);
    let body = Client::of(&sandbox).upload_body(4, "ann", "job-1");
    let answer = post(&sandbox, "/v1/upload", "", &body);
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/html"), "{}", answer.head);
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    let answer = post(&sandbox, "/v1/upload", "", &body);
    assert_eq!(answer.status, 302);
    let location = format!("\r\nlocation: http://{}/portal\r\n", sandbox.address());
    assert!(answer.head.contains(&location), "{}", answer.head);
    assert_eq!(raw(&sandbox, "GET", "/portal", "", b"").status, 200);
    assert_eq!(jobs(&sandbox), 0);
}

#[test]
fn a_result_can_be_a_text_and_a_job_type_too() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &[]);
    let client = Client::of(&sandbox);
    client.register("ann", "job-1", &capture(RED));
    let mut question = client.status_body("ann", "job-1");
    question["history"] = json!(true);
    let status = |fault| post(&sandbox, "/v1/job_status", fault, &question).json();
    let plain = status("");
    assert_eq!(plain["result"]["PartnerParams"]["job_type"], 4);
    let text = status("result-as-string");
    assert_eq!((&text["result"], &text["job_complete"]), (&json!("Enroll User"), &json!(true)));
    let typed = status("job-type-as-string");
    assert_eq!(typed["result"]["PartnerParams"]["job_type"], "4");
    assert_eq!(typed["history"][0]["PartnerParams"]["job_type"], "4");
    let mut undone = typed.clone();
    undone["result"]["PartnerParams"]["job_type"] = json!(4);
    undone["history"][0]["PartnerParams"]["job_type"] = json!(4);
    for name in ["result", "history", "job_complete", "job_success", "code", "image_links"] {
        assert_eq!(undone[name], plain[name], "nothing else is changed");
    }
}

#[test]
fn a_header_that_names_no_fault_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &[]);
    let body = Client::of(&sandbox).upload_body(4, "ann", "job-1");
    let answer = post(&sandbox, "/v1/upload", "nonsense", &body);
    assert_eq!((answer.status, jobs(&sandbox)), (400, 0));
    assert_eq!(post(&sandbox, "/v1/elsewhere", "drop", &body).status, 404, "no step of a job");
}
