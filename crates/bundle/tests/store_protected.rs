//! What the store keeps from those who have not its key, and what storage may do to it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;
#[path = "common/older.rs"]
mod older;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::{capture, file_of, files, job, key, names_in, tag};
use liveface_bundle::{
    BundleError, JobStage, KeyFile, KeyProvider as _, Retention, Store, StoreKey, TagState,
};
use liveface_core::{Reason, ShotKind};

/// A capture whose record holds what must not be seen.
fn telling(number: u64) -> liveface_bundle::Capture {
    let mut capture = capture(number);
    capture.record.evidence.similarity_min = Some(0.812_345);
    capture.record.reasons = vec![Reason::FramesEnded];
    capture
}

#[test]
fn a_copied_store_tells_nothing_without_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"), &key()).unwrap();
    store.save(&tag("visit-of-jane"), &telling(1_234)).unwrap();
    store.submission(&tag("visit-of-jane")).unwrap().set_job(&job(JobStage::Uploaded)).unwrap();
    let created = store.tags().unwrap()[0].created.clone().unwrap();
    let markers: Vec<Vec<u8>> = [
        "visit-of-jane",
        "visit",
        "si_selfie",
        "selfie",
        ".jpg",
        "1234005",
        "1234000",
        "1234010",
        "user-0001",
        "job-0001",
        "ORD-9",
        "0000000583",
        "0.812345",
        "812345",
        "face_mesh",
        "JFIF",
        "smart-selfie",
        "frames_ended",
        "live",
        "manifest_sha256",
        "sha256",
        &created[..13],
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([vec![0xff, 0xd8, 0xff, 0xe0], vec![0xff, 0xd8, 0xff, 0xdb]])
    .collect();
    let has = |bytes: &[u8], marker: &[u8]| bytes.windows(marker.len()).any(|part| part == marker);

    // They would be found: in what the store gives back, and in what was kept before.
    let export = directory.path().join("export");
    let exported = store.export_images(&tag("visit-of-jane"), export).unwrap();
    assert!(has(&fs::read(&exported[0]).unwrap(), b"JFIF"));
    let plain = directory.path().join("plain");
    write_older(&plain, "visit-of-jane", 1_234, Some(JobStage::Uploaded));
    let seen = |root: &Path| -> Vec<String> {
        let all = files(root);
        let found = markers.iter().filter(|marker| {
            all.iter().any(|path| {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().as_bytes();
                has(name, marker) || has(&fs::read(path).unwrap(), marker)
            })
        });
        found.map(|marker| String::from_utf8_lossy(marker).into_owned()).collect()
    };
    assert!(seen(&plain).len() > 15, "{:?}", seen(&plain));
    // Three or four bytes may turn up by chance once in some thousand runs: not twice the same way.
    let again = directory.path().join("again");
    let second = Store::open(&again, &key()).unwrap();
    second.save(&tag("visit-of-jane"), &telling(1_234)).unwrap();
    second.submission(&tag("visit-of-jane")).unwrap().set_job(&job(JobStage::Uploaded)).unwrap();
    let both: Vec<_> =
        seen(store.path()).into_iter().filter(|m| seen(&again).contains(m)).collect();
    assert_eq!(both, [] as [String; 0]);
    // The same capture under the same key is another file, in another directory.
    let names = |root: &Path| names_in(root).into_iter().filter(|n| n.starts_with("kept-"));
    assert!(names(store.path()).ne(names(&again)));
    for (one, other) in files(store.path()).iter().zip(files(&again)) {
        assert_ne!(fs::read(one).unwrap(), fs::read(other).unwrap());
    }
}

