//! The V3 protocol: tokens, registration and authentication, status, callbacks and replay.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use common::v3::{Form, V3Client, consent, details};
use common::{Client, ColourAnalyser, GREEN, RED, capture, config, picture, receiver, start};
use liveface_sandbox::{Limits, Sandbox, SandboxConfig};
use serde_json::{Value, json};

/// A refusal's status; its body must have the documented shape.
fn refused((status, answer): (u16, Value)) -> u16 {
    assert!(!answer["status"].as_str().unwrap().is_empty(), "{answer}");
    assert!(!answer["message"].as_str().unwrap().is_empty(), "{answer}");
    status
}

#[test]
fn a_person_registers_and_authenticates_and_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let (status, answer) = client.register("ann", &Form::capture(RED));
    assert_eq!((status, &answer["status"]), (202, &json!("accepted")), "{answer}");
    assert_eq!(answer["user_id"], "ann");
    assert!(answer["created_at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let job = answer["job_id"].as_str().unwrap();
    assert!(job.starts_with("job_") && job.len() == 30, "{job}");
    let done = client.wait(job);
    let expected = json!({
        "status": "clear", "job_id": job, "user_id": "ann", "message": "Job completed",
        "created_at": answer["created_at"],
    });
    assert_eq!(done, expected);
    assert_eq!(client.outcome(client.authenticate("ann", &Form::capture(RED))), "clear");
    assert_eq!(client.outcome(client.authenticate("ann", &Form::capture(GREEN))), "block");
    assert_eq!(refused(client.authenticate("bob", &Form::capture(RED))), 404);
    assert_eq!(refused(client.register("ann", &Form::capture(RED))), 400);
    let again = Form::capture(GREEN).text("allow_new_enroll", "true");
    assert_eq!(client.outcome(client.register("ann", &again)), "clear");
    assert_eq!(client.outcome(client.authenticate("ann", &Form::capture(GREEN))), "clear");
    // Both protocols know the same users.
    let v1 = Client::of(&sandbox);
    assert_eq!(v1.authenticate("ann", "job-1", &capture(GREEN))["ResultCode"], "0820");
}

#[test]
fn older_names_of_the_paths_do_the_same_and_a_user_can_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let (status, answer) = client.post("enroll", None, &Form::capture(RED));
    assert_eq!(status, 202, "{answer}");
    let user = answer["user_id"].as_str().unwrap().to_owned();
    assert!(user.starts_with("user_"), "{user}");
    client.wait(answer["job_id"].as_str().unwrap());
    let form = Form::capture(RED).text("user_id", &user);
    assert_eq!(client.outcome(client.post("authenticate", None, &form)), "clear");
}

#[test]
fn a_token_needs_the_partner_and_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let key = sandbox.api_key();
    let (status, answer) = client.ask_token("2345", key, None);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["token"].as_str().unwrap().split('.').count(), 3);
    for partner in ["", "02345", "x", "23 45", "0"] {
        assert_eq!(refused(client.ask_token(partner, key, None)), 400, "{partner}");
    }
    assert_eq!(refused(client.ask_token("2346", key, None)), 401);
    assert_eq!(refused(client.ask_token("2345", "another", None)), 401);
    assert_eq!(refused(client.ask_token("2345", "", None)), 401);
    let payload = Form::default().json("payload", &json!({ "consent": { "granted": false } }));
    assert_eq!(refused(client.ask_token("2345", key, Some(&payload))), 400);
    let product = Form::default().text("product", "teleportation");
    assert_eq!(refused(client.ask_token("2345", key, Some(&product))), 400);
}

