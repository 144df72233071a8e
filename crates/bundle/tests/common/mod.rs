//! Captures for tests: real frames, really encoded.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part of this"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use liveface_bundle::record::{IntegrityRecord, KeySigner};
use liveface_bundle::{Capture, CapturedImage, JobStage, JobState, Store, StoreKey, Tag, encode};
use liveface_core::{
    CaptureRecord, EvidenceKind, Finding, Frame, FrameCounts, Reason, Restart, ShotKind, Timestamp,
    Verdict,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// A capture of two liveness images and a selfie whose pictures and record tell `number`.
pub fn capture(number: u64) -> Capture {
    Capture {
        images: vec![
            image(number, ShotKind::Liveness, 0),
            image(number, ShotKind::Liveness, 1),
            image(number, ShotKind::Selfie, 0),
        ],
        record: CaptureRecord {
            engine_version: "0.1.0".to_owned(),
            policy: "smart-selfie".to_owned(),
            policy_sha256: None,
            seed: number,
            models: BTreeMap::from([("face_mesh".to_owned(), "00ff".repeat(16))]),
            verdict: Verdict::Live,
            reasons: vec![],
            evidence: Default::default(),
            shots: vec![],
            guidance: vec![],
            frames: Default::default(),
        },
    }
}

fn image(number: u64, kind: ShotKind, index: u32) -> CapturedImage {
    let shade = (number * 31 % 200) as u8;
    let pixels: Vec<u8> = (0..48 * 64).flat_map(|i| [shade, (i % 256) as u8, 90]).collect();
    let t_ms = number * 1000 + u64::from(index) * 10 + 5 * u64::from(kind == ShotKind::Selfie);
    let frame = Frame::rgb(48, 64, &pixels, Timestamp::from_millis(t_ms)).unwrap();
    encode(&frame, kind, index, 32, 80).unwrap()
}

/// A job at `stage`.
pub fn job(stage: JobStage) -> JobState {
    JobState {
        job_type: 4,
        user_id: "user-0001".to_owned(),
        job_id: "job-0001".to_owned(),
        partner_id: "2345".to_owned(),
        environment: "sandbox".to_owned(),
        base_url: "http://127.0.0.1:1".to_owned(),
        callback_url: Some("https://partner.example/cb".to_owned()),
        partner_params: BTreeMap::from([("order".to_owned(), "ORD-9".to_owned())]),
        allow_re_enroll: false,
        use_enrolled_image: true,
        id_info: BTreeMap::new(),
        protocol: Default::default(),
        user_details: BTreeMap::new(),
        consent: None,
        sandbox_result: None,
        metadata: vec![serde_json::json!({"name": "geolocation", "value": 1.5})],
        created: "2026-01-02T03:04:05.678Z".to_owned(),
        attempts: 1,
        stage,
        ref_id: None,
        smile_job_id: Some("0000000583".to_owned()),
        last_status: Some("{ \"job_complete\": false }".to_owned()),
        unverified: false,
    }
}

pub fn tag(name: &str) -> Tag {
    Tag::new(name).unwrap()
}

/// The key of every test's store.
pub fn key() -> StoreKey {
    StoreKey::from_bytes([7; 32])
}

/// The names in a folder, in order.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below `directory` but locks.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in names_in(directory) {
        let path = directory.join(&name);
        if path.is_dir() {
            found.extend(files(&path));
        } else if !name.ends_with("lock") {
            found.push(path);
        }
    }
    found
}

/// The file of that name under `tag`. Directories have keyed names: that of a second store, with the
/// same header and this tag alone, is found out and looked up.
pub fn file_of(store: &Store, tag: &Tag, name: &str) -> PathBuf {
    let other = tempfile::tempdir().unwrap();
    for file in [".lock", "store.header"] {
        fs::copy(store.path().join(file), other.path().join(file)).unwrap();
    }
    let only = Store::open(other.path(), &key()).unwrap();
    only.save(tag, &Capture { images: vec![], ..capture(0) }).unwrap();
    let own = names_in(other.path()).into_iter().find(|name| name.starts_with("kept-")).unwrap();
    let directory = store.path().join(own);
    if name == "current" {
        return directory.join(name);
    }
    let generation = names_in(&directory).into_iter().find(|name| name.starts_with("gen-"));
    directory.join(generation.unwrap()).join(name)
}