#[test]
fn without_its_own_key_a_store_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let keys = KeyFile::beside(&path);
    let store = Store::open(&path, &keys).unwrap();
    // Nothing is lost yet: a new key is as good.
    fs::remove_file(keys.path()).unwrap();
    let emptied = Store::open(&path, &keys).unwrap();
    // Whoever has it open with the old key cannot write what nobody could read.
    let refused = store.save(&tag("a"), &capture(1)).unwrap_err();
    assert!(matches!(refused, BundleError::Header { .. }), "{refused}");
    emptied.save(&tag("a"), &capture(1)).unwrap();

    let (kept, aside) = (fs::read(keys.path()).unwrap(), directory.path().join("aside"));
    fs::rename(keys.path(), &aside).unwrap();
    let before: Vec<_> = files(&path).iter().map(|path| fs::read(path).unwrap()).collect();
    let missing = Store::open(&path, &keys).unwrap_err();
    assert!(matches!(missing, BundleError::KeyMissing { .. }), "{missing}");
    let name = keys.path().to_str().unwrap();
    assert!(missing.to_string().contains(name) && !keys.path().exists(), "{missing}");

    let other = KeyFile::new(directory.path().join("other"));
    other.create().unwrap();
    let wrong = Store::open(&path, &other).unwrap_err();
    assert!(matches!(wrong, BundleError::WrongKey { .. }), "{wrong}");
    assert!(wrong.to_string().contains(other.path().to_str().unwrap()), "{wrong}");
    let app = Store::open(&path, &key()).unwrap_err().to_string();
    assert!(app.contains("the app's key"), "{app}");

    let header = path.join("store.header");
    let whole = fs::read(&header).unwrap();
    fs::rename(&aside, keys.path()).unwrap();
    fs::remove_file(&header).unwrap();
    let lost = Store::open(&path, &keys).unwrap_err();
    assert!(matches!(&lost, BundleError::Header { path, .. } if *path == header), "{lost}");
    assert!(!header.exists(), "a lost header is not made anew");
    fs::write(&header, &whole).unwrap();
    assert_eq!(files(&path).iter().map(|p| fs::read(p).unwrap()).collect::<Vec<_>>(), before);
    assert_eq!(fs::read(keys.path()).unwrap(), kept);
    assert_eq!(Store::open(&path, &keys).unwrap().load(&tag("a")).unwrap(), capture(1));
}

/// Keeps `capture(number)` under `name` as version 0.1 did.
fn write_older(root: &Path, name: &str, number: u64, stage: Option<JobStage>) {
    let capture = telling(number);
    let images: Vec<older::Image<'_>> = capture
        .images
        .iter()
        .map(|i| {
            let kind = if i.kind == ShotKind::Selfie { "selfie" } else { "liveness" };
            (i.file_name(), kind, i.index, i.t_ms, i.width, i.height, i.jpeg.as_slice())
        })
        .collect();
    let record = serde_json::to_value(&capture.record).unwrap();
    let job = stage.map(|stage| serde_json::to_value(job(stage)).unwrap());
    let created = format!("2026-01-02T03:04:{:02}.678Z", number % 60);
    older::write(root, name, &created, &images, &record, job.as_ref());
}

