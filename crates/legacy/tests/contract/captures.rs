//! Captures: their maps, tags and prompts.

use std::io::ErrorKind;

use liveface::camera::{CameraError, FrameSource, Recording};
use liveface::{Frame, Policy};
use liveface_legacy::{CAPTURED, FAILED, Legacy, Map};
use serde_json::{Value, json};

use crate::support::{Captured, MADE_TAG, Place, config, engine, fixtures, keep, map, now, tag};

#[test]
fn a_live_person_is_kept_under_the_tag_that_is_returned() {
    let _ = covers![
        "call.captureSelfie",
        "code.capture.success",
        "result.SID_RESULT_CODE",
        "result.SID_RESULT_TAG",
        "tag.returned",
        "tag.made",
        "tag.reuse",
    ];
    let captured = Captured::get();
    let second = format!("{MADE_TAG}_2");
    let expected = json!({ "SID_RESULT_CODE": -1, "SID_RESULT_TAG": MADE_TAG });
    assert_eq!(captured.said["first"]["map"], expected, "exactly these keys and types");
    // Within the same second, another tag is made.
    assert_eq!(captured.said["stranger"]["map"]["SID_RESULT_TAG"], second.as_str());
    assert_eq!(captured.said["stranger"]["map"]["SID_RESULT_CODE"], CAPTURED);
    // Reused, the tag has the new images.
    let expected = json!({ "SID_RESULT_CODE": -1, "SID_RESULT_TAG": second });
    assert_eq!(captured.said["again"]["map"], expected);
    let [first, stranger, again] =
        ["first", "stranger", "again"].map(|name| captured.capture(name));
    for capture in [&first, &stranger, &again] {
        assert!(capture.selfie().is_some());
        assert_eq!(capture.images.len(), 8);
    }
    assert_ne!(again.images, stranger.images);
    assert_eq!(captured.said["is_shown"], false, "the copies of the earlier images are gone");
}

#[test]
fn a_live_person_is_kept_although_copies_of_earlier_images_cannot_be_removed() {
    let _ = covers!["tag.reuse", "result.SID_RESULT_MESSAGE", "config.unknown"];
    let captured = Captured::get();
    let map = &captured.said["blocked"]["map"];
    assert_eq!((&map["SID_RESULT_CODE"], &map["SID_RESULT_TAG"]), (&json!(-1), &json!("blocked")));
    let message = map["SID_RESULT_MESSAGE"].as_str().unwrap();
    assert!(
        message.contains("no_such_key") && message.contains("could not be removed"),
        "{message}"
    );
    assert!(captured.capture("blocked").selfie().is_some());
}

#[test]
fn the_person_is_told_what_to_do_in_the_configured_words() {
    let _ = covers!["arg.capture.config"];
    let said = Captured::get().said;
    let prompts = said["first"]["prompts"].as_array().unwrap();
    let of = |code: &str| -> Vec<_> { prompts.iter().filter(|p| p["code"] == code).collect() };
    let smiles = of("smile");
    assert!(!smiles.is_empty());
    assert!(smiles.iter().all(|p| p["text"] == "Grin!" && p["state"] == "DoSmile"));
    let idle = of("relax_face");
    assert!(!idle.is_empty() && idle.iter().all(|p| p["text"] == "Relax your face"));
    let unconfigured = said["again"]["prompts"].as_array().unwrap();
    assert!(unconfigured.iter().any(|p| p["text"] == "Smile"));
}

/// Frames of a recording that break off.
struct Broken {
    recording: Recording,
    left: u32,
    with: Option<ErrorKind>,
}

impl Broken {
    fn new(left: u32, with: Option<ErrorKind>) -> Self {
        let recording = Recording::open(fixtures("clips-f1/idle"), 15.0).unwrap();
        Self { recording, left, with }
    }
}

impl FrameSource for Broken {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CameraError> {
        if self.left > 0 {
            self.left -= 1;
            return self.recording.next_frame();
        }
        let error =
            |kind: ErrorKind| CameraError::Read { path: "camera".into(), source: kind.into() };
        self.with.map_or(Ok(None), |kind| Err(error(kind)))
    }
}

/// The message of a capture that failed.
#[track_caller]
fn failed(map: &Map, tag: &str) -> String {
    assert_eq!(map["SID_RESULT_CODE"], Value::from(FAILED));
    assert_eq!(map["SID_RESULT_TAG"], tag);
    assert_eq!(map.len(), 3);
    map["SID_RESULT_MESSAGE"].as_str().unwrap().to_owned()
}

fn capture(legacy: &Legacy, tag: &str, mut frames: Broken) -> Map {
    legacy.capture_selfie(tag, &config(&[]), false, &mut frames, &mut |_| {})
}

