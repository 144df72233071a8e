//! Jobs that wait for a network, signers that ask others, and what a job tells besides its images.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use common::{
    Answer, KEY, PARTNER, Server, capture, client, config, good, refusal, result, status, store,
    tag,
};
use liveface_bundle::record::{KeySigner, RecordSigner as _};
use liveface_bundle::{JobStage, RecordEnvelope, Store, Tag, ZipLimits, read_upload_zip};
use liveface_core::{Challenge, Challenges, Guidance, GuidanceRecord, Verdict};
use liveface_submit::{
    ApiKeySigner, AuthSmileSigner, Call, CancelToken, Client, ClientConfig, Decision, DeviceFacts,
    Environment, GeoInfo, ImageLink, JobRequest, JobType, Progress, QueueOutcome, RemoteSigner,
    Signer, SignerError, StatusOptions, SubmitError, Verification, signature,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

fn named(name: &str) -> Tag {
    Tag::new(name).unwrap()
}

/// A store with jobs for `users` under the tags of the same names, the first one first.
fn queued(client: &Client, users: &[&str]) -> (tempfile::TempDir, Store) {
    let (directory, store) = store();
    for user in users {
        let (tag, request) = (named(user), JobRequest::new(user));
        store.save(&tag, &capture(Verdict::Live)).unwrap();
        let outcome = client.prepare(&store, &tag, JobType::Register, &request).unwrap();
        assert_eq!(outcome.decision(), Decision::Pending);
        assert!(!outcome.is_uploaded());
        // The next one is later, by the clock's milliseconds.
        std::thread::sleep(Duration::from_millis(2));
    }
    (directory, store)
}

fn users(server: &Server) -> Vec<String> {
    let uploads = server.requests().into_iter().filter(|request| request.step() == "upload");
    uploads
        .map(|request| request.json()["partner_params"]["user_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_queue_is_sent_in_its_order_and_one_bad_job_holds_up_nobody() {
    let server = Server::start(|request, _| match request.step() {
        "upload" if request.json()["partner_params"]["user_id"] == "refused" => {
            refusal("2209", "registered already")
        }
        "upload" if request.json()["partner_params"]["user_id"] == "down" => {
            Answer::Other(500, "text/html", String::new(), "X-A: b")
        }
        "status" if request.json()["user_id"] == "rejected" => {
            Answer::Json(200, status(true, &result(request, "0907")))
        }
        "status" if request.json()["user_id"] == "slow" => {
            Answer::Json(200, status(false, &json!("Job in progress")))
        }
        _ => good(request, "0840"),
    });
    let client = server.client();
    let order = ["zoe", "refused", "down", "busy", "rejected", "slow", "adam", "damaged"];
    let (_directory, store) = queued(&client, &order);
    assert!(server.requests().is_empty());
    let busy = store.submission(&named("busy")).unwrap();
    // Its directory has a keyed name: it is the one that was saved last.
    let inside = |folder: &std::path::Path, prefix: &str| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let named = entries.filter(|e| e.file_name().to_str().unwrap().starts_with(prefix));
        named.max_by_key(|e| e.metadata().unwrap().modified().unwrap()).unwrap().path()
    };
    let generation = inside(&inside(store.path(), "kept-"), "gen-");
    std::fs::write(generation.join("image-0"), b"other bytes").unwrap();

    let mut turns = Vec::new();
    let mut watch = |progress| {
        if let Progress::Job { number, of } = progress {
            turns.push((number, of));
        }
    };
    let call = Call::default().watched_by(&mut watch);
    let report = client.submit_all(&store, None, call).unwrap();
    assert_eq!(turns, (1..=8).map(|number| (number, 8)).collect::<Vec<_>>());
    assert_eq!(report.entries.iter().map(|e| e.tag.as_str()).collect::<Vec<_>>(), order);
    assert_eq!(users(&server), ["zoe", "refused", "down", "rejected", "slow", "adam"]);
    assert_eq!((report.approved(), report.pending()), (2, 1));
    // Refused, rejected, damaged; and down, busy.
    assert_eq!((report.rejected(), report.for_later(), report.waiting()), (3, 2, 0));
    assert!(matches!(report.entries[3].outcome, QueueOutcome::Busy));
    drop(busy);

    // Again: what is done is left alone.
    let report = client.submit_all(&store, Some(Duration::ZERO), Call::default()).unwrap();
    let again: Vec<_> = report.entries.iter().map(|e| e.tag.as_str()).collect();
    assert_eq!(again, ["refused", "down", "busy", "slow", "damaged"]);
    assert_eq!(report.pending(), 2, "busy was sent and not waited for");
    assert_eq!(server.requests().last().unwrap().json()["user_id"], "slow");
}

#[test]
fn without_a_network_the_queue_waits() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(&url, KEY);
    let (_directory, store) = queued(&client, &["a", "b", "c"]);
    let report = client.submit_all(&store, None, Call::default()).unwrap();
    assert!(
        matches!(&report.entries[0].outcome, QueueOutcome::Failed(error) if error.is_server_trouble())
    );
    assert_eq!((report.waiting(), report.for_later(), report.rejected()), (2, 3, 0));
}

#[test]
fn a_queue_that_is_cancelled_or_cut_off_goes_on_later() {
    let cancel = CancelToken::new();
    let theirs = cancel.clone();
    let server = Server::start(move |request, earlier| {
        // While the second job's zip is on its way.
        if request.step() == "zip" && earlier == 1 {
            theirs.cancel();
            return Answer::Drop;
        }
        let exists =
            request.step() == "upload" && earlier == 2 && request.json().get("retry").is_none();
        if exists { refusal("2215", "exists") } else { good(request, "0840") }
    });
    let client = server.client();
    let (_directory, store) = queued(&client, &["a", "b", "c"]);
    let call = Call::default().cancelled_by(&cancel);
    let report = client.submit_all(&store, None, call).unwrap();
    assert_eq!((report.approved(), report.waiting(), report.for_later()), (1, 1, 2));
    let ids = |store: &Store| {
        ["a", "b", "c"].map(|name| store.job(&named(name)).unwrap().unwrap().job_id)
    };
    let before = ids(&store);
    server.settle();
    let report = client.submit_all(&store, None, Call::default()).unwrap();
    assert_eq!((report.approved(), report.entries.len()), (2, 2));
    assert_eq!(ids(&store), before);
}

#[test]
fn a_prepared_job_is_a_first_attempt_and_never_opens_anothers() {
    let server = Server::start(|request, _| match request.step() {
        "upload" => refusal("2215", "Job already exists"),
        _ => good(request, "0840"),
    });
    let client = server.client();
    let (_directory, store) = queued(&client, &["a"]);
    let job = store.job(&named("a")).unwrap().unwrap();
    assert_eq!((job.stage, job.attempts), (JobStage::Prepared, 0));
    // Prepared again, it stays the same job.
    let again = client.prepare(&store, &named("a"), JobType::Register, &JobRequest::new("a"));
    assert_eq!(again.unwrap().job_id(), job.job_id);
    let error = client.resume(&store, &named("a"), None, Call::default()).unwrap_err();
    assert_eq!(error.server_code(), Some("2215"));
    assert!(server.requests()[0].json().get("retry").is_none());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(store.job(&named("a")).unwrap(), None);
}

#[test]
fn a_prepared_job_that_is_done_is_not_begun_again() {
    let server = Server::start(|request, _| good(request, "0840"));
    let client = server.client();
    let (_directory, store) = queued(&client, &["a"]);
    client.submit_all(&store, None, Call::default()).unwrap();
    let request = JobRequest::new("a");
    let outcome = client.prepare(&store, &named("a"), JobType::Register, &request).unwrap();
    assert!(outcome.is_approved() && server.requests().len() == 3);
}

/// A partner's backend beside the API; `valid` is what it says of signatures.
fn backend(request: &common::Request, valid: &Value) -> Answer {
    match request.path.as_str() {
        "/sign" if request.headers.get("authorization").is_none_or(|a| a != "Bearer tok-1") => {
            let asked = request.json();
            let error = format!("{} may not, nor tok-2", asked["user_id"]);
            Answer::Json(403, json!({ "error": error }))
        }
        "/sign" => {
            let timestamp = "2026-11-23T00:45:12.077Z";
            let signature = signature::sign(KEY, PARTNER, timestamp);
            Answer::Json(200, json!({"timestamp": timestamp, "signature": signature}))
        }
        "/verify" => Answer::Json(200, json!({ "valid": valid })),
        _ => good(request, "0840"),
    }
}

fn remote(server: &Server, token: &str) -> RemoteSigner {
    let url = server.url.replace("/v1/", "/sign");
    RemoteSigner::new(PARTNER, &url).unwrap().with_token(token).unwrap()
}

#[test]
fn the_partners_backend_signs_and_checks() {
    for (valid, expected) in
        [(json!(true), Ok(())), (json!(false), Err("not signed")), (json!(7), Err("valid"))]
    {
        let server = Server::start(move |request, _| backend(request, &valid));
        let (_directory, store) = store();
        let signer = remote(&server, "tok-1");
        assert_eq!(format!("{signer:?}"), "RemoteSigner(..)");
        let signer = signer.verified_at(&server.url.replace("/v1/", "/verify")).unwrap();
        let client = Client::new(config(&server.url), signer).unwrap();
        let request = JobRequest { job_id: Some("job-1".to_owned()), ..JobRequest::new("user-1") };
        let done = client.register(&store, &tag(), &request, Call::default());
        match expected {
            Ok(()) => {
                let outcome = done.unwrap();
                assert!(outcome.is_approved() && outcome.verified());
            }
            Err(words) => {
                let error = done.unwrap_err().to_string();
                assert!(error.contains(words), "{error}");
            }
        }
        let sent = server.requests();
        assert_eq!(
            sent[0].json(),
            json!({
                "partner_id": PARTNER, "job_type": 4, "user_id": "user-1", "job_id": "job-1",
                "production": false,
            })
        );
        let upload = sent[1].json();
        let asked = sent.last().unwrap().json();
        assert_eq!(asked["signature"], upload["signature"]);
        assert_eq!(asked["partner_id"], PARTNER);
    }
}

#[test]
fn answers_that_nobody_can_check_are_taken_only_when_that_is_accepted() {
    let server = Server::start(|request, _| backend(request, &json!(null)));
    let (_directory, store) = store();
    let request = JobRequest::new("user-1");
    let client = Client::new(config(&server.url), remote(&server, "tok-1")).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Unverifiable), "{error:?}");
    let job = store.job(&tag()).unwrap().unwrap();
    assert_eq!((job.stage, job.last_status), (JobStage::Uploaded, None));

    let accepting = ClientConfig { accept_unverified_answers: true, ..config(&server.url) };
    let client = Client::new(accepting, remote(&server, "tok-1")).unwrap();
    let outcome = client.register(&store, &tag(), &request, Call::default()).unwrap();
    assert!(outcome.is_approved() && !outcome.verified());
    // That is remembered.
    let later = client.status(&store, &tag(), StatusOptions::default(), Call::default()).unwrap();
    assert!(later.is_final() && !later.verified());
    // Who can check does.
    let forged = Server::start(|request, _| match request.step() {
        "status" => {
            let mut forged = status(true, &result(request, "0840"));
            forged["signature"] = json!("AAAA");
            Answer::Json(200, forged)
        }
        _ => good(request, ""),
    });
    let accepting = ClientConfig { accept_unverified_answers: true, ..config(&forged.url) };
    let signer = ApiKeySigner::new(PARTNER, KEY).unwrap();
    let (_directory, store) = common::store();
    let client = Client::new(accepting, signer).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Unsigned), "{error:?}");
}