#[test]
fn an_older_store_is_encrypted_when_it_is_opened_or_says_why_not() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    write_older(&root, "a", 1, Some(JobStage::Prepared));
    write_older(&root, "b", 2, None);

    // Somebody is at it with the older version.
    let lock = fs::File::open(older::generation(&root, "a").join("job.lock")).unwrap();
    lock.lock().unwrap();
    let store = Store::open(&root, &key()).unwrap();
    let busy = store.load(&tag("a")).unwrap_err();
    let BundleError::Migration { source, .. } = &busy else { panic!("{busy}") };
    assert!(matches!(**source, BundleError::Busy { .. }), "{busy}");
    assert!(busy.to_string().contains("nothing is lost"), "{busy}");
    assert_eq!(store.unencrypted().count(), 1);
    assert!(matches!(store.save(&tag("a"), &capture(1)), Err(BundleError::TagInUse { .. })));
    assert_eq!(store.load(&tag("b")).unwrap(), telling(2), "one hinders no other");
    assert!(older::generation(&root, "a").join("si_selfie_1005.jpg").exists());
    drop(lock);

    // A file that only looks like a tag's directory is nobody's business.
    fs::write(older::directory(&root, "file"), b"mine").unwrap();
    fs::create_dir(root.join("tag-mine")).unwrap();
    let store = Store::open(&root, &key()).unwrap();
    assert_eq!(store.unencrypted().count(), 0);
    assert_eq!(store.load(&tag("a")).unwrap(), telling(1));
    assert_eq!(store.job(&tag("a")).unwrap(), Some(job(JobStage::Prepared)));
    assert_eq!(store.load(&tag("b")).unwrap(), telling(2));
    let mut states: Vec<_> =
        store.tags().unwrap().into_iter().map(|t| (t.tag, t.state, t.created.unwrap())).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        states,
        [
            (tag("a"), TagState::Submitting, "2026-01-02T03:04:01.678Z".to_owned()),
            (tag("b"), TagState::Idle, "2026-01-02T03:04:02.678Z".to_owned()),
        ]
    );
    assert_eq!(fs::read(older::directory(&root, "file")).unwrap(), b"mine");
    assert!(root.join("tag-mine").exists() && !older::directory(&root, "a").exists());

    // An older version, which does not see them, wrote captures under the same tags again: one that
    // is there already, and another.
    write_older(&root, "a", 1, Some(JobStage::Prepared));
    write_older(&root, "b", 3, None);
    let store = Store::open(&root, &key()).unwrap();
    assert_eq!(store.load(&tag("a")).unwrap(), telling(1));
    assert_eq!(store.load(&tag("b")).unwrap(), telling(2), "what is encrypted is not replaced");
    let name = older::directory(&root, "b").file_name().unwrap().to_str().unwrap().to_owned();
    let left: Vec<_> = store.unencrypted().map(|(name, why)| (name, why.to_string())).collect();
    assert_eq!(left.len(), 1);
    assert!(left[0].0 == name && left[0].1.contains("already"), "{left:?}");
    let listed = store.tags().unwrap();
    assert_eq!((&listed[0].tag, listed[0].state), (&tag(&name), TagState::Damaged));
    assert!(matches!(store.load(&tag(&name)), Err(BundleError::Migration { .. })));
    // The tag goes with both; the left one can go alone.
    store.clear(&tag("b")).unwrap();
    assert!(!older::directory(&root, "b").exists() && !store.contains(&tag("b")).unwrap());
    write_older(&root, "a", 4, None);
    let store = Store::open(&root, &key()).unwrap();
    let name = older::directory(&root, "a").file_name().unwrap().to_str().unwrap().to_owned();
    store.clear(&tag(&name)).unwrap();
    assert_eq!(store.unencrypted().count(), 0);
    assert_eq!(store.load(&tag("a")).unwrap(), telling(1));
}

#[test]
fn an_unencrypted_capture_is_seen_and_goes_when_a_save_beside_it_was_cut_short() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let store = Store::open(root, &key()).unwrap();
    store.save(&tag("a"), &capture(1)).unwrap();
    write_older(root, "a", 2, None);
    let store = Store::open(root, &key()).unwrap();
    fs::remove_file(file_of(&store, &tag("a"), "current")).unwrap();
    assert!(matches!(store.load(&tag("a")), Err(BundleError::Migration { .. })));
    store.clear(&tag("a")).unwrap();
    assert_eq!(names_in(root), [".lock", "store.header"]);
}

