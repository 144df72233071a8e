//! Jobs as a server sees them and what the client makes of its answers: real HTTP on loopback.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use common::{
    Answer, KEY, PARTNER, Server, accepted, capture, client, config, good, refusal, result, status,
    store, tag,
};
use liveface_bundle::{BundleError, JobStage, Store, ZipLimits, read_upload_zip};
use liveface_core::{ShotKind, Verdict};
use liveface_submit::{
    ApiKeySigner, Call, Client, Decision, GeoInfo, JobRequest, JobType, Progress, StatusOptions,
    SubmitError, signature,
};
use serde_json::json;

fn request() -> JobRequest {
    JobRequest::new("user-0001")
}

fn no_xml() -> Answer {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".to_owned();
    Answer::Other(403, "application/xml", body, "X-A: b")
}

fn stage(store: &Store) -> JobStage {
    store.job(&tag()).unwrap().unwrap().stage
}

/// Whether a request is signed with the right key.
fn signed(body: &serde_json::Value) -> bool {
    let text = |name: &str| body[name].as_str().unwrap();
    signature::verify(KEY, PARTNER, text("timestamp"), text("signature"))
}

#[test]
fn a_registration_is_announced_uploaded_and_followed() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("status", 0) => Answer::Json(200, status(false, &json!("No zip uploaded"))),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let job = JobRequest {
        job_id: Some("job-0001".to_owned()),
        callback_url: Some("https://partner.example/cb".to_owned()),
        partner_params: [("order".to_owned(), "ORD-9".to_owned())].into(),
        ..request()
    };
    let mut news = Vec::new();
    let mut watch = |progress| news.push(progress);
    let client = server.client();
    let outcome =
        client.register(&store, &tag(), &job, Call::default().watched_by(&mut watch)).unwrap();

    assert!(outcome.is_approved() && outcome.is_final() && outcome.is_uploaded());
    assert_eq!(outcome.result_code().as_deref(), Some("0840"));
    assert_eq!(outcome.smile_job_id().as_deref(), Some("0000000583"));
    assert_eq!(server.steps(), ["upload", "zip", "status", "status"]);
    let sent = server.requests();

    let upload = sent[0].json();
    assert_eq!(sent[0].headers["content-type"], "application/json");
    assert_eq!(upload["smile_client_id"], PARTNER);
    assert_eq!(
        upload["partner_params"],
        json!({"user_id": "user-0001", "job_id": "job-0001", "job_type": 4, "order": "ORD-9"})
    );
    assert_eq!(upload["source_sdk"], "rest_api");
    assert!(signed(&upload));
    for absent in ["retry", "allow_new_enroll", "metadata", "token"] {
        assert!(upload.get(absent).is_none(), "{absent}");
    }

    assert_eq!(sent[1].headers["content-type"], "application/zip");
    let zip = read_upload_zip(&sent[1].body, &ZipLimits::default()).unwrap();
    let capture = store.load(&tag()).unwrap();
    for (sent, kept) in zip.images.iter().zip(capture.upload_order()) {
        assert_eq!(sent.bytes, *kept.jpeg);
    }
    assert_eq!(zip.images.len(), 3);
    let info = &zip.info["misc_information"];
    for same in ["timestamp", "signature", "partner_params", "callback_url", "smile_client_id"] {
        assert_eq!(info[same], upload[same], "{same}");
    }
    assert_eq!(zip.info["server_information"], format!("{}/zip/1", sent[1].server));

    let asked = sent[2].json();
    assert!(signed(&asked));
    assert_eq!(asked["partner_id"], PARTNER);
    assert_eq!(asked["job_id"], "job-0001");

    let bytes = sent[1].body.len() as u64;
    let (uploading, other): (Vec<_>, Vec<_>) =
        news.into_iter().partition(|news| matches!(news, Progress::Uploading { .. }));
    assert_eq!(uploading[0], Progress::Uploading { sent: 0, bytes });
    assert_eq!(uploading.last(), Some(&Progress::Uploading { sent: bytes, bytes }));
    assert_eq!(
        other,
        [
            Progress::Preparing,
            Progress::Waiting { attempt: 1 },
            Progress::Waiting { attempt: 2 },
            Progress::Done,
        ]
    );

    // The recorded outcome is the same, and asking again sends nothing.
    assert_eq!(client.register(&store, &tag(), &job, Call::default()).unwrap(), outcome);
    assert_eq!(
        client.status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap(),
        outcome
    );
    assert_eq!(client.resume(&store, &tag(), None, Call::default()).unwrap(), outcome);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(store.clear_submitted().unwrap(), 1);
}

