//! Jobs that wait for a network, and callbacks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::io::Write as _;
use std::process::Stdio;

use liveface_submit::ApiKeySigner;
use serde_json::{Value, json};
use support::{Place, Sandbox, keys, run};

#[test]
fn jobs_wait_for_a_network_and_one_that_is_refused_holds_up_nobody() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    for (tag, seed) in [("first", "1"), ("stranger", "2"), ("second", "3")] {
        place.capture("clips-f1", seed, tag).expect(0);
    }
    for (what, tag, user) in [
        ("register", "first", "user-1"),
        // Nobody of that name is registered.
        ("authenticate", "stranger", "user-9"),
        ("authenticate", "second", "user-1"),
    ] {
        let queued = sandbox.run(&place, &[what, tag, "--user-id", user, "--queue"]).expect(0);
        assert_eq!(queued.json()["decision"], "pending");
    }
    let tags = |report: &Value, name: &str| -> Vec<Value> {
        report["jobs"].as_array().unwrap().iter().map(|job| job[name].clone()).collect()
    };
    let report = sandbox.run(&place, &["submit", "--all"]).expect(3).json();
    assert_eq!(
        keys(&report),
        [
            "approved",
            "for_later",
            "jobs",
            "pending",
            "provisionally_approved",
            "rejected",
            "waiting"
        ]
    );
    assert_eq!(tags(&report, "tag"), ["first", "stranger", "second"]);
    assert_eq!(tags(&report, "state"), ["approved", "failed", "approved"]);
    assert!(report["jobs"][1]["error"].as_str().unwrap().contains("2210"));
    assert_eq!((&report["approved"], &report["rejected"]), (&json!(2), &json!(1)));

    let url = sandbox.url.clone();
    let (partner, key) = (sandbox.partner_id.clone(), sandbox.api_key.clone());
    drop(sandbox);
    let mut later = place.command(["submit", "--all", "--env", &url]);
    later.env("LIVEFACE_PARTNER_ID", partner).env("LIVEFACE_API_KEY", key);
    let ended = run(&mut later).expect(6);
    assert!(
        ended.stdout.contains("1 job: 0 approved, 0 pending, 0 rejected, 1 for later"),
        "{}",
        ended.stdout
    );
    place.run(["tags", "clear", "stranger"]).expect(0);
    let ended = run(&mut later).expect(0);
    assert!(ended.stdout.contains("0 jobs"), "{}", ended.stdout);
}

#[test]
fn a_callback_is_verified_or_not_believed() {
    let place = Place::new();
    let signed = ApiKeySigner::new("2345", "key-1").unwrap().sign_now();
    let body = json!({
        "ResultCode": "0840", "ResultText": "Enroll User", "SmileJobID": "0000000583",
        "PartnerParams": {"user_id": "user-1", "job_id": "job-1", "job_type": "4"},
        "Actions": {"Register_Selfie": "Approved"}, "ConfidenceValue": "99",
        "timestamp": signed.timestamp, "signature": signed.signature,
    });
    let verify = |file: &str, key: &str| {
        let mut command = place.command(["callback", "verify", file, "--json"]);
        command.env("LIVEFACE_PARTNER_ID", "2345").env("LIVEFACE_API_KEY", key);
        command
    };
    let file = place.write("callback.json", body.to_string());
    let told = run(&mut verify(&file, "key-1")).expect(0).json();
    assert_eq!((&told["valid"], &told["decision"]), (&json!(true), &json!("approved")));
    assert_eq!((&told["user_id"], &told["job_type"]), (&json!("user-1"), &json!(4)));
    assert_eq!(told["actions"], json!({"Register_Selfie": "Approved"}));

    let mut child =
        verify("-", "key-1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    let ended = support::Ended::from(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(ended.json(), told);

    run(&mut verify(&file, "key-2")).refused(3, &["not signed with this partner's key"]);
    let file = place.write("page.html", "<html>");
    run(&mut verify(&file, "key-1")).refused(2, &["cannot be read", "not a JSON object"]);
    run(&mut verify(&place.text("missing"), "key-1")).refused(2, &["cannot be read"]);
    place.run(["callback", "verify", "-"]).refused(2, &["LIVEFACE_PARTNER_ID"]);
}