#[test]
fn directories_that_may_be_somebody_elses_stay() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write_older(root, "whole", 1, None);
    fs::remove_file(older::directory(root, "whole").join("current.json")).unwrap();
    for (name, inside) in [("photos", "mine.jpg"), ("dir", "gen-0123/mine.jpg")] {
        let path = older::directory(root, name).join(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"mine").unwrap();
    }
    let own = [".trash-mine", ".trash-0123456789abcde", ".trash-0123456789ABCDEF"];
    own.iter().for_each(|name| fs::create_dir(root.join(name)).unwrap());
    fs::create_dir(root.join(".trash-0123456789abcdef")).unwrap();
    let store = Store::open(root, &key()).unwrap();
    store.save(&tag("a"), &capture(1)).unwrap();
    assert!(own.iter().all(|name| root.join(name).exists()));
    assert!(!root.join(".trash-0123456789abcdef").exists());
    assert!(older::generation(root, "whole").join("si_selfie_1005.jpg").exists());
    assert!(older::directory(root, "photos").join("mine.jpg").exists());
    // A generation without a manifest is what a killed save left.
    assert!(!older::directory(root, "dir").exists());
    assert_eq!(store.unencrypted().count(), 2);
}

#[test]
fn looking_for_a_store_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none");
    let keys = KeyFile::beside(&path);
    assert!(Store::open_existing(&path, &keys).unwrap().is_none());
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), b"mine").unwrap();
    assert!(Store::open_existing(&path, &keys).unwrap().is_none());
    assert_eq!(
        (names_in(directory.path()), names_in(&path)),
        (vec!["none".to_owned()], vec!["mine".to_owned()])
    );
    Store::open(&path, &keys).unwrap().save(&tag("a"), &capture(1)).unwrap();
    let found = Store::open_existing(&path, &keys).unwrap().unwrap();
    assert_eq!(found.load(&tag("a")).unwrap(), capture(1));
    let older = directory.path().join("older");
    write_older(&older, "a", 1, None);
    assert!(Store::open_existing(&older, &keys).unwrap().is_some());
}

/// Records as the versions of three days wrote them, whatever they are like today.
#[test]
fn records_of_earlier_versions_are_read_and_what_cannot_be_is_encrypted_as_it_is() {
    let shot = serde_json::json!({
        "kind": "selfie", "index": 0, "t_ms": 1005, "challenge": "smile",
        "pose": { "yaw_degrees": 1.5, "pitch_degrees": -2.0, "roll_degrees": 0.25 },
        "smile": 0.75, "eye_openness": 0.5, "similarity": 0.875, "pad_live": 0.9375,
        "quality": { "luminance_mean": { "raw": 0.25, "score": null },
            "under_exposure_prevention": { "raw": 0.5, "score": 50 } },
    });
    let record = |evidence: serde_json::Value, guidance: &str| {
        serde_json::json!({
            "engine_version": "0.1.0", "policy": "smart-selfie", "seed": 18_446_744_073_709_551_615u64,
            "models": { "face_mesh": "00ff" }, "verdict": "live", "reasons": [], "evidence": evidence,
            "shots": [shot], "guidance": [{ "t_ms": 0, "guidance": guidance }],
            "frames": { "seen": 57, "dropped": 3 },
        })
    };
    let first = serde_json::json!({
        "pad_live_median": 0.9375, "pad_live_min": 0.5, "similarity_min": 0.875,
        "restarts": [{ "t_ms": 400, "reason": "cancelled" }],
    });
    let mut hints = first.clone();
    hints["pad_live_selfie"] = 0.75.into();
    hints["pad_attack_images"] = 1.into();
    let mut given_way = hints.clone();
    hints["warnings"] = serde_json::json!([]);
    given_way["warnings"] = serde_json::json!([{ "t_ms": 5200, "guidance": "hold_still" }]);
    let mut findings = hints.clone();
    findings["findings"] = serde_json::json!([]);
    findings["live"] = 0.9375.into();
    findings["challenges"] = serde_json::json!({
        "order": ["smile"], "possible_orders": 1, "left_out": [], "unasked_turns": 0,
        "responses": [{ "challenge": "smile", "asked_ms": 0, "began_ms": 1, "done_ms": null }],
    });

    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let jpeg = [7; 50];
    let write = |name: &str, record: &serde_json::Value, job: Option<&serde_json::Value>| {
        let image = ("si_selfie_1005.jpg".to_owned(), "selfie", 0, 1005, 4, 3, jpeg.as_slice());
        older::write(root, name, "2026-01-02T03:04:05.678Z", &[image], record, job);
    };
    write("first", &record(first, "hold_still"), None);
    write("hints", &record(hints.clone(), "hold_still"), None);
    write("findings", &record(findings, "hold_still"), None);
    // Beyond this version: a warning without its component, a hint that it has not, a job.
    write("given way", &record(given_way, "hold_still"), None);
    write("hint", &record(hints.clone(), "of_another_version"), None);
    write("job", &record(hints, "hold_still"), Some(&serde_json::json!({ "stage": "other" })));
    let store = Store::open(root, &key()).unwrap();
    assert_eq!(store.unencrypted().count(), 0);
    for path in files(root) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(50).any(|part| part == jpeg), "{}", path.display());
    }
    for name in ["first", "hints", "findings"] {
        let record = store.load(&tag(name)).unwrap().record;
        assert_eq!((record.seed, record.frames.seen), (u64::MAX, 57), "{name}");
        assert_eq!(record.shots[0].similarity, Some(0.875));
        assert_eq!(record.evidence.similarity_min, Some(0.875));
        assert_eq!(record.evidence.pad_attack_images, u32::from(name != "first"));
        assert_eq!(record.evidence.challenges.responses.len(), usize::from(name == "findings"));
    }
    for name in ["given way", "hint"] {
        assert!(matches!(store.load(&tag(name)), Err(BundleError::Damaged { .. })), "{name}");
    }
    assert_eq!(*store.load(&tag("job")).unwrap().images[0].jpeg, jpeg);
    assert!(matches!(store.job(&tag("job")), Err(BundleError::Damaged { .. })));
    let damaged = store.tags().unwrap().into_iter().filter(|tag| tag.state == TagState::Damaged);
    assert_eq!(damaged.count(), 3);
}