#[test]
fn an_authentication_is_job_type_2_and_can_be_rejected() {
    let server = Server::start(|request, _| match request.step() {
        "status" => {
            let mut result = result(request, "0921");
            result["Actions"]["Selfie_To_Registered_Selfie_Compare"] = json!("Failed");
            Answer::Json(200, status(true, &result))
        }
        _ => good(request, ""),
    });
    let (_directory, store) = store();
    let outcome =
        server.client().authenticate(&store, &tag(), &request(), Call::default()).unwrap();
    assert_eq!(outcome.decision(), Decision::Rejected);
    assert_eq!(server.requests()[0].json()["partner_params"]["job_type"], 2);
    assert!(outcome.job_id().starts_with("job-"));
}

#[test]
fn flags_and_place_are_sent_when_they_are_set() {
    let server = Server::start(|request, _| good(request, "0840"));
    let (_directory, store) = store();
    let geo =
        GeoInfo { latitude: -1.25, longitude: 36.75, accuracy: Some(8.0), ..GeoInfo::default() };
    let job = JobRequest {
        allow_re_enroll: true,
        use_enrolled_image: true,
        id_info: [("country".to_owned(), "KE".to_owned())].into(),
        geo: Some(geo),
        ..request()
    };
    server.client().register(&store, &tag(), &job, Call::default()).unwrap();
    let sent = server.requests();
    let upload = sent[0].json();
    assert_eq!(upload["allow_new_enroll"], true);
    assert_eq!(upload["use_enrolled_image"], true);
    assert_eq!(upload["metadata"][0]["name"], "geolocation");
    let place = json!({"latitude": -1.25, "longitude": 36.75, "accuracy": 8.0});
    assert_eq!(upload["metadata"][0]["value"], place);
    let zip = read_upload_zip(&sent[1].body, &ZipLimits::default()).unwrap();
    assert_eq!(zip.info["id_info"], json!({"country": "KE"}));
}

#[test]
fn what_must_not_be_sent_is_refused_before_anything_is() {
    let server = Server::start(|request, _| good(request, "0840"));
    let (_directory, store) = store();
    let client = server.client();
    let register = |capture| {
        store.replace(&tag(), &capture).unwrap();
        client.register(&store, &tag(), &request(), Call::default()).unwrap_err()
    };
    for verdict in [Verdict::Retry, Verdict::Attack, Verdict::TimedOut] {
        assert!(matches!(register(capture(verdict)), SubmitError::NotLive { .. }));
    }
    let mut no_selfie = capture(Verdict::Live);
    no_selfie.images.retain(|image| image.kind != ShotKind::Selfie);
    assert!(matches!(register(no_selfie), SubmitError::NoSelfie { .. }));

    store.replace(&tag(), &capture(Verdict::Live)).unwrap();
    let nobody =
        client.register(&store, &tag(), &JobRequest::new(""), Call::default()).unwrap_err();
    assert!(matches!(nobody, SubmitError::Request(_)) && !nobody.is_retryable());
    let unknown = liveface_bundle::Tag::new("other").unwrap();
    let missing = client.register(&store, &unknown, &request(), Call::default()).unwrap_err();
    assert!(matches!(missing, SubmitError::Store(BundleError::NoSuchTag { .. })));
    assert!(matches!(
        client.status(&store, &tag(), StatusOptions::default(), Call::default()),
        Err(SubmitError::NoJob { .. })
    ));

    let inside = |folder: &std::path::Path, prefix: &str| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: &std::path::PathBuf| {
            path.file_name().unwrap().to_str().unwrap().starts_with(prefix)
        };
        { entries }.find(named).unwrap()
    };
    let generation = inside(&inside(store.path(), "kept-"), "gen-");
    std::fs::write(generation.join("image-0"), b"other bytes").unwrap();
    let damaged = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(damaged, SubmitError::Store(BundleError::Damaged { .. })));
    assert!(server.requests().is_empty());
}