#[test]
fn a_capture_that_fails_keeps_nothing_and_leaves_what_was_there() {
    let _ = covers![
        "code.capture.failed",
        "tag.reuse",
        "arg.capture.tag",
        "result.SID_RESULT_MESSAGE",
        "plugin.captureError",
        "error.UNABLE_TO_CAPTURE_SELFIE_FRAME_IMAGE",
        "error.UNABLE_TO_CAPTURE_SELFIE_PREVIEW_IMAGE",
        "error.COULD_NOT_INITIALIZE_CAMERA",
        "error.TAG_NOT_FOUND",
        "error.custom",
    ];
    let place = Place::with(&["first"]);
    let before = place.store.load(&tag("first")).unwrap();
    let legacy = place.builder().engine(engine()).build();
    let message = failed(&capture(&legacy, "first", Broken::new(4, None)), "first");
    assert!(message.starts_with("UNABLE_TO_CAPTURE_SELFIE_FRAME_IMAGE: "), "{message}");
    assert!(message.contains("capture again"), "{message}");
    let broken = Broken::new(2, Some(ErrorKind::BrokenPipe));
    let message = failed(&capture(&legacy, "first", broken), "first");
    assert!(message.starts_with("UNABLE_TO_CAPTURE_SELFIE_PREVIEW_IMAGE: "), "{message}");
    for frames in [Broken::new(0, None), Broken::new(0, Some(ErrorKind::NotFound))] {
        let message = failed(&capture(&legacy, "new", frames), "new");
        assert!(message.starts_with("COULD_NOT_INITIALIZE_CAMERA: "), "{message}");
    }
    assert_eq!(place.store.load(&tag("first")).unwrap(), before);
    assert_eq!(place.store.tags().unwrap().len(), 1);
    // Without an engine, and with a policy that cannot work.
    let without = place.builder().build();
    let message = failed(&capture(&without, "x", Broken::new(1, None)), "x");
    assert!(message.starts_with("COULD_NOT_INITIALIZE_CAMERA: no engine"), "{message}");
    let mut policy = Policy::default();
    policy.encoding.jpeg_quality = 0;
    let odd = place.builder().engine(engine()).policy(policy).build();
    let message = failed(&capture(&odd, "x", Broken::new(1, None)), "x");
    assert!(message.starts_with("custom: "), "{message}");
    // What cannot be a tag is told before anybody is asked to smile.
    let mut prompts = 0;
    let mut frames = Broken::new(4, None);
    let bad = legacy.capture_selfie("a\nb", &config(&[]), true, &mut frames, &mut |_| prompts += 1);
    assert!(failed(&bad, "a\nb").starts_with("TAG_NOT_FOUND: "));
    assert_eq!(prompts, 0);
}

#[test]
fn the_camera_is_asked_for_as_the_call_says() {
    let _ = covers!["arg.capture.autoHandlePermissions", "plugin.permissionError"];
    let place = Place::new();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = asked.clone();
    let legacy = place
        .builder()
        .permission(move |may_ask| {
            notes.lock().unwrap().push(may_ask);
            may_ask
        })
        .build();
    let message = failed(&capture(&legacy, "x", Broken::new(0, None)), "x");
    assert!(message.starts_with("permissionError: "), "{message}");
    // Granted when it is asked for: then only the engine is missing.
    let mut frames = Broken::new(0, None);
    let map = legacy.capture_selfie("x", &config(&[]), true, &mut frames, &mut |_| {});
    assert!(failed(&map, "x").starts_with("COULD_NOT_INITIALIZE_CAMERA: no engine"));
    assert_eq!(*asked.lock().unwrap(), [false, true]);
    // Frames that may not be read say the same.
    let denied = Broken::new(0, Some(ErrorKind::PermissionDenied));
    let legacy = place.builder().engine(engine()).build();
    let message = failed(&capture(&legacy, "x", denied), "x");
    assert!(message.starts_with("permissionError: "), "{message}");
}

#[test]
fn id_cards_and_consent_are_never_pretended() {
    let _ = covers![
        "call.captureIDCard",
        "call.captureSelfieAndIDCard",
        "tag.returned",
        "tag.made",
        "call.showConsent",
        "call.showBVNConsent",
        "code.consent.declined",
        "code.consent.granted",
        "error.ID_CARD_CAPTURE_FAILED",
        "bvn.777",
        "bvn.778",
        "bvn.779",
        "bvn.780",
        "bvn.781",
        "bvn.782",
        "bvn.783",
        "bvn.784",
        "bvn.785",
        "bvn.786",
    ];
    let place = Place::new();
    keep(&place.store, &tag("mine"), &Captured::get().capture("first"));
    let legacy = place.builder().build();
    for map in [legacy.capture_id_card("mine"), legacy.capture_selfie_and_id_card("mine")] {
        assert!(failed(&map, "mine").starts_with("ID_CARD_CAPTURE_FAILED: "));
    }
    let clocked = place.builder().clock(now).build();
    for map in [clocked.capture_id_card(""), clocked.capture_selfie_and_id_card("")] {
        assert!(failed(&map, MADE_TAG).starts_with("ID_CARD_CAPTURE_FAILED: "));
    }
    let message = "there is no consent screen in this engine; show one of the app's own";
    let declined = json!({ "SID_RESULT_CODE": 0, "SID_RESULT_MESSAGE": message });
    assert_eq!(legacy.show_consent(), map(declined));
    let bvn = legacy.show_bvn_consent();
    assert_eq!(bvn["SID_RESULT_CODE"], 0);
    let message = bvn["SID_RESULT_MESSAGE"].as_str().unwrap();
    let codes: Vec<_> = (777..=786).filter(|code| message.contains(&code.to_string())).collect();
    assert_eq!(codes, [779], "{message}");
}
