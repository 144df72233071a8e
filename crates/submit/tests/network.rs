//! Networks and servers that fail, calls that are cancelled, and servers that are not trusted.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Answer, KEY, PARTNER, Server, accepted, config, good, refusal, store, tag};
use liveface_bundle::{JobStage, Store, StoreKey};
use liveface_submit::{
    ApiKeySigner, Call, CancelToken, Client, ClientConfig, Control, Decision, JobRequest, Progress,
    Request, Response, RetryPolicy, SubmitError, TlsOptions, Transport, TransportError,
};
use serde_json::json;

fn signer() -> ApiKeySigner {
    ApiKeySigner::new(PARTNER, KEY).unwrap()
}

/// Tries again for a minute, at once.
fn patient(url: &str) -> ClientConfig {
    let pause = Duration::from_millis(1);
    let retry =
        RetryPolicy { budget: Duration::from_secs(60), first_pause: pause, max_pause: pause };
    ClientConfig { retry, wait: Duration::from_secs(60), ..config(url) }
}

fn request() -> JobRequest {
    JobRequest::new("user-0001")
}

fn html(status: u16, header: &'static str) -> Answer {
    Answer::Other(status, "text/html", "<html>no</html>".to_owned(), header)
}

/// A server that keeps jobs as Smile ID's does: each is announced once, opened again only on request
/// and only while it has no zip.
#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<BTreeMap<String, usize>>>);

impl Jobs {
    fn answer(&self, request: &common::Request) -> Answer {
        let mut jobs = self.0.lock().unwrap();
        match request.step() {
            "upload" => {
                let body = request.json();
                let id = body["partner_params"]["job_id"].as_str().unwrap().to_owned();
                match jobs.get(&id) {
                    None => _ = jobs.insert(id, 0),
                    Some(0) if body["retry"] == true => {}
                    Some(_) => return refusal("2215", "Job already exists"),
                }
                accepted(request)
            }
            "zip" => {
                // There is one job in these tests.
                jobs.values_mut().for_each(|zips| *zips += 1);
                good(request, "")
            }
            _ => good(request, "0840"),
        }
    }

    /// The jobs' ids, and how many zips each got.
    fn seen(&self) -> Vec<(String, usize)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }
}

#[test]
fn a_network_and_a_server_that_fail_make_one_job_with_one_zip() {
    let jobs = Jobs::default();
    let server_jobs = jobs.clone();
    let server = Server::start(move |request, earlier| match (request.step(), earlier) {
        // Before the job is known.
        ("upload", 0) => Answer::Drop,
        ("upload", 1) => html(503, "X-A: b"),
        ("upload", 2) => html(429, "Retry-After: 0"),
        ("upload", 3) => html(408, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
        // The answer is lost on its way.
        ("upload", 4) => {
            server_jobs.answer(request);
            Answer::Truncated(json!({}))
        }
        ("zip", 0) => Answer::Drop,
        ("zip", 1) => html(500, "X-A: b"),
        ("status", 0) => Answer::Drop,
        ("status", 1) => html(502, "X-A: b"),
        _ => server_jobs.answer(request),
    });
    let (_directory, store) = store();
    let mut attempts = Vec::new();
    let mut watch = |progress| {
        if let Progress::Retrying { attempt, .. } = progress {
            attempts.push(attempt);
        }
    };
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let call = Call::default().watched_by(&mut watch);
    let outcome = client.register(&store, &tag(), &request(), call).unwrap();
    assert!(outcome.is_approved() && outcome.verified());
    assert_eq!(jobs.seen(), [(outcome.job_id().to_owned(), 1)]);
    assert_eq!(attempts, [1, 2, 3, 4, 5, 1, 2]);
    let steps = server.steps();
    let count = |step| steps.iter().filter(|s| **s == step).count();
    // Five that failed, one that heard that the job exists, one that opened it again.
    assert_eq!((count("upload"), count("zip"), count("status")), (7, 3, 3));
}

#[test]
fn a_server_says_when_to_come_again() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("upload", 0) => html(429, "Retry-After: 1"),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let mut pauses = Vec::new();
    let mut watch = |progress| {
        if let Progress::Retrying { pause, .. } = progress {
            pauses.push(pause);
        }
    };
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let call = Call::default().watched_by(&mut watch);
    client.register(&store, &tag(), &request(), call).unwrap();
    assert_eq!(pauses, [Duration::from_secs(1)]);
}