#[test]
fn a_refusal_keeps_its_code_and_leaves_no_job() {
    let server = Server::start(|request, _| {
        if request.step() == "upload" && !signed(&request.json()) {
            return refusal("2205", "You are not authorized");
        }
        good(request, "0840")
    });
    let (_directory, store) = store();
    let wrong = client(&server.url, "another-key");
    let error = wrong.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert_eq!(error.server_code(), Some("2205"));
    assert!(error.to_string().contains("not authorised"), "{error}");
    assert_eq!(store.job(&tag()).unwrap(), None);
    assert_eq!(store.idle_tags().unwrap(), [tag()]);
    assert!(matches!(
        wrong.resume(&store, &tag(), None, Call::default()),
        Err(SubmitError::NoJob { .. })
    ));
    // Now with the right key.
    assert!(
        server
            .client()
            .register(&store, &tag(), &request(), Call::default())
            .unwrap()
            .is_approved()
    );
}

#[test]
fn what_a_refusing_server_repeats_of_the_job_is_not_shown() {
    let private = ["user-0001", "job-0001", "ORD-9", "ORD-9/7", "A1234567", "https://p.example/cb"];
    let server = Server::start(move |_, _| refusal("2213", &format!("{}\n", private.join("|"))));
    let (_directory, store) = store();
    let job = JobRequest {
        job_id: Some("job-0001".to_owned()),
        partner_params: [("a", "ORD-9"), ("b", "ORD-9/7"), ("c", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        id_info: [("id_number".to_owned(), "A1234567".to_owned())].into(),
        callback_url: Some("https://p.example/cb".to_owned()),
        ..request()
    };
    let error = server.client().register(&store, &tag(), &job, Call::default()).unwrap_err();
    let SubmitError::Refused { text, .. } = &error else { panic!("{error:?}") };
    assert_eq!(text, "...|...|...|...|...|...");
}

#[test]
fn only_what_can_succeed_unchanged_is_server_trouble() {
    for (status, code, trouble) in [
        (400, "2205", false),
        (400, "2209", false),
        (400, "2210", false),
        (400, "2212", false),
        (400, "2215", false),
        (400, "9999", false),
        (400, "2201", true),
        (500, "9999", true),
        (429, "9999", true),
    ] {
        let answer = json!({ "code": code, "error": "no" });
        let server = Server::start(move |_, _| Answer::Json(status, answer.clone()));
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert_eq!(error.server_code(), Some(code));
        assert_eq!((error.is_server_trouble(), error.is_retryable()), (trouble, trouble), "{code}");
        // The job is kept if and only if it can be sent again.
        assert_eq!(store.job(&tag()).unwrap().is_some(), trouble, "{code}");
    }
}

#[test]
fn a_job_id_that_another_capture_has_is_refused_every_time() {
    let (_directory, store) = store();
    // `trouble` before the server is reached: was the job announced or not?
    for trouble in [false, true] {
        let server = Server::start(move |request, earlier| match (request.step(), earlier) {
            ("upload", 0) if trouble => Answer::Other(502, "text/html", String::new(), "X-A: b"),
            ("upload", _) => refusal("2215", "Job already exists"),
            // The result of the capture that was sent under this id.
            _ => good(request, "0840"),
        });
        let client = server.client();
        let job = JobRequest { job_id: Some("job-0001".to_owned()), ..request() };
        if trouble {
            let error = client.register(&store, &tag(), &job, Call::default()).unwrap_err();
            assert!(error.is_server_trouble());
        }
        for _ in 0..3 {
            let error = client.register(&store, &tag(), &job, Call::default()).unwrap_err();
            assert_eq!(error.server_code(), Some("2215"));
            assert_eq!(store.job(&tag()).unwrap(), None);
        }
        assert!(server.steps().iter().all(|step| *step == "upload"));
    }
    // Under its own id it is sent.
    let server = Server::start(|request, _| good(request, "0840"));
    assert!(
        server
            .client()
            .register(&store, &tag(), &request(), Call::default())
            .unwrap()
            .is_approved()
    );
}

#[test]
fn a_refusal_of_a_later_attempt_leaves_the_job_as_the_earlier_one_left_it() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        // The server has the job; its answer is lost.
        ("upload", 0) => Answer::Other(502, "text/html", String::new(), "X-A: b"),
        ("upload", _) if !signed(&request.json()) => refusal("2205", "no"),
        ("upload", _) if request.json().get("retry").is_none() => refusal("2215", "exists"),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
    let begun = store.job(&tag()).unwrap();
    let other = JobRequest { allow_re_enroll: true, ..request() };
    let wrong = client(&server.url, "another-key");
    let error = wrong.register(&store, &tag(), &other, Call::default()).unwrap_err();
    assert_eq!(error.server_code(), Some("2205"));
    assert_eq!(store.job(&tag()).unwrap(), begun);
    let outcome = server.client().register(&store, &tag(), &request(), Call::default()).unwrap();
    assert!(outcome.is_approved());
    assert_eq!(outcome.job_id(), begun.unwrap().job_id);
}

#[test]
fn every_kind_of_refusal_is_told() {
    for (code, words) in [
        ("2210", "not registered"),
        ("2213", "missing"),
        ("2215", "exists"),
        ("9999", "public list"),
    ] {
        let server = Server::start(move |_, _| refusal(code, "no"));
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert_eq!(error.server_code(), Some(code));
        assert!(error.to_string().contains(words), "{error}");
        // A job id that was never ours is not opened again.
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_upload_that_failed_is_done_again_with_the_same_job_id_and_retry() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("zip", 0) => no_xml(),
        ("upload", _) if earlier > 0 && request.json().get("retry").is_none() => {
            refusal("2215", "Job already exists")
        }
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let client = server.client();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Unavailable { status: 403, .. }) && error.is_retryable());
    assert!(!error.to_string().contains("zip/1"), "the upload address is a permission: {error}");
    assert_eq!(stage(&store), JobStage::Prepared);

    let outcome = client.resume(&store, &tag(), None, Call::default()).unwrap();
    assert!(outcome.is_approved());
    assert_eq!(server.steps(), ["upload", "zip", "upload", "upload", "zip", "status"]);
    let sent = server.requests();
    assert_eq!(sent[3].json()["retry"], true);
    for upload in [&sent[0], &sent[2], &sent[3]] {
        assert_eq!(upload.json()["partner_params"]["job_id"], outcome.job_id());
    }
}