#[test]
fn a_backend_that_refuses_or_is_away_is_told_apart() {
    let server = Server::start(|request, _| backend(request, &json!(true)));
    let (_directory, store) = store();
    let request = JobRequest::new("user-1");
    let client = Client::new(config(&server.url), remote(&server, "tok-2")).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Signer(SignerError::Refused(_))), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("403") && text.contains("may not"), "{text}");
    assert!(!text.contains("user-1") && !text.contains("tok-2"), "{text}");
    assert!(!error.is_retryable());
    assert_eq!(store.job(&tag()).unwrap(), None);

    let away = Server::start(|_, _| Answer::Other(302, "text/html", String::new(), "Location: /"));
    let client = Client::new(config(&away.url), remote(&away, "t")).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Signer(SignerError::Unreachable(_))), "{error:?}");
    assert!(error.is_retryable() && store.job(&tag()).unwrap().is_some());

    let away = Server::start(|_, _| Answer::Json(200, json!({"timestamp": "T"})));
    let client = Client::new(config(&away.url), remote(&away, "t")).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    assert!(error.to_string().contains("no signature"), "{error}");
    for url in ["http://192.0.2.1/sign", "sign", "", "ftp://127.0.0.1/"] {
        assert!(RemoteSigner::new(PARTNER, url).is_err(), "{url}");
    }
    assert!(remote_token("a b").is_err() && remote_token("").is_err());
}

