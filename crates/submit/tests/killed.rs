//! A process that is killed in the middle of a submission loses nothing.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Answer, KEY, Server, client, good, refusal, store, tag};
use liveface_bundle::{Store, StoreKey};
use liveface_submit::{Call, JobRequest};

const STORE: &str = "LIVEFACE_TEST_STORE";
const URL: &str = "LIVEFACE_TEST_URL";

/// Registers until it is killed.
#[test]
#[ignore = "the test below runs this in a child process"]
fn sender() {
    let (Ok(path), Ok(url)) = (std::env::var(STORE), std::env::var(URL)) else { return };
    let store = Store::open(path, &StoreKey::from_bytes([7; 32])).unwrap();
    let _ =
        client(&url, KEY).register(&store, &tag(), &JobRequest::new("user-0001"), Call::default());
}

#[test]
fn a_job_goes_on_where_its_process_was_killed() {
    for killed_at in ["upload", "zip", "status"] {
        static ALIVE: AtomicBool = AtomicBool::new(false);
        ALIVE.store(true, Ordering::SeqCst);
        let server = Server::start(move |request, earlier| {
            if ALIVE.load(Ordering::SeqCst) && request.step() == killed_at {
                return Answer::Silence;
            }
            // The server heard of the job before.
            let announced = request.step() == "upload" && earlier > 0;
            if announced && request.json().get("retry").is_none() {
                return refusal("2215", "Job already exists");
            }
            good(request, "0840")
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
        while !server.requests().iter().any(|request| request.step() == killed_at) {
            assert!(child.try_wait().unwrap().is_none(), "the child ended before {killed_at}");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        ALIVE.store(false, Ordering::SeqCst);

        let begun = store.job(&tag()).unwrap().unwrap();
        // Noted before the first byte of the zip is sent.
        assert_eq!(begun.smile_job_id.is_some(), killed_at != "upload", "{killed_at}");
        let outcome = server.client().resume(&store, &tag(), None, Call::default()).unwrap();
        assert!(outcome.is_approved(), "{killed_at}");
        assert_eq!(outcome.job_id(), begun.job_id);
        let steps = server.steps();
        let zips = steps.iter().filter(|step| **step == "zip").count();
        // The server never got the zip whose PUT it left unanswered.
        assert_eq!(zips, if killed_at == "zip" { 2 } else { 1 }, "{killed_at}: {steps:?}");
        for request in server.requests().iter().filter(|request| request.step() == "upload") {
            assert_eq!(request.json()["partner_params"]["job_id"], begun.job_id.as_str());
        }
    }
}