/// A client whose process was killed right after the upload, before that was noted. The server has
/// the zip and answers questions with `status`.
fn cut_short(
    status: impl Fn(&common::Request) -> Answer + Send + Sync + 'static,
) -> (tempfile::TempDir, Store, Server) {
    let server = Server::start(move |request, earlier| match (request.step(), earlier) {
        ("upload", 1..) => refusal("2215", "Job already exists"),
        ("status", _) => status(request),
        _ => good(request, ""),
    });
    let (directory, store) = store();
    let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
    server.client().register(&store, &tag(), &job, Call::default()).unwrap();
    let submission = store.submission(&tag()).unwrap();
    let mut job = submission.job().unwrap().unwrap();
    job.stage = JobStage::Prepared;
    submission.set_job(&job).unwrap();
    (directory, store, server)
}

#[test]
fn a_zip_that_arrived_without_a_note_is_not_sent_twice() {
    let (_directory, store, server) = cut_short(|request| good(request, "0840"));
    let outcome = server.client().register(&store, &tag(), &request(), Call::default()).unwrap();
    assert!(outcome.is_approved() && outcome.is_final());
    assert_eq!(server.steps(), ["upload", "zip", "upload", "upload", "status"]);
}

#[test]
fn the_status_of_an_upload_without_a_note_can_be_asked_for() {
    let (_directory, store, server) = cut_short(|request| good(request, "0840"));
    let outcome =
        server.client().status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap();
    assert!(outcome.is_approved() && outcome.is_final());
    assert_eq!(server.steps(), ["upload", "zip", "status"]);
}