fn remote_token(token: &str) -> Result<RemoteSigner, SignerError> {
    RemoteSigner::new(PARTNER, "https://x.example/sign")?.with_token(token)
}

#[test]
fn a_mobile_token_buys_a_signature() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/v1/auth_smile" if request.json()["auth_token"] == "token-1" => {
            let timestamp = "2026-11-23T00:45:12.077Z";
            Answer::Json(
                200,
                json!({
                    "success": true, "timestamp": timestamp, "policy": 0, "partner_params": {},
                    "signature": signature::sign(KEY, PARTNER, timestamp), "callback_url": "",
                }),
            )
        }
        "/v1/auth_smile" => {
            Answer::Json(200, json!({"success": false, "code": "2405", "error": "token-2"}))
        }
        _ => good(request, "0820"),
    });
    let environment = Environment::Url(server.url.clone());
    let signer = |token| AuthSmileSigner::new(PARTNER, token, &environment).unwrap();
    let accepting = || ClientConfig { accept_unverified_answers: true, ..config(&server.url) };
    let (_directory, store) = store();
    let request = JobRequest { job_id: Some("job-1".to_owned()), ..JobRequest::new("user-1") };
    let client = Client::new(accepting(), signer("token-1")).unwrap();
    let outcome = client.authenticate(&store, &tag(), &request, Call::default()).unwrap();
    assert!(outcome.is_approved() && !outcome.verified());
    assert_eq!(
        server.requests()[0].json(),
        json!({
            "job_type": 2, "enrollment": false, "update_enrolled_image": false,
            "job_id": "job-1", "user_id": "user-1", "signature": true, "production": false,
            "partner_id": PARTNER, "auth_token": "token-1",
        })
    );
    assert_eq!(
        server.requests()[1].json()["signature"],
        signature::sign(KEY, PARTNER, "2026-11-23T00:45:12.077Z")
    );

    let client = Client::new(accepting(), signer("token-2")).unwrap();
    store.replace(&tag(), &capture(Verdict::Live)).unwrap();
    let error = client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2405") && !text.contains("token-2"), "{text}");
    assert!(!format!("{:?}", signer("token-1")).contains("token"));
    let received = ApiKeySigner::new(PARTNER, KEY).unwrap().sign_now();
    assert_eq!(signer("token-1").verify(&received).unwrap(), Verification::NotPossible);
    assert!(AuthSmileSigner::new("", "t", &environment).is_err());
}

