//! Heads and prints that turn, seen by the real models: what the landmarks alone say of them.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use image::{Rgb, RgbImage};
use liveface_core::{EvidenceKind, Finding, Frame, Policy, Reason, Timestamp};
use liveface_liveness::Witnesses;
use liveface_vision::{ModelFiles, ModelSource, Runtime, Tracker, Vision};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn vision() -> Vision {
    let files = ModelFiles::read(&ModelSource::Folder(folder("models"))).unwrap();
    Vision::load(&Runtime::load(None).unwrap(), &files).unwrap()
}

fn picture(path: &str) -> RgbImage {
    image::open(folder("fixtures").join(path)).unwrap().to_rgb8()
}

/// The pictures of a folder of the fixtures, in their order.
fn recording(path: &str) -> impl Iterator<Item = RgbImage> {
    let mut names: Vec<_> = (std::fs::read_dir(folder("fixtures").join(path)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{path}");
    names.into_iter().map(|name| image::open(name).unwrap().to_rgb8())
}

/// What shape and eyes say of frames that follow one another at 15 a second.
fn findings(vision: &mut Vision, frames: impl IntoIterator<Item = RgbImage>) -> [Finding; 2] {
    let policy = Policy::default();
    let (mut tracker, mut witnesses) =
        (Tracker::new(policy.tracking.clone()), Witnesses::default());
    for (index, picture) in frames.into_iter().enumerate() {
        let at = Timestamp::from_millis(index as u64 * 67);
        let frame = Frame::rgb(picture.width(), picture.height(), picture.as_raw(), at).unwrap();
        let seen = tracker.observe(vision, &frame).unwrap();
        witnesses.see(seen, index as u64 * 67, &policy);
    }
    let found = witnesses.findings(&policy);
    [EvidenceKind::Shape, EvidenceKind::Eyes]
        .map(|kind| *found.iter().find(|finding| finding.evidence == kind).unwrap())
}

/// A print of a face in the hand: 20 cm wide, 27 cm before the camera, turned by yaw and pitch (degrees) and bent
/// about its vertical middle by `bend` (radians from edge to edge).
fn print(face: &RgbImage, yaw: f64, pitch: f64, bend: f64) -> RgbImage {
    let (focal_length, width, distance) = (515.6, 0.20, 0.27);
    let ((sin_yaw, cos_yaw), (sin_pitch, cos_pitch)) =
        (yaw.to_radians().sin_cos(), pitch.to_radians().sin_cos());
    // From the camera's axes (x to image right, y down, z away) to the print's.
    let into = |[x, y, z]: [f64; 3]| {
        let (x, z) = (x * cos_yaw - z * sin_yaw, x * sin_yaw + z * cos_yaw);
        [x, y * cos_pitch + z * sin_pitch, z * cos_pitch - y * sin_pitch]
    };
    let eye = into([0.0, 0.0, -distance]);
    RgbImage::from_fn(640, 480, |column, row| {
        let pixel = |value: u32, middle: f64| (f64::from(value) - middle) / focal_length;
        let ray = into([pixel(column, 319.5), pixel(row, 239.5), 1.0]);
        // Where the ray meets the print, and the place there, in metres from the middle along the paper.
        let along = |t: f64, axis: usize| eye[axis] + t * ray[axis];
        let (across, down) = if bend == 0.0 {
            let t = -eye[2] / ray[2];
            (along(t, 0), along(t, 1))
        } else {
            // A cylinder whose axis is behind the print.
            let radius = width / bend;
            let (z, square) = (eye[2] - radius, ray[0] * ray[0] + ray[2] * ray[2]);
            let half = eye[0] * ray[0] + z * ray[2];
            let root = half * half - square * (eye[0] * eye[0] + z * z - radius * radius);
            let t = (-half - root.sqrt()) / square;
            (radius * along(t, 0).atan2(radius - along(t, 2)), along(t, 1))
        };
        let scale = f64::from(face.width()) / width;
        let x = (across * scale + f64::from(face.width()) / 2.0).floor();
        let y = (down * scale + f64::from(face.height()) / 2.0).floor();
        let on_paper = (0.0..f64::from(face.width())).contains(&x)
            && (0.0..f64::from(face.height())).contains(&y);
        if on_paper { *face.get_pixel(x as u32, y as u32) } else { Rgb([128, 132, 126]) }
    })
}

#[test]
fn heads_that_turn_are_solid_and_none_is_flat() {
    let mut vision = vision();
    for subject in ["f1", "m1", "m2"] {
        for clip in ["turn_left", "turn_right", "look_up", "idle", "smile", "blink", "approach"] {
            let path = format!("clips-{subject}/{clip}");
            let [shape, eyes] = findings(&mut vision, recording(&path));
            let least = match clip {
                "turn_left" | "turn_right" => 0.8,
                "look_up" => 0.53,
                _ => 0.5,
            };
            assert!(shape.score.is_some_and(|score| score >= least), "{path}: {shape:?}");
            assert_eq!((shape.reason, eyes.reason), (None, None), "{path}");
            assert_eq!(
                eyes.score.is_some_and(|score| score > 0.6),
                clip == "blink",
                "{path}: {eyes:?}"
            );
        }
    }
    // Nor is a replayed head flat: other evidence is for it.
    for path in ["sequence-f1", "sequence-m1", "attack-m1-replay", "attack-m1-replayclose"] {
        let [shape, eyes] = findings(&mut vision, recording(path));
        assert!(shape.score.is_some_and(|score| score > 0.8), "{path}: {shape:?}");
        assert!(eyes.score.is_some_and(|score| score > 0.6), "{path}: {eyes:?}");
    }
}

#[test]
fn prints_that_turn_are_flat() {
    let mut vision = vision();
    let astronaut =
        image::imageops::crop_imm(&picture("stills/astronaut.png"), 60, 0, 340, 300).to_image();
    let rendered = |subject: &str| {
        let picture = picture(&format!("clips-{subject}/idle/000.jpg"));
        image::imageops::crop_imm(&picture, 130, 60, 380, 400).to_image()
    };
    let turns = [
        (35.0, 0.0, 0.0),
        (-35.0, 0.0, 0.0),
        (0.0, 35.0, 0.0),
        (0.0, -35.0, 0.0),
        (35.0, 0.0, 0.8),
        (-35.0, 0.0, 0.8),
        (0.0, 35.0, 0.8),
    ];
    for (name, face) in [
        ("astronaut", astronaut),
        ("f1", rendered("f1")),
        ("m1", rendered("m1")),
        ("m2", rendered("m2")),
    ] {
        for (yaw, pitch, bend) in turns {
            // Held, turned in half a second, held.
            let frames = (0..18).map(|i| {
                let part = ((f64::from(i) - 4.0) / 7.0).clamp(0.0, 1.0);
                // A hand is never still.
                let sway = 0.8 * (f64::from(i) * 0.9).sin();
                print(&face, part * yaw + sway, part * pitch - sway, bend)
            });
            let [shape, _] = findings(&mut vision, frames);
            let at = format!("{name} {yaw} {pitch} {bend}: {shape:?}");
            assert_eq!(shape.reason, Some(Reason::FlatPicture), "{at}");
            assert!(shape.score.is_some_and(|score| score < 0.4), "{at}");
        }
    }
}

#[test]
fn eyes_behind_a_cut_out_are_told_from_those_of_a_face() {
    let mut vision = vision();
    let [_, eyes] = findings(&mut vision, recording("attack-m1-cutout"));
    assert_eq!(eyes.reason, Some(Reason::CutOutEyes));
    assert!(eyes.score.is_some_and(|score| score < 0.2), "{eyes:?}");
    for path in ["attack-m1-print", "attack-m1-printbent", "attack-m1-printclose"] {
        let [shape, eyes] = findings(&mut vision, recording(path));
        // They hardly turn, and their eyes never move: neither says anything within a second.
        assert_eq!((shape.score, eyes.score), (Some(0.5), Some(0.5)), "{path}");
    }
}