#[test]
fn damaged_captures_of_an_older_store_are_listed_and_go_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (number, (name, file)) in [
        ("Pointer", ""),
        ("manifest", "manifest.json"),
        ("image", "si_selfie_2005.jpg"),
        ("job", "job.json"),
    ]
    .into_iter()
    .enumerate()
    {
        write_older(root, name, number as u64, Some(JobStage::Final));
        let path = older::generation(root, name).join(file);
        let pointer = older::directory(root, name).join("current.json");
        fs::write(if file.is_empty() { &pointer } else { &path }, b"{").unwrap();
    }
    write_older(root, "good", 9, None);
    let store = Store::open(root, &key()).unwrap();
    let tags = store.tags().unwrap();
    assert_eq!(tags.len(), 5);
    assert_eq!(tags[4].tag, tag("good"));
    for (index, listed) in tags[..4].iter().enumerate() {
        assert_eq!(listed.state, TagState::Damaged);
        if listed.tag == tag("job") {
            // Its pictures could be encrypted all the same.
            assert!(!older::directory(root, "job").exists());
            assert!(matches!(store.job(&listed.tag), Err(BundleError::Damaged { .. })));
        } else {
            assert!(root.join(listed.tag.as_str()).is_dir());
            assert!(matches!(store.load(&listed.tag), Err(BundleError::Damaged { .. })));
        }
        if index % 2 == 0 {
            store.clear(&listed.tag).unwrap();
        }
    }
    let left = store.tags().unwrap();
    assert_eq!(left.len(), 3);
    let limits = Retention { max_age: None, max_count: Some(0) };
    assert_eq!(store.retain(&limits, SystemTime::now()).unwrap(), [tag("good")]);
    // Nobody knows when they were taken, but when they were written.
    let limits = Retention { max_age: Some(Duration::from_secs(60)), max_count: None };
    assert!(store.retain(&limits, SystemTime::now()).unwrap().is_empty());
    for name in ["Pointer", "manifest", "image", "job"] {
        let was_there = left.iter().any(|listed| {
            [
                tag(name).as_str(),
                older::directory(root, name).file_name().unwrap().to_str().unwrap(),
            ]
            .contains(&listed.tag.as_str())
        });
        assert_eq!(store.contains(&tag(name)).unwrap(), was_there, "{name}");
        assert_eq!(store.clear(&tag(name)).is_ok(), was_there, "{name}");
    }
    assert_eq!(names_in(root), [".lock", "store.header"]);
}