/// The key of the record's vectors: the first of RFC 8032, 7.1.
pub fn vector_signer() -> KeySigner {
    let digits = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let byte = |at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
    KeySigner::from_bytes(&Zeroizing::new(std::array::from_fn(byte)))
}

/// The capture of the record's vectors. Its pictures are no pictures: a record does not look at them.
pub fn vector_capture() -> Capture {
    let image = |kind, index, t_ms, text: &str| CapturedImage {
        kind,
        index,
        t_ms,
        width: 480,
        height: 640,
        jpeg: text.as_bytes().to_vec().into(),
    };
    let mut capture = capture(1);
    capture.images = vec![
        image(ShotKind::Liveness, 0, 1000, "the first liveness image"),
        image(ShotKind::Liveness, 1, 1400, "the second liveness image"),
        image(ShotKind::Selfie, 0, 1800, "the selfie"),
    ];
    let record = &mut capture.record;
    record.policy_sha256 = Some("5a".repeat(32));
    // Beyond what a floating-point number has.
    record.seed = u64::MAX;
    record.verdict = Verdict::Retry;
    record.reasons = vec![Reason::Cancelled];
    record.frames = FrameCounts { seen: 57, dropped: 3 };
    record.evidence.live = Some(0.93);
    record.evidence.findings = EvidenceKind::ALL.iter().copied().map(Finding::unseen).collect();
    record.evidence.findings[0].score = Some(0.875);
    record.evidence.findings[1] = Finding {
        evidence: EvidenceKind::Shape,
        score: Some(0.0),
        reason: Some(Reason::Cancelled),
    };
    for model in ["detector", "pad", "embedding"] {
        record.models.insert(model.to_owned(), "c4".repeat(32));
    }
    record.evidence.restarts = vec![Restart { t_ms: 400, reason: Reason::Cancelled }];
    capture
}

/// The record of `capture` as the vectors have it: made at a fixed time.
pub fn vector_record(capture: &Capture) -> IntegrityRecord {
    let device = [("model", "Kiosk 7"), ("place", "N\u{e4}he \u{1f4f7} \"1\"")];
    let device = device.map(|(key, fact)| (key.to_owned(), fact.to_owned()));
    let mut record = IntegrityRecord::of(capture, &BTreeMap::from(device));
    record.created = "2026-01-02T03:04:05.678Z".to_owned();
    record
}

