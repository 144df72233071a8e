//! Whom the sandbox lets in, told through real HTTP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use common::{BLACK, BLUE, Client, GREEN, GREY, PALE_RED, RED, WHITE, capture, pack, picture, zip};
use serde_json::{Value, json};

/// A fresh sandbox and its client.
fn sandbox() -> (tempfile::TempDir, liveface_sandbox::Sandbox, Client) {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = common::start(dir.path());
    let client = Client::of(&sandbox);
    (dir, sandbox, client)
}

fn code(result: &Value) -> (&str, &str) {
    (result["ResultCode"].as_str().unwrap(), result["ResultText"].as_str().unwrap())
}

#[test]
fn who_registers_is_enrolled_and_then_authenticated() {
    let (_dir, _sandbox, client) = sandbox();
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    client.put_zip(&url, &capture(RED));
    let answer = client.wait("ann", "job-1");
    let (timestamp, signature) = (&answer["timestamp"], &answer["signature"]);
    assert_eq!(signature.as_str().unwrap(), client.sign(timestamp.as_str().unwrap()));
    let confidence = answer["result"]["ConfidenceValue"].as_str().unwrap();
    assert!(confidence.parse::<f32>().unwrap() > 95.0 && confidence.contains('.'));
    let expected = json!({
        "timestamp": timestamp, "signature": signature,
        "job_complete": true, "job_success": true, "code": "2302",
        "result": {
            "ResultCode": "0840", "ResultText": "Enroll User", "ResultType": "SAIA",
            "ConfidenceValue": confidence,
            "IsFinalResult": "true", "IsMachineResult": "true",
            "SmileJobID": "0000000001", "JSONVersion": "1.0.0", "Source": "WebAPI",
            "PartnerParams":
                { "job_id": "job-1", "user_id": "ann", "job_type": 4, "order": "7" },
            "Actions": {
                "Liveness_Check": "Passed",
                "Register_Selfie": "Approved",
                "Human_Review_Compare": "Not Applicable",
                "Human_Review_Liveness_Check": "Not Applicable",
                "Selfie_To_Registered_Selfie_Compare": "Not Applicable",
            },
        },
        "history": [], "image_links": {},
    });
    assert_eq!(answer, expected);

    let result = client.authenticate("ann", "job-2", &capture([220, 40, 35]));
    assert_eq!(code(&result), ("0820", "Authenticate User"));
    assert_eq!(result["SmileJobID"], "0000000002");
    assert_eq!(result["Actions"]["Selfie_To_Registered_Selfie_Compare"], "Completed");
    assert_eq!(result["Actions"]["Register_Selfie"], "Not Applicable");
}

#[test]
fn a_stranger_is_rejected() {
    let (_dir, _sandbox, client) = sandbox();
    client.register("ann", "job-1", &capture(RED));
    let url = client.open(&client.upload_body(2, "ann", "job-2"));
    client.put_zip(&url, &capture(GREEN));
    let answer = client.wait("ann", "job-2");
    assert_eq!(answer["job_success"], false);
    assert_eq!(answer["result"]["ResultCode"], "0821");
    let actions = &answer["result"]["Actions"];
    assert_eq!(actions["Selfie_To_Registered_Selfie_Compare"], "Rejected");
    // The stranger's picture did not become the enrolled one.
    assert_eq!(client.authenticate("ann", "job-3", &capture(RED))["ResultCode"], "0820");
}

#[test]
fn liveness_images_of_someone_else_do_not_help_a_stolen_selfie() {
    let (_dir, _sandbox, client) = sandbox();
    client.register("ann", "job-1", &capture(RED));
    let stolen = zip(&picture(&[RED]), &[picture(&[BLUE]), picture(&[BLUE])]);
    assert_eq!(client.authenticate("ann", "job-2", &stolen)["ResultCode"], "0822");
    assert_eq!(client.register("bob", "job-3", &stolen)["ResultCode"], "0841");
    let (_, answer) = client.post("upload", &client.upload_body(2, "bob", "job-4"));
    assert_eq!(answer["code"], "2210", "who was rejected is not enrolled");
}