/// Signs never.
struct Asleep;

impl Signer for Asleep {
    fn partner_id(&self) -> &str {
        PARTNER
    }

    fn sign(&self, _: &liveface_submit::SigningJob) -> Result<signature::Signed, SignerError> {
        loop {
            std::thread::park();
        }
    }

    fn verify(&self, _: &signature::Signed) -> Result<Verification, SignerError> {
        Ok(Verification::Valid)
    }
}

#[test]
fn a_signer_that_never_comes_back_does_not_hold_a_cancelled_call() {
    let (_directory, store) = store();
    let client = Client::new(config("https://x.example"), Asleep).unwrap();
    let cancel = CancelToken::new();
    let theirs = cancel.clone();
    let mut watch = move |_| theirs.cancel();
    let call = Call::default().watched_by(&mut watch).cancelled_by(&cancel);
    let error = client.register(&store, &tag(), &JobRequest::new("u"), call).unwrap_err();
    assert!(matches!(error, SubmitError::Cancelled));
    assert_eq!(store.job(&tag()).unwrap().unwrap().stage, JobStage::Prepared);
}

#[test]
fn earlier_results_and_pictures_are_asked_for_and_not_kept() {
    let server = Server::start(|request, _| {
        if request.step() != "status" {
            return good(request, "");
        }
        let asked = request.json();
        let mut answer = status(true, &result(request, "0840"));
        if asked["history"] == true {
            answer["history"] =
                json!([{"ResultCode": "0814"}, "odd", {"ResultCode": 907, "New": 1}]);
        }
        if asked["image_links"] == true {
            answer["image_links"] = json!({
                "selfie_image": "https://s3.example/selfie?key=1", "id_card_image": "No image",
                "error": "https://s3.example/no", "odd": [1],
            });
        }
        Answer::Json(200, answer)
    });
    let (_directory, store) = store();
    let client = server.client();
    client.register(&store, &tag(), &JobRequest::new("user-1"), Call::default()).unwrap();
    let ask = |history, image_links| {
        let options = StatusOptions { history, image_links };
        client.status(&store, &tag(), options, Call::default()).unwrap()
    };
    let plain = ask(false, false);
    assert!(plain.history().is_empty() && plain.image_links().is_empty());
    let all = ask(true, true);
    assert!(all.is_approved() && all.is_final() && all.verified());
    let codes: Vec<_> = all.history().iter().map(|result| result.result_code()).collect();
    assert_eq!(codes, [Some("0814".to_owned()), Some("907".to_owned())]);
    assert_eq!(all.history()[1].fields()["New"], 1);
    let links = all.image_links();
    assert_eq!(
        links["selfie_image"],
        ImageLink::Address("https://s3.example/selfie?key=1".to_owned())
    );
    assert_eq!(links["id_card_image"], ImageLink::Error("No image".to_owned()));
    assert!(matches!(&links["error"], ImageLink::Error(_)));
    assert_eq!(links["odd"], ImageLink::Error("[1]".to_owned()));
    assert!(!format!("{links:?}").contains("key=1"));
    assert_eq!(ask(false, false), plain, "addresses are not kept");
    assert!(ask(false, true).history().is_empty());
}

