//! Results come to the callback URL, signed, and again when the receiver was not there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::time::Duration;

use common::{Client, ColourAnalyser, RED, callback_end, capture, config, receiver, start};
use liveface_sandbox::{CallbackState, Limits, Sandbox, SandboxConfig};
use serde_json::{Value, json};

/// Limits with hardly any wait between tries.
fn impatient() -> Limits {
    Limits { callback_tries: 3, callback_wait: Duration::from_millis(20), ..Limits::default() }
}

fn register(client: &Client, callback_url: &str) -> Value {
    let mut body = client.upload_body(4, "ann", "job-1");
    body["callback_url"] = json!(callback_url);
    let url = client.open(&body);
    client.put_zip(&url, &capture(RED));
    client.wait("ann", "job-1")["result"].clone()
}

#[test]
fn a_callback_has_the_result_and_a_signature_that_holds() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let (url, received) = receiver(&[200]);
    let mut expected = register(&client, &url);
    let body = received.recv_timeout(Duration::from_secs(10)).unwrap();
    let timestamp = body["timestamp"].as_str().unwrap();
    assert_eq!(body["signature"].as_str().unwrap(), client.sign(timestamp));
    expected["timestamp"] = body["timestamp"].clone();
    expected["signature"] = body["signature"].clone();
    assert_eq!(body, expected);
    let state = callback_end(&sandbox, "job-1");
    assert_eq!(state, CallbackState::Delivered { tries: 1, status: 200 });
}

#[test]
fn a_receiver_that_says_no_is_asked_again_with_the_same_body() {
    let dir = tempfile::tempdir().unwrap();
    let config = SandboxConfig { limits: impatient(), ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let (url, received) = receiver(&[500, 302, 204]);
    register(&Client::of(&sandbox), &url);
    let bodies: Vec<Value> = received.iter().take(3).collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "so that it can be told apart");
    let state = callback_end(&sandbox, "job-1");
    assert_eq!(state, CallbackState::Delivered { tries: 3, status: 204 });
}

#[test]
fn a_receiver_that_is_not_there_is_given_up_and_the_result_stays() {
    let dir = tempfile::tempdir().unwrap();
    let config = SandboxConfig { limits: impatient(), ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let result = register(&Client::of(&sandbox), "http://127.0.0.1:1/callback");
    assert_eq!(result["ResultCode"], "0840");
    assert_eq!(callback_end(&sandbox, "job-1"), CallbackState::GivenUp { tries: 3 });
}

#[test]
fn a_callback_that_a_stop_left_over_is_delivered_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { callback_wait: Duration::from_secs(600), ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let (url, received) = receiver(&[503, 200]);
    register(&Client::of(&sandbox), &url);
    received.recv_timeout(Duration::from_secs(10)).unwrap();
    sandbox.stop();
    let sandbox = start(dir.path());
    received.recv_timeout(Duration::from_secs(10)).unwrap();
    let state = callback_end(&sandbox, "job-1");
    assert_eq!(state, CallbackState::Delivered { tries: 2, status: 200 });
}

#[test]
fn no_callback_is_sent_when_none_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    Client::of(&sandbox).register("ann", "job-1", &capture(RED));
    assert_eq!(sandbox.callback_state("job-1").unwrap(), None);
}