#[test]
fn a_partner_with_leading_zeros_is_the_number_here() {
    let dir = tempfile::tempdir().unwrap();
    let config = SandboxConfig { partner_id: "0085".into(), ..SandboxConfig::new(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let client = V3Client::of(&sandbox);
    assert_eq!(client.ask_token("85", sandbox.api_key(), None).0, 200);
    assert_eq!(refused(client.ask_token("0085", sandbox.api_key(), None)), 400);
    assert_eq!(client.outcome(client.register("ann", &Form::capture(RED))), "clear");
}

#[test]
fn a_request_without_a_good_token_is_not_authorised() {
    let dir = tempfile::tempdir().unwrap();
    // Its tokens expire at once, and both sandboxes sign with one key.
    let limits = Limits { token_time: Duration::ZERO, ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let expired = V3Client::of(&sandbox).token;
    sandbox.stop();
    let sandbox = start(dir.path());
    let mut client = V3Client::of(&sandbox);
    let good = std::mem::replace(&mut client.token, expired);
    let (status, answer) = client.register("bob", &Form::capture(RED));
    assert_eq!(
        (status, answer["message"].as_str().unwrap()),
        (401, "Invalid authentication credentials.")
    );
    assert_eq!(refused(client.status("job_x")), 401);
    assert_eq!(refused(client.replay("job_x", None)), 401);
    let unsigned = good[..good.rfind('.').unwrap()].to_owned();
    for bad in ["", "a.b.c", "é", &unsigned] {
        bad.clone_into(&mut client.token);
        assert_eq!(refused(client.register("bob", &Form::capture(RED))), 401);
    }
    client.token = good;
    assert_eq!(client.register("ann", &Form::capture(RED)).0, 202);
}

#[test]
fn a_refusal_has_the_shape_of_v3_wherever_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    assert_eq!(refused(client.status("%ff")), 400, "no text");
    assert_eq!(refused(client.replay("%ff", None)), 400, "no text");
    assert_eq!(refused(client.status("job_x/more")), 404, "no such path");
    assert_eq!(refused(client.post("status/job_x", None, &Form::default())), 405, "wrong method");
}

#[test]
fn what_is_bound_to_a_token_holds() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let mut client = V3Client::of(&sandbox);
    let stranger = V3Client::of(&sandbox);
    let bind = Form::default()
        .text("user_id", "ann")
        .text("product", "smart_selfie_registration")
        .json("partner_params", &json!({ "order": "7" }))
        .json("payload", &json!({ "user_details": details(), "consent": consent() }));
    let (_, answer) = client.ask_token("2345", sandbox.api_key(), Some(&bind));
    answer["token"].as_str().unwrap().clone_into(&mut client.token);
    let claims = client.claims();
    assert_eq!((&claims["user_id"], &claims["policy"]), (&json!("ann"), &json!(0)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert_eq!(claims["api_url"], sandbox.v3_url());
    assert!(claims["payload"]["consent"].as_str().unwrap().starts_with("pii_"));
    assert!(!claims.to_string().contains("Lovelace"), "no personal data in the token");

    assert_eq!(refused(client.register("bob", &Form::images(RED))), 403);
    let params = Form::images(RED).json("partner_params", &json!({ "order": "8" }));
    assert_eq!(refused(client.post("registration", None, &params)), 403);
    let of_another = Form::images(RED).text("user_id", "bob");
    assert_eq!(refused(client.post("registration", None, &of_another)), 403);
    assert_eq!(refused(client.authenticate("ann", &Form::images(RED))), 403, "another product");

    let (status, answer) = client.post("registration", None, &Form::images(RED));
    assert_eq!((status, &answer["user_id"]), (202, &json!("ann")), "{answer}");
    client.wait(answer["job_id"].as_str().unwrap());
    assert_eq!(sandbox.jobs().unwrap()[0].partner_params["order"], "7");
    let (_, other) = stranger.register("bob", &Form::capture(GREEN));
    assert_eq!(refused(client.status(other["job_id"].as_str().unwrap())), 403);
}

#[test]
fn each_field_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let status = |form: Form| refused(client.register("ann", &form));
    let face = || picture(&[RED]);
    let count = |n: usize| {
        (0..n).fold(Form::person().jpeg("selfie_image", &face()), |form, _| {
            form.jpeg("liveness_images", &face())
        })
    };
    assert_eq!(status(count(5)), 400);
    assert_eq!(status(count(9)), 400);
    assert_eq!(status(Form::person()), 400);
    let images = || Form::images(RED);
    assert_eq!(status(images()), 400, "nothing about the person");
    assert_eq!(status(images().json("user_details", &details())), 400, "no consent");
    assert_eq!(status(images().json("consent", &consent())), 400, "no user details");
    for (name, text) in [
        ("callback_url", "http://partner.example/cb"),
        ("callback_url", "partner"),
        ("allow_new_enroll", "yes"),
        ("sandbox_result", "0"),
        ("sandbox_result", "many"),
        ("partner_params", "{\"order\":7}"),
        ("partner_params", "{"),
        ("metadata", "{}"),
        ("metadata", "[{\"name\":\"\",\"value\":\"x\"}]"),
    ] {
        assert_eq!(status(Form::capture(RED).text(name, text)), 400, "{name} {text}");
    }
    let twice = Form::capture(RED).json("consent", &consent());
    assert_eq!(status(twice), 400);
    let png = Form::capture(RED).file("selfie_image", "image/png", &face());
    assert_eq!(status(png), 415);
    let no_jpeg = count(6).jpeg("liveness_images", b"GIF89a");
    assert_eq!(status(no_jpeg), 400);
    let large = Form::capture(RED)
        .jpeg("liveness_images", &[&b"\xff\xd8\xff"[..], &vec![0; 5 << 20]].concat());
    assert_eq!(status(large), 413);
    let (code, answer) = client.send("registration", "application/json", b"{}");
    assert_eq!(refused((code, answer)), 415);
    let (code, answer) =
        client.send("registration", "multipart/form-data; boundary=x", b"--x\r\nbroken");
    assert_eq!(refused((code, answer)), 400);
    assert_eq!(
        refused(client.post("authentication", Some("ann"), &Form::capture(RED))),
        400,
        "no user_id in the body"
    );
    assert_eq!(sandbox.jobs().unwrap(), [], "nothing of this was a job");
    assert_eq!(
        client.outcome(client.register("ann", &count(8).text("unknown", "skipped"))),
        "clear"
    );
}

#[test]
fn a_result_can_be_forced() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    for (code, verdict) in [
        ("840", "clear"),
        ("820.0", "clear"),
        ("814", "attention"),
        ("907", "block"),
        ("2201", "error"),
    ] {
        let form = Form::capture(RED).text("sandbox_result", code);
        assert_eq!(client.outcome(client.register(code, &form)), verdict);
    }
    assert_eq!(client.outcome(client.authenticate("840", &Form::capture(RED))), "clear");
    assert_eq!(refused(client.authenticate("907", &Form::capture(RED))), 404, "not enrolled");
    let codes: Vec<_> =
        sandbox.jobs().unwrap().into_iter().map(|job| job.result_code.unwrap()).collect();
    assert_eq!(codes[..5], ["0840", "0820", "0814", "0907", "2201"]);
}

#[test]
fn the_enrolled_image_can_stand_for_the_user() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    client.outcome(client.register("ann", &Form::capture(RED)));
    let form = Form::person().text("use_enrolled_image", "true");
    assert_eq!(client.outcome(client.authenticate("ann", &form)), "clear");
    assert_eq!(refused(client.authenticate("bob", &form)), 404);
    let both = Form::capture(RED).text("use_enrolled_image", "true");
    assert_eq!(refused(client.authenticate("ann", &both)), 400);
}