#[test]
fn a_job_tells_what_the_engine_knows_and_what_the_app_says() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("upload", 0) => Answer::Other(500, "text/html", String::new(), "X-A: b"),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let mut taken = capture(Verdict::Live);
    taken.record.evidence.challenges =
        Challenges { order: vec![Challenge::Smile], ..Challenges::default() };
    taken.record.guidance = vec![GuidanceRecord { t_ms: 40, guidance: Guidance::FindFace }];
    store.replace(&tag(), &taken).unwrap();
    let facts = DeviceFacts::default().with("camera_name", "front").unwrap();
    let facts = facts.with("device_os", "Android 15").unwrap();
    let request = JobRequest {
        device: facts,
        geo: Some(GeoInfo { latitude: 1.5, longitude: 2.5, ..GeoInfo::default() }),
        ..JobRequest::new("user-1")
    };
    let told = |own| {
        let config = ClientConfig { metadata: own, ..config(&server.url) };
        Client::new(config, ApiKeySigner::new(PARTNER, KEY).unwrap()).unwrap()
    };
    let client = told(true);
    client.register(&store, &tag(), &request, Call::default()).unwrap_err();
    client.register(&store, &tag(), &request, Call::default()).unwrap();
    store.replace(&tag(), &taken).unwrap();
    told(false).register(&store, &tag(), &request, Call::default()).unwrap();

    let uploads: Vec<Value> = server
        .requests()
        .iter()
        .filter(|request| request.step() == "upload")
        .map(common::Request::json)
        .collect();
    let value = |upload: &Value, name: &str| -> Value {
        let all = upload["metadata"].as_array().unwrap();
        let mut found = all.iter().filter(|entry| entry["name"] == name);
        let entry = found.next().cloned().unwrap_or_default();
        assert!(found.next().is_none(), "{name} is told twice");
        assert!(entry.is_null() || entry["timestamp"].is_string());
        entry["value"].clone()
    };
    assert_eq!(value(&uploads[0], "active_liveness_type"), "smile");
    assert_eq!(value(&uploads[0], "active_liveness_version"), "0.1.0");
    // How often the person took the picture again, only the app knows.
    assert_eq!(value(&uploads[0], "selfie_capture_retries"), json!(null));
    assert_eq!(value(&uploads[0], "system_architecture"), std::env::consts::ARCH);
    assert_eq!(value(&uploads[0], "sdk"), "liveface");
    assert_eq!(value(&uploads[0], "device_os"), "Android 15", "the app knows better");
    assert_eq!(value(&uploads[0], "camera_name"), "front");
    assert_eq!(value(&uploads[0], "geolocation"), json!({"latitude": 1.5, "longitude": 2.5}));
    // No shots are recorded in this capture: how long it took is not known.
    assert_eq!(value(&uploads[0], "selfie_capture_duration_ms"), json!(null));
    assert_eq!(value(&uploads[0], "network_retries"), 0);
    assert_eq!(value(&uploads[1], "network_retries"), 1);
    let names: Vec<_> =
        uploads[2]["metadata"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["camera_name", "device_os", "geolocation"]);
}

