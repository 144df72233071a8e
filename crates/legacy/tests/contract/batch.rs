//! Jobs that are saved and sent later, and jobs that are cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use liveface_legacy::{SidError, SidEvent};
use serde_json::json;

use crate::support::{Fault, Place, Server, job, tag};

#[test]
fn saved_jobs_are_sent_later_and_one_bad_job_does_not_hold_up_the_others() {
    let _ = covers!["call.saveConfig", "call.submitAll", "call.getCurrentTags"];
    let place = Place::with(&["first", "stranger", "again"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let other = |name: &str, job_type, user: &str| {
        let mut job = job(name, job_type);
        job.partner_params.insert("user_id".to_owned(), json!(user));
        job
    };
    legacy.save_config(&job("first", 4)).unwrap();
    // Nobody registered this user.
    legacy.save_config(&other("stranger", 2, "nobody")).unwrap();
    legacy.save_config(&job("again", 2)).unwrap();
    let no_type = liveface_legacy::SubmitJob { job_type: None, ..job("first", 4) };
    assert_eq!(legacy.save_config(&no_type).unwrap_err().name, SidError::UnableToSubmit);
    assert!(server.seen().is_empty(), "nothing is sent yet");
    let all = json!(["first", "stranger", "again"]);
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], all, "saved is not submitted");

    let mut events = Vec::new();
    let batch = legacy.submit_all(&mut |event| events.push(event.name())).unwrap();
    let tags: Vec<_> = batch.iter().map(|entry| entry.tag.as_str()).collect();
    assert_eq!(tags, ["first", "stranger", "again"]);
    let states: Vec<_> = batch
        .iter()
        .map(|entry| match &entry.result {
            Ok(response) => response.result_code_state().name(),
            Err(error) => error.name.name(),
        })
        .collect();
    let expected = ["ENROL_APPROVED", "NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST", "AUTH_APPROVED"];
    assert_eq!(states, expected);
    let ends = ["onEnrolled", "onComplete", "onError", "onAuthenticated", "onComplete"];
    assert_eq!(events[events.len() - 5..], ends);
    // What is done is gone; the other capture is still there.
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!(["stranger"]));
    assert!(place.store.load(&tag("stranger")).is_ok());
}

#[test]
fn without_a_network_saved_jobs_wait() {
    let _ =
        covers!["call.submitAll", "error.NO_NETWORK_CONNECTION", "error.REQUEST_FAILED_TRY_AGAIN"];
    let place = Place::with(&["first", "again"]);
    let legacy = place.builder().sandbox(crate::support::nobody()).build();
    legacy.save_config(&job("first", 4)).unwrap();
    legacy.save_config(&job("again", 2)).unwrap();
    let batch = legacy.submit_all(&mut |_| {}).unwrap();
    let names: Vec<_> = batch.iter().map(|e| e.result.as_ref().unwrap_err().name).collect();
    assert_eq!(names, [SidError::NoNetworkConnection, SidError::RequestFailedTryAgain]);
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!(["first", "again"]));
}

#[test]
fn what_is_cancelled_is_kept_and_goes_on() {
    let _ = covers![
        "call.cancelAll",
        "error.FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT",
        "tag.deletedAfterUpload",
    ];
    let place = Place::with(&["first"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    // The result never comes, until the call is cancelled.
    let hold = Arc::new(AtomicBool::new(true));
    let held = hold.clone();
    server.spoil(move |seen| {
        let busy = || Fault::Answer(503, "text/plain", String::new());
        (seen.step() == "job_status" && held.load(Ordering::SeqCst)).then(busy)
    });
    let (waits, waiting) = std::sync::mpsc::channel();
    let error = std::thread::scope(|scope| {
        let legacy = &legacy;
        scope.spawn(move || {
            waiting.recv().unwrap();
            legacy.cancel_all();
        });
        let submitted = legacy.submit_job(&job("first", 4), &mut |event| {
            if matches!(event, SidEvent::UpdateJobStatus(text) if text.contains("waiting")) {
                // Only the first is listened to.
                let _ = waits.send(());
            }
        });
        submitted.unwrap_err()
    });
    assert_eq!(error.name, SidError::FailedJobStatusCancelledOrTimeout, "{error}");
    assert!(error.message.contains("cancelled"), "{error}");
    hold.store(false, Ordering::SeqCst);
    // Cancelling ends what is under way and nothing after it.
    let done = legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap();
    assert!(done.is_success());
    assert_eq!(server.step("zip").len(), 1, "sent once");
}
