//! Jobs that are saved and sent later, and jobs that are cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use liveface_legacy::{BatchEntry, SidError, SidEvent, SubmitJob};
use serde_json::json;

use crate::support::{Fault, Place, Server, job, tag};

/// The states of a batch's results, or the names of its errors.
fn states(batch: &[BatchEntry]) -> Vec<&'static str> {
    let state = |entry: &BatchEntry| match &entry.result {
        Ok(response) => response.result_code_state().name(),
        Err(error) => error.name.name(),
    };
    batch.iter().map(state).collect()
}

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
    let expected = ["ENROL_APPROVED", "NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST", "AUTH_APPROVED"];
    assert_eq!(states(&batch), expected);
    // Each job is told to its end before the next begins.
    let progress = ["onUpdateJobStatus", "onUpdateJobProgress"];
    let mut in_job = false;
    for event in &events {
        in_job = *event == "onStartJobStatus" || in_job && *event != "onEndJobStatus";
        assert!(in_job || !progress.contains(event), "{events:?}");
    }
    events.retain(|event| !progress.contains(event));
    let told = [
        &["onStartJobStatus", "onEndJobStatus", "onEnrolled", "onComplete"][..],
        &["onStartJobStatus", "onEndJobStatus", "onError"],
        &["onStartJobStatus", "onEndJobStatus", "onAuthenticated", "onComplete"],
    ];
    assert_eq!(events, told.concat());
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
fn each_job_goes_to_its_own_server() {
    let _ = covers!["arg.isProduction", "call.submitAll", "error.UNABLE_TO_SUBMIT"];
    let on_production =
        |tag, job_type| SubmitJob { is_production: Some(true), ..job(tag, job_type) };
    let place = Place::with(&["first", "stranger", "again"]);
    let (sandbox, production) = (Server::start(), Server::start());
    let legacy = place.builder().sandbox(sandbox.client()).production(production.client()).build();
    assert!(legacy.submit_job(&on_production("first", 4), &mut |_| {}).unwrap().is_success());
    assert!(sandbox.seen().is_empty());
    // This person is known to production alone, so only there the authentication can succeed.
    legacy.save_config(&job("stranger", 4)).unwrap();
    legacy.save_config(&on_production("again", 2)).unwrap();
    assert_eq!(
        states(&legacy.submit_all(&mut |_| {}).unwrap()),
        ["ENROL_APPROVED", "AUTH_APPROVED"]
    );
    assert_eq!((sandbox.step("zip").len(), production.step("zip").len()), (1, 2));

    // One server that cannot be reached does not hold up the other's jobs.
    let place = Place::with(&["first", "stranger", "again"]);
    let production = Server::start();
    let unreachable = place.builder().sandbox(crate::support::nobody());
    let legacy = unreachable.production(production.client()).build();
    legacy.save_config(&job("first", 4)).unwrap();
    legacy.save_config(&job("stranger", 4)).unwrap();
    legacy.save_config(&on_production("again", 4)).unwrap();
    let batch = legacy.submit_all(&mut |_| {}).unwrap();
    let expected = ["NO_NETWORK_CONNECTION", "REQUEST_FAILED_TRY_AGAIN", "ENROL_APPROVED"];
    assert_eq!(states(&batch), expected);
    // A job of neither is sent to neither.
    let before = production.seen().len();
    let batch = place.legacy(&production).submit_all(&mut |_| {}).unwrap();
    assert_eq!(states(&batch), ["UNABLE_TO_SUBMIT"; 2]);
    assert_eq!(production.seen().len(), before);
}

#[test]
fn a_result_that_nobody_was_told_is_told_and_its_capture_removed() {
    let _ = covers!["call.submitAll", "tag.deletedAfterUpload"];
    let place = Place::with(&["first"]);
    let server = Server::start();
    // As after a process that ended as soon as the result was recorded.
    let keeping = place.builder().sandbox(server.client()).keep_submitted().build();
    let done = keeping.submit_job(&job("first", 4), &mut |_| {}).unwrap();
    let copies = keeping.get_images_for_tag("first").unwrap()["images"].clone();
    let copy = std::path::PathBuf::from(copies[0].as_str().unwrap());
    assert!(keeping.submit_all(&mut |_| {}).unwrap().is_empty(), "kept as asked");
    assert!(copy.exists() && place.store.load(&tag("first")).is_ok());
    let asked = server.seen().len();
    let legacy = place.legacy(&server);
    let mut events = Vec::new();
    let batch = legacy.submit_all(&mut |event| events.push(event.name())).unwrap();
    assert_eq!(batch, [BatchEntry { tag: "first".to_owned(), result: Ok(done) }]);
    assert_eq!(events[events.len() - 2..], ["onEnrolled", "onComplete"]);
    assert_eq!(server.seen().len(), asked, "the server was not asked again");
    assert!(!copy.exists() && place.store.tags().unwrap().is_empty());
    assert!(legacy.submit_all(&mut |_| {}).unwrap().is_empty());
}

#[test]
fn a_capture_that_took_the_place_of_a_submitted_one_stays() {
    let _ = covers!["call.submitJob", "call.submitAll", "tag.reuse", "tag.deletedAfterUpload"];
    let place = Place::with(&["first", "again", "stranger"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let new = place.store.load(&tag("stranger")).unwrap();
    // Taken when the result is here.
    let capture = |event: &SidEvent| {
        if *event == SidEvent::EndJobStatus {
            place.store.replace(&tag("first"), &new).unwrap();
        }
    };
    assert!(legacy.submit_job(&job("first", 4), &mut |event| capture(event)).unwrap().is_success());
    assert_eq!(place.store.load(&tag("first")).unwrap(), new);
    // Taken while the next job of a batch is sent.
    legacy.save_config(&job("again", 2)).unwrap();
    legacy.save_config(&job("first", 2)).unwrap();
    let mut begun = 0;
    let batch = legacy.submit_all(&mut |event| {
        begun += u32::from(*event == SidEvent::StartJobStatus);
        if begun == 2 && *event == SidEvent::StartJobStatus {
            place.store.replace(&tag("again"), &new).unwrap();
        }
    });
    assert_eq!(states(&batch.unwrap()), ["AUTH_APPROVED", "AUTH_REJECTED"]);
    assert_eq!(place.store.load(&tag("again")).unwrap(), new);
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!(["stranger", "again"]));
}

#[test]
fn a_capture_whose_images_did_not_arrive_is_listed() {
    let _ = covers!["call.getCurrentTags", "error.UNABLE_TO_SUBMIT_COULD_NOT_UPLOAD_ZIP"];
    let place = Place::with(&["first"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let busy = || Fault::Answer(503, "text/plain", String::new());
    server.spoil(move |seen| (seen.step() == "zip").then(busy));
    let error = legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::UnableToSubmitCouldNotUploadZip);
    let job = place.store.job(&tag("first")).unwrap().unwrap();
    assert!(job.smile_job_id.is_some(), "the job was announced");
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!(["first"]));
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
