//! A process that is killed in the middle of a V3 submission makes no second job.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;
mod v3_support;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Answer, Server, tag};
use liveface_bundle::{JobStage, Store, StoreKey};
use liveface_submit::{Call, JobRequest, SubmitError};
use v3_support::{client, good, request, step, store};

const STORE: &str = "LIVEFACE_TEST_STORE";
const URL: &str = "LIVEFACE_TEST_URL";

/// Registers until it is killed.
#[test]
#[ignore = "the test below runs this in a child process"]
fn sender() {
    let (Ok(path), Ok(url)) = (std::env::var(STORE), std::env::var(URL)) else { return };
    let store = Store::open(path, &StoreKey::from_bytes([7; 32])).unwrap();
    let _ = client(&url).register(&store, &tag(), &request(), Call::default());
}

#[test]
fn a_killed_submission_is_unclear_and_nothing_else_is_lost() {
    for (killed_at, stage) in [
        ("token", JobStage::Prepared),
        ("registration", JobStage::Unclear),
        ("status", JobStage::Uploaded),
    ] {
        let alive = Arc::new(AtomicBool::new(true));
        let child_is = alive.clone();
        let server = Server::start(move |request, earlier| {
            if child_is.load(Ordering::SeqCst) && step(request) == killed_at {
                return Answer::Silence;
            }
            good(request, earlier)
        });
        let (_directory, store) = store();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sender", "--ignored"])
            .env(STORE, store.path())
            .env(URL, &server.url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !server.requests().iter().any(|request| step(request) == killed_at) {
            assert!(child.try_wait().unwrap().is_none(), "the child ended before {killed_at}");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        alive.store(false, Ordering::SeqCst);
        assert_eq!(store.job(&tag()).unwrap().unwrap().stage, stage, "{killed_at}");

        let client = client(&server.url);
        let resumed = client.resume(&store, &tag(), None, Call::default());
        let sent = || server.requests().iter().filter(|r| step(r) == "registration").count();
        assert_eq!(sent(), 1, "{killed_at}");
        if stage == JobStage::Unclear {
            let error = resumed.unwrap_err();
            assert!(matches!(error, SubmitError::Unclear { .. }), "{error}");
            let again = JobRequest { send_again: true, ..request() };
            let outcome = client.register(&store, &tag(), &again, Call::default()).unwrap();
            assert!(outcome.is_approved());
            assert_eq!(sent(), 2);
        } else {
            assert!(resumed.unwrap().is_approved(), "{killed_at}");
        }
    }
}