#[test]
fn the_result_of_another_capture_under_the_same_job_id_is_not_taken_for_ours() {
    for name in [json!("0000000584"), json!(null)] {
        let (_directory, store, server) = cut_short(move |request| {
            let mut other = result(request, "0840");
            other["SmileJobID"] = name.clone();
            Answer::Json(200, status(true, &other))
        });
        let client = server.client();
        let before = store.job(&tag()).unwrap();
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::OtherCapture) && !error.is_server_trouble());
        assert!(matches!(
            client.status(&store, &tag(), StatusOptions::default(), Call::default()),
            Err(SubmitError::OtherCapture)
        ));
        assert_eq!(store.job(&tag()).unwrap(), before);
    }
}

#[test]
fn parameters_can_be_changed_until_the_server_has_the_capture() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("upload", 0) => Answer::Other(502, "text/html", String::new(), "X-A: b"),
        ("status", _) => Answer::Json(200, status(false, &json!("Job in progress"))),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let client = server.client();
    client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    let again = JobRequest { allow_re_enroll: true, ..request() };
    client.register(&store, &tag(), &again, Call::default()).unwrap();
    let sent = server.requests();
    assert_eq!(sent[1].json()["allow_new_enroll"], true);
    assert_eq!(sent[0].json()["partner_params"], sent[1].json()["partner_params"]);

    let other = JobRequest::new("user-0002");
    let error = client.register(&store, &tag(), &other, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::OtherJob { .. }));
    let error = client.authenticate(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::OtherJob { .. }));
}

#[test]
fn a_job_goes_on_only_with_its_own_server_and_partner() {
    let server = Server::start(|request, _| match request.step() {
        "status" => Answer::Json(200, status(false, &json!("Job in progress"))),
        _ => good(request, ""),
    });
    let (_directory, store) = store();
    server.client().register(&store, &tag(), &request(), Call::default()).unwrap();
    let elsewhere = Server::start(|request, _| good(request, "0840"));
    let error = elsewhere
        .client()
        .status(&store, &tag(), StatusOptions::default(), Call::default())
        .unwrap_err();
    assert!(matches!(error, SubmitError::OtherServer { .. }));
    let error = elsewhere.client().resume(&store, &tag(), None, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::OtherServer { .. }));
    let signer = ApiKeySigner::new("9", KEY).unwrap();
    let other_partner = Client::new(config(&server.url), signer).unwrap();
    let error = other_partner
        .status(&store, &tag(), StatusOptions::default(), Call::default())
        .unwrap_err();
    assert!(matches!(error, SubmitError::OtherServer { .. }));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_result_that_takes_longer_than_the_wait_is_pending_and_asked_for_later() {
    let server = Server::start(|request, _| match request.step() {
        "status" => Answer::Json(200, status(false, &json!("No zip uploaded"))),
        _ => good(request, ""),
    });
    let (_directory, store) = store();
    let client = server.client();
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert_eq!(outcome.decision(), Decision::Pending);
    assert!(outcome.is_uploaded() && !outcome.is_final());
    assert_eq!(outcome.result_text().as_deref(), Some("No zip uploaded"));
    assert_eq!(outcome.smile_job_id().as_deref(), Some("0000000583"));
    assert_eq!(stage(&store), JobStage::Uploaded);
    // No more than there is time for with the pauses between them, and one at the least.
    let polls = server.requests().len() - 2;
    assert!((1..=40).contains(&polls), "{polls}");

    // One question, no upload.
    client.status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap();
    assert_eq!(server.requests().len(), polls + 3);
    assert_eq!(server.steps().last(), Some(&"status"));
}