#[test]
fn a_job_that_does_not_exist_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    Client::of(&sandbox).register("ann", "job-1", &capture(RED));
    for id in ["job_00000000000000000000000000", "job-1", "%00"] {
        let (status, answer) = client.status(id);
        assert_eq!((status, &answer["status"]), (404, &json!("not_found")), "{answer}");
        assert_eq!(refused(client.replay(id, None)), 404);
    }
}

#[test]
fn callbacks_have_the_status_and_can_be_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let (url, received) = receiver(&[200, 200]);
    let form = Form::capture(RED)
        .text("callback_url", &url)
        .json("partner_params", &json!({ "order": "7" }));
    let (_, answer) = client.register("ann", &form);
    let job = answer["job_id"].as_str().unwrap().to_owned();
    let body = received.recv_timeout(Duration::from_secs(10)).unwrap();
    let status = client.wait(&job);
    for (name, value) in status.as_object().unwrap() {
        assert_eq!(&body[name], value);
    }
    assert_eq!(body["PartnerParams"]["order"], "7");
    assert_eq!(body["ResultCode"], "0840");
    let signed = Client::of(&sandbox).sign(body["timestamp"].as_str().unwrap());
    assert_eq!(body["signature"].as_str().unwrap(), signed);
    common::callback_end(&sandbox, &job);

    let (status, answer) = client.replay(&job, None);
    assert_eq!((status, &answer["status"]), (202, &json!("accepted")), "{answer}");
    assert_eq!(received.recv_timeout(Duration::from_secs(10)).unwrap(), body);
    common::callback_end(&sandbox, &job);
    let (other, received) = receiver(&[200]);
    assert_eq!(client.replay(&job, Some(&other)).0, 202);
    assert_eq!(received.recv_timeout(Duration::from_secs(10)).unwrap(), body);
    assert_eq!(refused(client.replay(&job, Some("http://partner.example/"))), 400);
}

