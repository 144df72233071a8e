//! What the pixels of the rendered people and of the attacks on them say of paper and screens.

#![allow(clippy::unwrap_used)]

mod clips;
mod support;

use clips::{SUBJECTS, clip};
use liveface_core::{Instrument, Point2, Timestamp, policy};
use liveface_vision::{InstrumentWatch, Tracker, Vision};
use support::{fixtures, frame, picture, vision};

/// What the tracker's watch saw in the pictures of a folder, at 15 frames a second.
fn watch(vision: &mut Vision, folder: &str) -> Vec<Instrument> {
    let count = std::fs::read_dir(fixtures().join(folder))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "jpg"))
        .count();
    let limits = policy::SurroundingsLimits::default();
    let mut tracker = Tracker::new(policy::Tracking::default())
        .watching(limits, policy::TextureLimits::default());
    (0..count)
        .filter_map(|index| {
            let picture = picture(&format!("{folder}/{index:03}.jpg"));
            let at = Timestamp::from_millis(index as u64 * 67);
            tracker.observe(vision, &frame(&picture).at(at)).unwrap().instrument
        })
        .collect()
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

/// How far the face moved by itself over how far its surroundings carried it, of looks one after another that
/// carried it by a quarter of its width; the least of any.
fn least_own(seen: &[Instrument], face_width: f32) -> f32 {
    let motions: Vec<_> = seen.iter().map(|seen| seen.following.map(|f| f.motion)).collect();
    motions
        .windows(4)
        .filter_map(|window| {
            let window: Option<Vec<_>> = window.iter().copied().collect();
            let sums = window?.iter().fold((0.0, 0.0), |(own, carried), motion| {
                (own + motion.own, carried + motion.carried.distance(Point2::default()))
            });
            (sums.1 >= 0.25 * face_width).then_some(sums.0 / sums.1)
        })
        .fold(f32::INFINITY, f32::min)
}

#[test]
fn screens_show_a_pattern_and_live_people_and_prints_do_not() {
    let mut vision = vision();
    let mut strength = |folder: &str| {
        let seen = watch(&mut vision, folder);
        assert!(seen.len() >= 3, "{folder}: looked at {} times", seen.len());
        median(seen.iter().map(|seen| seen.pattern.unwrap()))
    };
    let limits = policy::TextureLimits::default();
    for folder in ["attack-m1-replay", "attack-m1-replayclose"] {
        let strength = strength(folder);
        assert!(strength > limits.attack_pattern, "{folder}: {strength}");
    }
    for (subject, kind) in [("f1", "bezel"), ("f1", "closeup"), ("m1", "bezel"), ("m1", "closeup")]
    {
        for name in ["idle", "smile", "turn_left"] {
            let folder = format!("attack-clips-{subject}-replay-{kind}/{name}");
            let strength = strength(&folder);
            assert!(strength > limits.attack_pattern, "{folder}: {strength}");
        }
    }
    for subject in SUBJECTS {
        for name in ["idle", "smile", "turn_left"] {
            let folder = format!("clips-{subject}/{name}");
            let strength = strength(&folder);
            assert!(strength < limits.unclear_pattern, "{folder}: {strength}");
        }
    }
    for folder in ["attack-m1-print", "attack-m1-printclose"] {
        let strength = strength(folder);
        assert!(strength < limits.unclear_pattern, "{folder}: {strength}");
    }
}

#[test]
fn a_border_is_found_and_moves_as_paper_and_screen_do() {
    let mut vision = vision();
    let limits = policy::SurroundingsLimits::default();
    for (folder, clip) in [
        ("attack-m1-print", None),
        ("attack-m1-cutout", None),
        ("attack-m1-replay", None),
        ("attack-clips-f1-replay-bezel", Some("idle")),
        ("attack-clips-m1-replay-bezel", Some("smile")),
    ] {
        let seen =
            watch(&mut vision, &clip.map_or(folder.into(), |clip| format!("{folder}/{clip}")));
        for seen in &seen {
            let border = seen.border.unwrap();
            assert!(border.strength >= limits.min_border, "{folder}: {border:?}");
        }
        // Each corner moves as the paper's or the screen's does.
        let truth = corners(folder, clip);
        let mut compared = 0;
        for (look, pair) in seen.windows(2).enumerate() {
            let [Some(before), Some(now)] = [pair[0].border, pair[1].border] else { continue };
            if now.motion.is_none() {
                continue;
            }
            let (from, to) = (truth[look * 3], truth[look * 3 + 3]);
            for i in 0..4 {
                let by = |from: Point2, to: Point2| Point2::new(to.x - from.x, to.y - from.y);
                let (seen, true_one) = (by(before.corners[i], now.corners[i]), by(from[i], to[i]));
                assert!(
                    seen.distance(true_one) < 6.0,
                    "{folder}, look {look}: {seen:?}, {true_one:?}"
                );
            }
            compared += 1;
        }
        assert!(compared >= 1, "{folder}");
    }
}

/// The corners of paper or screen in each frame, as rendered.
fn corners(folder: &str, clip: Option<&str>) -> Vec<[Point2; 4]> {
    let text = std::fs::read_to_string(fixtures().join(folder).join("truth.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| names.iter().position(|n| *n == name).unwrap();
    lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|fields| clip.is_none_or(|clip| fields[0] == clip))
        .map(|fields| {
            std::array::from_fn(|i| {
                let number = |axis| fields[column(&format!("c{i}{axis}"))].parse().unwrap();
                Point2::new(number("x"), number("y"))
            })
        })
        .collect()
}

#[test]
fn what_is_beside_a_printed_face_carries_it_and_what_is_behind_a_live_one_does_not() {
    let mut vision = vision();
    let limits = policy::SurroundingsLimits::default();
    for (folder, face_width) in
        [("attack-m1-print", 135.0), ("attack-m1-cutout", 137.0), ("attack-m1-printclose", 227.0)]
    {
        let own = least_own(&watch(&mut vision, folder), face_width);
        assert!(own < limits.attack_own, "{folder}: {own}");
    }
    for subject in SUBJECTS {
        for (name, frames) in [("look_up", 14), ("smile", 14), ("idle", 12)] {
            assert_eq!(clip(subject, name).len(), frames);
            let folder = format!("clips-{subject}/{name}");
            let seen = watch(&mut vision, &folder);
            assert!(seen.iter().filter(|seen| seen.following.is_some()).count() >= 2, "{folder}");
            for motion in seen.iter().filter_map(|seen| seen.following).map(|f| f.motion) {
                assert!(motion.carried.distance(Point2::default()) < 1.0, "{folder}: {motion:?}");
                assert!(motion.carried_growth.abs() < 0.005, "{folder}: {motion:?}");
            }
        }
    }
}

#[test]
fn a_photographed_live_person_shows_neither_pattern_nor_border() {
    let mut vision = vision();
    let picture = picture("stills/astronaut.png");
    let frame = frame(&picture);
    let face = vision.faces(&frame, &policy::Tracking::default()).unwrap().remove(0);
    let mut watch = InstrumentWatch::default();
    let limits = policy::TextureLimits::default();
    let seen = watch.still(&frame, &face, &limits);
    assert!(seen.pattern.unwrap() < limits.unclear_pattern, "{seen:?}");
    let least = policy::SurroundingsLimits::default().min_border;
    assert!(seen.border.is_none_or(|border| border.strength < least), "{seen:?}");
    // A picture of its own is compared with none before.
    assert_eq!(watch.still(&frame, &face, &limits), seen);
    assert_eq!(seen.following, None);
}