#[test]
fn without_waiting_nothing_is_asked() {
    let server = Server::start(|request, _| good(request, "0840"));
    let (_directory, store) = store();
    let client = server.client();
    let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
    let outcome = client.register(&store, &tag(), &job, Call::default()).unwrap();
    assert_eq!(outcome.decision(), Decision::Pending);
    assert_eq!(server.steps(), ["upload", "zip"]);
    let outcome = client.status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap();
    assert!(outcome.is_approved() && outcome.is_final());
    assert_eq!(stage(&store), JobStage::Final);
}

#[test]
fn a_result_that_is_not_final_is_asked_for_again() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("status", 0) => {
            let mut provisional = result(request, "0814");
            provisional["IsFinalResult"] = json!("false");
            Answer::Json(200, status(true, &provisional))
        }
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let client = server.client();
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert_eq!(outcome.decision(), Decision::ProvisionallyApproved);
    assert!(!outcome.is_final());
    let outcome = client.status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap();
    assert!(outcome.is_approved() && outcome.is_final());
}

#[test]
fn a_server_that_is_down_keeps_the_job() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("upload", 0) => Answer::Other(500, "text/html", "<h1>oops</h1>".to_owned(), "X-A: b"),
        ("upload", 1) => Answer::Json(503, json!({"message": "no code"})),
        ("upload", 2) => Answer::Json(500, json!({"code": "2201", "error": "System error"})),
        // Questions may fail while there is time.
        ("status", 0 | 1) => Answer::Other(502, "text/html", String::new(), "X-A: b"),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let client = server.client();
    for _ in 0..3 {
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(stage(&store), JobStage::Prepared);
    }
    assert!(client.register(&store, &tag(), &request(), Call::default()).unwrap().is_approved());
}

#[test]
fn questions_that_fail_to_the_end_are_an_error_and_the_upload_is_kept() {
    let server = Server::start(|request, _| match request.step() {
        "status" => Answer::Other(500, "text/html", String::new(), "X-A: b"),
        _ => good(request, ""),
    });
    let (_directory, store) = store();
    let error = server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Unavailable { status: 500, .. }));
    assert_eq!(stage(&store), JobStage::Uploaded);
}

#[test]
fn what_does_not_speak_the_api_is_recognised() {
    let html = || "<html>Please log in to the Wi-Fi</html>".to_owned();
    type Make = fn(String) -> Answer;
    let cases: [(Make, &str); 9] = [
        (|html| Answer::Other(200, "text/html", html, "X-A: b"), "not JSON"),
        (|html| Answer::Other(404, "text/html", html, "X-A: b"), "HTTP status 404"),
        (
            |_| Answer::Other(302, "text/plain", String::new(), "Location: /v1/job_status"),
            "redirects",
        ),
        (
            |_| Answer::Other(307, "text/plain", String::new(), "Location: /v1/job_status"),
            "redirects",
        ),
        (|_| Answer::Other(200, "application/json", "[1]".to_owned(), "X-A: b"), "not JSON"),
        (|_| Answer::Json(200, json!({"camera_config": "null"})), "no code"),
        (|_| Answer::Json(200, json!({"code": 2202})), "lacks"),
        (|_| Answer::Json(200, json!({"x": "y".repeat(2 << 20)})), "more than"),
        (|_| Answer::Raw("SSH-2.0-OpenSSH_9.9\r\n\r\n"), "not HTTP"),
    ];
    for (make, words) in cases {
        let server = Server::start(move |_, _| make(html()));
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::BadAnswer { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(server.requests().len(), 1, "a redirect is not followed");
    }
}

#[test]
fn an_answer_that_the_partners_key_did_not_sign_is_not_believed() {
    for change in [json!("AAAA"), json!(null), json!(signature::sign("k", PARTNER, "x"))] {
        let server = Server::start(move |request, _| match request.step() {
            "status" => {
                let mut forged = status(true, &result(request, "0840"));
                forged["signature"] = change.clone();
                Answer::Json(200, forged)
            }
            _ => good(request, ""),
        });
        let (_directory, store) = store();
        let client = server.client();
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::Unsigned), "{error:?}");
        assert!(matches!(
            client.status(&store, &tag(), StatusOptions::default(), Call::default()),
            Err(SubmitError::Unsigned)
        ));
        let job = store.job(&tag()).unwrap().unwrap();
        assert_eq!((job.stage, job.last_status), (JobStage::Uploaded, None));
    }
}

