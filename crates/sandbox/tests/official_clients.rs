//! The official clients register and authenticate people against the sandbox with the engine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;
mod official;

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use liveface_sandbox::{Sandbox, SandboxConfig};
use official::{Obstacle, Official, Runner};
use serde_json::{Value, json};

/// The pictures of one capture.
struct Capture {
    selfie: Vec<u8>,
    liveness: Vec<Vec<u8>>,
}

/// One person twice, then another one.
fn captures() -> [Capture; 3] {
    let person = |first, second| {
        let (selfie, liveness) = common::fixture_capture("clips-f1", first, second);
        Capture { selfie, liveness }
    };
    // V3 takes nothing but JPEG.
    let stranger = image::load_from_memory(&common::fixture("stills/astronaut.png")).unwrap();
    let mut jpeg = Cursor::new(Vec::new());
    stranger.to_rgb8().write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let stranger = jpeg.into_inner();
    [
        person("idle", "smile"),
        person("approach", "blink"),
        Capture { selfie: stranger.clone(), liveness: vec![stranger; 7] },
    ]
}

/// A sandbox with the engine, and the folder of its data and of what is sent to it.
fn sandbox(tls: bool) -> (tempfile::TempDir, Sandbox) {
    let dir = tempfile::tempdir().unwrap();
    let config = SandboxConfig { tls, ..common::config(&dir.path().join("data")) };
    let sandbox = Sandbox::start(config, common::engine_analyser()).unwrap();
    (dir, sandbox)
}

/// The paths of a capture's selfie and liveness images, saved in `dir`.
fn save(dir: &Path, capture: &Capture) -> (Value, Vec<Value>) {
    let save = |name: String, bytes: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        json!(path)
    };
    let selfie = save("si_selfie_1.jpg".to_owned(), &capture.selfie);
    let liveness = capture.liveness.iter().zip(1..);
    let liveness = liveness.map(|(bytes, n)| save(format!("si_liveness_{n}.jpg"), bytes)).collect();
    (selfie, liveness)
}

/// A client of the v1 API, and where it sends what.
struct V1<'a> {
    client: &'a Runner,
    sandbox: &'a Sandbox,
    dir: &'a Path,
}

