//! What the store promises to whoever keeps captures in it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::fs;
use std::path::Path;

use common::{capture, file_of, files, job, key, names_in, tag};
use liveface_bundle::{BundleError, JobStage, Store, Tag, TagState};
use proptest::prelude::*;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("a/b"), &key()).unwrap();
    (directory, store)
}

#[test]
fn what_is_saved_is_loaded_the_same() {
    let (_directory, store) = store();
    store.save(&tag("visit 7"), &capture(1)).unwrap();
    let again = Store::open(store.path(), &key()).unwrap();
    assert_eq!(again.load(&tag("visit 7")).unwrap(), capture(1));

    let names = ["si_selfie_1005.jpg", "si_liveness_1000.jpg", "si_liveness_1010.jpg"];
    assert_eq!(again.image_names(&tag("visit 7")).unwrap(), names);
}

#[test]
fn images_are_exported_for_their_owner_in_the_place_of_an_earlier_export() {
    let (directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    let out = directory.path().join("out/here");
    let names = ["si_selfie_1005.jpg", "si_liveness_1000.jpg", "si_liveness_1010.jpg"];
    for _ in 0..2 {
        let files = store.export_images(&tag("a"), &out).unwrap();
        assert_eq!(files, names.map(|name| out.join(name)));
        for (file, image) in files.iter().zip(capture(1).upload_order()) {
            assert_eq!(fs::read(file).unwrap(), *image.jpeg);
        }
        #[cfg(unix)]
        for (path, mode) in [(&out, 0o700), (&files[0], 0o600)] {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }
    fs::write(out.join("si_selfie_mine.jpg"), b"mine").unwrap();
    store.save(&tag("b"), &capture(2)).unwrap();
    // Also with the same names as another's.
    store
        .save(&tag("twin"), &{
            let mut twin = capture(1);
            twin.images[0].jpeg[30] ^= 1;
            twin
        })
        .unwrap();
    let before = names_in(&out);
    for other in ["b", "twin"] {
        let refused = store.export_images(&tag(other), &out).unwrap_err();
        assert!(matches!(refused, BundleError::Export { .. }), "{refused}");
    }
    assert_eq!(names_in(&out), before);
    store.replace_exported_images(&tag("twin"), &out).unwrap();
    store.replace_exported_images(&tag("b"), &out).unwrap();
    assert_eq!(
        names_in(&out),
        [
            "si_liveness_2000.jpg",
            "si_liveness_2010.jpg",
            "si_selfie_2005.jpg",
            "si_selfie_mine.jpg"
        ]
    );

    assert!(matches!(store.export_images(&tag("c"), &out), Err(BundleError::NoSuchTag { .. })));
    for inside in [store.path().to_owned(), store.path().join("x/y")] {
        let refused = store.export_images(&tag("a"), &inside);
        assert!(matches!(refused, Err(BundleError::Export { .. })));
        assert!(!store.path().join("x").exists());
    }
}

#[test]
fn a_tag_in_use_is_replaced_only_on_purpose() {
    let (_directory, store) = store();
    assert!(!store.contains(&tag("a")).unwrap());
    store.save(&tag("a"), &capture(1)).unwrap();
    assert!(store.contains(&tag("a")).unwrap());
    let refused = store.save(&tag("a"), &capture(2)).unwrap_err();
    assert!(matches!(&refused, BundleError::TagInUse { tag: used } if *used == tag("a")));
    assert!(refused.to_string().contains("replace it on purpose"));
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));
    store.replace(&tag("a"), &capture(2)).unwrap();
    assert_eq!(store.load(&tag("a")).unwrap(), capture(2));
    store.replace(&tag("b"), &capture(3)).unwrap();

    // A damaged one is in use too: nobody said that it may go.
    fs::write(file_of(&store, &tag("a"), "current"), b"").unwrap();
    assert!(store.contains(&tag("a")).unwrap());
    assert!(matches!(store.save(&tag("a"), &capture(1)), Err(BundleError::TagInUse { .. })));
    store.clear(&tag("a")).unwrap();
    store.save(&tag("a"), &capture(4)).unwrap();
}

#[test]
fn using_a_tag_again_replaces_capture_and_job() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Final)).unwrap();
    store.replace(&tag("a"), &capture(2)).unwrap();
    assert_eq!(store.load(&tag("a")).unwrap(), capture(2));
    assert_eq!(store.job(&tag("a")).unwrap(), None);
    assert_eq!(store.tags().unwrap().len(), 1);
}