#[test]
fn an_answer_about_another_job_is_not_taken_for_ours() {
    for (name, value) in [
        ("job_id", json!("another")),
        ("user_id", json!("another")),
        ("user_id", json!(7)),
        ("job_type", json!(2)),
        ("job_type", json!("2")),
        ("SmileJobID", json!("0000000584")),
    ] {
        let server = Server::start(move |request, _| match request.step() {
            "status" => {
                let mut other = result(request, "0840");
                let place =
                    if name == "SmileJobID" { &mut other } else { &mut other["PartnerParams"] };
                place[name] = value.clone();
                Answer::Json(200, status(true, &other))
            }
            _ => good(request, ""),
        });
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(error.to_string().contains("another job"), "{error}");
        assert_eq!(stage(&store), JobStage::Uploaded);
    }
}

#[test]
fn images_go_nowhere_less_safe_than_the_announcement() {
    for address in ["http://203.0.113.5/zip/1", "ftp://127.0.0.1/zip", "", "zip/1"] {
        let server = Server::start(move |_, _| {
            Answer::Json(
                200,
                json!({
                    "code": "2202", "upload_url": address, "ref_id": "r", "smile_job_id": "1",
                }),
            )
        });
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::BadAnswer { .. }), "{error:?}");
        assert!(!error.to_string().contains("203.0.113.5"));
        assert_eq!(server.requests().len(), 1);
        assert_eq!(stage(&store), JobStage::Prepared);
    }
}

#[test]
fn no_server_at_all_keeps_the_job_for_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (_directory, store) = store();
    let error =
        client(&url, KEY).register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Network { .. }) && error.is_retryable(), "{error:?}");
    assert_eq!(stage(&store), JobStage::Prepared);
    // Nothing is known, and nothing is asked.
    let outcome = client(&url, KEY)
        .status(&store, &tag(), StatusOptions::default(), Call::default())
        .unwrap();
    assert_eq!(outcome.decision(), Decision::Pending);
    assert!(!outcome.is_uploaded());
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start(|_, _| Answer::Silence);
    let (_directory, store) = store();
    let mut config = config(&server.url);
    config.timeout = Duration::from_millis(200);
    let client = Client::new(config, ApiKeySigner::new(PARTNER, KEY).unwrap()).unwrap();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    // Given up by the client's own clock: the server would hold the connection far longer.
    let SubmitError::Network { what, .. } = error else { panic!("{error:?}") };
    assert_eq!(what, "the time was used up");
}

#[test]
fn a_capture_that_is_being_submitted_elsewhere_is_left_alone() {
    let server = Server::start(|request, _| good(request, "0840"));
    let (_directory, store) = store();
    let elsewhere = store.submission(&tag()).unwrap();
    let error = server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Store(BundleError::Busy { .. })));
    assert!(error.is_retryable() && server.requests().is_empty());
    drop(elsewhere);
    server.client().register(&store, &tag(), &request(), Call::default()).unwrap();
}

