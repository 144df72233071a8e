//! Following the rendered people through their clips, against the truth that they were rendered
//! with.

#![allow(clippy::unwrap_used)]

mod clips;
mod support;

use clips::{ClipFrame, SUBJECTS, clip};
use liveface_core::{Face, Observation, Timestamp, policy};
use liveface_vision::{Tracker, Vision};
use support::{frame, picture, vision};

/// The one face of each frame of a clip, followed from its first frame.
fn follow(vision: &mut Vision, subject: &str, name: &str) -> Vec<Face> {
    let mut tracker = Tracker::new(policy::Tracking::default());
    clip(subject, name)
        .iter()
        .enumerate()
        .map(|(index, ClipFrame { path, .. })| {
            let picture = picture(path);
            let at = Timestamp::from_millis(index as u64 * 67);
            let seen = tracker.observe(vision, &frame(&picture).at(at)).unwrap();
            assert_eq!(seen.face_count, 1, "{path}");
            seen.faces[0].clone()
        })
        .collect()
}

#[test]
fn a_turning_head_is_one_track_and_its_pose_is_the_true_one() {
    let mut vision = vision();
    for subject in SUBJECTS {
        for name in ["turn_left", "turn_right", "look_up", "smile"] {
            let faces = follow(&mut vision, subject, name);
            assert!(faces.iter().all(|face| face.track == faces[0].track));
            let neutral = faces[0].pose;
            for (face, ClipFrame { path, truth }) in faces.iter().zip(clip(subject, name)) {
                let at = format!("{path}: {:?}", face.pose);
                // What a crop shows lies between the turn of the head and the turn against the
                // line of sight.
                let (turn, sight) = (truth["yaw_degrees"], truth["los_yaw_degrees"]);
                let yaw = face.pose.yaw_degrees;
                assert!(yaw > turn.min(sight) - 6.0 && yaw < turn.max(sight) + 6.0, "{at}");
                // The mesh has a neutral pitch of its own.
                let lifted = face.pose.pitch_degrees - neutral.pitch_degrees;
                assert!((lifted - truth["pitch_degrees"]).abs() < 9.0, "{at}");
                assert!((face.pose.roll_degrees - truth["roll_degrees"]).abs() < 3.0, "{at}");
            }
        }
    }
}

