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

use liveface_bundle::{Capture, CapturedImage, JobStage, JobState, Store, StoreKey, Tag, encode};
use liveface_core::{CaptureRecord, Frame, ShotKind, Timestamp, Verdict};

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
            seed: number,
            models: BTreeMap::from([("face_mesh".to_owned(), "00ff".to_owned())]),
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
