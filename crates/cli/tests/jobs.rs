//! Jobs against a running sandbox: what is approved, rejected, pending, kept and sent again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::net::TcpListener;

use serde_json::{Value, json};
use support::{Place, Sandbox, keys, run, text};

#[test]
fn a_person_registers_and_authenticates_and_a_stranger_does_not() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    for (subject, seed, tag) in
        [("clips-f1", "1", "enrol"), ("clips-f1", "2", "again"), ("clips-m1", "3", "stranger")]
    {
        place.capture(subject, seed, tag).expect(0);
    }
    let arguments = ["--user-id", "user-1", "--partner-param", "order=ORD-9"];
    let register = ["register", "enrol"].into_iter().chain(arguments).collect::<Vec<_>>();
    let ended = sandbox.run(&place, &register).expect(0);
    assert_eq!(ended.stderr, "");
    let enrolled = ended.json();
    assert_eq!(
        keys(&enrolled),
        [
            "actions",
            "approved",
            "confidence",
            "decision",
            "job_complete",
            "job_id",
            "job_type",
            "partner_params",
            "raw",
            "result_code",
            "result_text",
            "smile_job_id",
            "tag",
            "user_id",
            "verified"
        ]
    );
    assert_eq!(enrolled["tag"], "enrol");
    assert_eq!(enrolled["user_id"], "user-1");
    assert_eq!(enrolled["job_type"], 4);
    assert_eq!((&enrolled["approved"], &enrolled["job_complete"]), (&json!(true), &json!(true)));
    assert_eq!(enrolled["result_code"], "0840");
    assert_eq!(enrolled["partner_params"]["order"], "ORD-9");

    // What is final is not sent again, and its status needs no server.
    assert_eq!(sandbox.run(&place, &register).expect(0).json(), enrolled);
    assert_eq!(sandbox.run(&place, &["status", "enrol"]).expect(0).json(), enrolled);

    let again = sandbox.run(&place, &["authenticate", "again", "--user-id", "user-1"]).expect(0);
    let again = again.json();
    assert_eq!((&again["job_type"], &again["approved"]), (&json!(2), &json!(true)));
    assert_eq!(again["result_code"], "0820");

    let stranger = sandbox.run(&place, &["authenticate", "stranger", "--user-id", "user-1"]);
    let stranger = stranger.expect(3).json();
    assert_eq!((&stranger["approved"], &stranger["job_complete"]), (&json!(false), &json!(true)));
    assert_eq!(stranger["decision"], "rejected");
    for confidence in [&again["confidence"], &stranger["confidence"]] {
        assert!((0.0..=100.0).contains(&confidence.as_f64().unwrap()));
    }

    // Registered already: the server does not open the job.
    place.capture("clips-f1", "4", "twice").expect(0);
    sandbox
        .run(&place, &["register", "twice", "--user-id", "user-1"])
        .refused(3, &["2209", "re-enrolling"]);
    let twice = ["register", "twice", "--user-id", "user-1", "--allow-re-enroll"];
    sandbox.run(&place, &twice).expect(0);
}

#[test]
fn who_does_not_wait_asks_for_the_status_later() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    place.capture("clips-m1", "1", "mine").expect(0);
    let arguments = ["register", "mine", "--user-id", "user-1", "--no-wait"];
    let pending = sandbox.run(&place, &arguments).expect(0).json();
    assert_eq!(pending["job_complete"], false);
    assert_eq!((&pending["approved"], &pending["result_code"]), (&json!(false), &Value::Null));
    assert_eq!(place.tags(), [("mine".to_owned(), "submitting".to_owned())]);
    let done = (0..600).find_map(|_| {
        let status = sandbox.run(&place, &["status", "mine"]).expect(0).json();
        if status["job_complete"] == true {
            return Some(status);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        None
    });
    let done = done.unwrap();
    assert_eq!((&done["approved"], &done["job_id"]), (&json!(true), &pending["job_id"]));
    assert_eq!(place.tags(), [("mine".to_owned(), "submitted".to_owned())]);
}

#[test]
fn a_job_that_found_no_server_is_kept_and_sent_later() {
    let place = Place::new();
    place.capture("clips-f1", "1", "mine").expect(0);
    // The key is the sandbox's own from its first start on; then nothing listens there any more.
    let sandbox = Sandbox::start(&place);
    let register = || sandbox.command(&place, &["register", "mine", "--user-id", "user-1"]);
    let (mut first, mut second) = (register(), register());
    let port = sandbox.url.split(['/', ':']).nth(4).unwrap().to_owned();
    drop(sandbox);
    assert!(TcpListener::bind(format!("127.0.0.1:{port}")).is_ok());

    run(&mut first).refused(6, &["the job is kept, try again"]);
    assert_eq!(place.tags(), [("mine".to_owned(), "submitting".to_owned())]);
    let job = text(&place.show("mine")["job"]["job_id"]);

    let _sandbox = Sandbox::start_at(&place, &port);
    let sent = run(&mut second).expect(0).json();
    assert_eq!((&sent["approved"], text(&sent["job_id"])), (&json!(true), job));
}

#[test]
fn a_wrong_key_is_refused_and_not_printed() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    place.capture("clips-f1", "1", "mine").expect(0);
    let mut register = sandbox.command(&place, &["register", "mine", "--user-id", "user-1"]);
    let ended = run(register.env("LIVEFACE_API_KEY", "not-the-key"));
    assert!(!ended.stderr.contains("not-the-key"), "{}", ended.stderr);
    ended.refused(3, &["2205", "API key"]);
}

#[test]
fn credentials_may_come_from_a_config_file() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    place.capture("clips-f1", "1", "mine").expect(0);
    let config = json!({
        "partner_id": sandbox.partner_id,
        "api_key": sandbox.api_key,
        "test_lambda_url": sandbox.url,
    });
    let config = place.write("smile_config.json", config.to_string());
    let arguments = ["register", "mine", "--user-id", "user-1", "--json", "--config", &config];
    assert_eq!(place.run(arguments).expect(0).json()["approved"], true);
}

#[test]
fn a_job_id_that_another_capture_used_is_refused_again_and_again() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    place.capture("clips-f1", "1", "first").expect(0);
    place.capture("clips-m1", "2", "second").expect(0);
    let register = |tag| ["register", tag, "--user-id", "user-1", "--job-id", "job-1"];
    assert_eq!(sandbox.run(&place, &register("first")).expect(0).json()["approved"], true);
    for _ in 0..2 {
        sandbox.run(&place, &register("second")).refused(3, &["2215", "another job id"]);
        assert!(place.tags().contains(&("second".to_owned(), "idle".to_owned())));
    }
}