#[test]
fn blinks_and_smiles_are_seen_when_they_happen() {
    let mut vision = vision();
    for subject in SUBJECTS {
        let blinks = follow(&mut vision, subject, "blink");
        for (face, ClipFrame { truth, .. }) in blinks.iter().zip(clip(subject, "blink")) {
            let openness = face.expression.eye_openness.min();
            match truth["eye_closed"] {
                closed if closed > 0.9 => assert!(openness < 0.1, "{subject} {openness}"),
                closed if closed < 0.1 => assert!(openness > 0.9, "{subject} {openness}"),
                _ => {}
            }
        }
        let smiles = follow(&mut vision, subject, "smile");
        for (face, ClipFrame { truth, .. }) in smiles.iter().zip(clip(subject, "smile")) {
            let smile = face.expression.smile;
            match truth["smile"] {
                full if full > 0.9 => assert!(smile > 0.9, "{subject} {smile}"),
                none if none < 0.1 => assert!(smile < 0.5, "{subject} {smile}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_second_face_is_noticed_while_the_first_is_followed() {
    let mut vision = vision();
    let limits = policy::Tracking::default();
    let interval = (limits.redetect_every_ms / 67) as usize + 1;
    let mut tracker = Tracker::new(limits);
    let two = picture("stills/two.jpg");
    // Cover the second person with a piece of wall, then take the cover away.
    let mut alone = two.clone();
    for (x, y, pixel) in alone.enumerate_pixels_mut() {
        if x > 330 && y > 280 {
            *pixel = image::Rgb([150, 130, 135]);
        }
    }
    let mut see = |picture: &image::RgbImage, index: usize| -> Observation {
        let at = Timestamp::from_millis(index as u64 * 67);
        tracker.observe(&mut vision, &frame(picture).at(at)).unwrap().clone()
    };
    assert!((0..10).all(|index| see(&alone, index).face_count == 1));
    let noticed = (10..10 + interval).map(|index| see(&two, index)).position(|o| o.face_count == 2);
    assert!(noticed.is_some());
    // While two are there every frame is looked at, so the first frame without is noticed too.
    assert_eq!(see(&two, 10 + interval).face_count, 2);
    assert_eq!(see(&alone, 11 + interval).face_count, 1);
}

#[test]
fn a_lost_face_comes_back_as_a_new_track() {
    let mut vision = vision();
    let mut tracker = Tracker::new(policy::Tracking::default());
    let (person, nobody) = (picture("clips-f1/idle/000.jpg"), picture("stills/noface.jpg"));
    let mut see =
        |picture: &image::RgbImage| tracker.observe(&mut vision, &frame(picture)).unwrap().clone();
    let first = see(&person).faces[0].track;
    assert_eq!(see(&person).faces[0].track, first);
    let gone = see(&nobody);
    assert!(gone.faces.is_empty() && gone.face_count == 0);
    assert_ne!(see(&person).faces[0].track, first);
}

#[test]
fn rotated_and_mirrored_frames_show_the_same_face() {
    use liveface_core::Rotation;
    let mut vision = vision();
    let limits = policy::Tracking::default();
    let upright = picture("stills/yaw45.jpg");
    let expected = vision.faces(&frame(&upright), &limits).unwrap().remove(0);
    let turned = [
        (image::imageops::rotate270(&upright), Rotation::Clockwise90, false),
        (image::imageops::rotate180(&upright), Rotation::Half, false),
        (image::imageops::rotate90(&upright), Rotation::Clockwise270, false),
        (image::imageops::flip_horizontal(&upright), Rotation::None, true),
    ];
    for (stored, rotation, mirrored) in turned {
        let seen =
            vision.faces(&frame(&stored).rotated(rotation).mirrored(mirrored), &limits).unwrap();
        assert_eq!(seen.len(), 1, "{rotation:?}");
        let worst = seen[0]
            .landmarks
            .points()
            .iter()
            .zip(expected.landmarks.points())
            .map(|(a, b)| a.xy().distance(b.xy()))
            .fold(0.0, f32::max);
        assert!(worst < 0.01, "{rotation:?} mirrored {mirrored}: {worst} px");
    }
}

/// The head of a rendered person, cut out of a clip.
fn head(subject: &str, clip: &str, index: usize) -> image::RgbImage {
    let whole = picture(&format!("clips-{subject}/{clip}/{index:03}.jpg"));
    image::imageops::crop_imm(&whole, 225, 110, 190, 250).to_image()
}

/// An empty room with heads in it: each at the middle (x, y) and of the given size, the last in front.
fn room(heads: &[(&image::RgbImage, f32, f32, f32)]) -> image::RgbImage {
    let mut room = picture("stills/noface.jpg");
    for (head, x, y, scale) in heads {
        let size = [head.width(), head.height()].map(|side| (side as f32 * scale).round() as u32);
        let filter = image::imageops::FilterType::Triangle;
        let head = image::imageops::resize(*head, size[0], size[1], filter);
        let at = [x - size[0] as f32 / 2.0, y - size[1] as f32 / 2.0].map(|edge| edge as i64);
        image::imageops::replace(&mut room, &head, at[0], at[1]);
    }
    room
}

/// A tracker that looks at one picture after the other, 15 a second.
struct Watcher {
    vision: Vision,
    tracker: Tracker,
    frames: u64,
}

impl Watcher {
    fn new(limits: policy::Tracking) -> Self {
        Self { vision: vision(), tracker: Tracker::new(limits), frames: 0 }
    }

    fn see(&mut self, picture: &image::RgbImage) -> Observation {
        let at = Timestamp::from_millis(self.frames * 67);
        self.frames += 1;
        self.tracker.observe(&mut self.vision, &frame(picture).at(at)).unwrap().clone()
    }
}

/// The tracks in order, the subject's first.
fn tracks(seen: &Observation) -> Vec<u32> {
    seen.faces.iter().map(|face| face.track).collect()
}

#[test]
fn two_people_have_a_track_each() {
    let mut watcher = Watcher::new(policy::Tracking::default());
    let two = picture("stills/two.jpg");
    let first = watcher.see(&two);
    assert_eq!((first.faces.len(), first.face_count), (2, 2));
    assert!(first.faces[0].bounds.area() >= first.faces[1].bounds.area());
    for _ in 0..20 {
        let seen = watcher.see(&two);
        assert_eq!(tracks(&seen), tracks(&first));
        for (face, before) in seen.faces.iter().zip(&first.faces) {
            assert!(face.bounds.intersection_over_union(before.bounds) > 0.8);
        }
    }
}

#[test]
fn more_faces_than_are_followed_are_counted() {
    let limits = policy::Tracking { max_faces: 1, ..policy::Tracking::default() };
    let mut watcher = Watcher::new(limits);
    let two = picture("stills/two.jpg");
    for _ in 0..10 {
        let seen = watcher.see(&two);
        assert_eq!((seen.faces.len(), seen.face_count), (1, 2));
    }
}

#[test]
fn bystanders_are_neither_followed_nor_counted() {
    let (near, far) = (head("f1", "idle", 0), head("m1", "idle", 0));
    let both = room(&[(&near, 180.0, 250.0, 1.2), (&far, 480.0, 250.0, 0.6)]);
    for (bystander_area, faces) in [(0.1, 2), (0.4, 1)] {
        let limits = policy::Tracking { bystander_area, ..policy::Tracking::default() };
        let mut watcher = Watcher::new(limits);
        for _ in 0..10 {
            let seen = watcher.see(&both);
            assert_eq!((seen.faces.len(), seen.face_count), (faces, faces), "{bystander_area}");
        }
    }
}

#[test]
fn the_subject_stays_the_subject_and_then_the_largest_takes_its_place() {
    let mut watcher = Watcher::new(policy::Tracking::default());
    let [subject, other] =
        ["f1", "m1"].map(|s| (0..12).map(|i| head(s, "idle", i)).collect::<Vec<_>>());
    // The other one comes near until the subject's face is the smaller one.
    let mut ids = Vec::new();
    for step in 0..24 {
        let scale = 0.7 + step as f32 * 0.03;
        let index = step % 12;
        let seen = watcher.see(&room(&[
            (&subject[index], 160.0, 250.0, 1.0),
            (&other[index], 470.0, 250.0, scale),
        ]));
        assert_eq!(seen.face_count, 2, "step {step}");
        let now = tracks(&seen);
        if step == 0 {
            ids.clone_from(&now);
        }
        assert_eq!(now, ids, "step {step}");
        let larger = seen.faces[1].bounds.area() > seen.faces[0].bounds.area();
        assert!(if step < 6 { !larger } else { step < 14 || larger }, "step {step}");
    }
    // The subject leaves; the other keeps its track and becomes the subject.
    for (step, other) in other.iter().enumerate() {
        let seen = watcher.see(&room(&[(other, 470.0, 250.0, 1.3)]));
        assert_eq!((tracks(&seen), seen.face_count), (vec![ids[1]], 1), "step {step}");
    }
    // Whoever comes back is somebody new.
    let back = (0..20).map(|step| {
        watcher.see(&room(&[
            (&subject[step % 12], 160.0, 250.0, 1.0),
            (&other[step % 12], 470.0, 250.0, 1.3),
        ]))
    });
    let back: Vec<Vec<u32>> = back.map(|seen| tracks(&seen)).collect();
    let end = back.last().unwrap();
    assert_eq!((end.len(), end[0]), (2, ids[1]));
    assert!(!ids.contains(&end[1]));
}

#[test]
fn a_face_that_leaves_and_returns_has_a_new_track() {
    let mut watcher = Watcher::new(policy::Tracking::default());
    let person = head("m2", "idle", 0);
    let (empty, there) = (room(&[]), room(&[(&person, 320.0, 250.0, 1.2)]));
    let mut last = None;
    for _ in 0..3 {
        for _ in 0..5 {
            let seen = watcher.see(&there);
            assert_eq!(seen.faces.len(), 1);
            assert!(last.is_none_or(|last| seen.faces[0].track > last));
        }
        last = tracks(&watcher.see(&there)).first().copied();
        let nobody = watcher.see(&empty);
        assert!(nobody.faces.is_empty() && nobody.face_count == 0);
    }
}

#[test]
fn faces_that_cross_do_not_swap_their_tracks() {
    let mut kept = 0;
    for (front, behind) in [("f1", "m1"), ("m1", "f1")] {
        for (near, far) in [(1.05, 0.95), (0.95, 1.05)] {
            let mut watcher = Watcher::new(policy::Tracking::default());
            let (front, behind) = (head(front, "idle", 0), head(behind, "idle", 0));
            let (mut at_first, mut at_last) = ([None; 2], [None; 2]);
            let mut fewest = usize::MAX;
            for step in 0..=40 {
                let x = 130.0 + step as f32 * 9.5;
                let seen = watcher
                    .see(&room(&[(&behind, 640.0 - x, 240.0, far), (&front, x, 250.0, near)]));
                for (index, face) in seen.faces.iter().enumerate() {
                    for other in &seen.faces[index + 1..] {
                        let overlap = face.bounds.intersection_over_union(other.bounds);
                        assert!(overlap <= 0.5 && face.track != other.track, "step {step}");
                    }
                }
                fewest = fewest.min(seen.faces.len());
                let apart = (640.0 - 2.0 * x).abs() > 200.0;
                if !apart {
                    continue;
                }
                at_last = [x, 640.0 - x].map(|x| {
                    let here = |face: &&Face| (face.bounds.centre().x - x).abs() < 40.0;
                    seen.faces.iter().find(here).map(|face| face.track)
                });
                assert!(at_last[0].is_some(), "step {step}");
                if x < 320.0 {
                    at_first = if step == 0 { at_last } else { at_first };
                    assert_eq!(at_last, at_first, "step {step}");
                } else {
                    // Either keeps its track or has a new one, never the other's.
                    assert_ne!(at_last[0], at_first[1], "step {step}");
                    assert_ne!(at_last[1], at_first[0], "step {step}");
                }
            }
            assert_eq!(fewest, 1, "they never crossed");
            assert!(at_last[1].is_some());
            kept += usize::from(at_last[0] == at_first[0]);
        }
    }
    // A mesh that spread over both faces gives up its track.
    assert!(kept >= 3, "the face in front kept its track {kept} times of 4");
}

#[test]
fn the_detector_does_not_look_twice_at_one_frame() {
    let mut watcher = Watcher::new(policy::Tracking::default());
    let (one, two) = (picture("clips-f1/idle/000.jpg"), picture("stills/two.jpg"));
    // It ran on the first frame; another picture under its name shows whether it runs again.
    assert_eq!(watcher.see(&one).face_count, 1);
    let Watcher { tracker, vision, .. } = &mut watcher;
    assert_eq!(tracker.count_faces(vision, &frame(&two)).unwrap(), 1);
    // The second frame was only followed, so that it must run.
    assert_eq!(watcher.see(&one).face_count, 1);
    let Watcher { tracker, vision, .. } = &mut watcher;
    assert!(tracker.count_faces(vision, &frame(&two)).unwrap() > 1);
}

/// Where `values`, one a frame, first cross `level`, in frames.
fn crossing(values: &[f32], level: f32) -> f32 {
    let crosses = |pair: &[f32]| (pair[0] < level) != (pair[1] < level);
    let index = values.windows(2).position(crosses).unwrap();
    index as f32 + (level - values[index]) / (values[index + 1] - values[index])
}

#[test]
fn smoothing_delays_no_smile_turn_or_blink_by_a_frame() {
    type Value = fn(&liveface_core::Measured) -> f32;
    let smile: Value = |seen| seen.expression.smile;
    let openness: Value = |seen| seen.expression.eye_openness.min();
    let yaw: Value = |seen| seen.pose.yaw_degrees;
    let mut vision = vision();
    let mut worst = 0.0f32;
    for subject in SUBJECTS {
        for (clip, value, levels) in [
            ("smile", smile, [0.5, 0.8]),
            ("blink", openness, [0.5, 0.3]),
            ("turn_left", yaw, [5.0, 15.0]),
            ("turn_right", yaw, [-5.0, -15.0]),
        ] {
            let faces = follow(&mut vision, subject, clip);
            let raw: Vec<f32> = faces.iter().map(|face| value(&face.raw)).collect();
            let smooth: Vec<f32> = faces
                .iter()
                .map(|face| {
                    let (pose, expression) = (face.pose, face.expression);
                    value(&liveface_core::Measured { pose, expression, ..face.raw })
                })
                .collect();
            assert_ne!(raw, smooth, "{subject} {clip} is not smoothed");
            for level in levels {
                let late = crossing(&smooth, level) - crossing(&raw, level);
                worst = worst.max(late);
                assert!(late < 0.25, "{subject} {clip} {level}: {late} frames");
            }
        }
    }
    println!("largest delay: {} ms", worst * 67.0);
}

/// Noise of about a normal distribution of mean 0 and deviation 1, the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        let sum: f32 = (0..4)
            .map(|_| {
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (self.0 >> 40) as f32 / (1u64 << 24) as f32
            })
            .sum();
        (sum - 2.0) * 3.0f32.sqrt()
    }
}

fn deviation(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / values.len() as f32).sqrt()
}

#[test]
fn a_still_head_gives_still_numbers() {
    let mut noise = Noise(1);
    let mut ratios = Vec::new();
    for subject in SUBJECTS {
        let still = picture(&format!("clips-{subject}/idle/000.jpg"));
        let mut watcher = Watcher::new(policy::Tracking::default());
        let faces: Vec<Face> = (0..60)
            .map(|_| {
                // A sensor's noise in good light: 4 levels of 255.
                let mut taken = still.clone();
                for byte in taken.iter_mut() {
                    *byte = (f32::from(*byte) + 4.0 * noise.next()).round().clamp(0.0, 255.0) as u8;
                }
                watcher.see(&taken).faces[0].clone()
            })
            .skip(15)
            .collect();
        for (angle, of) in [
            ("yaw", (|pose| pose.yaw_degrees) as fn(liveface_core::Pose) -> f32),
            ("pitch", |pose| pose.pitch_degrees),
            ("roll", |pose| pose.roll_degrees),
        ] {
            let raw = deviation(&faces.iter().map(|face| of(face.raw.pose)).collect::<Vec<_>>());
            let smooth = deviation(&faces.iter().map(|face| of(face.pose)).collect::<Vec<_>>());
            println!("{subject} {angle}: {raw:.3} degrees, smoothed {smooth:.3}");
            assert!(raw > 0.01 && smooth < 0.7 * raw, "{subject} {angle}: {raw} {smooth}");
            ratios.push(smooth / raw);
        }
    }
    let mean = ratios.iter().sum::<f32>() / ratios.len() as f32;
    println!("mean ratio {mean:.2}");
    assert!(mean < 0.5, "{ratios:?}");
}

#[test]
fn the_true_lens_brings_turned_heads_nearer_to_the_line_of_sight() {
    // What the clips were rendered with, at a width of 640.
    const FOCAL_LENGTH_PX: f32 = 515.6;
    let mut vision = vision();
    let limits = policy::Tracking::default();
    let mut frames = 0.0;
    // Mean differences in degrees with the default lens and with the true one.
    let (mut axis, mut sight) = ([0.0f32; 2], [0.0f32; 2]);
    for subject in SUBJECTS {
        for name in ["turn_left", "turn_right"] {
            for ClipFrame { path, truth } in clip(subject, name) {
                let picture = picture(&path);
                let default = frame(&picture);
                let known = default.with_focal_length_px(FOCAL_LENGTH_PX).unwrap();
                frames += 1.0;
                for (lens, frame) in [default, known].iter().enumerate() {
                    let yaw = vision.faces(frame, &limits).unwrap()[0].pose.yaw_degrees;
                    axis[lens] += (yaw - truth["yaw_degrees"]).abs();
                    sight[lens] += (yaw - truth["los_yaw_degrees"]).abs();
                }
            }
        }
    }
    let (axis, sight) = (axis.map(|sum| sum / frames), sight.map(|sum| sum / frames));
    println!("yaw against the camera's axis {axis:?}, the line of sight {sight:?}");
    assert!(sight[1] < sight[0] - 0.3, "{sight:?}");
    assert!(axis[1] < 2.5 && axis[0] < 2.0, "{axis:?}");
}
