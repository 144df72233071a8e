//! The fixture stills give what their names say: each one, held before the camera, gets its own
//! guidance and no picture is taken; the good ones are captured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::sync::OnceLock;
use std::time::Duration;

use liveface::{Engine, Event, Frame, Guidance, Policy, ShotKind};
use serde_json::Value;
use support::{Place, fixture, with_noise};

/// Frames a second, and how many of them: long enough to hold still and for a picture.
const FPS: u64 = 15;
const FRAMES: u64 = 14;

fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::load(&Default::default()).unwrap()).clone()
}

/// What happens when `fixtures/{path}` is held before the camera.
fn hold(path: &str) -> Vec<Event> {
    let picture = image::load_from_memory(&fixture(path)).unwrap().to_rgb8();
    let (width, height) = picture.dimensions();
    let mut session = engine().session(Policy::default(), 1).unwrap();
    let mut events = Vec::new();
    for index in 0..FRAMES {
        let pixels = with_noise(picture.clone(), index).into_raw();
        let at = Duration::from_millis(index * 1000 / FPS);
        events.extend(session.push(&Frame::rgb(width, height, &pixels, at).unwrap()).unwrap());
    }
    events
}

fn guidance(events: &[Event]) -> Vec<Guidance> {
    let shown = events.iter().filter_map(|event| match event {
        Event::Guidance { guidance, .. } => Some(*guidance),
        _ => None,
    });
    shown.collect()
}

#[test]
fn each_flawed_still_gets_its_own_guidance_and_is_never_taken() {
    let expected = [
        ("dark04", Guidance::MoreLight),
        ("dark12", Guidance::MoreLight),
        ("bright4", Guidance::LessLight),
        ("near", Guidance::MoveBack),
        ("far", Guidance::MoveCloser),
        ("offc", Guidance::CentreFace),
        ("yaw45", Guidance::LookStraight),
        ("yaw60", Guidance::LookStraight),
        ("pitchup", Guidance::LookStraight),
        ("pitchdn", Guidance::LookStraight),
        ("roll30", Guidance::LookStraight),
        ("occl_mask", Guidance::UncoverFace),
        ("occl_hand", Guidance::UncoverFace),
        ("occl_sunglasses", Guidance::UncoverFace),
        ("occl_halfframe", Guidance::UncoverFace),
        ("noface", Guidance::FindFace),
        ("two", Guidance::OnlyOneFace),
    ];
    let mut wrong = Vec::new();
    for (still, guidance_of_it) in expected {
        let events = hold(&format!("stills/{still}.jpg"));
        let shown = guidance(&events);
        if shown.first() != Some(&guidance_of_it) {
            wrong.push(format!("{still}: {shown:?}, {guidance_of_it:?} expected"));
        }
        if events.iter().any(|event| matches!(event, Event::Shot { .. })) {
            wrong.push(format!("{still}: a picture was taken: {events:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_good_portrait_is_held_and_captured() {
    let good = [
        "stills/m2_portrait.jpg",
        "clips-f1/idle/000.jpg",
        "clips-m1/idle/000.jpg",
        "clips-m2/idle/000.jpg",
    ];
    for path in good {
        let events = hold(path);
        assert_eq!(guidance(&events), [Guidance::HoldStill, Guidance::Capturing], "{path}");
        let first = events.iter().find(|event| matches!(event, Event::Shot { .. }));
        let Some(Event::Shot { kind, index, challenge, .. }) = first else {
            panic!("{path}: {events:?}");
        };
        assert_eq!((*kind, *index, *challenge), (ShotKind::Liveness, 0, None), "{path}");
    }
}

#[test]
fn a_smile_before_it_is_asked_for_must_be_relaxed() {
    let events = hold("stills/m2_portrait_smile.jpg");
    assert_eq!(guidance(&events)[0], Guidance::RelaxFace);
}

#[test]
fn analyze_finds_as_many_faces_as_there_are() {
    let place = Place::new();
    for (still, count) in [("two.jpg", 2), ("noface.jpg", 0), ("astronaut.png", 1), ("far.jpg", 1)]
    {
        let path = format!("fixtures/stills/{still}");
        let faces: Value =
            place.run(["analyze", "--json", &path]).expect(0).json()["faces"].clone();
        assert_eq!(faces.as_array().unwrap().len(), count, "{still}: {faces}");
    }
}

#[test]
fn analyze_measures_the_poses_that_the_stills_were_made_with() {
    let place = Place::new();
    let degrees = |still: &str, name: &str| {
        let path = format!("fixtures/stills/{still}.jpg");
        let line = place.run(["analyze", "--json", &path]).expect(0).json();
        line["faces"][0][name].as_f64().unwrap()
    };
    let near = |measured: f64, truth: f64| {
        assert!((measured - truth).abs() < 8.0, "{measured} for {truth} degrees");
    };
    near(degrees("yaw45", "yaw_degrees"), 45.0);
    near(degrees("roll30", "roll_degrees"), 30.0);
    // Pitch has an offset of the face's own.
    near(degrees("pitchup", "pitch_degrees") - degrees("pitchdn", "pitch_degrees"), 50.0);
}