#[test]
fn captures_are_kept_as_long_and_as_many_as_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &key()).unwrap();
    for name in ["1", "2", "3", "4", "5", "6"] {
        store.save(&tag(name), &capture(1)).unwrap();
    }
    for name in ["4", "5"] {
        store.submission(&tag(name)).unwrap().set_job(&job(JobStage::Final)).unwrap();
    }
    let now = SystemTime::now();
    let retain = |max_age: Option<u64>, max_count, now| {
        let max_age = max_age.map(Duration::from_secs);
        let removed = store.retain(&Retention { max_age, max_count }, now).unwrap();
        removed.iter().map(|tag| tag.as_str().to_owned()).collect::<Vec<_>>()
    };
    let none = [] as [&str; 0];
    assert_eq!(retain(None, None, now), none);
    assert_eq!(retain(Some(60), Some(6), now), none);
    // A clock that was set back: all is newer than now, and what is over the count goes by the
    // order in which it was saved.
    assert_eq!(retain(Some(0), None, now - Duration::from_secs(3600)), none);
    assert_eq!(retain(None, Some(5), now - Duration::from_secs(3600)), ["4"]);
    assert_eq!(retain(None, Some(3), now), ["5", "1"]);
    // What is submitted at this moment stays, and counts.
    let held = store.submission(&tag("2")).unwrap();
    assert_eq!(retain(None, Some(2), now), ["3"]);
    let later = now + Duration::from_secs(3600);
    assert_eq!(retain(Some(7200), None, later), none);
    assert_eq!(retain(Some(60), None, later), ["6"]);
    held.set_job(&job(JobStage::Prepared)).unwrap();
    drop(held);
    fs::write(file_of(&store, &tag("2"), "job"), b"").unwrap();
    assert_eq!(retain(Some(7200), Some(0), later), none, "nobody knows what is damaged");
    assert_eq!(store.tags().unwrap().len(), 1);
    // But when it was written.
    assert_eq!(retain(Some(60), None, later), ["2"]);
    assert_eq!(names_in(store.path()), [".lock", "store.header"]);
}

#[test]
fn the_order_of_captures_is_not_the_clocks() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    // Saved when the clock was years ahead.
    write_older(root, "first", 1, None);
    let manifest = older::generation(root, "first").join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("2026-01-02", "2066-01-02");
    fs::write(&manifest, &text).unwrap();
    let pointer = older::directory(root, "first").join("current.json");
    let mut named: serde_json::Value =
        serde_json::from_slice(&fs::read(&pointer).unwrap()).unwrap();
    use sha2::Digest as _;
    let sha256 = liveface_bundle::hex(&sha2::Sha256::digest(&text));
    named["manifest_sha256"] = sha256.into();
    fs::write(&pointer, serde_json::to_vec(&named).unwrap()).unwrap();
    let store = Store::open(root, &key()).unwrap();
    store.save(&tag("second"), &capture(2)).unwrap();
    let tags = store.tags().unwrap();
    assert_eq!((&tags[0].tag, &tags[1].tag), (&tag("first"), &tag("second")));
    assert!(tags[0].created > tags[1].created);
    // It is as old as what was saved after it.
    let hour = Retention { max_age: Some(Duration::from_secs(3600)), max_count: None };
    assert!(store.retain(&hour, SystemTime::now()).unwrap().is_empty());
    let later = SystemTime::now() + Duration::from_secs(7200);
    store.save(&tag("third"), &capture(3)).unwrap();
    let held = store.submission(&tag("third")).unwrap();
    assert_eq!(store.retain(&hour, later).unwrap(), [tag("first"), tag("second")]);
    drop(held);
    write_older(root, "first", 1, None);
    let store = Store::open(root, &key()).unwrap();
    let one = Retention { max_age: None, max_count: Some(1) };
    assert_eq!(store.retain(&one, SystemTime::now()).unwrap(), [tag("third")]);
}