#[test]
fn a_server_that_asks_for_more_time_than_there_is_is_not_waited_for() {
    let server = Server::start(|_, _| html(429, "Retry-After: 3600"));
    let (_directory, store) = store();
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Unavailable { status: 429, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_first_answer_that_a_job_exists_is_believed_and_a_lost_answer_is_no_first_one() {
    // Another capture's job, whose zip has arrived.
    for lost in [false, true] {
        let server = Server::start(move |request, earlier| match (request.step(), earlier) {
            ("upload", 0) if lost => Answer::Drop,
            ("upload", _) => refusal("2206", "Job already exists"),
            _ => good(request, "0840"),
        });
        let (_directory, store) = store();
        let client = Client::new(patient(&server.url), signer()).unwrap();
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert_eq!(error.server_code(), Some("2206"));
        let retried: Vec<bool> =
            server.requests().iter().map(|request| request.json().get("retry").is_some()).collect();
        assert_eq!(retried, if lost { vec![false, false, true] } else { vec![false] });
        assert_eq!(store.job(&tag()).unwrap(), None);
    }
}

#[test]
fn a_refusal_after_an_unanswered_attempt_does_not_forget_the_job() {
    let jobs = Jobs::default();
    let server_jobs = jobs.clone();
    let server = Server::start(move |request, earlier| match (request.step(), earlier) {
        ("upload", 0) => {
            // The server has the job; its answer is lost.
            server_jobs.answer(request);
            Answer::Drop
        }
        ("upload", 1) => refusal("2205", "You are not authorized"),
        _ => server_jobs.answer(request),
    });
    let (_directory, store) = store();
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert_eq!(error.server_code(), Some("2205"));
    assert!(store.job(&tag()).unwrap().is_some_and(|job| job.attempts > 0));
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert!(outcome.is_approved());
    assert_eq!(jobs.seen(), [(outcome.job_id().to_owned(), 1)]);
}

#[test]
fn an_upload_that_is_cut_off_is_sent_again() {
    let cut = Mutex::new(true);
    let jobs = Jobs::default();
    let server_jobs = jobs.clone();
    let gate = move |request: &common::Request| {
        request.method != "PUT" || !std::mem::take(&mut *cut.lock().unwrap())
    };
    let server = Server::gated(gate, move |request, _| server_jobs.answer(request));
    let (_directory, store) = store();
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert_eq!(jobs.seen(), [(outcome.job_id().to_owned(), 1)]);
}

#[test]
fn what_stands_between_the_client_and_the_server_is_named() {
    type Make = fn() -> Answer;
    let cases: [(Make, &[&str]); 7] = [
        (|| html(200, "X-A: b"), &["web page", "log-in"]),
        (|| html(511, "X-A: b"), &["log-in", "511"]),
        (|| html(302, "Location: http://portal.example/?key=secret"), &["redirects", "log-in"]),
        (
            || Answer::Other(200, "text/plain", "<HTML>x".to_owned(), "X-A: b"),
            &["web page", "log-in"],
        ),
        (
            || Answer::Other(200, "image/png; secret", "\u{fffd}PNG".to_owned(), "X-A: b"),
            &["image/png and not JSON"],
        ),
        (|| Answer::Json(200, json!({ "x": "y".repeat(2 << 20) })), &["more than"]),
        (|| Answer::Raw("SSH-2.0-OpenSSH_9.9\r\n\r\n"), &["not HTTP"]),
    ];
    for (make, words) in cases {
        let server = Server::start(move |_, _| make());
        let (_directory, store) = store();
        let client = Client::new(patient(&server.url), signer()).unwrap();
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(matches!(error, SubmitError::BadAnswer { .. }), "{error:?}");
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!text.contains("secret") && !text.contains("127.0.0.1"), "{text}");
        assert_eq!(store.job(&tag()).unwrap().unwrap().stage, JobStage::Prepared);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::start(|_, _| Answer::Truncated(json!({"code": "2202"})));
    let (_directory, store) = store();
    let error = server.client().register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert!(matches!(error, SubmitError::Network { connected: true, .. }), "{error:?}");
}

#[test]
fn a_wrong_clock_is_told_when_a_signature_is_not_believed() {
    let refused = |date: &'static str| {
        let server = Server::start(move |_, _| {
            let body = json!({"code": "2205", "error": "You are not authorized"}).to_string();
            Answer::Other(400, "application/json", body, date)
        });
        let (_directory, store) = store();
        let client = server.client();
        client.register(&store, &tag(), &request(), Call::default()).unwrap_err()
    };
    let ahead = refused("Date: Sun, 06 Nov 1994 08:49:37 GMT");
    assert!(matches!(ahead, SubmitError::Clock { minutes: 1.., .. }), "{ahead:?}");
    assert!(ahead.to_string().contains("ahead of") && ahead.server_code() == Some("2205"));
    let behind = refused("Date: Wed, 06 Nov 2999 08:49:37 GMT");
    assert!(behind.to_string().contains("behind"), "{behind}");
    let now = jiff::Timestamp::now().strftime("Date: %a, %d %b %Y %H:%M:%S GMT").to_string();
    for date in ["X-A: b", "Date: yesterday", now.leak()] {
        let error = refused(date);
        assert!(matches!(error, SubmitError::Refused { .. }), "{error:?}");
    }
}

#[test]
fn only_a_trusted_server_is_talked_to() {
    let server = Server::secure(|request, _| good(request, "0840"));
    let trusting = || TlsOptions::default().trust(include_bytes!("tls/authority.pem")).unwrap();
    let pin = |text: &str| trusting().pin(text.parse().unwrap());
    let other = "00".repeat(32);
    let certificate = include_str!("tls/certificate.sha256").trim();
    let key = include_str!("tls/key.sha256").trim();
    let cases = [
        (TlsOptions::default(), Err("not trusted")),
        (trusting(), Ok(())),
        (pin(certificate), Ok(())),
        (pin(key), Ok(())),
        (pin(&other).pin(key.parse().unwrap()), Ok(())),
        (pin(&other), Err("not the pinned one")),
    ];
    for (tls, expected) in cases {
        let (_directory, store) = store();
        let config = ClientConfig { tls, ..patient(&server.url) };
        let client = Client::new(config, signer()).unwrap();
        let done = client.register(&store, &tag(), &request(), Call::default());
        match expected {
            Ok(()) => assert!(done.unwrap().is_approved()),
            Err(words) => {
                let error = done.unwrap_err();
                assert!(matches!(error, SubmitError::Untrusted { .. }), "{error:?}");
                assert!(error.to_string().contains(words) && error.is_server_trouble(), "{error}");
                assert!(!error.to_string().contains("127.0.0.1"), "{error}");
                assert_eq!(store.job(&tag()).unwrap().unwrap().stage, JobStage::Prepared);
            }
        }
    }
    assert_eq!(server.requests().len(), 4 * 3, "nothing was sent to a server without trust");
}

#[test]
fn a_server_without_tls_or_with_another_name_is_not_trusted() {
    let tls = TlsOptions::default().trust(include_bytes!("tls/authority.pem")).unwrap();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain_url = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // Until the client has read that.
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    });
    let secure = Server::secure(|request, _| good(request, "0840"));
    for (url, words) in
        [(plain_url, "TLS"), (secure.url.replace("127.0.0.1", "localhost"), "another name")]
    {
        let (_directory, store) = store();
        let config = ClientConfig { tls: tls.clone(), ..config(&url) };
        let client = Client::new(config, signer()).unwrap();
        let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_call_that_is_cancelled_at_any_request_goes_on_later_as_the_same_job() {
    for moment in 0..4 {
        for before in [true, false] {
            let jobs = Jobs::default();
            let (server_jobs, cancel) = (jobs.clone(), CancelToken::new());
            let theirs = cancel.clone();
            let total = Mutex::new(0);
            let server = Server::start(move |request, _| {
                let mut total = total.lock().unwrap();
                *total += 1;
                // The server has the request; the client has no answer.
                let now = *total == moment + 1;
                if now && before {
                    theirs.cancel();
                    return Answer::Drop;
                }
                let answer = server_jobs.answer(request);
                if now {
                    theirs.cancel();
                }
                answer
            });
            let (_directory, store) = store();
            let client = Client::new(patient(&server.url), signer()).unwrap();
            let call = Call::default().cancelled_by(&cancel);
            let first = client.register(&store, &tag(), &request(), call);
            match &first {
                Ok(outcome) => assert!(outcome.is_approved()),
                Err(error) => assert!(matches!(error, SubmitError::Cancelled), "{error:?}"),
            }
            server.settle();
            let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
            assert!(outcome.is_approved());
            let seen = jobs.seen();
            assert_eq!(seen, [(outcome.job_id().to_owned(), 1)], "{moment} {before}");
        }
    }
}

#[test]
fn a_call_that_is_cancelled_at_any_progress_goes_on_later_as_the_same_job() {
    let mut cancelled = 0;
    for moment in 0.. {
        let jobs = Jobs::default();
        let server_jobs = jobs.clone();
        let server = Server::start(move |request, _| server_jobs.answer(request));
        let (_directory, store) = store();
        let client = Client::new(patient(&server.url), signer()).unwrap();
        let cancel = CancelToken::new();
        let mut left = moment;
        let mut watch = |_| {
            if left == 0 {
                cancel.cancel();
            }
            left -= 1;
        };
        let call = Call::default().watched_by(&mut watch).cancelled_by(&cancel);
        let first = client.register(&store, &tag(), &request(), call);
        server.settle();
        let ended = !cancel.is_cancelled();
        if let Err(error) = &first {
            assert!(matches!(error, SubmitError::Cancelled), "{error:?}");
            cancelled += 1;
        }
        let outcome = client.resume(&store, &tag(), None, Call::default()).unwrap();
        assert!(outcome.is_approved());
        assert_eq!(jobs.seen(), [(outcome.job_id().to_owned(), 1)], "{moment}");
        if ended {
            break;
        }
    }
    assert!(cancelled >= 3, "{cancelled}");
}

/// Counts half of a body as sent, has the call cancelled and never comes back.
struct Stuck(CancelToken);

impl Transport for Stuck {
    fn send(&self, request: &Request, control: &Control) -> Result<Response, TransportError> {
        control.count_sent(request.body.len() as u64 / 2);
        self.0.cancel();
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_transport_that_never_comes_back_does_not_hold_a_cancelled_call() {
    let (_directory, store) = store();
    let cancel = CancelToken::new();
    let stuck = Arc::new(Stuck(cancel.clone()));
    let client = Client::with_transport(config("https://x.example"), signer(), stuck).unwrap();
    let call = Call::default().cancelled_by(&cancel);
    let error = client.register(&store, &tag(), &request(), call).unwrap_err();
    assert!(matches!(error, SubmitError::Cancelled) && error.is_retryable());
    let noted = store.job(&tag()).unwrap();
    assert!(noted.as_ref().is_some_and(|job| (job.stage, job.attempts) == (JobStage::Prepared, 1)));
    // Cancelled before it begins: nothing is noted.
    let call = Call::default().cancelled_by(&cancel);
    assert!(matches!(
        client.register(&store, &tag(), &request(), call),
        Err(SubmitError::Cancelled)
    ));
    assert_eq!(store.job(&tag()).unwrap(), noted);
}

/// Answers from memory, as an app's own HTTP would from a server.
struct Own(Mutex<Vec<String>>);

impl Transport for Own {
    fn send(&self, request: &Request, control: &Control) -> Result<Response, TransportError> {
        control.count_sent(request.body.len() as u64);
        self.0.lock().unwrap().push(request.url.clone());
        let body = match request.url.rsplit('/').next().unwrap() {
            "upload" => json!({
                "code": "2202", "upload_url": "https://s3.example/zip", "smile_job_id": "7",
            }),
            "zip" => json!(null),
            _ => common::status(true, &json!({"ResultCode": "0907"})),
        };
        Ok(Response { status: 200, headers: vec![], body: body.to_string().into_bytes() })
    }
}

#[test]
fn an_app_brings_its_own_http() {
    let (_directory, store) = store();
    let own = Arc::new(Own(Mutex::default()));
    let client =
        Client::with_transport(config("https://x.example/v1"), signer(), own.clone()).unwrap();
    let outcome = client.register(&store, &tag(), &request(), Call::default()).unwrap();
    assert_eq!(outcome.decision(), Decision::Rejected);
    let asked = own.0.lock().unwrap().join(" ");
    assert_eq!(
        asked,
        "https://x.example/v1/upload https://s3.example/zip https://x.example/v1/job_status"
    );
}

const STORE: &str = "LIVEFACE_TEST_PROXIED_STORE";
const URL: &str = "LIVEFACE_TEST_PROXIED_URL";

/// Registers, with the proxy that the environment names.
#[test]
#[ignore = "the test below runs this in a child process"]
fn behind_a_proxy() {
    let (Ok(path), Ok(url)) = (std::env::var(STORE), std::env::var(URL)) else { return };
    let store = Store::open(path, &StoreKey::from_bytes([7; 32])).unwrap();
    let config = ClientConfig { allow_plain_http: true, ..config(&url) };
    let client = Client::new(config, signer()).unwrap();
    client.register(&store, &tag(), &request(), Call::default()).unwrap();
}

#[test]
fn the_environments_proxy_is_used_but_not_for_this_machine() {
    let proxy = Server::gated(|request| request.method == "CONNECT", |_, _| html(403, "X-A: b"));
    let server = Server::start(|request, _| good(request, "0840"));
    for (url, reached) in [(server.url.as_str(), true), ("http://liveface.invalid/v1", false)] {
        let (_directory, store) = store();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "behind_a_proxy", "--ignored"]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            child.env(name, proxy.url.trim_end_matches("/v1/"));
            child.env_remove(name.to_lowercase());
        }
        child.env_remove("NO_PROXY").env_remove("no_proxy");
        child.env(STORE, store.path()).env(URL, url);
        let status = child.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.success(), reached, "{url}");
    }
    let asked: Vec<String> = proxy.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["liveface.invalid:80"]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_proxy_that_cannot_be_used_is_no_reason_for_a_direct_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let register = |name: &str, proxy: &str, none: &str| {
        let (_directory, store) = store();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "behind_a_proxy", "--ignored", "--nocapture"]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            child.env_remove(name).env_remove(name.to_lowercase());
        }
        child.env_remove("no_proxy").env("NO_PROXY", none).env(name, proxy);
        child.env(STORE, store.path()).env(URL, "http://liveface.invalid/v1");
        let ended = child.output().unwrap();
        assert!(!ended.status.success());
        String::from_utf8_lossy(&ended.stderr).into_owned()
            + &String::from_utf8_lossy(&ended.stdout)
    };
    for (name, proxy) in [
        ("ALL_PROXY", format!("socks5://127.0.0.1:{port}")),
        ("https_proxy", format!("socks4://127.0.0.1:{port}")),
        ("HTTP_PROXY", "gopher://127.0.0.1".to_owned()),
    ] {
        let said = register(name, &proxy, "");
        assert!(said.contains("the proxy cannot be used"), "{name} {said}");
    }
    let said = register("ALL_PROXY", &format!("socks5://127.0.0.1:{port}"), "liveface.invalid");
    assert!(!said.contains("the proxy cannot be used"), "{said}");
}

#[test]
fn while_waiting_for_a_result_the_server_says_when_to_come_again() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("status", 0) => html(503, "Retry-After: 1"),
        _ => good(request, "0840"),
    });
    let (_directory, store) = store();
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let begun = std::time::Instant::now();
    assert!(client.register(&store, &tag(), &request(), Call::default()).unwrap().is_approved());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn what_a_question_brought_is_kept_when_a_later_one_fails() {
    let server = Server::start(|request, earlier| match (request.step(), earlier) {
        ("status", 0) => Answer::Json(200, common::status(false, &json!("Job in progress"))),
        ("status", _) => refusal("2205", "no"),
        _ => good(request, ""),
    });
    let (_directory, store) = store();
    let client = Client::new(patient(&server.url), signer()).unwrap();
    let error = client.register(&store, &tag(), &request(), Call::default()).unwrap_err();
    assert_eq!(error.server_code(), Some("2205"));
    let job = store.job(&tag()).unwrap().unwrap();
    assert!(job.last_status.is_some_and(|said| said.contains("Job in progress")));
    assert_eq!(job.stage, JobStage::Uploaded);
}