#[test]
fn lists_tell_how_far_each_capture_is() {
    let (_directory, store) = store();
    for (name, stage) in [
        ("idle", None),
        ("prepared", Some(JobStage::Prepared)),
        ("uploaded", Some(JobStage::Uploaded)),
        ("final", Some(JobStage::Final)),
    ] {
        store.save(&tag(name), &capture(1)).unwrap();
        if let Some(stage) = stage {
            store.submission(&tag(name)).unwrap().set_job(&job(stage)).unwrap();
            assert_eq!(store.job(&tag(name)).unwrap(), Some(job(stage)));
        }
    }
    let listed: Vec<_> = store.tags().unwrap();
    let mut states: Vec<_> = listed.iter().map(|t| (t.tag.as_str(), t.images, t.state)).collect();
    states.sort_by_key(|(name, ..)| *name);
    assert_eq!(
        states,
        [
            ("final", 3, TagState::Submitted),
            ("idle", 3, TagState::Idle),
            ("prepared", 3, TagState::Submitting),
            ("uploaded", 3, TagState::Submitting),
        ]
    );
    assert!(listed.is_sorted_by_key(|t| &t.created));
    assert_eq!(store.idle_tags().unwrap(), [tag("idle")]);
    for name in ["idle", "prepared", "uploaded"] {
        assert!(!store.clear_if_submitted(&tag(name)).unwrap(), "{name}");
    }
    assert_eq!(store.clear_submitted().unwrap(), 1);
    assert_eq!(store.clear_submitted().unwrap(), 0);
    store.save(&tag("final"), &capture(1)).unwrap();
    store.submission(&tag("final")).unwrap().set_job(&job(JobStage::Final)).unwrap();
    assert!(store.clear_if_submitted(&tag("final")).unwrap());
    let gone = store.clear_if_submitted(&tag("final"));
    assert!(matches!(gone, Err(BundleError::NoSuchTag { .. })));
    assert_eq!(store.tags().unwrap().len(), 3);
}

#[test]
fn a_cleared_tag_is_gone_from_the_disk() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    store.clear(&tag("a")).unwrap();
    assert!(matches!(store.load(&tag("a")), Err(BundleError::NoSuchTag { .. })));
    assert!(matches!(store.clear(&tag("a")), Err(BundleError::NoSuchTag { .. })));
    assert_eq!(names_in(store.path()), [".lock", "store.header"]);
}

#[test]
fn a_changed_bit_anywhere_is_found_and_its_file_named() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    let kept = files(store.path());
    assert_eq!(kept.len(), 7, "{kept:?}");
    let reads = |name: &str| match name {
        "job" => store.job(&tag("a")).map(drop),
        _ => store.load(&tag("a")).map(drop),
    };
    let names = |error: BundleError, path: &Path| match error {
        BundleError::Damaged { path: named, .. } | BundleError::Header { path: named, .. } => {
            assert_eq!(named, path);
        }
        other => panic!("{}: {other}", path.display()),
    };
    for path in kept {
        let whole = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        // Every bit of the first bytes, the file's header among them, and of the last; of the rest,
        // a sample.
        let near_an_end = |byte: usize| byte < 48 || byte + 20 > whole.len();
        for bit in 0..whole.len() * 8 {
            if !near_an_end(bit / 8) && bit % 61 != 0 && name != "store.header" {
                continue;
            }
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &changed).unwrap();
            names(reads(name).unwrap_err(), &path);
        }
        for length in (0..whole.len()).filter(|l| near_an_end(*l) || l % 61 == 0) {
            fs::write(&path, &whole[..length]).unwrap();
            names(reads(name).unwrap_err(), &path);
        }
        fs::write(&path, [whole.as_slice(), b"\n"].concat()).unwrap();
        names(reads(name).unwrap_err(), &path);
        fs::remove_file(&path).unwrap();
        match name {
            "current" => assert!(matches!(reads(name), Err(BundleError::NoSuchTag { .. }))),
            _ => names(reads(name).unwrap_err(), &path),
        }
        // A file without end, or that waits.
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        names(reads(name).unwrap_err(), &path);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        names(reads(name).unwrap_err(), &path);
        fs::remove_dir(&path).unwrap();
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));
    assert_eq!(store.job(&tag("a")).unwrap(), Some(job(JobStage::Prepared)));
}