/// A file system that is mounted as long as this lives; `None` where that is not possible.
struct Mounted(PathBuf);

impl Mounted {
    fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            let done = Command::new("mount").args(arguments).arg(at).output();
            done.is_ok_and(|output| output.status.success())
        };
        fs::create_dir_all(at).unwrap();
        if cfg!(target_os = "linux") && mount(arguments) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("NOT TRIED: `mount {arguments:?}` needs Linux and root");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let size = ["-t", "tmpfs", "-o", "size=200k", "liveface-test"];
    let Some(disk) = Mounted::new(&size, &directory.path().join("disk")) else { return };
    let root = disk.0.join("store");
    let keys = KeyFile::new(directory.path().join("key"));
    let full = |error: BundleError| match &error {
        BundleError::Io { source, .. } => {
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{error}");
            assert!(error.to_string().contains("No space left"), "{error}");
        }
        _ => panic!("{error}"),
    };

    // From full to empty, page by page: whatever step the space runs out at.
    let filler = disk.0.join("filler");
    let (mut failed_to_open, mut failed_to_save, mut failed_to_note) = (0, 0, 0);
    let mut saved = 0;
    let mut last = None;
    for pages in (0..51).rev() {
        let _ = fs::remove_file(&filler);
        let mut left = pages * 4096;
        while fs::write(&filler, vec![1; left]).is_err() {
            left -= 4096;
        }
        let store = match Store::open(&root, &keys) {
            Ok(store) => store,
            Err(error) => {
                full(error);
                failed_to_open += 1;
                continue;
            }
        };
        match store.replace(&tag("a"), &capture(pages as u64)) {
            Ok(()) => {
                last = Some(pages as u64);
                saved += 1;
                let noted = store.submission(&tag("a"));
                if let Err(error) = noted.and_then(|s| s.set_job(&job(JobStage::Prepared))) {
                    full(error);
                    failed_to_note += 1;
                }
            }
            Err(error) => {
                full(error);
                failed_to_save += 1;
            }
        }
        match last {
            Some(last) => assert_eq!(store.load(&tag("a")).unwrap(), capture(last)),
            None => assert!(store.tags().unwrap().is_empty()),
        }
        store
            .job(&tag("a"))
            .map(drop)
            .or_else(|error| match error {
                BundleError::NoSuchTag { .. } => Ok(()),
                other => Err(other),
            })
            .unwrap();
    }
    eprintln!("no room: open {failed_to_open}, save {failed_to_save}, note {failed_to_note}");
    assert!(failed_to_open > 0 && failed_to_save > 3 && saved > 10);

    // An older store that cannot be encrypted for want of space, and later can.
    fs::remove_dir_all(&root).unwrap();
    fs::remove_file(&filler).unwrap();
    write_older(&root, "a", 1, None);
    write_older(&root, "b", 2, None);
    write_older(&root, "c", 3, None);
    let mut left = 50 * 4096;
    while fs::write(&filler, vec![1; left]).is_err() {
        left -= 4096;
    }
    let store = Store::open(&root, &keys).unwrap();
    assert_eq!(store.tags().unwrap().len(), 3);
    for refused in
        [store.load(&tag("a")).unwrap_err(), store.save(&tag("d"), &capture(1)).unwrap_err()]
    {
        assert!(matches!(&refused, BundleError::Migration { .. }), "{refused}");
        assert!(refused.to_string().contains("No space left"), "{refused}");
    }
    // Room can be made.
    store.clear(&tag("c")).unwrap();
    assert!(!older::directory(&root, "c").exists());
    fs::remove_file(&filler).unwrap();
    assert!(matches!(store.load(&tag("a")), Err(BundleError::Migration { .. })));
    let store = Store::open(&root, &keys).unwrap();
    for (name, number) in [("a", 1), ("b", 2)] {
        assert_eq!(store.load(&tag(name)).unwrap(), telling(number));
    }
}

