//! V3 jobs as a server sees them, and that each is one job whatever happens: real HTTP on loopback.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;
mod v3_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Answer, KEY, Server, tag};
use liveface_bundle::{JobStage, Protocol, Store};
use liveface_submit::v3::{ApiKeyTokens, BackendTokens, GivenToken, V3State};
use liveface_submit::{
    ApiKeySigner, Call, CancelToken, Client, ClientConfig, Control, Decision, JobRequest, JobType,
    Progress, Request, Response, StatusOptions, SubmitError, Transport, TransportError,
};
use serde_json::json;
use v3_support::{
    JOB, PARTNER, accepted, client, config, good, jwt, parts, request, status, step, store,
    store_with,
};

fn steps(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| step(request).to_owned()).collect()
}

/// How often images were sent.
fn sent(server: &Server) -> usize {
    steps(server)
        .iter()
        .filter(|step| ["registration", "authentication"].contains(&&***step))
        .count()
}

fn stage(store: &Store) -> JobStage {
    store.job(&tag()).unwrap().unwrap().stage
}

fn register(client: &Client, store: &Store, job: &JobRequest) -> Result<Decision, SubmitError> {
    client.register(store, &tag(), job, Call::default()).map(|outcome| outcome.decision())
}

fn recorded() -> JobRequest {
    JobRequest {
        allow_re_enroll: true,
        callback_url: Some("https://partner.example/cb".to_owned()),
        partner_params: [("order".to_owned(), "ORD-9".to_owned())].into(),
        ..request()
    }
}

const DETAILS: &str = r#"{"given_names":"Amina Fatou","last_name":"Clearwater","email":"amina.clearwater@example.com"}"#;
const CONSENT: &str = r#"{"granted":true,"granted_at":"2026-01-02T03:04:05.678Z","notice_language":"EN","notice_privacy_policy_url":"https://example.com/privacy"}"#;

/// Head and text of a part; what a picture holds is compared elsewhere.
fn seen(request: &common::Request) -> Vec<(String, String)> {
    let text = |part: v3_support::Part| match String::from_utf8(part.bytes) {
        Ok(text) => (part.head, text),
        Err(_) => (part.head, "a picture".to_owned()),
    };
    parts(request).into_iter().map(text).collect()
}