#[test]
fn a_file_that_was_put_in_the_place_of_another_is_found() {
    let (directory, store) = store();
    let twin = Store::open(directory.path().join("twin"), &key()).unwrap();
    for (store, name) in [(&store, "a"), (&store, "b"), (&twin, "a")] {
        store.save(&tag(name), &capture(1)).unwrap();
        store.submission(&tag(name)).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    }
    let place = |name: &str| file_of(&store, &tag(name), "current").parent().unwrap().to_owned();
    let read = |path: std::path::PathBuf| fs::read(path).unwrap();
    // Everything that was ever written: an earlier generation, another tag, a store with the same
    // key, and of course the other files of the capture.
    let mut others: Vec<_> = files(&place("a")).into_iter().map(read).collect();
    store.replace(&tag("a"), &capture(1)).unwrap();
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    for folder in [store.path(), twin.path()] {
        others.extend(files(folder).into_iter().map(read));
    }
    let own = files(&place("a"));
    assert_eq!((own.len(), others.len()), (6, 6 + 13 + 7));
    for path in &own {
        let whole = fs::read(path).unwrap();
        for other in others.iter().filter(|other| **other != whole) {
            fs::write(path, other).unwrap();
            let read = store.load(&tag("a")).map(drop).and(store.job(&tag("a")).map(drop));
            assert!(matches!(read, Err(BundleError::Damaged { .. })), "{}", path.display());
        }
        fs::write(path, &whole).unwrap();
    }
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));

    let (a, b, aside) = (place("a"), place("b"), directory.path().join("aside"));
    for (from, to) in [(&a, &aside), (&b, &a), (&aside, &b)] {
        fs::rename(from, to).unwrap();
    }
    for name in ["a", "b"] {
        assert!(matches!(store.load(&tag(name)), Err(BundleError::Damaged { .. })));
    }
    assert!(store.tags().unwrap().iter().all(|tag| tag.state == TagState::Damaged));
}

#[test]
fn a_damaged_capture_is_listed_as_such_and_stops_no_other() {
    for end in ["current", "manifest", "job"] {
        let (_directory, store) = store();
        for name in ["sent", "damaged", "idle"] {
            store.save(&tag(name), &capture(1)).unwrap();
        }
        for name in ["sent", "damaged"] {
            let submission = store.submission(&tag(name)).unwrap();
            submission.set_job(&job(JobStage::Final)).unwrap();
        }
        let path = file_of(&store, &tag("damaged"), end);
        let names_it = |error: BundleError| match error {
            BundleError::Damaged { path: named, .. } => assert_eq!(named, path),
            other => panic!("{end}: {other}"),
        };
        fs::write(&path, b"{").unwrap();

        let tags = store.tags().unwrap();
        assert_eq!(tags.len(), 3);
        // The tag's name was in the pointer and nowhere else.
        let directory = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let listed = if end == "current" { directory } else { "damaged" };
        assert_eq!((tags[0].tag.as_str(), tags[0].state), (listed, TagState::Damaged));
        assert_eq!((tags[0].images, tags[0].verdict, &tags[0].created), (0, None, &None));
        assert_eq!(store.idle_tags().unwrap(), [tag("idle")]);
        assert_eq!(store.clear_submitted().unwrap(), 1);
        if end != "job" {
            names_it(store.load(&tag("damaged")).unwrap_err());
        }
        let submitted = store.submission(&tag("damaged")).and_then(|submission| {
            submission.job()?;
            submission.capture()
        });
        names_it(submitted.unwrap_err());

        store.replace(&tag("damaged"), &capture(2)).unwrap();
        assert_eq!(store.load(&tag("damaged")).unwrap(), capture(2));
        assert_eq!(store.idle_tags().unwrap().len(), 2);
        store.submission(&tag("damaged")).unwrap().set_job(&job(JobStage::Final)).unwrap();
        fs::write(file_of(&store, &tag("damaged"), end), b"{").unwrap();
        store.clear(&tag("damaged")).unwrap();
        assert_eq!(store.tags().unwrap().len(), 1);
    }
}

#[test]
fn a_capture_that_lost_its_name_is_cleared_by_the_name_that_is_listed() {
    let (_directory, store) = store();
    store.save(&tag("Visit 7"), &capture(1)).unwrap();
    let directory = file_of(&store, &tag("Visit 7"), "current").parent().unwrap().to_owned();
    let own_name = directory.file_name().unwrap().to_str().unwrap();
    // As long as it is whole, its directory's name is just another tag.
    assert!(matches!(store.clear(&tag(own_name)), Err(BundleError::NoSuchTag { .. })));

    let path = directory.join("current");
    fs::write(&path, b"").unwrap();
    let listed = store.tags().unwrap().remove(0).tag;
    assert_eq!(listed.as_str(), own_name);
    for known_as in [&listed, &tag("Visit 7")] {
        let error = store.load(known_as).unwrap_err();
        assert!(matches!(&error, BundleError::Damaged { path: named, .. } if *named == path));
    }
    store.clear(&listed).unwrap();
    assert!(store.tags().unwrap().is_empty());
}

#[test]
fn a_job_can_be_forgotten() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    let submission = store.submission(&tag("a")).unwrap();
    submission.forget_job().unwrap();
    submission.set_job(&job(JobStage::Prepared)).unwrap();
    submission.forget_job().unwrap();
    assert_eq!(submission.job().unwrap(), None);
    assert_eq!(store.idle_tags().unwrap(), [tag("a")]);
    store.replace(&tag("a"), &capture(2)).unwrap();
    assert!(matches!(submission.forget_job(), Err(BundleError::Replaced { .. })));
}