#[test]
fn a_new_capture_under_the_tag_is_not_marked_by_an_old_job() {
    let (_directory, store) = store();
    let recaptured = store.clone();
    let server = Server::start(move |request, _| {
        if request.step() == "zip" {
            let mut new = capture(Verdict::Live);
            new.record.seed = 2;
            recaptured.replace(&tag(), &new).unwrap();
        }
        match request.step() {
            "upload" => accepted(request),
            _ => good(request, "0840"),
        }
    });
    let error = server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Store(BundleError::Replaced { .. })));
    assert_eq!(store.job(&tag()).unwrap(), None);
    assert_eq!(store.load(&tag()).unwrap().record.seed, 2);
}

/// The recorded job's file.
fn job_file(store: &Store) -> std::path::PathBuf {
    let mut path = store.path().to_owned();
    for prefix in ["kept-", "gen-"] {
        let entries = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        let named = |path: &std::path::PathBuf| {
            path.file_name().unwrap().to_str().unwrap().starts_with(prefix)
        };
        path = { entries }.find(named).unwrap();
    }
    path.join("job")
}

#[test]
fn a_note_that_cannot_be_written_after_the_upload_makes_no_second_job() {
    let (_directory, store) = store();
    let (broken, aside) = (store.clone(), store.path().join("aside"));
    let there = aside.clone();
    let server = Server::start(move |request, earlier| match (request.step(), earlier) {
        ("zip", 0) => {
            // No file can take a directory's place.
            std::fs::rename(job_file(&broken), &there).unwrap();
            std::fs::create_dir_all(job_file(&broken).join("x")).unwrap();
            good(request, "")
        }
        ("upload", 1..) => refusal("2215", "Job already exists"),
        _ => good(request, "0840"),
    });
    let client = server.client();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Store(_)), "{error:?}");
    assert!(job_file(&store).is_dir(), "what is recorded was not forgotten");
    std::fs::remove_dir_all(job_file(&store)).unwrap();
    std::fs::rename(&aside, job_file(&store)).unwrap();
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert!(outcome.is_approved());
    let ids: Vec<_> = server
        .requests()
        .iter()
        .filter(|r| r.step() == "upload")
        .map(|request| request.json()["partner_params"]["job_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, vec![outcome.job_id(); 3]);
    assert_eq!(server.steps().iter().filter(|step| **step == "zip").count(), 1);
}

#[test]
fn a_zip_that_may_have_arrived_is_not_sent_for_another_job() {
    let (_directory, store, server) = cut_short(|request| good(request, "0840"));
    let client = server.client();
    let before = store.job(&tag()).unwrap();
    let asked = server.requests().len();
    let other = [
        JobRequest::new("user-0002"),
        JobRequest { job_id: Some("job-0002".to_owned()), ..request() },
    ];
    for other in other {
        let error = client.register(&store, &tag(), &other, Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::OtherJob { .. }), "{error:?}");
        let error = client.prepare(&store, &tag(), JobType::Register, &other).unwrap_err();
        assert!(matches!(error, SubmitError::OtherJob { .. }), "{error:?}");
    }
    let error = client.authenticate(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::OtherJob { .. }), "{error:?}");
    assert_eq!((store.job(&tag()).unwrap(), server.requests().len()), (before, asked));
}

#[test]
fn no_zip_is_sent_for_a_job_that_the_server_gave_no_name() {
    for name in [json!(null), json!(""), json!({})] {
        let server = Server::start(move |request, _| match request.step() {
            "upload" => Answer::Json(
                200,
                json!({
                    "code": "2202", "upload_url": format!("{}/zip/1", request.server),
                    "smile_job_id": name,
                }),
            ),
            _ => good(request, "0840"),
        });
        let (_directory, store) = store();
        let error =
            server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::BadAnswer { .. }), "{error:?}");
        assert_eq!((server.steps(), stage(&store)), (vec!["upload"], JobStage::Prepared));
    }
}
