//! A record of the database that cannot be read holds up nobody else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::path::Path;

use common::{Client, ColourAnalyser, RED, callback_end, capture, config, start};
use liveface_sandbox::{CallbackState, Limits, Sandbox, SandboxConfig};
use redb::{Database, Key, TableDefinition, Value};
use serde_json::json;

/// Writes one record into the database of the sandbox that had its data in `dir`.
fn write<K: Key + 'static, V: Value + 'static>(
    dir: &Path,
    table: &str,
    key: K::SelfType<'_>,
    value: V::SelfType<'_>,
) {
    let database = Database::create(dir.join("sandbox.redb")).unwrap();
    let change = database.begin_write().unwrap();
    change.open_table(TableDefinition::<K, V>::new(table)).unwrap().insert(key, value).unwrap();
    change.commit().unwrap();
}

#[test]
fn a_job_that_cannot_be_read_blocks_neither_the_inbox_nor_the_outbox() {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path()).stop();
    // First in both queues, and a job of each queue that is not there at all.
    write::<(&str, &str), &[u8]>(dir.path(), "jobs", ("2345", "broken"), b"{");
    for (number, job) in [(0, "broken"), (1, "missing")] {
        write::<(&str, u64), &str>(dir.path(), "inbox", ("2345", number), job);
        write::<(&str, u64), &[u8]>(dir.path(), "zips", ("2345", number), b"");
        write::<(&str, u64), &str>(dir.path(), "outbox", ("2345", number), job);
    }
    // The next jobs come behind them.
    write::<&str, u64>(dir.path(), "counters", "jobs", 1);

    let limits = Limits { callback_tries: 1, ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let client = Client::of(&sandbox);
    let mut body = client.upload_body(4, "ann", "job-1");
    body["callback_url"] = json!("http://127.0.0.1:1/callback");
    let url = client.open(&body);
    client.put_zip(&url, &capture(RED));
    assert_eq!(client.wait("ann", "job-1")["result"]["ResultCode"], "0840");
    assert!(matches!(callback_end(&sandbox, "job-1"), CallbackState::GivenUp { .. }));
    assert!(sandbox.last_fault().unwrap().contains("cannot be read"));
}

#[test]
fn an_enrolment_that_cannot_be_read_ends_its_users_jobs_only() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    Client::of(&sandbox).register("ann", "job-1", &capture(RED));
    sandbox.stop();
    write::<(&str, &str), &[u8]>(dir.path(), "users", ("2345", "ann"), b"no floats");

    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    assert_eq!(client.authenticate("ann", "job-2", &capture(RED))["ResultCode"], "2201");
    assert!(sandbox.last_fault().unwrap().contains("enrolled user"));
    assert_eq!(client.register("bob", "job-3", &capture(RED))["ResultCode"], "0840");
}