#[test]
fn a_replay_needs_a_finished_job_and_an_address() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = V3Client::of(&sandbox);
    let (_, answer) = client.register("ann", &Form::capture(RED));
    let job = answer["job_id"].as_str().unwrap();
    client.wait(job);
    assert_eq!(refused(client.replay(job, None)), 400, "nowhere to send it to");
    // Someone who never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(client.replay(job, Some(&url)).0, 202);
    assert_eq!(refused(client.replay(job, Some(&url))), 409, "it is on its way");
}

#[test]
fn each_job_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let v1 = Client::of(&sandbox);
    let mut lost = v1.upload_body(4, "ann", "job-1");
    v1.open(&lost);
    lost["retry"] = json!(true);
    let url = v1.open(&lost);
    v1.put_zip(&url, &capture(RED));
    v1.wait("ann", "job-1");
    v1.open(&v1.upload_body(2, "ann", "job-2"));
    let client = V3Client::of(&sandbox);
    client.outcome(client.authenticate("ann", &Form::capture(RED)));
    let jobs = sandbox.jobs().unwrap();
    sandbox.stop();
    assert_eq!(liveface_sandbox::list_jobs(dir.path(), "2345").unwrap(), jobs);
    assert_eq!(liveface_sandbox::list_jobs(dir.path(), "1").unwrap(), []);
    let counts: Vec<_> = jobs
        .iter()
        .map(|job| (job.protocol, job.job_type, job.announced, job.received, job.finished))
        .collect();
    assert_eq!(counts, [("v1", 4, 2, 1, 1), ("v1", 2, 1, 0, 0), ("v3", 2, 1, 1, 1)]);
    assert!(liveface_sandbox::list_jobs(&dir.path().join("none"), "1").is_err());
}

#[test]
fn v1_can_use_the_selfie_on_file() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let with_enrolled = |job_type, user: &str, job: &str| {
        let mut body = client.upload_body(job_type, user, job);
        body["use_enrolled_image"] = json!(true);
        body
    };
    let (status, answer) = client.post("upload", &with_enrolled(4, "ann", "job-1"));
    assert_eq!((status, &answer["code"]), (400, &json!("2216")), "nothing is on file yet");
    client.register("ann", "job-1", &capture(RED));
    // The selfie in the zip is another person's, and is not looked at.
    let liveness = [RED, RED, RED].map(|person| picture(&[person]));
    let url = client.open(&with_enrolled(2, "ann", "job-2"));
    client.put_zip(&url, &common::zip(&picture(&[GREEN]), &liveness));
    assert_eq!(client.wait("ann", "job-2")["result"]["ResultCode"], "0820");
    let url = client.open(&with_enrolled(2, "ann", "job-3"));
    client.put_zip(&url, &capture(GREEN));
    assert_eq!(client.wait("ann", "job-3")["result"]["ResultCode"], "0822");
}

#[test]
fn a_device_gets_a_signature_for_its_auth_token() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let question = json!({
        "partner_id": "2345", "auth_token": sandbox.auth_token(), "job_type": 4,
        "enrollment": true, "user_id": "ann", "job_id": "job-1", "signature": true,
        "production": false,
    });
    let (status, answer) = client.post("auth_smile", &question);
    assert_eq!((status, &answer["success"], &answer["policy"]), (200, &json!(true), &json!(0)));
    assert_eq!(
        answer["partner_params"],
        json!({ "user_id": "ann", "job_id": "job-1", "job_type": 4 })
    );
    let mut body = client.upload_body(4, "ann", "job-1");
    body["signature"] = answer["signature"].clone();
    body["timestamp"] = answer["timestamp"].clone();
    client.open(&body);
    let mut wrong = question;
    wrong["auth_token"] = json!(sandbox.api_key());
    let (status, answer) = client.post("auth_smile", &wrong);
    assert_eq!((status, &answer["code"]), (400, &json!("2205")));
}