/// The file `name` of the record's vectors.
pub fn vector(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

/// Values that neither the reader of records nor their schema takes, and where in the vectors' record.
pub fn refused_values() -> Vec<(&'static str, Value)> {
    vec![
        ("/created", json!("2026-01-02")),
        ("/created", json!("2026-01-02T03:04:05Z")),
        ("/created", json!("2026-01-02t03:04:05.678z")),
        ("/created", json!("2026-13-02T03:04:05.678Z")),
        ("/engine_version", json!("")),
        ("/engine_version", json!("0.1.0 beta")),
        ("/policy/name", json!("n".repeat(65))),
        ("/policy/sha256", json!("5A".repeat(32))),
        ("/policy/sha256", json!("5a")),
        ("/seed", json!(1)),
        ("/seed", json!("01")),
        ("/seed", json!("+1")),
        ("/seed", json!("18446744073709551616")),
        ("/models/face_mesh", json!("")),
        ("/verdict", json!("alive")),
        ("/reasons/0", json!("Free text")),
        ("/reasons", json!(vec!["cancelled"; 33])),
        ("/evidence/live", json!(1.1)),
        ("/evidence/live", json!("0.5")),
        ("/evidence/findings/0/score", json!(-0.1)),
        ("/evidence/findings/0/score", json!(1e300)),
        ("/evidence/findings/0/evidence", json!("")),
        ("/frames/seen", json!(-1)),
        ("/frames/seen", json!(1_u64 << 53)),
        ("/frames/dropped", json!(1.5)),
        ("/restarts", json!(null)),
        ("/images/0/t_ms", json!(1_u64 << 53)),
        ("/images/0/index", json!(1_u64 << 32)),
        ("/images/0/file", json!("../selfie.jpg")),
        ("/images/0/file", json!("..")),
        ("/images/0/file", json!("")),
        ("/images/0/file", json!("x".repeat(101))),
        ("/images/0/kind", json!("id_card")),
        ("/images/0/sha256", json!("zz".repeat(32))),
        ("/device/model", json!("x".repeat(201))),
        ("/device/model", json!("two\nlines")),
        ("/device/model", json!(7)),
        ("/format", json!("other")),
        ("/created", json!("2026-99-99T99:99:99.999Z")),
        ("/created", json!("2026-02-30T03:04:05.678Z")),
        ("/created", json!("2026-04-31T03:04:05.678Z")),
        ("/created", json!("2026-00-02T03:04:05.678Z")),
        ("/created", json!("2026-01-00T03:04:05.678Z")),
        ("/created", json!("2026-01-02T24:04:05.678Z")),
        ("/created", json!("2026-01-02T03:60:05.678Z")),
        ("/created", json!("2026-01-02T03:04:60.678Z")),
        ("/created", json!("2026-01-02T03:04:05.678Z\n")),
        ("/engine_version", json!("0.1.0\n")),
        ("/seed", json!("")),
        ("/seed", json!("-1")),
        ("/seed", json!("18446744073709551620")),
        ("/seed", json!("99999999999999999999")),
        ("/images/0/file", json!(".")),
        ("/images/0/file", json!("...")),
        ("/images/0/file", json!("a\u{7f}.jpg")),
        ("/images/0/file", json!("a\u{85}.jpg")),
        ("/images/0/file", json!("a.jpg\n")),
        ("/images/0/file", json!("C:a.jpg")),
        ("/images/0/file", json!("a\\b.jpg")),
        ("/images/0/width", json!(1_u64 << 32)),
        ("/device/model", json!("a\u{7f}")),
        ("/device/model", json!("a\u{9f}")),
    ]
}

/// Values that only the reader refuses: a schema cannot say what is wrong with them.
pub fn refused_by_meaning() -> Vec<(&'static str, Value)> {
    vec![
        ("/images/0/file", json!("SI_LIVENESS_1000.JPG")),
        ("/images/0/file", json!("si_liveness_1000.jpg")),
        ("/created", json!("2026-02-29T03:04:05.678Z")),
        ("/created", json!("9999-12-31T23:59:59.999Z")),
    ]
}

/// Values that look odd and are good.
pub fn odd_values() -> Vec<(&'static str, Value)> {
    vec![
        ("/created", json!("2024-02-29T23:59:59.999Z")),
        ("/created", json!("0001-12-31T00:00:00.000Z")),
        ("/engine_version", json!("0.1.0-beta.1+x_y")),
        ("/policy/name", json!("")),
        ("/policy/name", json!("\u{1f4f7}".repeat(64))),
        ("/seed", json!("0")),
        ("/seed", json!("9999999999999999999")),
        ("/seed", json!("10000000000000000000")),
        ("/seed", json!("18446744073709551614")),
        ("/images/0/file", json!(".a.")),
        ("/images/0/file", json!("\u{1f4f7}".repeat(100))),
        ("/images/0/file", json!(" \u{a0}")),
        ("/device/model", json!("")),
        ("/device/model", json!("\u{1f4f7}".repeat(200))),
    ]
}