fn head(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

fn json_head(name: &str) -> String {
    format!("{}\r\nContent-Type: application/json", head(name))
}

fn picture_head(name: &str, file: &str) -> String {
    format!("{}; filename=\"{file}\"\r\nContent-Type: image/jpeg", head(name))
}

/// The parts that `usesmileid` 12.1.0 sends for the same job, with this capture's file names.
fn pictures() -> Vec<(String, String)> {
    let picture = "a picture".to_owned();
    let mut all = vec![(picture_head("selfie_image", "si_selfie_300.jpg"), picture.clone())];
    for t_ms in 1000..1008 {
        let file = format!("si_liveness_{t_ms}.jpg");
        all.push((picture_head("liveness_images", &file), picture.clone()));
    }
    all
}

#[test]
fn a_registration_is_the_recorded_request() {
    let server = Server::start(good);
    let (_directory, store) = store();
    let outcome =
        client(&server.url).register(&store, &tag(), &recorded(), Call::default()).unwrap();

    assert!(outcome.is_approved() && outcome.is_final() && outcome.is_uploaded());
    assert_eq!(outcome.smile_job_id().as_deref(), Some(JOB));
    assert_eq!(outcome.v3_status().unwrap().state, V3State::Clear);
    assert_eq!(outcome.result_text().as_deref(), Some("Job completed"));
    assert_eq!(outcome.raw(), Some(&*status("clear").to_string()));
    // Nothing signs a V3 answer.
    assert!(!outcome.verified());
    assert_eq!(steps(&server), ["token", "registration", "status"]);
    let requests = server.requests();

    let token = &requests[0];
    assert_eq!((token.method.as_str(), token.path.as_str()), ("POST", "/v3/token"));
    assert_eq!(token.headers["smileid-partner-id"], PARTNER);
    assert_eq!(token.headers["smileid-api-key"], KEY);
    assert_eq!(token.headers["content-length"], "0");
    assert!(token.body.is_empty());

    let registration = &requests[1];
    assert_eq!(registration.method, "POST");
    assert_eq!(registration.path, "/v3/registration");
    assert_eq!(registration.headers["smileid-token"], jwt(0));
    assert_eq!(registration.headers["user-id"], "user-0001");
    assert_eq!(registration.headers["smileid-source-sdk"], "rest_api");
    assert_eq!(registration.headers["smileid-source-sdk-version"], env!("CARGO_PKG_VERSION"));
    assert!(!registration.headers.contains_key("smileid-api-key"));
    assert!(!registration.headers.contains_key("transfer-encoding"));
    let mut expected = vec![
        (head("allow_new_enroll"), "true".to_owned()),
        (head("callback_url"), "https://partner.example/cb".to_owned()),
        (json_head("user_details"), DETAILS.to_owned()),
        (json_head("consent"), CONSENT.to_owned()),
        (json_head("partner_params"), r#"{"order":"ORD-9"}"#.to_owned()),
    ];
    expected.extend(pictures());
    assert_eq!(seen(registration), expected);
    let capture = store.load(&tag()).unwrap();
    let sent = parts(registration);
    for (part, image) in sent[5..].iter().zip(capture.upload_order()) {
        assert_eq!(part.bytes, *image.jpeg);
    }

    let asked = &requests[2];
    assert_eq!((asked.method.as_str(), &*asked.path), ("GET", &*format!("/v3/status/{JOB}")));
    assert_eq!(asked.headers["smileid-token"], jwt(0));
    assert_eq!(asked.headers["smileid-source-sdk"], "rest_api");
}

#[test]
fn an_authentication_names_its_user_in_the_body() {
    let server = Server::start(good);
    let (_directory, store) = store();
    let mut job = request();
    job.sandbox_result = Some(820);
    let place = liveface_submit::GeoInfo { latitude: -1.25, longitude: 36.8, ..Default::default() };
    job.geo = Some(place);
    let call = Call::default();
    assert!(client(&server.url).authenticate(&store, &tag(), &job, call).unwrap().is_approved());
    let authentication = &server.requests()[1];
    assert_eq!(authentication.path, "/v3/authentication");
    assert!(!authentication.headers.contains_key("user-id"));
    let mut expected = vec![
        (head("user_id"), "user-0001".to_owned()),
        (head("sandbox_result"), "820".to_owned()),
        (json_head("user_details"), DETAILS.to_owned()),
        (json_head("consent"), CONSENT.to_owned()),
        (
            json_head("metadata"),
            r#"[{"name":"geolocation","value":"{\"latitude\":-1.25,\"longitude\":36.8}"}]"#
                .to_owned(),
        ),
    ];
    expected.extend(pictures());
    assert_eq!(seen(authentication), expected);
}

#[test]
fn the_enrolled_image_stands_for_all_pictures() {
    let server = Server::start(good);
    // Too few pictures for V3: none of them is sent.
    let (_directory, store) = store_with(2);
    let job = JobRequest { use_enrolled_image: true, ..request() };
    client(&server.url).authenticate(&store, &tag(), &job, Call::default()).unwrap();
    let expected = [
        (head("user_id"), "user-0001".to_owned()),
        (head("use_enrolled_image"), "true".to_owned()),
        (json_head("user_details"), DETAILS.to_owned()),
        (json_head("consent"), CONSENT.to_owned()),
    ];
    assert_eq!(seen(&server.requests()[1]), expected);
}

#[test]
fn what_v3_cannot_take_is_refused_before_anything_is_sent() {
    let server = Server::start(good);
    let client = client(&server.url);
    let refused = |liveness, change: &dyn Fn(&mut JobRequest)| {
        let (_directory, store) = store_with(liveness);
        let mut job = request();
        change(&mut job);
        let error = register(&client, &store, &job).unwrap_err();
        assert!(matches!(error, SubmitError::Request(_)), "{error}");
        assert!(store.job(&tag()).unwrap().is_none(), "{error}");
        let message = error.to_string();
        for private in ["hidden", "user-0001", "Clearwater"] {
            assert!(!message.contains(private), "{message}");
        }
        message
    };
    for liveness in [0, 1, 5, 9] {
        assert!(refused(liveness, &|_| {}).contains("6 to 8 liveness images"));
    }
    let details = |change: fn(&mut liveface_submit::v3::UserDetails)| {
        refused(7, &|job| change(job.user_details.as_mut().unwrap()))
    };
    assert!(details(|d| d.given_names.clear()).contains("given names"));
    assert!(details(|d| d.last_name = "hidden\n".to_owned()).contains("last name"));
    assert!(details(|d| d.email = None).contains("e-mail address or a phone number"));
    for email in ["", "hidden", "@b.c", "a@b", "a@b.", "a b@c.de", "a@b@c.de", "a@.de"] {
        let message = refused(7, &|job| {
            job.user_details.as_mut().unwrap().email = Some(email.to_owned());
        });
        assert!(message.contains("e-mail"), "{email}");
    }
    for phone in ["", "+", "254700", "+0254700", "+25470 0000", "+1234567890123456", "+２５４７"]
    {
        let message = refused(7, &|job| {
            job.user_details.as_mut().unwrap().phone_number = Some(phone.to_owned());
        });
        assert!(message.contains("E.164"), "{phone}");
    }
    let consent = |change: fn(&mut liveface_bundle::Consent)| {
        refused(7, &|job| change(job.consent.as_mut().unwrap()))
    };
    for time in ["", "hidden", "2026-02-30T03:04:05Z", "2026-01-02", "2026-01-02T03:04:05"] {
        let message = refused(7, &|job| job.consent.as_mut().unwrap().granted_at = time.to_owned());
        assert!(message.contains("time"), "{time}");
    }
    assert!(consent(|c| c.notice_language = "en".to_owned()).contains("capital letters"));
    assert!(consent(|c| c.notice_language = "ENG".to_owned()).contains("capital letters"));
    let policy = |c: &mut liveface_bundle::Consent| {
        c.notice_privacy_policy_url = "http://hidden.example/".to_owned();
    };
    assert!(consent(policy).contains("https"));
    assert!(refused(7, &|job| job.user_details = None).contains("user details"));
    assert!(refused(7, &|job| job.consent = None).contains("consent"));
    let callback = |url: &str| refused(7, &|job| job.callback_url = Some(url.to_owned()));
    assert!(callback("http://hidden.example/cb").contains("https"));
    assert!(refused(7, &|job| job.use_enrolled_image = true).contains("authentication"));
    assert!(refused(7, &|job| job.user_id = "ü".to_owned()).contains("ASCII"));
    let id_info = |job: &mut JobRequest| _ = job.id_info.insert("dob".to_owned(), String::new());
    assert!(refused(7, &id_info).contains("id info"));

    let small = ClientConfig { v3_max_payload: 2000, ..config(&server.url) };
    let small = Client::v3(small, ApiKeyTokens::new(PARTNER, KEY).unwrap()).unwrap();
    let (_directory, store) = store();
    let error = register(&small, &store, &request()).unwrap_err().to_string();
    assert!(error.contains("takes 2000") && error.contains("smaller pictures"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn what_v3_takes_is_sent() {
    let server = Server::start(good);
    for liveness in 6..=8 {
        let (_directory, store) = store_with(liveness);
        let mut job = request();
        job.callback_url = Some("http://127.0.0.1:1/cb".to_owned());
        let details = job.user_details.as_mut().unwrap();
        (details.email, details.phone_number) = (None, Some("+254700000000".to_owned()));
        job.consent.as_mut().unwrap().granted_at = "2026-01-02T05:04:05+02:00".to_owned();
        assert_eq!(register(&client(&server.url), &store, &job).unwrap(), Decision::Approved);
        let sent = server.requests().iter().rev().find(|r| step(r) == "registration").map(seen);
        let sent = sent.unwrap();
        let details = r#"{"given_names":"Amina Fatou","last_name":"Clearwater","phone_number":"+254700000000"}"#;
        assert!(sent.contains(&(json_head("user_details"), details.to_owned())));
        // The time as recorded: in UTC, with milliseconds.
        assert!(sent.iter().any(|(_, text)| text.contains("\"2026-01-02T03:04:05.000Z\"")));
    }
}

#[test]
fn states_become_decisions() {
    for (state, http, decision) in [
        ("clear", 200, Decision::Approved),
        ("block", 200, Decision::Rejected),
        ("attention", 200, Decision::Pending),
        ("error", 200, Decision::Unknown),
        ("something_new", 200, Decision::Unknown),
        ("processing", 202, Decision::Pending),
        ("not_found", 404, Decision::Pending),
    ] {
        let server = Server::start(move |request, earlier| match step(request) {
            "status" => Answer::Json(http, status(state)),
            _ => good(request, earlier),
        });
        let (_directory, store) = store();
        let client = client(&server.url);
        let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
        assert_eq!(outcome.decision(), decision, "{state}");
        let is_final = ["clear", "block", "error"].contains(&state);
        assert_eq!(outcome.is_final(), is_final, "{state}");
        let asked = steps(&server).iter().filter(|step| *step == "status").count();
        // Somebody who is to look at it takes longer than anybody waits.
        let soon = ["processing", "not_found"].contains(&state);
        assert_eq!(asked > 1, soon, "{state}: {asked}");
        // What is final is not asked for again, and never sent again.
        let later = client.status(&store, &tag(), StatusOptions::default(), Call::default());
        assert_eq!(later.unwrap().decision(), decision);
        let again = steps(&server).iter().filter(|step| *step == "status").count();
        assert_eq!(again - asked, usize::from(!is_final), "{state}");
        register(&client, &store, &request()).unwrap();
        assert_eq!(sent(&server), 1, "{state}");
    }
}

#[test]
fn a_status_that_is_not_this_jobs_is_refused() {
    let other = JOB.replace('0', "1");
    for (http, answer) in [
        (200, json!({"status": "clear", "job_id": other})),
        (200, json!({"status": "clear", "job_id": JOB, "user_id": "user-0002"})),
        (200, json!({"job_id": JOB})),
        (200, json!(["clear"])),
        (404, json!({"status": "clear", "job_id": JOB})),
        (404, json!({"status": "error", "message": "no route"})),
        (403, json!({"status": "clear", "job_id": JOB})),
        (202, json!({"status": "clear", "job_id": JOB})),
        (202, json!({"status": "block", "job_id": JOB})),
    ] {
        let server = Server::start(move |request, earlier| match step(request) {
            "status" => Answer::Json(http, answer.clone()),
            _ => good(request, earlier),
        });
        let (_directory, store) = store();
        let client = client(&server.url);
        let error = register(&client, &store, &request()).unwrap_err();
        let refused = matches!(error, SubmitError::BadAnswer { .. } | SubmitError::Declined { .. });
        assert!(refused, "{http} {error}");
        assert_eq!(stage(&store), JobStage::Uploaded);
        assert!(store.job(&tag()).unwrap().unwrap().last_status.is_none());
    }
}

#[test]
fn a_question_for_the_status_is_tried_again() {
    let server = Server::start(|request, earlier| match (step(request), earlier) {
        ("status", 0) => Answer::Json(503, json!({"status": "error", "message": "m"})),
        ("status", 1) => Answer::Json(429, json!({})),
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    let client = client(&server.url);
    let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
    assert_eq!(register(&client, &store, &job).unwrap(), Decision::Pending);
    let outcome = client.status(&store, &tag(), StatusOptions::default(), Call::default());
    assert!(outcome.unwrap().is_approved());
    assert_eq!(steps(&server)[2..], ["status", "status", "status"]);
}

#[test]
fn an_answer_that_tells_nothing_leaves_it_unclear_and_nothing_is_sent_again() {
    let odd = [
        Answer::Json(500, json!({"status": "error", "message": "m"})),
        Answer::Json(503, json!({})),
        Answer::Json(408, json!({"status": "error", "message": "m"})),
        Answer::Json(409, json!({"status": "error", "message": "m"})),
        Answer::Json(499, json!({"status": "error", "message": "m"})),
        Answer::Json(202, json!({"status": "accepted"})),
        Answer::Json(202, json!({"status": "accepted", "job_id": "job_../../v1"})),
        Answer::Json(202, json!({"status": "accepted", "job_id": JOB, "user_id": "user-0002"})),
        Answer::Other(200, "text/html", "<html>".to_owned(), "X-A: b"),
        Answer::Other(302, "text/html", String::new(), "Location: /"),
        Answer::Raw("nonsense\r\n\r\n"),
        Answer::Raw(""),
        Answer::Raw("HTTP/1.1 202 X\r\nContent-Length: 50\r\n\r\n{"),
    ];
    for (number, odd) in odd.into_iter().enumerate() {
        let odd = std::sync::Mutex::new(Some(odd));
        let server = Server::start(move |request, earlier| match step(request) {
            "registration" if earlier == 0 => odd.lock().unwrap().take().unwrap(),
            _ => good(request, earlier),
        });
        let (_directory, store) = store();
        let client = client(&server.url);
        let error = register(&client, &store, &request()).unwrap_err();
        let SubmitError::Unclear { .. } = &error else { panic!("{number}: {error}") };
        assert!(!error.is_retryable() && error.to_string().contains("callback"), "{error}");
        assert_eq!(stage(&store), JobStage::Unclear, "{number}");
        // No call of any kind sends it again.
        let unclear = |error| assert!(matches!(error, SubmitError::Unclear { .. }), "{number}");
        unclear(register(&client, &store, &request()).unwrap_err());
        unclear(client.resume(&store, &tag(), None, Call::default()).unwrap_err());
        let options = StatusOptions::default();
        unclear(client.status(&store, &tag(), options, Call::default()).unwrap_err());
        unclear(
            register(&client, &store, &JobRequest::new("user-0002").with(request())).unwrap_err(),
        );
        let again = JobRequest { send_again: true, ..request() };
        unclear(client.prepare(&store, &tag(), JobType::Register, &again).unwrap_err());
        let other = JobRequest::new("user-0002").with(again.clone());
        unclear(register(&client, &store, &other).unwrap_err());
        unclear(client.authenticate(&store, &tag(), &again, Call::default()).unwrap_err());
        let job = store.job(&tag()).unwrap().unwrap();
        assert_eq!((job.stage, job.user_id.as_str()), (JobStage::Unclear, "user-0001"));
        assert_eq!(sent(&server), 1, "{number}");
        // But for one that is told to.
        assert_eq!(register(&client, &store, &again).unwrap(), Decision::Approved, "{number}");
        assert_eq!(sent(&server), 2, "{number}");
    }
}

/// The same request for another user.
trait With {
    fn with(self, other: JobRequest) -> JobRequest;
}

impl With for JobRequest {
    fn with(self, other: JobRequest) -> JobRequest {
        JobRequest { user_id: self.user_id, ..other }
    }
}

#[test]
fn a_refusal_makes_no_job_and_the_next_call_sends_it() {
    for http in [400, 402, 403, 404, 413, 415] {
        let server = Server::start(move |request, earlier| match step(request) {
            "registration" if earlier == 0 => {
                let message = "no user-0001, Clearwater, ORD-9 of https://partner.example/cb";
                Answer::Json(http, json!({"status": "error", "message": message}))
            }
            _ => good(request, earlier),
        });
        let (_directory, store) = store();
        let client = client(&server.url);
        let error = register(&client, &store, &recorded()).unwrap_err();
        let SubmitError::Declined { status, text, .. } = &error else { panic!("{error}") };
        assert_eq!((*status, text.as_str()), (http, "no ..., ..., ... of ..."));
        assert!(!error.is_retryable() && !error.is_server_trouble());
        assert_eq!(stage(&store), JobStage::Prepared);
        assert_eq!(sent(&server), 1);
        assert_eq!(register(&client, &store, &recorded()).unwrap(), Decision::Approved);
        assert_eq!(sent(&server), 2);
    }
}

#[test]
fn a_refused_repetition_of_an_unclear_job_leaves_it_unclear() {
    let server = Server::start(|request, earlier| match (step(request), earlier) {
        ("registration", 0) => Answer::Json(500, json!({})),
        ("registration", _) => Answer::Json(400, json!({"status": "error", "message": "enrolled"})),
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    let client = client(&server.url);
    register(&client, &store, &request()).unwrap_err();
    let again = JobRequest { send_again: true, ..request() };
    let error = register(&client, &store, &again).unwrap_err();
    assert!(matches!(error, SubmitError::Declined { status: 400, .. }), "{error}");
    assert_eq!(stage(&store), JobStage::Unclear);
}

#[test]
fn a_busy_server_says_when_to_come_again() {
    let server = Server::start(|request, earlier| match (step(request), earlier) {
        ("registration", 0) => {
            let body = r#"{"status":"error","message":"slow down"}"#.to_owned();
            Answer::Other(429, "application/json", body, "Retry-After: 1")
        }
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    let mut config = config(&server.url);
    config.retry.budget = Duration::from_secs(5);
    let client = Client::v3(config.clone(), ApiKeyTokens::new(PARTNER, KEY).unwrap()).unwrap();
    let begun = Instant::now();
    assert_eq!(register(&client, &store, &request()).unwrap(), Decision::Approved);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(sent(&server), 2);

    // Without time for that it is an error, and the job is as it was.
    let server = Server::start(|request, earlier| match step(request) {
        "registration" => Answer::Other(429, "a/b", String::new(), "Retry-After: 50"),
        _ => good(request, earlier),
    });
    let (_directory, store) = v3_support::store();
    let busy = v3_support::client(&server.url);
    let error = register(&busy, &store, &request()).unwrap_err();
    assert!(matches!(error, SubmitError::Unavailable { status: 429, .. }), "{error}");
    assert_eq!(stage(&store), JobStage::Prepared);
}

#[test]
fn a_server_that_is_not_there_gets_the_job_later() {
    let (_directory, store) = store();
    let error = register(&client("http://127.0.0.1:1/v1"), &store, &request()).unwrap_err();
    assert!(matches!(error, SubmitError::Network { .. }) && error.is_retryable(), "{error}");
    assert_eq!(stage(&store), JobStage::Prepared);
}

/// Answers token and status itself and fails each submission in its own way.
struct Failing {
    error: TransportError,
    counts: u64,
    submissions: AtomicUsize,
}

impl Transport for Failing {
    fn send(&self, request: &Request, control: &Control) -> Result<Response, TransportError> {
        let answer = |status, body: serde_json::Value| Response {
            status,
            headers: vec![],
            body: body.to_string().into_bytes(),
        };
        if request.url.ends_with("/token") {
            return Ok(answer(200, json!({ "token": jwt(0) })));
        }
        assert!(request.url.ends_with("/v3/registration"), "{}", request.url);
        if self.submissions.fetch_add(1, Ordering::SeqCst) == 0 {
            control.count_sent(self.counts);
            return Err(self.error.clone());
        }
        Ok(answer(202, accepted()))
    }
}

#[test]
fn a_failure_that_sent_nothing_is_tried_again_and_any_other_is_not() {
    let lost = || TransportError::Broken("it broke".to_owned());
    let untrusted = || TransportError::Untrusted("expired".to_owned());
    let none = || TransportError::NoConnection("refused".to_owned());
    for (error, counts, submissions, stage) in [
        (lost(), 1, 1, JobStage::Unclear),
        (TransportError::TimedOut, 1, 1, JobStage::Unclear),
        (TransportError::TooLarge, 0, 1, JobStage::Unclear),
        (TransportError::NotHttp, 0, 1, JobStage::Unclear),
        (untrusted(), 0, 1, JobStage::Prepared),
        (none(), 0, 2, JobStage::Uploaded),
        (lost(), 0, 2, JobStage::Uploaded),
        (TransportError::TimedOut, 0, 2, JobStage::Uploaded),
    ] {
        let what = format!("{error:?} {counts}");
        let transport = Arc::new(Failing { error, counts, submissions: AtomicUsize::new(0) });
        let source = ApiKeyTokens::new(PARTNER, KEY).unwrap();
        let config = config("http://127.0.0.1:1/v1");
        let client = Client::v3_with_transport(config, source, transport.clone()).unwrap();
        let (_directory, store) = store();
        let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
        let sent = register(&client, &store, &job);
        assert_eq!(sent.is_ok(), stage == JobStage::Uploaded, "{what}");
        assert_eq!(transport.submissions.load(Ordering::SeqCst), submissions, "{what}");
        assert_eq!(self::stage(&store), stage, "{what}");
    }
}

#[test]
fn a_refused_token_is_replaced_once() {
    for refusals in [1, 2] {
        let server = Server::start(move |request, earlier| match step(request) {
            "registration" if earlier < refusals => {
                Answer::Json(401, json!({"status": "error", "message": "Invalid credentials"}))
            }
            _ => good(request, earlier),
        });
        let (_directory, store) = store();
        let sent = register(&client(&server.url), &store, &request());
        let tokens: Vec<_> = server
            .requests()
            .iter()
            .filter(|request| step(request) == "registration")
            .map(|request| request.headers["smileid-token"].clone())
            .collect();
        assert_eq!(tokens, [jwt(0), jwt(1)]);
        if refusals == 1 {
            assert_eq!(sent.unwrap(), Decision::Approved);
        } else {
            let error = sent.unwrap_err();
            assert!(matches!(error, SubmitError::Declined { status: 401, .. }), "{error}");
            assert!(!error.to_string().contains(KEY));
            assert_eq!(stage(&store), JobStage::Prepared);
        }
    }
}

#[test]
fn a_refused_token_is_replaced_once_for_the_status_too() {
    let server = Server::start(|request, earlier| match (step(request), earlier) {
        ("status", 0) => Answer::Json(401, json!({"status": "error", "message": "m"})),
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    assert_eq!(register(&client(&server.url), &store, &request()).unwrap(), Decision::Approved);
    assert_eq!(steps(&server), ["token", "registration", "status", "token", "status"]);
}

#[test]
fn a_given_token_that_is_refused_is_not_sent_twice_and_an_old_one_not_once() {
    let server = Server::start(|request, earlier| match step(request) {
        "registration" => Answer::Json(401, json!({"status": "error", "message": "m"})),
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    let given = GivenToken::new(PARTNER, &jwt(7)).unwrap();
    let client = Client::v3(config(&server.url), given).unwrap();
    let error = register(&client, &store, &request()).unwrap_err();
    assert!(matches!(error, SubmitError::Declined { status: 401, .. }), "{error}");
    assert_eq!(steps(&server), ["registration"]);

    // {"exp":1000000000}
    let old = GivenToken::new(PARTNER, "e30.eyJleHAiOjEwMDAwMDAwMDB9.c").unwrap();
    let error =
        register(&Client::v3(config(&server.url), old).unwrap(), &store, &request()).unwrap_err();
    assert!(error.to_string().contains("the token is over"), "{error}");
    assert_eq!(steps(&server), ["registration"]);
}

#[test]
fn a_token_that_ends_soon_is_replaced_before_use() {
    let server = Server::start(|request, earlier| match step(request) {
        // {"exp":1000000000}
        "token" => Answer::Json(200, json!({ "token": "e30.eyJleHAiOjEwMDAwMDAwMDB9.c" })),
        _ => good(request, earlier),
    });
    let (_directory, store) = store();
    register(&client(&server.url), &store, &request()).unwrap();
    assert_eq!(steps(&server), ["token", "registration", "token", "status"]);
}

#[test]
fn the_partners_backend_gives_tokens() {
    let backend = Server::start(|_, earlier| Answer::Json(200, json!({ "token": jwt(earlier) })));
    let server = Server::start(good);
    let (_directory, store) = store();
    let source = BackendTokens::new(PARTNER, &backend.url, Some("Bearer b")).unwrap();
    let client = Client::v3(config(&server.url), source).unwrap();
    assert_eq!(register(&client, &store, &request()).unwrap(), Decision::Approved);
    assert_eq!(steps(&server), ["registration", "status"]);
    let asked = backend.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].headers["authorization"], "Bearer b");
    assert_eq!(asked[0].headers["content-type"], "application/json");
    let expected = json!({"product": "smart_selfie_registration", "user_id": "user-0001"});
    assert_eq!(asked[0].json(), expected);
}

#[test]
fn no_token_is_an_error_that_says_whether_to_try_again() {
    for (http, body, retryable) in [
        (401, json!({"status": "error", "message": "no"}), false),
        (500, json!({}), true),
        (200, json!({}), false),
        (200, json!({"token": 5}), false),
        (200, json!({"token": "a\r\nb"}), false),
    ] {
        let server = Server::start(move |request, _| {
            assert_eq!(step(request), "token");
            Answer::Json(http, body.clone())
        });
        let (_directory, store) = store();
        let error = register(&client(&server.url), &store, &request()).unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{http}: {error}");
        assert!(!error.to_string().contains(KEY), "{error}");
        assert_eq!(stage(&store), JobStage::Prepared);
    }
}

#[test]
fn a_cancelled_call_ends_at_once_and_knows_what_it_has_sent() {
    for (silent, stage) in [("token", JobStage::Prepared), ("registration", JobStage::Unclear)] {
        let server = Server::start(move |request, earlier| {
            if step(request) == silent && earlier == 0 {
                return Answer::Silence;
            }
            good(request, earlier)
        });
        let (_directory, store) = store();
        let client = client(&server.url);
        let cancel = CancelToken::new();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !server.requests().iter().any(|request| step(request) == silent) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                cancel.cancel();
            });
            let call = Call::default().cancelled_by(&cancel);
            client.register(&store, &tag(), &request(), call).unwrap_err()
        });
        assert_eq!(self::stage(&store), stage, "{error}");
        if stage == JobStage::Unclear {
            assert!(matches!(error, SubmitError::Unclear { .. }), "{error}");
        } else {
            assert!(matches!(error, SubmitError::Cancelled), "{error}");
            assert_eq!(register(&client, &store, &request()).unwrap(), Decision::Approved);
        }
        assert_eq!(sent(&server), 1);
    }
}

#[test]
fn progress_tells_the_bytes() {
    let server = Server::start(good);
    let (_directory, store) = store();
    let mut most = (0, 0);
    let mut watch = |progress| {
        if let Progress::Uploading { sent, bytes } = progress {
            most = (sent.max(most.0), bytes);
        }
    };
    let call = Call::default().watched_by(&mut watch);
    client(&server.url).register(&store, &tag(), &request(), call).unwrap();
    let length: u64 = server.requests()[1].headers["content-length"].parse().unwrap();
    assert_eq!(most, (length, length));
}

#[test]
fn a_job_stays_with_its_protocol() {
    let server = Server::start(|request, earlier| {
        if request.path.starts_with("/v1/") {
            return Answer::Silence;
        }
        good(request, earlier)
    });
    let v3 = client(&server.url);
    let mut short = common::config(&server.url);
    short.timeout = Duration::from_millis(50);
    let signer = ApiKeySigner::new(PARTNER, KEY).unwrap();
    let v1 = Client::new(short.clone(), signer.clone()).unwrap();
    let is_other = |error| matches!(error, SubmitError::OtherProtocol { .. });

    let (_directory, store) = store();
    register(&v1, &store, &JobRequest::new("user-0001")).unwrap_err();
    assert_eq!(store.job(&tag()).unwrap().unwrap().protocol, Protocol::V1);
    assert!(is_other(register(&v3, &store, &request()).unwrap_err()));
    assert!(is_other(v3.resume(&store, &tag(), None, Call::default()).unwrap_err()));

    let (_directory, store) = v3_support::store();
    let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
    register(&v3, &store, &job).unwrap();
    assert!(is_other(register(&v1, &store, &JobRequest::new("user-0001")).unwrap_err()));
    let options = StatusOptions::default();
    assert!(is_other(v1.status(&store, &tag(), options, Call::default()).unwrap_err()));

    // What belongs to V3 is not dropped without a word.
    let error = register(&v1, &store, &request()).unwrap_err();
    assert!(matches!(error, SubmitError::Request(_)), "{error}");
    let v3 = ClientConfig { protocol: Protocol::V3, ..short };
    assert!(Client::new(v3, signer).is_err());
}

#[test]
fn an_id_that_the_server_did_not_make_gets_into_no_address() {
    let server = Server::start(good);
    let (_directory, store) = store();
    let client = client(&server.url);
    let job = JobRequest { wait: Some(Duration::ZERO), ..request() };
    register(&client, &store, &job).unwrap();
    let submission = store.submission(&tag()).unwrap();
    let mut job = submission.job().unwrap().unwrap();
    job.smile_job_id = Some("job_../../v1/job_status".to_owned());
    submission.set_job(&job).unwrap();
    drop(submission);
    let options = StatusOptions::default();
    let error = client.status(&store, &tag(), options, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Request(_)), "{error}");
    assert_eq!(steps(&server), ["token", "registration"]);
}
