//! Captures that must not end live: two faces, a picture that stands still, another person, and
//! recordings that cannot be played. None of them touches what the tag holds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Ended, Place, clip, fixture, standing};

/// Plays the recording in the folder `path`; it must not end live and nothing is kept.
fn refused(place: &Place, path: &str, fps: &str) -> Ended {
    let arguments = ["capture", "--json", "--replay", path, "--fps", fps, "--tag", "mine"];
    let ended = place.run(arguments);
    let verdict = ended.verdict();
    assert_ne!(verdict["verdict"], "live");
    // Some recordings are made of the same clip more than once.
    let is_loop = reasons(&ended).contains(&"looped_frames".to_owned());
    assert_eq!(verdict["verdict"] == "attack", is_loop);
    let ended = ended.expect(if is_loop { 4 } else { 3 });
    assert_eq!((&verdict["tag"], &verdict["images"]), (&Value::Null, &json!([])));
    assert_eq!(place.tags(), []);
    ended
}

fn reasons(ended: &Ended) -> Vec<String> {
    let verdict = ended.verdict();
    verdict["reasons"].as_array().unwrap().iter().map(support::text).collect()
}

#[test]
fn two_faces_are_not_captured() {
    let place = Place::new();
    let path = place.recording("two", standing(&fixture("stills/two.jpg"), 10));
    let ended = refused(&place, &path, "10");
    assert!(reasons(&ended).contains(&"multiple_faces".to_owned()), "{}", ended.stdout);
    assert_eq!(ended.events("shot"), [] as [Value; 0]);
    assert_eq!(ended.events("guidance")[0]["guidance"], "only_one_face");
}

#[test]
fn a_second_face_ends_a_capture_that_has_begun() {
    let place = Place::new();
    // The person alone for two pictures; then the other one is there for longer than allowed.
    let alone = clip("clips-f1/idle");
    let both = standing(&fixture("stills/two.jpg"), 50);
    let path = place.recording("joined", alone.into_iter().chain(both));
    let ended = refused(&place, &path, "15");
    assert!(!ended.events("shot").is_empty(), "{}", ended.stdout);
    let restart = &ended.events("restart")[0];
    assert_eq!(support::keys(restart), ["event", "reason", "t_ms"]);
    assert!(["multiple_faces", "person_changed"].contains(&restart["reason"].as_str().unwrap()));
}

#[test]
fn a_picture_that_stands_still_is_not_a_camera() {
    let place = Place::new();
    let still = clip("clips-f1/idle").remove(0);
    let path = place.recording("frozen", std::iter::repeat_n(still, 20));
    let ended = refused(&place, &path, "15");
    assert!(reasons(&ended).contains(&"frozen_frames".to_owned()), "{}", ended.stdout);
    assert_eq!(ended.events("shot"), [] as [Value; 0]);
}

#[test]
fn a_camera_that_freezes_loses_what_was_taken() {
    let place = Place::new();
    let mut frames = clip("clips-f1/idle");
    let last = frames.last().unwrap().clone();
    frames.extend(std::iter::repeat_n(last, 12));
    let path = place.recording("freezing", frames);
    let ended = refused(&place, &path, "15");
    assert!(!ended.events("shot").is_empty(), "{}", ended.stdout);
    assert_eq!(ended.events("restart")[0]["reason"], "frozen_frames");
}

#[test]
fn another_person_in_the_middle_of_a_capture_is_noticed() {
    let place = Place::new();
    let people = ["clips-f1", "clips-m1", "clips-m2"];
    for first in people {
        for second in people.into_iter().filter(|second| *second != first) {
            let clips = [first, second, second].map(|person| clip(&format!("{person}/idle")));
            let path = place.recording(&format!("{first}-{second}"), clips.concat());
            let ended = refused(&place, &path, "15");
            let restarts = ended.events("restart");
            assert_eq!(restarts[0]["reason"], "person_changed", "{path}: {}", ended.stdout);
            // What was taken of the first person does not count any more.
            let noted = &ended.verdict()["evidence"]["restarts"];
            assert_eq!(noted.as_array().unwrap().len(), restarts.len());
        }
    }
}

#[test]
fn a_helper_who_smiles_for_somebody_else_is_noticed() {
    let place = Place::new();
    let people = ["clips-f1", "clips-m1", "clips-m2"];
    for first in people {
        for second in people.into_iter().filter(|second| *second != first) {
            let actions = ["idle", "idle"].map(|action| clip(&format!("{first}/{action}")));
            let smiles = [(); 3].map(|()| clip(&format!("{second}/smile")));
            let frames = [actions.concat(), smiles.concat(), clip(&format!("{first}/idle"))];
            let path = place.recording(&format!("{first}-{second}"), frames.concat());
            let ended = refused(&place, &path, "15");
            let restarts = ended.events("restart");
            assert!(
                restarts.iter().any(|restart| restart["reason"] == "person_changed"),
                "{path}: {}",
                ended.stdout
            );
        }
    }
}