#[test]
fn read_only_storage_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (root, older_root) = (directory.path().join("store"), directory.path().join("older"));
    let keys = KeyFile::new(directory.path().join("key"));
    let store = Store::open(&root, &keys).unwrap();
    store.save(&tag("a"), &capture(1)).unwrap();
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    write_older(&older_root, "a", 1, None);
    let at = directory.path().join("mounted");
    let bound = Mounted::new(&["--bind", "-o", "ro", directory.path().to_str().unwrap()], &at);
    let Some(mounted) = bound else { return };
    let read_only = mounted.0.join("store");
    assert!(fs::write(read_only.join("x"), b"").is_err(), "not mounted read-only");

    let store = Store::open(&read_only, &keys).unwrap();
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));
    assert_eq!(store.job(&tag("a")).unwrap(), Some(job(JobStage::Prepared)));
    assert_eq!(store.tags().unwrap().len(), 1);
    assert_eq!(store.image_names(&tag("a")).unwrap().len(), 3);
    store.export_images(&tag("a"), directory.path().join("out")).unwrap();
    for refused in [
        store.save(&tag("b"), &capture(2)),
        store.replace(&tag("a"), &capture(2)),
        store.clear(&tag("a")),
        store.submission(&tag("a")).and_then(|s| s.set_job(&job(JobStage::Final))),
    ] {
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("Read-only file system"), "{said}");
    }
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));
    let older = Store::open(mounted.0.join("older"), &keys).unwrap();
    assert_eq!(older.tags().unwrap().len(), 1);
    let older = older.load(&tag("a")).unwrap_err();
    assert!(matches!(&older, BundleError::Migration { .. }), "{older}");
    assert!(older.to_string().contains("Read-only file system"), "{older}");
    let missing = Store::open(mounted.0.join("none"), &keys).unwrap_err();
    assert!(missing.to_string().contains("Read-only file system"), "{missing}");
}

/// The same by permissions, which hold for everybody but root.
#[cfg(unix)]
#[test]
fn a_store_that_must_not_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store"), &key()).unwrap();
    store.save(&tag("a"), &capture(1)).unwrap();
    let set = |writable: bool| {
        for path in files(store.path()).into_iter().chain([store.path().join(".lock")]) {
            let mode = if writable { 0o600 } else { 0o400 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mode = if writable { 0o700 } else { 0o500 };
        fs::set_permissions(store.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    set(false);
    if fs::write(store.path().join("x"), b"").is_ok() {
        eprintln!("NOT TRIED: permissions do not hold for root");
        return;
    }
    let read = Store::open(store.path(), &key()).and_then(|store| store.load(&tag("a")));
    let refused = store.save(&tag("b"), &capture(1));
    set(true);
    assert_eq!(read.unwrap(), capture(1));
    assert!(refused.unwrap_err().to_string().contains("Permission denied"));
}

#[test]
fn two_keys_for_one_new_store_are_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    std::thread::scope(|scope| {
        let open = || Store::open(&path, &KeyFile::beside(&path)).unwrap();
        let all: Vec<_> = (0..8u64)
            .map(|number| {
                scope.spawn(move || open().save(&tag(&number.to_string()), &capture(number)))
            })
            .collect();
        all.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    let store = Store::open(&path, &KeyFile::beside(&path)).unwrap();
    assert_eq!(store.tags().unwrap().len(), 8);
    for number in 0..8 {
        assert_eq!(store.load(&tag(&number.to_string())).unwrap(), capture(number));
    }
    assert!(Store::open(&path, &StoreKey::from_bytes([0; 32])).is_err());
}