impl V1<'_> {
    fn call(&self, call: &str, job_type: u8, job_id: &str, images: &[Value]) -> Value {
        let job = json!({
            "call": call,
            "server": self.sandbox.base_url(),
            "partner_id": self.sandbox.partner_id(),
            "api_key": self.sandbox.api_key(),
            "callback_url": "",
            "partner_params": [["user_id", "ann"], ["job_id", job_id], ["job_type", job_type]],
            "images": images,
            "id_info": {},
            "options": {
                "return_job_status": true,
                "return_history": true,
                "return_images": true,
                "use_enrolled_image": false,
            },
        });
        self.client.run(&job, self.sandbox.certificate_path().as_deref())
    }

    /// One job of the user "ann"; the status that the client returned. `inline` says which images
    /// travel as base64 in `info.json`: the selfie, the liveness images.
    fn submit(&self, job_type: u8, job_id: &str, inline: [bool; 2], capture: &Capture) -> Value {
        let image = |types: [u8; 2], inline: bool, path: &Value| json!({ "image_type_id": types[usize::from(inline)], "inline": inline, "path": path });
        let (selfie, liveness) = save(self.dir, capture);
        let liveness = liveness.iter().map(|path| image([4, 6], inline[1], path));
        let images: Vec<_> =
            std::iter::once(image([0, 2], inline[0], &selfie)).chain(liveness).collect();
        self.call("submit", job_type, job_id, &images)
    }

    /// Somebody registers, authenticates, and a stranger does not. `inline` is as in
    /// [`submit`](Self::submit).
    fn works(&self, inline: [bool; 2]) {
        let [first, second, stranger] = captures();
        let status = self.submit(4, "job-1", inline, &first);
        assert_eq!(status["job_success"], true, "{status}");
        let result = &status["result"];
        assert_eq!(
            (&result["ResultCode"], &result["ResultText"]),
            (&json!("0840"), &json!("Enroll User"))
        );
        assert_eq!(result["Actions"]["Register_Selfie"], "Approved");
        assert_eq!(
            result["PartnerParams"],
            json!({ "user_id": "ann", "job_id": "job-1", "job_type": 4 })
        );
        let link = status["image_links"]["selfie_image"].as_str().unwrap();
        assert_eq!(common::Client::of(self.sandbox).get(link), (200, first.selfie.clone()));

        let status = self.submit(2, "job-2", [true; 2], &second);
        assert_eq!(status["result"]["ResultCode"], "0820", "{status}");
        assert_eq!(status["history"].as_array().unwrap().len(), 2);

        let status = self.submit(2, "job-3", inline, &stranger);
        assert_eq!(status["job_complete"], true, "{status}");
        assert_eq!(status["job_success"], false, "{status}");
        assert_eq!(status["result"]["ResultCode"], "0821", "{status}");

        let again = self.call("status", 2, "job-2", &[]);
        assert_eq!(again["result"]["ResultCode"], "0820", "{again}");
        assert_eq!(again["history"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn smile_id_core_registers_and_authenticates() {
    let Some(client) = Official::SmileIdCore.ready() else { return };
    let (dir, sandbox) = sandbox(false);
    V1 { client: &client, sandbox: &sandbox, dir: dir.path() }.works([false; 2]);
}

#[test]
fn smile_identity_core_registers_and_authenticates() {
    let Some(client) = Official::SmileIdentityCore.ready() else { return };
    let (dir, sandbox) = sandbox(true);
    // It puts no liveness images into the zip.
    V1 { client: &client, sandbox: &sandbox, dir: dir.path() }.works([false, true]);
}

#[test]
fn usesmileid_registers_and_authenticates() {
    let Some(client) = Official::Usesmileid.ready() else { return };
    let (dir, sandbox) = sandbox(true);
    let call = |name: &str, details: Value| {
        let mut task = json!({
            "call": name,
            "server": sandbox.v3_url(),
            "certificate": sandbox.certificate_path(),
            "partner_id": sandbox.partner_id(),
            "api_key": sandbox.api_key(),
        });
        task.as_object_mut().unwrap().append(&mut details.as_object().unwrap().clone());
        client.run(&task, None)
    };
    let submit = |name: &str, capture: Option<&Capture>| {
        let mut job = json!({
            "user_id": "ann",
            "user_details": {
                "given_names": "Amina Fatou",
                "last_name": "Clearwater",
                "email": "amina.clearwater@example.com",
            },
            "consent": {
                "granted_at": "2026-01-02T03:04:05.678Z",
                "notice_language": "EN",
                "notice_privacy_policy_url": "https://example.com/privacy",
            },
            "partner_params": { "order": "ORD-9" },
            "metadata": [{ "name": "active_liveness_type", "value": "smile" }],
        });
        if let Some(capture) = capture {
            let (selfie, liveness) = save(dir.path(), capture);
            (job["selfie_image"], job["liveness_images"]) = (selfie, json!(liveness));
        } else {
            job["use_enrolled_image"] = json!(true);
        }
        call(name, json!({ "job": job }))
    };
    let [first, second, stranger] = captures();

    let answer = submit("enroll", Some(&first));
    assert_eq!(answer["accepted"]["status"], "accepted", "{answer}");
    assert_eq!(answer["accepted"]["user_id"], "ann", "{answer}");
    assert_eq!(answer["status"]["status"], "clear", "{answer}");

    let answer = submit("authenticate", Some(&second));
    assert_eq!(answer["status"]["status"], "clear", "{answer}");
    let job_id = &answer["accepted"]["job_id"];
    assert_eq!(answer["status"]["job_id"], *job_id, "{answer}");
    let again = call("status", json!({ "job_id": job_id }));
    assert_eq!(again["status"]["status"], "clear", "{again}");
    let unknown = call("status", json!({ "job_id": "job_00000000000000000000000000" }));
    assert_eq!(unknown["status"]["status"], "not_found", "{unknown}");

    assert_eq!(submit("authenticate", None)["status"]["status"], "clear");
    let answer = submit("authenticate", Some(&stranger));
    assert_eq!(answer["status"]["status"], "block", "{answer}");
}

#[test]
fn only_the_machine_is_an_excuse_for_a_client_that_was_not_tried() {
    let is_excuse = |said: &str| matches!(Obstacle::of(said.to_owned()), Obstacle::Machine(_));
    // What pip and npm say, word for word.
    for gone in [
        "ERROR: No matching distribution found for smile-id-core==3.0.99",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n\
         ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        "npm error code EINTEGRITY",
        "npm error code E404",
        "npm error code EUSAGE",
        "npm error code SELF_SIGNED_CERT_IN_CHAIN",
        "",
    ] {
        assert!(!is_excuse(gone), "{gone}");
    }
    assert!(is_excuse("/usr/bin/python3: No module named pip"));
    assert!(is_excuse("npm error code EAI_AGAIN"));

    let no_program = official::run(&mut std::process::Command::new("liveface-no-such-interpreter"));
    assert!(matches!(no_program, Err(Obstacle::Machine(_))), "{no_program:?}");
}