#[test]
fn the_integrity_record_travels_with_the_job_signed_if_asked_and_can_be_left_out() {
    let server = Server::start(|request, _| good(request, "0840"));
    let (_directory, store) = store();
    let client = |record| {
        let config = ClientConfig { record, ..config(&server.url) };
        Client::new(config, ApiKeySigner::new(PARTNER, KEY).unwrap()).unwrap()
    };
    let own = KeySigner::from_bytes(&Zeroizing::new([9; 32]));
    let public = own.public_key();
    let request = JobRequest {
        device: DeviceFacts::default().with("device_model", "Kiosk 7").unwrap(),
        ..JobRequest::new("user-0001")
    };
    let sent = |client: &Client| {
        store.replace(&tag(), &capture(Verdict::Live)).unwrap();
        client.register(&store, &tag(), &request, Call::default()).unwrap();
        let upload = server.requests().into_iter().rfind(|r| r.step() == "upload").unwrap();
        let metadata = upload.json()["metadata"].as_array().cloned().unwrap_or_default();
        (RecordEnvelope::from_metadata(&metadata).unwrap(), metadata.len())
    };

    let (unsigned, _) = sent(&client(true));
    assert_eq!(unsigned.unwrap().key_ids().count(), 0);
    let (signed, _) = sent(&client(true).signing_records(own));
    let signed = signed.unwrap();
    signed.verify(&public).unwrap();
    let record = signed.record().unwrap();
    assert_eq!(record.device["device_model"], "Kiosk 7");
    let sent_zip = server.requests().into_iter().rfind(|r| r.step() == "zip").unwrap();
    let zip = read_upload_zip(&sent_zip.body, &ZipLimits::default()).unwrap();
    assert_eq!(zip.differences(&sent_zip.body, &record).unwrap(), []);
    let (none, entries) = sent(&client(false));
    assert!(none.is_none());
    assert_eq!(entries, 1, "what the request tells is sent in any case");
}

#[test]
fn a_backend_with_trouble_about_one_user_does_not_hold_up_the_others() {
    let server = Server::start(|request, _| {
        if request.path.contains("sign") && request.json()["user_id"] == "a" {
            return Answer::Json(500, json!({"error": "no"}));
        }
        backend(request, &json!(true))
    });
    let client = Client::new(config(&server.url), remote(&server, "tok-1")).unwrap();
    let (_directory, store) = queued(&client, &["a", "b"]);
    let report = client.submit_all(&store, Some(Duration::ZERO), Call::default()).unwrap();
    let QueueOutcome::Failed(error) = &report.entries[0].outcome else { panic!("{report:?}") };
    assert!(matches!(error, SubmitError::Signer(SignerError::Unavailable(_))), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!((report.pending(), report.waiting(), report.for_later()), (1, 0, 1));
}

#[test]
fn a_clock_that_was_set_back_does_not_change_the_queues_order() {
    let server = Server::start(|request, _| good(request, "0840"));
    let client = server.client();
    let order = ["first", "second", "third"];
    let (_directory, store) = queued(&client, &order);
    for (tag, day) in order.into_iter().zip([3, 2, 1]) {
        let submission = store.submission(&named(tag)).unwrap();
        let mut job = submission.job().unwrap().unwrap();
        job.created = format!("2026-01-0{day}T00:00:00.000Z");
        submission.set_job(&job).unwrap();
    }
    let report = client.submit_all(&store, Some(Duration::ZERO), Call::default()).unwrap();
    assert_eq!(report.entries.iter().map(|e| e.tag.as_str()).collect::<Vec<_>>(), order);
}
