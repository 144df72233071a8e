//! Following the rendered people through their clips, against the truth that they were rendered
//! with.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use liveface_core::{Face, Observation, Timestamp, policy};
use liveface_vision::{Tracker, Vision};
use support::{frame, picture, vision};

const SUBJECTS: [&str; 3] = ["f1", "m1", "m2"];

/// Column by name of each frame of a clip.
fn truth(subject: &str, clip: &str) -> Vec<HashMap<String, f32>> {
    let path = support::fixtures().join(format!("clips-{subject}/truth.csv"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|fields| fields[0] == clip)
        .map(|fields| {
            let numbers = names.iter().zip(&fields).skip(1);
            numbers.map(|(name, value)| ((*name).to_owned(), value.parse().unwrap())).collect()
        })
        .collect()
}

/// The one face of each frame of a clip, followed from its first frame.
fn follow(vision: &mut Vision, subject: &str, clip: &str) -> Vec<Face> {
    let mut tracker = Tracker::new(policy::Tracking::default());
    (0..truth(subject, clip).len())
        .map(|index| {
            let picture = picture(&format!("clips-{subject}/{clip}/{index:03}.jpg"));
            let at = Timestamp::from_millis(index as u64 * 67);
            let seen = tracker.observe(vision, &frame(&picture).at(at)).unwrap();
            assert_eq!(seen.face_count, 1, "{subject} {clip} {index}");
            seen.faces.into_iter().next().unwrap()
        })
        .collect()
}

#[test]
fn a_turning_head_is_one_track_and_its_pose_is_the_true_one() {
    let mut vision = vision();
    for subject in SUBJECTS {
        for clip in ["turn_left", "turn_right", "look_up", "smile"] {
            let faces = follow(&mut vision, subject, clip);
            let truth = truth(subject, clip);
            assert!(faces.iter().all(|face| face.track == faces[0].track));
            let neutral = faces[0].pose;
            for (index, (face, truth)) in faces.iter().zip(&truth).enumerate() {
                let at = format!("{subject} {clip} {index}: {:?}", face.pose);
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
        for (face, truth) in
            follow(&mut vision, subject, "blink").iter().zip(truth(subject, "blink"))
        {
            let openness = face.expression.eye_openness.min();
            match truth["eye_closed"] {
                closed if closed > 0.9 => assert!(openness < 0.1, "{subject} {openness}"),
                closed if closed < 0.1 => assert!(openness > 0.9, "{subject} {openness}"),
                _ => {}
            }
        }
        for (face, truth) in
            follow(&mut vision, subject, "smile").iter().zip(truth(subject, "smile"))
        {
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
    let interval = limits.redetect_every_frames as usize;
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
        tracker.observe(&mut vision, &frame(picture).at(at)).unwrap()
    };
    assert!((0..10).all(|index| see(&alone, index).face_count == 1));
    let noticed = (10..10 + interval).map(|index| see(&two, index)).position(|o| o.face_count == 2);
    assert!(noticed.is_some());
    // While two are there every frame is looked at, so the first frame without is noticed too.
    assert_eq!(see(&two, 30).face_count, 2);
    assert_eq!(see(&alone, 31).face_count, 1);
}

#[test]
fn a_lost_face_comes_back_as_a_new_track() {
    let mut vision = vision();
    let mut tracker = Tracker::new(policy::Tracking::default());
    let (person, nobody) = (picture("clips-f1/idle/000.jpg"), picture("stills/noface.jpg"));
    let mut see =
        |picture: &image::RgbImage| tracker.observe(&mut vision, &frame(picture)).unwrap();
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