#[test]
fn a_recording_that_ends_early_says_what_was_missing() {
    let place = Place::new();
    let ended = refused(&place, "fixtures/sequence-m1", "15");
    assert_eq!(reasons(&ended), ["frames_ended", "guidance_not_followed"]);
    let path = place.recording("nobody", standing(&fixture("stills/noface.jpg"), 5));
    assert_eq!(reasons(&refused(&place, &path, "15")), ["frames_ended", "face_lost"]);
}

#[test]
fn time_runs_out_by_the_frames_own_clock() {
    let place = Place::new();
    // Frames of 4 minutes, looked at in an instant: the clock of the wall plays no part.
    let path = place.recording("slow", clip("clips-f1/idle"));
    let ended = refused(&place, &path, "0.05");
    assert_eq!(ended.verdict()["verdict"], "timed_out");
    assert_eq!(reasons(&ended)[0], "time_used_up");
}

#[test]
fn a_broken_recording_is_named_and_an_earlier_capture_stays_as_it_was() {
    let place = Place::new();
    place.capture("clips-m2", "1", "mine").expect(0);
    let (shown, zip) = (place.show("mine"), place.bundle("mine"));
    let good = clip("clips-f1/idle");
    let broken = |frame: usize, bytes: Vec<u8>| {
        let mut frames = good.clone();
        frames[frame].0 = bytes;
        frames
    };
    let half = good[6].0[..good[6].0.len() / 2].to_vec();
    let cases = [
        ("half", broken(6, half), "006.jpg"),
        ("nothing", broken(7, Vec::new()), "007.jpg"),
        ("text", broken(5, b"no image".to_vec()), "005.jpg"),
    ];
    for (name, frames, file) in cases {
        let path = place.recording(name, frames);
        let replay = ["capture", "--json", "--replay", &path, "--tag", "mine", "--replace"];
        let ended = place.run(replay).expect(2);
        assert!(ended.stderr.contains(&format!("{path}/{file}")), "{}", ended.stderr);
        assert_eq!(ended.events("verdict"), [] as [Value; 0]);
    }

    // The same in a clip that is played late, when pictures were taken already.
    let subject = place.path("subject");
    for action in ["idle", "smile"] {
        fs::create_dir_all(subject.join(action)).unwrap();
        for (index, (bytes, _)) in clip(&format!("clips-f1/{action}")).into_iter().enumerate() {
            fs::write(subject.join(action).join(format!("{index:03}.jpg")), bytes).unwrap();
        }
    }
    fs::write(subject.join("smile/009.jpg"), "no image").unwrap();
    let subject = subject.to_str().unwrap();
    let capture = ["capture", "--json", "--subject", subject, "--tag", "mine", "--replace"];
    let ended = place.run(capture).expect(2);
    assert!(ended.stderr.contains("smile/009.jpg"), "{}", ended.stderr);
    assert!(!ended.events("shot").is_empty());

    assert_eq!(place.show("mine"), shown);
    assert_eq!(place.bundle("mine"), zip);
}

#[test]
fn a_refused_attempt_leaves_an_earlier_capture_as_it_was() {
    let place = Place::new();
    place.capture("clips-f1", "1", "mine").expect(0);
    let before = place.show("mine");
    let replay = ["capture", "--replay", "fixtures/sequence-m1", "--tag", "mine", "--replace"];
    assert!(place.run(replay).expect(3).stdout.contains("Nothing was kept."));
    assert_eq!(place.show("mine"), before);
}

#[test]
fn timestamps_that_make_no_sense_are_refused_with_their_line() {
    let place = Place::new();
    let path = place.recording("clocked", clip("clips-f1/idle"));
    let table = |times: &[u32]| {
        let rows = times.iter().enumerate().map(|(frame, ms)| format!("{frame},{ms}\n"));
        let text = format!("frame,timestamp_ms\n{}", rows.collect::<String>());
        fs::write(place.path("clocked/frames.csv"), text).unwrap();
    };
    let replay = ["capture", "--replay", &path];
    table(&[0, 66, 133, 120, 200, 266, 333, 400, 466, 533, 600, 666]);
    place.run(replay).refused(2, &["frames.csv, line 5", "must increase"]);
    table(&[0, 66]);
    place.run(replay).refused(2, &["has 2 rows", "has 12 frames"]);
}