#[test]
fn a_printed_face_is_a_possible_spoof() {
    let (_dir, _sandbox, client) = sandbox();
    let result = client.register("ann", "job-1", &capture(PALE_RED));
    assert_eq!(result["ResultCode"], "0907");
    assert_eq!(result["Actions"]["Liveness_Check"], "Failed");
    assert_eq!(result["Actions"]["Register_Selfie"], "Rejected");
    assert!(result.get("ConfidenceValue").is_none(), "nothing was compared");
}

#[test]
fn unusable_pictures_are_named() {
    let (_dir, _sandbox, client) = sandbox();
    let mut job = 0;
    let mut text = |selfie: &[u8], liveness: &[Vec<u8>]| {
        job += 1;
        let result = client.register("ann", &format!("job-{job}"), &zip(selfie, liveness));
        assert_eq!(result["ResultCode"], "0001");
        result["ResultText"].as_str().unwrap().to_owned()
    };
    let live = [picture(&[RED])];
    assert_eq!(text(b"no picture", &live), "Selfie image unusable");
    assert_eq!(text(&picture(&[GREY]), &live), "Selfie image unusable - No Face Found");
    let two = picture(&[RED, GREY, BLUE]);
    assert_eq!(text(&two, &live), "Selfie image unusable - More Than One Face");
    let unusable = "Liveness images unusable - None Has Exactly One Face";
    assert_eq!(text(&picture(&[RED]), &[]), unusable);
    assert_eq!(text(&picture(&[RED]), &[two, b"no picture".to_vec(), picture(&[GREY])]), unusable);
}

#[test]
fn one_bad_liveness_image_does_not_spoil_a_capture() {
    let (_dir, _sandbox, client) = sandbox();
    let good = picture(&[RED]);
    let mixed = zip(&good, &[b"no picture".to_vec(), picture(&[GREY]), good.clone()]);
    assert_eq!(client.register("ann", "job-1", &mixed)["ResultCode"], "0840");
}

#[test]
fn garbage_instead_of_a_zip_ends_the_job_as_corrupt() {
    let (_dir, _sandbox, client) = sandbox();
    assert_eq!(code(&client.register("ann", "job-1", b"PK no zip")), ("0903", "Zip Corrupt"));
    let no_info = pack([("si_selfie_1.jpg", picture(&[RED]).as_slice())]);
    assert_eq!(client.register("ann", "job-2", &no_info)["ResultCode"], "0903");
    let missing = br#"{"images":[{"image_type_id":0,"file_name":"si_selfie_1.jpg"}]}"#;
    let missing = pack([("info.json", missing.as_slice())]);
    assert_eq!(client.register("ann", "job-3", &missing)["ResultCode"], "0903");
}

#[test]
fn the_zip_of_another_job_is_refused() {
    let (_dir, _sandbox, client) = sandbox();
    let selfie = picture(&[RED]);
    let of = |job: &str| {
        let info = json!({
            "misc_information": { "partner_params": { "user_id": "ann", "job_id": job } },
            "images": [
                { "image_type_id": 0, "image": "", "file_name": "a.jpg" },
                { "image_type_id": 4, "image": "", "file_name": "b.jpg" },
            ],
        });
        pack([("info.json", info.to_string().as_bytes()), ("a.jpg", &selfie), ("b.jpg", &selfie)])
    };
    assert_eq!(code(&client.register("ann", "job-1", &of("job-9"))), ("0001", "Data Invalid"));
    assert_eq!(client.register("ann", "job-2", &of("job-2"))["ResultCode"], "0840");
}

#[test]
fn an_analyser_that_fails_or_panics_ends_the_job_and_not_the_sandbox() {
    let (_dir, sandbox, client) = sandbox();
    assert_eq!(code(&client.register("ann", "job-1", &capture(WHITE))), ("2201", "System Error"));
    assert_eq!(sandbox.last_fault().unwrap(), "too bright");
    let dark = zip(&picture(&[BLACK]), &[picture(&[RED])]);
    assert_eq!(client.register("ann", "job-2", &dark)["ResultCode"], "2201");
    assert_eq!(client.register("ann", "job-3", &capture(RED))["ResultCode"], "0840");
}