#[test]
fn a_capture_is_submitted_by_one_at_a_time() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    let first = store.submission(&tag("a")).unwrap();
    assert!(matches!(store.submission(&tag("a")), Err(BundleError::Busy { .. })));
    drop(first);
    store.submission(&tag("a")).unwrap();
}

#[test]
fn a_job_is_never_recorded_with_another_capture() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    let submission = store.submission(&tag("a")).unwrap();
    assert_eq!(submission.capture().unwrap(), capture(1));
    store.replace(&tag("a"), &capture(2)).unwrap();
    let refused = submission.set_job(&job(JobStage::Uploaded));
    assert!(matches!(refused, Err(BundleError::Replaced { .. })));
    assert!(matches!(submission.capture(), Err(BundleError::Replaced { .. })));
    assert_eq!(store.job(&tag("a")).unwrap(), None);
    // The new capture can be submitted while the old submission still lives.
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    store.clear(&tag("a")).unwrap();
    assert!(matches!(submission.job(), Err(BundleError::Replaced { .. })));
}

#[test]
fn a_record_that_could_not_be_read_back_is_not_saved() {
    let (_directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    let mut broken = capture(2);
    broken.record.shots.push(liveface_core::ShotRecord {
        kind: liveface_core::ShotKind::Selfie,
        index: 0,
        t_ms: 0,
        challenge: None,
        pose: Default::default(),
        smile: f32::NAN,
        eye_openness: 0.5,
        similarity: None,
        pad_live: None,
        quality: Default::default(),
    });
    assert!(matches!(store.replace(&tag("a"), &broken), Err(BundleError::Json { .. })));
    assert_eq!(store.load(&tag("a")).unwrap(), capture(1));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, store) = store();
    store.save(&tag("a"), &capture(1)).unwrap();
    store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
    fn check(path: &Path) {
        let metadata = fs::metadata(path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
        if metadata.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| check(&entry.unwrap().path()));
        }
    }
    check(&directory.path().join("a"));
}

#[test]
fn debug_output_of_a_job_names_nobody() {
    let shown = format!("{:?}", job(JobStage::Prepared));
    assert!(shown.contains("Prepared"));
    for private in ["user-0001", "job-0001", "2345", "ORD-9", "583", "geolocation"] {
        assert!(!shown.contains(private), "{shown}");
    }
}

#[test]
fn threads_that_save_load_and_clear_one_tag_never_see_half_of_anything() {
    let (_directory, store) = store();
    let captures: Vec<_> = (0..4).map(capture).collect();
    std::thread::scope(|scope| {
        for start in 0..2 {
            let (store, captures) = (&store, &captures);
            scope.spawn(move || {
                for round in 0..15 {
                    store.replace(&tag("a"), &captures[(start + round) % 4]).unwrap();
                }
            });
            scope.spawn(move || {
                for _ in 0..40 {
                    match store.load(&tag("a")) {
                        Ok(found) => assert!(captures.contains(&found)),
                        Err(BundleError::NoSuchTag { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                    store.tags().unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..10 {
                match store.clear(&tag("a")) {
                    Ok(()) | Err(BundleError::NoSuchTag { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_tag_keeps_its_capture_inside_the_store_and_apart_from_others(
        names in proptest::collection::btree_set(
            prop_oneof![
                Just("..".to_owned()), Just(".".to_owned()), Just("../../x".to_owned()),
                Just("/etc/passwd".to_owned()), Just("CON".to_owned()), Just("nul.txt".to_owned()),
                Just("a".to_owned()), Just("A".to_owned()), Just("a.".to_owned()),
                Just("é".to_owned()), Just("e\u{301}".to_owned()), Just("C:\\x".to_owned()),
                Just(".lock".to_owned()), Just("x".repeat(128)), "\\PC{1,20}",
            ],
            1..5,
        )
    ) {
        let (directory, store) = store();
        let tags: Vec<_> = names.iter().filter_map(|name| Tag::new(name).ok()).collect();
        for (number, tag) in tags.iter().enumerate() {
            store.save(tag, &capture(number as u64)).unwrap();
        }
        for (number, tag) in tags.iter().enumerate() {
            prop_assert_eq!(store.load(tag).unwrap(), capture(number as u64));
        }
        let mut listed: Vec<_> = store.tags().unwrap().into_iter().map(|t| t.tag).collect();
        listed.sort();
        prop_assert_eq!(listed, tags);
        let outside = fs::read_dir(directory.path()).unwrap().count()
            + fs::read_dir(directory.path().join("a")).unwrap().count();
        prop_assert_eq!(outside, 2);
    }
}
